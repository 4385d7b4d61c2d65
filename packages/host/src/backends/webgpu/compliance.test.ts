import { after } from 'node:test';
import { AllocationKind, encodeAllocationData, encodeContextBlob } from '@dxgwire/protocol/blobs';
import { ops, STREAM_VERSION, StreamWriter } from '@dxgwire/protocol/stream';
import {
  type BackendFixture,
  createPlainEnvironment,
  describeBackendCompliance,
} from '../compliance/index.ts';
import type { Backend } from '../contract.ts';
import { createLocalGPU, createWebgpuBackend } from './index.ts';
import { createPageBackend } from './page/index.ts';

/** A stream as the private data of a submission that has it inline. */
function inline(record: (writer: StreamWriter) => void): Uint8Array {
  const writer = new StreamWriter();
  record(writer);
  const stream = writer.view();
  const data = new Uint8Array(8 + stream.length);
  new DataView(data.buffer).setUint32(4, stream.length, true);
  data.set(stream, 8);
  return data;
}

/** Needs no memory: what it counts in is the workgroup's own, and nobody ever writes the number that ends it. */
const foreverModule = `
var<workgroup> counter: atomic<u32>;
@compute @workgroup_size(1) fn main() {
  loop { if ((atomicAdd(&counter, 2u) & 1u) == 1u) { break; } }
}`;

const hang = inline((writer) => {
  ops.createShaderModule(writer, { id: 1, label: '', code: foreverModule, compilationHints: [] });
  ops.createComputePipeline(writer, { id: 2, label: '', layout: 0, compute: { module: 1, constants: [] } });
  ops.beginCommandEncoder(writer, '');
  ops.beginComputePass(writer, { label: '' });
  ops.setPipeline(writer, 2);
  ops.dispatchWorkgroups(writer, 1, 1, 1);
  ops.endPass(writer);
  ops.finish(writer, 3, '');
  ops.queueSubmit(writer, [3]);
});

/** What is the same wherever Dawn runs. */
const common: Omit<BackendFixture, 'create'> = {
  keepsContents: true,
  // Dawn gives no memory back as long as a buffer or texture lives.
  canEvict: false,
  contextData: encodeContextBlob({ streamVersion: STREAM_VERSION, returnRing: [1, 0], returnFence: 0 }),
  firstWork: inline((writer) =>
    ops.createDevice(writer, {
      requestId: 1,
      label: '',
      queueLabel: '',
      requiredFeatures: ['core-features-and-limits'],
      requiredLimits: [],
    }),
  ),
  work: inline((writer) => {
    ops.beginCommandEncoder(writer, '');
    ops.finish(writer, 9, '');
    ops.queueSubmit(writer, [9]);
  }),
  fault: Uint8Array.of(0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0),
  opaqueAllocation: (lengthBytes) => encodeAllocationData({ lengthBytes, kind: AllocationKind.buffer }),
};

/** Opens a backend once: each test has virtual GPUs of its own, and with them processes of their own. */
function openedOnce(open: () => Promise<Backend>): () => Promise<Backend> {
  let opened: Promise<Backend> | null = null;
  after(async () => (await opened)?.close());
  return async () => {
    opened ??= open();
    const backend = await opened;
    return {
      name: backend.name,
      adapters: backend.adapters,
      openAdapter: (index, environment) => backend.openAdapter(index, environment),
      close: async () => {},
    };
  };
}

for (const kind of ['mapped', 'mirrored'] as const) {
  describeBackendCompliance(`webgpu in GPU processes, ${kind}`, {
    ...common,
    hang,
    create: openedOnce(() => createWebgpuBackend({ vulkan: 'bundled' })),
    createEnvironment: () => createPlainEnvironment(kind),
  });
}

// Work that never ends is the page's to end: there is no process to kill.
describeBackendCompliance('webgpu in the page', {
  ...common,
  create: openedOnce(async () => {
    const { gpu, globals } = await createLocalGPU({ vulkan: 'bundled' });
    Object.assign(globalThis, globals);
    return createPageBackend({ gpu });
  }),
});
