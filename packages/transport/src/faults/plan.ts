import { Random } from '../compliance/data.ts';

/** Where in one direction of a connection a fault is: before byte `offset` of frame `frame`, both from 0. */
export interface FramePoint {
  readonly frame: number;
  /** 0: at the frame's boundary. Beyond the end of the frame: at the next boundary. */
  readonly offset: number;
}

/** What goes wrong in one direction of a connection, once. */
export type Fault =
  /** The connection is cut: nothing more gets through either way, and both sides are told. */
  | { readonly kind: 'drop'; readonly at: FramePoint }
  /** This direction ends as if its writer had closed it; the other goes on. */
  | { readonly kind: 'half-close'; readonly at: FramePoint }
  /** Nothing gets through either way for a time, and nobody is told; `forMs` may be Infinity. */
  | { readonly kind: 'stall'; readonly at: FramePoint; readonly forMs: number }
  /** The reader of this direction reads no more; what fits into the connection is taken, then writing stops. */
  | { readonly kind: 'deaf'; readonly at: FramePoint }
  /** One byte is changed: it is combined with `mask` by exclusive or. */
  | { readonly kind: 'corrupt'; readonly at: FramePoint; readonly mask: number }
  /** Bytes that no frame can begin with, `lengthBytes` of them, before the point. */
  | { readonly kind: 'garbage'; readonly at: FramePoint; readonly lengthBytes: number }
  /** The frame says that it is far longer than any may be. */
  | { readonly kind: 'oversize'; readonly at: FramePoint }
  /** Doorbells on the socket beside shared memory: each one is lost, doubled, or late, `every` so many. */
  | {
      readonly kind: 'bells';
      readonly how: 'lost' | 'twice' | 'late';
      readonly every: number;
      readonly lateMs: number;
    };

/** How the bytes of a write reach the reader. */
export type Chunking =
  /** As they were written. */
  | 'whole'
  /** One at a time. */
  | 'bytes'
  /** Cut at random places. */
  | 'split'
  /** Several writes at once. */
  | 'joined';

/** One direction of a connection. */
export interface DirectionPlan {
  /** Time from one end to the other, milliseconds: half a round trip where both directions have it. */
  readonly delayMs: number;
  /** Bits a second; Infinity for no limit. */
  readonly bitsPerSecond: number;
  readonly chunking: Chunking;
  readonly faults: readonly Fault[];
}

/** One connection. */
export interface ConnectionPlan {
  readonly toHost: DirectionPlan;
  readonly toGuest: DirectionPlan;
}

/** What happens to a guest's connections, one after the other. */
export interface FaultPlan {
  readonly seed: number;
  /** One entry for each connection; null: it is refused. Connections after the last have no faults. */
  readonly connections: readonly (ConnectionPlan | null)[];
  /** A line for people. */
  readonly text: string;
}

const PERFECT: DirectionPlan = {
  delayMs: 0,
  bitsPerSecond: Number.POSITIVE_INFINITY,
  chunking: 'whole',
  faults: [],
};

/** A connection without delay, limit or fault. */
export const PERFECT_CONNECTION: ConnectionPlan = { toHost: PERFECT, toGuest: PERFECT };

export const FAULT_KINDS = [
  'none',
  'drop',
  'drop-inside',
  'half-close',
  'stall',
  'dead',
  'deaf',
  'corrupt',
  'oversize',
  'garbage',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

const CHUNKINGS: readonly Chunking[] = ['whole', 'bytes', 'split', 'joined'];

export interface PlanOptions {
  /** Frames in one direction of the exchange that the plan is for, more or less. Default 60. */
  readonly frames?: number;
  /** Longest round trip, milliseconds. Default 300. */
  readonly maxRoundTripMs?: number;
  /** Slowest line, Mbit/s. Default 1. */
  readonly minMegabits?: number;
  readonly kinds?: readonly FaultKind[];
}

/**
 * The faults that a seed stands for: kind and direction follow from the seed in turn, and the frame from how often that
 * kind has had its turn, so that consecutive seeds visit every frame boundary with every kind; all else is drawn.
 */
export function planOfSeed(seed: number, options: PlanOptions = {}): FaultPlan {
  const { frames = 60, maxRoundTripMs = 300, minMegabits = 1, kinds = FAULT_KINDS } = options;
  const random = new Random(Math.imul(seed, 0x9e37_79b9));
  const kind = kinds[seed % kinds.length]!;
  const turn = Math.floor(seed / kinds.length);
  const isToHost = turn % 2 === 0;
  const fault = faultOf(kind, (turn >>> 1) % frames, random);
  const delayMs = [0, 0, 1, 10, maxRoundTripMs / 2][random.below(5)]!;
  const megabits = Math.max(minMegabits, [1, 10, 100, 1000][random.below(4)]!);
  const direction = (faults: readonly Fault[]): DirectionPlan => ({
    delayMs: Math.min(delayMs, maxRoundTripMs / 2),
    bitsPerSecond: megabits * 1e6,
    chunking: CHUNKINGS[random.below(CHUNKINGS.length)]!,
    faults,
  });
  const first: ConnectionPlan = {
    toHost: direction(isToHost ? fault : []),
    toGuest: direction(isToHost ? [] : fault),
  };
  const connections: (ConnectionPlan | null)[] = [first];
  // Where a session is resumed, the next connections have their troubles too: refused, or cut again.
  while (kind !== 'none' && connections.length < 4 && random.below(3) === 0) {
    const isRefused = random.below(2) === 0;
    const at = { frame: random.below(12), offset: random.below(30) };
    const cut = direction([{ kind: 'drop', at }]);
    connections.push(isRefused ? null : { toHost: cut, toGuest: direction([]) });
  }
  const where = isToHost ? 'to the host' : 'to the guest';
  const text = `seed ${seed}: ${kind} ${where} ${JSON.stringify(fault[0] ?? null)}, ${delayMs * 2} ms, ${megabits} Mbit/s, ${first.toHost.chunking} ${first.toGuest.chunking}`;
  return { seed, connections, text };
}

function faultOf(kind: FaultKind, frame: number, random: Random): Fault[] {
  const boundary = { frame, offset: 0 };
  const inside = { frame, offset: 1 + random.below(random.below(3) === 0 ? 2000 : 40) };
  switch (kind) {
    case 'none':
      return [];
    case 'drop':
      return [{ kind, at: boundary }];
    case 'drop-inside':
      return [{ kind: 'drop', at: inside }];
    case 'half-close':
      return [{ kind, at: random.below(2) === 0 ? boundary : inside }];
    case 'stall':
      return [{ kind, at: inside, forMs: 50 + random.below(3000) }];
    case 'dead':
      return [{ kind: 'stall', at: inside, forMs: Number.POSITIVE_INFINITY }];
    case 'deaf':
      return [{ kind, at: boundary }];
    case 'corrupt':
      return [{ kind, at: { frame, offset: random.below(24) }, mask: 1 << random.below(8) }];
    case 'oversize':
      return [{ kind, at: boundary }];
    case 'garbage':
      return [{ kind, at: boundary, lengthBytes: 1 + random.below(64) }];
  }
}
