import assert from 'node:assert/strict';
import { test } from 'node:test';
import { returns } from '@dxgwire/protocol/stream';
import { GPUBufferUsage, GPUMapMode } from './constants.ts';
import { type FakeDevice, makeFakeDevice } from './fake-device.ts';

const { MAP_READ, MAP_WRITE, COPY_DST, COPY_SRC, STORAGE } = GPUBufferUsage;
const SIZE = 1 << 17;
const MEBIBYTE = 1 << 20;

function makeLendingDevice(): FakeDevice {
  return makeFakeDevice({ lending: true });
}

/** Makes a buffer that is mapped at its creation in staging memory: the first one only brings that about. */
async function createLent(fake: FakeDevice, size = SIZE): Promise<GPUBuffer> {
  const make = () => fake.device.createBuffer({ size, usage: STORAGE, mappedAtCreation: true });
  make();
  await fake.turn();
  return make();
}

/** What of a buffer the host gets to read, in order: where each piece begins, its length, its first byte. */
function piecesSent(fake: FakeDevice): number[][] {
  return fake.kernel.records.flatMap(({ op, args }) => {
    if (op === 'writeMapped') return [[args[1], args[2].length, args[2][0]]];
    if (op !== 'writeMappedFrom') return [];
    const [, offset, low, high, length] = args;
    return [[offset, length, fake.kernel.memoryAt(low, high, length)[0]]];
  });
}

async function map(fake: FakeDevice, buffer: GPUBuffer, mode: number): Promise<void> {
  const mapping = buffer.mapAsync(mode);
  await fake.turn();
  const [requestId] = fake.kernel.argumentsOf('mapAsync').at(-1)!;
  fake.kernel.answer((writer) => returns.mapResult(writer, requestId, 'success', ''));
  await mapping;
}

test('what is written into a lent range is sent from where it lies, which is free when the host has read it', async () => {
  const fake = makeLendingDevice();
  const buffer = await createLent(fake);
  const [large, small] = [buffer.getMappedRange(0, 65_536), buffer.getMappedRange(65_536, 8)];
  const middle = buffer.getMappedRange(65_544, 20_000);
  for (const [index, range] of [large, small, middle].entries()) {
    assert.ok(new Uint8Array(range).every((value) => value === 0));
    new Uint8Array(range).fill(index + 1);
  }
  buffer.unmap();
  assert.deepEqual([large.byteLength, small.byteLength, middle.byteLength], [0, 0, 0]);
  await fake.turn();
  assert.deepEqual(piecesSent(fake), [
    [0, 65_536, 1],
    [65_536, 8, 2],
    [65_544, 20_000, 3],
  ]);
  const takeAll = () => fake.core.heap.allocate(fake.core.heap.totalBytes);
  fake.core.heap.reclaim(fake.kernel.completed());
  assert.equal(takeAll(), null);
  fake.kernel.complete(fake.core.outbox.lastFence);
  fake.core.heap.reclaim(fake.kernel.completed());
  assert.notEqual(takeAll(), null);
  fake.device.destroy();
});

test('a range shows zeros where something else lay before', async () => {
  const fake = makeLendingDevice();
  for (let round = 0; round < 3; round += 1) {
    const buffer = await createLent(fake);
    const range = new Uint8Array(buffer.getMappedRange());
    assert.ok(range.every((value) => value === 0));
    range.fill(7);
    buffer.unmap();
    await fake.turn();
    fake.kernel.complete(fake.core.outbox.lastFence);
  }
  fake.device.destroy();
});

test('a map finds memory beyond the limit where the program reads all that there is, and only then', async () => {
  const fake = makeFakeDevice({ stagingLimitBytes: 16 * MEBIBYTE });
  const size = 8 * MEBIBYTE;
  const make = () => fake.device.createBuffer({ size, usage: MAP_READ | COPY_DST });
  const buffers = [make(), make(), make(), make()];
  await fake.turn();
  const maps = buffers.map((buffer) => buffer.mapAsync(GPUMapMode.READ));
  await fake.turn();
  const asked = () => fake.kernel.argumentsOf('mapAsync').map(([requestId]) => requestId);
  const answer = (requestId: number) =>
    fake.kernel.answer((writer) => returns.mapResult(writer, requestId, 'success', ''));
  const turns = async () => {
    for (let turn = 0; turn < 4; turn += 1) await fake.turn();
  };
  assert.equal(asked().length, 2, 'the one block that there may be is full');
  // Read and given back at once: nothing more is needed.
  void maps[0]!.then(() => buffers[0]!.unmap());
  answer(asked()[0]!);
  await turns();
  assert.equal(asked().length, 3);
  assert.equal(fake.core.heap.totalBytes, 16 * MEBIBYTE);
  // Kept until all are there.
  for (const requestId of asked().slice(1)) answer(requestId);
  await turns();
  assert.equal(asked().length, 4);
  answer(asked()[3]!);
  await Promise.all(maps);
  fake.device.destroy();
});

test('nothing waits for memory that the program has, nor behind what waits for memory', async () => {
  const fake = makeFakeDevice({ lending: true, stagingLimitBytes: 16 * MEBIBYTE });
  // Half of the only block there may be.
  const lent = await createLent(fake, 8 * MEBIBYTE);
  const range = new Uint8Array(lent.getMappedRange());
  range[0] = 5;
  const target = fake.device.createBuffer({ size: 32 * MEBIBYTE, usage: COPY_DST });
  fake.device.queue.writeBuffer(target, 0, new Uint8Array(32 * MEBIBYTE).fill(9));
  assert.ok(fake.core.outbox.isBlocked);
  lent.unmap();
  for (let turn = 0; turn < 20 && fake.core.outbox.isBlocked; turn += 1) {
    fake.kernel.complete(fake.core.outbox.lastFence);
    await fake.turn();
  }
  assert.ok(!fake.core.outbox.isBlocked);
  const order = fake.kernel.records.map(({ op }) => op).filter((op) => op.startsWith('write'));
  assert.ok(order.lastIndexOf('writeBufferFrom') < order.indexOf('writeMappedFrom'), order.join());
  const written = fake.kernel
    .argumentsOf('writeMappedFrom')
    .map(([, offset, , , length]) => [offset, length]);
  assert.deepEqual(written, [[0, 8 * MEBIBYTE]]);
  // A request that needs all of the block, while the program has a part of it, gets memory of its own.
  const again = await createLent(fake, MEBIBYTE);
  again.getMappedRange();
  const read = fake.device.createBuffer({ size: 16 * MEBIBYTE, usage: MAP_READ | COPY_DST });
  await fake.turn();
  const pending = read.mapAsync(GPUMapMode.READ);
  for (let turn = 0; turn < 3; turn += 1) {
    await fake.turn();
    fake.kernel.complete(fake.core.outbox.lastFence);
  }
  assert.equal(fake.kernel.argumentsOf('mapAsync').length, 1);
  fake.kernel.listener?.kernelLost('the test is over');
  await assert.rejects(pending, { name: 'AbortError' });
});

test('a buffer that is mapped for writing keeps its memory until the host is done with it', async () => {
  const fake = makeLendingDevice();
  const buffer = fake.device.createBuffer({ size: SIZE, usage: MAP_WRITE | COPY_SRC });
  const blocks = fake.kernel.blockCount;
  await fake.turn();
  assert.equal(fake.kernel.blockCount, blocks);
  for (let round = 1; round < 4; round += 1) {
    await map(fake, buffer, GPUMapMode.WRITE);
    const range = new Uint8Array(buffer.getMappedRange());
    assert.ok(range.every((value) => value === round - 1));
    range.fill(round);
    buffer.unmap();
  }
  await fake.turn();
  const [first, second] = fake.kernel.argumentsOf('writeMappedFrom');
  assert.deepEqual(first, second);
  buffer.destroy();
  await fake.turn();
  assert.equal(fake.kernel.blockCount, blocks);
  fake.kernel.complete(fake.core.outbox.lastFence);
  assert.equal(fake.kernel.blockCount, blocks - 1);
  fake.device.destroy();
});

test('what a program moves out of a lent range is not sent, and its place is not used again', async () => {
  const fake = makeLendingDevice();
  const buffer = await createLent(fake);
  const range = buffer.getMappedRange();
  structuredClone(range, { transfer: [range] });
  buffer.unmap();
  await fake.turn();
  assert.deepEqual(piecesSent(fake), []);
  fake.kernel.complete(fake.core.outbox.lastFence);
  fake.core.heap.reclaim(fake.kernel.completed());
  assert.equal(fake.core.heap.allocate(fake.core.heap.totalBytes), null);
  fake.device.destroy();
});

test('lent ranges outlive the loss of the device, and end with it when it is destroyed', async () => {
  const fake = makeLendingDevice();
  const lost = await createLent(fake);
  const range = lost.getMappedRange(0, 65_536);
  new Uint8Array(range).fill(3);
  fake.kernel.listener?.kernelLost('gone');
  assert.equal(new Uint8Array(range)[65_535], 3);
  assert.ok(new Uint8Array(lost.getMappedRange(65_536)).every((value) => value === 0));
  lost.unmap();
  assert.equal(range.byteLength, 0);
  const other = makeLendingDevice();
  const destroyed = (await createLent(other)).getMappedRange();
  other.device.destroy();
  assert.equal(destroyed.byteLength, 0);
});

test('maps that the program reads together and that no memory holds at once are copied out, each as it was', async () => {
  const fake = makeFakeDevice({ stagingBlocks: 1, stagingLimitBytes: 64 * MEBIBYTE });
  const size = 8 * MEBIBYTE;
  const buffers = Array.from({ length: 6 }, () =>
    fake.device.createBuffer({ size, usage: MAP_READ | COPY_DST }),
  );
  await fake.turn();
  const maps = buffers.map((buffer) => buffer.mapAsync(GPUMapMode.READ));
  let answered = 0;
  for (let turn = 0; turn < 30; turn += 1) {
    await fake.turn();
    for (const [requestId, , , , , low, high] of fake.kernel.argumentsOf('mapAsync').slice(answered)) {
      answered += 1;
      fake.kernel.memoryAt(low, high, size).fill(answered);
      fake.kernel.answer((writer) => returns.mapResult(writer, requestId, 'success', ''));
    }
  }
  await Promise.all(maps);
  for (const [index, buffer] of buffers.entries()) {
    const bytes = new Uint8Array(buffer.getMappedRange());
    assert.deepEqual([bytes[0], bytes[size - 1]], [index + 1, index + 1]);
    buffer.unmap();
  }
  assert.equal(fake.core.outbox.isBlocked, false);
  assert.ok(fake.core.heap.allocate(fake.core.heap.totalBytes), 'all of it is free again');
  fake.device.destroy();
});
