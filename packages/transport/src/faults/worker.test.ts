import { describeScenarios } from './testing/describe-scenarios.ts';

describeScenarios('worker', { seeds: 1000, width: 100 });
