import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { ops } from '@dxgwire/protocol/stream';
import type { Backend } from '../contract.ts';
import { createWebgpuBackend } from './index.ts';
import { computePipeline, dispatch } from './testing/recipes.ts';
import { Rig } from './testing/rig.ts';

const MAP_READ = 1;
const MAP_WRITE = 2;
const COPY_SRC = 4;
const COPY_DST = 8;
const STORAGE = 0x80;

const touchModule = `
@group(0) @binding(0) var<storage, read_write> values: array<u32>;
@compute @workgroup_size(1) fn main() { values[0] = 1u; }`;

let backend: Backend;

before(async () => {
  backend = await createWebgpuBackend({ vulkan: 'bundled' });
});

after(() => backend.close());

/** Runs `body` on a fresh device. */
async function withRig(body: (rig: Rig) => Promise<void>, shared = true): Promise<void> {
  const rig = await Rig.open(backend, shared);
  try {
    await rig.createDevice();
    await body(rig);
  } finally {
    await rig.close();
  }
}

test('memory that was refused is an out-of-memory error, unless the descriptor is bad', () =>
  withRig(async (rig) => {
    const { writer } = rig;
    const id = rig.id();
    const make = (handle: number, size: number, usage: number) => () =>
      ops.createBuffer(writer, id, handle, 0, size, usage, false, '');
    assert.equal((await rig.scope('out-of-memory', make(0xbad, 16, COPY_DST)))?.type, 'out-of-memory');
    assert.equal((await rig.scope('validation', make(0xbad, 16, COPY_DST)))?.type, undefined);
    await rig.take('uncapturedError', ([type]) => type === 'out-of-memory');
    assert.equal((await rig.scope('validation', make(0, 2 ** 40, COPY_DST)))?.type, 'validation');
    assert.equal((await rig.scope('out-of-memory', make(0, 16, COPY_DST)))?.type, 'out-of-memory');
    assert.equal(
      (await rig.scope('out-of-memory', make(rig.memory(16), 8192, COPY_DST)))?.type,
      'out-of-memory',
    );
    const handle = rig.memory(16);
    assert.equal(await rig.scope('out-of-memory', make(handle, 16, COPY_DST)), null);
    assert.equal((await rig.scope('out-of-memory', make(0xbad, 16, COPY_DST)))?.type, 'out-of-memory');
    const use = await rig.scope('validation', () => ops.writeBuffer(writer, id, 0, new Uint8Array(4)));
    assert.match(use!.message, /nvalid/);
  }));

test('a second buffer in the same memory takes it from the first', () =>
  withRig(async (rig) => {
    const { writer } = rig;
    const [first, second, handle] = [rig.id(), rig.id(), rig.memory(16)];
    for (const id of [first, second])
      ops.createBuffer(writer, id, handle, 0, 16, COPY_DST | MAP_READ, false, '');
    ops.writeBuffer(writer, second, 0, Uint8Array.of(1, 2, 3, 4));
    assert.deepEqual([...(await rig.read(second, 4))], [1, 2, 3, 4]);
    const use = await rig.scope('validation', () => ops.writeBuffer(writer, first, 0, new Uint8Array(4)));
    assert.match(use!.message, /destroyed/);
  }));

test('a buffer too large for Node to map at once is refused without harm', () =>
  withRig(async (rig) => {
    const { writer } = rig;
    const id = rig.id();
    const size = 2 ** 32 + 64;
    const error = await rig.scope('validation', () => {
      ops.createBuffer(writer, id, rig.memory(64), 0, size, COPY_DST, true, '');
      ops.writeMapped(writer, id, 0, new Uint8Array(4));
      ops.unmap(writer, id);
    });
    assert.match(error!.message, /max buffer size/);
    assert.equal(await rig.scope('validation', () => {}), null);
  }));

test('mapping: at creation, for writing, aborted, refused', () =>
  withRig(async (rig) => {
    const { writer } = rig;
    const source = rig.buffer(16, COPY_SRC | MAP_WRITE, true);
    ops.writeMapped(writer, source, 4, Uint8Array.of(1, 2, 3, 4));
    rig.staging.set([9, 8, 7, 6], 100);
    ops.writeMappedFrom(writer, source, 8, rig.stagingAddress + 100, 0, 4);
    ops.unmap(writer, source);
    const target = rig.buffer(16, COPY_DST | MAP_READ);
    const copy = (): void => {
      const commands = rig.id();
      ops.beginCommandEncoder(writer, '');
      ops.copyBufferToBuffer(writer, source, 0, target, 0, undefined);
      ops.finish(writer, commands, '');
      ops.queueSubmit(writer, [commands]);
    };
    copy();
    assert.deepEqual([...(await rig.read(target, 16))], [0, 0, 0, 0, 1, 2, 3, 4, 9, 8, 7, 6, 0, 0, 0, 0]);
    const first = rig.request();
    ops.mapAsync(writer, first, source, 2, 8, 8, rig.stagingAddress, 0);
    await rig.submit();
    assert.equal((await rig.take('mapResult', ([id]) => id === first))[1], 'success');
    assert.deepEqual([...rig.staging.subarray(0, 8)], [9, 8, 7, 6, 0, 0, 0, 0]);
    ops.writeMapped(writer, source, 12, Uint8Array.of(5, 5, 5, 5));
    ops.unmap(writer, source);
    copy();
    assert.deepEqual([...(await rig.read(target, 8, 8))], [9, 8, 7, 6, 5, 5, 5, 5]);
    const [aborted, refused] = [rig.request(), rig.request()];
    ops.mapAsync(writer, aborted, target, 1, 0, 16, rig.stagingAddress, 0);
    ops.unmap(writer, target);
    ops.mapAsync(writer, refused, target, 2, 0, 16, 0, 0);
    await rig.submit();
    assert.equal((await rig.take('mapResult', ([id]) => id === aborted))[1], 'aborted');
    assert.equal((await rig.take('mapResult', ([id]) => id === refused))[1], 'error');
    const outside = await rig.scope('validation', () => {
      const mapped = rig.buffer(16, COPY_SRC | MAP_WRITE, true);
      ops.writeMapped(writer, mapped, 12, new Uint8Array(8));
    });
    assert.match(outside!.message, /outside the mapped range/);
  }));

for (const shared of [true, false]) {
  test(`large ranges are read whole, by ${shared ? 'shared memory' : 'memory that only the host reaches'}`, () =>
    withRig(async (rig) => {
      const { writer } = rig;
      const size = 3 << 20;
      const buffer = rig.buffer(size, MAP_READ | COPY_DST);
      const bytes = Uint8Array.from({ length: size }, (_, index) => index * 5 + (index >>> 10));
      rig.staging.set(bytes);
      ops.writeBufferFrom(writer, buffer, 0, rig.stagingAddress, 0, size);
      await rig.submit();
      for (const [offset, length] of [
        [0, size],
        [8, size - 12],
        [1 << 20, 2 << 20],
      ] as const) {
        rig.staging.fill(0);
        const read = await rig.read(buffer, length, offset);
        assert.ok(
          Buffer.from(read).equals(bytes.subarray(offset, offset + length)),
          `${length} at ${offset}`,
        );
        assert.equal(rig.staging[length] ?? 0, 0);
      }
      assert.deepEqual(rig.returned, []);
    }, shared));
}

test('a guest that takes memory back while bytes are on their way to it disturbs nobody', async () => {
  for (const shared of [true, false]) {
    await withRig(async (rig) => {
      const source = rig.buffer(16, COPY_DST | MAP_READ);
      const request = rig.request();
      ops.mapAsync(rig.writer, request, source, 1, 0, 16, rig.stagingAddress, 0);
      rig.hasTakenBack = true;
      await rig.submit();
      assert.equal((await rig.take('mapResult', ([id]) => id === request))[1], 'success');
      rig.hasTakenBack = false;
      ops.unmap(rig.writer, source);
      assert.deepEqual([...(await rig.read(source, 16))], new Array(16).fill(0));
    }, shared);
  }
});

test('the return ring wraps, and what finds no room waits for the reader', () =>
  withRig(async (rig) => {
    const { writer } = rig;
    const text = 'x'.repeat(1000);
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < 100; index++)
        ops.injectError(writer, 'internal', `${round} ${index} ${text}`);
      await rig.submit();
      for (let index = 0; index < 100; index++) {
        const [, message] = await rig.take('uncapturedError');
        assert.equal(message, `${round} ${index} ${text}`);
        if (rig.returned.length === 0) {
          rig.consume();
          await rig.submit();
        }
      }
    }
  }));

test('malformed streams are faults, unreachable memory is a page fault, and the context lives on', () =>
  withRig(async (rig) => {
    const { writer } = rig;
    const fault = async (words: number[], pattern: RegExp): Promise<void> => {
      const stream = Uint32Array.from([0, words.length * 4, ...words]);
      const result = await rig.submitRaw(new Uint8Array(stream.buffer));
      assert.equal(result.kind, 'fault');
      assert.match(result.message, pattern);
    };
    await fault([0], /record of 0 words/);
    await fault([(2 << 10) | 1000, 0], /unknown opcode 1000/);
    await fault([(2 << 10) | 8, 17], /filter has no value 17/);
    await fault([(3 << 10) | 2, 0, 0], /too long/);
    assert.equal((await rig.submitRaw(new Uint8Array(4))).kind, 'fault');
    assert.equal((await rig.submitRaw(new Uint8Array(8).fill(255))).kind, 'fault');
    const buffer = rig.buffer(16, COPY_DST);
    ops.writeBufferFrom(writer, buffer, 0, 0xdead_0000, 1, 16);
    assert.deepEqual(await rig.submit(), { kind: 'page-fault', address: 0x1_dead_0000n });
    ops.onSubmittedWorkDone(writer, 5);
    assert.deepEqual(await rig.submit(), { kind: 'completed' });
    await rig.take('workDone', ([id]) => id === 5);
  }));

test('a stream may lie in guest memory, and a device is made once and alone', () =>
  withRig(async (rig) => {
    const { writer } = rig;
    const buffer = rig.buffer(16, COPY_SRC | COPY_DST | MAP_READ);
    ops.setLabel(writer, buffer, 'never valid');
    ops.onSubmittedWorkDone(writer, 42);
    rig.staging.set(writer.view(), 4096);
    const { lengthBytes } = writer;
    writer.reset();
    assert.deepEqual(await rig.submitFrom(4096, lengthBytes), { kind: 'completed' });
    await rig.take('workDone', ([id]) => id === 42);
    await rig.take('uncapturedError');
    assert.deepEqual(await rig.submitFrom(0, 7), {
      kind: 'fault',
      message: 'stream of 7 bytes: a multiple of 4 up to 268435456 is allowed',
    });
  }));

/** Memory that the GPU process of a rig has in use, bytes. */
function residentBytes(rig: Rig): number {
  const { pid } = (rig.adapter as unknown as { server: { pid: number } }).server;
  const pages = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1];
  return Number(pages) * 4096;
}

for (const how of ['destroyed', 'dropped'] as const) {
  test(`the memory of a buffer whose allocation was ${how} is free, whoever still holds the buffer`, () =>
    withRig(async (rig) => {
      const { writer } = rig;
      const size = 96 << 20;
      const before = residentBytes(rig);
      const [buffer, handle] = [rig.id(), rig.memory(size)];
      ops.createBuffer(writer, buffer, handle, 0, size, STORAGE | COPY_DST, false, '');
      const piece = size / 4;
      for (let offset = 0; offset < size; offset += piece) {
        ops.writeBufferFrom(writer, buffer, offset, rig.stagingAddress, 0, piece);
      }
      const pipeline = computePipeline(rig, touchModule);
      // The bind group that this makes keeps the buffer in Dawn.
      const [layout, group] = [rig.id(), rig.id()];
      ops.getBindGroupLayout(writer, layout, pipeline, 0);
      ops.createBindGroup(writer, group, '', layout, [{ binding: 0, resource: buffer, offset: 0 }]);
      await rig.submit();
      const used = residentBytes(rig) - before;
      assert.ok(used >= size, `${used} bytes in use for ${size}`);
      ops.releaseObjects(writer, [buffer]);
      await rig.submit();
      if (how === 'destroyed') rig.free(handle);
      else await rig.discard(handle);
      ops.onSubmittedWorkDone(writer, 1);
      await rig.submit();
      // Until the writes before it are carried out, Dawn holds what they go to.
      await rig.take('workDone', ([id]) => id === 1);
      const error = await rig.scope('validation', () => {
        const commands = rig.id();
        ops.beginCommandEncoder(writer, '');
        ops.beginComputePass(writer, { label: '' });
        ops.setPipeline(writer, pipeline);
        ops.setBindGroup(writer, 0, group);
        ops.dispatchWorkgroups(writer, 1, 1, 1);
        ops.endPass(writer);
        ops.finish(writer, commands, '');
        ops.queueSubmit(writer, [commands]);
      });
      assert.match(error!.message, /destroyed/);
      const left = residentBytes(rig) - before;
      assert.ok(left < size / 2, `${left} bytes in use after ${size} were freed`);
      const other = rig.buffer(256, STORAGE);
      assert.equal(await rig.scope('validation', () => dispatch(rig, pipeline, other, 1)), null);
    }));
}
