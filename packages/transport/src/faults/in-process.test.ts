import { describeScenarios } from './testing/describe-scenarios.ts';

describeScenarios('in-process', { seeds: 1000, width: 100 });
