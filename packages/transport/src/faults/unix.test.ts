import { describeScenarios } from './testing/describe-scenarios.ts';

describeScenarios('unix', { seeds: 1000, width: 100 });
