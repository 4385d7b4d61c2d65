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
} from '@dxgwire/protocol';
import {
  type Channel,
  isTransportError,
  PACKET_FLAG_COMPLETION_REQUESTED,
  type Packet,
  PacketKind,
} from '@dxgwire/transport';
import type { GuestProcess } from './guest-process.ts';
import { type AnyCommand, Later, type Outcome } from './handler.ts';
import { describeError } from './log.ts';
import type { Partition } from './partition.ts';
import { findRoute, type Route } from './routes.ts';
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
  readonly #replyView = new DataView(new ArrayBuffer(Limits.maxMessageBytes));
  readonly #replyBytes = new Uint8Array(this.#replyView.buffer);
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
    try {
      this.#dispatch(channel, gpuOfChannel, packet);
    } catch (error) {
      if (isProtocolError(error)) this.#partition.fail(error);
      else this.#failInternally(channel, packet, error);
    }
  }

  #dispatch(channel: Channel, gpuOfChannel: VirtualGpu | null, packet: Packet): void {
    if (packet.kind !== PacketKind.inBand) {
      throw new ProtocolError(
        'bad-value',
        `packet of kind ${packet.kind} on channel ${channel.index}: a guest sends in-band packets only`,
      );
    }
    const header = this.#header;
    const call = this.#call;
    const version = this.#partition.negotiation.version;
    decodeHeader(packet.view, packet.offset, packet.length, version, header);
    this.statistics.commands += 1;
    const { idLow, idHigh } = packet;
    const wantsAnswer = (packet.flags & PACKET_FLAG_COMPLETION_REQUESTED) !== 0;
    const route = findRoute(header);
    if (route === undefined) {
      this.#refuseUnknown(channel, packet, header, wantsAnswer);
      return;
    }
    const { def } = route;
    const request = def.request!.decode(packet.view, header.bodyOffset, header.bodyLength) as object;
    call.version = version;
    call.processHandle = header.process;
    call.wantsAnswer = wantsAnswer;
    let outcome: Outcome<object> | Later<object> = NtStatus.success;
    if (route.isVgpuCommand) {
      const gpu = this.#findGpu(header, gpuOfChannel, version);
      if (gpu === undefined) outcome = NtStatus.invalidParameter;
      else call.gpu = gpu;
    }
    if (route.needsProcess) {
      const process = this.#partition.findProcess(header.process);
      if (process === undefined) outcome = NtStatus.invalidParameter;
      else call.process = process;
    }
    if (!this.#fits(route, version, request)) outcome = NtStatus.invalidParameter;
    if (outcome === NtStatus.success) outcome = route.handle(call, request);
    if (outcome instanceof Later)
      this.#answerLater(outcome, channel, idLow, idHigh, wantsAnswer, route, version, request);
    else this.#answer(channel, idLow, idHigh, wantsAnswer, route, version, request, outcome);
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
    const { gpus } = this.#partition;
    if (version < EXTENDED_HEADER_VERSION) return gpuOfChannel ?? (gpus.length === 1 ? gpus[0] : undefined);
    for (const gpu of gpus) {
      const { vgpuLuid } = gpu.identity;
      if (vgpuLuid.low === header.vgpuLuidLow && vgpuLuid.high === header.vgpuLuidHigh) return gpu;
    }
    return undefined;
  }

  #refuseUnknown(channel: Channel, packet: Packet, header: CommandHeader, wantsAnswer: boolean): void {
    this.statistics.unknown += 1;
    const known = commandById(channelOf(header), header.commandType);
    this.#partition.log.debug(
      { channelType: header.channelType, command: known?.name ?? header.commandType },
      'a command that no guest of this host sends',
    );
    if (!wantsAnswer) return;
    this.#replyView.setUint32(0, NtStatus.notSupported, true);
    this.#complete(channel, packet.idLow, packet.idHigh, STATUS_REPLY_BYTES);
  }

  #answerLater(
    pending: Later<object>,
    channel: Channel,
    idLow: number,
    idHigh: number,
    wantsAnswer: boolean,
    route: Route,
    version: number,
    request: object,
  ): void {
    let isAnswered = false;
    pending.start((outcome) => {
      if (isAnswered || this.#isStopped) return;
      isAnswered = true;
      this.#answer(channel, idLow, idHigh, wantsAnswer, route, version, request, outcome);
    });
  }

  #answer(
    channel: Channel,
    idLow: number,
    idHigh: number,
    wantsAnswer: boolean,
    route: Route,
    version: number,
    request: object,
    outcome: Outcome<object>,
  ): void {
    if (typeof outcome === 'number' && isFailure(outcome)) this.#noteFailure(route.def, outcome);
    if (!wantsAnswer || !channel.isOpen) return;
    let length: number;
    if (typeof outcome === 'number') {
      if (route.repliesStatusOnly) {
        this.#replyView.setUint32(0, outcome, true);
        length = STATUS_REPLY_BYTES;
      } else if (this.#fits(route, version, request)) {
        length = encodeFailureReply(route.def, version, outcome, request, this.#replyView, 0);
      } else length = 0;
    } else length = encodeReply(route.def, version, outcome as never, this.#replyView, 0, request);
    this.#complete(channel, idLow, idHigh, length);
  }

  #noteFailure(def: AnyCommand, status: number): void {
    this.statistics.failures += 1;
    this.#partition.log.debug({ command: def.name, status }, 'a command failed');
  }

  /** Sends what lies in the reply buffer, padded with zeros to a multiple of 8. */
  #complete(channel: Channel, idLow: number, idHigh: number, length: number): void {
    const padded = (length + 7) & ~7;
    if (padded !== length) this.#replyBytes.fill(0, length, padded);
    this.send(channel, PacketKind.completion, idLow, idHigh, this.#replyBytes, padded);
  }

  /** Sends a packet. A guest that takes nothing loses its link when too much waits for it. */
  send(
    channel: Channel,
    kind: PacketKind,
    idLow: number,
    idHigh: number,
    bytes: Uint8Array,
    length: number,
  ): void {
    if (!channel.isOpen || this.#isStopped) return;
    try {
      if (channel.send(kind, idLow, idHigh, 0, bytes, 0, length)) return;
    } catch (error) {
      // Nothing can be sent any more: the channel's own queue is full, or it has just closed.
      if (isTransportError(error) && error.code === 'limit') this.#partition.fail(error);
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
  #failInternally(channel: Channel, packet: Packet, error: unknown): void {
    const route = findRoute(this.#header);
    const isMemory = error instanceof RangeError;
    this.#partition.log.error(
      {
        command: route?.def.name,
        reason: describeError(error),
        stack: error instanceof Error ? error.stack : undefined,
      },
      'a command failed inside the host',
    );
    if (route === undefined || (packet.flags & PACKET_FLAG_COMPLETION_REQUESTED) === 0) return;
    const status = isMemory ? NtStatus.noMemory : NtStatus.invalidParameter;
    try {
      const request = route.def.request!.decode(
        packet.view,
        this.#header.bodyOffset,
        this.#header.bodyLength,
      ) as object;
      this.#answer(channel, packet.idLow, packet.idHigh, true, route, this.#call.version, request, status);
    } catch (second) {
      this.#partition.fail(
        new ProtocolError('bad-value', `a command could not be answered: ${describeError(second)}`),
      );
    }
  }
}
