import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { KmtEvent, unwrap } from '@dxgwire/guest/kmt';
import { AllocationBits, Client, configurations, Machine, nameOf, PAGE, sized } from './rig.ts';

const EINVAL = 22;
const EOVERFLOW = 75;
const MESSAGE_BYTES = 131_072;
/** Longest completion that the driver's ring reader takes. */
const ANSWER_BYTES = 131_056;

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 0xff);
}

for (const options of configurations) {
  describe(`large messages: ${nameOf(options)}`, () => {
    const extendedHeaderBytes = options.interfaceVersion === 40 ? 16 : 0;
    let machine: Machine;
    let client: Client;
    beforeEach(async () => {
      machine = await Machine.start(options);
      client = await Client.open(machine, 4242, 'golden-client');
    });
    afterEach(async () => {
      unwrap(await client.process.closeDevice(), 'closeDevice');
      machine.assertEmpty('large messages');
      await machine.powerOff();
    });

    test('1024 allocations in one call, in use and destroyed again', async () => {
      const { device, pagingQueue, process } = client;
      const before = machine.census();
      const created = unwrap(
        await process.createAllocation({
          device,
          allocationInfo: Array.from({ length: 1024 }, () => ({ privDrvData: sized(PAGE) })),
        }),
        'createAllocation',
      );
      const allocations = created.allocationInfo.map((info) => info.allocation);
      assert.equal(new Set(allocations).size, 1024);
      assert.ok(created.allocationInfo.every((info) => info.allocationSize === BigInt(PAGE)));
      // 10,240 handles are what one call takes; each repetition counts.
      const tenfold = Array.from({ length: 10 }, () => allocations).flat();
      const resident = unwrap(
        await process.makeResident({ pagingQueue, allocationList: tenfold }),
        'makeResident',
      );
      await client.wait(client.pagingFence, resident.pagingFenceValue);
      const states = async () => {
        const { residencyStatus } = unwrap(
          await process.queryAllocationResidency({ device, allocations }),
          'queryAllocationResidency',
        );
        return new Set(residencyStatus);
      };
      assert.deepEqual(await states(), new Set([1]));
      unwrap(await process.evict({ device, allocations: tenfold.slice(1024) }), 'evict');
      assert.deepEqual(await states(), new Set([1]), 'one reference is left');
      unwrap(await process.evict({ device, allocations }), 'evict');
      const priorities = Array.from({ length: 1024 }, (_, index) =>
        index % 2 === 0 ? 0x28000000 : 0xc8000000,
      );
      unwrap(await process.setAllocationPriority({ device, allocationList: allocations, priorities }), 'set');
      const read = unwrap(
        await process.getAllocationPriority({ device, allocationList: allocations }),
        'get',
      );
      assert.deepEqual([...read.priorities], priorities);
      unwrap(await process.offerAllocations({ device, allocations, priority: 2 }), 'offer');
      const reclaimed = unwrap(
        await process.reclaimAllocations2({ pagingQueue, allocations, wantResults: true }),
        'reclaim',
      );
      assert.equal(reclaimed.results?.length, 1024);
      unwrap(await process.destroyAllocation2({ device, allocations }), 'destroyAllocation2');
      assert.deepEqual(machine.census(), before);
    });

    test('1024 allocations of a resource, with private data up to the limit of a message', async () => {
      const { device, process } = client;
      const before = machine.census();
      const perAllocation = 32;
      const infos = Array.from({ length: 1024 }, () => {
        const privDrvData = new Uint8Array(perAllocation);
        privDrvData.set(sized(PAGE));
        return { privDrvData };
      });
      const room = MESSAGE_BYTES - extendedHeaderBytes - 64 - 1024 * (12 + perAllocation);
      const runtimeBytes = 20_000;
      const created = unwrap(
        await process.createAllocation({
          device,
          flags: AllocationBits.createResource,
          privateRuntimeData: pattern(runtimeBytes),
          privDrvData: pattern(room - runtimeBytes - 64),
          allocationInfo: infos,
        }),
        'createAllocation',
      );
      assert.notEqual(created.resource, 0);
      unwrap(await process.destroyAllocation2({ device, resource: created.resource }), 'destroyAllocation2');
      assert.deepEqual(machine.census(), before);
    });

    test('the answer of a creation beyond 128 KiB is refused by a short one, and leaves nothing', async () => {
      const { device, process } = client;
      const before = machine.census();
      // 1024 infos and 57 KiB of private data fit a message; their answer, with 72 bytes each, does not fit one.
      const { ret } = await process.createAllocation({
        device,
        allocationInfo: Array.from({ length: 1024 }, () => {
          const privDrvData = new Uint8Array(64);
          privDrvData.set(sized(PAGE));
          return { privDrvData };
        }),
      });
      assert.ok(ret === -EOVERFLOW || ret === -EINVAL, `returned ${ret}`);
      assert.deepEqual(machine.census(), before);
    });

    test('escapes, queries and private data as long as an answer may be, and beside it', async () => {
      const { adapter, device, process } = client;
      const longest = Math.min(ANSWER_BYTES, MESSAGE_BYTES - extendedHeaderBytes - 55);
      const data = pattern(longest);
      const escaped = unwrap(await process.escape({ adapter, device, privDrvData: data }), 'escape');
      assert.deepEqual(escaped.privDrvData, data);
      assert.equal(
        (await process.escape({ adapter, device, privDrvData: pattern(longest + 1) })).ret < 0,
        true,
      );
      const context = unwrap(
        await process.createContextVirtual({ device, privDrvData: pattern(ANSWER_BYTES - 55 - 16) }),
        'createContextVirtual',
      );
      assert.deepEqual(context.privDrvData, pattern(ANSWER_BYTES - 55 - 16));
      unwrap(await process.destroyContext({ context: context.context }), 'destroyContext');
      const statusBytes = options.interfaceVersion === 40 ? 4 : 0;
      for (const length of [1, 3, 4, 5, 8, 4096, ANSWER_BYTES - statusBytes - 100]) {
        const asked = await process.queryAdapterInfo({
          adapter,
          type: 0,
          privateData: new Uint8Array(length),
        });
        if (asked.ret >= 0) assert.equal(asked.privateData.length, length);
      }
      await client.run(() => {});
    });

    test('submissions with the longest private data and 1024 history buffers', async () => {
      const { context, process } = client;
      const { allocation } = await client.allocate(PAGE);
      const historyBufferArray = Array.from({ length: 1024 }, () => allocation);
      const room = MESSAGE_BYTES - extendedHeaderBytes - 408 - 4 * 1024;
      const fence = await client.fence();
      // Kind 0, no commands: the rest is private data that nobody reads.
      const privDrvData = new Uint8Array(room);
      unwrap(
        await process.submitCommand({ broadcastContext: [context], historyBufferArray, privDrvData }),
        'submitCommand',
      );
      unwrap(
        await process.signalSynchronizationObjectFromGpu({
          context,
          objects: [fence.syncObject],
          monitoredFenceValues: [1n],
        }),
        'signalSynchronizationObjectFromGpu',
      );
      await client.wait(fence.syncObject, 1n);
      const state = unwrap(
        await process.getDeviceState({ device: client.device, stateType: 1 }),
        'getDeviceState',
      );
      assert.equal(state.executionState, 1);
    });

    test('a CPU wait for thousands of objects, and 2000 updates of addresses at once', async () => {
      const { adapter, context, device, process } = client;
      const fence = await client.fence();
      const count = 10_001;
      const event = new KmtEvent();
      unwrap(
        await process.waitForSynchronizationObjectFromCpu({
          device,
          objects: Array.from({ length: count }, () => fence.syncObject),
          fenceValues: Array.from({ length: count }, (_, index) => BigInt(index)),
          asyncEvent: event,
        }),
        'waitForSynchronizationObjectFromCpu',
      );
      await client.signal(fence.syncObject, 10_000n - 1n);
      await client.roundTrip();
      assert.equal(event.count, 0);
      await client.signal(fence.syncObject, 10_000n);
      await event.wait();
      const size = 2000n * 65_536n;
      const { virtualAddress } = unwrap(
        await process.reserveGpuVirtualAddress({ adapter, size }),
        'reserveGpuVirtualAddress',
      );
      const { allocation } = await client.allocate(16 * PAGE);
      const done = await client.fence();
      unwrap(
        await process.updateGpuVirtualAddress({
          device,
          context,
          fenceObject: done.syncObject,
          fenceValue: 0n,
          operations: Array.from({ length: 2000 }, (_, index) => ({
            map: {
              baseAddress: virtualAddress + BigInt(index) * 65_536n,
              size: 65_536n,
              allocation,
              allocationOffset: 0n,
              allocationSize: 65_536n,
            },
          })),
        }),
        'updateGpuVirtualAddress',
      );
      // The update signals the value after the one that it waited for.
      await client.wait(done.syncObject, 1n);
      assert.equal(done.fenceView?.value(), 1n);
      unwrap(
        await process.freeGpuVirtualAddress({ adapter, baseAddress: virtualAddress, size }),
        'freeGpuVirtualAddress',
      );
    });
  });
}
