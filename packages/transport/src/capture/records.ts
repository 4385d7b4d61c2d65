/**
 * What a capture holds: a header, then one record for each thing that happened on a bus. In the file both are
 * MessagePack values one behind the other; a record is an array of its kind, its time in microseconds since the
 * start, and the fields below.
 */

export const CAPTURE_FORMAT = 'dxgwire-capture';
/** The first version: it is read as well. */
export const EARLIEST_CAPTURE_VERSION = 1;
/** The version that is written: 2 has {@link RecordKind.packetAgain} and `windowStoreAgain`. */
export const CAPTURE_VERSION = 2;

export interface CaptureHeader {
  readonly format: typeof CAPTURE_FORMAT;
  readonly version: number;
  /** The bus's name for its medium. */
  readonly link: string;
  /** How packets are packed. */
  readonly codec: string;
  /** Which end of the bus was tapped. */
  readonly side: 'host' | 'guest' | 'link';
  /** At a host's end: whether it shares the guest's memory or has a copy. What it does at once and what later depends on it. */
  readonly memory?: 'mapped' | 'mirrored';
  /** Milliseconds since 1970. */
  readonly startedAt: number;
}

/** The first element of a record. */
export const RecordKind = {
  packet: 1,
  offer: 2,
  rescind: 3,
  channelOpen: 4,
  channelClose: 5,
  pciWrite: 6,
  gpadlCreate: 7,
  gpadlTeardown: 8,
  memoryPublish: 9,
  windowPublish: 10,
  windowStore: 11,
  interruption: 12,
  busClose: 13,
  gap: 14,
  start: 15,
  memoryBlock: 16,
  memoryBlockFree: 17,
  memoryRead: 18,
  memoryAnswered: 19,
  memoryCheck: 20,
  memoryContent: 21,
  windowContent: 22,
  /**
   * A packet like the last of its way and length: see `LastPackets`. Its time is given since the record before, then come the slot, the
   * lower half of the id, a bit for each long word of the payload that is another one, and those long words.
   */
  packetAgain: 23,
  /** A store where the last store of its slot was, with the same upper half: the first of {@link STORE_SLOTS} kinds, one a slot. */
  windowStoreAgain: 24,
} as const;

/** Stores whose place is remembered. */
export const STORE_SLOTS = 8;

/** Which of them a store is held against. @param offset below 2^32. */
export function storeSlot(offset: number): number {
  return (offset >>> 3) & (STORE_SLOTS - 1);
}

export type Direction = 'g2h' | 'h2g';

interface Timed {
  /** Microseconds since the capture began. */
  readonly timeUs: number;
}

/** One thing that happened, as it is read back. Byte arrays are views into what was read. */
export type CaptureRecord = Timed &
  (
    | {
        readonly kind: 'packet';
        readonly direction: Direction;
        readonly channel: number;
        readonly packetKind: number;
        readonly idLow: number;
        readonly idHigh: number;
        readonly flags: number;
        readonly bytes: Uint8Array;
      }
    | {
        readonly kind: 'offer';
        readonly channel: number;
        readonly classGuid: Uint8Array;
        readonly instanceGuid: Uint8Array;
        readonly mmioMegabytes: number;
      }
    | { readonly kind: 'rescind' | 'channelOpen'; readonly channel: number }
    | { readonly kind: 'channelClose'; readonly channel: number; readonly reason: string | null }
    | {
        readonly kind: 'pciWrite';
        readonly channel: number;
        readonly offset: number;
        readonly value: number;
      }
    /**
     * `ranges`: guest-physical address and length of each run, bytes. Recorded at a host's end when it looks the list up;
     * none: there is no such list.
     */
    | {
        readonly kind: 'gpadlCreate';
        readonly id: number;
        readonly ranges: readonly (readonly [number, number])[];
      }
    | { readonly kind: 'gpadlTeardown'; readonly id: number }
    /** `bytes` are null unless the tap was asked to keep them. */
    | {
        readonly kind: 'memoryPublish' | 'windowPublish';
        readonly direction: Direction;
        readonly offset: number;
        readonly length: number;
        readonly bytes: Uint8Array | null;
      }
    | { readonly kind: 'windowStore'; readonly offset: number; readonly low: number; readonly high: number }
    | { readonly kind: 'interruption'; readonly isInterrupted: boolean }
    | { readonly kind: 'busClose'; readonly reason: string | null }
    /** Records that were dropped because the writer did not keep up. */
    | { readonly kind: 'gap'; readonly records: number; readonly lostBytes: number }
    | { readonly kind: 'start' }
    /** The guest took a run of its memory into use, or gave it back. */
    | { readonly kind: 'memoryBlock'; readonly address: number; readonly length: number }
    | { readonly kind: 'memoryBlockFree'; readonly address: number }
    /** The host asked for bytes that the guest did not publish; all of an answer has come. */
    | { readonly kind: 'memoryRead'; readonly address: number; readonly length: number }
    | { readonly kind: 'memoryAnswered' }
    /** The host asked whether a range is memory of the guest. */
    | {
        readonly kind: 'memoryCheck';
        readonly address: number;
        readonly length: number;
        readonly isGuests: boolean;
      }
    /** What the host was about to read of guest memory or window. `bytes` are null unless the tap was asked to keep them. */
    | {
        readonly kind: 'memoryContent' | 'windowContent';
        readonly offset: number;
        readonly length: number;
        readonly bytes: Uint8Array | null;
      }
  );
