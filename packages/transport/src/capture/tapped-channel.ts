import { EndNotice } from '../end-notice.ts';
import { queueMicrotask } from '../timers.ts';
import { type Channel, type Packet, PacketKind } from '../transport.ts';
import type { CaptureRecorder } from './recorder.ts';
import type { Direction } from './records.ts';

/** Wraps a channel so that its packets are recorded. `out` is the way that `send` goes. */
export class TappedChannel implements Channel {
  readonly index: number;
  readonly #inner: Channel;
  readonly #recorder: CaptureRecorder;
  readonly #out: Direction;
  /** While the last packet that is known to have come is handled, until it is answered. */
  #isAwaited = false;
  #onPacket: ((packet: Packet) => void) | null = null;
  readonly #notice = new EndNotice(queueMicrotask);

  constructor(inner: Channel, recorder: CaptureRecorder, out: Direction) {
    this.#inner = inner;
    this.index = inner.index;
    this.#recorder = recorder;
    this.#out = out;
    recorder.note('channelOpen', inner.index);
    inner.onClose = (error) => {
      recorder.note('channelClose', inner.index, error === null ? null : error.message);
      this.#notice.tell(error);
    };
  }

  get isOpen(): boolean {
    return this.#inner.isOpen;
  }

  get onPacket(): ((packet: Packet) => void) | null {
    return this.#onPacket;
  }

  set onPacket(handler: ((packet: Packet) => void) | null) {
    this.#onPacket = handler;
    const into: Direction = this.#out === 'g2h' ? 'h2g' : 'g2h';
    const recorder = this.#recorder;
    const { index } = this;
    const inner = this.#inner;
    inner.onPacket =
      handler === null
        ? null
        : (packet) => {
            const { bytes, flags, idHigh, idLow, kind, length, offset } = packet;
            recorder.packet(into, index, kind, idLow, idHigh, flags, bytes, offset, length);
            this.#isAwaited = inner.hasMore === false;
            handler(packet);
            this.#isAwaited = false;
          };
  }

  get onDrain(): (() => void) | null {
    return this.#inner.onDrain;
  }

  set onDrain(handler: (() => void) | null) {
    this.#inner.onDrain = handler;
  }

  get onClose(): ((error: Error | null) => void) | null {
    return this.#notice.handler;
  }

  set onClose(handler: ((error: Error | null) => void) | null) {
    this.#notice.handler = handler;
  }

  send(
    kind: PacketKind,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    const isBelowMark = this.#inner.send(kind, idLow, idHigh, flags, bytes, offset, length);
    if (this.#isAwaited && kind === PacketKind.completion) {
      // The other side has nothing but this to wait for: it can have it while it is recorded.
      this.#isAwaited = false;
      this.#inner.flush();
    }
    this.#recorder.packet(this.#out, this.index, kind, idLow, idHigh, flags, bytes, offset, length);
    return isBelowMark;
  }

  flush(): void {
    this.#inner.flush();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  abort(error: Error): void {
    this.#inner.abort(error);
  }
}
