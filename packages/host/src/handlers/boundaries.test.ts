import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import {
  CreateAllocationFlags,
  commands,
  isFailure,
  NtStatus,
  UpdateGpuVaOperationType,
} from '@dxgwire/protocol';
import { createHost } from '../host.ts';
import { createLog } from '../pino-log.ts';
import { FakeBackend } from '../testing/fake-backend.ts';
import {
  createAllocation,
  createContext,
  createDevice,
  createFence,
  createHwQueue,
  createPagingQueue,
  endProcess,
  liveObjects,
  sizeData,
} from '../testing/objects.ts';
import { RawGuest } from '../testing/raw-guest.ts';

/** Each limit of a number's width, and one beside it. */
const EDGES = [31n, 32n, 52n, 53n, 63n].flatMap((bit) => [(1n << bit) - 1n, 1n << bit, (1n << bit) + 1n]);
const WIDE = [...EDGES, (1n << 64n) - 65_536n, (1n << 64n) - 4096n, (1n << 64n) - 1n];
/** The same, on pages and on the grain of reservations. */
const ALIGNED = [31n, 32n, 47n, 48n, 52n, 53n, 63n].flatMap((bit) => [
  (1n << bit) - 65_536n,
  1n << bit,
  (1n << bit) + 65_536n,
]);
const LARGE = [...WIDE, ...ALIGNED];
const NO_INDEX = 0xffff_ffff;

describe('arguments at the limits of numbers', () => {
  let guest: RawGuest;
  let device: number;
  let pagingQueue: number;
  let errors: string[];

  beforeEach(async () => {
    errors = [];
    const backend = new FakeBackend();
    const log = createLog({ level: 'error', destination: { write: (line) => errors.push(line) } });
    const host = createHost({ backend, log });
    guest = await RawGuest.start({ backend, host });
    device = await createDevice(guest);
    ({ pagingQueue } = await createPagingQueue(guest, device));
  });

  afterEach(async () => {
    assert.equal(guest.closedBy, undefined, 'the link goes on');
    await endProcess(guest);
    assert.deepEqual(errors, [], 'nothing failed inside the host');
    await guest.close();
  });

  test('lengths of allocations', async () => {
    for (const length of LARGE) {
      const before = liveObjects(guest);
      const allocInfo = [{ privDrvData: sizeData(length) }];
      const flags = CreateAllocationFlags.createResource;
      // A length that the backend takes is an allocation like others; what it refuses leaves nothing.
      const made = await guest
        .call(commands.createAllocation, { device, allocInfo, flags })
        .catch(() => null);
      const allocation = made?.allocationInfo[0]?.allocation ?? 0;
      if (made === null || allocation === 0) {
        assert.deepEqual(liveObjects(guest), before, `after ${length} bytes`);
        continue;
      }
      const { status } = await guest.call(commands.destroyAllocation, { device, resource: made.resource });
      assert.equal(status, NtStatus.success);
    }
  });

  test('GPU virtual addresses and lengths', async () => {
    const { adapterHandle: adapter } = guest.gpus[0]!;
    const allocation = await createAllocation(guest, device, 65_536);
    const context = await createContext(guest, device);
    const fence = await createFence(guest, device);
    for (const value of LARGE) {
      for (const args of [
        { adapter, size: value },
        { adapter, size: 65_536n, baseAddress: value },
        { adapter, size: 65_536n, minimumAddress: value },
        { adapter, size: value, baseAddress: value },
      ]) {
        await guest.call(commands.reserveGpuVirtualAddress, { args }).catch(() => null);
      }
      for (const args of [
        { pagingQueue, sizeInPages: value },
        { pagingQueue, sizeInPages: value, allocation },
        { pagingQueue, sizeInPages: 1n, allocation, offsetInPages: value },
        { pagingQueue, sizeInPages: 1n, allocation, baseAddress: value },
        { pagingQueue, sizeInPages: value, baseAddress: value, allocation },
      ]) {
        const { status, virtualAddress } = await guest.call(commands.mapGpuVirtualAddress, { args });
        if (isFailure(status)) assert.equal(virtualAddress, 0n);
      }
      for (const operation of [
        {
          operation: UpdateGpuVaOperationType.map,
          map: {
            baseAddress: value,
            size: value,
            allocation,
            allocationOffset: value,
            allocationSize: value,
          },
        },
        {
          operation: UpdateGpuVaOperationType.map,
          map: {
            baseAddress: 65_536n,
            size: 4096n,
            allocation,
            allocationOffset: value,
            allocationSize: 4096n,
          },
        },
        { operation: UpdateGpuVaOperationType.unmap, unmap: { baseAddress: value, size: value } },
        {
          operation: UpdateGpuVaOperationType.copy,
          copy: { sourceAddress: value, size: value, destAddress: value },
        },
        { operation: 4 },
        { operation: NO_INDEX },
      ]) {
        await guest.call(commands.updateGpuVirtualAddress, {
          device,
          context,
          fenceObject: fence.handle,
          fenceValue: 0n,
          operations: [operation as never],
        });
      }
      await guest.call(commands.freeGpuVirtualAddress, {
        args: { adapter, baseAddress: value, size: value },
      });
      await guest.call(commands.freeGpuVirtualAddress, { args: { adapter, baseAddress: 0n, size: value } });
      await guest.call(commands.freeGpuVirtualAddress, {
        args: { adapter, baseAddress: value, size: 4096n },
      });
    }
  });

  test('ranges of allocations, reservations, command buffers and fence values', async () => {
    const allocation = await createAllocation(guest, device, 65_536);
    const { hwqueue } = await createHwQueue(guest, device);
    const fence = await createFence(guest, device);
    let progress = 0n;
    for (const value of [...LARGE].sort((a, b) => (a < b ? -1 : 1))) {
      const wide = await guest.call(commands.invalidateCache, {
        device,
        allocation,
        offset: 0n,
        length: value,
      });
      assert.equal(wide.status, NtStatus.invalidParameter, `length ${value}`);
      const far = await guest.call(commands.invalidateCache, {
        device,
        allocation,
        offset: value,
        length: 1n,
      });
      assert.equal(far.status, NtStatus.invalidParameter, `offset ${value}`);
      const reserved = await guest.call(commands.changeVideoMemoryReservation, {
        args: { memorySegmentGroup: 0, reservation: value },
      });
      assert.equal(reserved.status, NtStatus.invalidParameter, `reservation ${value}`);
      if (value > progress) {
        progress = value;
        await guest.call(commands.submitCommandToHwQueue, {
          args: { hwqueue, hwqueueProgressFenceId: value, commandBuffer: value, commandLength: NO_INDEX },
        });
      }
      const signalled = await guest.call(commands.signalSyncObject, {
        device,
        objects: [fence.handle],
        fenceValues: [value],
      });
      assert.equal(signalled.status, NtStatus.success);
      assert.equal(guest.fenceAt(fence.address), value);
    }
  });

  test('every index at the last one, behind it, and at its limit', async () => {
    const { adapterHandle: adapter, hostAdapterLuid: adapterLuid } = guest.gpus[0]!;
    const { nodes, segments } = guest.backend.adapters[0]!;
    const indices = (count: number): [number, boolean][] => [
      [count - 1, true],
      [count, false],
      [NO_INDEX, false],
    ];
    for (const [nodeOrdinal, isThere] of indices(nodes.length)) {
      const made = await guest.call(commands.createContextVirtual, { device, nodeOrdinal }).catch(() => null);
      assert.equal((made?.context ?? 0) !== 0, isThere, `context on node ${nodeOrdinal}`);
      const clock = await guest.call(commands.queryClockCalibration, { args: { adapter, nodeOrdinal } });
      assert.equal(isFailure(clock.status), !isThere, `clock of node ${nodeOrdinal}`);
      for (const type of [5, 6]) {
        const args = { type, adapterLuid, selector: BigInt(nodeOrdinal) };
        const { status } = await guest.call(commands.queryStatistics, { args });
        assert.equal(isFailure(status), !isThere, `statistics of node ${nodeOrdinal}`);
      }
    }
    for (const [segment, isThere] of indices(segments.length)) {
      for (const type of [3, 4]) {
        const args = { type, adapterLuid, selector: BigInt(segment) };
        const { status } = await guest.call(commands.queryStatistics, { args });
        assert.equal(isFailure(status), !isThere, `statistics of segment ${segment}`);
      }
    }
    for (const [memorySegmentGroup, isThere] of indices(2)) {
      const info = await guest
        .call(commands.queryVideoMemoryInfo, { adapter, memorySegmentGroup })
        .catch(() => null);
      assert.equal(info !== null, isThere, `memory group ${memorySegmentGroup}`);
      const args = { memorySegmentGroup, reservation: 4096n };
      const { status } = await guest.call(commands.changeVideoMemoryReservation, { args });
      assert.equal(isFailure(status), !isThere, `reservation in group ${memorySegmentGroup}`);
    }
    for (const [physicalAdapterIndex, isThere] of indices(1)) {
      const queue = await guest
        .call(commands.createPagingQueue, { args: { device, physicalAdapterIndex } })
        .catch(() => null);
      assert.equal(
        (queue?.pagingQueue ?? 0) !== 0,
        isThere,
        `paging queue on adapter ${physicalAdapterIndex}`,
      );
    }
  });
});
