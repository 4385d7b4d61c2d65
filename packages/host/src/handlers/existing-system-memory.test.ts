import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CreateAllocationFlags, commands, NtStatus } from '@dxgwire/protocol';
import { PAGE_BYTES } from '@dxgwire/transport';
import { createAllocation, createDevice, finish } from '../testing/objects.ts';
import { IO_SPACE_START, RawGuest } from '../testing/raw-guest.ts';

const { existingSysmem } = CreateAllocationFlags;

/** An allocation over guest pages that have not been given yet. */
async function createOverPages(guest: RawGuest, device: number, pages: number): Promise<number> {
  return await createAllocation(guest, device, pages * PAGE_BYTES, { flags: existingSysmem });
}

test('guest pages by GPADL: exactly as many as the allocation has, once, and let go before a teardown is answered', async () => {
  const guest = await RawGuest.start({ mapGuestMemory: false });
  const device = await createDevice(guest);
  const allocation = await createOverPages(guest, device, 3);
  const block = guest.bus.memory.allocate(3 * PAGE_BYTES);
  const small = guest.bus.memory.allocate(PAGE_BYTES);
  const gpadl = await guest.bus.createGpadl([{ address: block.address, length: block.length }]);
  const tooSmall = await guest.bus.createGpadl([{ address: small.address, length: small.length }]);
  const set = async (body: object) =>
    (await guest.call(commands.setExistingSysMemStore, { device, allocation, gpadl, ...body })).status;
  assert.equal(await set({ gpadl: 0xdead }), NtStatus.invalidParameter);
  assert.equal(await set({ gpadl: tooSmall }), NtStatus.invalidParameter);
  assert.equal(await set({ allocation: await createAllocation(guest, device) }), NtStatus.invalidParameter);
  assert.equal(await set({}), NtStatus.success);
  assert.equal(await set({}), NtStatus.invalidParameter);
  assert.equal(guest.partition.census()['gpadls'], 1);
  assert.equal(
    (await guest.call(commands.destroyAllocation, { device, allocations: [allocation] })).status,
    0,
  );
  assert.equal(guest.partition.census()['gpadls'], 0);
  await guest.bus.teardownGpadl(gpadl);
  await guest.bus.teardownGpadl(tooSmall);
  const pages = await guest.call(commands.setExistingSysMemPages, { device, allocation, pfns: [1n] });
  assert.equal(pages.status, NtStatus.notSupported);
  await finish(guest);
});

test('a GPADL torn down while in use is let go, and the allocation can only be destroyed', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const allocation = await createOverPages(guest, device, 1);
  const block = guest.bus.memory.allocate(PAGE_BYTES);
  const gpadl = await guest.bus.createGpadl([block]);
  assert.equal((await guest.call(commands.setExistingSysMemStore, { device, allocation, gpadl })).status, 0);
  await guest.bus.teardownGpadl(gpadl);
  assert.equal(guest.partition.census()['gpadls'], 0);
  assert.equal(
    (await guest.call(commands.destroyAllocation, { device, allocations: [allocation] })).status,
    0,
  );
  await finish(guest);
});

test('guest pages by frame numbers: in chunks, in order, inside guest memory', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const block = guest.bus.memory.allocate(4 * PAGE_BYTES);
  const first = BigInt(block.address / PAGE_BYTES);
  const allocation = await createOverPages(guest, device, 4);
  const set = async (allocOffsetInPages: number, pfns: bigint[], more: object = {}) =>
    (
      await guest.call(commands.setExistingSysMemPages, {
        device,
        allocation,
        allocOffsetInPages,
        pfns,
        ...more,
      })
    ).status;
  const bad: [number, bigint[], object?][] = [
    [0, []],
    [0, [0n]],
    [0, [0xffff_ffff_ffff_ffffn]],
    [0, [1n << 52n]],
    [0, [IO_SPACE_START >> 12n]],
    [4, [first]],
    [0xffff_ffff, [first]],
    [1, [first, first + 1n, first + 2n, first + 3n]],
    [0, [first], { allocation: device }],
    [0, [first], { device: 0 }],
  ];
  for (const [offset, pfns, more] of bad) {
    assert.equal(await set(offset, pfns, more), NtStatus.invalidParameter, `${offset} ${pfns}`);
  }
  assert.equal(await set(0, [first + 3n, first]), NtStatus.success);
  assert.equal(await set(0, [first + 1n]), NtStatus.invalidParameter);
  assert.equal(await set(2, [first + 1n, first + 2n]), NtStatus.success);
  assert.equal(await set(2, [first + 1n]), NtStatus.invalidParameter);
  assert.equal(
    (await guest.call(commands.unlock2, { args: { device, allocation } })).status,
    NtStatus.success,
  );
  assert.equal(
    (await guest.call(commands.destroyAllocation, { device, allocations: [allocation] })).status,
    0,
  );
  await finish(guest);
});

test('16,000 guest pages: more than one list of frames holds', async () => {
  const pages = 16_000;
  const perMessage = 15_867;
  const guest = await RawGuest.start({ guestMemoryBytes: 80 << 20 });
  const device = await createDevice(guest);
  const allocation = await createOverPages(guest, device, pages);
  const block = guest.bus.memory.allocate(pages * PAGE_BYTES);
  const frames = Array.from({ length: pages }, (_, index) => BigInt(block.address / PAGE_BYTES + index));
  const set = async (allocOffsetInPages: number, pfns: bigint[]) =>
    (await guest.call(commands.setExistingSysMemPages, { device, allocation, allocOffsetInPages, pfns }))
      .status;
  assert.equal(await set(0, frames.slice(0, perMessage)), NtStatus.success);
  assert.equal(await set(perMessage, [...frames.slice(perMessage), frames[0]!]), NtStatus.invalidParameter);
  assert.equal(await set(perMessage, frames.slice(perMessage)), NtStatus.success);
  assert.equal(
    (await guest.call(commands.destroyAllocation, { device, allocations: [allocation] })).status,
    0,
  );
  await finish(guest);
});
