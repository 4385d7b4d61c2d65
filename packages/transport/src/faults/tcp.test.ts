import { describeScenarios } from './testing/describe-scenarios.ts';

describeScenarios('tcp', { seeds: 1000, width: 100 });
