export { type ComplianceEnvironment, createPlainEnvironment } from './environment.ts';
export { type BackendFixture, describeBackendCompliance } from './suite.ts';
