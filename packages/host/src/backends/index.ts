export type {
  AdapterDescription,
  AdapterEnvironment,
  AllocationRequest,
  AllocationResult,
  AllocationStorage,
  AllocationView,
  Backend,
  BackendAdapter,
  BackendAllocation,
  BackendContext,
  BackendDevice,
  BackendLog,
  ContextRequest,
  ContextServices,
  ExecutionResult,
  MemoryRun,
  NodeDescription,
  PageWalk,
  SegmentDescription,
  Submission,
} from './contract.ts';
export { createNullBackend, type NullBackendOptions } from './null/index.ts';
export {
  createReferenceBackend,
  type ReferenceBackend,
  type ReferenceBackendOptions,
  ReferenceEncoder,
} from './reference/index.ts';
