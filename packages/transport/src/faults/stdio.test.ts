import { describeScenarios } from './testing/describe-scenarios.ts';

describeScenarios('stdio', { seeds: 1000, width: 100 });
