import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { KmtEvent, unwrap } from '@dxgwire/guest/kmt';
import type { HostClock } from '@dxgwire/host';
import { Client, configurations, Machine, nameOf, PAGE, SHARED_FENCE } from './rig.ts';

const EXECUTION = 1;
const ACTIVE = 1;
const FENCE_MAXIMUM = (1n << 64n) - 1n;

/** Time that passes when the test says so. */
class ManualClock implements HostClock {
  #now = 0;
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void }>();

  nowMs(): number {
    return this.#now;
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const timer = { at: this.#now + delayMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  pass(ms: number): void {
    this.#now += ms;
    for (const timer of [...this.#timers]) {
      if (timer.at > this.#now || !this.#timers.delete(timer)) continue;
      timer.callback();
    }
  }
}

for (const options of configurations) {
  describe(`work that never ends: ${nameOf(options)}`, () => {
    let clock: ManualClock;
    let machine: Machine;
    beforeEach(async () => {
      clock = new ManualClock();
      machine = await Machine.start({ ...options, clock });
    });
    afterEach(() => machine.powerOff());

    /** Lets time pass in steps, with turns of the event loop between them, until a promise settles. */
    async function passUntil<T>(promise: Promise<T>): Promise<T> {
      let isSettled = false;
      const settled = promise.finally(() => {
        isSettled = true;
      });
      for (let step = 0; step < 100 && !isSettled; step += 1) {
        clock.pass(100);
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.ok(isSettled, 'settled within ten seconds');
      return settled;
    }

    test('after 2 s its device is lost, its waiters go on, and another process does not notice', async () => {
      const guilty = await Client.open(machine, 4242, 'golden-client');
      const other = await Client.open(machine, 4343, 'second-client');
      const { device, process } = guilty;
      const fence = await guilty.fence(SHARED_FENCE);
      const { sharedHandle: ntHandle } = unwrap(
        await process.shareObjects({ objects: [fence.syncObject] }),
        'shareObjects',
      );
      const opened = unwrap(
        await other.process.openSyncObjectFromNtHandle2({ ntHandle, device: other.device }),
        'openSyncObjectFromNtHandle2',
      );
      const event = new KmtEvent();
      unwrap(
        await other.process.waitForSynchronizationObjectFromCpu({
          device: other.device,
          objects: [opened.syncObject],
          fenceValues: [1n],
          asyncEvent: event,
        }),
        'waitForSynchronizationObjectFromCpu',
      );
      await guilty.submit((encoder) => encoder.hang());
      unwrap(
        await process.submitSignalSyncObjectsToHwQueue({
          hwqueues: [guilty.queue],
          objects: [fence.syncObject],
          fenceValues: [1n],
        }),
        'submitSignalSyncObjectsToHwQueue',
      );
      await guilty.roundTrip();
      clock.pass(1900);
      await guilty.roundTrip();
      assert.equal(event.count, 0, 'not before the time-out');
      await passUntil(event.wait());
      assert.equal(opened.fenceView?.value(), FENCE_MAXIMUM);
      const state = unwrap(await process.getDeviceState({ device, stateType: EXECUTION }), 'getDeviceState');
      assert.notEqual(state.executionState, ACTIVE, 'and the driver asked anew, since the host told it to');
      await other.run(() => {});
      const theirs = await other.process.getDeviceState({ device: other.device, stateType: EXECUTION });
      assert.equal(theirs.executionState, ACTIVE);
      // A new device of the same process works.
      const again = await Client.on(machine, process);
      await again.run(() => {});
      unwrap(await process.closeDevice(), 'closeDevice');
      unwrap(await process.closeFd(ntHandle), 'closeFd');
      unwrap(await other.process.closeDevice(), 'closeDevice');
      machine.assertEmpty('a time-out');
    });

    test('a process that dies meanwhile is gone when its work is', async () => {
      const opened = await Client.open(machine, 4242, 'golden-client');
      const { process } = opened;
      const block = machine.guestMemory(4 * PAGE);
      const { allocation } = await opened.allocate(4 * PAGE, { block });
      await opened.bind(allocation, 4 * PAGE);
      await opened.submit((encoder) => encoder.hang());
      await opened.roundTrip();
      const { ret } = await passUntil(process.closeDevice({ processExiting: true }));
      assert.equal(ret, 0);
      machine.assertEmpty('the death of a process with work that never ends');
      const next = await Client.open(machine, 4343, 'second-client');
      await next.run(() => {});
      unwrap(await next.process.closeDevice(), 'closeDevice');
      machine.assertEmpty('the process after it');
    });

    test('system memory under work that never ends is given back after the time-out', async () => {
      const client = await Client.open(machine, 4242, 'golden-client');
      const { device, process } = client;
      const block = machine.guestMemory(4 * PAGE);
      const { allocation } = await client.allocate(4 * PAGE, { block });
      await client.bind(allocation, 4 * PAGE);
      await client.submit((encoder) => encoder.hang());
      await client.roundTrip();
      const { ret } = await passUntil(process.destroyAllocation2({ device, allocations: [allocation] }));
      assert.equal(ret, 0);
      assert.equal(machine.driver.statistics.pinnedPages, 0);
      unwrap(await process.closeDevice(), 'closeDevice');
      machine.assertEmpty('system memory under work that never ends');
    });
  });
}
