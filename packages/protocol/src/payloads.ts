import { createCodec, type MessageCodec } from './codec/codec.ts';
import { knownEscapeTypeType, standardAllocationTypeType } from './enums.ts';
import { createStandardAllocationFlagsType } from './flags.ts';
import { structMessage } from './schema/message.ts';
import { bytes, handle, pointer, u32, u64 } from './schema/scalars.ts';
import { struct } from './schema/struct.ts';
import type { StructType } from './schema/types.ts';

/** Structs that travel inside private data: known escapes, and the description of a standard allocation. */

export const translateAllocationHandle = struct('d3dddi_translate_allocation_handle', {
  escapeType: knownEscapeTypeType,
  allocation: handle,
});

export const testCommand = struct(
  'd3dddi_testcommand',
  {
    buffer: bytes(72),
  },
  { packed: true },
);

export const buildTestCommandBuffer = struct('d3dddi_buildtestcommandbuffer', {
  escapeType: knownEscapeTypeType,
  device: handle,
  context: handle,
  flags: u32,
  command: testCommand,
  dmaBuffer: pointer(),
  dmaBufferPrivData: pointer(),
  dmaBufferSize: u32,
  dmaBufferPrivDataSize: u32,
});

export const standardAllocationExistingHeap = struct('d3dkmt_standardallocation_existingheap', {
  size: u64,
});

export const createStandardAllocation = struct('d3dkmt_createstandardallocation', {
  type: standardAllocationTypeType,
  reserved: u32,
  existingHeapData: standardAllocationExistingHeap,
  flags: createStandardAllocationFlagsType,
  reserved1: u32,
});

/** Codecs of the structs that travel inside private data: known escapes and standard allocations. */
export const payloads = {
  /** Escape data with `escapeType` translateAllocationHandle or translateResourceHandle. */
  translateAllocationHandle: payload('TranslateAllocationHandle', translateAllocationHandle),
  /** Escape data with `escapeType` buildTestCommandBuffer, before the two buffers that follow it. */
  buildTestCommandBuffer: payload('BuildTestCommandBuffer', buildTestCommandBuffer),
  /** Driver data of CreateAllocation with the flag standardAllocation. */
  createStandardAllocation: payload('CreateStandardAllocation', createStandardAllocation),
} as const;

function payload<Out, In>(name: string, type: StructType<Out, In>): MessageCodec<Out, In> {
  return createCodec(name, structMessage(type));
}
