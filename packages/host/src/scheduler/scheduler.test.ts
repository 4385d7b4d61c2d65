import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Account } from '../account.ts';
import type { BackendContext, NodeDescription } from '../backends/contract.ts';
import type { PageWalker, QueuedOperation } from '../memory/device-work.ts';
import { Status } from '../memory/status.ts';
import { FakeWindow, silentLog } from '../model/fake-bus.ts';
import { ScriptedAdapter } from '../model/scripted-adapter.ts';
import type { CountingObject } from './counting-object.ts';
import { CpuWaits } from './cpu-waits.ts';
import { createImplicitFence, createSyncObject } from './create-sync-object.ts';
import { ExecutionQueue } from './execution-queue.ts';
import { ExecutionState } from './execution-state.ts';
import { FakeClock } from './fake-clock.ts';
import { QUEUED_ITEM_BYTES, QUEUED_OBJECT_BYTES } from './queued-bytes.ts';
import { Scheduler, type SchedulerLimits } from './scheduler.ts';
import type { SchedulerContext, SchedulerDevice } from './scheduler-device.ts';
import type { SchedulerProcess } from './scheduler-process.ts';
import { signalFromCpu } from './signal-from-cpu.ts';
import { SyncKind, type SyncObjectInstance } from './sync-object.ts';

const MAX_U64 = 2n ** 64n - 1n;
const FLAG_NO_MAX_ON_LOSS = 1 << 6;
const SIGNAL_AT_SUBMISSION = 1;
const noMemory: PageWalker = { walk: () => ({ ok: true, runs: [] }) };

class Fixture {
  readonly clock = new FakeClock();
  readonly window = new FakeWindow(1 << 20);
  readonly adapter: ScriptedAdapter;
  readonly scheduler: Scheduler;
  readonly log: string[] = [];
  readonly process: SchedulerProcess;
  readonly device: SchedulerDevice;
  readonly cpuWaits: CpuWaits;
  #nextPage = 0;

  constructor(
    nodes: readonly Partial<NodeDescription>[] = [{}],
    limits: Partial<SchedulerLimits> = {},
    queuedBytes = new Account(1 << 30),
  ) {
    this.adapter = new ScriptedAdapter(this.clock, { nodes });
    this.scheduler = new Scheduler({
      adapter: this.adapter,
      description: this.adapter.description,
      clock: this.clock,
      log: silentLog,
      limits,
      queuedBytes,
      callbacks: {
        deviceStateChanged: (device) => this.log.push(`state ${device.state}`),
        deviceLost: () => this.log.push('lost'),
      },
    });
    this.cpuWaits = new CpuWaits({ signalEvent: (event) => this.log.push(`event ${event}`) });
    this.process = this.scheduler.createProcess();
    this.device = this.newDevice(this.process);
  }

  newDevice(process: SchedulerProcess): SchedulerDevice {
    return this.scheduler.createDevice(process, { pageWalker: noMemory, owner: {}, cpuWaits: this.cpuWaits });
  }

  context(device = this.device, hardwareQueues = false, nodeIndex = 0): SchedulerContext {
    const backendContext = this.adapter.createContext() as BackendContext;
    return this.scheduler.createContext(device, { nodeIndex, backendContext, hardwareQueues });
  }

  queue(device = this.device): ExecutionQueue {
    return this.context(device).queue!;
  }

  hardwareQueue(): { queue: ExecutionQueue; fence: SyncObjectInstance } {
    const fence = createImplicitFence(this.window, this.page());
    return { queue: this.scheduler.createHardwareQueue(this.context(this.device, true), fence), fence };
  }

  page(): number {
    this.#nextPage += 4096;
    return this.#nextPage;
  }

  fence(fenceValue = 0n, flags = 0): SyncObjectInstance {
    return createSyncObject({ type: SyncKind.monitoredFence, flags, fenceValue }, this.window, this.page())!;
  }

  submit(queue: ExecutionQueue, name: number, progress = 0n): number {
    return this.scheduler.work.submit(queue, Uint8Array.of(9, name), 1, 1, 0n, 0, progress);
  }

  wait(queue: ExecutionQueue, fence: SyncObjectInstance, value: bigint): number {
    return this.scheduler.work.waitFromGpu(queue, [fence], [value], false);
  }

  update(): QueuedOperation {
    return { heldBytes: 256, execute: () => this.log.push('update'), drop: () => this.log.push('dropped') };
  }

  signal(queue: ExecutionQueue, fence: SyncObjectInstance, value: bigint, flags = 0): number {
    return this.scheduler.work.signalFromGpu([queue], [fence], [value], 0n, flags, null);
  }

  settle(): Promise<void> {
    return this.adapter.finishMoves();
  }
}

describe('a queue', () => {
  it('starts submissions in order and signals when the work before has ended', () => {
    const f = new Fixture([{ maxInFlight: 2 }]);
    const queue = f.queue();
    const fence = f.fence();
    f.submit(queue, 1);
    f.submit(queue, 2);
    f.signal(queue, fence, 5n);
    f.submit(queue, 3);
    assert.deepEqual(f.adapter.runningNames, [1, 2]);
    f.adapter.end(2);
    assert.equal(fence.object.value, 0n);
    assert.deepEqual(f.adapter.runningNames, [1, 3]);
    f.adapter.end(1);
    assert.equal(fence.object.value, 5n);
    f.adapter.end(3);
    assert.equal(queue.count, 0);
    assert.equal(f.window.loadU64(fence.windowOffset), 5n);
  });

  it('is blocked by a wait, alone, also for values nobody has signalled yet', () => {
    const f = new Fixture();
    const [a, b] = [f.queue(), f.queue()];
    const fence = f.fence();
    f.wait(a, fence, 3n);
    f.submit(a, 1);
    f.submit(b, 2);
    assert.deepEqual(f.adapter.runningNames, [2]);
    f.adapter.end(2);
    f.signal(b, fence, 2n);
    assert.equal(queueIsBlocked(a), true);
    f.signal(b, fence, 4n);
    assert.deepEqual(f.adapter.runningNames, [1]);
  });

  it('waits for all objects of a wait', () => {
    const f = new Fixture();
    const queue = f.queue();
    const [first, second] = [f.fence(), f.fence()];
    f.scheduler.work.waitFromGpu(queue, [first, second], [1n, 1n], false);
    f.submit(queue, 1);
    signalFromCpu([second], [1n], 0n, 0);
    assert.deepEqual(f.adapter.runningNames, []);
    signalFromCpu([first], [7n], 0n, 0);
    assert.deepEqual(f.adapter.runningNames, [1]);
  });

  it('goes on with waits whose object was closed, which release only CPU waits', () => {
    const f = new Fixture();
    const queue = f.queue();
    const fence = f.fence();
    const opened = fence.open(0, f.page());
    f.wait(queue, opened, 1n);
    f.submit(queue, 1);
    f.cpuWaits.wait(f.device, [opened], [1n], false, 77n);
    opened.close();
    assert.deepEqual(f.log, ['event 77']);
    signalFromCpu([fence], [1n], 0n, 0);
    assert.deepEqual(f.adapter.runningNames, [1]);
  });

  it('signals at submission before the work has ended', () => {
    const f = new Fixture();
    const queue = f.queue();
    const fence = f.fence();
    f.submit(queue, 1);
    f.signal(queue, fence, 1n, SIGNAL_AT_SUBMISSION);
    assert.equal(fence.object.value, 1n);
    f.submit(queue, 2);
    f.signal(queue, fence, 2n, SIGNAL_AT_SUBMISSION);
    assert.equal(fence.object.value, 1n);
  });

  it('keeps its items when submissions end inside execute, however long the chain', () => {
    const f = new Fixture();
    f.adapter.immediate = true;
    const [a, b] = [f.queue(), f.queue()];
    const fence = f.fence();
    const gate = f.fence();
    f.wait(a, gate, 1n);
    for (let i = 1n; i < 20_000n; i += 2n) {
      f.submit(a, 1);
      f.signal(a, fence, i);
      f.wait(a, fence, i + 1n);
      f.wait(b, fence, i);
      f.submit(b, 2);
      f.signal(b, fence, i + 1n);
    }
    assert.equal(f.adapter.started.length, 0);
    signalFromCpu([gate], [1n], 0n, 0);
    assert.equal(f.adapter.started.length, 20_000);
    assert.equal(fence.object.value, 20_000n);
    assert.equal(f.scheduler.idle(), true);
  });

  it('fires a broadcast signal when the last of its queues has reached it', () => {
    const f = new Fixture([{ maxInFlight: 4 }]);
    const [a, b] = [f.queue(), f.queue()];
    const fence = f.fence();
    f.submit(a, 1);
    f.submit(b, 2);
    f.scheduler.work.signalFromGpu([a, b], [fence], [9n], 0n, 0, () => f.log.push('cpu event'));
    f.adapter.end(1);
    assert.equal(fence.object.value, 0n);
    assert.deepEqual(f.log, []);
    f.adapter.end(2);
    assert.equal(fence.object.value, 9n);
    assert.deepEqual(f.log, ['cpu event']);
  });

  it('runs updates between the work before and the work behind, and signals value + 1', () => {
    const f = new Fixture([{ maxInFlight: 4 }]);
    const queue = f.queue();
    const fence = f.fence(1n);
    f.submit(queue, 1);
    f.scheduler.work.update(queue, f.update(), fence, 3n, false);
    f.submit(queue, 2);
    f.adapter.end(1);
    assert.deepEqual(f.log, []);
    signalFromCpu([fence], [3n], 0n, 0);
    assert.deepEqual(f.log, ['update']);
    assert.equal(fence.object.value, 4n);
    assert.deepEqual(f.adapter.runningNames, [2]);
  });

  it('does not wait for the fence of an update that says so', () => {
    const f = new Fixture();
    const fence = f.fence();
    f.scheduler.work.update(f.queue(), f.update(), fence, 0xffffffffn, true);
    assert.deepEqual(f.log, ['update']);
    assert.equal(fence.object.value, 0x1_0000_0000n);
  });

  it('drops updates that it never performs: refused, or given up with their device', () => {
    const f = new Fixture();
    const queue = f.queue();
    f.wait(queue, f.fence(), 1n);
    assert.equal(f.scheduler.work.update(queue, f.update(), null, 0n, true), Status.success);
    assert.deepEqual(f.log, []);
    f.scheduler.markDeviceError(f.device, ExecutionState.reset);
    assert.deepEqual(f.log, [`state ${ExecutionState.reset}`, 'dropped', 'lost']);
    assert.equal(f.scheduler.work.update(queue, f.update(), null, 0n, true), Status.deviceRemoved);
    assert.equal(f.log.at(-1), 'dropped');
    assert.equal(f.log.length, 4);
  });

  it('refuses more items than its limit and puts its device out of memory', () => {
    const f = new Fixture([{}], { queueItems: 3 });
    const queue = f.queue();
    assert.equal(f.wait(queue, f.fence(), 1n), Status.success);
    assert.equal(f.submit(queue, 1), Status.success);
    assert.equal(f.submit(queue, 2), Status.success);
    assert.equal(f.submit(queue, 3), Status.noMemory);
    assert.equal(f.device.state, ExecutionState.outOfMemory);
    assert.equal(f.submit(queue, 4), Status.deviceRemoved);
  });

  it('holds no more bytes than the guest may, and gives them back as work ends or is given up', () => {
    const limit = 64 * 1024;
    const account = new Account(limit);
    const f = new Fixture([{}], {}, account);
    const data = new Uint8Array(1000);
    const blocked = f.queue();
    assert.equal(f.wait(blocked, f.fence(), 1n), Status.success);
    const otherDevice = f.newDevice(f.process);
    const other = f.queue(otherDevice);
    const gate = f.fence();
    f.wait(other, gate, 1n);
    let status: number = Status.success;
    let most = 0;
    for (let turn = 0; status === Status.success; turn += 1) {
      most = account.used;
      status = f.scheduler.work.submit(turn % 2 === 0 ? blocked : other, data, 0, data.length, 0n, 0, 0n);
    }
    assert.equal(status, Status.noMemory);
    assert.ok(most <= limit && most >= limit * 0.95, `${most} of ${limit}`);
    // One of both devices is lost; all that it held is free.
    const lost = [f.device, otherDevice].filter((device) => !device.isActive);
    assert.deepEqual(
      lost.map((device) => device.state),
      [ExecutionState.outOfMemory],
    );
    assert.match(
      lost[0]!.faultMessage,
      /hold \d+ bytes; 2024 more exceed the limit of 65536 \(queuedBytes\)/,
    );
    assert.ok(account.used <= limit / 2 + 4000, `${account.used} after one device was lost`);
    f.scheduler.markDeviceError(f.device, ExecutionState.reset);
    signalFromCpu([gate], null, 1n, 0);
    while (f.adapter.running.length > 0) f.adapter.running[0]!.end();
    assert.equal(account.used, 0);
  });

  it('counts the objects of waits and signals, and what updates hold', () => {
    const account = new Account(1 << 20);
    const f = new Fixture([{}], {}, account);
    const queue = f.queue();
    const gate = f.fence();
    f.wait(queue, gate, 1n);
    const before = account.used;
    const fences = Array.from({ length: 100 }, () => f.fence());
    const values = fences.map(() => 1n);
    f.scheduler.work.waitFromGpu(queue, fences, values, false);
    assert.ok(account.used - before >= 100 * QUEUED_OBJECT_BYTES);
    const second = f.queue();
    f.wait(second, gate, 1n);
    const beforeSignal = account.used;
    f.scheduler.work.signalFromGpu([queue, second], fences, values, 0n, 0, null);
    const signal = account.used - beforeSignal;
    assert.equal(signal, 2 * QUEUED_ITEM_BYTES + 100 * QUEUED_OBJECT_BYTES);
    f.scheduler.work.update(queue, { ...f.update(), heldBytes: 5000 }, null, 0n, true);
    assert.equal(account.used - beforeSignal - signal, QUEUED_ITEM_BYTES + 5000);
    signalFromCpu([gate], null, 1n, 0);
    signalFromCpu(fences, null, 1n, 0);
    assert.equal(account.used, 0);
    assert.deepEqual(f.log, ['update']);
  });

  it('refuses a signal on several queues for all of them when there is no room for all', () => {
    const account = new Account(4 * QUEUED_ITEM_BYTES + 200);
    const f = new Fixture([{}], {}, account);
    const queues = [f.queue(), f.queue(), f.queue()];
    f.wait(queues[0]!, f.fence(), 1n);
    f.wait(queues[1]!, f.fence(), 1n);
    assert.equal(f.scheduler.work.signalFromGpu(queues, [f.fence()], [1n], 0n, 0, null), Status.noMemory);
    assert.equal(f.device.state, ExecutionState.outOfMemory);
    assert.equal(account.used, 0);
  });

  it('waits for counting objects in turn', () => {
    const f = new Fixture([{ maxInFlight: 9 }]);
    const semaphore = createSyncObject(
      { type: SyncKind.semaphore, flags: 0, semaphoreMaxCount: 2, semaphoreInitialCount: 1 },
      f.window,
      -1,
    )!;
    const queues = [f.queue(), f.queue(), f.queue()];
    queues.forEach((queue, index) => {
      f.scheduler.work.waitFromGpu(queue, [semaphore], [0n], true);
      f.submit(queue, index);
    });
    assert.deepEqual(f.adapter.runningNames, [0]);
    f.signal(queues[0]!, semaphore, 0n);
    assert.deepEqual(f.adapter.runningNames, [0]);
    f.adapter.end(0);
    assert.deepEqual(f.adapter.runningNames, [1]);
    signalFromCpu([semaphore], null, 0n, 0);
    assert.deepEqual(f.adapter.runningNames, [1, 2]);
  });

  it('refuses a wait that names one semaphore twice, also through two openings; a fence it may', () => {
    const f = new Fixture();
    const make = (type: number) =>
      createSyncObject({ type, flags: 0, semaphoreMaxCount: 2, semaphoreInitialCount: 1 }, f.window, -1)!;
    const semaphore = make(SyncKind.semaphore);
    const [queue, fence] = [f.queue(), f.fence(1n)];
    const wait = (instances: readonly SyncObjectInstance[]): number =>
      f.scheduler.work.waitFromGpu(
        queue,
        instances,
        instances.map(() => 1n),
        false,
      );
    assert.equal(wait([semaphore, fence, semaphore]), Status.invalidParameter);
    assert.equal(wait([semaphore, semaphore.open(0, -1)]), Status.invalidParameter);
    assert.equal(wait([fence, fence]), Status.success);
    assert.equal(wait([semaphore, make(SyncKind.mutex), fence]), Status.success);
    assert.equal((semaphore.object as CountingObject).count, 0);
    assert.equal(queue.count, 0);
  });

  it('gives its turn at a counting object to the next when it has to wait for another object, too', () => {
    const f = new Fixture([{ maxInFlight: 9 }]);
    const request = { type: SyncKind.semaphore, flags: 0, semaphoreMaxCount: 2, semaphoreInitialCount: 0 };
    const semaphore = createSyncObject(request, f.window, -1)!;
    const fence = f.fence();
    const [both, doomed, last] = [f.queue(), f.queue(), f.queue()];
    f.scheduler.work.waitFromGpu(both, [semaphore, fence], [0n, 1n], false);
    f.submit(both, 0);
    for (const [index, queue] of [doomed, last].entries()) {
      f.scheduler.work.waitFromGpu(queue, [semaphore], [0n], true);
      f.submit(queue, 1 + index);
    }
    signalFromCpu([semaphore], null, 0n, 0);
    assert.deepEqual(f.adapter.runningNames, [1]);
    signalFromCpu([fence], [1n], 0n, 0);
    assert.deepEqual(f.adapter.runningNames, [1]);
    signalFromCpu([semaphore], null, 0n, 0);
    assert.deepEqual(f.adapter.runningNames, [1, 2]);
    signalFromCpu([semaphore], null, 0n, 0);
    assert.deepEqual(f.adapter.runningNames, [1, 2, 0]);
  });
});

describe('a hardware queue', () => {
  it('advances its progress fence in order and refuses ids that do not grow', () => {
    const f = new Fixture([{ maxInFlight: 2 }]);
    const { queue, fence } = f.hardwareQueue();
    assert.equal(f.submit(queue, 1, 0n), Status.invalidParameter);
    assert.equal(f.submit(queue, 1, 1n), Status.success);
    assert.equal(f.submit(queue, 2, 1n), Status.invalidParameter);
    assert.equal(f.submit(queue, 2, 0x1_0000_0000n), Status.success);
    f.adapter.end(2);
    assert.equal(fence.object.value, 0n);
    f.adapter.end(1);
    assert.equal(fence.object.value, 0x1_0000_0000n);
    assert.equal(f.window.loadU64(fence.windowOffset), 0x1_0000_0000n);
    assert.equal(f.signal(queue, fence, 2n), Status.accessDenied);
  });
});

describe('priorities', () => {
  it('serve higher contexts first, processes of one priority in turn, in-process priority within', () => {
    const f = new Fixture();
    const other = f.newDevice(f.scheduler.createProcess());
    const blocker = f.queue();
    f.submit(blocker, 99);
    const names = new Map<ExecutionQueue, number>();
    const add = (name: number, device: SchedulerDevice, priority: number, inProcess: number) => {
      const context = f.context(device);
      assert.equal(f.scheduler.setContextPriority(context, priority), Status.success);
      assert.equal(f.scheduler.setInProcessPriority(context, inProcess), Status.success);
      names.set(context.queue!, name);
      f.submit(context.queue!, name);
      f.submit(context.queue!, name);
    };
    add(1, f.device, 0, 0);
    add(2, f.device, 0, 7);
    add(3, other, 0, -7);
    add(4, other, 7, 0);
    add(5, f.device, -7, 7);
    for (let i = 0; i < 11; i += 1) f.adapter.running[0]!.end();
    assert.deepEqual(f.adapter.started, [99, 4, 4, 2, 3, 2, 3, 1, 1, 5, 5]);
  });

  it('take effect on queues that are ready', () => {
    const f = new Fixture();
    f.submit(f.queue(), 99);
    const [a, b] = [f.context(), f.context()];
    f.submit(a.queue!, 1);
    f.submit(b.queue!, 2);
    f.scheduler.setContextPriority(b, 1);
    f.adapter.end(99);
    assert.deepEqual(f.adapter.runningNames, [2]);
    assert.equal(f.scheduler.setContextPriority(b, 8), Status.invalidParameter);
  });
});

describe('loss of a device', () => {
  it('tells the state, then sets fences whose signals are lost, then sends events', () => {
    const f = new Fixture();
    const queue = f.queue();
    const lost = f.fence();
    const kept = f.fence(0n, FLAG_NO_MAX_ON_LOSS);
    const unrelated = f.fence();
    f.submit(queue, 1);
    f.scheduler.work.signalFromGpu([queue], [lost, kept], [5n, 5n], 0n, 0, null);
    f.cpuWaits.wait(f.device, [lost], [5n], false, 1n);
    f.cpuWaits.wait(f.device, [unrelated], [5n], false, 2n);
    f.cpuWaits.wait({}, [unrelated], [5n], false, 3n);
    f.adapter.end(1, { kind: 'page-fault', address: 0x12345n });
    assert.deepEqual(f.log, ['state 7', 'event 1', 'event 2', 'lost']);
    assert.equal(f.device.faultAddress, 0x12345n);
    assert.equal(lost.object.value, MAX_U64);
    assert.equal(kept.object.value, 0n);
    assert.equal(unrelated.object.value, 0n);
    assert.equal(f.submit(queue, 2), Status.deviceRemoved);
    assert.equal(f.scheduler.idle(), true);
  });

  it('keeps other devices and abandons what runs until the backend ends it', () => {
    const f = new Fixture([{ maxInFlight: 2 }]);
    const queue = f.queue();
    const other = f.queue(f.newDevice(f.process));
    f.submit(queue, 1);
    f.submit(other, 2);
    f.scheduler.markDeviceError(f.device, ExecutionState.reset);
    const mark = f.device.snapshot();
    assert.equal(mark?.done, false);
    f.adapter.end(2);
    assert.equal(f.submit(other, 3), Status.success);
    f.adapter.end(1);
    assert.equal(mark?.done, true);
    assert.equal(f.device.snapshot(), null);
  });

  it('sets the progress fence of lost submissions to its maximum', () => {
    const f = new Fixture();
    const { queue, fence } = f.hardwareQueue();
    f.submit(queue, 1, 1n);
    f.adapter.end(1, { kind: 'fault', message: 'bad' });
    assert.equal(f.device.state, ExecutionState.dmaFault);
    assert.equal(f.device.faultMessage, 'bad');
    assert.equal(fence.object.value, MAX_U64);
  });

  it('reports the first error only', () => {
    const f = new Fixture();
    f.scheduler.markDeviceError(f.device, ExecutionState.reset);
    f.scheduler.markDeviceError(f.device, ExecutionState.hung);
    assert.deepEqual(f.log, ['state 2', 'lost']);
  });

  it('hits all devices when the adapter is lost; new ones work', () => {
    const f = new Fixture();
    const second = f.newDevice(f.process);
    f.scheduler.adapterLost('killed');
    assert.equal(f.device.state, ExecutionState.reset);
    assert.equal(second.state, ExecutionState.reset);
    const third = f.newDevice(f.process);
    assert.equal(f.submit(f.queue(third), 1), Status.success);
  });

  it('never fires a broadcast signal that one of its queues has lost', () => {
    const f = new Fixture([{ maxInFlight: 2 }]);
    const other = f.newDevice(f.process);
    const [a, b] = [f.queue(), f.queue(other)];
    const fence = f.fence(0n, FLAG_NO_MAX_ON_LOSS);
    f.submit(a, 1);
    f.submit(b, 2);
    f.scheduler.work.signalFromGpu([a, b], [fence], [9n], 0n, 0, () => f.log.push('cpu event'));
    f.adapter.end(1, { kind: 'fault', message: '' });
    f.adapter.end(2);
    assert.equal(fence.object.value, 0n);
    assert.deepEqual(f.log, ['state 6', 'cpu event', 'lost']);
  });
});

describe('a time-out', () => {
  it('hangs the device of the oldest submission, resets, and lets others go on', async () => {
    const f = new Fixture([{ maxInFlight: 2 }, {}]);
    const innocent = f.newDevice(f.process);
    const waiting = f.newDevice(f.process);
    f.submit(f.queue(), 1);
    f.clock.advance(1500);
    f.submit(f.queue(innocent), 2);
    f.submit(f.queue(waiting), 3);
    f.clock.advance(499);
    assert.equal(f.adapter.resets, 0);
    f.clock.advance(1);
    assert.equal(f.adapter.resets, 1);
    await f.settle();
    assert.equal(f.device.state, ExecutionState.hung);
    assert.equal(innocent.state, ExecutionState.reset);
    assert.equal(waiting.state, ExecutionState.active);
    assert.deepEqual(f.adapter.runningNames, [3]);
    assert.equal(f.scheduler.resets, 1);
  });

  it('counts from when a submission became the oldest', () => {
    const f = new Fixture([{ maxInFlight: 2 }]);
    const queue = f.queue();
    f.submit(queue, 1);
    f.submit(queue, 2);
    f.clock.advance(1900);
    f.adapter.end(1);
    f.clock.advance(1900);
    assert.equal(f.adapter.resets, 0);
    f.clock.advance(100);
    assert.equal(f.adapter.resets, 1);
  });

  it('does not count against a submission that this process was busy and had not read its end', () => {
    const f = new Fixture([{ maxInFlight: 2 }]);
    f.submit(f.queue(), 1);
    f.clock.leap(60_000);
    assert.equal(f.adapter.resets, 0);
    f.adapter.end(1);
    f.clock.advance(10_000);
    assert.equal(f.adapter.resets, 0);
    assert.equal(f.device.state, ExecutionState.active);
  });

  it('hangs a submission that has not ended a little after this process was busy, however busy it is then', () => {
    const f = new Fixture();
    f.submit(f.queue(), 1);
    f.clock.leap(60_000);
    f.clock.advance(1999);
    assert.equal(f.adapter.resets, 0);
    f.clock.leap(60_000);
    assert.equal(f.adapter.resets, 1);
    assert.equal(f.device.state, ExecutionState.hung);
  });

  it('stops the adapter when the backend does not come back from a reset', async () => {
    const f = new Fixture();
    const other = f.newDevice(f.process);
    f.adapter.resetGate = new Promise(() => {});
    f.submit(f.queue(), 1);
    f.clock.advance(2000);
    await f.settle();
    f.clock.advance(10_000);
    assert.equal(f.device.state, ExecutionState.hung);
    assert.equal(other.state, ExecutionState.stopped);
    assert.equal(f.newDevice(f.process).state, ExecutionState.stopped);
    let destroyed = false;
    f.scheduler.destroyDevice(f.device, () => {
      destroyed = true;
    });
    assert.equal(destroyed, true);
    f.scheduler.close();
    assert.equal(f.clock.pendingTimers, 0);
  });
});

describe('destruction', () => {
  it('of a context lets queued work run and then destroys the backend context', () => {
    const f = new Fixture();
    const context = f.context();
    const fence = f.fence();
    f.submit(context.queue!, 1);
    f.submit(context.queue!, 2);
    f.signal(context.queue!, fence, 1n);
    let destroyed = false;
    f.scheduler.destroyContext(context, () => {
      destroyed = true;
    });
    assert.equal(f.submit(context.queue!, 3), Status.invalidParameter);
    f.adapter.end(1);
    assert.equal(destroyed, false);
    f.adapter.end(2);
    assert.equal(destroyed, true);
    assert.equal(fence.object.value, 1n);
    assert.equal(f.adapter.contexts.size, 0);
  });

  it('of a device gives queued work up and is done when nothing runs', () => {
    const f = new Fixture();
    const queue = f.queue();
    const fence = f.fence();
    f.submit(queue, 1);
    f.submit(queue, 2);
    f.signal(queue, fence, 1n);
    f.cpuWaits.wait(f.device, [f.fence()], [1n], false, 5n);
    let destroyed = false;
    f.scheduler.destroyDevice(f.device, () => {
      destroyed = true;
    });
    assert.deepEqual(f.log, ['event 5']);
    assert.equal(fence.object.value, MAX_U64);
    assert.equal(destroyed, false);
    f.adapter.end(1);
    assert.equal(destroyed, true);
    assert.deepEqual(f.adapter.started, [1]);
    assert.equal(f.scheduler.census()['schedulerDevices'], 0);
    assert.equal(f.adapter.contexts.size, 0);
  });

  it('of many blocked queues does not pile them up', () => {
    const f = new Fixture([{}], { closingQueues: 2 });
    const fence = f.fence();
    for (let i = 0; i < 5; i += 1) {
      const context = f.context();
      f.wait(context.queue!, fence, 1n);
      f.scheduler.destroyContext(context);
    }
    assert.equal(f.scheduler.census()['queues'], 2);
    signalFromCpu([fence], [1n], 0n, 0);
    assert.equal(f.scheduler.census()['queues'], 0);
  });
});

describe('marks and holds', () => {
  it('a mark is passed when the work queued before it has ended, not later', () => {
    const f = new Fixture();
    const [a, b] = [f.queue(), f.queue()];
    assert.equal(f.device.snapshot(), null);
    f.submit(a, 1);
    f.submit(b, 2);
    const mark = f.device.snapshot()!;
    assert.equal(f.device.snapshot(), mark);
    const runs = f.device.runningSnapshot()!;
    let passed = 0;
    mark.onDone(() => {
      passed += 1;
    });
    f.submit(a, 3);
    f.adapter.end(1);
    assert.equal(runs.done, true);
    assert.equal(mark.done, false);
    f.adapter.end(2);
    assert.equal(passed, 1);
    assert.equal(mark.done, true);
    assert.notEqual(f.device.snapshot(), null);
  });

  it('a mark behind able work does not wait for queues that stand at a wait and run nothing', () => {
    const f = new Fixture([{ maxInFlight: 2 }]);
    const [stuck, able] = [f.queue(), f.queue()];
    const fence = f.fence();
    f.submit(able, 1);
    f.submit(stuck, 2);
    f.wait(stuck, fence, 1n);
    f.submit(stuck, 3);
    const all = f.device.snapshot()!;
    const mark = f.device.ableSnapshot()!;
    f.adapter.end(1);
    assert.equal(mark.done, false, 'the other still runs what it began before its wait');
    f.adapter.end(2);
    assert.equal(mark.done, true);
    assert.equal(all.done, false);
    assert.equal(f.device.ableSnapshot(), null);
    fence.object.signal(1, 0, false);
    assert.equal(f.device.ableSnapshot()?.done, false);
    f.adapter.end(3);
    assert.equal(all.done, true);
    assert.equal(f.device.ableSnapshot(), null);
  });

  it('a mark costs no more than the work that came since the mark before, however many queues stand still', () => {
    const f = new Fixture();
    const gate = f.fence();
    const queues = Array.from({ length: 300 }, () => f.queue());
    queues.forEach((queue, index) => {
      f.wait(queue, gate, 1n);
      f.submit(queue, index % 256);
    });
    let parts = 0;
    const { addMark } = ExecutionQueue.prototype;
    ExecutionQueue.prototype.addMark = function (mark) {
      parts += 1;
      addMark.call(this, mark);
    };
    const marks = [];
    try {
      for (let turn = 0; turn < 300; turn += 1) {
        f.submit(queues[0]!, 7);
        marks.push(f.device.snapshot()!);
      }
    } finally {
      ExecutionQueue.prototype.addMark = addMark;
    }
    assert.ok(parts <= 600, `${parts} parts`);
    const passed: number[] = [];
    marks.forEach((mark, index) => {
      mark.onDone(() => passed.push(index));
    });
    signalFromCpu([gate], null, 1n, 0);
    // Each stands behind all queues, also those that had nothing new: the last of them holds all marks.
    while (f.adapter.running.length > 0) {
      f.adapter.running[0]!.end();
    }
    assert.deepEqual(
      passed,
      marks.map((_, index) => index),
    );
  });

  it('thousands of marks that wait for nothing but the one before pass without recursion', () => {
    const f = new Fixture();
    const gate = f.fence();
    const [first, second] = [f.queue(), f.queue()];
    f.wait(first, gate, 1n);
    f.submit(first, 1);
    const marks = [f.device.snapshot()!];
    for (let turn = 0; turn < 30_000; turn += 1) {
      f.submit(second, 2);
      marks.push(f.device.snapshot()!);
      while (f.adapter.running.length > 0) f.adapter.running[0]!.end();
    }
    assert.equal(
      marks.some((mark) => mark.done),
      false,
    );
    signalFromCpu([gate], null, 1n, 0);
    f.adapter.running[0]!.end();
    assert.equal(
      marks.every((mark) => mark.done),
      true,
    );
  });

  it('a mark behind able work stands behind queues that went on since the mark before', () => {
    const f = new Fixture([{ maxInFlight: 9 }]);
    const gate = f.fence();
    const [still, busy] = [f.queue(), f.queue()];
    f.wait(still, gate, 1n);
    f.submit(still, 1);
    f.submit(busy, 2);
    const before = f.device.ableSnapshot()!;
    signalFromCpu([gate], null, 1n, 0);
    const after = f.device.ableSnapshot()!;
    f.adapter.end(2);
    assert.equal(before.done, true);
    assert.equal(after.done, false);
    f.adapter.end(1);
    assert.equal(after.done, true);
  });

  it('a held device starts nothing until it is released', () => {
    const f = new Fixture();
    const queue = f.queue();
    f.device.hold();
    f.device.hold();
    f.submit(queue, 1);
    f.device.release();
    assert.deepEqual(f.adapter.runningNames, []);
    f.device.release();
    assert.deepEqual(f.adapter.runningNames, [1]);
  });
});

describe('statistics', () => {
  it('count overlapping work once, by node and process', () => {
    const f = new Fixture([{ maxInFlight: 2 }]);
    const other = f.scheduler.createProcess();
    f.submit(f.queue(), 1);
    f.clock.advance(10);
    f.submit(f.queue(f.newDevice(other)), 2);
    f.clock.advance(20);
    f.adapter.end(1);
    f.clock.advance(5);
    f.adapter.end(2);
    assert.deepEqual(f.scheduler.nodeStatistics(0), {
      runningMs: 35,
      submissions: 2,
      completed: 2,
      failed: 0,
    });
    assert.equal(f.scheduler.processStatistics(f.process, 0).runningMs, 30);
    assert.equal(f.scheduler.processStatistics(other, 0).runningMs, 5);
  });
});

function queueIsBlocked(queue: ExecutionQueue): boolean {
  return queue.isBlocked;
}
