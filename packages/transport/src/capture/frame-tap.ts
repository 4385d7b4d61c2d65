import { TransportError } from '../errors.ts';
import { FrameFlag, FrameKind, LINK_CHANNEL } from '../link/frame.ts';
import { FrameDecoder } from '../link/frame-decoder.ts';
import { decodeLinkMessage, type LinkMessage, type WireOffer } from '../link/messages.ts';
import { pageAddress } from '../link/mirrored-memory.ts';
import { MARK_BYTES, MarkFinder } from '../stream/line-mark.ts';
import { PAGE_BYTES } from '../transport.ts';
import { type CaptureRecorder, captureCodec } from './recorder.ts';
import type { Direction } from './records.ts';

const TWO_TO_32 = 4_294_967_296;

/**
 * Records what passes on a link between two other programs from the bytes of its two directions: frames are read, not
 * changed. Greetings are seen but their tokens are not kept.
 */
export class FrameTap {
  readonly #recorder: CaptureRecorder;
  readonly #decoders: Record<Direction, FrameDecoder>;
  readonly #mark = new MarkFinder();
  readonly #link: string;
  #problem: Error | null = null;
  #hasBegun = false;

  constructor(recorder: CaptureRecorder, link: string) {
    this.#recorder = recorder;
    this.#link = link;
    this.#decoders = { g2h: this.#decoder('g2h'), h2g: this.#decoder('h2g') };
  }

  /** What was on the link and is no frame: nothing is recorded from there on. */
  get problem(): Error | null {
    return this.#problem;
  }

  /** Takes the next bytes of one direction; they are not kept. Never throws. */
  push(direction: Direction, bytes: Uint8Array): void {
    if (this.#problem !== null) return;
    try {
      const rest = direction === 'g2h' ? this.#ofLastGuest(bytes) : bytes;
      this.#decoders[direction].push(rest);
    } catch (error) {
      this.#problem = error instanceof Error ? error : new Error(String(error));
      this.#begin('packed');
      this.#recorder.note('busClose', `not recorded further: ${this.#problem.message}`);
    }
  }

  /** Another guest of a line may begin anywhere, also in a frame that one who was killed has left unfinished. */
  #ofLastGuest(bytes: Uint8Array): Uint8Array {
    let rest = bytes;
    for (let end = this.#mark.find(rest); end >= 0; end = this.#mark.find(rest)) {
      const before = end - MARK_BYTES;
      if (before > 0) this.#decoders.g2h.push(rest.subarray(0, before));
      this.#decoders.g2h = this.#decoder('g2h');
      rest = rest.subarray(end);
    }
    return rest;
  }

  /** The header says how packets are packed, which the welcome brings. */
  #begin(codec: string): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#recorder.begin({ link: this.#link, side: 'link', codec: captureCodec(codec) });
  }

  #decoder(direction: Direction): FrameDecoder {
    const recorder = this.#recorder;
    return new FrameDecoder((channel, kind, idLow, idHigh, flags, bytes, _view, offset, length) => {
      // Nothing but greetings passes before the header.
      if (!this.#hasBegun && !(channel === LINK_CHANNEL && kind === FrameKind.control)) return;
      if (channel !== LINK_CHANNEL) {
        recorder.packet(direction, channel, kind, idLow, idHigh, flags, bytes, offset, length);
        return;
      }
      const view = () => bytes.slice(offset, offset + length);
      switch (kind) {
        case FrameKind.memoryData:
          recorder.publish('memoryPublish', direction, exact(idLow, idHigh), length, view);
          if ((flags & FrameFlag.answer) !== 0 && (flags & FrameFlag.last) !== 0)
            recorder.note('memoryAnswered');
          break;
        case FrameKind.windowData:
          recorder.publish('windowPublish', direction, exact(idLow, idHigh), length, view);
          break;
        case FrameKind.memoryRead: {
          const wanted = new DataView(bytes.buffer, bytes.byteOffset + offset, length);
          const bytesWanted = length < 8 ? 0 : exact(wanted.getUint32(0, true), wanted.getUint32(4, true));
          recorder.note('memoryRead', exact(idLow, idHigh), bytesWanted);
          break;
        }
        case FrameKind.control: {
          const message = decodeLinkMessage(bytes, offset, length);
          const isBefore = !this.#hasBegun && message?.type !== 'welcome';
          if (message !== null && !isBefore) this.#note(message, direction);
        }
      }
    });
  }

  #note(message: LinkMessage, direction: Direction): void {
    const recorder = this.#recorder;
    switch (message.type) {
      case 'welcome':
        this.#begin(message.body.codec);
        for (const offer of message.body.offers) this.#noteOffer(offer);
        recorder.note('start');
        break;
      case 'offer':
        if (message.body.offer !== null) this.#noteOffer(message.body.offer);
        break;
      case 'rescind':
        recorder.note('rescind', message.body.channel);
        break;
      case 'channelOpen':
        recorder.note('channelOpen', message.body.channel);
        break;
      case 'channelClose': {
        const { channel, code, reason } = message.body;
        if (direction === 'g2h') recorder.note('channelClose', channel, code === '' ? null : reason);
        break;
      }
      case 'pciWrite':
        recorder.note('pciWrite', message.body.channel, message.body.offset, message.body.value);
        break;
      case 'gpadlCreate':
        recorder.note('gpadlCreate', message.body.gpadl, rangesOf(message.body.ranges));
        break;
      case 'gpadlTeardown':
        recorder.note('gpadlTeardown', message.body.gpadl);
        break;
      case 'memoryBlock': {
        const { pageHigh, pageLow, pages } = message.body;
        recorder.note('memoryBlock', addressOfPage(pageLow, pageHigh), pages * PAGE_BYTES);
        break;
      }
      case 'memoryBlockFree':
        recorder.note('memoryBlockFree', addressOfPage(message.body.pageLow, message.body.pageHigh));
        break;
      case 'close':
        if (direction === 'g2h')
          recorder.note('busClose', message.body.code === '' ? null : message.body.reason);
    }
  }

  #noteOffer({ channel, classGuid, instanceGuid, mmioMegabytes }: WireOffer): void {
    this.#recorder.note('offer', channel, classGuid, instanceGuid, mmioMegabytes);
  }
}

/** Of two halves. @throws TransportError `bad-frame` for what no link takes and no capture can hold. */
function exact(low: number, high: number): number {
  return checked(high * TWO_TO_32 + low);
}

function addressOfPage(low: number, high: number): number {
  return checked(pageAddress(low, high));
}

function checked(value: number): number {
  if (Number.isSafeInteger(value)) return value;
  throw new TransportError('bad-frame', `an address or a length of ${value}, above 2^53`);
}

/** Page runs as they travel, in threes, as addresses and lengths in bytes. */
function rangesOf(threes: readonly number[]): [number, number][] {
  const ranges: [number, number][] = [];
  for (let at = 0; at + 2 < threes.length; at += 3) {
    ranges.push([addressOfPage(threes[at]!, threes[at + 1]!), threes[at + 2]! * PAGE_BYTES]);
  }
  return ranges;
}
