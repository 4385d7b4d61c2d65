import assert from 'node:assert/strict';
import { KmtEvent, startDriver } from '@dxgwire/guest/kmt';
import type { GuestBus } from '@dxgwire/transport';

/** A program on our driver: a device, and fences that are waited for. */
export async function useDriver(bus: GuestBus): Promise<void> {
  const driver = await startDriver(bus);
  const process = await driver.openDevice({ pid: 1, comm: 'conformance' });
  const { adapters } = await process.enumAdapters3({ filter: 1n, adapterCount: 8 });
  const { device } = await process.createDevice({ adapter: adapters[0]?.adapterHandle ?? 0 });
  // Asked together: their answers need not come in this order.
  const adapter = adapters[0]?.adapterHandle ?? 0;
  for (let round = 0; round < 3; round += 1) {
    const asked = Array.from({ length: 4 }, () =>
      process.queryAdapterInfo({ adapter, type: 15, privateData: new Uint8Array(4) }),
    );
    await Promise.all(asked);
  }
  for (let round = 0; round < 6; round += 1) {
    const { syncObject } = await process.createSynchronizationObject2({ device, info: { type: 5 } });
    const asyncEvent = new KmtEvent();
    const objects = [syncObject];
    await process.waitForSynchronizationObjectFromCpu({ device, objects, fenceValues: [1n], asyncEvent });
    await process.signalSynchronizationObjectFromCpu({ device, objects, fenceValues: [1n] });
    await asyncEvent.wait();
    assert.equal(asyncEvent.count, 0, 'the event came once');
    await process.destroySynchronizationObject({ syncObject });
  }
  await process.closeDevice();
  await driver.close();
}
