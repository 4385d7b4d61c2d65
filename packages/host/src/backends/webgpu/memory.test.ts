import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ops } from '@dxgwire/protocol/stream';
import type { Backend } from '../contract.ts';
import { createWebgpuBackend } from './index.ts';
import { Rig } from './testing/rig.ts';

const MAP_READ = 1;
const MAP_WRITE = 2;
const COPY_SRC = 4;
const COPY_DST = 8;

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
    assert.equal((await rig.scope('out-of-memory', make(handle, 16, COPY_DST)))?.type, 'out-of-memory');
    const use = await rig.scope('validation', () => ops.writeBuffer(writer, id, 0, new Uint8Array(4)));
    assert.match(use!.message, /nvalid/);
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
