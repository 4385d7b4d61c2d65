import { guestPackets, type TraceLine, type TracePacket } from './lines.ts';

/** What is different about one packet. */
export type TraceDifferenceKind = 'missing' | 'extra' | 'channel' | 'id' | 'length' | 'bytes' | 'cookie';

export interface TraceDifference {
  readonly kind: TraceDifferenceKind;
  /** Place among the guest's packets, from 0. */
  readonly index: number;
  /** Line of the expected trace; null for a packet that it does not have. */
  readonly seq: number | null;
  readonly name: string;
  /** What is where, in words. */
  readonly message: string;
}

/** The part of a packet that a comparison looks at. */
export interface ComparedPacket {
  readonly channel: number;
  readonly id: number;
  readonly name?: string;
  readonly bytes: Uint8Array;
}

/** The pairing of the values of one kind of cookie: one of ours for one of theirs, both ways. */
class CookiePairs {
  private readonly actualByExpected = new Map<string, string>();
  private readonly expectedByActual = new Map<string, string>();

  /** @returns null when the pair fits what was seen before, else what it clashes with. */
  add(expected: string, actual: string): string | null {
    const known = this.actualByExpected.get(expected);
    if (known !== undefined && known !== actual) return `${expected} was ${known} before`;
    const inverse = this.expectedByActual.get(actual);
    if (inverse !== undefined && inverse !== expected) return `${actual} stood for ${inverse} before`;
    this.actualByExpected.set(expected, actual);
    this.expectedByActual.set(actual, expected);
    return null;
  }

  /** What a guest under test uses where the expected trace has this value. */
  actual(expected: string): string | undefined {
    return this.actualByExpected.get(expected);
  }
}

function valueAt(bytes: Uint8Array, offset: number, length: number): string {
  let value = '';
  for (let index = offset + length - 1; index >= offset; index -= 1) {
    value += (bytes[index] ?? 0).toString(16).padStart(2, '0');
  }
  return `0x${value}`;
}

/**
 * Holds the packets of a guest against a trace, one by one: channel, transaction id, exact length and bytes. Opaque
 * ranges (pointers) are left out, but null stays null; cookies (ids and addresses that a guest may pick) may have other
 * values, always the same one for the same.
 */
export class TraceComparer {
  /** What was different so far. */
  readonly differences: TraceDifference[] = [];
  private readonly expected: readonly TracePacket[];
  private readonly cookies = new Map<string, CookiePairs>();
  private next = 0;

  constructor(expected: readonly TracePacket[]) {
    this.expected = expected;
  }

  /** Packets compared so far. */
  get count(): number {
    return this.next;
  }

  /** The packet that should come next, or null at the end. */
  get upcoming(): TracePacket | null {
    return this.expected[this.next] ?? null;
  }

  /** Compares the next packet. @returns whether it was equal. */
  compare(actual: ComparedPacket): boolean {
    const index = this.next;
    const expected = this.expected[index];
    this.next += 1;
    const before = this.differences.length;
    if (expected === undefined) {
      this.report(
        'extra',
        index,
        null,
        actual.name ?? '?',
        `a packet after the last one of ${this.expected.length}`,
      );
      return false;
    }
    this.compareHead(index, expected, actual);
    if (expected.bytes.length === actual.bytes.length) this.compareBytes(index, expected, actual.bytes);
    return this.differences.length === before;
  }

  /** Reports packets that never came. @returns all differences. */
  finish(): readonly TraceDifference[] {
    for (; this.next < this.expected.length; this.next += 1) {
      const { name, seq, step } = this.expected[this.next]!;
      this.report('missing', this.next, seq, name, `never sent (step ${step})`);
    }
    return this.differences;
  }

  /** What the guest under test uses for a cookie of the expected trace, as little-endian hexadecimal `0x...`. */
  actualCookie(kind: string, expected: string): string | undefined {
    return this.cookies.get(kind)?.actual(expected);
  }

  private compareHead(index: number, expected: TracePacket, actual: ComparedPacket): void {
    const { name, seq } = expected;
    if (actual.channel !== expected.channel) {
      this.report('channel', index, seq, name, `on channel ${actual.channel}, not ${expected.channel}`);
    }
    if (actual.id !== expected.id) this.report('id', index, seq, name, `id ${actual.id}, not ${expected.id}`);
    if (actual.bytes.length !== expected.bytes.length) {
      const length = `${actual.bytes.length} bytes, not ${expected.bytes.length}`;
      this.report('length', index, seq, name, length);
    }
  }

  private compareBytes(index: number, expected: TracePacket, actual: Uint8Array): void {
    const { name, seq } = expected;
    const masked = new Uint8Array(expected.bytes.length);
    for (const [offset, length] of expected.opaque) {
      masked.fill(1, offset, offset + length);
      const isNull = expected.bytes.subarray(offset, offset + length).every((byte) => byte === 0);
      const stays = actual.subarray(offset, offset + length).every((byte) => byte === 0);
      if (isNull && !stays) this.report('bytes', index, seq, name, `a null at ${offset} is not null`);
    }
    for (const [offset, length, kind] of expected.cookies) {
      masked.fill(1, offset, offset + length);
      const pairs = this.cookies.get(kind) ?? new CookiePairs();
      this.cookies.set(kind, pairs);
      const clash = pairs.add(valueAt(expected.bytes, offset, length), valueAt(actual, offset, length));
      if (clash !== null) this.report('cookie', index, seq, name, `${kind} at ${offset}: ${clash}`);
    }
    const wrong: string[] = [];
    for (const [offset, byte] of expected.bytes.entries()) {
      const other = actual[offset] ?? 0;
      if (masked[offset] === 1 || other === byte) continue;
      wrong.push(
        `${offset}: ${other.toString(16).padStart(2, '0')}, not ${byte.toString(16).padStart(2, '0')}`,
      );
    }
    if (wrong.length === 0) return;
    const more = wrong.length > 4 ? ` and ${wrong.length - 4} more` : '';
    this.report('bytes', index, seq, name, `at ${wrong.slice(0, 4).join('; ')}${more}`);
  }

  private report(
    kind: TraceDifferenceKind,
    index: number,
    seq: number | null,
    name: string,
    message: string,
  ): void {
    this.differences.push({ kind, index, seq, name, message });
  }
}

/** Compares what the guests of two traces sent; masks are those of the first one. */
export function compareTraces(
  expected: readonly TraceLine[],
  actual: readonly TraceLine[],
): readonly TraceDifference[] {
  const comparer = new TraceComparer(guestPackets(expected));
  for (const packet of guestPackets(actual)) comparer.compare(packet);
  return comparer.finish();
}

/** A difference in one line of text. */
export function describeDifference(difference: TraceDifference): string {
  const { index, kind, message, name, seq } = difference;
  const place = seq === null ? '' : ` (trace line ${seq})`;
  return `packet ${index} ${name}${place}: ${kind}: ${message}`;
}
