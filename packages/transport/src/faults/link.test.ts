import { describeScenarios } from './testing/describe-scenarios.ts';

describeScenarios('link', { seeds: 1200, width: 1 });
