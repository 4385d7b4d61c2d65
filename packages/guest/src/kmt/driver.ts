import {
  commands,
  Errno,
  EXTENDED_HEADER_VERSION,
  GLOBAL_CHANNEL_GUID,
  GuestCaps,
  HostCaps,
  InterfaceVersion,
  IoSpace as IoSpaceLimits,
  PciConfig,
  VGPU_CHANNEL_GUID,
} from '@dxgwire/protocol';
import type { ChannelOffer, GuestBus, Packet, PciFunction } from '@dxgwire/transport';
import { Adapter } from './adapter.ts';
import { Descriptors } from './descriptors.ts';
import { CommandError } from './errors.ts';
import { HostEvents } from './host-events.ts';
import { IoSpace } from './io-space.ts';
import { MessageChannel } from './message-channel.ts';
import { KmtProcess } from './process.ts';
import { ProcessState } from './process-state.ts';
import type { KmtLoss, Luid } from './types/common.ts';
import { Wire } from './wire.ts';

export interface DriverOptions {
  /** Guest-physical address of the IO space (the device window), a multiple of 64 KiB. */
  readonly ioSpaceBase?: bigint;
  /** What CreateDevice sends and SetGuestData must bring back; never an address. Not 0. */
  readonly deviceStateCookie?: bigint;
  /**
   * Whether to repeat defects of the stock driver that show on the wire (default true): a sync file waits for one more
   * than its value after it was signalled, and after a failed ShareObjects the next one asks the host for nothing.
   */
  readonly stockDefects?: boolean;
}

/** A process's identity when it opens the device. */
export interface OpenDeviceOptions {
  /** Process id (thread group); a number of the driver's own when left out. Opening again shares the process. */
  readonly pid?: number;
  /** Name of the process; 15 bytes of it reach the host. */
  readonly comm?: string;
}

/** An adapter as the driver knows it. */
export interface AdapterSummary {
  readonly luid: Luid;
  readonly vgpuLuid: Luid;
  readonly hostAdapterLuid: Luid;
  readonly description: string;
  readonly instanceId: string;
  readonly isComputeOnly: boolean;
  readonly state: 'waiting' | 'active' | 'stopped';
}

/** Counters since the start, but for those that say "now". */
export interface DriverStatistics {
  readonly messagesSent: number;
  readonly bytesSent: number;
  readonly completionsAwaited: number;
  readonly completionsReceived: number;
  readonly unknownCompletions: number;
  /** Requests not answered yet, now. */
  readonly completionsPending: number;
  /** Events registered now. */
  readonly eventsRegistered: number;
  readonly eventsSignaled: number;
  /** Signals for ids that nobody waited for. */
  readonly eventsUnknown: number;
  /** Packets of the host that the driver does not expect: ignored. */
  readonly unexpectedPackets: number;
  /** Pages of guest memory that back allocations, now. */
  readonly pinnedPages: number;
}

interface MutableStatistics {
  eventsSignaled: number;
  eventsUnknown: number;
  unexpectedPackets: number;
  pinnedPages: number;
}

const DEFAULT_IO_SPACE_BASE = 0x1000000000n;
/** Any constant does: it is echoed, compared and never followed. */
const DEFAULT_DEVICE_STATE_COOKIE = 0x6478_6777_6972_6531n;
const FIRST_OWN_PID = 1000;
const COMM_BYTES = 15;
const MEBIBYTE = 1_048_576n;
const HOST_HEADER_BYTES = 24;
const SIGNAL_EVENT_BYTES = 48;
/** Offsets in messages from the host. */
const HostOffset = { commandType: 16, event: 24, guestPointer: 24, data32: 32, dataType: 40 } as const;

function sameBytes(a: Uint8Array, b: Uint8Array, length: number): boolean {
  for (let index = 0; index < length; index += 1) if (a[index] !== b[index]) return false;
  return true;
}

/** The thread name as the driver sends it: at most 15 bytes, each widened to one code unit. */
function commOnWire(comm: string): string {
  return String.fromCharCode(...new TextEncoder().encode(comm).subarray(0, COMM_BYTES));
}

/** Our own dxgkrnl: one per guest, serving all its processes. Made by {@link startDriver}. */
export class KmtDriver {
  readonly bus: GuestBus;
  /** @internal */
  readonly wire = new Wire();
  /** @internal */
  readonly events = new HostEvents();
  /** @internal */
  readonly descriptors = new Descriptors(this);
  /** @internal */
  readonly stockDefects: boolean;
  /** @internal */
  readonly deviceStateCookie: bigint;
  /** Rises when the host says that some device's state changed. @internal */
  deviceStateCounter = 0;
  /** @internal */
  ioSpace: IoSpace | null = null;
  /** Whether the host maps guest pages by their frame numbers; else GPADLs. @internal */
  mapsGuestPages = false;
  /** @internal */
  readonly adapters: Adapter[] = [];
  /** Called once when the global channel, and with it the whole driver, is gone. */
  onLost: ((loss: KmtLoss) => void) | null = null;
  /** Called when an adapter was started or stopped. */
  onAdapterChange: ((adapter: AdapterSummary) => void) | null = null;
  /** Called when the medium takes packets readily again after {@link isBackedUp}. */
  onDrain: (() => void) | null = null;
  /** @internal */
  readonly counters: MutableStatistics = {
    eventsSignaled: 0,
    eventsUnknown: 0,
    unexpectedPackets: 0,
    pinnedPages: 0,
  };
  private readonly ioSpaceBase: bigint;
  private globalOffer: ChannelOffer | null = null;
  private isGlobalStarted = false;
  private readonly vgpuOffers = new Map<number, ChannelOffer>();
  private readonly processes: ProcessState[] = [];
  /** Processes that the host is being told about. */
  private readonly opening = new Map<number, Promise<ProcessState | null>>();
  private nextPid = FIRST_OWN_PID;
  private nextProcessToken = 1n;
  private lastDescriptor = 0;
  /** Bring-up steps run one after the other. */
  private steps: Promise<void> = Promise.resolve();

  /** @internal */
  constructor(bus: GuestBus, options: DriverOptions) {
    this.bus = bus;
    this.ioSpaceBase = options.ioSpaceBase ?? DEFAULT_IO_SPACE_BASE;
    this.deviceStateCookie = options.deviceStateCookie ?? DEFAULT_DEVICE_STATE_COOKIE;
    this.stockDefects = options.stockDefects ?? true;
    if (this.ioSpaceBase % BigInt(IoSpaceLimits.alignmentBytes) !== 0n || this.ioSpaceBase <= 0n) {
      const limit = IoSpaceLimits.alignmentBytes;
      throw new RangeError(`ioSpaceBase is 0x${this.ioSpaceBase.toString(16)}, not a multiple of ${limit}`);
    }
    if (this.deviceStateCookie === 0n)
      throw new RangeError('deviceStateCookie is 0, which stands for no cookie');
    bus.onOffer = (offer) => this.enqueue(() => this.addOffer(offer));
    bus.onPciFunction = (pciFunction) => this.enqueue(() => this.probe(pciFunction));
    bus.onRescind = (channelIndex) => this.rescinded(channelIndex);
    bus.onClose = (error) => this.lose(error === null ? 'bus-closed' : 'bus-failed');
    for (const offer of bus.offers) this.enqueue(() => this.addOffer(offer));
    for (const pciFunction of bus.pciFunctions) this.enqueue(() => this.probe(pciFunction));
  }

  /** Interface version in use: 40, or what an older host offers (27 when it offers none); 0 before bring-up. */
  get interfaceVersion(): number {
    return this.wire.version;
  }

  /** Whether submissions, signals and GPU waits are one-way. */
  get asyncMessages(): boolean {
    return this.wire.asyncMessages;
  }

  /** Why the driver is gone; null while it works. */
  get loss(): KmtLoss | null {
    return this.wire.loss;
  }

  /** Above the medium's high-water mark: packets are still taken, but queue up until {@link onDrain}. */
  get isBackedUp(): boolean {
    return this.wire.global?.isBackedUp === true || this.adapters.some((adapter) => adapter.link?.isBackedUp);
  }

  /** All PCI functions, in order, also those whose adapter could not be started. */
  adapterSummaries(): AdapterSummary[] {
    return this.adapters.map((adapter) => summarize(adapter));
  }

  get statistics(): DriverStatistics {
    const links = this.adapters.map((adapter) => adapter.link);
    let completionsPending = this.wire.global?.pendingCount ?? 0;
    for (const link of links) completionsPending += link?.pendingCount ?? 0;
    return {
      ...this.wire.statistics,
      ...this.counters,
      completionsPending,
      eventsRegistered: this.events.count,
    };
  }

  /** Resolves when the offers and functions that are there now have been tried. */
  settled(): Promise<void> {
    return this.steps;
  }

  /**
   * Opens the device file for a process.
   * @throws CommandError `OpenDevice` with -EBADF when no adapter has started or the host refuses the process
   */
  async openDevice(options: OpenDeviceOptions = {}): Promise<KmtProcess> {
    this.newDescriptor();
    const pid = options.pid ?? this.nextPid++;
    const known = this.processByPid(pid) ?? (await this.opening.get(pid));
    if (known !== undefined && known !== null) {
      known.openFiles += 1;
      return new KmtProcess(known);
    }
    const created = this.createProcess(pid, options.comm ?? 'dxgwire');
    this.opening.set(pid, created);
    const process = await created;
    this.opening.delete(pid);
    if (process === null) throw new CommandError('OpenDevice', -Errno.EBADF, this.loss);
    return new KmtProcess(process);
  }

  private async createProcess(pid: number, comm: string): Promise<ProcessState | null> {
    const body = {
      process: this.nextProcessToken++,
      processId: BigInt(pid),
      processName: commOnWire(comm),
      linuxProcess: true,
    };
    if (!this.isGlobalStarted) return null;
    const answer = await this.wire.call(null, commands.createProcess, 0, body, (reply) => reply.hprocess);
    const handle = answer.reply ?? 0;
    if (handle === 0) return null;
    const process = new ProcessState(this, pid, handle);
    this.processes.push(process);
    return process;
  }

  /**
   * Removes the driver: each active adapter is closed in the host, the channels are closed. Devices and processes are
   * not destroyed one by one; every later call fails. The bus stays open.
   */
  async close(): Promise<void> {
    await this.steps;
    for (const adapter of this.adapters) await adapter.remove();
    const { global } = this.wire;
    this.lose('driver-removed');
    await global?.channel.close().catch(() => undefined);
  }

  /** Removes one adapter, as when its PCI function goes. */
  async removeAdapter(luid: Luid): Promise<void> {
    const index = this.adapters.findIndex(
      (adapter) => adapter.luid.low === luid.low && adapter.luid.high === luid.high,
    );
    const [adapter] = index < 0 ? [] : this.adapters.splice(index, 1);
    await adapter?.remove();
  }

  /** @internal */
  processByPid(pid: number): ProcessState | null {
    return this.processes.find((process) => process.pid === pid) ?? null;
  }

  /** @internal */
  forgetProcess(process: ProcessState): void {
    const index = this.processes.indexOf(process);
    if (index >= 0) this.processes.splice(index, 1);
  }

  /** A number as the next open file of the guest would get. @internal */
  newDescriptor(): number {
    this.lastDescriptor += 1;
    return this.lastDescriptor;
  }

  private enqueue(step: () => Promise<void>): void {
    this.steps = this.steps.then(step);
  }

  private async addOffer(offer: ChannelOffer): Promise<void> {
    if (sameBytes(offer.classGuid, GLOBAL_CHANNEL_GUID, 16)) this.globalOffer ??= offer;
    else if (sameBytes(offer.classGuid, VGPU_CHANNEL_GUID, 16)) this.vgpuOffers.set(offer.index, offer);
    else return;
    await this.startAdapters();
  }

  /** A PCI function: the first one negotiates for the whole driver, each one becomes an adapter that waits. */
  private async probe(pciFunction: PciFunction): Promise<void> {
    const { deviceId, vendorId } = pciFunction;
    const isOurs =
      deviceId === PciConfig.deviceIdVirtualRender || deviceId === PciConfig.deviceIdComputeAccelerator;
    if (vendorId !== PciConfig.vendorId || !isOurs) return;
    if (this.wire.version === 0) this.negotiate(pciFunction);
    const words: number[] = [];
    for (let offset = 0; offset < 16; offset += 4) {
      words.push(pciFunction.readConfig32(PciConfig.channelInstanceOffset + offset));
    }
    const luid = { low: (words[0] ?? 0) >>> 0, high: (words[1] ?? 0) >>> 0 };
    let vgpuLuid = { low: 0, high: 0 };
    if (this.wire.version >= EXTENDED_HEADER_VERSION) {
      const low = pciFunction.readConfig32(PciConfig.vgpuLuidOffset) >>> 0;
      vgpuLuid = { low, high: pciFunction.readConfig32(PciConfig.vgpuLuidOffset + 4) >>> 0 };
    }
    this.adapters.push(new Adapter(this, pciFunction, luid, vgpuLuid));
    await this.startAdapters();
  }

  private negotiate(pciFunction: PciFunction): void {
    pciFunction.writeConfig32(PciConfig.guestCapsOffset, GuestCaps.wsl2);
    const offered = pciFunction.readConfig32(PciConfig.interfaceVersionOffset) >>> 0;
    this.wire.version = Math.min(offered === 0 ? InterfaceVersion.old : offered, InterfaceVersion.current);
    if (this.wire.version < InterfaceVersion.current) return;
    pciFunction.writeConfig32(PciConfig.interfaceVersionOffset, InterfaceVersion.current);
    const hostCaps = pciFunction.readConfig32(PciConfig.hostCapsOffset);
    this.mapsGuestPages = (hostCaps & HostCaps.mapGuestMemory) !== 0;
  }

  /** Starts the adapters that wait and have all that they need; the first one brings up the global channel. */
  private async startAdapters(): Promise<void> {
    for (const adapter of this.adapters) {
      if (this.globalOffer === null) return;
      if (adapter.state !== 'waiting') continue;
      const offer = this.offerFor(adapter.luid);
      if (offer === null) continue;
      if (!this.isGlobalStarted && !(await this.startGlobal(this.globalOffer))) return;
      await adapter.start(offer);
      this.adapterChanged(adapter);
    }
  }

  private offerFor(luid: Luid): ChannelOffer | null {
    for (const offer of this.vgpuOffers.values()) {
      const { buffer, byteLength, byteOffset } = offer.instanceGuid;
      const view = new DataView(buffer, byteOffset, byteLength);
      if (view.getUint32(0, true) === luid.low && view.getUint32(4, true) === luid.high) return offer;
    }
    return null;
  }

  /** Opens the global channel and tells the host where the IO space is. Failing, the channel is gone for good. */
  private async startGlobal(offer: ChannelOffer): Promise<boolean> {
    this.isGlobalStarted = true;
    if ((await this.openGlobal(offer)) && this.loss === null) return true;
    this.isGlobalStarted = false;
    this.globalOffer = null;
    const { global } = this.wire;
    this.lose('channel-failed');
    await global?.channel.close().catch(() => undefined);
    return false;
  }

  private async openGlobal(offer: ChannelOffer): Promise<boolean> {
    const { wire } = this;
    try {
      const channel = new MessageChannel(await this.bus.open(offer.index), wire.statistics);
      channel.onInBand = (packet) => this.receive(packet);
      channel.onLost = (loss) => this.lose(loss);
      channel.onDrain = () => this.onDrain?.();
      wire.global = channel;
    } catch {
      return false;
    }
    const length = BigInt(offer.mmioMegabytes) * MEBIBYTE;
    if (length === 0n) return false;
    const result = await wire.status(null, commands.setIoSpaceRegion, 0, { start: this.ioSpaceBase, length });
    if (result.ret !== 0) return false;
    this.ioSpace = new IoSpace(this.ioSpaceBase, length, this.bus.window);
    return true;
  }

  /** A packet that is no completion, on the global channel; the guest looks at the command type only. */
  private receive(packet: Packet): void {
    if (packet.length < HOST_HEADER_BYTES) {
      this.counters.unexpectedPackets += 1;
      return;
    }
    const { offset, view } = packet;
    switch (view.getUint32(offset + HostOffset.commandType, true)) {
      case commands.signalGuestEvent.id:
      case commands.signalGuestEventPassive.id:
        this.receiveSignal(packet);
        break;
      case commands.setGuestData.id:
        this.receiveGuestData(packet);
        break;
      case commands.sendWnfNotification.id:
        break;
      default:
        this.counters.unexpectedPackets += 1;
    }
  }

  private receiveSignal(packet: Packet): void {
    const { length, offset, view } = packet;
    if (length < SIGNAL_EVENT_BYTES) {
      this.counters.unexpectedPackets += 1;
      return;
    }
    const low = view.getUint32(offset + HostOffset.event, true);
    const high = view.getUint32(offset + HostOffset.event + 4, true);
    if (this.events.signal(low, high)) this.counters.eventsSignaled += 1;
    else this.counters.eventsUnknown += 1;
  }

  /** The data are not stored: what is said is that devices should ask. */
  private receiveGuestData(packet: Packet): void {
    const { length, offset, view } = packet;
    if (length < HostOffset.dataType + 4) {
      this.counters.unexpectedPackets += 1;
      return;
    }
    const isDword = ((view.getUint32(offset + HostOffset.dataType, true) >>> 1) & 0xf) === 0;
    const isOurs = view.getBigUint64(offset + HostOffset.guestPointer, true) === this.deviceStateCookie;
    if (isDword && isOurs && view.getUint32(offset + HostOffset.data32, true) !== 0)
      this.deviceStateCounter += 1;
  }

  private rescinded(channelIndex: number): void {
    if (channelIndex === this.globalOffer?.index) {
      this.globalOffer = null;
      const { global } = this.wire;
      this.lose('channel-rescinded');
      void global?.channel.close().catch(() => undefined);
      return;
    }
    this.vgpuOffers.delete(channelIndex);
    for (const adapter of this.adapters) {
      if (adapter.channelIndex !== channelIndex || adapter.state === 'stopped') continue;
      adapter.loseChannel('channel-rescinded');
    }
  }

  /** The global channel is gone, and with it everything: pending calls and waits settle, once. */
  private lose(loss: KmtLoss): void {
    const { wire } = this;
    if (wire.loss !== null) return;
    wire.loss = loss;
    this.ioSpace = null;
    this.isGlobalStarted = false;
    wire.global?.lose(loss);
    wire.global = null;
    for (const adapter of this.adapters) adapter.loseChannel(loss);
    this.events.abandonAll(loss);
    this.onLost?.(loss);
  }

  /** @internal */
  adapterChanged(adapter: Adapter): void {
    this.onAdapterChange?.(summarize(adapter));
  }
}

function summarize(adapter: Adapter): AdapterSummary {
  const { description, hostAdapterLuid, instanceId, isComputeOnly, luid, state, vgpuLuid } = adapter;
  return { description, hostAdapterLuid, instanceId, isComputeOnly, luid, state, vgpuLuid };
}

/** Makes the driver on a bus and brings up what the bus offers now; what comes later is brought up as it comes. */
export async function startDriver(bus: GuestBus, options: DriverOptions = {}): Promise<KmtDriver> {
  const driver = new KmtDriver(bus, options);
  await driver.settled();
  return driver;
}
