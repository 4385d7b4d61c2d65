/**
 * A simple model of what the scheduler promises, to compare it with: everything is looked at again and again until
 * nothing changes. Which ready queue a node serves next is the real scheduler's choice; the model checks that the
 * choice was allowed and that none is left when a node has room.
 */

const MAX_U64 = 2n ** 64n - 1n;

export class ModelFence {
  value: bigint;
  readonly maxOnLoss: boolean;

  constructor(value: bigint, maxOnLoss: boolean) {
    this.value = value;
    this.maxOnLoss = maxOnLoss;
  }
}

export interface ModelTarget {
  readonly fence: ModelFence;
  readonly value: bigint;
}

interface ModelSignal {
  targets: readonly ModelTarget[];
  event: bigint | null;
  remaining: number;
}

export interface ModelItem {
  readonly kind: 'submission' | 'wait' | 'signal' | 'update';
  state: 'queued' | 'running' | 'passed' | 'ended';
  readonly name: number;
  readonly progress: bigint;
  readonly targets: readonly ModelTarget[];
  readonly signal: ModelSignal | null;
  readonly atSubmission: boolean;
  readonly waitsFirst: boolean;
  queue: ModelQueue;
}

export class ModelMark {
  /** Work that has still to end. */
  readonly items = new Set<ModelItem>();
}

export class ModelQueue {
  readonly device: ModelSchedulerDevice;
  readonly nodeIndex: number;
  readonly progress: ModelFence | null;
  readonly context: ModelContext;
  items: ModelItem[] = [];
  /** Running submissions that were given up. */
  abandoned = 0;

  constructor(context: ModelContext, progress: ModelFence | null) {
    this.context = context;
    this.device = context.device;
    this.nodeIndex = context.nodeIndex;
    this.progress = progress;
    context.queues.push(this);
  }

  get cursor(): ModelItem | undefined {
    return this.items.find((item) => item.state === 'queued');
  }
}

export class ModelContext {
  readonly device: ModelSchedulerDevice;
  readonly nodeIndex: number;
  priority = 0;
  inProcess = 0;
  queues: ModelQueue[] = [];

  constructor(device: ModelSchedulerDevice, nodeIndex: number) {
    this.device = device;
    this.nodeIndex = nodeIndex;
  }
}

export class ModelSchedulerDevice {
  readonly process: object;
  state = 1;
  closing = false;
  holds = 0;
  readonly queues: ModelQueue[] = [];

  constructor(process: object) {
    this.process = process;
  }
}

interface ModelCpuWait {
  readonly device: ModelSchedulerDevice;
  readonly event: bigint;
  readonly any: boolean;
  missing: ModelTarget[];
}

export class SchedulerModel {
  devices: ModelSchedulerDevice[] = [];
  /** Running submissions by node, oldest first, with the time since which each was the oldest. */
  readonly running: ModelItem[][];
  readonly oldestSinceMs: number[];
  readonly #maxInFlight: readonly number[];
  cpuWaits: ModelCpuWait[] = [];
  marks: ModelMark[] = [];
  /** Events in no particular order. */
  events: bigint[] = [];
  updates = 0;

  constructor(maxInFlight: readonly number[]) {
    this.#maxInFlight = maxInFlight;
    this.running = maxInFlight.map(() => []);
    this.oldestSinceMs = maxInFlight.map(() => 0);
  }

  add(queue: ModelQueue, item: Partial<ModelItem> & Pick<ModelItem, 'kind'>): void {
    queue.items.push({
      state: 'queued',
      name: -1,
      progress: 0n,
      targets: [],
      signal: null,
      atSubmission: false,
      waitsFirst: true,
      queue,
      ...item,
    });
  }

  cpuWait(device: ModelSchedulerDevice, targets: readonly ModelTarget[], any: boolean, event: bigint): void {
    const missing = targets.filter(({ fence, value }) => fence.value < value);
    if (any ? missing.length < targets.length : missing.length === 0) this.events.push(event);
    else this.cpuWaits.push({ device, event, any, missing });
  }

  cpuSignal(targets: readonly ModelTarget[], allowRewind: boolean): boolean {
    if (!allowRewind && targets.some(({ fence, value }) => value < fence.value)) return false;
    for (const { fence, value } of targets) {
      fence.value = value;
      this.#satisfyCpuWaits();
    }
    return true;
  }

  mark(device: ModelSchedulerDevice, runningOnly: boolean): ModelMark {
    const mark = new ModelMark();
    for (const queue of device.queues) {
      const work = queue.items.filter((item) => item.kind === 'submission' || item.kind === 'update');
      for (const item of work) if (!runningOnly || item.state === 'running') mark.items.add(item);
    }
    for (const item of this.running.flat()) if (item.queue.device === device) mark.items.add(item);
    this.marks.push(mark);
    return mark;
  }

  /** The real scheduler started a submission. @throws Error when it must not. */
  started(queue: ModelQueue, name: number, nowMs: number, readyBefore: ReadonlySet<ModelQueue>): void {
    const item = queue.cursor;
    const node = this.running[queue.nodeIndex]!;
    if (item?.kind !== 'submission' || item.name !== name) throw new Error(`submission ${name} is not next`);
    if (queue.device.holds > 0) throw new Error(`submission ${name} of a held device`);
    if (node.length >= this.#maxInFlight[queue.nodeIndex]!) throw new Error('too many in flight');
    for (const other of readyBefore) {
      if (other.nodeIndex !== queue.nodeIndex || other === queue || !this.#isReady(other)) continue;
      const [mine, its] = [queue.context, other.context];
      if (its.priority > mine.priority)
        throw new Error(`submission ${name} before a higher context priority`);
      const isSame = other.device.process === queue.device.process && its.priority === mine.priority;
      if (isSame && its.inProcess > mine.inProcess)
        throw new Error(`submission ${name} before its process' own`);
    }
    item.state = 'running';
    if (node.length === 0) this.oldestSinceMs[queue.nodeIndex] = nowMs;
    node.push(item);
    this.settle();
  }

  /** A submission ended. @param failure the state that it puts its device into, 1 for none. */
  ended(name: number, failure: number, nowMs: number): void {
    const node = this.running.find((items) => items.some((each) => each.name === name))!;
    const index = node.findIndex((each) => each.name === name);
    const item = node[index]!;
    const isAbandoned = !item.queue.items.includes(item);
    if (failure !== 1 && !isAbandoned) this.lose([item.queue.device], failure);
    node.splice(index, 1);
    if (index === 0) this.oldestSinceMs[this.running.indexOf(node)] = nowMs;
    item.state = 'ended';
    this.settle();
  }

  lose(devices: readonly ModelSchedulerDevice[], state: number): void {
    const active = devices.filter((device) => device.state === 1);
    for (const device of active) device.state = state;
    for (const device of active) this.giveUp(device);
  }

  giveUp(device: ModelSchedulerDevice): void {
    for (const queue of device.queues) {
      for (const item of queue.items) {
        if (item.kind === 'submission' && queue.progress !== null) this.#loseFence(queue.progress);
        if (item.kind === 'update') for (const { fence } of item.targets) this.#loseFence(fence);
        const { signal } = item;
        if (signal === null || item.state === 'ended') continue;
        for (const { fence } of signal.targets) this.#loseFence(fence);
        if (signal.event !== null) this.events.push(signal.event);
        signal.targets = [];
        signal.event = null;
      }
      queue.items = [];
    }
    this.#satisfyCpuWaits();
    for (const wait of this.cpuWaits.filter((each) => each.device === device)) this.events.push(wait.event);
    this.cpuWaits = this.cpuWaits.filter((each) => each.device !== device);
    this.settle();
  }

  /** Goes on until nothing changes. */
  settle(): void {
    let changed = true;
    while (changed) {
      changed = false;
      for (const device of this.devices) {
        for (const queue of device.queues) changed = this.#advance(queue) || changed;
      }
    }
    for (const mark of this.marks) {
      for (const item of mark.items) if (this.#isGone(item)) mark.items.delete(item);
    }
  }

  /** Queues whose next item is a submission that could start. */
  ready(): Set<ModelQueue> {
    const queues = this.devices.flatMap((device) => device.queues);
    return new Set(queues.filter((queue) => this.#isReady(queue)));
  }

  hasRoom(nodeIndex: number): boolean {
    return this.running[nodeIndex]!.length < this.#maxInFlight[nodeIndex]!;
  }

  #isReady(queue: ModelQueue): boolean {
    return queue.cursor?.kind === 'submission' && queue.device.holds === 0;
  }

  #advance(queue: ModelQueue): boolean {
    let changed = false;
    while (queue.items[0]?.state === 'passed' || queue.items[0]?.state === 'ended') {
      const item = queue.items.shift()!;
      if (item.kind === 'submission' && queue.progress !== null) this.#signal(queue.progress, item.progress);
      if (item.kind === 'signal' && item.state === 'passed') this.#reach(item.signal!);
      changed = true;
    }
    const item = queue.cursor;
    if (item === undefined || item.kind === 'submission') return changed;
    const isFirst = queue.items[0] === item;
    if (item.kind === 'signal') {
      item.state = isFirst || item.atSubmission ? 'ended' : 'passed';
      if (item.state === 'ended') this.#reach(item.signal!);
      return true;
    }
    const isSatisfied = item.targets.every(({ fence, value }) => fence.value >= value);
    if (item.kind === 'wait') {
      if (!isSatisfied) return changed;
      item.state = 'passed';
      return true;
    }
    if (!isFirst || (item.waitsFirst && !isSatisfied)) return changed;
    item.state = 'ended';
    this.updates += 1;
    for (const { fence, value } of item.targets) this.#signal(fence, BigInt.asUintN(64, value + 1n));
    return true;
  }

  #reach(signal: ModelSignal): void {
    signal.remaining -= 1;
    if (signal.remaining > 0) return;
    for (const { fence, value } of signal.targets) this.#signal(fence, value);
    if (signal.event !== null) this.events.push(signal.event);
  }

  #signal(fence: ModelFence, value: bigint): void {
    if (value <= fence.value) return;
    fence.value = value;
    this.#satisfyCpuWaits();
  }

  #loseFence(fence: ModelFence): void {
    if (fence.maxOnLoss) fence.value = MAX_U64;
  }

  #satisfyCpuWaits(): void {
    const left: ModelCpuWait[] = [];
    for (const wait of this.cpuWaits) {
      const before = wait.missing.length;
      wait.missing = wait.missing.filter(({ fence, value }) => fence.value < value);
      const isDone = wait.any ? wait.missing.length < before : wait.missing.length === 0;
      if (isDone) this.events.push(wait.event);
      else left.push(wait);
    }
    this.cpuWaits = left;
  }

  #isGone(item: ModelItem): boolean {
    if (item.queue.items.includes(item)) return false;
    // What was given up is gone once nothing of its queue runs any more.
    return (
      !this.running.some((node) => node.some((each) => each.queue === item.queue)) || this.#isRetired(item)
    );
  }

  #isRetired(item: ModelItem): boolean {
    return item.state === 'ended' && item.queue.device.state === 1 && !item.queue.device.closing;
  }
}
