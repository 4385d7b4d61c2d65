import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { KmtEvent, startDriver, unwrap } from '@dxgwire/guest/kmt';
import { AllocationBits, Client, configurations, Machine, nameOf, PAGE, SHARED_FENCE, sized } from './rig.ts';

interface Filled {
  readonly client: Client;
  /** Descriptors of a resource, a fence and a sync file. */
  readonly descriptors: readonly number[];
  /** A wait inside a call: how it ends is recorded here. */
  readonly blocked: Promise<{ readonly ret: number }>;
}

/** One of everything that a device can have, in the middle of work that does not end by itself. */
async function fill(machine: Machine, pid: number, comm: string): Promise<Filled> {
  const client = await Client.open(machine, pid, comm);
  const { device, process } = client;
  const plain = await client.allocate(16 * PAGE);
  await client.bind(plain.allocation, 16 * PAGE);
  unwrap(await process.lock2({ device, allocation: plain.allocation }), 'lock2');
  const shared = await client.allocate(4 * PAGE, {
    flags: AllocationBits.createResource | AllocationBits.createShared | AllocationBits.ntSecuritySharing,
  });
  const block = machine.guestMemory(8 * PAGE);
  const system = await client.allocate(8 * PAGE, { block });
  const address = await client.bind(system.allocation, 8 * PAGE);
  unwrap(
    await process.reserveGpuVirtualAddress({ adapter: client.adapter, size: 1n << 16n }),
    'reserveGpuVirtualAddress',
  );
  const own = await client.fence();
  const sharedFence = await client.fence(SHARED_FENCE, 3n);
  for (const info of [
    { type: 1, mutex: { initialState: 1 } },
    { type: 2, semaphore: { maxCount: 4, initialCount: 1 } },
    { type: 3, fence: { fenceValue: 9n } },
    { type: 4, cpuNotification: { event: new KmtEvent() } },
  ]) {
    unwrap(
      await process.createSynchronizationObject2({ device, info }),
      `createSynchronizationObject2 of type ${info.type}`,
    );
  }
  const objects = [own.syncObject];
  unwrap(
    await process.waitForSynchronizationObjectFromCpu({
      device,
      objects,
      fenceValues: [100n],
      asyncEvent: new KmtEvent(),
    }),
    'waitForSynchronizationObjectFromCpu',
  );
  const blocked = process.waitForSynchronizationObjectFromCpu({ device, objects, fenceValues: [101n] });
  const resource = unwrap(await process.shareObjects({ objects: [shared.resource] }), 'shareObjects');
  const fence = unwrap(await process.shareObjects({ objects: [sharedFence.syncObject] }), 'shareObjects');
  const syncFile = unwrap(
    await process.createSyncFile({ device, monitoredFence: sharedFence.syncObject, fenceValue: 50n }),
    'createSyncFile',
  );
  unwrap(
    await process.waitSyncFile({ syncFileHandle: syncFile.syncFileHandle, context: client.context }),
    'waitSyncFile',
  );
  // Both queues park: what they write comes only if the fences are signalled, which nobody will do.
  unwrap(
    await process.submitWaitForSyncObjectsToHwQueue({ hwqueue: client.queue, objects, fenceValues: [102n] }),
    'submitWaitForSyncObjectsToHwQueue',
  );
  await client.submit((encoder) => encoder.fill(address, BigInt(8 * PAGE), 0xbad));
  unwrap(
    await process.submitCommand({ broadcastContext: [client.context], privDrvData: sized(0) }),
    'submitCommand',
  );
  await client.roundTrip();
  return {
    client,
    descriptors: [resource.sharedHandle, fence.sharedHandle, syncFile.syncFileHandle],
    blocked,
  };
}

for (const options of configurations) {
  describe(`a device abandoned while it is full: ${nameOf(options)}`, () => {
    let machine: Machine;
    beforeEach(async () => {
      machine = await Machine.start(options);
    });
    afterEach(() => machine.powerOff());

    test('the device file goes first, the NT handles after it', async () => {
      const { client, descriptors } = await fill(machine, 4242, 'golden-client');
      unwrap(await client.process.closeDevice({ processExiting: true }), 'closeDevice');
      const left = machine.census();
      assert.equal(left.processes ?? 0, 0);
      for (const descriptor of descriptors) unwrap(await client.process.closeFd(descriptor), 'closeFd');
      machine.assertEmpty('the death of a process and of its descriptors');
    });

    test('the NT handles go first, then the device whole', async () => {
      const { client, descriptors } = await fill(machine, 4343, 'second-client');
      for (const descriptor of descriptors) unwrap(await client.process.closeFd(descriptor), 'closeFd');
      unwrap(await client.process.destroyDevice({ device: client.device }), 'destroyDevice');
      const again = await Client.on(machine, client.process);
      await again.run(() => {});
      unwrap(await client.process.closeDevice(), 'closeDevice');
      machine.assertEmpty('a device destroyed whole');
    });

    test('the adapter is closed over a live device', async () => {
      const { client, descriptors } = await fill(machine, 4444, 'third-client');
      unwrap(await client.process.closeAdapter({ adapterHandle: client.adapter }), 'closeAdapter');
      for (const descriptor of descriptors) unwrap(await client.process.closeFd(descriptor), 'closeFd');
      const again = await Client.on(machine, client.process);
      await again.run(() => {});
      unwrap(await client.process.closeDevice(), 'closeDevice');
      machine.assertEmpty('an adapter closed over a device');
    });

    test('the driver is removed over live devices, and another one comes', async () => {
      const { descriptors } = await fill(machine, 4242, 'golden-client');
      assert.equal(descriptors.length, 3);
      await machine.driver.close();
      machine.assertNothingOfGuest('the removal of the driver');
      const driver = await startDriver(machine.bus);
      const process = await driver.openDevice({ pid: 4343, comm: 'second-client' });
      const { luid } = driver.adapterSummaries()[0]!;
      const { adapterHandle: adapter } = unwrap(
        await process.openAdapterFromLuid({ adapterLuid: luid }),
        'openAdapterFromLuid',
      );
      const { device } = unwrap(await process.createDevice({ adapter }), 'createDevice');
      unwrap(await process.createPagingQueue({ device }), 'createPagingQueue');
      unwrap(await process.closeDevice(), 'closeDevice');
      machine.assertNothingOfGuest('the end of the second driver’s process');
    });

    test('memory destroyed synchronously does not wait for a signal that has to come later', async () => {
      const client = await Client.open(machine, 4242, 'golden-client');
      const { device, process } = client;
      const { allocation } = await client.allocate(PAGE);
      const fence = await client.fence();
      const wait = { hwqueue: client.queue, objects: [fence.syncObject], fenceValues: [1n] };
      unwrap(await process.submitWaitForSyncObjectsToHwQueue(wait), 'submitWaitForSyncObjectsToHwQueue');
      const done = await client.submit(() => {});
      unwrap(
        await process.destroyAllocation2({ device, allocations: [allocation], flags: 2 }),
        'destroyAllocation2',
      );
      await client.signal(fence.syncObject, 1n);
      await client.wait(client.progressFence, done);
      unwrap(await process.closeDevice(), 'closeDevice');
      machine.assertEmpty('a synchronous destruction');
    });

    test('another process works on while one dies, and its memory stays', async () => {
      const other = await Client.open(machine, 1, 'bystander');
      const { allocation } = await other.allocate(PAGE);
      const address = await other.bind(allocation, PAGE);
      await other.run((encoder) => encoder.fill(address, 64n, 0x600d));
      const { client, descriptors } = await fill(machine, 4242, 'golden-client');
      unwrap(await client.process.closeDevice({ processExiting: true }), 'closeDevice');
      for (const descriptor of descriptors) unwrap(await client.process.closeFd(descriptor), 'closeFd');
      const { data } = unwrap(await other.process.lock2({ device: other.device, allocation }), 'lock2');
      assert.deepEqual([...data!.subarray(0, 4)], [0x0d, 0x60, 0, 0]);
      unwrap(await other.process.closeDevice(), 'closeDevice');
      machine.assertEmpty('the end of both processes');
    });
  });
}
