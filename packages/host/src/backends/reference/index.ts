export { commandsInMemory, ReferenceEncoder, ReferenceOperation } from './commands.ts';
export type { ReferenceFrame } from './executor.ts';
export {
  createReferenceBackend,
  REFERENCE_LOCAL_SEGMENT,
  REFERENCE_NON_LOCAL_SEGMENT,
  type ReferenceAdapter,
  type ReferenceBackend,
  type ReferenceBackendOptions,
} from './reference-backend.ts';
