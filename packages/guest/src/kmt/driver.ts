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
import type { ChannelOffer, GuestBus, PciFunction } from '@dxgwire/transport';
import { Adapter } from './adapter.ts';
import { withAgreedCodec } from './agreed-codec.ts';
import { Descriptors } from './descriptors.ts';
import type {
  AdapterSummary,
  DriverCounters,
  DriverOptions,
  DriverStatistics,
  OpenDeviceOptions,
} from './driver-types.ts';
import { CommandError } from './errors.ts';
import { HostEvents } from './host-events.ts';
import { receiveHostMessage } from './host-messages.ts';
import { IoSpace } from './io-space.ts';
import { MessageChannel } from './message-channel.ts';
import type { Allocation } from './objects.ts';
import { KmtProcess } from './process.ts';
import { ProcessState } from './process-state.ts';
import type { KmtLoss, Luid } from './types/common.ts';
import { Wire } from './wire.ts';

const DEFAULT_IO_SPACE_BASE = 0x1000000000n;
/** Any constant does: it is echoed, compared and never followed. */
const DEFAULT_DEVICE_STATE_COOKIE = 0x6478_6777_6972_6531n;
const FIRST_OWN_PID = 1000;
const COMM_BYTES = 15;
const MEBIBYTE = 1_048_576n;

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
  readonly looksForAnswers: boolean;
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
  /** Allocations of all processes that are mapped in the window. @internal */
  readonly locked = new Set<Allocation>();
  /**
   * What went wrong with the link, once {@link loss} says that it is gone; null where it ended in order. When the host
   * ended it, the message holds the host's reason, such as the `ProtocolError` that it logged.
   */
  lossCause: Error | null = null;
  /** Called once when the global channel, and with it the whole driver, is gone. */
  onLost: ((loss: KmtLoss) => void) | null = null;
  /** Called when an adapter was started or stopped. */
  onAdapterChange: ((adapter: AdapterSummary) => void) | null = null;
  /** Called when the medium takes packets readily again after {@link isBackedUp}. */
  onDrain: (() => void) | null = null;
  /** @internal */
  readonly counters: DriverCounters = {
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
  private globalClosed: Promise<void> = Promise.resolve();
  /** Bring-up steps run one after the other. */
  private steps: Promise<void> = Promise.resolve();

  /** @internal */
  constructor(bus: GuestBus, options: DriverOptions) {
    this.bus = bus;
    this.ioSpaceBase = options.ioSpaceBase ?? DEFAULT_IO_SPACE_BASE;
    this.deviceStateCookie = options.deviceStateCookie ?? DEFAULT_DEVICE_STATE_COOKIE;
    this.stockDefects = options.stockDefects ?? true;
    this.looksForAnswers = options.looksForAnswers ?? true;
    if (this.ioSpaceBase % BigInt(IoSpaceLimits.alignmentBytes) !== 0n || this.ioSpaceBase <= 0n) {
      const limit = IoSpaceLimits.alignmentBytes;
      throw new RangeError(`ioSpaceBase is 0x${this.ioSpaceBase.toString(16)}, not a multiple of ${limit}`);
    }
    if (this.deviceStateCookie === 0n)
      throw new RangeError('deviceStateCookie is 0, which stands for no cookie');
    bus.onOffer = (offer) => this.enqueue(() => this.addOffer(offer));
    bus.onPciFunction = (pciFunction) => this.enqueue(() => this.probe(pciFunction));
    bus.onRescind = (channelIndex) => this.rescinded(channelIndex);
    bus.onClose = (error) => {
      this.lossCause ??= error;
      this.lose(error === null ? 'bus-closed' : 'bus-failed');
    };
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
    const known = this.processByPid(pid);
    if (known !== null) {
      known.openFiles += 1;
      return new KmtProcess(known);
    }
    const underWay = this.opening.get(pid);
    const created = underWay ?? this.createProcess(pid, options.comm ?? 'dxgwire');
    if (underWay === undefined) this.opening.set(pid, created);
    const process = await created;
    if (underWay === undefined) this.opening.delete(pid);
    if (process === null) throw new CommandError('OpenDevice', -Errno.EBADF, this.loss);
    if (underWay !== undefined) process.openFiles += 1;
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
   * @param options `interrupt` gives up on a host that does not answer: the channels are closed without it
   */
  async close(options: { readonly interrupt?: AbortSignal } = {}): Promise<void> {
    const { interrupt } = options;
    const giveUp = () => this.lose('driver-removed');
    if (interrupt?.aborted === true) giveUp();
    interrupt?.addEventListener('abort', giveUp);
    await this.steps;
    for (const adapter of this.adapters) await adapter.remove();
    interrupt?.removeEventListener('abort', giveUp);
    this.lose('driver-removed');
    await this.globalClosed;
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
    // A bus that ends in the middle of a step throws out of it; configuration space cannot be reached any more.
    this.steps = this.steps.then(step).catch(() => this.lose('bus-failed'));
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
    this.lose('channel-failed');
    return false;
  }

  private async openGlobal(offer: ChannelOffer): Promise<boolean> {
    const { wire } = this;
    try {
      const channel = new MessageChannel(await this.bus.open(offer.index), wire.statistics);
      channel.isUnhurried = !this.looksForAnswers;
      channel.onInBand = (packet) => receiveHostMessage(this, packet);
      channel.onLost = (loss) => {
        this.lossCause ??= channel.cause;
        this.lose(loss);
      };
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

  private rescinded(channelIndex: number): void {
    if (channelIndex === this.globalOffer?.index) {
      this.globalOffer = null;
      this.lose('channel-rescinded');
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
    const { global } = wire;
    wire.global = null;
    if (global !== null) {
      global.lose(loss);
      this.globalClosed = global.channel.close().catch(() => undefined);
    }
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
  const driver = new KmtDriver(await withAgreedCodec(bus), options);
  await driver.settled();
  return driver;
}
