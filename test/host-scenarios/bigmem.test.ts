import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { unwrap } from '@dxgwire/guest/kmt';
import { AllocationBits, Client, configurations, Machine, nameOf, PAGE, sized } from './rig.ts';

/** More than one page-list message holds (15,867). */
const MANY_PAGES = 16_000;
/** What one GPADL describes. */
const GPADL_PAGES = 8190;

for (const options of configurations) {
  // An older interface knows no page lists: whatever the host would take, the driver makes GPADLs.
  const usesPageLists = options.mapGuestMemory && options.interfaceVersion === 40;
  const pages = usesPageLists ? MANY_PAGES : GPADL_PAGES;

  describe(`${pages} pages of system memory: ${nameOf(options)}`, () => {
    let machine: Machine;
    let client: Client;
    beforeEach(async () => {
      machine = await Machine.start(options);
      client = await Client.open(machine, 4242, 'golden-client');
    });
    afterEach(async () => {
      unwrap(await client.process.closeDevice(), 'closeDevice');
      machine.assertEmpty('system memory');
      await machine.powerOff();
    });

    test('the GPU reads and writes every part of it, in the order of the ranges', async () => {
      const { device, process } = client;
      const block = machine.guestMemory(pages * PAGE);
      const words = new DataView(block.bytes.buffer, block.bytes.byteOffset, block.bytes.byteLength);
      for (let page = 0; page < pages; page += 1) words.setUint32(page * PAGE, page, true);
      block.flush(0, pages * PAGE);
      // Two ranges the wrong way round: the second half comes first.
      const half = Math.floor(pages / 2) * PAGE;
      const created = unwrap(
        await process.createAllocation({
          device,
          flags: AllocationBits.existingSystemMemory,
          allocationInfo: [
            {
              privDrvData: sized(pages * PAGE),
              sysmem: [
                { block, offset: half, length: pages * PAGE - half },
                { block, offset: 0, length: half },
              ],
            },
          ],
        }),
        'createAllocation',
      );
      const { allocation, allocationSize } = created.allocationInfo[0]!;
      assert.equal(allocationSize, BigInt(pages * PAGE));
      assert.equal(machine.driver.statistics.pinnedPages, pages);
      const address = await client.bind(allocation, pages * PAGE);
      const target = await client.allocate(16 * PAGE);
      const to = await client.bind(target.allocation, 16 * PAGE);
      const order = (page: number) =>
        page < pages - half / PAGE ? half / PAGE + page : page - (pages - half / PAGE);
      const probed = [0, 1, 8189, 15_866, 15_867, 15_868, pages - 1].filter((page) => page < pages);
      await client.run((encoder) => {
        for (const [index, page] of probed.entries()) {
          encoder.copy(address + BigInt(page * PAGE), to + BigInt(index * 8), 8n);
          encoder.fill(address + BigInt(page * PAGE + 8), 8n, 0xabcd0000 + page);
        }
      });
      const { data } = unwrap(await process.lock2({ device, allocation: target.allocation }), 'lock2');
      const seen = new DataView(data!.buffer, data!.byteOffset, data!.byteLength);
      for (const [index, page] of probed.entries()) {
        assert.equal(seen.getUint32(index * 8, true), order(page), `page ${page} of the allocation`);
        const at = order(page) * PAGE + 8;
        assert.equal(words.getUint32(at, true), 0xabcd0000 + page, `page ${order(page)} of the guest`);
      }
      unwrap(await process.unlock2({ device, allocation }), 'unlock2 of what was never locked');
      unwrap(await process.destroyAllocation2({ device, allocations: [allocation] }), 'destroyAllocation2');
      assert.equal(machine.driver.statistics.pinnedPages, 0);
      // The pages are the guest's again.
      block.bytes.fill(0);
      await client.run((encoder) => encoder.copy(to, to + 64n, 64n));
      assert.ok(block.bytes.every((byte) => byte === 0));
    });

    test('pages are let go while the queue that would use them stands at a wait; what comes then faults', async () => {
      const { device, process } = client;
      const block = machine.guestMemory(16 * PAGE);
      const { allocation } = await client.allocate(16 * PAGE, { block });
      const address = await client.bind(allocation, 16 * PAGE);
      const fence = await client.fence();
      unwrap(
        await process.submitWaitForSyncObjectsToHwQueue({
          hwqueue: client.queue,
          objects: [fence.syncObject],
          fenceValues: [1n],
        }),
        'submitWaitForSyncObjectsToHwQueue',
      );
      await client.submit((encoder) => encoder.fill(address, BigInt(16 * PAGE), 0xbad));
      unwrap(await process.destroyAllocation2({ device, allocations: [allocation] }), 'destroyAllocation2');
      assert.equal(machine.driver.statistics.pinnedPages, 0);
      await client.signal(fence.syncObject, 1n);
      await client.roundTrip();
      assert.ok(block.bytes.every((byte) => byte === 0));
      const state = unwrap(await process.getDeviceState({ device, stateType: 1 }), 'getDeviceState');
      assert.equal(state.executionState, 7, 'page fault');
      const fault = unwrap(await process.getDeviceState({ device, stateType: 5 }), 'getDeviceState');
      const view = new DataView(fault.state.buffer, fault.state.byteOffset, fault.state.byteLength);
      assert.equal(view.getBigUint64(24, true), address);
    });
  });
}
