import assert from 'node:assert/strict';
import { defOf, HEADER_BYTES, readReply, readRequest, writeReply, writeRequest } from './against-codec.ts';
import { agree, asOnTheWire, tally } from './agreement.ts';
import { decodeReply, decodeRequest, NotAMessage, type PlainStruct } from './decoder.ts';
import { type Counts, encodeReply, encodeRequest, type Fill, offsetOf } from './encoder.ts';
import type { FactsCommand } from './facts.ts';
import { countsOf, hasReply, spoken, viewOf } from './vectors.ts';

/** Random messages from the facts, and broken ones, given to the plain decoder and to the compiled codec. */

const VERSIONS = [40, 40, 40, 27, 0];

/** A small seeded generator of 32-bit numbers (xorshift). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) | 1;
  }

  next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return state >>> 0;
  }

  below(limit: number): number {
    return this.next() % limit;
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

/** Fields are now and then all zeros or all ones. */
function fillFrom(random: Random): Fill {
  const style = random.below(8);
  if (style === 0) return () => 0;
  if (style === 1) return (bits) => (bits === 0 ? 1 : 2 ** bits - 1);
  const textEnds = random.below(3) === 0;
  let text = true;
  return (bits) => {
    if (bits === 0) {
      if (textEnds && random.below(20) === 0) text = false;
      return text ? 1 : 0;
    }
    return random.next() >>> (32 - bits);
  };
}

interface Exchange {
  readonly command: FactsCommand;
  readonly kind: 'request' | 'reply';
  readonly counts: Counts;
  readonly version: number;
  readonly bytes: Uint8Array;
  /** The request that a reply answers, as each decoder reads it. */
  readonly asked: { readonly plain: PlainStruct; readonly value: Record<string, unknown> } | null;
}

function exchange(random: Random): Exchange {
  const command = random.of(spoken);
  const version = random.of(VERSIONS);
  const counts: Record<string, number> = { ...countsOf(command, () => random.below(7)) };
  if ('write_results' in counts) counts['write_results'] = random.below(2);
  if ('$fenceCount' in counts && random.below(3) === 0) {
    counts['$fenceCount'] = 0;
  }
  const fill = fillFrom(random);
  const request = encodeRequest(command, counts, fill, version);
  const kind = hasReply(command) && random.below(2) === 1 ? 'reply' : 'request';
  if (kind === 'request') return { command, kind, counts, version, bytes: request, asked: null };
  const view = viewOf(request);
  const plain = decodeRequest(command, view, 0, request.length, version);
  const value = readRequest(defOf(command), view);
  assert.ok(value, `${command.name}: the codec refused a request`);
  const bytes = encodeReply(command, counts, fill, version);
  return { command, kind, counts, version, bytes, asked: { plain, value } };
}

function plainly({ asked, command, version }: Exchange, view: DataView): PlainStruct | null {
  try {
    if (asked === null) return decodeRequest(command, view, 0, view.byteLength, version);
    return decodeReply(command, asked.plain, view, 0, view.byteLength, version);
  } catch (error) {
    if (error instanceof NotAMessage) return null;
    throw error;
  }
}

/** Both read the same in the bytes, and give the same verdict. Returns the verdict. */
function compare(one: Exchange, bytes: Uint8Array, where: string): boolean {
  const { asked, command, version } = one;
  const def = defOf(command);
  const view = viewOf(bytes);
  const plain = plainly(one, view);
  const value = asked === null ? readRequest(def, view) : readReply(def, view, asked.value, version);
  if ((value === null) !== (plain === null)) {
    const hex = Buffer.from(bytes).toString('hex');
    assert.fail(`${where}: the codec says ${value !== null}, the facts say ${plain !== null}: ${hex}`);
  }
  if (value === null || plain === null) return false;
  agree(asOnTheWire(def.name, value), plain, where);
  if (bytes !== one.bytes) return true;
  const start = asked === null || def.replyHasHeader ? HEADER_BYTES : 0;
  const again =
    asked === null ? writeRequest(def, value) : writeReply(def, value, asked.value, version).subarray(start);
  if (Buffer.compare(again, bytes.subarray(start)) !== 0) {
    assert.equal(
      Buffer.from(again).toString('hex'),
      Buffer.from(bytes.subarray(start)).toString('hex'),
      where,
    );
  }
  return true;
}

/** Breaks a message: cuts it, or raises or scrambles a count, or both. */
function broken(random: Random, { command, kind, counts, bytes, version }: Exchange): Uint8Array {
  let copy = bytes.slice();
  const style = random.below(4);
  const name = kind === 'request' ? command.request! : (command.response ?? '');
  const places = Object.keys(counts)
    .map((path) => (version < 40 && kind === 'reply' ? null : offsetOf(name, path)))
    .filter((at): at is number => at !== null && at + 4 <= copy.length);
  if (places.length > 0 && style !== 0) {
    const at = random.of(places);
    const now = viewOf(copy).getUint32(at, true);
    const wrong = [
      now + 1 + random.below(20),
      random.below(64),
      random.next(),
      0xffffffff,
      0x40000000,
      0x80000000,
    ];
    viewOf(copy).setUint32(at, random.of(wrong) >>> 0, true);
  }
  if (copy.length > 0 && (style === 0 || style === 3 || places.length === 0)) {
    copy = copy.subarray(0, random.below(copy.length));
  }
  return copy;
}

export interface Totals {
  readonly valid: number;
  readonly malformed: number;
  readonly refused: number;
  readonly values: number;
}

/** `count` valid messages and as many malformed ones. One seed gives the same messages each time. */
export function compareRandom(seed: number, count: number): Totals {
  const random = new Random(seed);
  const before = tally.compared;
  let refused = 0;
  // A trace of the stack for each refusal would cost more than the refusal.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    for (let index = 0; index < count; index++) {
      const one = exchange(random);
      const { command, kind, version } = one;
      const where = `seed ${seed}, message ${index}, ${command.name} ${kind}, version ${version}`;
      if (!compare(one, one.bytes, where)) assert.fail(`${where}: a valid message was refused`);
      if (!compare(one, broken(random, one), where)) refused += 1;
    }
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  return { valid: count, malformed: count, refused, values: tally.compared - before };
}
