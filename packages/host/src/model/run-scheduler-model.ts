import assert from 'node:assert/strict';
import type { PageWalker, WorkSnapshot } from '../memory/device-work.ts';
import { Status } from '../memory/status.ts';
import { CpuWaits } from '../scheduler/cpu-waits.ts';
import { createImplicitFence, createSyncObject } from '../scheduler/create-sync-object.ts';
import type { ExecutionQueue } from '../scheduler/execution-queue.ts';
import { ExecutionState } from '../scheduler/execution-state.ts';
import { FakeClock } from '../scheduler/fake-clock.ts';
import { Scheduler } from '../scheduler/scheduler.ts';
import type { SchedulerContext, SchedulerDevice } from '../scheduler/scheduler-device.ts';
import type { SchedulerProcess } from '../scheduler/scheduler-process.ts';
import { signalFromCpu } from '../scheduler/signal-from-cpu.ts';
import { SyncKind, type SyncObjectInstance } from '../scheduler/sync-object.ts';
import { FakeWindow, silentLog } from './fake-bus.ts';
import { Random } from './random.ts';
import type { ModelRun } from './run-residency-model.ts';
import {
  ModelContext,
  ModelFence,
  type ModelMark,
  ModelQueue,
  ModelSchedulerDevice,
  type ModelTarget,
  SchedulerModel,
} from './scheduler-model.ts';
import { ScriptedAdapter } from './scripted-adapter.ts';

const EPISODE_STEPS = 400;
const FLAG_NO_MAX_ON_LOSS = 1 << 6;
const ALLOW_REWIND = 1 << 2;
const noMemory: PageWalker = { walk: () => ({ ok: true, runs: [] }) };

interface Fence {
  readonly real: SyncObjectInstance;
  readonly model: ModelFence;
}

interface Queue {
  readonly device: Device;
  readonly real: ExecutionQueue;
  readonly model: ModelQueue;
  readonly progress: Fence | null;
  lastProgress: bigint;
  closing: boolean;
}

interface Context {
  readonly real: SchedulerContext;
  readonly model: ModelContext;
}

interface Device {
  readonly process: SchedulerProcess;
  readonly real: SchedulerDevice;
  readonly model: ModelSchedulerDevice;
  readonly contexts: Context[];
  readonly queues: Queue[];
}

interface Targets {
  readonly fences: Fence[];
  readonly values: bigint[];
  readonly targets: ModelTarget[];
}

interface Mark {
  readonly real: WorkSnapshot;
  readonly model: ModelMark;
}

/**
 * Compares the scheduler with the simple model over random calls: fence values, which submissions run, queue lengths,
 * events, device states, marks, and that each start was one that was allowed.
 *
 * @throws Error, with seed and step, at the first difference.
 */
export async function runSchedulerModel(options: { steps: number; seed: number }): Promise<ModelRun> {
  const { steps, seed } = options;
  const random = new Random(seed);
  const counts: Record<string, number> = {};
  for (let step = 0; step < steps; ) {
    const run = new Episode(random, counts);
    for (let i = 0; i < EPISODE_STEPS && step < steps; i += 1, step += 1) {
      try {
        await run.step();
        run.check();
      } catch (error) {
        throw new Error(`scheduler model, seed ${seed}, step ${step}: ${run.lastCall}`, { cause: error });
      }
    }
    run.finish();
  }
  return { steps, seed, counts };
}

class Episode {
  readonly #random: Random;
  readonly #counts: Record<string, number>;
  readonly #clock = new FakeClock();
  readonly #window = new FakeWindow(1 << 16);
  readonly #adapter: ScriptedAdapter;
  readonly #scheduler: Scheduler;
  readonly #model: SchedulerModel;
  readonly #processes: SchedulerProcess[] = [];
  readonly #devices: Device[] = [];
  readonly #fences: Fence[] = [];
  readonly #marks: Mark[] = [];
  readonly #cpuWaits: CpuWaits;
  readonly #events: bigint[] = [];
  readonly #stateChanges: SchedulerDevice[] = [];
  /** Queues by the name of their submission that is to start. */
  readonly #queueOf = new Map<number, Queue>();
  #names = 0;
  #nextEvent = 2n;
  #updates = 0;
  #seenStarts = 0;
  #readyBefore = new Set<ModelQueue>();
  lastCall = '';

  constructor(random: Random, counts: Record<string, number>) {
    this.#random = random;
    this.#counts = counts;
    const maxInFlight = Array.from({ length: 1 + random.below(2) }, () => 1 + random.below(3));
    this.#adapter = new ScriptedAdapter(this.#clock, {
      nodes: maxInFlight.map((count) => ({ maxInFlight: count })),
    });
    this.#scheduler = new Scheduler({
      adapter: this.#adapter,
      description: this.#adapter.description,
      clock: this.#clock,
      log: silentLog,
      callbacks: { deviceStateChanged: (device) => this.#stateChanges.push(device) },
    });
    this.#model = new SchedulerModel(maxInFlight);
    this.#cpuWaits = new CpuWaits({ signalEvent: (event) => this.#events.push(event) });
    for (let i = 0; i < 3; i += 1) this.#processes.push(this.#scheduler.createProcess());
    for (let i = 0; i < 4; i += 1) this.#createFence();
    this.#createDevice();
  }

  async step(): Promise<void> {
    const random = this.#random;
    this.#readyBefore = this.#model.ready();
    const kind = random.below(100);
    if (kind < 3) this.#createDevice();
    else if (kind < 7) this.#createQueue();
    else if (kind < 9) this.#createFence();
    else if (kind < 30) this.#submit();
    else if (kind < 38) this.#wait();
    else if (kind < 50) this.#signal();
    else if (kind < 53) this.#update();
    else if (kind < 57) this.#cpuWait();
    else if (kind < 66) this.#cpuSignal();
    else if (kind < 88) this.#end();
    else if (kind < 90) this.#setPriority();
    else if (kind < 92) this.#hold();
    else if (kind < 94) this.#mark();
    else if (kind < 96) this.#destroyContext();
    else if (kind < 97) this.#destroyDevice();
    else if (kind < 98) this.#markError();
    else await this.#passTime();
  }

  /** What must be equal after each step. */
  check(): void {
    this.#model.settle();
    this.#followStarts();
    for (const queue of this.#model.ready()) {
      assert.equal(
        this.#model.hasRoom(queue.nodeIndex),
        false,
        'a ready queue was left although its node has room',
      );
    }
    for (const { real, model } of this.#fences) {
      assert.equal(real.object.value, model.value, 'fence value');
      if (real.windowOffset >= 0)
        assert.equal(this.#window.loadU64(real.windowOffset), model.value, 'fence page');
    }
    const names = this.#model.running.flat().map((item) => item.name);
    assert.deepEqual(this.#adapter.runningNames.sort(byNumber), names.sort(byNumber), 'running');
    for (const device of this.#devices) {
      assert.equal(device.real.state, device.model.state, 'device state');
      for (const { real, model, progress } of device.queues) {
        assert.equal(real.count, model.items.length, 'queue length');
        if (progress !== null)
          assert.equal(progress.real.object.value, progress.model.value, 'progress fence');
      }
    }
    assert.deepEqual([...this.#events].sort(byNumber), [...this.#model.events].sort(byNumber), 'events');
    assert.equal(this.#cpuWaits.pending, this.#model.cpuWaits.length, 'CPU waits');
    assert.equal(this.#updates, this.#model.updates, 'updates');
    for (const { real, model } of this.#marks) assert.equal(real.done, model.items.size === 0, 'mark');
    this.#events.length = 0;
    this.#model.events.length = 0;
  }

  /** Takes everything down: nothing may be left. */
  finish(): void {
    let destroyed = 0;
    for (const { real } of this.#devices) {
      this.#scheduler.destroyDevice(real, () => {
        destroyed += 1;
      });
    }
    while (this.#adapter.running.length > 0) this.#adapter.running[0]!.end();
    assert.equal(destroyed, this.#devices.length);
    for (const [name, count] of Object.entries(this.#scheduler.census())) assert.equal(count, 0, name);
    assert.equal(this.#scheduler.pool.held.used, 0, 'bytes of queues');
    assert.equal(this.#adapter.contexts.size, 0);
    assert.equal(this.#cpuWaits.pending, 0);
    assert.equal(new Set(this.#stateChanges).size, this.#stateChanges.length, 'a state change told twice');
    this.#scheduler.close();
    assert.equal(this.#clock.pendingTimers, 0);
  }

  get #queues(): Queue[] {
    return this.#devices.flatMap((device) => device.queues);
  }

  #call(name: string): void {
    this.lastCall = name;
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
  }

  /** Lets the model follow what the real scheduler started. */
  #followStarts(): void {
    const { started } = this.#adapter;
    for (; this.#seenStarts < started.length; this.#seenStarts += 1) {
      const name = started[this.#seenStarts]!;
      const queue = this.#queueOf.get(name)!;
      this.#model.started(queue.model, name, this.#clock.nowMs(), this.#readyBefore);
    }
  }

  #createDevice(): void {
    if (this.#devices.length >= 6) return;
    this.#call('createDevice');
    const process = this.#random.pick(this.#processes);
    const options = { pageWalker: noMemory, owner: {}, cpuWaits: this.#cpuWaits };
    const real = this.#scheduler.createDevice(process, options);
    const model = new ModelSchedulerDevice(process);
    this.#model.devices.push(model);
    this.#devices.push({ process, real, model, contexts: [], queues: [] });
    this.#createQueue();
  }

  #createQueue(): void {
    if (this.#devices.length === 0 || this.#queues.length >= 16) return;
    this.#call('createQueue');
    const device = this.#random.pick(this.#devices);
    const nodeIndex = this.#random.below(this.#adapter.description.nodes.length);
    const isHardware = this.#random.oneIn(2);
    const real = this.#scheduler.createContext(device.real, {
      nodeIndex,
      backendContext: this.#adapter.createContext(),
      hardwareQueues: isHardware,
    });
    const model = new ModelContext(device.model, nodeIndex);
    device.contexts.push({ real, model });
    for (let i = isHardware ? 1 + this.#random.below(2) : 1; i > 0; i -= 1) {
      const progress = isHardware
        ? { real: createImplicitFence(this.#window, -1), model: new ModelFence(0n, true) }
        : null;
      const queue =
        progress === null ? real.queue! : this.#scheduler.createHardwareQueue(real, progress.real);
      const modelQueue = new ModelQueue(model, progress?.model ?? null);
      device.model.queues.push(modelQueue);
      device.queues.push({
        device,
        real: queue,
        model: modelQueue,
        progress,
        lastProgress: 0n,
        closing: false,
      });
    }
  }

  #createFence(): void {
    if (this.#fences.length >= 12) return;
    this.#call('createFence');
    const isKept = this.#random.oneIn(4);
    const fenceValue = this.#random.oneIn(4) ? 0xffff_fffen : 0n;
    const flags = isKept ? FLAG_NO_MAX_ON_LOSS : 0;
    const offset = this.#fences.length * 4096;
    const request = { type: SyncKind.monitoredFence, flags, fenceValue };
    const real = createSyncObject(request, this.#window, offset)!;
    this.#fences.push({ real, model: new ModelFence(fenceValue, !isKept) });
  }

  /** Some fences, each with one of four values from its own plus `lowest` on. */
  #targets(most: number, lowest: bigint): Targets {
    const fences = this.#random.some(this.#fences, most);
    const values = fences.map(({ model }) => {
      const value = model.value + BigInt(this.#random.below(4)) + lowest;
      return BigInt.asUintN(64, value < 0n ? 0n : value);
    });
    const targets = fences.map(({ model }, index) => ({ fence: model, value: values[index]! }));
    return { fences, values, targets };
  }

  /** A queue; mostly one that takes work. */
  #pickQueue(): Queue | null {
    const open = this.#queues.filter((queue) => this.#expected(queue) === Status.success);
    if (open.length > 0 && !this.#random.oneIn(20)) return this.#random.pick(open);
    return this.#queues.length === 0 ? null : this.#random.pick(this.#queues);
  }

  /** What work on a queue must be answered with. */
  #expected(queue: Queue): number {
    const { model } = queue.device;
    if (model.state !== ExecutionState.active || model.closing) return Status.deviceRemoved;
    return queue.closing ? Status.invalidParameter : Status.success;
  }

  #submit(): void {
    const queue = this.#pickQueue();
    if (queue === null) return;
    this.#call('submit');
    this.#names += 1;
    // One byte of private data names a submission; names in use at a time differ.
    const name = this.#names % 256;
    if (this.#queues.some((each) => each.model.items.some((item) => item.name === name))) return;
    if (this.#model.running.flat().some((item) => item.name === name)) return;
    let progress = 0n;
    if (queue.progress !== null) progress = queue.lastProgress + BigInt(this.#random.below(3));
    const isRepeated = queue.progress !== null && progress === queue.lastProgress;
    this.#queueOf.set(name, queue);
    const status = this.#scheduler.work.submit(queue.real, Uint8Array.of(name), 0, 1, 0n, 0, progress);
    let expected = this.#expected(queue);
    if (isRepeated && expected !== Status.deviceRemoved) expected = Status.invalidParameter;
    assert.equal(status, expected);
    if (status !== Status.success) return;
    this.#call('submit accepted');
    queue.lastProgress = progress;
    this.#model.add(queue.model, { kind: 'submission', name, progress });
  }

  #wait(): void {
    const queue = this.#pickQueue();
    if (queue === null) return;
    this.#call('wait');
    const { fences, values, targets } = this.#targets(3, -2n);
    const legacy = this.#random.oneIn(5);
    const instances = fences.map((fence) => fence.real);
    const status = this.#scheduler.work.waitFromGpu(queue.real, instances, values, legacy);
    assert.equal(status, this.#expected(queue));
    if (status !== Status.success) return;
    const waited = legacy ? targets.map(({ fence }) => ({ fence, value: values[0]! })) : targets;
    this.#model.add(queue.model, { kind: 'wait', targets: waited });
  }

  #signal(): void {
    const first = this.#pickQueue();
    if (first === null) return;
    const queues = [
      ...new Set([first, ...(this.#random.oneIn(4) ? this.#random.some(this.#queues, 2) : [])]),
    ];
    this.#call('signal');
    const { fences, values, targets } = this.#targets(2, 0n);
    const flags = this.#random.oneIn(4) ? 1 : 0;
    const event = this.#random.oneIn(5) ? this.#newEvent() : null;
    const status = this.#scheduler.work.signalFromGpu(
      queues.map((queue) => queue.real),
      fences.map((fence) => fence.real),
      values,
      0n,
      flags,
      event === null ? null : () => this.#events.push(event),
    );
    const refused = queues.map((queue) => this.#expected(queue)).find((each) => each !== Status.success);
    assert.equal(status, refused ?? Status.success);
    if (status !== Status.success) return;
    const signal = { targets, event, remaining: queues.length };
    for (const { model } of queues)
      this.#model.add(model, { kind: 'signal', signal, atSubmission: flags === 1 });
  }

  #update(): void {
    const queue = this.#pickQueue();
    if (queue === null) return;
    this.#call('update');
    const { fences, values, targets } = this.#targets(1, -2n);
    const doNotWait = this.#random.oneIn(2);
    const operation = {
      heldBytes: this.#random.below(5000),
      execute: () => {
        this.#updates += 1;
        const names = queue.model.items.filter((item) => item.kind === 'submission').map((item) => item.name);
        const runs = this.#adapter.running.some(
          (each) => names.includes(each.name) && isOf(each.name, queue),
        );
        assert.equal(runs && queue.real.running > 0, false, 'an update while earlier work runs');
      },
      drop: () => {},
    };
    const isOf = (name: number, owner: Queue) => this.#queueOf.get(name) === owner;
    const status = this.#scheduler.work.update(queue.real, operation, fences[0]!.real, values[0]!, doNotWait);
    assert.equal(status, this.#expected(queue));
    if (status === Status.success)
      this.#model.add(queue.model, { kind: 'update', targets, waitsFirst: !doNotWait });
  }

  #newEvent(): bigint {
    this.#nextEvent += 1n;
    return this.#nextEvent;
  }

  #cpuWait(): void {
    if (this.#devices.length === 0) return;
    this.#call('cpuWait');
    const device = this.#random.pick(this.#devices);
    const { fences, values, targets } = this.#targets(3, -1n);
    const any = this.#random.oneIn(2);
    const event = this.#newEvent();
    const instances = fences.map((fence) => fence.real);
    assert.equal(this.#cpuWaits.wait(device.real, instances, values, any, event), Status.success);
    this.#model.cpuWait(device.model, targets, any, event);
  }

  #cpuSignal(): void {
    this.#call('cpuSignal');
    // A fence that goes back makes the order count in which the other of two takes effect: then there is one only.
    const allowRewind = this.#random.oneIn(6);
    const { fences, values, targets } = this.#targets(allowRewind ? 1 : 2, -1n);
    const unique = fences.length === 1 || fences[0] !== fences[1] ? fences.length : 1;
    const status = signalFromCpu(
      fences.slice(0, unique).map((fence) => fence.real),
      values,
      0n,
      allowRewind ? ALLOW_REWIND : 0,
    );
    const isDone = this.#model.cpuSignal(targets.slice(0, unique), allowRewind);
    assert.equal(status, isDone ? Status.success : Status.invalidParameter);
  }

  #end(): void {
    if (this.#adapter.running.length === 0) return;
    this.#call('end');
    const { name } = this.#random.pick(this.#adapter.running);
    const failure = this.#random.below(60);
    if (failure === 0) {
      this.#model.ended(name, ExecutionState.dmaPageFault, this.#clock.nowMs());
      this.#adapter.end(name, { kind: 'page-fault', address: 4096n });
    } else if (failure === 1) {
      this.#model.ended(name, ExecutionState.dmaFault, this.#clock.nowMs());
      this.#adapter.end(name, { kind: 'fault', message: 'as the model wants' });
    } else {
      this.#model.ended(name, ExecutionState.active, this.#clock.nowMs());
      this.#adapter.end(name);
    }
  }

  #setPriority(): void {
    const contexts = this.#devices.flatMap((device) => device.contexts);
    if (contexts.length === 0) return;
    this.#call('setPriority');
    const { real, model } = this.#random.pick(contexts);
    const priority = this.#random.below(15) - 7;
    if (this.#random.oneIn(2)) {
      this.#scheduler.setContextPriority(real, priority);
      model.priority = priority;
    } else {
      this.#scheduler.setInProcessPriority(real, priority);
      model.inProcess = priority;
    }
    this.#readyBefore = this.#model.ready();
  }

  #hold(): void {
    if (this.#devices.length === 0) return;
    const held = this.#devices.filter((device) => device.model.holds > 0);
    const { real, model } = this.#random.pick(held.length > 0 ? held : this.#devices);
    if (model.holds === 0) {
      this.#call('hold');
      // Queues that are ready already may still start; take them when they have.
      if ([...this.#model.ready()].some((queue) => queue.device === model)) return;
      real.hold();
      model.holds += 1;
    } else {
      this.#call('release');
      model.holds -= 1;
      real.release();
    }
  }

  #mark(): void {
    if (this.#devices.length === 0) return;
    this.#call('mark');
    const { real, model } = this.#random.pick(this.#devices);
    const runningOnly = this.#random.oneIn(3);
    const mark = runningOnly ? real.runningSnapshot() : real.snapshot();
    const expected = this.#model.mark(model, runningOnly);
    assert.equal(mark === null, expected.items.size === 0, 'a mark behind nothing');
    if (mark !== null) this.#marks.push({ real: mark, model: expected });
    if (this.#marks.length > 30) this.#marks.shift();
  }

  #destroyContext(): void {
    const contexts = this.#devices.flatMap((device) =>
      device.contexts.map((context) => ({ device, context })),
    );
    if (contexts.length === 0) return;
    this.#call('destroyContext');
    const { device, context } = this.#random.pick(contexts);
    device.contexts.splice(device.contexts.indexOf(context), 1);
    for (const queue of device.queues) if (queue.real.context === context.real) queue.closing = true;
    this.#scheduler.destroyContext(context.real);
  }

  #destroyDevice(): void {
    if (this.#devices.length === 0) return;
    this.#call('destroyDevice');
    const lost = this.#devices.filter((each) => each.model.state !== ExecutionState.active);
    const device = this.#random.pick(lost.length > 0 ? lost : this.#devices);
    device.model.closing = true;
    this.#model.giveUp(device.model);
    let isDestroyed = false;
    this.#scheduler.destroyDevice(device.real, () => {
      isDestroyed = true;
    });
    this.#followStarts();
    // Others may have been woken; what is left of this device has only to end.
    for (const { name } of [...this.#adapter.running]) {
      if (this.#queueOf.get(name)?.device !== device) continue;
      this.#model.ended(name, ExecutionState.active, this.#clock.nowMs());
      this.#adapter.end(name);
      this.#followStarts();
    }
    assert.equal(isDestroyed, true, 'a device that does not end');
    this.#devices.splice(this.#devices.indexOf(device), 1);
    this.#model.devices.splice(this.#model.devices.indexOf(device.model), 1);
  }

  #markError(): void {
    if (this.#devices.length === 0 || !this.#random.oneIn(3)) return;
    this.#call('markError');
    const { real, model } = this.#random.pick(this.#devices);
    this.#model.lose([model], ExecutionState.reset);
    this.#scheduler.markDeviceError(real, ExecutionState.reset);
  }

  /** Time goes on, perhaps so far that a submission takes too long. */
  async #passTime(): Promise<void> {
    this.#call('passTime');
    for (let left = this.#random.below(25); left > 0; left -= 1) {
      const { timeoutMs } = this.#adapter.description;
      const dueMs = this.#model.running.map((items, node) =>
        items.length > 0 ? this.#model.oldestSinceMs[node]! + timeoutMs : Number.POSITIVE_INFINITY,
      );
      const firstMs = Math.min(...dueMs);
      const isDue = firstMs <= this.#clock.nowMs() + 100;
      const resets = this.#adapter.resets;
      const names = this.#adapter.runningNames;
      this.#clock.advance(100);
      await this.#adapter.finishMoves();
      assert.equal(this.#adapter.resets, resets + (isDue ? 1 : 0), 'resets');
      if (!isDue) continue;
      this.#call('timeOut');
      // When two nodes are due at the same moment, either is right.
      const due = this.#model.running
        .filter((_, node) => dueMs[node] === firstMs)
        .map((items) => items[0]!.queue.device);
      const hung = due.find((device) => {
        const real = this.#devices.find((each) => each.model === device)?.real;
        return device.state === ExecutionState.active && real?.state === ExecutionState.hung;
      });
      // None: the one that was too slow was lost before.
      if (hung !== undefined) this.#model.lose([hung], ExecutionState.hung);
      else
        assert.equal(
          due.some((device) => device.state !== ExecutionState.active || device.closing),
          true,
          'hung',
        );
      // In the order of the backend: what one loss releases may still happen before the next.
      for (const name of names) this.#model.ended(name, ExecutionState.reset, this.#clock.nowMs());
      this.#readyBefore = new Set();
      this.#followStarts();
    }
  }
}

function byNumber(a: number | bigint, b: number | bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
