import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ops } from '@dxgwire/protocol/stream';
import fc from 'fast-check';
import { FakeKernel } from './fake-kernel.ts';
import { Outbox } from './outbox.ts';
import { StagingHeap } from './staging.ts';
import type { Upload } from './transfer.ts';

const BLOCK_BYTES = 16 * 1024 * 1024;

function makeOutbox(options: { staging?: boolean; limitBytes?: number } = {}) {
  const kernel = new FakeKernel({ staging: options.staging ?? true });
  const heap = new StagingHeap({
    createBlock: (lengthBytes) => kernel.createStagingBlock(lengthBytes),
    limitBytes: options.limitBytes ?? BLOCK_BYTES,
  });
  const outbox = new Outbox(
    {
      submit: (bytes, fence) => kernel.submit(bytes, fence),
      submitFrom: (region, length, fence) => kernel.submitFrom(region, length, fence),
      publish: () => kernel.publish(),
      completed: () => kernel.completed(),
      whenCompleted: (fence, callback) => kernel.whenCompleted(fence, callback),
      schedule: () => {},
      beforeFlush: () => {},
      makeRoom: () => false,
    },
    heap,
  );
  return { kernel, heap, outbox };
}

/** Lets promises that are settled run. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

function bufferUpload(id: number, data: Uint8Array): Upload {
  return {
    data,
    cut: (from, most) => Math.min(most, data.length - from),
    emit: (writer, region, from, length) =>
      ops.writeBufferFrom(writer, id, from, region.gpuVaLow, region.gpuVaHigh, length),
    emitInline: (writer, from, bytes) => ops.writeBuffer(writer, id, from, bytes),
  };
}

test('Outbox sends nothing until something was recorded, and then all of it in one submission', () => {
  const { kernel, outbox } = makeOutbox();
  outbox.flush();
  assert.equal(kernel.submissions.length, 0);
  ops.setDeviceLabel(outbox.writer, 'a');
  ops.setDeviceLabel(outbox.writer, 'b');
  outbox.flush();
  assert.deepEqual(kernel.argumentsOf('setDeviceLabel'), [['a'], ['b']]);
  assert.deepEqual(
    kernel.submissions.map(({ fence }) => fence),
    [1],
  );
});

test('Outbox shows the host a part of much bulk data while it copies the rest, and none of little', async () => {
  const { kernel, heap, outbox } = makeOutbox({ limitBytes: 6 * BLOCK_BYTES });
  await heap.grow(5 * BLOCK_BYTES);
  const data = new Uint8Array(5 << 20);
  const written = (): number => kernel.argumentsOf('writeBufferFrom').length;
  outbox.upload(bufferUpload(1, data), false);
  outbox.upload(bufferUpload(2, data), false);
  assert.deepEqual(kernel.published, []);
  outbox.upload(bufferUpload(3, data), false);
  assert.deepEqual(kernel.published, [1], 'when 8 MiB were copied and more were to be');
  outbox.upload(bufferUpload(4, new Uint8Array(20 << 20)), false);
  assert.deepEqual(kernel.published, [1, 2, 3], 'and not the last piece');
  outbox.flush();
  assert.equal(written(), 6);
  assert.ok(kernel.published.at(-1)! < kernel.submissions.length, 'with the rest behind it');
});

test('Outbox splits a long stream at its records, and puts a long record into staging memory', async () => {
  const { kernel, outbox } = makeOutbox();
  for (let i = 0; i < 20_000; i++) ops.setLabel(outbox.writer, i + 1, 'name');
  outbox.flush();
  assert.ok(kernel.submissions.length > 1);
  const code = 'x'.repeat(300_000);
  // More than the first word of a record can say.
  const long = new Uint8Array(0x40_0000 * 4);
  ops.setDeviceLabel(outbox.writer, 'before');
  ops.setDeviceLabel(outbox.writer, code);
  ops.writeBuffer(outbox.writer, 1, 0, long);
  ops.setDeviceLabel(outbox.writer, 'behind');
  outbox.flush();
  assert.ok(outbox.isBlocked, 'there is no staging memory yet');
  ops.setQueueLabel(outbox.writer, 'last');
  outbox.flush();
  await settle();
  assert.equal(outbox.isBlocked, false);
  assert.deepEqual(
    kernel.argumentsOf('setLabel').map(([id]) => id),
    Array.from({ length: 20_000 }, (_, i) => i + 1),
  );
  assert.deepEqual(kernel.argumentsOf('setDeviceLabel'), [['before'], [code], ['behind']]);
  assert.deepEqual(
    kernel.argumentsOf('writeBuffer').map(([, , bytes]) => (bytes as Uint8Array).length),
    [long.length],
  );
  assert.equal(kernel.records.at(-1)?.op, 'setQueueLabel');
});

test('Outbox keeps a copy of what it cannot send yet', async () => {
  const { kernel, outbox } = makeOutbox();
  const data = new Uint8Array(100_000).fill(1);
  outbox.upload(bufferUpload(1, data), false);
  data.fill(2);
  await settle();
  outbox.flush();
  const [[, , low, high, length]] = kernel.argumentsOf('writeBufferFrom') as [number[]];
  assert.deepEqual(kernel.memoryAt(low!, high!, length!), new Uint8Array(100_000).fill(1));
});

test('Outbox sends bulk data in the stream when there is no staging memory', async () => {
  const { kernel, outbox } = makeOutbox({ staging: false });
  const data = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251);
  outbox.upload(bufferUpload(1, data), false);
  ops.setDeviceLabel(outbox.writer, 'behind');
  outbox.flush();
  await settle();
  const pieces = kernel.argumentsOf('writeBuffer');
  const whole = new Uint8Array(data.length);
  for (const [, offset, bytes] of pieces) whole.set(bytes, offset);
  assert.deepEqual(whole, data);
  assert.equal(kernel.records.at(-1)?.op, 'setDeviceLabel');
  let given: unknown = 'not asked';
  outbox.download({
    lengthBytes: 1000,
    emit: (_writer, region) => {
      given = region;
    },
  });
  assert.equal(given, null);
});

test('Outbox calls back after what was recorded before, also when that was held back', async () => {
  const { kernel, outbox } = makeOutbox();
  const seen: number[] = [];
  outbox.upload(bufferUpload(1, new Uint8Array(100_000)), false);
  outbox.afterSubmission(() => seen.push(kernel.argumentsOf('writeBufferFrom').length));
  outbox.flush();
  assert.deepEqual(seen, []);
  await settle();
  assert.deepEqual(seen, [1]);
});

/** What a GPU does with the records, one submission at a time, whenever the test says so. */
class LazyGpu {
  readonly buffers = new Map<number, Uint8Array>();
  readonly order: number[] = [];
  private readonly kernel: FakeKernel;
  private executed = 0;
  private record = 0;

  constructor(kernel: FakeKernel) {
    this.kernel = kernel;
  }

  /** Executes one more submission, reading staging memory as it is now. */
  step(perSubmission: readonly number[]): boolean {
    const count = perSubmission[this.executed];
    if (count === undefined) return false;
    for (let i = 0; i < count; i++) this.execute();
    this.executed += 1;
    this.kernel.complete(this.executed);
    return true;
  }

  private execute(): void {
    const { op, args } = this.kernel.records[this.record]!;
    this.record += 1;
    if (op === 'writeBufferFrom') {
      const [id, offset, low, high, length] = args as [number, number, number, number, number];
      this.buffers.get(id)!.set(this.kernel.memoryAt(low, high, length), offset);
    } else if (op === 'queueSubmit') {
      this.order.push(args[0][0]);
    }
  }
}

test('Outbox never reuses staging memory too early and never changes the order', async () => {
  const command = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ upload: fc.integer({ min: 1, max: 1_700_000 }), seed: fc.nat(255) }),
    },
    { weight: 2, arbitrary: fc.constant({ mark: true }) },
    { weight: 2, arbitrary: fc.record({ execute: fc.integer({ min: 1, max: 4 }) }) },
    { weight: 1, arbitrary: fc.constant({ turn: true }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 40 }), async (commands) => {
      const { kernel, outbox } = makeOutbox();
      const gpu = new LazyGpu(kernel);
      const counts: number[] = [];
      const expected = new Map<number, Uint8Array>();
      const marks: number[] = [];
      const count = (): void => {
        while (counts.length < kernel.submissions.length) counts.push(0);
        const sum = counts.reduce((total, value) => total + value, 0);
        if (counts.length > 0) counts[counts.length - 1] = counts.at(-1)! + kernel.records.length - sum;
      };
      const submit = kernel.submit.bind(kernel);
      kernel.submit = (bytes, fence) => {
        submit(bytes, fence);
        count();
      };
      for (const [step, action] of commands.entries()) {
        if ('upload' in action) {
          const data = new Uint8Array(action.upload * 4).fill(action.seed);
          expected.set(step, data.slice());
          gpu.buffers.set(step, new Uint8Array(data.length));
          outbox.upload(bufferUpload(step, data), false);
          data.fill(0);
        } else if ('mark' in action) {
          marks.push(step);
          ops.queueSubmit(outbox.writer, [step]);
          outbox.flush();
        } else if ('execute' in action) {
          for (let i = 0; i < action.execute; i++) gpu.step(counts);
        } else {
          await settle();
        }
      }
      outbox.flush();
      await settle();
      while (gpu.step(counts)) await settle();
      assert.equal(outbox.isBlocked, false);
      assert.deepEqual(gpu.order, marks);
      for (const [id, data] of expected) assert.deepEqual(gpu.buffers.get(id), data, `buffer ${id}`);
    }),
    { numRuns: 25 },
  );
});

test('Outbox gives its host no more than 16 MiB at a time, and the rest in order as that ends', async () => {
  const { kernel, outbox } = makeOutbox();
  const sentBytes = (): number =>
    kernel.submissions.reduce((sum, { lengthBytes }) => sum + lengthBytes + 1024, 0);
  const name = 'x'.repeat(4000);
  const count = 10_000;
  for (let i = 0; i < count; i++) {
    ops.setLabel(outbox.writer, i + 1, name);
    if (i % 5 === 0) outbox.flush();
  }
  let isLast = false;
  outbox.afterSubmission(() => {
    isLast = true;
  });
  outbox.flush();
  const limit = 16 << 20;
  assert.ok(outbox.isBlocked);
  assert.equal(isLast, false);
  assert.ok(sentBytes() >= limit && sentBytes() < limit + 131_072, `${sentBytes()} bytes ahead`);
  let before = 0;
  while (outbox.isBlocked) {
    const all = sentBytes();
    assert.ok(all - before <= limit + 512 * 1024, `${all - before} bytes ahead`);
    // Ends about half of what is under way.
    const half = kernel.submissions.at(-1)!.fence - 60;
    before = kernel.submissions
      .filter(({ fence }) => fence <= half)
      .reduce((sum, each) => sum + each.lengthBytes + 1024, 0);
    kernel.complete(half);
    await settle();
  }
  assert.equal(isLast, true);
  assert.deepEqual(
    kernel.argumentsOf('setLabel').map(([id]) => id),
    Array.from({ length: count }, (_, i) => i + 1),
  );
});
