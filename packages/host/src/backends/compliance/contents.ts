import assert from 'node:assert/strict';
import { PAGE_BYTES } from '@dxgwire/transport';
import type { AllocationResult } from '../contract.ts';
import { assertPattern, fillPattern, type Rig, type Test } from './rig.ts';

/** What every backend must do whose memory keeps what is written to it. */
export function describeContents(test: Test): void {
  test('starts as zero and keeps what is written in the window', (rig) => {
    const allocation = rig.allocate(3 * PAGE_BYTES);
    rig.environment.window.bytes.fill(0xee);
    rig.inWindow(allocation, 65_536, (bytes) => {
      assert.equal(
        bytes.every((byte) => byte === 0),
        true,
      );
      fillPattern(bytes, 1);
    });
    rig.environment.window.bytes.fill(0xee);
    rig.inWindow(allocation, 0, (bytes) => assertPattern(bytes, 1));
  });

  test('is read out of the window only after the backend has said so', (rig) => {
    const allocation = rig.allocate(3 * PAGE_BYTES);
    rig.environment.onRead = (bytes) => fillPattern(bytes, 4);
    // Its contents move out of the window again.
    rig.inWindow(allocation, PAGE_BYTES, () => {});
    rig.environment.onRead = null;
    rig.inWindow(allocation, 0, (bytes) => assertPattern(bytes, 4));
  });

  test('is shown to a guest with a window of its own', (rig) => {
    const { window, guestWindow } = rig.environment;
    const allocation = rig.allocate(PAGE_BYTES);
    rig.inWindow(allocation, 0, (bytes) => fillPattern(bytes, 9));
    guestWindow.fill(0);
    rig.inWindow(allocation, 2 * PAGE_BYTES, () => {
      assertPattern(guestWindow.subarray(2 * PAGE_BYTES, 3 * PAGE_BYTES), 9);
    });
    assert.equal(window.lengthBytes, guestWindow.length);
  });

  test('can be dropped and used again', async (rig) => {
    const allocation = rig.allocate(PAGE_BYTES);
    rig.inWindow(allocation, 0, (bytes) => fillPattern(bytes, 5));
    await rig.adapter.makeResident(allocation.allocation, allocation.segments[0]!);
    await rig.adapter.evict(allocation.allocation, true);
    await rig.adapter.makeResident(allocation.allocation, allocation.segments[0]!);
    rig.inWindow(allocation, 0, (bytes) => fillPattern(bytes, 6));
    rig.inWindow(allocation, 0, (bytes) => assertPattern(bytes, 6));
  });
}

/** What backends must do that move contents out of a segment and back. */
export function describeEviction(test: Test): void {
  test('survives eviction, in each of its segments and with several in turn', async (rig) => {
    const allocations = writePatterns(rig);
    for (const segment of allocations[0]!.segments) {
      for (const each of allocations) await rig.adapter.makeResident(each.allocation, segment);
      for (const each of allocations) await rig.adapter.evict(each.allocation, false);
    }
    assertPatterns(rig, allocations);
  });

  test('stays in the window while memory is evicted and made resident', async (rig) => {
    await stayInWindow(rig, (allocation) => rig.adapter.evict(allocation, false));
  });
}

/** What backends must do where memory cannot be had back without its contents. */
export function describeStaying(test: Test): void {
  test('stays what it is in each of its segments, as often as it is made resident there', async (rig) => {
    const allocations = writePatterns(rig);
    for (const segment of [...allocations[0]!.segments, ...allocations[0]!.segments]) {
      for (const each of allocations) await rig.adapter.makeResident(each.allocation, segment);
      assertPatterns(rig, allocations);
    }
  });

  test('stays when the contents of others are dropped', async (rig) => {
    const allocations = writePatterns(rig);
    for (const each of allocations) await rig.adapter.makeResident(each.allocation, each.segments[0]!);
    await rig.adapter.evict(allocations[1]!.allocation, true);
    rig.inWindow(allocations[0]!, 0, (bytes) => assertPattern(bytes, 0));
    rig.inWindow(allocations[2]!, 0, (bytes) => assertPattern(bytes, 2));
  });

  test('stays in the window while it is made resident, and while it is dropped elsewhere', async (rig) => {
    // The window is storage outside the backend: what lies there is not the backend's to drop.
    await stayInWindow(rig, (allocation) => rig.adapter.evict(allocation, true));
  });
}

/** Buffers and textures of a device that are no bytes to anybody. */
export function describeOpaque(test: Test, privateData: (lengthBytes: number) => Uint8Array): void {
  test('of an opaque allocation cannot be given', (rig) => {
    const { adapter, environment } = rig;
    const made = rig.create(privateData(PAGE_BYTES));
    if ('refused' in made) throw new Error(made.refused);
    assert.equal(made.lengthBytes, PAGE_BYTES);
    assert.ok(made.segments.length > 0);
    environment.window.bytes.fill(0xee);
    const storage = { kind: 'window', offset: 0, length: PAGE_BYTES } as const;
    assert.equal(adapter.setStorage(made.allocation, storage), false);
    assert.ok(environment.window.bytes.every((byte) => byte === 0xee));
    assert.ok('refused' in rig.create(privateData(PAGE_BYTES), { existingSystemMemory: true }));
    adapter.destroyAllocation(made.allocation);
  });

  test('of opaque allocations comes and goes with them, dropped or not', async (rig) => {
    for (const drop of [false, true]) {
      const made = rig.create(privateData(3 * PAGE_BYTES));
      if ('refused' in made) throw new Error(made.refused);
      for (const segment of made.segments) await rig.adapter.makeResident(made.allocation, segment);
      if (drop) await rig.adapter.evict(made.allocation, true);
      rig.adapter.destroyAllocation(made.allocation);
    }
  });
}

function writePatterns(rig: Rig): AllocationResult[] {
  const allocations = [1, 2, 3].map(() => rig.allocate(2 * PAGE_BYTES));
  allocations.forEach((each, index) => {
    rig.inWindow(each, 0, (bytes) => fillPattern(bytes, index));
  });
  return allocations;
}

function assertPatterns(rig: Rig, allocations: readonly AllocationResult[]): void {
  allocations.forEach((each, index) => {
    rig.inWindow(each, 0, (bytes) => assertPattern(bytes, index));
  });
}

async function stayInWindow(
  rig: Rig,
  evict: (allocation: AllocationResult['allocation']) => Promise<void> | void,
): Promise<void> {
  const { adapter } = rig;
  const { allocation, lengthBytes, segments } = rig.allocate(PAGE_BYTES);
  adapter.setStorage(allocation, { kind: 'window', offset: 0, length: lengthBytes });
  const bytes = rig.environment.window.bytes.subarray(0, lengthBytes);
  fillPattern(bytes, 4);
  await adapter.makeResident(allocation, segments[0]!);
  await evict(allocation);
  assertPattern(bytes, 4);
  adapter.setStorage(allocation, null);
  bytes.fill(0);
  rig.inWindow({ allocation, lengthBytes, segments, cached: true }, 0, (shown) => assertPattern(shown, 4));
}
