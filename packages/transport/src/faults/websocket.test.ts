import { describeScenarios } from './testing/describe-scenarios.ts';

describeScenarios('websocket', { seeds: 1000, width: 100 });
