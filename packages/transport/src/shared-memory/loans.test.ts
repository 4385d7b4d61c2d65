import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MappedGuestMemory } from '../mock-vmbus/guest-ram.ts';
import { PAGE_BYTES } from '../transport.ts';
import { createMemoryFile, openMemoryFile } from './memory-file.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const PAGES = 8;

/** A guest's memory, and the same file as the host has it. */
function makeMemory() {
  const host = createMemoryFile(PAGES * PAGE_BYTES);
  const guest = openMemoryFile(host);
  const { lend } = guest;
  assert.ok(lend !== undefined, 'this version of Node cannot detach such memory');
  const memory = new MappedGuestMemory({ bytes: guest.bytes, baseAddress: PAGE_BYTES, file: null, lend });
  return { host, guest, memory };
}

/** Collects garbage until something holds; its end is that of the test's patience. */
async function untilCollected(isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1000 && !isSo(); turn += 1) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(isSo());
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('loans of shared memory', () => {
  it('are the bytes themselves until they are taken back', () => {
    const { host, guest, memory } = makeMemory();
    const block = memory.allocate(2 * PAGE_BYTES);
    const [first, second] = [block.lend!(8, 16)!, block.lend!(24, PAGE_BYTES)!];
    const [one, two] = [first.buffer!, second.buffer!];
    assert.deepEqual([one.byteLength, two.byteLength], [16, PAGE_BYTES]);
    new Float64Array(one).set([1.5, -2.5]);
    new Uint8Array(two).fill(7);
    assert.deepEqual([...new Float64Array(host.bytes.slice(8, 24).buffer)], [1.5, -2.5]);
    host.bytes[24] = 9;
    assert.equal(new Uint8Array(two)[0], 9);
    assert.equal(first.takeBack(), true);
    assert.deepEqual([one.byteLength, two.byteLength], [0, PAGE_BYTES]);
    assert.equal(first.takeBack(), true);
    assert.equal(second.takeBack(), true);
    assert.equal(two.byteLength, 0);
    assert.equal(block.bytes[25], 7);
    // The same place again.
    const again = block.lend!(8, 16)!;
    assert.deepEqual([...new Float64Array(again.buffer!)], [1.5, -2.5]);
    again.takeBack();
    assert.equal(block.lend!(0, 0), null);
    assert.throws(() => block.lend!(PAGE_BYTES, 2 * PAGE_BYTES), { code: 'out-of-range' });
    guest.close();
    host.close();
  });

  it('keep their block from being handed out again', () => {
    const { host, guest, memory } = makeMemory();
    const block = memory.allocate(PAGES * PAGE_BYTES);
    const loans = [block.lend!(0, 8)!, block.lend!(8, 8)!];
    const buffers = loans.map(({ buffer }) => buffer!);
    new Uint8Array(buffers[1]!).fill(3);
    memory.free(block);
    assert.equal(block.lend!(16, 8), null);
    assert.throws(() => memory.free(block), { code: 'out-of-range' });
    loans[0]!.takeBack();
    assert.throws(() => memory.allocate(PAGE_BYTES), { code: 'no-memory' });
    assert.equal(new Uint8Array(buffers[1]!)[7], 3);
    loans[1]!.takeBack();
    // Zeroed, as any block.
    assert.equal(memory.allocate(PAGE_BYTES).bytes[8], 0);
    guest.close();
    host.close();
  });

  it('outlive the end of their bus, which then frees the memory', async () => {
    const { host, guest, memory } = makeMemory();
    const block = memory.allocate(PAGE_BYTES);
    const loan = block.lend!(0, 64)!;
    const buffer = loan.buffer!;
    new Uint8Array(buffer).fill(5);
    guest.close();
    host.close();
    await nextTurn();
    await nextTurn();
    assert.ok(new Uint8Array(buffer).every((value) => value === 5));
    new Uint8Array(buffer)[0] = 6;
    assert.equal(block.bytes[0], 6);
    assert.equal(block.lend!(64, 64), null);
    assert.equal(loan.takeBack(), true);
    assert.equal(buffer.byteLength, 0);
    // A late access finds zeroes.
    assert.equal(block.bytes[0], 0);
  });

  it('are over when nobody has the ArrayBuffer any more', async () => {
    const { host, guest, memory } = makeMemory();
    const block = memory.allocate(PAGES * PAGE_BYTES);
    const loan = (() => {
      const lent = block.lend!(0, 64)!;
      new Uint8Array(lent.buffer!).fill(1);
      return lent;
    })();
    memory.free(block);
    const isFree = () => {
      try {
        memory.free(memory.allocate(PAGE_BYTES));
        return true;
      } catch {
        return false;
      }
    };
    assert.equal(isFree(), false);
    await nextTurn();
    await untilCollected(isFree);
    assert.equal(loan.buffer, undefined);
    assert.equal(loan.takeBack(), true);
    guest.close();
    host.close();
  });

  it('are never used again when somebody has moved the bytes elsewhere', {
    skip: !('transfer' in ArrayBuffer.prototype),
  }, async () => {
    const { host, guest, memory } = makeMemory();
    const block = memory.allocate(PAGES * PAGE_BYTES);
    const loan = block.lend!(0, 64)!;
    const moved = (loan.buffer as ArrayBuffer & { transfer(): ArrayBuffer }).transfer();
    new Uint8Array(moved).fill(4);
    assert.equal(loan.takeBack(), false);
    assert.equal(loan.takeBack(), false);
    memory.free(block);
    assert.throws(() => memory.allocate(PAGE_BYTES), { code: 'no-memory' });
    guest.close();
    host.close();
    for (let turn = 0; turn < 5; turn += 1) {
      collectGarbage();
      await nextTurn();
    }
    // Its memory is gone, its addresses are not.
    assert.ok(new Uint8Array(moved).every((value) => value === 0));
  });
});
