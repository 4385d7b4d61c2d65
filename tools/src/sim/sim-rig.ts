import { KmtEvent, type KmtProcess } from '@dxgwire/guest/kmt';
import { ReferenceEncoder } from '@dxgwire/host/backends';
import type { GuestMemory, GuestMemoryBlock } from '@dxgwire/transport';
import type { SimRandom } from './sim-random.ts';
import { TrackedFence, TrackedWait } from './tracked.ts';
import { must, Violation } from './violation.ts';

const PAGE_BYTES = 4096;
const SLOT_BYTES = 64;
const SLOTS = 16;
const MONITORED_FENCE = 5;
const HW_QUEUE_SUPPORTED = 0x10;
const EXISTING_SYSTEM_MEMORY = 0x20;
const ANY_VALUE = (1n << 64n) - 1n;
const PENDING = 0x103;

/** A call failed because its device or its link is gone: the end of a rig, and nothing wrong. */
export class RigLost extends Error {
  override readonly name = 'RigLost';
}

/** A hardware queue, and what was submitted to it. */
interface SimQueue {
  readonly index: number;
  readonly context: number;
  readonly handle: number;
  readonly progress: TrackedFence;
  submitted: bigint;
  /** Submissions up to this one have been found right. */
  checked: bigint;
  /** From which submission on which fence must be how far. */
  readonly needs: { readonly from: bigint; readonly fence: TrackedFence; readonly value: bigint }[];
}

/** What the world does for a rig. */
export interface RigWorld {
  nowMs(): number;
  after(delayMs: number, callback: () => void): void;
  violated(error: Error): void;
}

/** A device of one guest with all that is on it, how it is used, and what must be so at any time. */
export class SimRig {
  readonly queues: SimQueue[] = [];
  readonly fences: TrackedFence[] = [];
  readonly waits = new Set<TrackedWait>();
  readonly allocations = new Map<number, { readonly pages: number; stamp: number }>();
  /** The device may be lost: calls may fail, fences may be released. */
  isDoubtful = false;
  /** Signals that others wait for. */
  owed = 0;
  /** What the guest is doing, for a report. */
  doing = '';
  readonly #process: KmtProcess;
  readonly #memory: GuestMemory;
  readonly #random: SimRandom;
  readonly #world: RigWorld;
  #device = 0;
  #pagingQueue = 0;
  #paging: TrackedFence | null = null;
  #block: GuestMemoryBlock | null = null;
  #blockAllocation = 0;
  #address = 0n;
  #isLinkLost: () => boolean;
  #serial = 0;

  constructor(
    process: KmtProcess,
    memory: GuestMemory,
    random: SimRandom,
    world: RigWorld,
    isLinkLost: () => boolean,
  ) {
    this.#process = process;
    this.#memory = memory;
    this.#random = random;
    this.#world = world;
    this.#isLinkLost = isLinkLost;
  }

  /** @throws RigLost when the call could not be; Violation when it should have been. */
  #expect<Result extends { readonly ret: number }>(result: Result, what: string): Result {
    if (result.ret >= 0) return result;
    if (this.isDoubtful || this.#isLinkLost()) throw new RigLost(what);
    throw new Violation(`${what} failed with ${result.ret}`);
  }

  #fence(name: string, handle: number, view: TrackedFence['view'] | null, initial: bigint): TrackedFence {
    if (view === null) throw new Violation(`${name} has no page`);
    const fence = new TrackedFence(name, handle, view, initial);
    fence.isLost = this.isDoubtful;
    return fence;
  }

  async open(queueCount: number): Promise<void> {
    const process = this.#process;
    const { adapters } = this.#expect(
      await process.enumAdapters3({ filter: 1n, adapterCount: 4 }),
      'enumAdapters3',
    );
    const adapter = adapters[0]?.adapterHandle ?? 0;
    const { device } = this.#expect(await process.createDevice({ adapter }), 'createDevice');
    // This call of the driver succeeds when the host refuses.
    if (device === 0) this.#expect({ ret: -1 }, 'createDevice');
    this.#device = device;
    const paging = this.#expect(await process.createPagingQueue({ device }), 'createPagingQueue');
    this.#pagingQueue = paging.pagingQueue;
    this.#paging = this.#fence('a paging fence', paging.syncObject, paging.fenceView, 0n);
    this.#paging.asked = ANY_VALUE;
    for (let index = 0; index < queueCount; index += 1) await this.#openQueue(index, device);
    await this.#openBlock(device, queueCount);
    for (let i = 0; i < 2; i += 1) await this.createFence();
  }

  async #openQueue(index: number, device: number): Promise<void> {
    const process = this.#process;
    const made = await process.createContextVirtual({ device, flags: HW_QUEUE_SUPPORTED, engineAffinity: 1 });
    const { context } = this.#expect(made, 'createContextVirtual');
    const queue = this.#expect(await process.createHwQueue({ context }), 'createHwQueue');
    const name = `the progress fence of queue ${index}`;
    const progress = this.#fence(name, queue.queueProgressFence, queue.fenceView, 0n);
    const handle = queue.queue;
    this.queues.push({ index, context, handle, progress, submitted: 0n, checked: 0n, needs: [] });
  }

  /** The guest's own memory, a page to read and a page to write for each queue, mapped for the GPU. */
  async #openBlock(device: number, queueCount: number): Promise<void> {
    const length = queueCount * 2 * PAGE_BYTES;
    const block = this.#memory.allocate(length);
    this.#block = block;
    const created = await this.#process.createAllocation({
      device,
      flags: EXISTING_SYSTEM_MEMORY,
      allocationInfo: [{ privDrvData: sized(length), sysmem: { block, offset: 0, length } }],
    });
    const { allocation } = this.#expect(created, 'createAllocation').allocationInfo[0]!;
    this.#blockAllocation = allocation;
    const mapped = this.#expect(
      await this.#process.mapGpuVirtualAddress({
        pagingQueue: this.#pagingQueue,
        allocation,
        sizeInPages: BigInt(length / PAGE_BYTES),
        protection: 1n,
      }),
      'mapGpuVirtualAddress',
    );
    this.#address = mapped.virtualAddress;
    if (mapped.ret === PENDING) await this.waitFor(this.#paging!, mapped.pagingFenceValue);
    await this.#makeResident(allocation);
  }

  async #makeResident(allocation: number): Promise<boolean> {
    const answer = await this.#process.makeResident({
      pagingQueue: this.#pagingQueue,
      allocationList: [allocation],
    });
    // More than fits is refused, and nothing wrong.
    if (answer.ret < 0 && allocation !== this.#blockAllocation) return false;
    this.#expect(answer, 'makeResident');
    if (answer.ret === PENDING) await this.waitFor(this.#paging!, answer.pagingFenceValue);
    return true;
  }

  async createFence(): Promise<void> {
    this.#serial += 1;
    const initial = BigInt(this.#random.below(3));
    const result = await this.#process.createSynchronizationObject2({
      device: this.#device,
      info: { type: MONITORED_FENCE, monitoredFence: { initialFenceValue: initial } },
    });
    const made = this.#expect(result, 'createSynchronizationObject2');
    this.fences.push(this.#fence(`fence ${this.#serial}`, made.syncObject, made.fenceView, initial));
  }

  /** Destroys a fence that nobody waits for. */
  async destroyFence(): Promise<void> {
    const isWaitedFor = (fence: TrackedFence) => [...this.waits].some((wait) => wait.fence === fence);
    const at = this.fences.findIndex((fence) => !isWaitedFor(fence) && !this.#isNeeded(fence));
    if (at < 0 || this.fences.length < 2) return;
    const [fence] = this.fences.splice(at, 1);
    this.#expect(
      await this.#process.destroySynchronizationObject({ syncObject: fence!.handle }),
      'destroySync',
    );
  }

  /** Whether a queue still waits for it, as far as the guest knows. */
  #isNeeded(fence: TrackedFence): boolean {
    return this.queues.some(({ needs }) => needs.some((need) => need.fence === fence));
  }

  /** Registers a wait of the CPU and resolves when it is over. */
  async waitFor(fence: TrackedFence, value: bigint): Promise<void> {
    const wait = new TrackedWait(fence, value);
    await new Promise<void>((resolve, reject) => {
      const event = new KmtEvent(() => {
        try {
          wait.woken(this.isDoubtful || this.#isLinkLost());
        } catch (error) {
          this.#world.violated(error as Error);
        }
        this.waits.delete(wait);
        resolve();
      });
      event.onLost = () => {
        this.waits.delete(wait);
        reject(new RigLost('a wait'));
      };
      this.waits.add(wait);
      this.#process
        .waitForSynchronizationObjectFromCpu({
          device: this.#device,
          objects: [fence.handle],
          fenceValues: [value],
          asyncEvent: event,
        })
        .then((result) => {
          if (result.ret >= 0) return;
          this.waits.delete(wait);
          this.#expect(result, `a wait for ${fence.name}`);
        })
        .catch(reject);
    });
    if (this.isDoubtful && fence.view.value() < value) throw new RigLost('a wait');
  }

  async submit(): Promise<void> {
    const queue = this.#random.pick(this.queues);
    const next = queue.submitted + 1n;
    // A slot is used again when the guest has seen that its last use is over.
    if (next > BigInt(SLOTS)) await this.waitFor(queue.progress, next - BigInt(SLOTS));
    if (queue.submitted + 1n !== next) return;
    const slot = Number(next % BigInt(SLOTS)) * SLOT_BYTES;
    const source = queue.index * 2 * PAGE_BYTES + slot;
    const block = this.#block!;
    new Uint32Array(block.bytes.buffer, block.bytes.byteOffset + source, SLOT_BYTES / 4).fill(Number(next));
    block.flush(source, SLOT_BYTES);
    queue.submitted = next;
    queue.progress.asked = next;
    const from = this.#address + BigInt(source);
    const privDrvData = new ReferenceEncoder()
      .copy(from, from + BigInt(PAGE_BYTES), BigInt(SLOT_BYTES))
      .privateData();
    const result = await this.#process.submitCommandToHwQueue({
      hwqueue: queue.handle,
      hwqueueProgressFenceId: next,
      privDrvData,
    });
    this.#expect(result, 'submitCommandToHwQueue');
  }

  async signalFromCpu(fence = this.#random.pick(this.fences)): Promise<void> {
    const value = fence.asked + 1n;
    fence.asked = value;
    const result = await this.#process.signalSynchronizationObjectFromCpu({
      device: this.#device,
      objects: [fence.handle],
      fenceValues: [value],
    });
    this.#expect(result, 'signalSynchronizationObjectFromCpu');
  }

  async signalFromGpu(): Promise<void> {
    const fence = this.#random.pick(this.fences);
    fence.asked += 1n;
    const result = await this.#process.submitSignalSyncObjectsToHwQueue({
      hwqueues: [this.#random.pick(this.queues).handle],
      objects: [fence.handle],
      fenceValues: [fence.asked],
    });
    this.#expect(result, 'submitSignalSyncObjectsToHwQueue');
  }

  /** A queue waits for a value that the CPU gives a little later. */
  async waitOnGpu(): Promise<void> {
    const queue = this.#random.pick(this.queues);
    const fence = this.#random.pick(this.fences);
    const value = fence.asked + 1n;
    queue.needs.push({ from: queue.submitted + 1n, fence, value });
    this.owed += 1;
    const result = await this.#process.submitWaitForSyncObjectsToHwQueue({
      hwqueue: queue.handle,
      objects: [fence.handle],
      fenceValues: [value],
    });
    this.#world.after(this.#random.below(60), () => {
      this.owed -= 1;
      // Whatever others have asked for meanwhile: it may itself be queued behind this wait.
      this.signalFromCpu(fence).catch((error: Error) => this.#world.violated(error));
    });
    this.#expect(result, 'submitWaitForSyncObjectsToHwQueue');
  }

  async waitOnCpu(): Promise<void> {
    const fence = this.#random.oneIn(2)
      ? this.#random.pick(this.queues).progress
      : this.#random.pick(this.fences);
    if (fence.asked > 0n) await this.waitFor(fence, fence.asked);
  }

  async allocate(): Promise<void> {
    const pages = 1 + this.#random.below(12);
    const created = await this.#process.createAllocation({
      device: this.#device,
      allocationInfo: [{ privDrvData: sized(pages * PAGE_BYTES) }],
    });
    const { allocation } = this.#expect(created, 'createAllocation').allocationInfo[0]!;
    this.allocations.set(allocation, { pages, stamp: 0 });
    await this.#makeResident(allocation);
  }

  async free(): Promise<void> {
    const allocation = [...this.allocations.keys()][0];
    if (allocation === undefined) return;
    this.allocations.delete(allocation);
    const result = await this.#process.destroyAllocation2({
      device: this.#device,
      allocations: [allocation],
    });
    this.#expect(result, 'destroyAllocation2');
  }

  async evict(): Promise<void> {
    const allocation = [...this.allocations.keys()].at(-1);
    if (allocation === undefined) return;
    const result = await this.#process.evict({ device: this.#device, allocations: [allocation] });
    // One that is not resident cannot be evicted.
    if (result.ret >= 0) await this.#makeResident(allocation);
  }

  /** What was written under the last lock is there under the next, wherever the memory has been meanwhile. */
  async lock(): Promise<void> {
    const entries = [...this.allocations];
    if (entries.length === 0) return;
    const [allocation, kept] = this.#random.pick(entries);
    const target = { device: this.#device, allocation };
    const locked = this.#expect(await this.#process.lock2(target), 'lock2');
    const bytes = locked.data!;
    must(
      this.isDoubtful || (bytes[0] === kept.stamp && bytes[bytes.length - 1] === kept.stamp),
      () => `a locked allocation holds ${bytes[0]} and ${bytes[bytes.length - 1]}, not ${kept.stamp}`,
    );
    kept.stamp = (kept.stamp + 1) & 0xff;
    bytes[0] = kept.stamp;
    bytes[bytes.length - 1] = kept.stamp;
    locked.flush(0, 1);
    locked.flush(bytes.length - 1, 1);
    this.#expect(await this.#process.unlock2(target), 'unlock2');
  }

  /** Everything that was asked for has happened: nobody waits, all queues are through. */
  async drain(): Promise<void> {
    for (const fence of [...this.fences, ...this.queues.map(({ progress }) => progress)]) {
      if (fence.asked > fence.seen) await this.waitFor(fence, fence.asked);
    }
  }

  async close(): Promise<void> {
    this.isDoubtful = true;
    if (this.#device !== 0) await this.#process.destroyDevice({ device: this.#device });
    if (this.#block !== null && !this.#isLinkLost()) this.#memory.free(this.#block);
    this.#block = null;
  }

  disturb(): void {
    this.isDoubtful = true;
    for (const fence of this.fences) fence.isLost = true;
    for (const { progress } of this.queues) progress.isLost = true;
    if (this.#paging !== null) this.#paging.isLost = true;
  }

  /** Objects that the host must have of this rig when nothing is under way. */
  get census(): Readonly<Record<string, number>> {
    const { length } = this.queues;
    return {
      devices: 1,
      contexts: length,
      hwQueues: length,
      pagingQueues: 1,
      allocations: this.allocations.size + 1,
    };
  }

  /** Looks at everything that must be so now. @throws Violation. */
  check(overdueMs: number): void {
    for (const fence of this.fences) fence.check();
    this.#paging?.check();
    for (const queue of this.queues) this.#checkQueue(queue);
    if (this.waits.size > 0) this.#checkWaits(overdueMs);
  }

  #checkQueue(queue: SimQueue): void {
    const progress = queue.progress.check();
    if (queue.checked >= progress || this.isDoubtful || this.#block === null) return;
    const { buffer, byteOffset } = this.#block.bytes;
    const page = byteOffset + (queue.index * 2 + 1) * PAGE_BYTES;
    const oldest = progress - BigInt(SLOTS) + 1n;
    for (let done = queue.checked + 1n > oldest ? queue.checked + 1n : oldest; done <= progress; done += 1n) {
      const at = page + Number(done % BigInt(SLOTS)) * SLOT_BYTES;
      const words = new Uint32Array(buffer, at, SLOT_BYTES / 4);
      const first = words[0]!;
      const isRight = first >= Number(done) && (first - Number(done)) % SLOTS === 0 && words.at(-1) === first;
      must(
        isRight,
        () =>
          `queue ${queue.index} is at ${progress}, but the data of ${done} are ${first} and ${words.at(-1)}`,
      );
    }
    queue.checked = progress;
    while (queue.needs.length > 0 && queue.needs[0]!.from <= progress) {
      const { fence, value, from } = queue.needs.shift()!;
      const is = fence.view.value();
      must(
        is >= value,
        () => `submission ${from} is done, but the ${fence.name} >= ${value} that it waits for is ${is}`,
      );
    }
  }

  #checkWaits(overdueMs: number): void {
    const nowMs = this.#world.nowMs();
    for (const wait of this.waits) {
      if (wait.fence.view.value() < wait.value) continue;
      wait.reachedMs ??= nowMs;
      must(
        nowMs - wait.reachedMs <= overdueMs,
        () =>
          `a wait for ${wait.fence.name} >= ${wait.value} sleeps on ${overdueMs} ms after that was reached`,
      );
    }
  }
}

/** Private data by which the reference backend learns an allocation's size. */
function sized(bytes: number): Uint8Array {
  const data = new Uint8Array(16);
  new DataView(data.buffer).setBigUint64(0, BigInt(bytes), true);
  return data;
}
