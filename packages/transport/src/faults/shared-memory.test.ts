import { describeScenarios } from './testing/describe-scenarios.ts';

describeScenarios('shared-memory', { seeds: 1000, width: 100 });
