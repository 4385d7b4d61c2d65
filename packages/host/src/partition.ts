import { GLOBAL_CHANNEL_GUID, isProtocolError, PciConfig, VGPU_CHANNEL_GUID } from '@dxgwire/protocol';
import {
  type Channel,
  GLOBAL_CHANNEL_INDEX,
  type HostBus,
  isTransportError,
  PacketKind,
} from '@dxgwire/transport';
import { Account } from './account.ts';
import type { Backend } from './backends/contract.ts';
import type { Device } from './device.ts';
import { Dispatcher, type DispatcherStatistics } from './dispatcher.ts';
import { GpadlUsers } from './gpadls.ts';
import { GuestProcess } from './guest-process.ts';
import { HandleTable } from './handle-table.ts';
import { HostEvents } from './handlers/host-events.ts';
import { HostShares } from './host-shares.ts';
import { IoSpace } from './io-space.ts';
import { createLimitedLog } from './limited-log.ts';
import { describeError, type Log } from './log.ts';
import { WindowAllocator } from './memory/index.ts';
import type { ResolvedOptions } from './options.ts';
import { buildPciConfig, Negotiation } from './pci-config.ts';
import type { HostClock } from './scheduler/index.ts';
import { SharedObjects } from './shared-objects.ts';
import { VirtualGpu, type VirtualGpuIdentity } from './virtual-gpu.ts';

/** Names that only the partition itself hands out; each has index ranges of its own. */
const NamedKind = { process: 1, adapter: 2 } as const;
const FIRST_PROCESS_INDEX = 0x10_0000;
const FIRST_ADAPTER_INDEX = 0x20_0000;

const MEBIBYTE = 1 << 20;
/** The instance id of the global channel; the guest does not look at it. */
const GLOBAL_INSTANCE_GUID = Uint8Array.from({ length: 16 }, (_, index) => 0xd0 + index);

export interface PartitionEnvironment {
  /** Number of the partition, unique within the host. */
  readonly id: number;
  readonly bus: HostBus;
  readonly backend: Backend;
  readonly clock: HostClock;
  readonly log: Log;
  readonly options: ResolvedOptions;
  readonly identities: readonly VirtualGpuIdentity[];
  /** Called once, when everything of the guest is gone. */
  readonly onEnd: () => void;
}

/** One guest VM's whole state. When its bus ends, everything hanging under it is freed. */
export class Partition {
  readonly id: number;
  /** For all that the guest causes: limited. */
  readonly log: Log;
  readonly bus: HostBus;
  readonly clock: HostClock;
  readonly options: ResolvedOptions;
  readonly negotiation: Negotiation;
  readonly ioSpace: IoSpace;
  readonly windowAllocator: WindowAllocator;
  readonly gpus: readonly VirtualGpu[];
  readonly processes: HandleTable<{ [NamedKind.process]: GuestProcess }>;
  readonly sharedObjects: SharedObjects;
  readonly hostShares: HostShares;
  /** Objects of all its processes. */
  readonly objects: Account;
  /** CPU waits of all its processes, with the objects that they wait for. */
  readonly cpuWaits: Account;
  /** What the queues of its GPUs hold. */
  readonly queuedBytes: Account;
  /** Ranges of its pages behind its allocations. */
  readonly guestPageRanges: Account;
  /** Regions and mappings in its GPU address spaces. */
  readonly addressRanges: Account;
  readonly gpadls = new GpadlUsers();
  readonly dispatcher: Dispatcher;
  readonly hostEvents: HostEvents;
  /** Resolves when the guest is gone and everything of it is freed. */
  readonly ended: Promise<void>;
  readonly #adapters = new HandleTable<{ [NamedKind.adapter]: VirtualGpu }>({
    firstIndex: FIRST_ADAPTER_INDEX,
  });
  readonly #gpuOfChannel = new Map<number, VirtualGpu>();
  readonly #onEnd: () => void;
  /** For what a guest can cause once or twice: never left out. */
  readonly #lifeLog: Log;
  #globalChannel: Channel | null = null;
  #processCount = 0;
  #isEnding = false;
  #resolveEnded: () => void = () => {};

  constructor(environment: PartitionEnvironment) {
    const { bus, backend, clock, options } = environment;
    this.id = environment.id;
    this.bus = bus;
    this.clock = clock;
    this.options = options;
    this.#lifeLog = environment.log.child({ partition: options.name, id: environment.id });
    this.log = createLimitedLog(this.#lifeLog, clock);
    this.#onEnd = environment.onEnd;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.negotiation = new Negotiation(options.interfaceVersion);
    this.ioSpace = new IoSpace(bus.window.lengthBytes);
    this.windowAllocator = new WindowAllocator({ window: bus.window, clock });
    this.processes = new HandleTable({
      firstIndex: FIRST_PROCESS_INDEX,
      maxObjects: options.quotas.processes,
    });
    this.sharedObjects = new SharedObjects(options.quotas.sharedObjects);
    this.hostShares = new HostShares(this.sharedObjects, options.quotas.hostShares);
    this.objects = new Account(options.quotas.objects);
    this.cpuWaits = new Account(options.quotas.cpuWaits);
    this.queuedBytes = new Account(options.quotas.queuedBytes);
    this.guestPageRanges = new Account(options.quotas.guestPageRanges);
    this.addressRanges = new Account(options.quotas.addressRanges);
    this.gpus = environment.identities.map((identity) => {
      const gpu = new VirtualGpu(identity, {
        partitionName: options.name,
        backend,
        memory: bus.memory,
        window: bus.window,
        windowAllocator: this.windowAllocator,
        clock,
        log: this.log,
        queueItems: options.quotas.queueItems,
        queuedBytes: this.queuedBytes,
        guestPageRanges: this.guestPageRanges,
        addressRanges: this.addressRanges,
        onDeviceState: (device, state) => this.#sendDeviceState(device, state),
      });
      gpu.hostAdapterHandle = this.#adapters.add(NamedKind.adapter, gpu);
      return gpu;
    });
    this.dispatcher = new Dispatcher(this);
    this.hostEvents = new HostEvents((bytes) => {
      const channel = this.#globalChannel;
      if (channel !== null) this.dispatcher.send(channel, PacketKind.inBand, 0, 0, bytes, bytes.length);
    });
  }

  /** Offers the channels and lets the guest in. */
  start(): void {
    const { bus } = this;
    const log = this.#lifeLog;
    bus.onChannelOpen = (channel) => this.#openChannel(channel);
    bus.onGpadlTeardown = (id) => this.gpadls.tearDown(id);
    bus.onClose = (error) => {
      if (error !== null) log.warn({ reason: describeError(error) }, 'the link to a guest failed');
      this.#end();
    };
    bus.offer({
      classGuid: GLOBAL_CHANNEL_GUID,
      instanceGuid: GLOBAL_INSTANCE_GUID,
      mmioMegabytes: Math.floor(bus.window.lengthBytes / MEBIBYTE),
    });
    for (const gpu of this.gpus) {
      this.#offerGpu(gpu);
      gpu.open();
    }
    bus.start();
    log.info({ transport: bus.transport, vgpus: this.gpus.length }, 'a guest was let in');
  }

  #offerGpu(gpu: VirtualGpu): void {
    const { adapterLuid, vgpuLuid } = gpu.identity;
    const instanceGuid = new Uint8Array(16);
    const view = new DataView(instanceGuid.buffer);
    view.setUint32(0, adapterLuid.low, true);
    view.setUint32(4, adapterLuid.high, true);
    view.setUint32(8, vgpuLuid.low, true);
    view.setUint32(12, vgpuLuid.high, true);
    const deviceId = gpu.description.computeOnly
      ? PciConfig.deviceIdComputeAccelerator
      : PciConfig.deviceIdVirtualRender;
    const config = buildPciConfig({
      deviceId,
      instanceGuid,
      vgpuLuid,
      offeredVersion: this.negotiation.offered,
      mapGuestMemory: this.options.mapGuestMemory,
    });
    const onWrite = (offset: number, value: number): void => {
      const understood = this.negotiation.write(offset, value);
      this.log.debug({ offset, value, understood }, 'write to configuration space');
    };
    const { index } = this.bus.offer({
      classGuid: VGPU_CHANNEL_GUID,
      instanceGuid,
      mmioMegabytes: 0,
      pci: { vendorId: PciConfig.vendorId, deviceId, config, onWrite },
    });
    this.#gpuOfChannel.set(index, gpu);
  }

  #openChannel(channel: Channel): void {
    if (channel.index === GLOBAL_CHANNEL_INDEX) {
      this.#globalChannel = channel;
      this.dispatcher.serve(channel, null, () => this.#closeGlobal(channel));
      return;
    }
    const gpu = this.#gpuOfChannel.get(channel.index);
    if (gpu === undefined) channel.abort(new Error(`channel ${channel.index} was not offered`));
    else this.dispatcher.serve(channel, gpu, () => this.closeGpu(gpu, () => {}));
  }

  /** Without its global channel a guest has nothing left: the driver was unloaded, or the kernel died. */
  #closeGlobal(channel: Channel): void {
    if (this.#globalChannel !== channel) return;
    this.#globalChannel = null;
    this.#forgetDriver();
    this.#destroyEverything(() => {});
  }

  /** Back to where a driver begins. At once: the next one negotiates while work of this one may still run. */
  #forgetDriver(): void {
    if (this.ioSpace.isPlaced) this.options.onIoSpace(null);
    this.ioSpace.reset();
    this.negotiation.reset();
  }

  /** Kills everything that the guest has on one virtual GPU (CloseAdapter, or its channel went away). */
  closeGpu(gpu: VirtualGpu, done: () => void): void {
    gpu.isOpen = false;
    // Not when the last device is gone: by then the next driver may have shared resources of its own.
    if (gpu.engine !== null) this.sharedObjects.clearEngine(gpu.engine);
    let left = gpu.devices.size + 1;
    const finish = (): void => {
      left -= 1;
      if (left === 0) done();
    };
    for (const device of [...gpu.devices]) device.destroy(finish, false);
    finish();
  }

  /**
   * Takes a virtual GPU away from the guest. Its devices are put into the state "stopped" first, so that every waiting
   * thread of the guest goes on. The channel is rescinded when the guest has destroyed them, because Linux guests do
   * not survive that earlier; with `force` at once.
   *
   * @throws RangeError when there is no virtual GPU of that index.
   */
  removeGpu(index: number, options: { readonly force?: boolean } = {}): void {
    const gpu = this.gpus[index];
    if (gpu === undefined) throw new RangeError(`virtual GPU ${index}: there are ${this.gpus.length}`);
    gpu.remove();
    if (options.force === true) this.#rescind(gpu);
    else gpu.whenUnused(() => this.#rescind(gpu));
  }

  #rescind(gpu: VirtualGpu): void {
    for (const [channelIndex, each] of this.#gpuOfChannel) {
      if (each !== gpu || this.#isEnding) continue;
      this.#gpuOfChannel.delete(channelIndex);
      try {
        this.bus.rescind(channelIndex);
      } catch (error) {
        // The bus is ending, or has taken the channel away itself because the guest broke its ring.
        if (!isTransportError(error)) throw error;
      }
    }
    this.closeGpu(gpu, () => {});
  }

  /** What the dispatcher counted. */
  get statistics(): Readonly<DispatcherStatistics> {
    return this.dispatcher.statistics;
  }

  /** The GPU that the host adapter handle of a message means. */
  findAdapter(handle: number): VirtualGpu | undefined {
    return this.#adapters.get(handle, NamedKind.adapter);
  }

  /** @returns null when the quota of processes is used up. */
  createProcess(): GuestProcess | null {
    this.#processCount += 1;
    // By a name that the guest knows of its host, and not by a count of the host's guests: a replay, which has one guest, makes the
    // same handles from it. One more, as in captures of hosts that counted.
    const first = (this.gpus[0]?.identity.vgpuLuid.low ?? this.id) + 1;
    const process = new GuestProcess(this, first + this.#processCount);
    process.handle = this.processes.add(NamedKind.process, process);
    return process.handle === 0 ? null : process;
  }

  findProcess(handle: number): GuestProcess | undefined {
    return this.processes.get(handle, NamedKind.process);
  }

  /** Its handle is dead at once. @param done called when nothing of it runs or uses guest memory any more. */
  destroyProcess(process: GuestProcess, done: () => void): void {
    this.processes.remove(process.handle, NamedKind.process);
    this.hostShares.endProcess(process);
    process.destroy(done);
  }

  /** Tells the guest to ask again for the execution state of its devices. */
  #sendDeviceState(device: Device, state: number): void {
    if (device.isDestroyed) return;
    const { handle, gpu } = device;
    this.log.info(
      { vgpu: gpu.identity.index, device: handle, state },
      'a device changed its execution state',
    );
    this.hostEvents.setGuestData(device.cookie, state);
  }

  /** Ends the guest's link: it broke the format, or a limit. Other guests go on. */
  fail(error: Error): void {
    if (this.#isEnding) return;
    const code = isProtocolError(error) ? error.code : undefined;
    this.#lifeLog.warn({ code, reason: error.message }, 'a guest broke the protocol: its link ends');
    this.bus.abort(error);
    this.#end();
  }

  /** Ends the link in order and frees everything. */
  async close(): Promise<void> {
    if (!this.#isEnding) {
      await this.bus.close();
      this.#end();
    }
    await this.ended;
  }

  #end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#globalChannel = null;
    this.dispatcher.stop();
    this.#forgetDriver();
    this.#destroyEverything(() => {
      Promise.all(this.gpus.map((gpu) => gpu.close())).then(() => {
        this.#lifeLog.info({}, 'a guest is gone');
        this.#onEnd();
        this.#resolveEnded();
      });
    });
  }

  #destroyEverything(done: () => void): void {
    let left = this.processes.size + 1;
    const finish = (): void => {
      left -= 1;
      if (left === 0) done();
    };
    this.hostShares.closeAll();
    this.processes.forEach(NamedKind.process, (process) => this.destroyProcess(process, finish));
    this.sharedObjects.clear();
    for (const gpu of this.gpus) gpu.isOpen = false;
    finish();
  }

  /** Live objects by kind; all zero once the guest is gone. */
  census(): Record<string, number> {
    const counts: Record<string, number> = {
      processes: this.processes.size,
      ...this.sharedObjects.census(),
      hostShares: this.hostShares.size,
      gpadls: this.gpadls.size,
      objects: this.objects.used,
      heldByCpuWaits: this.cpuWaits.used,
      queuedBytes: this.queuedBytes.used,
      guestPageRanges: this.guestPageRanges.used,
      addressRanges: this.addressRanges.used,
      windowPages: this.windowAllocator.census().pages,
      windowBlocks: this.windowAllocator.census().blocks,
    };
    const add = (other: Record<string, number>): void => {
      for (const [kind, count] of Object.entries(other)) counts[kind] = (counts[kind] ?? 0) + count;
    };
    this.processes.forEach(NamedKind.process, (process) => add(process.census()));
    for (const { engine } of this.gpus) {
      if (engine === null) continue;
      add(prefixed('memory', engine.memory.census()));
      add(prefixed('scheduler', engine.scheduler.census()));
    }
    return counts;
  }
}

function prefixed(prefix: string, counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).map(([kind, count]) => [`${prefix}.${kind}`, count]));
}
