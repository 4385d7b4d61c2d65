import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Account } from '../account.ts';
import { Status } from '../memory/status.ts';
import { FakeWindow } from '../model/fake-bus.ts';
import { CpuWaits } from './cpu-waits.ts';
import { createSyncObject } from './create-sync-object.ts';
import { FakeClock } from './fake-clock.ts';
import { signalFromCpu } from './signal-from-cpu.ts';
import { SyncKind, type SyncObjectInstance } from './sync-object.ts';
import { WaitNode } from './wait-heap.ts';

const ALLOW_REWIND = 1 << 2;
const NO_SIGNAL = 1 << 4;
const NO_WAIT = 1 << 5;

const window = new FakeWindow(1 << 16);

function fence(fenceValue = 0n, windowOffset = -1): SyncObjectInstance {
  return createSyncObject({ type: SyncKind.monitoredFence, flags: 0, fenceValue }, window, windowOffset)!;
}

describe('a monitored fence', () => {
  it('has its value in the page of every opener, from the start', () => {
    const first = fence(0x1_0000_0002n, 0);
    assert.equal(window.loadU64(0), 0x1_0000_0002n);
    const second = first.open(0, 4096);
    assert.equal(window.loadU64(4096), 0x1_0000_0002n);
    signalFromCpu([second], [2n ** 63n], 0n, 0);
    assert.equal(window.loadU64(0), 2n ** 63n);
    first.close();
    signalFromCpu([second], [2n ** 64n - 1n], 0n, 0);
    assert.equal(window.loadU64(0), 2n ** 63n);
    assert.equal(window.loadU64(4096), 2n ** 64n - 1n);
  });

  it('is opened and closed in any order, and shows its value in the pages of those that are open', () => {
    const first = fence(1n, 0);
    const [a, b, c] = [first.open(0, 4096), first.open(0, 8192), first.open(0, 12_288)];
    const values = () => [0, 4096, 8192, 12_288].map((offset) => window.loadU64(offset));
    a!.close();
    signalFromCpu([first], [2n], 0n, 0);
    assert.deepEqual(values(), [2n, 1n, 2n, 2n]);
    first.close();
    c!.close();
    c!.close();
    signalFromCpu([b!], [3n], 0n, 0);
    assert.deepEqual(values(), [2n, 1n, 3n, 2n]);
    b!.close();
    assert.equal(b!.object.published.length, 0);
  });

  it('takes no time with the number of its openers to be closed', () => {
    const first = fence();
    const openers = Array.from({ length: 100_000 }, () => first.open(0, 4096));
    const used = process.cpuUsage();
    for (const each of openers.reverse()) each.close();
    // Many seconds where each is looked for in a list of all, else some hundredths of one.
    assert.ok(process.cpuUsage(used).user < 3_000_000);
  });

  it('goes back from the CPU only where that is allowed, and never by a GPU signal', () => {
    const instance = fence(10n);
    assert.equal(signalFromCpu([instance], [9n], 0n, 0), Status.invalidParameter);
    assert.equal(signalFromCpu([instance], [10n], 0n, 0), Status.success);
    instance.signal(3, 0);
    assert.equal(instance.object.value, 10n);
    assert.equal(signalFromCpu([instance], [9n], 0n, ALLOW_REWIND), Status.success);
    assert.equal(instance.object.value, 9n);
  });

  it('signals all objects of a call or none', () => {
    const [low, high] = [fence(1n), fence(5n)];
    assert.equal(signalFromCpu([low, high], [2n, 4n], 0n, 0), Status.invalidParameter);
    assert.equal(low.object.value, 1n);
    const denied = low.open(NO_SIGNAL, -1);
    assert.equal(signalFromCpu([low, denied], null, 9n, 0), Status.accessDenied);
    assert.equal(low.object.value, 1n);
  });
});

describe('CPU waits', () => {
  function setUp(options: { maxWaits?: number; maxObjects?: number; held?: Account } = {}) {
    const events: bigint[] = [];
    const waits = new CpuWaits({ signalEvent: (event) => events.push(event), ...options });
    return { events, waits, device: {} };
  }

  it('send their event at once when they are satisfied already', () => {
    const { events, waits, device } = setUp();
    assert.equal(waits.wait(device, [fence(3n)], [3n], false, 2n), Status.success);
    assert.equal(waits.wait(device, [fence(3n), fence(0n)], [3n, 1n], true, 3n), Status.success);
    assert.deepEqual(events, [2n, 3n]);
    assert.equal(waits.pending, 0);
  });

  it('send it exactly once: any of the objects, or all of them', () => {
    const { events, waits, device } = setUp();
    const [a, b, c] = [fence(), fence(), fence(7n)];
    waits.wait(device, [a, b, c], [1n, 1n, 7n], false, 2n);
    waits.wait(device, [a, b], [1n, 1n], true, 3n);
    signalFromCpu([a], [1n], 0n, 0);
    assert.deepEqual(events, [3n]);
    signalFromCpu([b], [2n], 0n, 0);
    signalFromCpu([b], [3n], 0n, 0);
    assert.deepEqual(events, [3n, 2n]);
  });

  it('are released by the end of their instance, waiter or process', () => {
    const { events, waits, device } = setUp();
    const shared = fence();
    const opened = shared.open(0, -1);
    waits.wait(device, [opened], [1n], false, 2n);
    waits.wait(device, [shared], [1n], false, 3n);
    waits.wait({}, [shared], [1n], false, 4n);
    opened.close();
    assert.deepEqual(events, [2n]);
    waits.releaseWaiter(device);
    assert.deepEqual(events, [2n, 3n]);
    waits.releaseAll();
    assert.deepEqual(events, [2n, 3n, 4n]);
    signalFromCpu([shared], [1n], 0n, 0);
    assert.equal(events.length, 3);
  });

  it('are refused for other kinds of objects, without right, and above their limits', () => {
    const { events, waits, device } = setUp({ maxWaits: 2, maxObjects: 3 });
    const legacy = createSyncObject({ type: SyncKind.fence, flags: 0, fenceValue: 0n }, window, -1)!;
    assert.equal(waits.wait(device, [legacy], [0n], false, 2n), Status.invalidParameter);
    assert.equal(waits.wait(device, [], [], false, 2n), Status.invalidParameter);
    assert.equal(waits.wait(device, [fence().open(NO_WAIT, -1)], [0n], false, 2n), Status.accessDenied);
    const object = fence();
    assert.equal(waits.wait(device, [object, object], [1n, 2n], false, 2n), Status.success);
    assert.equal(waits.wait(device, [object, object], [1n, 2n], false, 3n), Status.noMemory);
    assert.equal(waits.wait(device, [object], [1n], false, 4n), Status.success);
    assert.equal(waits.wait(device, [object], [1n], false, 5n), Status.noMemory);
    assert.deepEqual(events, []);
    signalFromCpu([object], [2n], 0n, 0);
    assert.deepEqual(events.sort(), [2n, 4n]);
  });

  it('of all processes of a guest together count against its quota, with their objects', () => {
    const held = new Account(7);
    const [a, b] = [setUp({ held }), setUp({ held })];
    const object = fence();
    assert.equal(a.waits.wait(a.device, [object, object], [1n, 2n], false, 2n), Status.success);
    assert.equal(b.waits.wait(b.device, [object, object, object], [1n, 2n, 3n], false, 3n), Status.success);
    assert.equal(held.used, 7);
    assert.equal(a.waits.wait(a.device, [object], [1n], false, 4n), Status.noMemory);
    b.waits.releaseAll();
    assert.equal(held.used, 3);
    assert.equal(a.waits.wait(a.device, [object], [1n], false, 4n), Status.success);
    signalFromCpu([object], [2n], 0n, 0);
    assert.equal(held.used, 0);
  });

  it('wake by value, lowest first, whatever the order of registration', () => {
    const { events, waits, device } = setUp();
    const object = fence();
    const values = [5n, 1n, 9n, 3n, 2n ** 40n, 7n, 2n, 8n, 4n, 6n];
    for (const value of values) waits.wait(device, [object], [value], false, value);
    signalFromCpu([object], [4n], 0n, 0);
    assert.deepEqual(events, [1n, 2n, 3n, 4n]);
    signalFromCpu([object], [2n ** 32n], 0n, 0);
    assert.deepEqual(events, [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n]);
    signalFromCpu([object], [2n ** 64n - 1n], 0n, 0);
    assert.equal(events.at(-1), 2n ** 40n);
  });
});

describe('other kinds', () => {
  it('a CPU notification tells each signal until its creator closes it', () => {
    let told = 0;
    const notify = () => {
      told += 1;
    };
    const instance = createSyncObject({ type: SyncKind.cpuNotification, flags: 0, notify }, window, -1)!;
    const opened = instance.open(0, -1);
    instance.signal(0, 0);
    opened.close();
    instance.signal(0, 0);
    assert.equal(told, 2);
    instance.close();
    instance.object.signal(0, 0, false);
    assert.equal(told, 2);
  });

  it('a periodic fence rises by one per period while it is open', () => {
    const clock = new FakeClock();
    const request = { type: SyncKind.periodicMonitoredFence, flags: 0, clock, periodMs: 16 };
    const instance = createSyncObject(request, window, 8192)!;
    const events: bigint[] = [];
    const waits = new CpuWaits({ signalEvent: (event) => events.push(event) });
    waits.wait({}, [instance], [3n], false, 5n);
    clock.advance(47);
    assert.equal(instance.object.value, 2n);
    clock.advance(1);
    assert.deepEqual(events, [5n]);
    assert.equal(window.loadU64(8192), 3n);
    instance.close();
    assert.equal(clock.pendingTimers, 0);
  });

  it('a semaphore wakes no more waiters than it has count for, and keeps that for them', () => {
    class Waiter extends WaitNode {
      wakes = 0;
      override wake(): void {
        this.wakes += 1;
      }
    }
    const request = { type: SyncKind.semaphore, flags: 0, semaphoreMaxCount: 9, semaphoreInitialCount: 0 };
    const { object } = createSyncObject(request, window, -1)!;
    const waiters = Array.from({ length: 100 }, () => new Waiter());
    for (const waiter of waiters) object.addWaiter(waiter, 0, 0);
    const woken = () => waiters.filter((waiter) => waiter.wakes > 0).length;
    object.signal(0, 0, false);
    assert.equal(woken(), 1);
    assert.equal(object.isSatisfied(0, 0), false, 'for others');
    // The first dies without asking: its turn goes on.
    waiters[0]!.takeTurn()!.wakeWaiters();
    assert.equal(woken(), 2);
    object.signal(0, 0, false);
    assert.equal(woken(), 3);
    assert.ok(waiters[1]!.takeTurn() !== null && object.isSatisfied(0, 0));
    object.acquire();
    assert.equal(object.isSatisfied(0, 0), false);
  });

  it('a periodic fence keeps its pace with a period that is no round number', () => {
    const clock = new FakeClock();
    const request = { type: SyncKind.periodicMonitoredFence, flags: 0, clock, periodMs: 1000 / 60 };
    const instance = createSyncObject(request, window, -1)!;
    clock.advance(10_001);
    assert.equal(instance.object.value, 600n);
    instance.close();
  });

  it('are refused when they make no sense', () => {
    assert.equal(createSyncObject({ type: SyncKind.semaphore, flags: 0 }, window, -1), null);
    assert.equal(createSyncObject({ type: SyncKind.periodicMonitoredFence, flags: 0 }, window, -1), null);
    assert.equal(createSyncObject({ type: SyncKind.cpuNotification, flags: 0 }, window, -1), null);
    assert.equal(createSyncObject({ type: 7, flags: 0 }, window, -1), null);
  });
});
