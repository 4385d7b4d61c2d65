import {
  type CommandDef,
  decodeReply,
  Errno,
  EXTENDED_HEADER_VERSION,
  encodeRequest,
  isProtocolError,
  Limits,
  minimumReplyBytes,
  ntStatusToErrno,
  requestAnnouncesMemory,
} from '@dxgwire/protocol';
import type { Packet } from '@dxgwire/transport';
import type { ChannelStatistics, CompletionSink, MessageChannel } from './message-channel.ts';
import type { KmtLoss, KmtResult, Luid } from './types/common.ts';

/** Where a vGPU command goes: the adapter's channel and LUID. */
export interface Port {
  /** The adapter's own channel; null before it is opened and after it is gone. */
  readonly link: MessageChannel | null;
  /** LUID in the extended header. */
  readonly vgpuLuid: Luid;
  readonly loss: KmtLoss | null;
}

/** A guest command whose layouts are known. */
export type GuestCommand<Request, Reply> = CommandDef<unknown, Reply, Request, never>;

/** How a request ended on the wire: `reply` is null unless `ret` is 0. */
export interface Answer<T> extends KmtResult {
  readonly reply: T | null;
}

/** Reads what can be used of a reply that breaks its format. */
export type Salvage = (view: DataView, offset: number, length: number) => void;

const GLOBAL_LUID: Luid = { low: 0, high: 0 };
const STATUS_BYTES = 4;

function roundUp8(bytes: number): number {
  return (bytes + 7) & ~7;
}

/**
 * The driver's way onto the channels: builds messages, chooses the channel, applies the reply-length rule. One scratch
 * buffer serves all messages; sends copy it.
 */
export class Wire {
  /** Interface version in use; decides about the extended header and some replies. */
  version = 0;
  /** One switch for the whole driver, set by each GetInternalAdapterInfo. */
  asyncMessages = false;
  global: MessageChannel | null = null;
  /** Why the global channel is gone, once it is. */
  loss: KmtLoss | null = null;
  readonly statistics: ChannelStatistics = {
    messagesSent: 0,
    bytesSent: 0,
    completionsAwaited: 0,
    completionsReceived: 0,
    unknownCompletions: 0,
  };
  private readonly bytes = new Uint8Array(Limits.maxMessageBytes);
  private readonly view = new DataView(this.bytes.buffer);
  private readonly header = { version: 0, process: 0, vgpuLuid: GLOBAL_LUID, async: false };
  /** A reply whose zero padding the medium left out. */
  private readonly padded = new Uint8Array(Limits.maxMessageBytes);
  private readonly paddedView = new DataView(this.padded.buffer);

  /**
   * Sends a command and resolves with what `read` takes from its reply. The packet has been sent when this returns.
   * @param port the adapter, or null for global commands
   * @param read runs while the completion is being handled: byte arrays of the reply must be copied in it
   */
  call<Request extends object, Reply, T>(
    port: Port | null,
    command: GuestCommand<Request, Reply>,
    process: number,
    body: Request,
    read: (reply: Reply) => T,
    salvage: Salvage | null = null,
  ): Promise<Answer<T>> {
    return new Promise((resolve) => {
      this.ask(port, command, process, body, read, salvage, resolve);
    });
  }

  /** As {@link call}, with a callback: it comes within this call when nothing could be sent. */
  ask<Request extends object, Reply, T>(
    port: Port | null,
    command: GuestCommand<Request, Reply>,
    process: number,
    body: Request,
    read: (reply: Reply) => T,
    salvage: Salvage | null,
    done: (answer: Answer<T>) => void,
  ): void {
    const expected = minimumReplyBytes(command, this.version, body);
    const sink = new ReplySink(this, command, body, expected, read, salvage, done);
    const ret = this.request(port, command, process, body, expected, sink);
    if (ret !== 0) done(this.refusal(ret, port));
  }

  /** Sends a command whose reply is an NTSTATUS and resolves with what the driver makes of it. */
  status<Request extends object>(
    port: Port | null,
    command: GuestCommand<Request, unknown>,
    process: number,
    body: Request,
  ): Promise<KmtResult> {
    return new Promise((resolve) => {
      const ret = this.request(port, command, process, body, STATUS_BYTES, new StatusSink(resolve));
      if (ret !== 0) resolve(this.refusal(ret, port));
    });
  }

  /**
   * Sends a command that is one-way while asynchronous messages are on. While they are off the host answers with an
   * NTSTATUS, which goes to `sink`.
   * @returns 0 or minus an errno
   */
  post<Request extends object>(
    port: Port,
    command: GuestCommand<Request, unknown>,
    process: number,
    body: Request,
    sink: CompletionSink,
  ): number {
    if (!this.asyncMessages) return this.request(port, command, process, body, STATUS_BYTES, sink);
    const channel = this.global;
    if (channel === null) return -Errno.ENODEV;
    const length = this.encode(port, command, process, body, true);
    return length < 0 ? length : channel.post(this.bytes, length);
  }

  /**
   * Sends bytes that the caller built, for the one message whose tail is not its own: SetExistingSysMemPages.
   * `fill` may write behind the encoded message, up to the length it returns.
   */
  statusOfBuilt<Request extends object>(
    port: Port,
    command: GuestCommand<Request, unknown>,
    process: number,
    body: Request,
    fill: (bytes: Uint8Array, bodyOffset: number, length: number) => void,
  ): Promise<KmtResult> {
    return new Promise((resolve) => {
      const length = this.encode(port, command, process, body, false);
      if (length < 0) {
        resolve(this.refusal(length, port));
        return;
      }
      fill(this.bytes, this.bodyOffset, length);
      const ret = this.sendRequest(port, length, new StatusSink(resolve));
      if (ret !== 0) resolve(this.refusal(ret, port));
    });
  }

  /** Offset of a message's body from its first byte. */
  get bodyOffset(): number {
    const extended = this.version >= EXTENDED_HEADER_VERSION ? Limits.extendedHeaderBytes : 0;
    return extended + Limits.commandHeaderBytes;
  }

  /**
   * The completion's payload if it satisfies the driver: at least `expected` bytes when both are rounded up to 8, as
   * a ring reports lengths. Calls `read` with a view that has them all, zero-padded where the medium cut the padding.
   */
  readReply(packet: Packet, expected: number, read: (view: DataView, offset: number) => void): boolean {
    if (roundUp8(packet.length) < expected) return false;
    if (packet.length >= expected) {
      read(packet.view, packet.offset);
      return true;
    }
    this.padded.set(packet.bytes.subarray(packet.offset, packet.offset + packet.length));
    this.padded.fill(0, packet.length, expected);
    read(this.paddedView, 0);
    return true;
  }

  private refusal(ret: number, port: Port | null): Answer<never> {
    const lost = port?.loss ?? this.loss;
    return ret === -Errno.ENODEV && lost !== null ? { ret, reply: null, lost } : { ret, reply: null };
  }

  private request<Request extends object>(
    port: Port | null,
    command: GuestCommand<Request, unknown>,
    process: number,
    body: Request,
    expected: number,
    sink: CompletionSink,
  ): number {
    if (expected > Limits.maxMessageBytes) return -Errno.EINVAL;
    const length = this.encode(port, command, process, body, false);
    return length < 0 ? length : this.sendRequest(port, length, sink, requestAnnouncesMemory(command));
  }

  private sendRequest(port: Port | null, length: number, sink: CompletionSink, announces = true): number {
    const channel = port === null || this.asyncMessages ? this.global : port.link;
    return channel === null ? -Errno.ENODEV : channel.request(this.bytes, length, sink, announces);
  }

  /** @returns the message's length, or minus an errno. */
  private encode<Request extends object>(
    port: Port | null,
    command: GuestCommand<Request, unknown>,
    process: number,
    body: Request,
    async: boolean,
  ): number {
    const { header } = this;
    header.version = this.version;
    header.process = process;
    header.vgpuLuid = port === null ? GLOBAL_LUID : port.vgpuLuid;
    header.async = async;
    try {
      return encodeRequest(command, header, body, this.view, 0);
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      // A message above the limit is the driver's EINVAL; a value that has no form on the wire is what a bad
      // pointer is to the driver.
      return error.code === 'too-large' ? -Errno.EINVAL : -Errno.EFAULT;
    }
  }
}

class ReplySink<Request extends object, Reply, T> implements CompletionSink {
  private readonly wire: Wire;
  private readonly command: GuestCommand<Request, Reply>;
  private readonly body: Request;
  private readonly expected: number;
  private readonly read: (reply: Reply) => T;
  private readonly salvage: Salvage | null;
  private readonly resolve: (answer: Answer<T>) => void;

  constructor(
    wire: Wire,
    command: GuestCommand<Request, Reply>,
    body: Request,
    expected: number,
    read: (reply: Reply) => T,
    salvage: Salvage | null,
    resolve: (answer: Answer<T>) => void,
  ) {
    this.wire = wire;
    this.command = command;
    this.body = body;
    this.expected = expected;
    this.read = read;
    this.salvage = salvage;
    this.resolve = resolve;
  }

  complete(packet: Packet): void {
    let answer: Answer<T> = { ret: -Errno.EOVERFLOW, reply: null };
    this.wire.readReply(packet, this.expected, (view, offset) => {
      answer = this.decode(view, offset);
    });
    this.resolve(answer);
  }

  lose(lost: KmtLoss): void {
    this.resolve({ ret: -Errno.ENODEV, reply: null, lost });
  }

  private decode(view: DataView, offset: number): Answer<T> {
    const { command, expected } = this;
    try {
      const reply = decodeReply(command, this.wire.version, view, offset, expected, this.body);
      return { ret: 0, reply: this.read(reply) };
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      this.salvage?.(view, offset, expected);
      return { ret: -Errno.EINVAL, reply: null };
    }
  }
}

class StatusSink implements CompletionSink {
  private readonly resolve: (result: KmtResult) => void;

  constructor(resolve: (result: KmtResult) => void) {
    this.resolve = resolve;
  }

  complete(packet: Packet): void {
    this.resolve({ ret: statusOf(packet) });
  }

  lose(lost: KmtLoss): void {
    this.resolve({ ret: -Errno.ENODEV, lost });
  }
}

/** What the driver makes of a completion that should be an NTSTATUS: lengths count rounded up to 8. */
export function statusOf(packet: Packet): number {
  const { length, offset, view } = packet;
  if (length === 0) return -Errno.EOVERFLOW;
  if (length >= STATUS_BYTES) return ntStatusToErrno(view.getUint32(offset, true));
  let status = 0;
  for (let index = 0; index < length; index += 1) status |= view.getUint8(offset + index) << (8 * index);
  return ntStatusToErrno(status >>> 0);
}
