import {
  commandById,
  commands,
  createCommandHeader,
  decodeHostHeader,
  decodeReply,
  encodeRequest,
  InterfaceVersion,
  type Luid,
  minimumReplyBytes,
  PciConfig,
  type ReplyOf,
  type RequestInput,
} from '@dxgwire/protocol';
import {
  type Channel,
  GLOBAL_CHANNEL_INDEX,
  type GuestBus,
  type HostBus,
  PACKET_FLAG_COMPLETION_REQUESTED,
  type Packet,
  PacketKind,
} from '@dxgwire/transport';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';
import type { AnyCommand } from '../handler.ts';
import { createHost, type Host } from '../host.ts';
import type { PartitionOptions } from '../options.ts';
import type { Partition } from '../partition.ts';
import type { HostClock } from '../scheduler/index.ts';
import { FakeBackend } from './fake-backend.ts';

const MAX_MESSAGE_BYTES = 131_072;
/** Where this guest places the IO space. */
export const IO_SPACE_START = 0x10_0000_0000n;

export interface RawGuestOptions extends PartitionOptions {
  readonly backend?: FakeBackend;
  /** Attach to this host instead of one of its own. */
  readonly host?: Host;
  readonly clock?: HostClock;
  readonly windowMegabytes?: number;
  readonly guestMemoryBytes?: number;
}

interface GpuAsSeen {
  readonly channelIndex: number;
  luid: Luid;
  adapterHandle: number;
  hostAdapterLuid: Luid;
  isAsync: boolean;
}

/** Whether a packet asked for an answer, and which. */
export interface SendOptions {
  readonly process?: number;
  readonly gpu?: number;
  /** Send on this channel, whatever the command's usual one is. */
  readonly channel?: number;
  readonly flags?: number;
  /** Change the bytes before they are sent; @returns the length to send. */
  readonly mangle?: (view: DataView, length: number) => number;
}

/**
 * A guest without a driver: sends any message, well formed or not, and shows every byte that comes back. For tests
 * of the host.
 */
export class RawGuest {
  readonly host: Host;
  readonly backend: FakeBackend;
  readonly bus: GuestBus;
  readonly hostBus: HostBus;
  readonly partition: Partition;
  readonly gpus: GpuAsSeen[] = [];
  /** Events and notifications from the host, in order. */
  readonly events: bigint[] = [];
  readonly deviceStates: { cookie: bigint; state: number }[] = [];
  /** Set when the link ended. */
  closedBy: Error | null | undefined;
  version: number = InterfaceVersion.old;
  process = 0;
  readonly #channels = new Map<number, Channel>();
  readonly #pending = new Map<string, (payload: Uint8Array) => void>();
  readonly #bytes = new Uint8Array(MAX_MESSAGE_BYTES + 4096);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #waiters: (() => void)[] = [];
  #nextId = 1;

  constructor(options: RawGuestOptions = {}) {
    this.backend = options.backend ?? new FakeBackend();
    const clock = options.clock === undefined ? {} : { clock: options.clock };
    this.host = options.host ?? createHost({ backend: this.backend, ...clock });
    const { guest, host } = createInProcessBus({
      guestMemoryBytes: options.guestMemoryBytes ?? 8 << 20,
      windowMegabytes: options.windowMegabytes ?? 4,
      peerName: 'raw guest',
    });
    this.bus = guest;
    this.hostBus = host;
    guest.onClose = (error) => {
      this.closedBy = error;
      this.#wake();
    };
    guest.onPciFunction = () => this.#wake();
    this.partition = this.host.attach(host, options);
  }

  /** Bring-up as a driver does it, up to and with a process. */
  static async start(options: RawGuestOptions = {}): Promise<RawGuest> {
    const guest = new RawGuest(options);
    await guest.negotiate();
    await guest.openChannels();
    await guest.openAdapters();
    guest.process = (await guest.call(commands.createProcess, {})).hprocess;
    return guest;
  }

  /** The offers travel like everything else: they are there a little later. */
  async untilOffered(): Promise<void> {
    await this.until(() => this.bus.pciFunctions.length === this.partition.gpus.length);
  }

  /** PCI functions and the version that comes of them. */
  async negotiate(): Promise<void> {
    await this.untilOffered();
    const functions = this.bus.pciFunctions;
    const first = functions[0]!;
    first.writeConfig32(PciConfig.guestCapsOffset, 1);
    this.version = first.readConfig32(PciConfig.interfaceVersionOffset) || InterfaceVersion.old;
    if (this.version >= InterfaceVersion.current) {
      this.version = InterfaceVersion.current;
      first.writeConfig32(PciConfig.interfaceVersionOffset, this.version);
    }
    for (const pci of functions) {
      const low = pci.readConfig32(PciConfig.vgpuLuidOffset);
      const high = pci.readConfig32(PciConfig.vgpuLuidOffset + 4);
      const none = { low: 0, high: 0 };
      const luid = this.version >= InterfaceVersion.current ? { low, high } : none;
      this.gpus.push({
        channelIndex: pci.channelIndex,
        luid,
        adapterHandle: 0,
        hostAdapterLuid: none,
        isAsync: false,
      });
    }
  }

  async openChannels(): Promise<void> {
    await this.openChannelsOnly();
    const megabytes = this.bus.offers[0]!.mmioMegabytes;
    const length = BigInt(megabytes) << 20n;
    const { status } = await this.call(commands.setIoSpaceRegion, { start: IO_SPACE_START, length });
    if (status !== 0) throw new Error(`SetIoSpaceRegion answered ${status}`);
  }

  async openChannelsOnly(): Promise<void> {
    for (const { index } of this.bus.offers) await this.openChannel(index);
  }

  async openChannel(index: number): Promise<void> {
    const channel = await this.bus.open(index);
    this.#channels.set(index, channel);
    channel.onPacket = (packet) => this.#receive(index, packet);
  }

  async openAdapters(): Promise<void> {
    for (const [gpu, seen] of this.gpus.entries()) {
      const versions = { vmbusInterfaceVersion: this.version, vmbusLastCompatibleInterfaceVersion: 16 };
      const opened = await this.call(commands.openAdapter, versions, { gpu });
      if (opened.status !== 0) throw new Error(`OpenAdapter answered ${opened.status}`);
      seen.adapterHandle = opened.hostAdapterHandle;
      const info = await this.call(commands.getInternalAdapterInfo, {}, { gpu });
      this.learnAdapter(gpu, info);
    }
  }

  /** Takes what GetInternalAdapterInfo says. */
  learnAdapter(gpu: number, info: ReplyOf<typeof commands.getInternalAdapterInfo>): void {
    const seen = this.gpus[gpu]!;
    seen.hostAdapterLuid = info.hostAdapterLuid;
    if (this.version >= InterfaceVersion.current) seen.luid = info.hostVgpuLuid;
    for (const each of this.gpus) each.isAsync = info.asyncMsgEnabled;
  }

  /** Whether a command goes over the global channel now. */
  isRoutedGlobally(def: AnyCommand, gpu = 0): boolean {
    return def.channel === 'global' || this.gpus[gpu]?.isAsync === true;
  }

  channel(index: number): Channel {
    return this.#channels.get(index)!;
  }

  /** Sends a request and decodes its answer. Rejects when the answer is shorter than the driver demands. */
  async call<D extends AnyCommand>(
    def: D,
    body: RequestInput<D>,
    options: SendOptions = {},
  ): Promise<ReplyOf<D>> {
    const payload = await this.send(def, body as object, options);
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
    return decodeReply(def, this.version, view, 0, payload.length, body as object) as ReplyOf<D>;
  }

  /** Sends a request and returns the payload of its answer as it came. */
  send(def: AnyCommand, body: object, options: SendOptions = {}): Promise<Uint8Array> {
    const id = this.#transmit(def, body, options, PACKET_FLAG_COMPLETION_REQUESTED, false);
    return new Promise((resolve, reject) => {
      this.#pending.set(id, resolve);
      if (this.closedBy !== undefined) reject(new Error('the link is closed'));
    });
  }

  /** Sends a request that wants no answer. */
  post(def: AnyCommand, body: object, options: SendOptions = {}): void {
    this.#transmit(def, body, options, 0, true);
  }

  #transmit(def: AnyCommand, body: object, options: SendOptions, flags: number, async: boolean): string {
    const seen = this.gpus[options.gpu ?? 0];
    const target = def.headerProcess === 'zero' ? 0 : this.process;
    const header = {
      version: this.version,
      process: options.process ?? target,
      vgpuLuid: seen?.luid ?? { low: 0, high: 0 },
      async,
    };
    let length = encodeRequest(def as never, header, body as never, this.#view, 0);
    if (options.mangle !== undefined) length = options.mangle(this.#view, length);
    const usual = this.isRoutedGlobally(def, options.gpu) ? GLOBAL_CHANNEL_INDEX : (seen?.channelIndex ?? 2);
    const index = options.channel ?? usual;
    return this.transmitBytes(index, options.flags ?? flags, length);
  }

  /** Sends the first `length` bytes of {@link bytes}. @returns the key of the answer. */
  transmitBytes(channelIndex: number, flags: number, length: number): string {
    const id = flags === 0 ? 0 : this.#nextId;
    this.#nextId += 1;
    this.channel(channelIndex).send(PacketKind.inBand, id, 0, flags, this.#bytes, 0, length);
    return `${channelIndex}/${id}`;
  }

  /** Sends raw bytes that want an answer. Rejects when the link ends instead. */
  sendBytes(channelIndex: number, bytes: Uint8Array): Promise<Uint8Array> {
    this.#bytes.set(bytes);
    const id = this.transmitBytes(channelIndex, PACKET_FLAG_COMPLETION_REQUESTED, bytes.length);
    return new Promise((resolve) => this.#pending.set(id, resolve));
  }

  /** Sends raw bytes that want no answer. */
  sendBytesOneWay(channelIndex: number, bytes: Uint8Array): void {
    this.#bytes.set(bytes);
    this.transmitBytes(channelIndex, 0, bytes.length);
  }

  #receive(channelIndex: number, packet: Packet): void {
    const payload = packet.bytes.slice(packet.offset, packet.offset + packet.length);
    if (packet.kind === PacketKind.completion) {
      const key = `${channelIndex}/${packet.idLow}`;
      const resolve = this.#pending.get(key);
      this.#pending.delete(key);
      resolve?.(payload);
    } else this.#receiveEvent(payload);
    this.#wake();
  }

  #receiveEvent(payload: Uint8Array): void {
    const view = new DataView(payload.buffer);
    const header = createCommandHeader();
    decodeHostHeader(view, 0, payload.length, header);
    const def = commandById('host', header.commandType);
    if (def?.name === 'SignalGuestEvent') this.events.push(view.getBigUint64(24, true));
    else if (def?.name === 'SetGuestData') {
      this.deviceStates.push({ cookie: view.getBigUint64(24, true), state: view.getUint32(32, true) });
    } else throw new Error(`the host sent ${def?.name ?? header.commandType}`);
  }

  #wake(): void {
    for (const waiter of this.#waiters.splice(0)) waiter();
  }

  /** Resolves when `condition` holds; it is asked after everything that arrives. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** Resolves when the link has ended. */
  async untilClosed(): Promise<void> {
    await this.until(() => this.closedBy !== undefined);
  }

  /** The bytes of a page of the window that an answer gave the address of. */
  windowAt(address: bigint, length = 8): Uint8Array {
    return this.bus.window.view(Number(address - IO_SPACE_START), length);
  }

  fenceAt(address: bigint): bigint {
    return this.bus.window.loadU64(Number(address - IO_SPACE_START));
  }

  /** Reply bytes that the driver would demand. */
  demanded(def: AnyCommand, body: object): number {
    return minimumReplyBytes(def as never, this.version, body);
  }

  async close(): Promise<void> {
    await this.bus.close();
    await this.partition.ended;
    await this.host.close();
  }
}
