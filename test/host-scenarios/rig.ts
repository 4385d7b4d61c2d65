import assert from 'node:assert/strict';
import { type KmtDriver, type KmtProcess, startDriver, unwrap } from '@dxgwire/guest/kmt';
import { createHost, type Host, type HostClock, type Partition, type PartitionOptions } from '@dxgwire/host';
import { type Backend, createReferenceBackend, ReferenceEncoder } from '@dxgwire/host/backends';
import type { GuestBus, GuestMemoryBlock } from '@dxgwire/transport';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';

export const PAGE = 4096;
export const MONITORED_FENCE = 5;
export const PENDING = 0x103;
/** D3DKMT_CREATEALLOCATIONFLAGS. */
export const AllocationBits = {
  createResource: 1,
  createShared: 2,
  existingSystemMemory: 0x20,
  ntSecuritySharing: 0x40,
} as const;
/** D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS: Shared and NtSecuritySharing. */
export const SHARED_FENCE = 3;
/** D3DKMT_CREATECONTEXTVIRTUALFLAGS.HwQueueSupported. */
const HW_QUEUE_SUPPORTED = 0x10;

/** Every way in which a host can be set up that the driver sees on the wire. */
export const configurations: readonly Required<
  Pick<PartitionOptions, 'interfaceVersion' | 'asyncMessages' | 'mapGuestMemory'>
>[] = [
  { interfaceVersion: 39, asyncMessages: true, mapGuestMemory: true },
  { interfaceVersion: 16, asyncMessages: false, mapGuestMemory: false },
].concat(
  [40, 27].flatMap((interfaceVersion) =>
    [false, true].flatMap((asyncMessages) =>
      [false, true].map((mapGuestMemory) => ({ interfaceVersion, asyncMessages, mapGuestMemory })),
    ),
  ),
);

export function nameOf(options: PartitionOptions): string {
  const { interfaceVersion, asyncMessages, mapGuestMemory } = options;
  const memory = mapGuestMemory ? 'page lists' : 'GPADLs';
  return `version ${interfaceVersion}, asynchronous messages ${asyncMessages ? 'on' : 'off'}, ${memory}`;
}

export interface MachineOptions extends PartitionOptions {
  /** Virtual GPUs; the last of several is compute only. */
  readonly gpuCount?: number;
  readonly localBytes?: number;
  readonly clock?: HostClock;
}

/** A host on the reference backend and one guest on it, whose every object can be counted. */
export class Machine {
  readonly host: Host;
  readonly partition: Partition;
  readonly bus: GuestBus;
  readonly driver: KmtDriver;
  readonly #backend: Backend;
  readonly #empty: Record<string, number>;

  private constructor(parts: {
    host: Host;
    partition: Partition;
    bus: GuestBus;
    driver: KmtDriver;
    backend: Backend;
  }) {
    this.host = parts.host;
    this.partition = parts.partition;
    this.bus = parts.bus;
    this.driver = parts.driver;
    this.#backend = parts.backend;
    this.#empty = this.census();
  }

  static async start(options: MachineOptions = {}): Promise<Machine> {
    const { gpuCount = 1, localBytes = 64 << 20, clock, ...partitionOptions } = options;
    const reference = createReferenceBackend({ adapterCount: gpuCount, localBytes });
    const adapters = reference.adapters.map((adapter, index) => ({
      ...adapter,
      computeOnly: gpuCount > 1 && index === gpuCount - 1,
    }));
    const backend: Backend = { ...reference, adapters };
    const host = createHost({ backend, ...(clock === undefined ? {} : { clock }) });
    const { guest, host: hostBus } = createInProcessBus({ guestMemoryBytes: 96 << 20, windowMegabytes: 16 });
    const partition = host.attach(hostBus, partitionOptions);
    const driver = await startDriver(guest);
    // What the host offers comes behind a turn of the event loop.
    while (driver.adapterSummaries().filter(({ state }) => state !== 'waiting').length < gpuCount) {
      await new Promise((resolve) => setImmediate(resolve));
      await driver.settled();
    }
    return new Machine({ host, partition, bus: guest, driver, backend });
  }

  /** Live objects of the host, without those that there are none of. */
  census(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.host.census()).filter(([, count]) => count !== 0));
  }

  /** Demands that the same as {@link assertNothingOfGuest}, and that the guest pins nothing. */
  assertEmpty(after: string): void {
    this.assertNothingOfGuest(after);
    assert.equal(this.driver.statistics.pinnedPages, 0, `pinned pages after ${after}`);
    assert.equal(this.driver.statistics.completionsPending, 0, `unanswered requests after ${after}`);
  }

  /** Demands that the host has exactly what it had before the first process came. */
  assertNothingOfGuest(after: string): void {
    assert.deepEqual(this.census(), this.#empty, `objects of the host after ${after}`);
  }

  guestMemory(bytes: number): GuestMemoryBlock {
    return this.bus.memory.allocate(bytes);
  }

  async powerOff(): Promise<void> {
    await this.bus.close();
    await this.host.close();
    await this.#backend.close();
    const left = Object.entries(this.host.census()).filter(([, count]) => count !== 0);
    assert.deepEqual(left, [], 'objects of the host after the guest is gone');
  }
}

/** Private data by which the reference backend learns an allocation's size. */
export function sized(bytes: number): Uint8Array {
  const data = new Uint8Array(16);
  new DataView(data.buffer).setBigUint64(0, BigInt(bytes), true);
  return data;
}

/** A process with a device, one context of each kind, a hardware queue and a paging queue. */
export class Client {
  readonly machine: Machine;
  readonly process: KmtProcess;
  readonly adapter: number;
  readonly device: number;
  readonly context: number;
  readonly queueContext: number;
  readonly queue: number;
  readonly progressFence: number;
  readonly pagingQueue: number;
  readonly pagingFence: number;
  #submitted = 0n;

  private constructor(machine: Machine, process: KmtProcess, handles: ClientHandles) {
    this.machine = machine;
    this.process = process;
    this.adapter = handles.adapter;
    this.device = handles.device;
    this.context = handles.context;
    this.queueContext = handles.queueContext;
    this.queue = handles.queue;
    this.progressFence = handles.progressFence;
    this.pagingQueue = handles.pagingQueue;
    this.pagingFence = handles.pagingFence;
  }

  /** @param adapterIndex which of the guest's adapters, in the order of their PCI functions. */
  static async open(machine: Machine, pid: number, comm: string, adapterIndex = 0): Promise<Client> {
    return Client.on(machine, await machine.driver.openDevice({ pid, comm }), adapterIndex);
  }

  static async on(machine: Machine, process: KmtProcess, adapterIndex = 0): Promise<Client> {
    const { luid } = machine.driver.adapterSummaries()[adapterIndex]!;
    const opened = unwrap(await process.openAdapterFromLuid({ adapterLuid: luid }), 'openAdapterFromLuid');
    const adapter = opened.adapterHandle;
    const { device } = unwrap(await process.createDevice({ adapter }), 'createDevice');
    const { context } = unwrap(await process.createContextVirtual({ device }), 'createContextVirtual');
    const { context: queueContext } = unwrap(
      await process.createContextVirtual({ device, flags: HW_QUEUE_SUPPORTED, engineAffinity: 1 }),
      'createContextVirtual',
    );
    const queue = unwrap(await process.createHwQueue({ context: queueContext }), 'createHwQueue');
    const paging = unwrap(await process.createPagingQueue({ device }), 'createPagingQueue');
    return new Client(machine, process, {
      adapter,
      device,
      context,
      queueContext,
      queue: queue.queue,
      progressFence: queue.queueProgressFence,
      pagingQueue: paging.pagingQueue,
      pagingFence: paging.syncObject,
    });
  }

  /** Waits on the CPU until a fence of this process has reached a value. */
  async wait(fence: number, value: bigint): Promise<void> {
    const { device } = this;
    unwrap(
      await this.process.waitForSynchronizationObjectFromCpu({
        device,
        objects: [fence],
        fenceValues: [value],
      }),
      'waitForSynchronizationObjectFromCpu',
    );
  }

  async signal(fence: number, value: bigint): Promise<void> {
    const { device } = this;
    unwrap(
      await this.process.signalSynchronizationObjectFromCpu({
        device,
        objects: [fence],
        fenceValues: [value],
      }),
      'signalSynchronizationObjectFromCpu',
    );
  }

  async fence(flags = 0, initialFenceValue = 0n) {
    const info = { type: MONITORED_FENCE, flags, monitoredFence: { initialFenceValue } };
    return unwrap(
      await this.process.createSynchronizationObject2({ device: this.device, info }),
      'createSynchronizationObject2',
    );
  }

  async allocate(bytes: number, more: { flags?: number; block?: GuestMemoryBlock } = {}) {
    const { flags = 0, block } = more;
    const sysmem = block === undefined ? {} : { sysmem: { block, offset: 0, length: bytes } };
    const created = unwrap(
      await this.process.createAllocation({
        device: this.device,
        flags: flags | (block === undefined ? 0 : AllocationBits.existingSystemMemory),
        allocationInfo: [{ privDrvData: sized(bytes), ...sysmem }],
      }),
      'createAllocation',
    );
    return { resource: created.resource, allocation: created.allocationInfo[0]!.allocation };
  }

  /** Maps an allocation whole and makes it resident. @returns its GPU virtual address. */
  async bind(allocation: number, bytes: number): Promise<bigint> {
    const { pagingQueue } = this;
    const mapped = unwrap(
      await this.process.mapGpuVirtualAddress({
        pagingQueue,
        allocation,
        sizeInPages: BigInt(bytes / PAGE),
        protection: 1n,
      }),
      'mapGpuVirtualAddress',
    );
    if (mapped.ret === PENDING) await this.wait(this.pagingFence, mapped.pagingFenceValue);
    const resident = unwrap(
      await this.process.makeResident({ pagingQueue, allocationList: [allocation] }),
      'makeResident',
    );
    if (resident.ret === PENDING) await this.wait(this.pagingFence, resident.pagingFenceValue);
    return mapped.virtualAddress;
  }

  /** Runs commands on the hardware queue and waits for their end. */
  async run(build: (encoder: ReferenceEncoder) => void): Promise<void> {
    await this.wait(this.progressFence, await this.submit(build));
  }

  /** @returns the value of the progress fence that says they are done. */
  async submit(build: (encoder: ReferenceEncoder) => void): Promise<bigint> {
    const encoder = new ReferenceEncoder();
    build(encoder);
    this.#submitted += 1n;
    unwrap(
      await this.process.submitCommandToHwQueue({
        hwqueue: this.queue,
        hwqueueProgressFenceId: this.#submitted,
        privDrvData: encoder.privateData(),
      }),
      'submitCommandToHwQueue',
    );
    return this.#submitted;
  }

  /** Returns when the host has handled all that this process sent before, also what wants no answer. */
  async roundTrip(): Promise<void> {
    unwrap(await this.process.queryVideoMemoryInfo({ adapter: this.adapter }), 'queryVideoMemoryInfo');
  }
}

interface ClientHandles {
  readonly adapter: number;
  readonly device: number;
  readonly context: number;
  readonly queueContext: number;
  readonly queue: number;
  readonly progressFence: number;
  readonly pagingQueue: number;
  readonly pagingFence: number;
}
