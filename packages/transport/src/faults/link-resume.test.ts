import { describeScenarios } from './testing/describe-scenarios.ts';

describeScenarios('link-resume', { seeds: 1000, width: 1 });
