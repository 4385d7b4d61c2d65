import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { KmtEvent, unwrap } from '@dxgwire/guest/kmt';
import { Client, configurations, Machine, nameOf, PAGE } from './rig.ts';

const ENODEV = 19;
const EXECUTION = 1;
const STOPPED = 4;

for (const options of configurations) {
  describe(`two GPUs, one compute only: ${nameOf(options)}`, () => {
    let machine: Machine;
    afterEach(() => machine.powerOff());

    test('the same calls on both do the same, and neither sees the other', async () => {
      machine = await Machine.start({ ...options, gpuCount: 2 });
      const summaries = machine.driver.adapterSummaries();
      assert.deepEqual(
        summaries.map(({ state, isComputeOnly }) => [state, isComputeOnly]),
        [
          ['active', false],
          ['active', true],
        ],
      );
      assert.notDeepEqual(summaries[0]!.luid, summaries[1]!.luid);
      const process = await machine.driver.openDevice({ pid: 4242, comm: 'golden-client' });
      const shown = unwrap(await process.enumAdapters3({ filter: 0n, adapterCount: 8 }), 'enumAdapters3');
      assert.equal(shown.adapters.length, 1);
      const all = unwrap(await process.enumAdapters3({ filter: 1n, adapterCount: 8 }), 'enumAdapters3');
      assert.equal(all.adapters.length, 2);
      const clients: Client[] = [];
      for (const index of [0, 1]) {
        const client = await Client.on(machine, process, index);
        clients.push(client);
        const type = unwrap(
          await process.queryAdapterInfo({
            adapter: client.adapter,
            type: 15,
            privateData: new Uint8Array(4),
          }),
          'queryAdapterInfo',
        );
        const bits = type.privateData[0]! | (type.privateData[1]! << 8);
        assert.equal((bits >> 11) & 1, index, 'compute_only');
        assert.equal(bits & 1, 1, 'render_supported');
        const { allocation } = await client.allocate(4 * PAGE);
        const address = await client.bind(allocation, 4 * PAGE);
        await client.run((encoder) => encoder.fill(address, BigInt(4 * PAGE), 0x11111111 * (index + 1)));
        const { data } = unwrap(await process.lock2({ device: client.device, allocation }), 'lock2');
        assert.ok(data!.every((byte) => byte === 0x11 * (index + 1)));
        unwrap(await process.unlock2({ device: client.device, allocation }), 'unlock2');
        const info = unwrap(
          await process.queryVideoMemoryInfo({ adapter: client.adapter }),
          'queryVideoMemoryInfo',
        );
        assert.equal(info.currentUsage, BigInt(4 * PAGE), 'usage is counted for each GPU apart');
      }
      const [first, second] = clients;
      // A fence of one orders work of the other: fences belong to the process.
      const fence = await first!.fence();
      unwrap(
        await process.submitWaitForSyncObjectsToHwQueue({
          hwqueue: second!.queue,
          objects: [fence.syncObject],
          fenceValues: [1n],
        }),
        'submitWaitForSyncObjectsToHwQueue',
      );
      const done = await second!.submit(() => {});
      unwrap(
        await process.submitSignalSyncObjectsToHwQueue({
          hwqueues: [first!.queue],
          objects: [fence.syncObject],
          fenceValues: [1n],
        }),
        'submitSignalSyncObjectsToHwQueue',
      );
      await second!.wait(second!.progressFence, done);
      // The error of a device is its own.
      unwrap(
        await process.markDeviceAsError({ device: first!.device, reason: 0x80000000 }),
        'markDeviceAsError',
      );
      await second!.run(() => {});
      unwrap(await process.closeAdapter({ adapterHandle: first!.adapter }), 'closeAdapter');
      await second!.run(() => {});
      unwrap(await process.closeDevice(), 'closeDevice');
      machine.assertEmpty('the end of a process with two GPUs');
    });
  });

  describe(`a GPU taken away: ${nameOf(options)}`, () => {
    let machine: Machine;
    afterEach(() => machine.powerOff());

    test('under a live device: waits end, work is refused, and closing cleans up', async () => {
      machine = await Machine.start(options);
      const client = await Client.open(machine, 4242, 'golden-client');
      const { device, process } = client;
      const fence = await client.fence();
      const event = new KmtEvent();
      const wait = { device, objects: [fence.syncObject], fenceValues: [5n] };
      unwrap(
        await process.waitForSynchronizationObjectFromCpu({ ...wait, asyncEvent: event }),
        'waitForSynchronizationObjectFromCpu',
      );
      const blocked = process.waitForSynchronizationObjectFromCpu(wait);
      await client.roundTrip();
      machine.partition.removeGpu(0);
      await event.wait();
      assert.equal((await blocked).ret, 0);
      const state = unwrap(await process.getDeviceState({ device, stateType: EXECUTION }), 'getDeviceState');
      assert.equal(state.executionState, STOPPED);
      const again = await process.waitForSynchronizationObjectFromCpu(wait);
      assert.equal(again.ret, -ENODEV);
      const created = await process.createAllocation({
        device,
        allocationInfo: [{ privDrvData: new Uint8Array(16) }],
      });
      assert.ok(created.ret < 0);
      assert.equal(machine.driver.adapterSummaries()[0]!.state, 'active', 'not before its devices are gone');
      unwrap(await process.closeDevice(), 'closeDevice');
      while (machine.driver.adapterSummaries()[0]!.state !== 'stopped') {
        await new Promise((resolve) => setImmediate(resolve));
      }
      machine.assertEmpty('the removal of a GPU');
    });

    test('the last answers on its channel come before the channel goes', async () => {
      machine = await Machine.start(options);
      const client = await Client.open(machine, 4242, 'golden-client');
      machine.partition.removeGpu(0);
      const { ret } = await client.process.destroyDevice({ device: client.device });
      assert.equal(ret, 0, 'a stock driver would wait for ever for an answer on a channel that is gone');
      while (machine.driver.adapterSummaries()[0]!.state !== 'stopped') {
        await new Promise((resolve) => setImmediate(resolve));
      }
      await client.process.closeDevice();
      machine.assertEmpty('the removal of a GPU');
    });

    test('at once, over a full device: the host cleans up by itself', async () => {
      machine = await Machine.start(options);
      const client = await Client.open(machine, 4242, 'golden-client');
      const { device, process } = client;
      const { allocation } = await client.allocate(4 * PAGE);
      const address = await client.bind(allocation, 4 * PAGE);
      const block = machine.guestMemory(PAGE);
      await client.allocate(PAGE, { block });
      unwrap(await process.lock2({ device, allocation }), 'lock2');
      const fence = await client.fence();
      const wait = { device, objects: [fence.syncObject], fenceValues: [5n] };
      const blocked = process.waitForSynchronizationObjectFromCpu(wait);
      unwrap(
        await process.submitWaitForSyncObjectsToHwQueue({
          hwqueue: client.queue,
          objects: [fence.syncObject],
          fenceValues: [1n],
        }),
        'submitWaitForSyncObjectsToHwQueue',
      );
      await client.submit((encoder) => encoder.fill(address, 64n, 1));
      await client.roundTrip();
      machine.partition.removeGpu(0, { force: true });
      await blocked;
      while (machine.driver.adapterSummaries()[0]!.state !== 'stopped') {
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.equal((await process.createDevice({ adapter: client.adapter })).ret, -ENODEV);
      await process.closeDevice();
      machine.assertEmpty('the removal of a GPU by force');
    });

    test('one of two: the other goes on', async () => {
      machine = await Machine.start({ ...options, gpuCount: 2 });
      const process = await machine.driver.openDevice({ pid: 4242, comm: 'golden-client' });
      const kept = await Client.on(machine, process, 0);
      const gone = await Client.on(machine, process, 1);
      await gone.run(() => {});
      machine.partition.removeGpu(1, { force: true });
      while (machine.driver.adapterSummaries()[1]!.state !== 'stopped') {
        await new Promise((resolve) => setImmediate(resolve));
      }
      await kept.run(() => {});
      await process.closeDevice();
      machine.assertEmpty('the removal of one GPU of two');
    });
  });
}
