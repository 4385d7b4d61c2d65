import { type Channel, GLOBAL_CHANNEL_INDEX, type HostBus, PacketKind } from '@dxgwire/transport';
import type { GuestJudge } from './judge.ts';
import type { GuestView } from './view.ts';

/** Answers after which nothing odd is done any more: a guest that ends its link roughly is not to blame then. */
const LAST_ANSWER = 400;
/** Answers after which a strange channel is taken away. */
const RESCINDED_AFTER = 12;
/** No class of VMBus: made up. */
const STRANGE_CLASS = Uint8Array.from({ length: 16 }, (_, index) => 0x5a ^ (index * 29));
/** Something is sent after every so many answers, and between two of these one answer is kept back: the third. */
const PERIOD = 5;
const KEPT_BACK = 3;
/** Bytes behind an answer. */
const LONGER_BYTES = 64;
const MOST_ANSWER_BYTES = 131_056;
const HOST_TYPE = 2;
const UNKNOWN_EVENT = 0x7fff_ffff_0000_0badn;

function hostMessage(code: number, word: bigint, lengthBytes = 48): Uint8Array {
  const bytes = new Uint8Array(48);
  const view = new DataView(bytes.buffer);
  view.setUint8(12, HOST_TYPE);
  view.setUint32(16, code, true);
  view.setBigUint64(24, word, true);
  return bytes.slice(0, lengthBytes);
}

/** Messages that a guest has to drop: no such command, cut short, news of a device that nobody has, of what it has no use for. */
const STRANGE: readonly Uint8Array[] = [
  hostMessage(77, 1n),
  hostMessage(0, 5n, 40),
  hostMessage(2, 0xbad_c00c_1ebn),
  hostMessage(4, 0n),
];
const STRAY: readonly Uint8Array[] = [hostMessage(0, UNKNOWN_EVENT), hostMessage(0, 0n)];

/** An id that no guest has come to. */
const NOBODYS_ID = { low: 0xbad, high: 0x7fff_0000 } as const;

/** An answer that is kept back until another has gone out, or a turn of the event loop is over. */
interface Held {
  readonly channel: number;
  readonly timer: ReturnType<typeof setTimeout>;
  send(): void;
}

/** Makes a host that works do, now and then, what a guest has to bear. */
export class Provocation {
  readonly #judge: GuestJudge;
  readonly #view: GuestView;
  #global: Channel | null = null;
  /** The channel of a virtual GPU. */
  #own: Channel | null = null;
  #held: Held | null = null;
  #answers = 0;
  #strange: { readonly bus: HostBus; readonly index: number } | null = null;

  constructor(judge: GuestJudge, view: GuestView) {
    this.#judge = judge;
    this.#view = view;
  }

  open(channel: Channel): void {
    if (channel.index === GLOBAL_CHANNEL_INDEX) this.#global = channel;
    else this.#own = channel;
  }

  closed(channel: Channel): void {
    if (this.#held?.channel === channel.index) this.#release();
    if (this.#global === channel) this.#global = null;
    if (this.#own === channel) this.#own = null;
  }

  /** Keeps an answer back, now and then: what is answered in the same turn goes first. @returns whether it does. */
  hold(channel: number, send: () => void): boolean {
    if (this.#isOver || this.#answers % PERIOD !== KEPT_BACK || this.#held !== null) return false;
    const timer = setTimeout(() => this.#release(), 0);
    this.#held = { channel, timer, send };
    return true;
  }

  /** Another answer of a channel is out: what was kept back follows. */
  follow(channel: number): void {
    if (this.#held?.channel !== channel) return;
    this.#judge.take({ kind: 'oddity', what: 'a late answer' });
    this.#release();
  }

  #release(): void {
    const held = this.#held;
    this.#held = null;
    if (held === null) return;
    clearTimeout(held.timer);
    held.send();
  }

  /** Offers a channel of a class that nobody knows. */
  offer(bus: HostBus): void {
    const { index } = bus.offer({ classGuid: STRANGE_CLASS, instanceGuid: STRANGE_CLASS, mmioMegabytes: 0 });
    this.#judge.take({ kind: 'oddity', what: 'a strange offer', channel: index });
    this.#strange = { bus, index };
  }

  /** Takes that channel away again: once, in the midst of the guest's work. */
  #rescind(): void {
    const strange = this.#strange;
    this.#strange = null;
    if (strange === null || this.#view.opened === 0) return;
    this.#judge.take({ kind: 'oddity', what: 'a strange offer' });
    strange.bus.rescind(strange.index);
  }

  get #isOver(): boolean {
    return this.#answers > LAST_ANSWER;
  }

  /** The bytes to answer with: longer in every third answer that is a whole one. */
  answer(channel: number, id: bigint, bytes: Uint8Array): Uint8Array {
    this.#answers += 1;
    const demanded = this.#view.demanded(channel, id);
    const isWhole = demanded !== undefined && demanded > 0 && bytes.length >= demanded;
    if (this.#isOver || this.#answers % 3 !== 0 || !isWhole) return bytes;
    if (bytes.length + LONGER_BYTES > MOST_ANSWER_BYTES) return bytes;
    const longer = new Uint8Array(bytes.length + LONGER_BYTES).fill(0xa5, bytes.length);
    longer.set(bytes);
    this.#judge.take({ kind: 'oddity', what: 'a long answer' });
    return longer;
  }

  /** After an answer: something that nobody waits for, every fifth time. */
  afterAnswer(): void {
    if (this.#answers === RESCINDED_AFTER) this.#rescind();
    if (this.#isOver || this.#answers % PERIOD !== 0) return;
    const turn = this.#answers / PERIOD;
    const round = Math.floor(turn / 4);
    if (turn % 4 === 0) this.#send(STRAY[round % STRAY.length], 'a stray event');
    else if (turn % 4 === 1) this.#send(STRANGE[round % STRANGE.length], 'a strange message');
    else if (turn % 4 === 2) this.#sendAnswer();
    else this.#send(hostMessage(0, UNKNOWN_EVENT), 'a message elsewhere', this.#own);
  }

  /** An answer to nobody. */
  #sendAnswer(): void {
    if (this.#global === null) return;
    this.#judge.take({ kind: 'oddity', what: 'a stray answer' });
    const { low, high } = NOBODYS_ID;
    this.#global.send(PacketKind.completion, low, high, 0, new Uint8Array(8), 0, 8);
  }

  /** After an event: the same again, where it is of a wait, which has one. */
  afterEvent(bytes: Uint8Array): void {
    if (this.#isOver || bytes.length < 48) return;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (view.getUint32(16, true) !== 0 || !this.#view.isOfWait(view.getBigUint64(24, true))) return;
    this.#send(bytes, 'a stray event');
  }

  #send(
    bytes: Uint8Array | undefined,
    what: 'a stray event' | 'a strange message' | 'a message elsewhere',
    channel = this.#global,
  ): void {
    if (channel === null || bytes === undefined) return;
    this.#judge.take({ kind: 'oddity', what });
    channel.send(PacketKind.inBand, 0, 0, 0, bytes, 0, bytes.length);
  }
}
