import { Buffer } from 'node:buffer';
import { Duplex, type Writable } from 'node:stream';
import type { HostLinks } from '../link/host-links.ts';
import { isBeginningOfMark, lineMark, MARK_BYTES, MarkFinder } from './line-mark.ts';
import { StreamMedium, streamError } from './stream-medium.ts';

/**
 * One guest's part of what is written to a line, until its link has ended. The line stays open, so that nothing is
 * lost of what the next guest says meanwhile.
 */
class GuestStream extends Duplex {
  readonly #line: Writable;

  constructor(line: Writable) {
    super({ allowHalfOpen: true });
    this.#line = line;
    // Nothing but the end comes this way.
    this.resume();
  }

  override _read(): void {}

  override _write(chunk: Uint8Array, _encoding: string, callback: (error?: Error | null) => void): void {
    this.#line.write(chunk, callback);
  }

  override _final(callback: () => void): void {
    this.push(null);
    callback();
  }
}

/** One guest's link over a line, from its first byte to its last frame. */
class GuestMedium extends StreamMedium {
  readonly #stream: GuestStream;
  /** What came in one piece with the last frame, and is the next guest's. */
  #rest: Uint8Array | null = null;

  constructor(stream: GuestStream) {
    super(stream, streamError, 'itself');
    this.#stream = stream;
  }

  /** Whether nothing more is said to this guest: what still comes is for the next one. */
  get isOver(): boolean {
    return this.#stream.writableEnded || this.#stream.destroyed;
  }

  leftOver(bytes: Uint8Array): void {
    this.#rest = bytes;
  }

  /** Gives the guest's link what has come. @returns what is not for it, or null. */
  take(bytes: Uint8Array): Uint8Array | null {
    this.received(bytes);
    const rest = this.#rest;
    this.#rest = null;
    return rest;
  }

  /** The line is there no more, or another guest is. */
  hungUp(): void {
    this.ended();
  }
}

/** The guests at the other end of a line that says nothing of who is there, one after the other. */
export class LineGuests {
  readonly #links: HostLinks;
  readonly #peer: string;
  readonly #writable: Writable;
  readonly #onGuest: (isThere: boolean) => void;
  readonly #onTrusted: () => void;
  readonly #mark = new MarkFinder();
  #guest: GuestMedium | null = null;
  /** What may be the beginning of a mark, and else is that of a guest. */
  #held: Uint8Array | null = null;

  /**
   * @param onGuest - Called when somebody has begun to speak, and when that one's link has ended.
   * @param onTrusted - Called when somebody has shown that guests may come here.
   */
  constructor(
    links: HostLinks,
    peer: string,
    writable: Writable,
    onGuest: (isThere: boolean) => void,
    onTrusted: () => void = () => {},
  ) {
    this.#links = links;
    this.#peer = peer;
    this.#writable = writable;
    this.#onGuest = onGuest;
    this.#onTrusted = onTrusted;
  }

  get #isFree(): boolean {
    return this.#guest === null || this.#guest.isOver;
  }

  /** Takes what has come over the line. It is not kept. */
  received(bytes: Uint8Array): void {
    let rest = this.#held === null ? bytes : Buffer.concat([this.#held, bytes]);
    this.#held = null;
    if (this.#isFree && isBeginningOfMark(rest)) {
      this.#held = Uint8Array.from(rest);
      return;
    }
    for (let end = this.#mark.find(rest); end >= 0; end = this.#mark.find(rest)) {
      // A guest begins here. What is before is of nobody, or of one who is gone.
      const before = end - MARK_BYTES;
      if (this.#guest?.isOver === false) {
        if (before > 0) this.#guest.take(rest.subarray(0, before));
        this.#guest.hungUp();
      }
      this.#guest = null;
      rest = rest.subarray(end);
      // It in turn may find this side in the middle of what was said to another.
      this.#writable.write(lineMark());
    }
    // A guest's farewell and the hello of the one after it may come in one piece.
    for (let more: Uint8Array | null = rest.length > 0 ? rest : null; more !== null; ) {
      const guest: GuestMedium = this.#guest === null || this.#guest.isOver ? this.#welcome() : this.#guest;
      more = guest.take(more);
    }
  }

  /** A first byte has come: from now on a hello may take its time. */
  #welcome(): GuestMedium {
    const stream = new GuestStream(this.#writable);
    const guest = new GuestMedium(stream);
    this.#guest = guest;
    this.#onGuest(true);
    stream.once('close', () => {
      if (this.#guest === guest || this.#guest === null) this.#onGuest(false);
    });
    this.#links.connected(guest, this.#peer, async (token) => {
      const isAllowed = await this.#links.authenticate([token]);
      if (isAllowed) this.#onTrusted();
      return isAllowed;
    });
    return guest;
  }

  /** The line is there no more. */
  hungUp(): void {
    this.#guest?.hungUp();
    this.#guest = null;
  }
}
