import {
  type CommandHeader,
  channelOf,
  commandById,
  createCommandHeader,
  decodeHeader,
  EXTENDED_HEADER_VERSION,
  encodeFailureReply,
  encodeReply,
  isFailure,
  isProtocolError,
  Limits,
  minimumReplyBytes,
  NtStatus,
  ProtocolError,
  replyAnnouncesMemory,
} from '@dxgwire/protocol';
import {
  type Channel,
  isTransportError,
  PACKET_FLAG_ANNOUNCES_NOTHING,
  PACKET_FLAG_COMPLETION_REQUESTED,
  type Packet,
  PacketKind,
} from '@dxgwire/transport';
import type { GuestProcess } from './guest-process.ts';
import { type AnyCommand, Later, type Outcome } from './handler.ts';
import { describeError } from './log.ts';
import type { Partition } from './partition.ts';
import { findRoute, type HotPath, type Route } from './routes.ts';
import type { VirtualGpu } from './virtual-gpu.ts';

/** Reply that is one NTSTATUS, bytes. */
const STATUS_REPLY_BYTES = 4;

interface MutableCall {
  partition: Partition;
  version: number;
  gpu: VirtualGpu;
  process: GuestProcess;
  processHandle: number;
  wantsAnswer: boolean;
}

/** A message under way: what its answer needs. The dispatcher reuses one; an answer that comes later gets a copy. */
interface Exchange {
  channel: Channel;
  idLow: number;
  idHigh: number;
  wantsAnswer: boolean;
  route: Route;
  version: number;
  request: object;
}

/** The values of a hot command, used again for each message. */
interface HotValues {
  readonly request: object;
  readonly reply: object;
}

export interface DispatcherStatistics {
  commands: number;
  /** Commands answered (or, one-way, ended) with a failure. */
  failures: number;
  /** Commands that the table does not have, or that the driver never sends. */
  unknown: number;
}

/**
 * Takes every message of one guest through the same steps: frame, codec, version and feature, handles, handler,
 * reply. Nothing that a guest sends throws out of it: a failed command is a status, a malformed message ends this
 * guest's link.
 */
export class Dispatcher {
  readonly statistics: DispatcherStatistics = { commands: 0, failures: 0, unknown: 0 };
  readonly #partition: Partition;
  readonly #header: CommandHeader = createCommandHeader();
  readonly #call: MutableCall;
  // Filled before it is first read: each message sets all of it.
  readonly #exchange = {
    idLow: 0,
    idHigh: 0,
    wantsAnswer: false,
    version: 0,
  } as Exchange;
  readonly #replyView = new DataView(new ArrayBuffer(Limits.maxMessageBytes));
  readonly #replyBytes = new Uint8Array(this.#replyView.buffer);
  /** By the number of the hot command; made when it first comes. */
  readonly #hotValues: HotValues[] = [];
  /** Bytes sent on a channel since it said that it is full. */
  readonly #unsent = new Map<Channel, number>();
  #isStopped = false;

  constructor(partition: Partition) {
    this.#partition = partition;
    this.#call = {
      partition,
      version: 0,
      gpu: null as unknown as VirtualGpu,
      process: null as unknown as GuestProcess,
      processHandle: 0,
      wantsAnswer: false,
    };
  }

  /**
   * Serves a channel that the guest opened.
   *
   * @param gpu the virtual GPU that it was offered for; null for the global channel.
   */
  serve(channel: Channel, gpu: VirtualGpu | null, onClose: () => void): void {
    channel.onPacket = (packet) => this.#receive(channel, gpu, packet);
    channel.onDrain = () => this.#unsent.delete(channel);
    channel.onClose = () => {
      this.#unsent.delete(channel);
      onClose();
    };
  }

  /** Answers nothing any more: the link is gone. */
  stop(): void {
    this.#isStopped = true;
    this.#unsent.clear();
  }

  #receive(channel: Channel, gpuOfChannel: VirtualGpu | null, packet: Packet): void {
    if (this.#isStopped) return;
    let route: Route | undefined;
    try {
      route = this.#parse(channel, packet);
    } catch (error) {
      const malformed = isProtocolError(error) ? error : new ProtocolError('bad-value', describeError(error));
      this.#partition.fail(malformed);
      return;
    }
    if (route === undefined) this.#refuseUnknown(channel, packet);
    else this.#carryOut(gpuOfChannel);
  }

  /** Frame, codec, version. @returns undefined for a command that is not offered; throws for a malformed message. */
  #parse(channel: Channel, packet: Packet): Route | undefined {
    if (packet.kind !== PacketKind.inBand) {
      throw new ProtocolError(
        'bad-value',
        `packet of kind ${packet.kind} on channel ${channel.index}: a guest sends in-band packets only`,
      );
    }
    const header = this.#header;
    const { version } = this.#partition.negotiation;
    decodeHeader(packet.view, packet.offset, packet.length, version, header);
    this.statistics.commands += 1;
    const route = findRoute(header);
    if (route === undefined || version < route.def.since) return undefined;
    const exchange = this.#exchange;
    exchange.channel = channel;
    exchange.idLow = packet.idLow;
    exchange.idHigh = packet.idHigh;
    exchange.wantsAnswer = (packet.flags & PACKET_FLAG_COMPLETION_REQUESTED) !== 0;
    exchange.route = route;
    exchange.version = version;
    const { bodyOffset, bodyLength } = header;
    const { hot } = route;
    if (hot === null) {
      exchange.request = route.def.request!.decode(packet.view, bodyOffset, bodyLength) as object;
    } else {
      const { request } = this.#valuesOf(hot);
      exchange.request = hot.request.decodeInto(packet.view, bodyOffset, bodyLength, request);
    }
    return route;
  }

  #valuesOf(hot: HotPath): HotValues {
    let values = this.#hotValues[hot.index];
    if (values === undefined) {
      values = { request: hot.request.create(), reply: hot.reply.create() };
      this.#hotValues[hot.index] = values;
    }
    return values;
  }

  /** Handle look-up, handler, reply. Nothing throws out of it. */
  #carryOut(gpuOfChannel: VirtualGpu | null): void {
    const exchange = this.#exchange;
    let outcome: Outcome<object> | Later<object>;
    try {
      outcome = this.#resolve(exchange, gpuOfChannel) ? this.#handle(exchange) : NtStatus.invalidParameter;
    } catch (error) {
      outcome = this.#statusOfDefect(exchange.route, error);
    }
    if (outcome instanceof Later) this.#answerLater(outcome, { ...exchange });
    else this.#answer(exchange, outcome);
  }

  #handle({ route, request }: Exchange): Outcome<object> | Later<object> {
    const { hot } = route;
    if (hot === null) return route.handle(this.#call, request);
    const { reply } = this.#valuesOf(hot);
    const outcome = hot.handle(this.#call, request, reply);
    return outcome === NtStatus.success && !route.repliesStatusOnly ? reply : outcome;
  }

  /** Finds whom the message is for and from. @returns false when there is no such virtual GPU or process. */
  #resolve(exchange: Exchange, gpuOfChannel: VirtualGpu | null): boolean {
    const { route, version, request, wantsAnswer } = exchange;
    const header = this.#header;
    const call = this.#call;
    call.version = version;
    call.processHandle = header.process;
    call.wantsAnswer = wantsAnswer;
    if (route.isVgpuCommand) {
      const gpu = this.#findGpu(header, gpuOfChannel, version);
      if (gpu === undefined) return false;
      call.gpu = gpu;
    }
    if (route.needsProcess) {
      const process = this.#partition.findProcess(header.process);
      if (process === undefined) return false;
      call.process = process;
    }
    return this.#fits(route, version, request);
  }

  /** A longer reply would break the guest's ring reader: such a command gets a short one, and is not carried out. */
  #fits(route: Route, version: number, request: object): boolean {
    return (
      route.fixedReplyBytes >= 0 || minimumReplyBytes(route.def, version, request) <= Limits.maxReplyBytes
    );
  }

  /**
   * Which virtual GPU a command means: from version 40 on its LUID says so, whatever the channel; before, only the
   * channel does, and on the global channel there is one GPU at most.
   */
  #findGpu(header: CommandHeader, gpuOfChannel: VirtualGpu | null, version: number): VirtualGpu | undefined {
    // Nearly always the channel's own.
    if (gpuOfChannel !== null && (version < EXTENDED_HEADER_VERSION || isNamed(gpuOfChannel, header))) {
      return gpuOfChannel;
    }
    const { gpus } = this.#partition;
    if (version < EXTENDED_HEADER_VERSION) return gpus.length === 1 ? gpus[0] : undefined;
    for (let i = 0; i < gpus.length; i += 1) if (isNamed(gpus[i]!, header)) return gpus[i];
    return undefined;
  }

  #refuseUnknown(channel: Channel, packet: Packet): void {
    const header = this.#header;
    this.statistics.unknown += 1;
    const known = commandById(channelOf(header), header.commandType);
    this.#partition.log.debug(
      { channelType: header.channelType, command: known?.name ?? header.commandType },
      'a command that no guest of this host sends',
    );
    if ((packet.flags & PACKET_FLAG_COMPLETION_REQUESTED) === 0) return;
    this.#replyView.setUint32(0, NtStatus.notSupported, true);
    this.#complete(channel, packet.idLow, packet.idHigh, STATUS_REPLY_BYTES);
  }

  #answerLater(pending: Later<object>, exchange: Exchange): void {
    let isAnswered = false;
    const complete = (outcome: Outcome<object>): void => {
      if (isAnswered) return;
      isAnswered = true;
      this.#answer(exchange, outcome);
    };
    try {
      pending.start(complete);
    } catch (error) {
      complete(this.#statusOfDefect(exchange.route, error));
    }
  }

  #answer(exchange: Exchange, outcome: Outcome<object>): void {
    const { channel, route, idLow, idHigh } = exchange;
    if (typeof outcome === 'number' && isFailure(outcome)) this.#noteFailure(route.def, outcome);
    if (!exchange.wantsAnswer || !channel.isOpen || this.#isStopped) return;
    let length: number;
    try {
      length = this.#encode(exchange, outcome);
    } catch (error) {
      length = this.#encode(exchange, this.#statusOfDefect(route, error));
    }
    this.#complete(channel, idLow, idHigh, length, replyAnnouncesMemory(route.def));
  }

  /** Writes an answer into the reply buffer. @returns its length. */
  #encode(exchange: Exchange, outcome: Outcome<object>): number {
    const { route, version, request } = exchange;
    if (typeof outcome !== 'number') {
      const { hot } = route;
      if (hot !== null && outcome === this.#valuesOf(hot).reply) return this.#encodeHot(hot, route, outcome);
      return encodeReply(route.def, version, outcome as never, this.#replyView, 0, request);
    }
    if (route.repliesStatusOnly) {
      this.#replyView.setUint32(0, outcome, true);
      return STATUS_REPLY_BYTES;
    }
    if (!this.#fits(route, version, request)) return 0;
    return encodeFailureReply(route.def, version, outcome, request, this.#replyView, 0);
  }

  #encodeHot(hot: HotPath, { fixedReplyBytes }: Route, reply: object): number {
    const length = hot.reply.encode(reply, this.#replyView, 0);
    if (length >= fixedReplyBytes) return length;
    this.#replyBytes.fill(0, length, fixedReplyBytes);
    return fixedReplyBytes;
  }

  #noteFailure(def: AnyCommand, status: number): void {
    this.statistics.failures += 1;
    this.#partition.log.debug({ command: def.name, status }, 'a command failed');
  }

  /** Sends what lies in the reply buffer, padded with zeros to a multiple of 8. */
  #complete(channel: Channel, idLow: number, idHigh: number, length: number, announces = false): void {
    const padded = (length + 7) & ~7;
    if (padded !== length) this.#replyBytes.fill(0, length, padded);
    this.send(channel, PacketKind.completion, idLow, idHigh, this.#replyBytes, padded, announces);
  }

  /** Sends a packet. A guest that takes nothing loses its link when too much waits for it. */
  send(
    channel: Channel,
    kind: PacketKind,
    idLow: number,
    idHigh: number,
    bytes: Uint8Array,
    length: number,
    announces = true,
  ): void {
    if (!channel.isOpen || this.#isStopped) return;
    const flags = announces ? 0 : PACKET_FLAG_ANNOUNCES_NOTHING;
    try {
      if (channel.send(kind, idLow, idHigh, flags, bytes, 0, length)) return;
    } catch (error) {
      // The channel has just closed; or its own queue is full, or the guest's ring too small for this answer, for which it would wait for ever.
      if (isTransportError(error) && error.code !== 'closed') this.#partition.fail(error);
      return;
    }
    const unsent = (this.#unsent.get(channel) ?? 0) + length;
    this.#unsent.set(channel, unsent);
    const limit = this.#partition.options.quotas.unsentBytes;
    if (unsent <= limit) return;
    const message = `${unsent} bytes wait for a guest that takes none; the limit is ${limit}`;
    this.#partition.fail(new ProtocolError('too-large', message));
  }

  /** A defect of this host: the command fails, the guest's link and all others go on. */
  #statusOfDefect(route: Route, error: unknown): number {
    const stack = error instanceof Error ? error.stack : undefined;
    const entry = { command: route.def.name, reason: describeError(error), stack };
    this.#partition.log.error(entry, 'a command failed inside the host');
    // JavaScript's own RangeError is what an array too large to allocate throws.
    return error instanceof RangeError ? NtStatus.noMemory : NtStatus.invalidParameter;
  }
}

function isNamed(gpu: VirtualGpu, header: CommandHeader): boolean {
  const { vgpuLuid } = gpu.identity;
  return vgpuLuid.low === header.vgpuLuidLow && vgpuLuid.high === header.vgpuLuidHigh;
}
