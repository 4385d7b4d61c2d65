import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { KmtEvent, unwrap } from '@dxgwire/guest/kmt';
import { AllocationBits, Client, configurations, Machine, nameOf, PAGE, SHARED_FENCE } from './rig.ts';

const ENOTTY = 25;
const EINVAL = 22;
const ERESTARTSYS = 512;

for (const options of configurations) {
  describe(`lifetimes: ${nameOf(options)}`, () => {
    let machine: Machine;
    beforeEach(async () => {
      machine = await Machine.start(options);
    });
    afterEach(() => machine.powerOff());

    test('a second open shares the process, and the last close ends it', async () => {
      const client = await Client.open(machine, 4242, 'golden-client');
      const second = await machine.driver.openDevice({ pid: 4242, comm: 'golden-client' });
      assert.equal(machine.census().processes, 1);
      unwrap(await client.process.closeDevice(), 'closeDevice');
      const state = unwrap(
        await second.getDeviceState({ device: client.device, stateType: 1 }),
        'getDeviceState',
      );
      assert.equal(state.executionState, 1);
      unwrap(await second.closeDevice(), 'closeDevice');
      machine.assertEmpty('the last close');
    });

    test('a foreign caller is turned away, and the owner does not notice', async () => {
      const client = await Client.open(machine, 4242, 'golden-client');
      const sent = machine.driver.statistics.messagesSent;
      const foreign = client.process.inherited();
      assert.equal((await foreign.destroyDevice({ device: client.device })).ret, -ENOTTY);
      assert.equal(machine.driver.statistics.messagesSent, sent);
      await client.run(() => {});
      unwrap(await client.process.closeDevice(), 'closeDevice');
      machine.assertEmpty('the close');
    });

    test('the event of an interrupted wait comes late and hurts nobody', async () => {
      const client = await Client.open(machine, 4242, 'golden-client');
      const { device, process } = client;
      const fence = await client.fence();
      const interruption = new AbortController();
      const objects = [fence.syncObject];
      const waiting = process.waitForSynchronizationObjectFromCpu({
        device,
        objects,
        fenceValues: [5n],
        interrupt: interruption.signal,
      });
      await client.roundTrip();
      interruption.abort();
      assert.equal((await waiting).ret, -ERESTARTSYS);
      assert.equal(machine.census()['scheduler.cpuWaits'] ?? machine.census().cpuWaits, 1);
      const late = machine.driver.statistics.eventsUnknown;
      await client.signal(fence.syncObject, 5n);
      await client.roundTrip();
      assert.equal(machine.driver.statistics.eventsUnknown, late + 1);
      assert.equal(fence.fenceView?.value(), 5n);
      await client.wait(fence.syncObject, 5n);
      unwrap(await process.closeDevice(), 'closeDevice');
      machine.assertEmpty('an interrupted wait');
    });

    test('waits end when their object is destroyed: by event and inside the call', async () => {
      const client = await Client.open(machine, 4242, 'golden-client');
      const { device, process } = client;
      const fence = await client.fence();
      const other = await client.fence();
      const event = new KmtEvent();
      unwrap(
        await process.waitForSynchronizationObjectFromCpu({
          device,
          objects: [other.syncObject, fence.syncObject],
          fenceValues: [1n, 5n],
          asyncEvent: event,
        }),
        'waitForSynchronizationObjectFromCpu',
      );
      const blocked = process.waitForSynchronizationObjectFromCpu({
        device,
        objects: [fence.syncObject],
        fenceValues: [9n],
      });
      await client.roundTrip();
      unwrap(await process.destroySynchronizationObject({ syncObject: fence.syncObject }), 'destroy');
      await event.wait();
      assert.equal((await blocked).ret, 0);
      assert.equal(machine.driver.statistics.eventsRegistered, 0);
      unwrap(await process.closeDevice(), 'closeDevice');
      machine.assertEmpty('waits on a destroyed object');
    });

    test('a shared fence outlives the handle of its creator, and the creator', async () => {
      const a = await Client.open(machine, 4242, 'golden-client');
      const b = await Client.open(machine, 4343, 'second-client');
      const fence = await a.fence(SHARED_FENCE, 2n);
      const shared = unwrap(await a.process.shareObjects({ objects: [fence.syncObject] }), 'shareObjects');
      unwrap(await a.process.destroySynchronizationObject({ syncObject: fence.syncObject }), 'destroy');
      const ntHandle = shared.sharedHandle;
      const opened = unwrap(
        await b.process.openSyncObjectFromNtHandle2({ ntHandle, device: b.device }),
        'openSyncObjectFromNtHandle2',
      );
      assert.equal(opened.fenceView?.value(), 2n);
      const own = unwrap(
        await a.process.openSyncObjectFromNtHandle2({ ntHandle, device: a.device }),
        'openSyncObjectFromNtHandle2',
      );
      const waiting = b.wait(opened.syncObject, 7n);
      await a.signal(own.syncObject, 7n);
      await waiting;
      assert.equal(opened.fenceView?.value(), 7n);
      unwrap(await a.process.closeDevice({ processExiting: true }), 'closeDevice');
      const again = unwrap(
        await b.process.openSyncObjectFromNtHandle2({ ntHandle, device: b.device }),
        'openSyncObjectFromNtHandle2',
      );
      assert.equal(again.fenceView?.value(), 7n);
      unwrap(await a.process.closeFd(ntHandle), 'closeFd');
      await b.signal(again.syncObject, 8n);
      assert.equal(opened.fenceView?.value(), 8n);
      unwrap(await b.process.closeDevice(), 'closeDevice');
      machine.assertEmpty('a shared fence');
    });

    test('a shared resource outlives the handle of its creator, with its contents', async () => {
      const a = await Client.open(machine, 4242, 'golden-client');
      const b = await Client.open(machine, 4343, 'second-client');
      const flags =
        AllocationBits.createResource | AllocationBits.createShared | AllocationBits.ntSecuritySharing;
      const { allocation, resource } = await a.allocate(2 * PAGE, { flags });
      const address = await a.bind(allocation, 2 * PAGE);
      await a.run((encoder) => encoder.fill(address, BigInt(2 * PAGE), 0x01020304));
      const { sharedHandle: ntHandle } = unwrap(
        await a.process.shareObjects({ objects: [resource] }),
        'shareObjects',
      );
      unwrap(await a.process.destroyAllocation2({ device: a.device, resource }), 'destroyAllocation2');
      unwrap(await a.process.closeDevice({ processExiting: true }), 'closeDevice');
      const sizes = unwrap(
        await b.process.queryResourceInfoFromNtHandle({ device: b.device, ntHandle }),
        'queryResourceInfoFromNtHandle',
      );
      const opened = unwrap(
        await b.process.openResourceFromNtHandle({ ...sizes, device: b.device, ntHandle }),
        'openResourceFromNtHandle',
      );
      unwrap(await b.process.closeFd(ntHandle), 'closeFd');
      const [theirs] = opened.openAllocInfo;
      const target = await b.allocate(2 * PAGE);
      const from = await b.bind(theirs!.allocation, 2 * PAGE);
      const to = await b.bind(target.allocation, 2 * PAGE);
      await b.run((encoder) => encoder.copy(from, to, BigInt(2 * PAGE)));
      const { data } = unwrap(
        await b.process.lock2({ device: b.device, allocation: target.allocation }),
        'lock2',
      );
      assert.deepEqual([...data!.subarray(2 * PAGE - 4)], [4, 3, 2, 1]);
      unwrap(await b.process.closeDevice(), 'closeDevice');
      machine.assertEmpty('a shared resource');
    });

    test('a GPU wait of a sync file goes on without the handle that it was made through', async () => {
      const client = await Client.open(machine, 4242, 'golden-client');
      const { device, process } = client;
      const fence = await client.fence(SHARED_FENCE);
      const { syncFileHandle } = unwrap(
        await process.createSyncFile({ device, monitoredFence: fence.syncObject, fenceValue: 4n }),
        'createSyncFile',
      );
      unwrap(await process.waitSyncFile({ syncFileHandle, context: client.context }), 'waitSyncFile');
      const done = await client.fence();
      unwrap(
        await process.signalSynchronizationObjectFromGpu({
          context: client.context,
          objects: [done.syncObject],
          monitoredFenceValues: [1n],
        }),
        'signalSynchronizationObjectFromGpu',
      );
      await client.roundTrip();
      assert.equal(done.fenceView?.value(), 0n);
      await client.signal(fence.syncObject, 4n);
      await client.wait(done.syncObject, 1n);
      assert.equal(done.fenceView?.value(), 1n);
      unwrap(await process.closeFd(syncFileHandle), 'closeFd');
      unwrap(await process.closeDevice(), 'closeDevice');
      machine.assertEmpty('a sync file');
    });

    test('arguments that the driver passes on unchecked are refused, and the link goes on', async () => {
      const client = await Client.open(machine, 4242, 'golden-client');
      const { adapter, context, device, pagingQueue, process } = client;
      const before = machine.census();
      const refused: Record<string, Promise<{ readonly ret: number }>> = {
        'a context on no node': process.createContextVirtual({ device, nodeOrdinal: 0xffff_ffff }),
        'a sync object of no type': process.createSynchronizationObject2({
          device,
          info: { type: 3, flags: 1 << 20 },
        }),
        'a paging queue of no priority': process.createPagingQueue({ device, priority: 9 }),
        'a state of no type': process.getDeviceState({ device, stateType: 99 }),
        'an adapter query of no type': process.queryAdapterInfo({
          adapter,
          type: 0xffff_ffff,
          privateData: new Uint8Array(5),
        }),
        'a priority out of range': process.setContextSchedulingPriority({ context, priority: 8 }),
        'a priority below the range': process.setContextInProcessSchedulingPriority({
          context,
          priority: -8,
        }),
        'a clock of no node': process.queryClockCalibration({ adapter, nodeOrdinal: 2 }),
        'memory of no group': process.queryVideoMemoryInfo({ adapter, memorySegmentGroup: 2 }),
        'a reservation beyond all memory': process.changeVideoMemoryReservation({
          adapter,
          reservation: (1n << 64n) - 1n,
        }),
        'addresses without length': process.reserveGpuVirtualAddress({ adapter, size: 0n }),
        'addresses beyond the space': process.reserveGpuVirtualAddress({
          adapter,
          size: 0xffff_ffff_ffff_0000n,
        }),
        'nothing to free': process.freeGpuVirtualAddress({
          adapter,
          baseAddress: 1n << 63n,
          size: (1n << 64n) - 4096n,
        }),
        'a mapping past all addresses': process.mapGpuVirtualAddress({
          pagingQueue,
          baseAddress: 0xffff_ffff_ffff_f000n,
          sizeInPages: (1n << 52n) + 1n,
        }),
        'an allocation that is a device': process.evict({ device, allocations: [device] }),
      };
      for (const [what, call] of Object.entries(refused)) {
        const { ret } = await call;
        assert.ok(ret < 0, `${what}: ${ret}`);
      }
      assert.deepEqual(machine.census(), before);
      assert.equal(
        (await process.escape({ adapter, device: context, privDrvData: new Uint8Array(8) })).ret,
        -75,
        'an escape to no device has a short answer',
      );
      assert.equal((await process.destroySynchronizationObject({ syncObject: 77 })).ret, -EINVAL);
      await client.run(() => {});
      unwrap(await process.closeDevice(), 'closeDevice');
      machine.assertEmpty('refusals');
    });
  });
}
