import {
  type CommandDef,
  channelOf,
  commandById,
  createCommandHeader,
  decodeHeader,
  encodeReply,
  GLOBAL_CHANNEL_GUID,
  makeHandle,
  PciConfig,
  VGPU_CHANNEL_GUID,
} from '@dxgwire/protocol';
import {
  type BusStatistics,
  type Channel,
  type ChannelOffer,
  type GuestBus,
  type GuestMemory,
  type GuestMemoryBlock,
  type GuestWindow,
  PACKET_FLAG_COMPLETION_REQUESTED,
  PacketKind,
  type PageRange,
  type PciFunction,
} from '@dxgwire/transport';

/** For tests of the guest: a bus with a host that answers by a script. Nothing of it is part of the driver. */

export interface ScriptedAdapter {
  readonly isComputeOnly?: boolean;
}

export interface ScriptedHostOptions {
  readonly interfaceVersion?: number;
  readonly asyncMessages?: boolean;
  readonly mapGuestMemory?: boolean;
  readonly adapters?: readonly ScriptedAdapter[];
  readonly windowMegabytes?: number;
  /** Nothing is offered at first: see {@link ScriptedHost.offerGlobal} and the like. */
  readonly offersLater?: boolean;
}

type Body = Readonly<Record<string, unknown>>;

/** A message of the guest. */
export interface SentMessage {
  readonly channel: number;
  readonly name: string;
  readonly process: number;
  readonly isAsync: boolean;
  readonly wantsCompletion: boolean;
  readonly id: number;
  readonly length: number;
  readonly vgpuLuidLow: number;
  readonly body: Body;
  readonly bytes: Uint8Array;
}

/** What a script may answer: fields of the reply, raw bytes (of any length), or nothing for now. */
export type ScriptedReply = Body | Uint8Array | null;
export type Script = (body: Body, message: SentMessage) => ScriptedReply;

export const IO_SPACE_BASE = 0x1000000000n;
const PAGE_BYTES = 4096;
const MEBIBYTE = 1_048_576;
const FIRST_FENCE_PAGE = 1n;
export const PENDING_STATUS = 0x103;

/** Answers to what makes objects: fresh handles, fresh pages. */
export class ScriptedHost implements GuestBus {
  readonly transport = 'scripted';
  readonly offers: ChannelOffer[] = [];
  readonly pciFunctions: PciFunction[] = [];
  readonly memory: GuestMemory & { readonly blocks: GuestMemoryBlock[] };
  readonly window: GuestWindow & { readonly bytes: Uint8Array };
  readonly statistics: BusStatistics = {
    packetsSent: 0,
    packetsReceived: 0,
    bytesSent: 0,
    bytesReceived: 0,
    memoryBytesSent: 0,
    memoryBytesReceived: 0,
  };
  onOffer: GuestBus['onOffer'] = null;
  onPciFunction: GuestBus['onPciFunction'] = null;
  onRescind: GuestBus['onRescind'] = null;
  onClose: GuestBus['onClose'] = null;
  /** Everything that the guest sent, in order. */
  readonly sent: SentMessage[] = [];
  /** What happened besides packets: `open 1`, `close 2`, `gpadl 1`, `teardown 1`, `write 212 1`. */
  readonly happened: string[] = [];
  readonly gpadls = new Map<number, readonly PageRange[]>();
  readonly version: number;
  private readonly options: ScriptedHostOptions;
  private readonly scripts = new Map<string, Script>();
  private readonly once = new Map<string, Script[]>();
  private readonly channels = new Map<number, ScriptedChannel>();
  private nextIndex = 16;
  private nextPage = FIRST_FENCE_PAGE;
  private lastGpadl = 0;
  private readonly scratch = new DataView(new ArrayBuffer(131_072));

  constructor(options: ScriptedHostOptions = {}) {
    this.options = options;
    this.version = options.interfaceVersion ?? 40;
    const bytes = new Uint8Array((options.windowMegabytes ?? 4) * MEBIBYTE);
    this.window = new ScriptedWindow(bytes);
    this.memory = new ScriptedMemory();
    this.addDefaults();
    if (options.offersLater === true) return;
    this.offerGlobal();
    for (const index of this.adapterOptions.keys()) {
      this.offerVgpu(index);
      this.offerFunction(index);
    }
  }

  private get adapterOptions(): readonly ScriptedAdapter[] {
    return this.options.adapters ?? [{}];
  }

  offerGlobal(): void {
    const mmioMegabytes = this.window.lengthBytes / MEBIBYTE;
    this.offer({ index: 1, classGuid: GLOBAL_CHANNEL_GUID, instanceGuid: new Uint8Array(16), mmioMegabytes });
  }

  offerVgpu(index: number): void {
    const instanceGuid = this.instanceGuid(index);
    this.offer({ index: 2 + index, classGuid: VGPU_CHANNEL_GUID, instanceGuid, mmioMegabytes: 0 });
  }

  offerFunction(index: number): void {
    const config = new DataView(new ArrayBuffer(256));
    for (const [at, byte] of this.instanceGuid(index).entries()) config.setUint8(192 + at, byte);
    config.setUint32(208, this.version === 27 ? 0 : this.version, true);
    config.setUint32(212, 0xabcd00 + index, true);
    config.setUint32(220, this.options.mapGuestMemory === true ? 1 : 0, true);
    const isComputeOnly = this.adapterOptions[index]?.isComputeOnly === true;
    const pciFunction: PciFunction = {
      channelIndex: 2 + index,
      vendorId: PciConfig.vendorId,
      deviceId: isComputeOnly ? PciConfig.deviceIdComputeAccelerator : PciConfig.deviceIdVirtualRender,
      readConfig32: (offset) => config.getUint32(offset, true),
      writeConfig32: (offset, value) => {
        this.happened.push(`write ${offset} ${value}`);
      },
    };
    this.pciFunctions.push(pciFunction);
    this.onPciFunction?.(pciFunction);
  }

  /** Answers every message of that name from now on. */
  on(name: string, script: Script): void {
    this.scripts.set(name, script);
  }

  /** Answers the next message of that name. */
  next(name: string, script: Script): void {
    this.once.set(name, [...(this.once.get(name) ?? []), script]);
  }

  /** Names of messages sent since `from`. */
  names(from = 0): string[] {
    return this.sent.slice(from).map((message) => message.name);
  }

  last(name: string): SentMessage {
    const message = this.sent.findLast((candidate) => candidate.name === name);
    if (message === undefined) throw new RangeError(`no ${name} was sent`);
    return message;
  }

  handle(): number {
    this.nextIndex += 1;
    return makeHandle(this.nextIndex, 3);
  }

  /** Guest-physical address of a fresh page of the window. */
  page(count = 1): bigint {
    const address = IO_SPACE_BASE + this.nextPage * BigInt(PAGE_BYTES);
    this.nextPage += BigInt(count);
    return address;
  }

  signalEvent(id: bigint, commandType = 0): void {
    const view = new DataView(new ArrayBuffer(48));
    view.setUint32(12, 2, true);
    view.setUint32(16, commandType, true);
    view.setBigUint64(24, id, true);
    this.post(new Uint8Array(view.buffer));
  }

  setGuestData(cookie: bigint, data: number): void {
    const view = new DataView(new ArrayBuffer(48));
    view.setUint32(16, 2, true);
    view.setBigUint64(24, cookie, true);
    view.setUint32(32, data, true);
    this.post(new Uint8Array(view.buffer));
  }

  /** An in-band packet on the global channel. */
  post(bytes: Uint8Array): void {
    this.channels.get(1)?.deliver(PacketKind.inBand, 0, bytes);
  }

  /** Completes a request by hand. */
  complete(message: SentMessage, bytes: Uint8Array): void {
    this.channels.get(message.channel)?.deliver(PacketKind.completion, message.id, bytes);
  }

  rescind(channelIndex: number): void {
    this.onRescind?.(channelIndex);
    this.channels.get(channelIndex)?.end(null);
  }

  async open(channelIndex: number): Promise<Channel> {
    this.happened.push(`open ${channelIndex}`);
    const channel = new ScriptedChannel(this, channelIndex);
    this.channels.set(channelIndex, channel);
    return channel;
  }

  async createGpadl(ranges: readonly PageRange[]): Promise<number> {
    this.lastGpadl += 1;
    this.happened.push(`gpadl ${this.lastGpadl}`);
    this.gpadls.set(this.lastGpadl, ranges);
    return this.lastGpadl;
  }

  async teardownGpadl(id: number): Promise<void> {
    this.happened.push(`teardown ${id}`);
    this.gpadls.delete(id);
  }

  async close(): Promise<void> {
    this.end(null);
  }

  abort(error: Error): void {
    this.end(error);
  }

  private end(error: Error | null): void {
    for (const channel of this.channels.values()) channel.end(error);
    this.onClose?.(error);
  }

  private offer(offer: ChannelOffer): void {
    this.offers.push(offer);
    this.onOffer?.(offer);
  }

  private instanceGuid(index: number): Uint8Array {
    return Uint8Array.of(0x10 + index, 0, 0, 0, 0x0a + index, 0, 0, 0, ...new Array<number>(8).fill(0x5a));
  }

  /** Takes a message of the guest and answers it in a microtask. */
  take(channel: number, id: number, wantsCompletion: boolean, bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const header = createCommandHeader();
    decodeHeader(view, 0, bytes.length, this.version, header);
    const command = commandById(channelOf(header), header.commandType) as CommandDef;
    const body = command.request?.decode(view, header.bodyOffset, header.bodyLength) as Body;
    const { async: isAsync, process, vgpuLuidLow } = header;
    const { length } = bytes;
    const { name } = command;
    const message = {
      channel,
      name,
      process,
      isAsync,
      wantsCompletion,
      id,
      length,
      vgpuLuidLow,
      body,
      bytes,
    };
    this.sent.push(message);
    const script = this.once.get(name)?.shift() ?? this.scripts.get(name) ?? (() => ({}));
    const reply = script(body, message);
    if (!wantsCompletion || reply === null) return;
    queueMicrotask(() => this.complete(message, this.payload(command, reply, body)));
  }

  private payload(command: CommandDef, reply: Body | Uint8Array, request: Body): Uint8Array {
    if (reply instanceof Uint8Array) return reply;
    const size = encodeReply(command as never, this.version, reply as never, this.scratch, 0, request);
    return new Uint8Array(this.scratch.buffer.slice(0, size));
  }

  private addDefaults(): void {
    let processes = 0;
    this.on('OpenAdapter', (_, message) => ({
      hostAdapterHandle: 0x40000a00 + 0x40 * (message.vgpuLuidLow & 1),
    }));
    this.on('GetInternalAdapterInfo', (_, { vgpuLuidLow }) => ({
      asyncMsgEnabled: this.options.asyncMessages === true,
      hostAdapterLuid: { low: 0xf00d, high: 1 },
      hostVgpuLuid: { low: vgpuLuidLow, high: 0x77 },
      deviceDescription: 'scripted GPU',
    }));
    this.on('CreateProcess', () => {
      processes += 1;
      return { hprocess: 0x80000000 + 0x40 * processes };
    });
    this.on('CreateDevice', () => ({ device: this.handle() }));
    this.on('CreateContextVirtual', (body) => ({ ...body, context: this.handle() }));
    this.on('CreateHwQueue', (body) => ({
      ...body,
      hwqueue: this.handle(),
      hwqueueProgressFence: this.handle(),
      hwqueueProgressFenceCpuva: this.page(),
    }));
    this.on('CreatePagingQueue', () => ({
      pagingQueue: this.handle(),
      syncObject: this.handle(),
      fenceStoragePhysicalAddress: this.page(),
    }));
    this.on('CreateSyncObject', () => ({
      syncObject: this.handle(),
      globalSyncObject: this.handle(),
      fenceStorageAddress: this.page(),
    }));
    this.on('OpenSyncObject', () => ({ syncObject: this.handle(), guestCpuPhysicalAddress: this.page() }));
    this.on('CreateNtSharedObject', () => ({ sharedHandle: this.handle() }));
    this.on('CreateAllocation', (body) => this.makeAllocations(body));
    this.on('OpenResource', (body) => ({
      resource: this.handle(),
      allocations: Array.from({ length: body['allocationCount'] as number }, () => this.handle()),
    }));
    this.on('Lock2', () => ({ cpuVisibleBufferOffset: this.page(4) }));
  }

  /** Sizes come from the first 8 bytes of private data, one page without. */
  private makeAllocations(body: Body): Body {
    const infos = body['allocInfo'] as readonly { readonly privDrvData: Uint8Array }[];
    const allocationInfo = infos.map(({ privDrvData }) => {
      const { buffer, byteLength, byteOffset } = privDrvData;
      const size = byteLength < 8 ? 4096n : new DataView(buffer, byteOffset, 8).getBigUint64(0, true);
      return { allocation: this.handle(), allocationSize: size, privDrvData: privDrvData.slice() };
    });
    return { resource: this.handle(), allocationInfo };
  }
}

class ScriptedChannel implements Channel {
  readonly index: number;
  isOpen = true;
  onPacket: Channel['onPacket'] = null;
  onDrain: Channel['onDrain'] = null;
  onClose: Channel['onClose'] = null;
  private readonly host: ScriptedHost;

  constructor(host: ScriptedHost, index: number) {
    this.host = host;
    this.index = index;
  }

  send(
    _kind: PacketKind,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    const wantsCompletion = (flags & PACKET_FLAG_COMPLETION_REQUESTED) !== 0;
    this.host.take(
      this.index,
      idHigh * 4_294_967_296 + idLow,
      wantsCompletion,
      bytes.slice(offset, offset + length),
    );
    return true;
  }

  flush(): void {
    // Messages are taken as they are sent.
  }

  deliver(kind: PacketKind, id: number, bytes: Uint8Array): void {
    if (!this.isOpen) return;
    this.onPacket?.({
      kind,
      idLow: id >>> 0,
      idHigh: Math.floor(id / 4_294_967_296),
      flags: 0,
      bytes,
      view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      offset: 0,
      length: bytes.length,
    });
  }

  end(error: Error | null): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.onClose?.(error);
  }

  async close(): Promise<void> {
    if (this.isOpen) this.host.happened.push(`close ${this.index}`);
    this.end(null);
  }

  abort(error: Error): void {
    this.end(error);
  }
}

class ScriptedMemory implements GuestMemory {
  readonly kind = 'mapped';
  readonly blocks: GuestMemoryBlock[] = [];
  private nextAddress = 0x10000;

  allocate(lengthBytes: number): GuestMemoryBlock {
    const length = Math.ceil(lengthBytes / PAGE_BYTES) * PAGE_BYTES;
    const bytes = new Uint8Array(length);
    const block = {
      address: this.nextAddress,
      length,
      bytes,
      flush: () => undefined,
      write: (offset: number, source: Uint8Array) => bytes.set(source, offset),
    };
    this.nextAddress += length;
    this.blocks.push(block);
    return block;
  }

  free(): void {
    // Nothing is counted.
  }
}

class ScriptedWindow implements GuestWindow {
  readonly kind = 'mapped';
  readonly bytes: Uint8Array;
  private readonly words: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.words = new DataView(bytes.buffer);
  }

  get lengthBytes(): number {
    return this.bytes.length;
  }

  view(offset: number, length: number): Uint8Array {
    return this.bytes.subarray(offset, offset + length);
  }

  flush(): void {
    // Both sides see the same bytes.
  }

  loadU64(offset: number): bigint {
    return this.words.getBigUint64(offset, true);
  }
}
