import { TransportError } from '../errors.ts';
import { PacketKind } from '../transport.ts';
import { FrameKind, LINK_CHANNEL } from './frame.ts';
import { FrameDecoder, type OnFrame } from './frame-decoder.ts';
import { CONFIRM_BY_THE_WAY_BYTES, CONFIRM_BYTES } from './limits.ts';
import { decodeLinkMessage, isGreeting, type LinkMessage } from './messages.ts';

const KNOWN_PACKET_FLAGS = 1;
const TWO_32 = 0x1_0000_0000;

/** Who takes what came over a link, one call for each frame. May throw: that ends the link. */
export interface FrameTarget {
  ping(idLow: number, idHigh: number): void;
  pong(idLow: number, idHigh: number): void;
  /** The other side has received this much of this side's stream, bytes. */
  confirmed(total: number): void;
  /** So much has come that the other side should be told. */
  confirmationIsDue(): void;
  message(message: LinkMessage): void;
  windowData(offset: number, bytes: Uint8Array, at: number, length: number): void;
  memoryRead(address: number, view: DataView, at: number, length: number): void;
  memoryData(address: number, bytes: Uint8Array, at: number, length: number, flags: number): void;
  packet(
    channel: number,
    kind: PacketKind,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    view: DataView,
    offset: number,
    length: number,
  ): void;
}

/** Takes the other side's stream of frames apart, checks what any frame must keep to, and counts. */
export class LinkReceiver {
  readonly #target: FrameTarget;
  #decoder: FrameDecoder;
  #received = 0;
  #confirmed = 0;

  constructor(target: FrameTarget) {
    this.#target = target;
    this.#decoder = new FrameDecoder(this.#onFrame, true);
  }

  /** Bytes of the other side's stream received so far: where it has to go on. Greetings and urgent frames apart. */
  get receivedBytes(): number {
    return this.#received;
  }

  /** Bytes of the input at hand behind the frame that is being handled; 0 between inputs. */
  get restBytes(): number {
    return this.#decoder.restBytes;
  }

  /** Of these, bytes that the other side does not know of. */
  get unconfirmedBytes(): number {
    return this.#received - this.#confirmed;
  }

  /** Whether it is worth telling the other side when something is written anyway. */
  get isWorthConfirming(): boolean {
    return this.unconfirmedBytes >= CONFIRM_BY_THE_WAY_BYTES;
  }

  /** The other side is being told. @returns what. */
  confirm(): number {
    this.#confirmed = this.#received;
    return this.#received;
  }

  /**
   * @returns how many of the bytes, at the end, were ignored behind the frame that stopped this.
   * @throws TransportError, or what the target throws.
   */
  push(bytes: Uint8Array): number {
    return this.#decoder.push(bytes);
  }

  /** Ignores the rest of this connection. */
  stop(): void {
    this.#decoder.stop();
  }

  /** Another connection begins, with whole frames. */
  restart(): void {
    this.#decoder.stop();
    this.#decoder = new FrameDecoder(this.#onFrame, true);
  }

  /** Counts a frame of the stream. Before it is looked at: it is not to come again. */
  #count(): void {
    this.#received += this.#decoder.frameBytes;
    if (this.#received - this.#confirmed >= CONFIRM_BYTES) this.#target.confirmationIsDue();
  }

  readonly #onFrame: OnFrame = (channel, kind, idLow, idHigh, flags, bytes, view, offset, length) => {
    const target = this.#target;
    if (channel !== LINK_CHANNEL) {
      this.#count();
      if (kind !== PacketKind.inBand && kind !== PacketKind.completion) {
        throw new TransportError('bad-frame', `unknown frame kind ${kind} on channel ${channel}`);
      }
      if ((flags & ~KNOWN_PACKET_FLAGS) !== 0) {
        const what = `unknown packet flags 0x${flags.toString(16)} on channel ${channel}`;
        throw new TransportError('bad-frame', what);
      }
      target.packet(channel, kind, idLow, idHigh, flags, bytes, view, offset, length);
      return;
    }
    switch (kind) {
      case FrameKind.ping:
        target.ping(idLow, idHigh);
        break;
      case FrameKind.pong:
        target.pong(idLow, idHigh);
        break;
      case FrameKind.confirm:
        target.confirmed(address(idLow, idHigh));
        break;
      case FrameKind.control:
        this.#receiveMessage(decodeLinkMessage(bytes, offset, length));
        break;
      case FrameKind.windowData:
        this.#count();
        target.windowData(address(idLow, idHigh), bytes, offset, length);
        break;
      case FrameKind.memoryRead:
        this.#count();
        target.memoryRead(address(idLow, idHigh), view, offset, length);
        break;
      case FrameKind.memoryData:
        this.#count();
        target.memoryData(address(idLow, idHigh), bytes, offset, length, flags);
        break;
      default:
        throw new TransportError('bad-frame', `unknown frame kind ${kind} on channel 0`);
    }
  };

  #receiveMessage(message: LinkMessage | null): void {
    // Greetings belong to a connection, not to the stream that may be sent again over another.
    if (message === null || !isGreeting(message.type)) this.#count();
    if (message !== null) this.#target.message(message);
  }
}

/** A 64-bit address from its halves. @throws TransportError `out-of-range` from 2^53 on. */
function address(low: number, high: number): number {
  if (high >= 0x20_0000) {
    throw new TransportError(
      'out-of-range',
      `address 0x${high.toString(16)}_${low.toString(16)} is too high`,
    );
  }
  return high * TWO_32 + low;
}
