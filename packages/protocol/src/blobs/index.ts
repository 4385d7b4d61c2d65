/** Driver-private data between our WebGPU driver and our backends: what has no fixed layout in dxgkrnl. */
export type { AdapterCaps, AdapterInfo } from './adapter-caps.ts';
export { decodeAdapterCaps, encodeAdapterCaps } from './adapter-caps.ts';
export type { AllocationData } from './allocation-data.ts';
export {
  ALLOCATION_DATA_BYTES,
  AllocationKind,
  decodeAllocationData,
  encodeAllocationData,
} from './allocation-data.ts';
export type { ContextData } from './context-data.ts';
export { decodeContextBlob, encodeContextBlob } from './context-data.ts';
