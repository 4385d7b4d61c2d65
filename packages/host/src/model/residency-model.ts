/**
 * A simple model of what the memory manager promises, to compare it with: sums are computed anew each time, lists are
 * searched from end to end, and bytes move at once. It knows nothing of the real manager's code.
 */

export interface ModelSegment {
  readonly group: number;
  readonly lengthBytes: number;
}

/** GPU work of a device: something that ends later. */
export class ModelWork {
  ended = false;
  callbacks: (() => void)[] = [];

  end(): void {
    this.ended = true;
    for (const callback of this.callbacks.splice(0)) callback();
  }
}

export class ModelProcess {
  readonly devices: ModelDevice[] = [];
  readonly reservations = [0, 0];
}

export class ModelDevice {
  readonly process: ModelProcess;
  readonly instances: ModelInstance[] = [];
  work: ModelWork[] = [];
  issued = 0;
  completed = 0;
  doneEarly: number[] = [];

  constructor(process: ModelProcess) {
    this.process = process;
    process.devices.push(this);
  }

  get lastWork(): ModelWork | null {
    return this.work.at(-1) ?? null;
  }
}

export class ModelAllocation {
  readonly lengthBytes: number;
  readonly instances: ModelInstance[] = [];
  priority = 0x78000000;
  /** Segment index: where it is, and where it waits to get in. */
  inside: number | null = null;
  waitsFor: number | null = null;
  waitingSince = 0;
  operations: ModelOperation[] = [];
  charge: 'none' | 'pinned' | 'busy' = 'none';
  payer: ModelProcess | null = null;
  chargedSegment = -1;
  lazy = false;
  victimSince = 0;
  offered: number | null = null;
  decommit = false;
  discarded = false;
  lost = false;
  locked = false;
  readonly marks = new Map<ModelDevice, ModelWork>();
  watched = false;
  /** Stands for the contents; 0 after they were dropped. */
  contents = 0;

  constructor(lengthBytes: number) {
    this.lengthBytes = lengthBytes;
  }

  get pinCount(): number {
    return this.instances.filter((instance) => instance.count > 0).length;
  }

  get resident(): boolean {
    return this.inside !== null && !this.lost;
  }
}

export class ModelInstance {
  readonly allocation: ModelAllocation;
  readonly device: ModelDevice;
  count = 0;
  alive = true;

  constructor(allocation: ModelAllocation, device: ModelDevice) {
    this.allocation = allocation;
    this.device = device;
    allocation.instances.push(this);
    device.instances.push(this);
  }
}

export class ModelOperation {
  readonly device: ModelDevice;
  readonly value: number;
  remaining: number;

  constructor(device: ModelDevice, value: number, remaining: number) {
    this.device = device;
    this.value = value;
    this.remaining = remaining;
  }
}

/** Which victims go first: offered memory low to high, then by priority low to high. */
function rankOf(allocation: ModelAllocation): number {
  if (allocation.offered !== null) return allocation.offered;
  const bounds = [0x50000000, 0x78000000, 0xa0000000, 0xc8000000];
  return 3 + bounds.filter((bound) => allocation.priority >= bound).length;
}

/** Somebody who has it pinned pays: the preferred one if possible. */
function payerOf(allocation: ModelAllocation, preferred: ModelProcess): ModelProcess {
  const pinning = allocation.instances.filter((each) => each.count > 0).map((each) => each.device.process);
  return pinning.includes(preferred) ? preferred : (pinning.at(-1) ?? preferred);
}

export class ResidencyModel {
  readonly segments: readonly ModelSegment[];
  processes: ModelProcess[] = [];
  allocations: ModelAllocation[] = [];
  #time = 0;

  constructor(segments: readonly ModelSegment[]) {
    this.segments = segments;
  }

  // Sums

  pinned(process: ModelProcess, group: number): number {
    return this.#sum(
      (each) => each.charge === 'pinned' && each.payer === process && this.#groupOf(each) === group,
    );
  }

  budget(process: ModelProcess, group: number): number {
    let left = 0;
    for (const segment of this.segments) if (segment.group === group) left += segment.lengthBytes;
    for (const other of this.processes) {
      if (other === process) continue;
      const charged = this.#sum(
        (each) => each.charge !== 'none' && each.payer === other && this.#groupOf(each) === group,
      );
      left -= Math.max(charged, other.reservations[group]!);
    }
    return Math.max(0, left);
  }

  reservable(process: ModelProcess, group: number): number {
    let half = 0;
    for (const segment of this.segments) if (segment.group === group) half += segment.lengthBytes / 2;
    for (const other of this.processes) if (other !== process) half -= other.reservations[group]!;
    return Math.max(0, Math.min(half, this.budget(process, group)));
  }

  used(segment: number): number {
    return this.#sum((each) => each.inside === segment);
  }

  // Calls

  /** @returns the paging fence value, null when it is refused. */
  makeResident(device: ModelDevice, instances: readonly ModelInstance[]): number | null {
    const before = this.allocations.map(
      (each) => [each, each.charge, each.payer, each.chargedSegment] as const,
    );
    const counts = instances.map((each) => each.count);
    for (const instance of instances) {
      const { allocation } = instance;
      const wasPinned = allocation.pinCount > 0;
      instance.count += 1;
      if (wasPinned || allocation.offered !== null || this.#charge(allocation, device.process)) continue;
      for (const [each, charge, payer, segment] of before) {
        each.charge = charge;
        each.payer = payer;
        each.chargedSegment = segment;
      }
      for (let i = instances.length - 1; i >= 0; i -= 1) instances[i]!.count = counts[i]!;
      return null;
    }
    return this.#bringIn(device, instances);
  }

  evict(device: ModelDevice, instances: readonly ModelInstance[], lazy: boolean): void {
    const work = device.lastWork;
    for (const instance of instances) this.unpin(instance, lazy, work);
  }

  unpin(instance: ModelInstance, lazy: boolean, work: ModelWork | null): void {
    if (instance.count === 0) return;
    instance.count -= 1;
    if (instance.count > 0) return;
    const { allocation } = instance;
    this.#mark(allocation, instance.device, work);
    allocation.lazy = lazy;
    if (allocation.pinCount === 0) {
      if (allocation.offered === null) this.#release(allocation);
      return;
    }
    if (allocation.charge !== 'pinned') return;
    allocation.payer = payerOf(allocation, allocation.payer!);
  }

  offer(instance: ModelInstance, priority: number, decommit: boolean, work: ModelWork | null): void {
    const { allocation } = instance;
    if (allocation.offered !== null || allocation.instances.length > 1) return;
    this.#mark(allocation, instance.device, work);
    const auto = allocation.priority < 0x78000000 ? 0 : allocation.priority < 0xa0000000 ? 1 : 2;
    allocation.offered = priority <= 3 ? priority - 1 : auto;
    allocation.decommit = decommit;
    allocation.victimSince = 0;
    if (allocation.charge === 'pinned') this.#release(allocation);
    else if (allocation.charge === 'none') this.#idle(allocation);
  }

  /** @returns null when refused, else the fence value and a result for each instance. */
  reclaim(
    device: ModelDevice,
    instances: readonly ModelInstance[],
  ): { readonly value: number; readonly results: number[] } | null {
    const before = this.allocations.map(({ charge, payer, chargedSegment, offered, lost }) => {
      return { charge, payer, chargedSegment, offered, lost };
    });
    const offered = new Set<ModelAllocation>();
    for (const { allocation } of instances) {
      if (allocation.offered === null) continue;
      offered.add(allocation);
      allocation.offered = null;
      if (allocation.pinCount === 0 || this.#charge(allocation, payerOf(allocation, device.process)))
        continue;
      if (allocation.decommit && allocation.discarded) {
        allocation.lost = true;
        continue;
      }
      this.allocations.forEach((each, index) => {
        Object.assign(each, before[index]);
      });
      return null;
    }
    for (const allocation of offered) {
      allocation.victimSince = 0;
      if (allocation.charge !== 'none' || allocation.lost) continue;
      allocation.lazy = true;
      this.#idle(allocation);
    }
    const pinned = instances.filter(({ allocation }) => !allocation.lost && allocation.pinCount > 0);
    const value = this.#bringIn(device, pinned);
    const results = instances.map(({ allocation }) => {
      if (allocation.lost) return 2;
      return offered.has(allocation) && allocation.discarded ? 1 : 0;
    });
    for (const allocation of offered) allocation.discarded = false;
    return { value, results };
  }

  setPriority(allocation: ModelAllocation, priority: number): void {
    const before = rankOf(allocation);
    allocation.priority = priority;
    if (allocation.victimSince > 0 && rankOf(allocation) !== before) allocation.victimSince = this.#now();
  }

  /** The work that was begun first has ended. */
  endWork(device: ModelDevice): void {
    device.work.shift()?.end();
  }

  destroy(instances: readonly ModelInstance[], assumeNotInUse: boolean): void {
    const waits = new Set<ModelWork>();
    const devices = new Set<ModelDevice>();
    for (const instance of instances) {
      instance.alive = false;
      for (const device of instance.device.process.devices) devices.add(device);
      const { lastWork } = instance.device;
      if (!assumeNotInUse && lastWork !== null) waits.add(lastWork);
    }
    for (const device of devices) if (device.work[0] !== undefined) waits.add(device.work[0]);
    const finish = () => {
      if ([...waits].some((work) => !work.ended)) return;
      for (const instance of instances) this.#finalize(instance);
    };
    for (const work of waits) work.callbacks.push(finish);
    if (waits.size === 0) finish();
  }

  // Inside

  #finalize(instance: ModelInstance): void {
    const { allocation, device } = instance;
    if (instance.count > 0) {
      instance.count = 1;
      this.unpin(instance, true, null);
    }
    allocation.instances.splice(allocation.instances.indexOf(instance), 1);
    device.instances.splice(device.instances.indexOf(instance), 1);
    if (allocation.instances.length > 0) return;
    allocation.charge = 'none';
    const segments = [allocation.inside, allocation.waitsFor];
    allocation.inside = null;
    this.#stopWaiting(allocation);
    this.allocations.splice(this.allocations.indexOf(allocation), 1);
    for (const segment of segments) if (segment !== null) this.#serve(segment);
  }

  #charge(allocation: ModelAllocation, process: ModelProcess): boolean {
    allocation.charge = 'none';
    const places = this.segments.map((_, index) => index);
    if (allocation.inside !== null) places.unshift(allocation.inside);
    for (const place of places) {
      const { group, lengthBytes } = this.segments[place]!;
      if (this.pinned(process, group) + allocation.lengthBytes > this.budget(process, group)) continue;
      const taken = this.#sum(
        (each) =>
          each.chargedSegment === place &&
          (each.charge === 'pinned' || (each.charge === 'busy' && each.payer !== process)),
      );
      if (taken + allocation.lengthBytes > lengthBytes) continue;
      allocation.charge = 'pinned';
      allocation.payer = process;
      allocation.chargedSegment = place;
      return true;
    }
    return false;
  }

  #bringIn(device: ModelDevice, instances: readonly ModelInstance[]): number {
    device.issued += 1;
    const operation = new ModelOperation(device, device.issued, 1);
    for (const { allocation } of instances) {
      if (allocation.offered !== null) continue;
      const segment = allocation.chargedSegment;
      allocation.victimSince = 0;
      if (allocation.inside === segment) continue;
      operation.remaining += 1;
      allocation.operations.push(operation);
      if (allocation.waitsFor === segment) continue;
      if (allocation.inside !== null) {
        const from = allocation.inside;
        allocation.inside = null;
        allocation.waitsFor = segment;
        allocation.waitingSince = this.#now();
        this.#serve(from);
        this.#serve(segment);
        continue;
      }
      allocation.waitsFor = segment;
      allocation.waitingSince = this.#now();
      this.#serve(segment);
    }
    this.#step(operation);
    return operation.value;
  }

  #serve(segment: number): void {
    const waiting = () => this.allocations.filter((each) => each.waitsFor === segment);
    const wanted = () => waiting().reduce((sum, each) => sum + each.lengthBytes, 0);
    while (this.used(segment) + wanted() > this.segments[segment]!.lengthBytes) {
      const victims = this.allocations.filter((each) => each.inside === segment && each.victimSince > 0);
      victims.sort((a, b) => rankOf(a) - rankOf(b) || a.victimSince - b.victimSince);
      const victim = victims[0];
      if (victim === undefined) break;
      this.#takeOut(victim);
    }
    for (const allocation of waiting().sort((a, b) => a.waitingSince - b.waitingSince)) {
      if (this.used(segment) + allocation.lengthBytes > this.segments[segment]!.lengthBytes) continue;
      allocation.waitsFor = null;
      allocation.inside = segment;
      this.#tell(allocation);
    }
  }

  #takeOut(allocation: ModelAllocation): void {
    allocation.inside = null;
    allocation.victimSince = 0;
    if (allocation.offered === null) return;
    allocation.discarded = true;
    allocation.contents = 0;
  }

  #release(allocation: ModelAllocation): void {
    this.#stopWaiting(allocation);
    if (this.#isBusy(allocation) && allocation.inside !== null) {
      allocation.charge = 'busy';
      return;
    }
    allocation.charge = 'none';
    this.#idle(allocation);
  }

  #idle(allocation: ModelAllocation): void {
    const { inside } = allocation;
    if (inside === null) return;
    if (allocation.offered !== null || allocation.lazy) {
      if (allocation.victimSince === 0) allocation.victimSince = this.#now();
    } else {
      this.#takeOut(allocation);
    }
    this.#serve(inside);
  }

  #stopWaiting(allocation: ModelAllocation): void {
    const segment = allocation.waitsFor;
    if (segment === null) return;
    allocation.waitsFor = null;
    this.#tell(allocation);
    this.#serve(segment);
  }

  #tell(allocation: ModelAllocation): void {
    for (const operation of allocation.operations.splice(0)) this.#step(operation);
  }

  #step(operation: ModelOperation): void {
    operation.remaining -= 1;
    if (operation.remaining > 0) return;
    const { device } = operation;
    device.doneEarly.push(operation.value);
    while (device.doneEarly.includes(device.completed + 1)) device.completed += 1;
  }

  #mark(allocation: ModelAllocation, device: ModelDevice, work: ModelWork | null): void {
    if (work === null) return;
    allocation.marks.set(device, work);
    if (!allocation.watched) this.#watch(allocation, work);
  }

  #watch(allocation: ModelAllocation, work: ModelWork): void {
    allocation.watched = true;
    work.callbacks.push(() => {
      allocation.watched = false;
      const next = [...allocation.marks.values()].find((mark) => !mark.ended);
      if (next !== undefined) this.#watch(allocation, next);
      else if (allocation.charge === 'busy') {
        allocation.charge = 'none';
        this.#idle(allocation);
      }
    });
  }

  #isBusy(allocation: ModelAllocation): boolean {
    return [...allocation.marks.values()].some((work) => !work.ended);
  }

  #groupOf(allocation: ModelAllocation): number {
    return this.segments[allocation.chargedSegment]!.group;
  }

  #sum(test: (allocation: ModelAllocation) => boolean): number {
    return this.allocations.reduce((sum, each) => (test(each) ? sum + each.lengthBytes : sum), 0);
  }

  #now(): number {
    this.#time += 1;
    return this.#time;
  }
}
