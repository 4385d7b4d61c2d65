export { type ComplianceEnvironment, createPlainEnvironment } from './environment.ts';
export type { BackendFixture } from './rig.ts';
export { describeBackendCompliance } from './suite.ts';
