import { bytesOfSeed } from '../compliance/data.ts';
import { isTransportError, TransportError } from '../errors.ts';
import {
  type Channel,
  type GuestBus,
  type GuestMemoryBlock,
  PACKET_FLAG_COMPLETION_REQUESTED,
  type Packet,
  PacketKind,
} from '../transport.ts';
import {
  ConversationData,
  type ConversationOptions,
  SLOT_BYTES,
  WINDOW_DATA_OFFSET,
  WINDOW_FENCE_OFFSET,
} from './conversation-data.ts';

/** How a conversation ended on the guest's side. */
export type Outcome =
  /** Every request was answered, rightly and in order, and the bus closed. */
  | { readonly kind: 'done' }
  /** The bus ended with this error, once. */
  | { readonly kind: 'failed'; readonly error: Error };

/** The guest's part of a conversation: requests, answers, memory, window, GPADLs, an orderly end. */
export class GuestPart {
  readonly closes: (Error | null)[] = [];
  /** Answers taken, all in order. */
  received = 0;
  sent = 0;
  /** Promises that have not settled. */
  pending = 0;
  /** What came that must not come. It also ended the bus. */
  breach: string | null = null;
  /** A failure that is no typed error. */
  defect: string | null = null;
  readonly #data: ConversationData;
  #guest: GuestBus | null = null;
  readonly #closed: Promise<void>;
  #resolveClosed: () => void = () => {};
  #wake: (() => void) | null = null;
  #isBlocked = false;

  constructor(options: ConversationOptions) {
    this.#data = new ConversationData(options);
    this.#closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  /** Holds the whole conversation over a bus. Never rejects. */
  async run(guest: GuestBus): Promise<Outcome> {
    this.#guest = guest;
    guest.onClose = (error) => {
      this.closes.push(error);
      this.#resolveClosed();
      this.#wake?.();
    };
    try {
      await this.#talk(guest);
      // With an error, or in order because the host has closed.
      await this.#closed;
      const [error] = this.closes;
      if (this.received === this.#data.requests) return { kind: 'done' };
      return { kind: 'failed', error: error ?? new TransportError('peer-closed', 'the bus ended early') };
    } catch (error) {
      if (!isTransportError(error)) this.defect ??= `a call failed with ${String((error as Error).stack)}`;
      // Whatever failed, the bus ends with it: this side gives up should it still be open.
      guest.abort(error as Error);
      await this.#closed;
      return { kind: 'failed', error: this.closes[0] ?? (error as Error) };
    }
  }

  /** Gives up from outside, as a program does that has waited long enough. */
  giveUp(error: TransportError): void {
    this.#guest?.abort(error);
  }

  async #track<Value>(promise: Promise<Value>): Promise<Value> {
    this.pending += 1;
    try {
      return await promise;
    } finally {
      this.pending -= 1;
    }
  }

  async #talk(guest: GuestBus): Promise<void> {
    while (guest.offers.length === 0 && this.closes.length === 0) {
      await new Promise<void>((resolve) => {
        guest.onOffer = () => resolve();
        this.#wake = resolve;
      });
    }
    if (this.closes.length > 0) return;
    const channel = await this.#track(guest.open(1));
    channel.onPacket = (packet) => this.#answer(packet);
    channel.onDrain = () => {
      this.#isBlocked = false;
      this.#wake?.();
    };
    // A channel that fails is the end of a conversation, as it is of a driver's.
    channel.onClose = (error) => {
      if (error !== null) guest.abort(error);
    };
    const block = guest.memory.allocate(SLOT_BYTES);
    const gpadl = await this.#track(guest.createGpadl([block]));
    for (let id = 1; id <= this.#data.requests && this.closes.length === 0; id += 1) {
      await this.#send(channel, id, block);
    }
    await this.#until(() => this.received >= this.sent);
    if (this.closes.length > 0) return;
    await this.#track(guest.teardownGpadl(gpadl));
    guest.memory.free(block);
    await this.#track(channel.close());
    await this.#track(guest.close());
  }

  /** Waits until something is so or the bus has ended. */
  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo() && this.closes.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async #send(channel: Channel, id: number, block: GuestMemoryBlock): Promise<void> {
    const isAnnounced = this.#data.hasMemory(id);
    // The block is written again only when the host has seen it: it is the guest's own memory.
    const atMost = isAnnounced ? 0 : this.#data.inFlight - 1;
    await this.#until(() => !this.#isBlocked && this.sent - this.received <= atMost);
    if (this.closes.length > 0) return;
    let payload = this.#data.request(id);
    if (id === 1) {
      payload = new Uint8Array(8);
      const view = new DataView(payload.buffer);
      view.setUint32(0, block.address >>> 0, true);
      view.setUint32(4, Math.floor(block.address / 0x1_0000_0000), true);
    }
    if (isAnnounced) {
      block.bytes.set(this.#data.memory(id));
      block.flush(0, SLOT_BYTES);
    }
    this.sent = id;
    const flags = PACKET_FLAG_COMPLETION_REQUESTED;
    if (!channel.send(PacketKind.inBand, id, 0, flags, payload, 0, payload.length)) this.#isBlocked = true;
  }

  #answer({ kind, idLow, idHigh, bytes, offset, length }: Packet): void {
    const id = idLow;
    const wrong = this.#judge(kind, id, idHigh, bytes.slice(offset, offset + length));
    if (wrong !== null) {
      this.breach ??= wrong;
      this.#guest?.abort(new TransportError('bad-frame', wrong));
      return;
    }
    this.received = id;
    this.#wake?.();
  }

  #judge(kind: number, id: number, idHigh: number, payload: Uint8Array): string | null {
    if (kind !== PacketKind.completion || idHigh !== 0 || id !== this.received + 1 || id > this.sent) {
      return `answer ${id} of kind ${kind} after ${this.received} of ${this.sent}`;
    }
    if (id > 1 && !this.#data.isReply(id, payload)) return `answer ${id} has other bytes than were sent`;
    const window = this.#guest!.window;
    const fence = Number(window.loadU64(WINDOW_FENCE_OFFSET));
    if (fence < id) return `answer ${id} came before its fence: ${fence}`;
    const data = window.view(WINDOW_DATA_OFFSET + (fence % 16) * 64, 64);
    const expected = bytesOfSeed(fence, 64);
    // On a mapped window the host may be ahead: what is there belongs to a later answer, never to an earlier one.
    if (window.kind === 'mirrored' && data.some((byte, i) => byte !== expected[i])) {
      return `fence ${fence} came before the data that it announces`;
    }
    return null;
  }
}
