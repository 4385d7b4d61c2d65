import { type Channel, GLOBAL_CHANNEL_INDEX, type HostBus, PacketKind } from '@dxgwire/transport';
import type { GuestJudge } from './judge.ts';
import type { GuestView } from './view.ts';

/** Answers after which nothing odd is done any more: a guest that ends its link roughly is not to blame then. */
const LAST_ANSWER = 400;
/** Answers after which a strange channel is taken away. */
const RESCINDED_AFTER = 12;
/** No class of VMBus: made up. */
const STRANGE_CLASS = Uint8Array.from({ length: 16 }, (_, index) => 0x5a ^ (index * 29));
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

/** Messages that a guest has to drop: no such command, cut short, news of a device that nobody has. */
const STRANGE: readonly Uint8Array[] = [
  hostMessage(77, 1n),
  hostMessage(0, 5n, 40),
  hostMessage(2, 0xbad_c00c_1ebn),
];
const STRAY: readonly Uint8Array[] = [hostMessage(0, UNKNOWN_EVENT), hostMessage(0, 0n)];

/** Makes a host that works do, now and then, what a guest has to bear. */
export class Provocation {
  readonly #judge: GuestJudge;
  readonly #view: GuestView;
  #global: Channel | null = null;
  #answers = 0;
  #strange: { readonly bus: HostBus; readonly index: number } | null = null;

  constructor(judge: GuestJudge, view: GuestView) {
    this.#judge = judge;
    this.#view = view;
  }

  open(channel: Channel): void {
    if (channel.index === GLOBAL_CHANNEL_INDEX) this.#global = channel;
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

  /** After an answer: a message that nobody waits for, every fifth time. */
  afterAnswer(): void {
    if (this.#answers === RESCINDED_AFTER) this.#rescind();
    if (this.#isOver || this.#answers % 5 !== 0) return;
    const turn = this.#answers / 5;
    const isStray = turn % 2 === 0;
    const list = isStray ? STRAY : STRANGE;
    this.#send(list[Math.floor(turn / 2) % list.length], isStray ? 'a stray event' : 'a strange message');
  }

  /** After an event: the same again, where it is of a wait, which has one. */
  afterEvent(bytes: Uint8Array): void {
    if (this.#isOver || bytes.length < 48) return;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (view.getUint32(16, true) !== 0 || !this.#view.isOfWait(view.getBigUint64(24, true))) return;
    this.#send(bytes, 'a stray event');
  }

  #send(bytes: Uint8Array | undefined, what: 'a stray event' | 'a strange message'): void {
    if (this.#global === null || bytes === undefined) return;
    this.#judge.take({ kind: 'oddity', what });
    this.#global.send(PacketKind.inBand, 0, 0, 0, bytes, 0, bytes.length);
  }
}
