import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createHost, type Host } from '@dxgwire/host';
import { createReferenceBackend } from '@dxgwire/host/backends/reference';
import { commands, NtStatus } from '@dxgwire/protocol';
import { bootAndRun } from './job.ts';
import { HIGH_RAM_ADDRESS, Machine, PAGE_BYTES, settle } from './machine.ts';
import { RawGuest } from './raw-guest.ts';

const { invalidParameter, success } = NtStatus;
const HIGH_FRAME = BigInt(HIGH_RAM_ADDRESS / PAGE_BYTES);

/** Frames that are no RAM of the machine: beside its blocks, in the device window, beyond all addresses. */
function foreignFrames(machine: Machine): bigint[] {
  const edges = machine.ram.flatMap(({ address, bytes }) => [
    BigInt(address / PAGE_BYTES) - 1n,
    BigInt((address + bytes.length) / PAGE_BYTES),
  ]);
  const window = 0x10_0000_0000n / BigInt(PAGE_BYTES);
  const limits = [31n, 32n, 40n, 41n, 52n, 53n, 63n].flatMap((bit) => [
    (1n << bit) - 1n,
    1n << bit,
    (1n << bit) + 1n,
  ]);
  return [0n, ...edges, window, ...limits, (1n << 64n) - 1n].filter(
    (frame) => frame < HIGH_FRAME || frame >= HIGH_FRAME + 4096n,
  );
}

describe('page lists of a hostile guest', () => {
  let host: Host;
  let backend: ReturnType<typeof createReferenceBackend>;
  let machine: Machine;
  let other: Machine;
  let guest: RawGuest;
  let before: Record<string, number>;

  beforeEach(async () => {
    backend = createReferenceBackend();
    host = createHost({ backend });
    other = new Machine(host);
    machine = new Machine(host, { asyncMessages: false, ringPages: 'apart' });
    guest = await RawGuest.start(machine);
    before = machine.partition.census();
  });

  afterEach(async () => {
    // Whatever it tried, the other guest works, and everything of this one goes with it.
    await bootAndRun(other.guest);
    await machine.powerOff();
    assert.ok(Object.values(machine.partition.census()).every((count) => count === 0));
    await other.powerOff();
    await host.close();
    await backend.close();
  });

  test('frames outside guest RAM are refused, and the allocation takes good ones afterwards', async () => {
    const allocation = await guest.createOverSystemMemory(4);
    const good = [HIGH_FRAME + 8n, HIGH_FRAME + 12n, HIGH_FRAME + 9n, HIGH_FRAME + 10n];
    for (const frame of foreignFrames(machine)) {
      for (const at of [0, 1, 3]) {
        const frames = good.map((each, index) => (index === at ? frame : each));
        assert.equal(await guest.setPages(allocation, frames), invalidParameter, `frame ${frame} at ${at}`);
      }
    }
    assert.equal(await guest.setPages(allocation, good), success);
    assert.equal(await guest.setPages(allocation, good), invalidParameter, 'a second time');
  });

  test('frames of an open channel’s rings are refused; the same frames are fine when it has closed', async () => {
    const allocation = await guest.createOverSystemMemory(1);
    const rings = [...machine.rings.values()].flatMap((id) => [...machine.gpadls.get(id)!]);
    assert.equal(rings.length, 2 * 128);
    for (const frame of rings) assert.equal(await guest.setPages(allocation, [frame]), invalidParameter);
    for (const frame of rings) {
      const refusal = machine.hostBus.createGpadl(0x77, [HIGH_FRAME + 3n, frame]);
      assert.equal(refusal?.code, 'out-of-range');
    }
    for (const id of machine.rings.values()) {
      assert.equal(await guest.setStore(allocation, id), invalidParameter, 'the rings’ own list');
    }
    const [ofGpu = 0n] = machine.gpadls.get(machine.rings.get(2)!)!;
    await guest.channel(2).close();
    await settle();
    assert.equal(machine.hostBus.memory.contains(Number(ofGpu) * PAGE_BYTES, PAGE_BYTES), true);
  });

  test('a list in pieces may not overlap, leave gaps or end beyond the allocation', async () => {
    const allocation = await guest.createOverSystemMemory(4);
    const frames = [0n, 1n, 2n, 3n].map((page) => HIGH_FRAME + 64n + page);
    for (const offset of [1, 4, 5, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
      assert.equal(await guest.setPages(allocation, frames.slice(0, 1), offset), invalidParameter);
    }
    assert.equal(await guest.setPages(allocation, [...frames, HIGH_FRAME]), invalidParameter);
    assert.equal(await guest.setPages(allocation, []), invalidParameter);
    assert.equal(await guest.setPages(allocation, frames.slice(0, 2)), success);
    assert.equal(await guest.setPages(allocation, frames.slice(0, 2)), invalidParameter);
    assert.equal(await guest.setPages(allocation, frames.slice(1, 3), 1), invalidParameter);
    assert.equal(await guest.setPages(allocation, frames.slice(2), 2), success);
  });

  test('neighbouring frames of two blocks of RAM that touch are fine, and those behind the last are not', async () => {
    const touching = new Machine(host, { highAddress: 0x30_0000 });
    const raw = await RawGuest.start(touching);
    const border = BigInt(0x30_0000 / PAGE_BYTES);
    const end = border + BigInt(touching.ram[1]!.bytes.length / PAGE_BYTES);
    const across = [-2n, -1n, 0n, 1n].map((page) => border + page);
    const byFrames = await raw.createOverSystemMemory(4);
    assert.equal(await raw.setPages(byFrames, across), success);
    const byList = await raw.createOverSystemMemory(4);
    assert.equal(touching.hostBus.createGpadl(1, across), null);
    assert.equal(await raw.setStore(byList, 1), success);
    const beyond = await raw.createOverSystemMemory(2);
    assert.equal(await raw.setPages(beyond, [end - 1n, end]), invalidParameter);
    await touching.powerOff();
  });

  test('lists that do not exist, fit or belong there are refused', async () => {
    const allocation = await guest.createOverSystemMemory(2);
    const { hostBus } = machine;
    assert.equal(hostBus.createGpadl(1, [HIGH_FRAME]), null);
    assert.equal(hostBus.createGpadl(2, [HIGH_FRAME, HIGH_FRAME + 2n, HIGH_FRAME + 5n]), null);
    assert.equal(hostBus.createGpadl(3, [HIGH_FRAME, HIGH_FRAME + 2n]), null);
    for (const gpadl of [0, 1, 2, 4, 0xffff_ffff]) {
      assert.equal(await guest.setStore(allocation, gpadl), invalidParameter, `list ${gpadl}`);
    }
    assert.equal(await guest.setStore(guest.device, 3), invalidParameter);
    assert.equal(await guest.setStore(allocation, 3), success);
    assert.equal(await guest.setStore(allocation, 3), invalidParameter);
    await hostBus.teardownGpadl(1);
    await hostBus.teardownGpadl(2);
  });

  test('a list that is torn down while an allocation uses it is let go of at once', async () => {
    const allocation = await guest.createOverSystemMemory(2);
    const { hostBus } = machine;
    assert.equal(hostBus.createGpadl(3, [HIGH_FRAME + 20n, HIGH_FRAME + 22n]), null);
    assert.equal(await guest.setStore(allocation, 3), success);
    await hostBus.teardownGpadl(3);
    assert.equal(machine.partition.census()['gpadls'], 0);
    const again = await guest.createOverSystemMemory(2);
    assert.equal(await guest.setStore(again, 3), invalidParameter);
    assert.equal(await guest.setStore(allocation, 3), invalidParameter, 'it can only be destroyed');
    const { device } = guest;
    for (const each of [allocation, again]) {
      const { status } = await guest.call(commands.destroyAllocation, { device, allocations: [each] });
      assert.equal(status, success);
    }
    assert.deepEqual(machine.partition.census(), before);
  });

  test('a machine that is switched off in the middle of it all leaves nothing', async () => {
    const allocation = await guest.createOverSystemMemory(2);
    assert.equal(machine.hostBus.createGpadl(3, [HIGH_FRAME + 20n, HIGH_FRAME + 22n]), null);
    assert.equal(await guest.setStore(allocation, 3), success);
    const unanswered = guest.send(commands.flushHeapTransitions, {} as never);
    machine.hostBus.end(null);
    machine.guest.powerOff();
    assert.equal(await unanswered, null);
    await machine.partition.ended;
  });
});
