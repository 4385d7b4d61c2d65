import {
  type CommandDef,
  channelOf,
  commandById,
  createCommandHeader,
  decodeHeader,
  encodeReply,
  Feature,
  GLOBAL_CHANNEL_GUID,
  makeHandle,
  PciConfig,
  VGPU_CHANNEL_GUID,
} from '@dxgwire/protocol';
import { decodeContextBlob, encodeAdapterCaps } from '@dxgwire/protocol/blobs';
import { STREAM_VERSION } from '@dxgwire/protocol/stream';
import { PAGE_BYTES, PacketKind } from '@dxgwire/transport';
import { HostileBus, WINDOW_BYTES } from './hostile-bus.ts';
import { answersTo } from './hostile-returns.ts';
import type { Mischief, MischiefList } from './mischief.ts';

const IO_SPACE_BASE = 0x10_0000_0000n;
const CPU_NOTIFICATION = 4;
const LARGEST_VALUE = 0xffff_ffff_ffff_ffffn;
const MAX_REPLY_BYTES = 131_072;

const replyView = new DataView(new ArrayBuffer(MAX_REPLY_BYTES));

// biome-ignore lint/suspicious/noExplicitAny: the fields of any request, as its codec gives them
type Body = any;

const caps = encodeAdapterCaps({
  version: 1,
  streamVersion: STREAM_VERSION,
  info: {
    vendor: 'fuzz',
    architecture: '',
    device: '',
    description: 'hostile',
    subgroupMinSize: 4,
    subgroupMaxSize: 64,
    isFallbackAdapter: false,
  },
  features: ['core-features-and-limits'],
  limits: {},
  wgslLanguageFeatures: [],
});

/** How a host is that the guest finds. */
export interface HostOptions {
  readonly version: number;
  readonly isAsync: boolean;
  readonly mapsGuestMemory: boolean;
  readonly adapters: number;
  /** Whether answers of WebGPU come with an event of their own. */
  readonly hasReturnEvents: boolean;
}

/**
 * A host that answers what a good one would, so that its guest comes far, but for what the input says: at the n-th
 * message it changes, cuts, repeats or leaves out the answer, and does what no host should.
 */
export class HostileHost {
  readonly bus: HostileBus;
  messages = 0;
  readonly #options: HostOptions;
  readonly #mischief: MischiefList;
  readonly #header = createCommandHeader();
  #nextIndex = 16;
  /** The first page is left out: an address of 0 is none. */
  #nextPage = 1;
  /** Window offsets of fences, by handle. */
  readonly #fences = new Map<number, number>();
  readonly #events = new Map<number, bigint>();
  readonly #allocations = new Map<number, number>();
  #ring = { offset: 0, lengthBytes: 0, total: 0, fence: 0, event: 0 };
  #progressFence = 0;

  constructor(options: HostOptions, mischief: MischiefList, windowBytes: Uint8Array) {
    this.#options = options;
    this.#mischief = mischief;
    this.bus = new HostileBus(windowBytes, (channel, id, wantsAnswer, bytes) =>
      this.#take(channel, id, wantsAnswer, bytes),
    );
    const { bus } = this;
    bus.offer({
      index: 1,
      classGuid: GLOBAL_CHANNEL_GUID,
      instanceGuid: new Uint8Array(16),
      mmioMegabytes: WINDOW_BYTES >>> 20,
    });
    for (let index = 0; index < options.adapters; index += 1) this.#offerGpu(index);
    for (const act of mischief.at(-1)) this.#act(act, null);
  }

  #offerGpu(index: number): void {
    const instanceGuid = Uint8Array.of(
      16 + index,
      0,
      0,
      0,
      10 + index,
      0,
      0,
      0,
      ...new Uint8Array(8).fill(0x5a),
    );
    const config = new DataView(new ArrayBuffer(256));
    const { version, mapsGuestMemory } = this.#options;
    for (const [at, byte] of instanceGuid.entries())
      config.setUint8(PciConfig.channelInstanceOffset + at, byte);
    config.setUint32(PciConfig.interfaceVersionOffset, version, true);
    config.setUint32(PciConfig.vgpuLuidOffset, 0xabcd00 + index, true);
    config.setUint32(PciConfig.hostCapsOffset, mapsGuestMemory ? 1 : 0, true);
    this.bus.offer(
      { index: 2 + index, classGuid: VGPU_CHANNEL_GUID, instanceGuid, mmioMegabytes: 0 },
      config,
    );
  }

  #take(channel: number, id: number, wantsAnswer: boolean, bytes: Uint8Array): void {
    const number = this.messages;
    this.messages += 1;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const header = this.#header;
    decodeHeader(view, 0, bytes.length, this.#version, header);
    const command = commandById(channelOf(header), header.commandType) as CommandDef;
    const body: Body = command.request?.decode(view, header.bodyOffset, header.bodyLength);
    const reply = this.#answer(command, body);
    const answer = wantsAnswer ? { channel, id, bytes: reply, copies: 1 } : null;
    for (const act of this.#mischief.at(number)) this.#act(act, answer);
    if (answer !== null) {
      for (let copy = 0; copy < answer.copies; copy += 1)
        this.bus.deliver(answer.channel, PacketKind.completion, answer.id, answer.bytes);
    }
    this.#afterwards(command, body);
  }

  get #version(): number {
    const { version } = this.#options;
    return version === 0 ? 27 : Math.min(version, 40);
  }

  #answer(command: CommandDef, body: Body): Uint8Array {
    const reply = this.#fieldsOf(command.name, body);
    const length = encodeReply(command as never, this.#version, reply as never, replyView, 0, body);
    return new Uint8Array(replyView.buffer, 0, length).slice();
  }

  #handle(): number {
    this.#nextIndex += 1;
    return makeHandle(this.#nextIndex, 1);
  }

  #pages(count: number): { offset: number; address: bigint } {
    if ((this.#nextPage + count) * PAGE_BYTES >= WINDOW_BYTES) this.#nextPage = 1;
    const offset = this.#nextPage * PAGE_BYTES;
    this.#nextPage += count;
    return { offset, address: IO_SPACE_BASE + BigInt(offset) };
  }

  #fence(initial: bigint): { handle: number; address: bigint } {
    const handle = this.#handle();
    const { offset, address } = this.#pages(1);
    this.#fences.set(handle, offset);
    this.bus.storeU64(offset, initial);
    return { handle, address };
  }

  #fieldsOf(name: string, body: Body): object {
    switch (name) {
      case 'OpenAdapter':
        return { hostAdapterHandle: 0x4000_0a00 };
      case 'GetInternalAdapterInfo':
        return {
          asyncMsgEnabled: this.#options.isAsync,
          hostAdapterLuid: { low: 0xf00d, high: 1 },
          hostVgpuLuid: { low: 0xabcd00, high: 0 },
          deviceDescription: 'hostile GPU',
        };
      case 'CreateProcess':
        return { hprocess: 0x8000_0040 };
      case 'CreateDevice':
        return { device: this.#handle() };
      case 'CreateContextVirtual':
        this.#noteContext(body.privDrvData);
        return { ...body, context: this.#handle() };
      case 'CreateHwQueue': {
        const { handle, address } = this.#fence(0n);
        this.#progressFence = handle;
        return {
          ...body,
          hwqueue: this.#handle(),
          hwqueueProgressFence: handle,
          hwqueueProgressFenceCpuva: address,
        };
      }
      case 'CreatePagingQueue': {
        const { handle, address } = this.#fence(0n);
        return { pagingQueue: this.#handle(), syncObject: handle, fenceStoragePhysicalAddress: address };
      }
      case 'CreateSyncObject': {
        const { info } = body.args;
        const { handle, address } = this.#fence(info.monitoredFence?.initialFenceValue ?? 0n);
        if (info.type === CPU_NOTIFICATION) this.#events.set(handle, info.cpuNotification?.event ?? 0n);
        return { syncObject: handle, globalSyncObject: handle, fenceStorageAddress: address };
      }
      case 'OpenSyncObject': {
        const { handle, address } = this.#fence(0n);
        return { syncObject: handle, guestCpuPhysicalAddress: address };
      }
      case 'CreateNtSharedObject':
        return { sharedHandle: this.#handle() };
      case 'CreateAllocation':
        return this.#allocationsOf(body);
      case 'OpenResource':
        return {
          resource: this.#handle(),
          allocations: Array.from({ length: body.allocationCount }, () => this.#handle()),
        };
      case 'Lock2': {
        const lengthBytes = this.#allocations.get(body.args?.allocation ?? body.allocation) ?? PAGE_BYTES;
        const { offset, address } = this.#pages(Math.max(1, Math.ceil(lengthBytes / PAGE_BYTES)));
        this.#ring.offset = offset;
        this.#ring.lengthBytes = lengthBytes;
        return { cpuVisibleBufferOffset: address };
      }
      case 'QueryAdapterInfo': {
        const privateData = (body.privateData as Uint8Array).slice();
        if (body.queryType === 0 && privateData.length >= caps.length + 4) {
          new DataView(privateData.buffer).setUint32(0, caps.length, true);
          privateData.set(caps, 4);
        }
        return { privateData };
      }
      case 'IsFeatureEnabled':
        return {
          result: {
            version: 1,
            value: body.featureId === Feature.returnEvents && !this.#options.hasReturnEvents ? 0 : 1,
          },
        };
      case 'QueryVideoMemoryInfo':
        return { budget: 1n << 30n };
      default:
        return {};
    }
  }

  /** Sizes come from the first 8 bytes of private data, one page without. */
  #allocationsOf(body: Body): object {
    const allocationInfo = body.allocInfo.map(({ privDrvData }: { privDrvData: Uint8Array }) => {
      const { buffer, byteLength, byteOffset } = privDrvData;
      const size = byteLength < 8 ? 4096n : new DataView(buffer, byteOffset, 8).getBigUint64(0, true);
      const allocation = this.#handle();
      this.#allocations.set(allocation, Math.min(Number(size), WINDOW_BYTES));
      return { allocation, allocationSize: size, privDrvData: privDrvData.slice() };
    });
    return { resource: this.#handle(), allocationInfo };
  }

  #noteContext(blob: Uint8Array): void {
    if (blob.length === 0) return;
    const { returnFence, returnEvent = 0 } = decodeContextBlob(blob);
    this.#ring.fence = returnFence;
    this.#ring.event = returnEvent;
  }

  /** What a host does behind its answer: events of waits, work that is done, what comes back of WebGPU. */
  #afterwards({ name }: CommandDef, body: Body): void {
    if (name === 'WaitForSyncObjectFromCpu') {
      if (body.fenceValues.includes(LARGEST_VALUE)) return;
      for (const [index, object] of body.objects.entries()) this.#reach(object, body.fenceValues[index]);
      this.bus.signalEvent(body.guestEventPointer);
    } else if (name === 'SubmitCommandToHwQueue') {
      this.#reach(this.#progressFence, body.args.hwqueueProgressFenceId);
      const records = answersTo(body.privDrvData);
      if (records.length > 0) this.#comeBack(records);
    }
  }

  #reach(fence: number, value: bigint): void {
    const offset = this.#fences.get(fence);
    if (offset !== undefined) this.bus.storeU64(offset, value);
  }

  /** Writes into the return ring, and says so. */
  #comeBack(records: Uint8Array): void {
    const ring = this.#ring;
    if (ring.lengthBytes < records.length) return;
    for (const [index, byte] of records.entries())
      this.bus.window.bytes[ring.offset + ((ring.total + index) % ring.lengthBytes)] = byte;
    ring.total += records.length;
    this.#reach(ring.fence, BigInt(ring.total));
    const event = this.#events.get(ring.event);
    if (event !== undefined) this.bus.signalEvent(event);
  }

  #act(
    { what, place, value }: Mischief,
    answer: { channel: number; id: number; bytes: Uint8Array; copies: number } | null,
  ): void {
    const { bus } = this;
    const change = (offset: number, bytes: Uint8Array): void => {
      if (offset + 4 <= bytes.length)
        new DataView(bytes.buffer, bytes.byteOffset).setUint32(offset, value, true);
    };
    switch (what % 20) {
      case 0:
      case 1:
        if (answer !== null && answer.bytes.length >= 4)
          change(place % (answer.bytes.length - 3), answer.bytes);
        break;
      case 2:
        if (answer !== null) answer.bytes = answer.bytes.slice(0, place % (answer.bytes.length + 1));
        break;
      case 3:
        if (answer !== null)
          answer.bytes = Uint8Array.of(...answer.bytes, ...new Uint8Array(place & 0x3ff).fill(value));
        break;
      case 4:
        answer?.bytes.fill(value, place % (answer.bytes.length + 1));
        break;
      case 5:
        if (answer !== null) answer.copies = value & 1 ? 0 : 2;
        break;
      case 6:
        if (answer !== null) answer.id = value & 0x8000_0000 ? 2 ** 52 + value : value & 0xff;
        break;
      case 7:
        if (answer !== null) answer.channel = 1 + (value & 3);
        break;
      case 8:
        bus.signalEvent(BigInt(value & 0x1f));
        break;
      case 9:
        bus.post(new Uint8Array(place & 0x7f).fill(value));
        break;
      case 10:
        bus.post(Uint8Array.of(...new Uint8Array(16), value & 7, 0, 0, 0, ...new Uint8Array(28).fill(place)));
        break;
      case 11:
        change((place * 8) % WINDOW_BYTES, bus.window.bytes);
        break;
      case 12:
        bus.window.bytes.fill(value, 0, 16 * PAGE_BYTES);
        break;
      case 13:
        bus.rescind(1 + (place % 4));
        break;
      case 14:
        bus.endChannel(1 + (place % 4), value & 1 ? new Error('hostile') : null);
        break;
      case 15:
        bus.end(value & 1 ? new Error('hostile') : null);
        break;
      case 16:
        this.#offerGpu(place % 8);
        break;
      case 17:
        change((this.#ring.offset + (place % 4096)) & ~3, bus.window.bytes);
        break;
      case 18: {
        const words = new Uint8Array(4 + 4 * (place & 15));
        change(0, words);
        change(4, words);
        this.#comeBack(words);
        break;
      }
      default:
        bus.changeConfig(place & 0xfc, value);
    }
  }
}
