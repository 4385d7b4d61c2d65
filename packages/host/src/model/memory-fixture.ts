import type { Account } from '../account.ts';
import type { BackendDevice, SegmentDescription } from '../backends/contract.ts';
import type { Allocation, AllocationInstance } from '../memory/allocation.ts';
import type { DeviceMemory } from '../memory/device-memory.ts';
import type { DeviceWork, WorkSnapshot } from '../memory/device-work.ts';
import type { PagingQueue } from '../memory/paging-queue.ts';
import type { ProcessMemory } from '../memory/process-memory.ts';
import { VideoMemory } from '../memory/video-memory.ts';
import type { VideoMemoryLimits } from '../memory/video-memory-types.ts';
import { WindowAllocator } from '../memory/window-allocator.ts';
import { createImplicitFence } from '../scheduler/create-sync-object.ts';
import { FakeClock } from '../scheduler/fake-clock.ts';
import { WorkMark } from '../scheduler/work-snapshot.ts';
import { FakeGuestMemory, FakeWindow, silentLog } from './fake-bus.ts';
import { ScriptedAdapter, type ScriptedAllocation } from './scripted-adapter.ts';

const MiB = 2 ** 20;

/** GPU work of a device that begins and ends as the test says. */
export class FakeWork implements DeviceWork {
  holds = 0;
  #mark: WorkMark | null = null;
  #marks: WorkMark[] = [];

  /** Work is queued: marks made from now on stand behind it. */
  begin(): void {
    this.#mark = new WorkMark();
    this.#mark.expect();
    this.#marks.push(this.#mark);
  }

  /** All work has ended. */
  end(): void {
    this.#mark = null;
    for (const mark of this.#marks.splice(0)) mark.pass();
  }

  /** The work that was begun first has ended. */
  endOldest(): void {
    const mark = this.#marks.shift();
    if (mark === this.#mark) this.#mark = null;
    mark?.pass();
  }

  get pending(): number {
    return this.#marks.length;
  }

  snapshot(): WorkSnapshot | null {
    return this.#mark;
  }

  runningSnapshot(): WorkSnapshot | null {
    return this.#marks[0] ?? null;
  }

  ableSnapshot(): WorkSnapshot | null {
    return this.#mark;
  }

  hold(): void {
    this.holds += 1;
  }

  release(): void {
    this.holds -= 1;
  }
}

export interface FixtureDevice {
  readonly memory: DeviceMemory;
  readonly work: FakeWork;
  readonly queue: PagingQueue;
  readonly failures: number[];
}

/** A memory manager over a scripted backend. */
export class MemoryFixture {
  readonly clock = new FakeClock();
  readonly window: FakeWindow;
  readonly guestMemory: FakeGuestMemory;
  readonly windowAllocator: WindowAllocator;
  readonly adapter: ScriptedAdapter;
  readonly memory: VideoMemory;

  constructor(
    options: {
      readonly segments?: readonly SegmentDescription[];
      readonly canEvict?: boolean;
      readonly limits?: Partial<VideoMemoryLimits>;
      readonly windowBytes?: number;
      readonly guestKind?: 'mapped' | 'mirrored';
      readonly guestPageRanges?: Account;
    } = {},
  ) {
    this.window = new FakeWindow(options.windowBytes ?? MiB);
    this.guestMemory = new FakeGuestMemory(4 * MiB, options.guestKind);
    this.windowAllocator = new WindowAllocator({ window: this.window, clock: this.clock });
    this.adapter = new ScriptedAdapter(this.clock, {
      segments: options.segments ?? [{ id: 1, group: 'local', lengthBytes: 10 * MiB }],
      canEvict: options.canEvict ?? true,
    });
    this.memory = new VideoMemory({
      adapter: this.adapter,
      description: this.adapter.description,
      windowAllocator: this.windowAllocator,
      window: this.window,
      guestMemory: this.guestMemory,
      log: silentLog,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      ...(options.guestPageRanges === undefined ? {} : { guestPageRanges: options.guestPageRanges }),
    });
  }

  device(process: ProcessMemory): FixtureDevice {
    const work = new FakeWork();
    const failures: number[] = [];
    const token: BackendDevice = this.adapter.createDevice();
    const memory = this.memory.createDevice(process, token, work, (status) => failures.push(status));
    const queue = this.memory.createPagingQueue(memory, 0, createImplicitFence(this.window, -1))!;
    return { memory, work, queue, failures };
  }

  allocate(device: FixtureDevice, lengthBytes: number, existingSystemMemory = false): AllocationInstance {
    const privateData = new Uint8Array(8);
    new DataView(privateData.buffer).setBigUint64(0, BigInt(lengthBytes), true);
    const { instance } = this.memory.createAllocation(device.memory, {
      runtimeHandleLow: 0,
      runtimeHandleHigh: 0,
      privateData,
      resourcePrivateData: new Uint8Array(0),
      standardLengthBytes: 0,
      existingSystemMemory,
      readOnly: false,
    });
    return instance!;
  }

  makeResident(device: FixtureDevice, instances: readonly AllocationInstance[], flags = 0): number {
    return this.memory.makeResident(device.queue, instances, flags).status;
  }

  destroy(...instances: AllocationInstance[]): boolean {
    let destroyed = false;
    this.memory.destroyAllocations(instances, { assumeNotInUse: false }, () => {
      destroyed = true;
    });
    return destroyed;
  }
}

/** What the scripted backend knows of an allocation. */
export function scripted(subject: AllocationInstance | Allocation): ScriptedAllocation {
  const allocation = 'allocation' in subject ? subject.allocation : subject;
  return allocation.token as ScriptedAllocation;
}
