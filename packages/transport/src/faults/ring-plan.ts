import { Random } from '../compliance/data.ts';
import { RING_HEADER_BYTES, RingHeader } from '../mock-vmbus/ring-memory.ts';

/** A word in memory that both sides see, changed by a side that means no good or has lost its senses. */
export interface RingFault {
  /** The host makes the change when it takes this request. */
  readonly atRequest: number;
  readonly ring: 'to-host' | 'to-guest';
  /** A field of the ring's header page, or the data at the reader's place. */
  readonly field: keyof typeof RingHeader | 'packet';
  /** The new value; `stale` goes back to the start of the ring. */
  readonly value: number;
}

/** What becomes of doorbells. */
export interface BellFault {
  readonly how: 'lost' | 'twice' | 'late';
  /** Each so many, from the first: 1 is all of them. */
  readonly every: number;
  readonly lateMs: number;
}

/** What goes wrong with a bus over rings. */
export interface RingPlan {
  readonly seed: number;
  readonly bells: BellFault | null;
  /** Control messages take this long, milliseconds. */
  readonly messageDelayMs: number;
  /** One side is gone after this many control messages and doorbells of both; `isSilent`: and nobody is told. */
  readonly gone: { readonly after: number; readonly isSilent: boolean } | null;
  readonly memory: RingFault | null;
  readonly text: string;
}

export const RING_FAULT_KINDS = [
  'none',
  'lost',
  'twice',
  'late',
  'gone',
  'silent',
  'memory',
  'memory',
] as const;

const VALUES = [0, 3, 8, 4096, 0x10_0000, 0x7fff_fff8, 0xffff_fff8, 0xffff_ffff];
const FIELDS = [
  'writeIndex',
  'readIndex',
  'interruptMask',
  'pendingSendSize',
  'featureBits',
  'packet',
] as const;

/**
 * The faults that a seed stands for; as with connections, kinds take turns and consecutive turns of one kind visit
 * consecutive places.
 *
 * @param moments - Control messages and doorbells of an exchange, more or less.
 */
export function ringPlanOfSeed(seed: number, moments = 40): RingPlan {
  const random = new Random(Math.imul(seed, 0x85eb_ca6b));
  const kind = RING_FAULT_KINDS[seed % RING_FAULT_KINDS.length]!;
  const turn = Math.floor(seed / RING_FAULT_KINDS.length);
  const bells =
    kind === 'lost' || kind === 'twice' || kind === 'late'
      ? { how: kind, every: 1 + (turn % 5), lateMs: 1 + random.below(20) }
      : null;
  const isGone = kind === 'gone' || kind === 'silent';
  const gone = isGone ? { after: turn % moments, isSilent: kind === 'silent' } : null;
  const memory: RingFault | null =
    kind === 'memory'
      ? {
          atRequest: 1 + (turn % 20),
          ring: random.below(2) === 0 ? 'to-host' : 'to-guest',
          field: FIELDS[random.below(FIELDS.length)]!,
          value: random.below(4) === 0 ? random.u32() : VALUES[random.below(VALUES.length)]!,
        }
      : null;
  const messageDelayMs = [0, 0, 1, 10][random.below(4)]!;
  const what = JSON.stringify(bells ?? gone ?? memory);
  return {
    seed,
    bells,
    messageDelayMs,
    gone,
    memory,
    text: `seed ${seed}: ${kind} ${what}, ${messageDelayMs} ms`,
  };
}

/**
 * Makes the change.
 *
 * @param rings - Both rings as they lie in guest memory: the one to the host first, each half of the bytes.
 */
export function applyRingFault(rings: Uint8Array, { ring, field, value }: RingFault): void {
  const half = rings.length >>> 1;
  const at = rings.byteOffset + (ring === 'to-host' ? 0 : half);
  const header = new Uint32Array(rings.buffer, at, RING_HEADER_BYTES / 4);
  if (field !== 'packet') {
    header[RingHeader[field]] = value;
    return;
  }
  const words = new Uint32Array(rings.buffer, at + RING_HEADER_BYTES, (half - RING_HEADER_BYTES) / 4);
  const place = header[RingHeader.readIndex]! >>> 2;
  for (let i = 0; i < 6; i += 1) words[(place + i) % words.length] = value + i;
}
