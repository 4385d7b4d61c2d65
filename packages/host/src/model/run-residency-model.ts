import assert from 'node:assert/strict';
import type { SegmentDescription } from '../backends/contract.ts';
import type { AllocationInstance } from '../memory/allocation.ts';
import type { ProcessMemory } from '../memory/process-memory.ts';
import { Status } from '../memory/status.ts';
import { type FixtureDevice, MemoryFixture, scripted } from './memory-fixture.ts';
import { Random } from './random.ts';
import {
  ModelAllocation,
  ModelDevice,
  ModelInstance,
  ModelProcess,
  ModelWork,
  ResidencyModel,
} from './residency-model.ts';

const PAGE_BYTES = 4096;
const EPISODE_STEPS = 500;
const PRIORITIES = [0x28000000, 0x50000000, 0x78000000, 0xa0000000, 0xc8000000];
const OFFER_PRIORITIES = [1, 2, 3, 4];

export interface ModelRun {
  readonly steps: number;
  readonly seed: number;
  /** Says which kinds of calls were made, and how often they were granted. */
  readonly counts: Record<string, number>;
}

interface Process {
  readonly real: ProcessMemory;
  readonly model: ModelProcess;
  readonly devices: Device[];
}

interface Device {
  readonly process: Process;
  readonly real: FixtureDevice;
  readonly model: ModelDevice;
  readonly instances: Instance[];
}

interface Instance {
  readonly device: Device;
  readonly real: AllocationInstance;
  readonly model: ModelInstance;
}

/**
 * Compares the memory manager with the simple model over random calls: what is granted, what is resident where, whose
 * contents survive, what fences and budgets say. Every fourth episode lets bytes move slowly; then the model cannot
 * say what happens when, and the promises are checked instead.
 *
 * @throws AssertionError, with seed and step, at the first difference.
 */
export async function runResidencyModel(options: { steps: number; seed: number }): Promise<ModelRun> {
  const { steps, seed } = options;
  const random = new Random(seed);
  const counts: Record<string, number> = {};
  for (let step = 0, episode = 0; step < steps; episode += 1) {
    const isSlow = episode % 4 === 3;
    const run = new Episode(random, counts, isSlow);
    for (let i = 0; i < EPISODE_STEPS && step < steps; i += 1, step += 1) {
      try {
        run.step();
        if (isSlow) await run.checkSlow();
        else run.check();
      } catch (error) {
        throw new Error(`residency model, seed ${seed}, step ${step}: ${run.lastCall}`, { cause: error });
      }
    }
    await run.finish();
  }
  return { steps, seed, counts };
}

class Episode {
  readonly #random: Random;
  readonly #counts: Record<string, number>;
  readonly #isSlow: boolean;
  readonly #fixture: MemoryFixture;
  readonly #model: ResidencyModel;
  readonly #processes: Process[] = [];
  #contents = 0;
  lastCall = '';

  constructor(random: Random, counts: Record<string, number>, isSlow: boolean) {
    this.#random = random;
    this.#counts = counts;
    this.#isSlow = isSlow;
    const segments: SegmentDescription[] = [];
    const groups = random.pick([['local'], ['local', 'non-local'], ['local', 'local', 'non-local']] as const);
    for (const group of groups) {
      const lengthBytes = (24 + random.below(40)) * PAGE_BYTES;
      segments.push({ id: segments.length + 1, group, lengthBytes });
    }
    this.#fixture = new MemoryFixture({ segments, limits: { commitBytes: Number.MAX_SAFE_INTEGER } });
    this.#fixture.adapter.slowMoves = isSlow;
    this.#model = new ResidencyModel(
      segments.map(({ group, lengthBytes }) => ({ group: group === 'local' ? 0 : 1, lengthBytes })),
    );
    this.#createProcess();
  }

  get #devices(): Device[] {
    return this.#processes.flatMap((process) => process.devices);
  }

  get #instances(): Instance[] {
    return this.#devices.flatMap((device) => device.instances).filter((each) => each.real.alive);
  }

  step(): void {
    const random = this.#random;
    const kind = random.below(100);
    if (kind < 2) this.#createProcess();
    else if (kind < 4) this.#createDevice();
    else if (kind < 16) this.#allocate();
    else if (kind < 19) this.#open();
    else if (kind < 42) this.#makeResident();
    else if (kind < 60) this.#evict();
    else if (kind < 66) this.#offer();
    else if (kind < 73) this.#reclaim();
    else if (kind < 80) this.#destroy();
    else if (kind < 82) this.#destroyDevice();
    else if (kind < 85) this.#reserve();
    else if (kind < 88) this.#setPriority();
    else if (kind < 93) this.#beginWork();
    else this.#endWork();
  }

  /** What must be equal after each step. */
  check(): void {
    for (const process of this.#processes) this.#checkProcess(process);
    for (const { device, real, model } of this.#devices.flatMap((each) => each.instances)) {
      const { allocation } = real;
      assert.equal(real.residencyCount, model.count, 'residency count');
      assert.equal(allocation.charge, model.allocation.charge, 'charge');
      assert.equal(allocation.lost, model.allocation.lost, 'lost');
      assert.equal(allocation.view.resident, model.allocation.resident, 'resident');
      const segment = model.allocation.inside;
      const id = segment === null ? null : segment + 1;
      assert.equal(scripted(allocation).segmentId, id, 'segment');
      assert.equal(scripted(allocation).contents, model.allocation.contents, 'contents');
      assert.equal(device.real.queue.fence.object.value, BigInt(device.model.completed), 'paging fence');
    }
  }

  /** While bytes move slowly: what was promised holds, and once all has come to rest, it is so. */
  async checkSlow(): Promise<void> {
    const { adapter, memory } = this.#fixture;
    if (this.#random.oneIn(3)) await adapter.finishMoves();
    if (!this.#random.oneIn(8)) return;
    while (adapter.pendingMoves > 0) await adapter.finishMoves();
    assert.equal(memory.settled(), true);
    const isWorking = this.#devices.some((device) => device.real.work.pending > 0);
    for (const { real } of this.#instances) {
      const { allocation } = real;
      const isWanted = real.residencyCount > 0 && allocation.offeredRank < 0 && !allocation.lost;
      if (isWanted && !isWorking) assert.equal(allocation.view.resident, true, 'pinned but not resident');
    }
    for (const device of this.#devices) {
      if (!isWorking) assert.equal(device.real.queue.pending, 0, 'paging operations left');
      assert.deepEqual(device.real.failures, []);
    }
    for (const [index, segment] of memory.segments.entries()) {
      const { residentBytes } = memory.segmentStatistics(index);
      assert.equal(residentBytes, adapter.usedBytes.get(segment.id) ?? 0);
      assert.equal(segment.pinnedBytes <= segment.lengthBytes, true);
    }
  }

  /** Takes everything down: nothing may be left. */
  async finish(): Promise<void> {
    const { adapter, memory } = this.#fixture;
    for (const device of this.#devices) while (device.real.work.pending > 0) device.real.work.endOldest();
    for (const process of this.#processes) {
      for (const device of process.devices) {
        const alive = device.instances.filter((each) => each.real.alive).map((each) => each.real);
        memory.destroyAllocations(alive, { assumeNotInUse: true }, () => {});
        memory.destroyDevice(device.real.memory);
      }
      process.real.destroy();
    }
    while (adapter.pendingMoves > 0) await adapter.finishMoves();
    for (const [name, count] of Object.entries(memory.census())) assert.equal(count, 0, name);
    assert.equal(adapter.allocations.size, 0);
    assert.equal(memory.committedBytes, 0);
    for (const segment of memory.segments) {
      assert.deepEqual([segment.pinnedBytes, segment.busyBytes, segment.usedBytes], [0, 0, 0]);
    }
  }

  #call(name: string, detail: string): void {
    this.lastCall = `${name} ${detail}`;
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
  }

  #count(name: string): void {
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
  }

  #createProcess(): void {
    if (this.#processes.length >= 4) return;
    this.#call('createProcess', '');
    const model = new ModelProcess();
    this.#model.processes.push(model);
    this.#processes.push({ real: this.#fixture.memory.createProcess(), model, devices: [] });
    this.#createDevice();
  }

  #createDevice(): void {
    const process = this.#random.pick(this.#processes);
    if (process.devices.length >= 3) return;
    this.#call('createDevice', '');
    const model = new ModelDevice(process.model);
    process.devices.push({ process, real: this.#fixture.device(process.real), model, instances: [] });
  }

  #allocate(): void {
    if (this.#devices.length === 0 || this.#instances.length >= 40) return;
    const device = this.#random.pick(this.#devices);
    const lengthBytes = (1 + this.#random.below(16)) * PAGE_BYTES;
    this.#call('allocate', `${lengthBytes}`);
    const real = this.#fixture.allocate(device.real, lengthBytes);
    const allocation = new ModelAllocation(lengthBytes);
    this.#model.allocations.push(allocation);
    device.instances.push({ device, real, model: new ModelInstance(allocation, device.model) });
    this.#write(device.instances.at(-1)!);
  }

  #open(): void {
    if (this.#instances.length === 0) return;
    const { real, model } = this.#random.pick(this.#instances);
    const device = this.#random.pick(this.#devices);
    this.#call('open', '');
    const opened = this.#fixture.memory.openAllocation(device.real.memory, real.allocation, {
      readOnly: false,
    });
    assert.equal(opened === null, this.#isSlow ? real.allocation.lost : model.allocation.lost);
    if (opened === null) return;
    device.instances.push({ device, real: opened, model: new ModelInstance(model.allocation, device.model) });
  }

  /** A device and some of its live instances; handles may repeat. */
  #pick(most: number): { device: Device; picked: Instance[] } | null {
    if (this.#devices.length === 0) return null;
    const device = this.#random.pick(this.#devices);
    const alive = device.instances.filter((each) => each.real.alive);
    const picked = this.#random.some(alive, most);
    return picked.length === 0 ? null : { device, picked };
  }

  #makeResident(): void {
    const choice = this.#pick(4);
    if (choice === null) return;
    const { device, picked } = choice;
    this.#call('makeResident', `${picked.length}`);
    const real = this.#fixture.memory.makeResident(device.real.queue, reals(picked), 0);
    if (picked.some((each) => each.real.allocation.lost)) {
      assert.equal(real.status, Status.invalidParameter);
      return;
    }
    if (real.status === Status.noMemory) this.#count('makeResident refused');
    if (this.#isSlow) return;
    const value = this.#model.makeResident(device.model, models(picked));
    const status = value === null ? Status.noMemory : statusOf(device, value);
    assert.equal(real.status, status, 'status');
    assert.equal(real.pagingFenceValue, BigInt(value ?? 0), 'paging fence value');
    if (status === Status.pending) this.#count('makeResident pending');
  }

  #evict(): void {
    const choice = this.#pick(4);
    if (choice === null) return;
    const { device, picked } = choice;
    const lazy = !this.#random.oneIn(5);
    this.#call('evict', `${picked.length} ${lazy ? 'lazily' : ''}`);
    this.#fixture.memory.evict(device.real.memory, reals(picked), lazy ? 1 : 0);
    if (!this.#isSlow) this.#model.evict(device.model, models(picked), lazy);
  }

  #offer(): void {
    const choice = this.#pick(3);
    if (choice === null) return;
    const { device, picked } = choice;
    const priority = this.#random.pick(OFFER_PRIORITIES);
    const flags = this.#random.below(4);
    this.#call('offer', `${picked.length}`);
    const status = this.#fixture.memory.offer(reals(picked), priority, flags);
    const isLost = picked.some((each) => each.real.allocation.lost);
    assert.equal(status, isLost ? Status.invalidParameter : Status.success);
    if (this.#isSlow || isLost) return;
    const { model } = device;
    for (const each of models(picked)) {
      const work = (flags & 1) !== 0 ? (model.work[0] ?? null) : model.lastWork;
      this.#model.offer(each, priority, (flags & 2) !== 0, work);
    }
  }

  #reclaim(): void {
    const choice = this.#pick(3);
    if (choice === null) return;
    const { device } = choice;
    const picked = [...new Set(choice.picked)];
    const results = new Uint32Array(picked.length);
    this.#call('reclaim', `${picked.length}`);
    const groups = reals(picked).map((each) => [each]);
    const real = this.#fixture.memory.reclaim(device.real.queue, groups, results);
    for (const result of results) this.#count(`reclaim result ${result}`);
    if (!this.#isSlow) {
      const model = this.#model.reclaim(device.model, models(picked));
      const expected = model === null ? Status.noMemory : statusOf(device, model.value);
      assert.equal(real.status, expected, 'status');
      if (model !== null) assert.deepEqual([...results], model.results, 'results');
    }
    if (real.status === Status.noMemory) return;
    picked.forEach((each, index) => {
      if (results[index] === 0 && !this.#isSlow) assert.notEqual(each.model.allocation.contents, 0);
      if (results[index] === 0 && !each.real.allocation.discarded) {
        assert.notEqual(scripted(each.real).contents, 0, 'contents of memory that was not discarded');
      }
      if (results[index] === 1) this.#write(each);
    });
  }

  /** New contents. In a slow episode a discard may still be under way, which must not take them. */
  #write(instance: Instance): void {
    if (this.#isSlow && instance.real.allocation.physical !== 'in' && this.#contents > 0) {
      scripted(instance.real).contents ||= 1;
      if (instance.real.allocation.physical === 'leaving') return;
    }
    this.#contents += 1;
    scripted(instance.real).contents = this.#contents;
    instance.model.allocation.contents = this.#contents;
  }

  #destroy(): void {
    const choice = this.#pick(3);
    if (choice === null) return;
    const picked = [...new Set(choice.picked)];
    const assumeNotInUse = this.#random.oneIn(2);
    this.#call('destroy', `${picked.length}`);
    for (const each of picked) {
      this.#fixture.memory.destroyAllocations([each.real], { assumeNotInUse }, () => {
        each.device.instances.splice(each.device.instances.indexOf(each), 1);
      });
      if (!this.#isSlow) this.#model.destroy([each.model], assumeNotInUse);
    }
  }

  #destroyDevice(): void {
    if (this.#devices.length < 2) return;
    const device = this.#random.pick(this.#devices);
    this.#call('destroyDevice', '');
    while (device.real.work.pending > 0) this.#endOldest(device);
    // Work of the process' other devices may hold the destruction back; then the device stays.
    if (device.process.devices.some((each) => each.real.work.pending > 0)) return;
    for (const each of [...device.instances]) {
      if (!each.real.alive) continue;
      this.#fixture.memory.destroyAllocations([each.real], { assumeNotInUse: true }, () => {});
      if (!this.#isSlow) this.#model.destroy([each.model], true);
    }
    this.#fixture.memory.destroyDevice(device.real.memory);
    const { process } = device;
    process.devices.splice(process.devices.indexOf(device), 1);
    process.model.devices.splice(process.model.devices.indexOf(device.model), 1);
    if (process.devices.length > 0) return;
    this.#call('destroyProcess', '');
    process.real.destroy();
    this.#processes.splice(this.#processes.indexOf(process), 1);
    // What it paid for stays charged to it as long as others keep the memory.
    process.model.reservations.fill(0);
    if (this.#processes.length === 0) this.#createProcess();
  }

  #reserve(): void {
    const process = this.#random.pick(this.#processes);
    const group = this.#random.below(2);
    const wanted = this.#random.below(40) * PAGE_BYTES;
    this.#call('reserve', `${wanted}`);
    const isGranted = wanted <= this.#model.reservable(process.model, group);
    const status = this.#fixture.memory.changeReservation(process.real, group, BigInt(wanted));
    if (this.#isSlow) return;
    assert.equal(status, isGranted ? Status.success : Status.invalidParameter);
    if (isGranted) process.model.reservations[group] = wanted;
  }

  #setPriority(): void {
    if (this.#instances.length === 0) return;
    const { real, model } = this.#random.pick(this.#instances);
    const priority = this.#random.pick(PRIORITIES);
    this.#call('setPriority', `${priority.toString(16)}`);
    this.#fixture.memory.setPriority(real, priority);
    this.#model.setPriority(model.allocation, priority);
  }

  #beginWork(): void {
    if (this.#devices.length === 0) return;
    const device = this.#random.pick(this.#devices);
    if (device.real.work.pending >= 5) return;
    this.#call('beginWork', '');
    device.real.work.begin();
    device.model.work.push(new ModelWork());
  }

  #endWork(): void {
    const working = this.#devices.filter((device) => device.real.work.pending > 0);
    if (working.length === 0) return;
    this.#call('endWork', '');
    this.#endOldest(this.#random.pick(working));
  }

  #endOldest(device: Device): void {
    device.real.work.endOldest();
    this.#model.endWork(device.model);
  }

  #checkProcess(process: Process): void {
    for (const group of [0, 1]) {
      const info = this.#fixture.memory.queryVideoMemoryInfo(process.real, group)!;
      const expected = {
        budget: this.#model.budget(process.model, group),
        currentUsage: this.#model.pinned(process.model, group),
        currentReservation: process.model.reservations[group],
        availableForReservation: this.#model.reservable(process.model, group),
      };
      assert.deepEqual(info, expected);
    }
  }
}

function statusOf(device: Device, value: number): number {
  return device.model.completed >= value ? Status.success : Status.pending;
}

function reals(instances: readonly Instance[]): AllocationInstance[] {
  return instances.map((each) => each.real);
}

function models(instances: readonly Instance[]): ModelInstance[] {
  return instances.map((each) => each.model);
}
