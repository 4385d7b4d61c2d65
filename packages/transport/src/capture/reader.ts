import { Unpackr } from 'msgpackr';
import { packetSlot } from './last-packets.ts';
import {
  CAPTURE_FORMAT,
  CAPTURE_VERSION,
  type CaptureHeader,
  type CaptureRecord,
  EARLIEST_CAPTURE_VERSION,
  RecordKind,
  STORE_SLOTS,
  storeSlot,
} from './records.ts';

/** What is no capture, or a damaged one. A capture that merely ends early is none: see {@link CaptureReader.tail}. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError';
}

type Fields = readonly unknown[];

const TWO_TO_32 = 4_294_967_296;
/** Latest time of a `Date`, milliseconds since 1970. */
const MAX_DATE_MS = 8.64e15;

function bad(what: string): never {
  throw new CaptureError(what);
}

function number(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
    ? value
    : bad(`a number that is ${String(value)}`);
}

/** Of 32 bits. */
function word(value: unknown): number {
  const known = number(value);
  return known < TWO_TO_32 ? known : bad(`${known} where 32 bits are`);
}

function bytes(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : bad('bytes that are none');
}

/** Bytes of memory that the capture may have kept. */
function content(value: unknown, length: number): Uint8Array | null {
  if (value === null) return null;
  const kept = bytes(value);
  return kept.length === length ? kept : bad(`${kept.length} bytes of memory where ${length} are said to be`);
}

function reason(value: unknown): string | null {
  return value === null || typeof value === 'string' ? value : bad('a reason that is no text');
}

function way(value: unknown): 'g2h' | 'h2g' {
  return value === 0 ? 'g2h' : value === 1 ? 'h2g' : bad('a direction that is neither');
}

function ranges(value: unknown): (readonly [number, number])[] {
  if (!Array.isArray(value)) return bad('page ranges that are no list');
  return value.map((range: unknown) => {
    if (!Array.isArray(range) || range.length !== 2) return bad('a page range that is no pair');
    return [number(range[0]), number(range[1])] as const;
  });
}

/** A record without its time; null for a kind of a later version. */
function recordOf(kind: unknown, timeUs: number, fields: Fields): CaptureRecord | null {
  const [a, b, c, d, e, f, g] = fields;
  switch (kind) {
    case RecordKind.packet:
      return {
        kind: 'packet',
        timeUs,
        direction: way(a),
        channel: number(b),
        packetKind: number(c),
        idLow: word(d),
        idHigh: word(e),
        flags: word(f),
        bytes: bytes(g),
      };
    case RecordKind.offer: {
      const guids = { classGuid: bytes(b), instanceGuid: bytes(c) };
      return { kind: 'offer', timeUs, channel: number(a), ...guids, mmioMegabytes: number(d) };
    }
    case RecordKind.rescind:
      return { kind: 'rescind', timeUs, channel: number(a) };
    case RecordKind.channelOpen:
      return { kind: 'channelOpen', timeUs, channel: number(a) };
    case RecordKind.channelClose:
      return { kind: 'channelClose', timeUs, channel: number(a), reason: reason(b) };
    case RecordKind.pciWrite:
      return { kind: 'pciWrite', timeUs, channel: number(a), offset: number(b), value: number(c) };
    case RecordKind.gpadlCreate:
      return { kind: 'gpadlCreate', timeUs, id: number(a), ranges: ranges(b) };
    case RecordKind.gpadlTeardown:
      return { kind: 'gpadlTeardown', timeUs, id: number(a) };
    case RecordKind.memoryPublish:
    case RecordKind.windowPublish: {
      const place = { direction: way(a), offset: number(b), length: number(c) };
      const name = kind === RecordKind.memoryPublish ? 'memoryPublish' : 'windowPublish';
      return { kind: name, timeUs, ...place, bytes: content(d, place.length) };
    }
    case RecordKind.windowStore:
      return { kind: 'windowStore', timeUs, offset: number(a), low: word(b), high: word(c) };
    case RecordKind.interruption:
      return { kind: 'interruption', timeUs, isInterrupted: a === true };
    case RecordKind.busClose:
      return { kind: 'busClose', timeUs, reason: reason(a) };
    case RecordKind.gap:
      return { kind: 'gap', timeUs, records: number(a), lostBytes: number(b) };
    case RecordKind.start:
      return { kind: 'start', timeUs };
    case RecordKind.memoryBlock:
      return { kind: 'memoryBlock', timeUs, address: number(a), length: number(b) };
    case RecordKind.memoryBlockFree:
      return { kind: 'memoryBlockFree', timeUs, address: number(a) };
    case RecordKind.memoryRead:
      return { kind: 'memoryRead', timeUs, address: number(a), length: number(b) };
    case RecordKind.memoryAnswered:
      return { kind: 'memoryAnswered', timeUs };
    case RecordKind.memoryCheck:
      return {
        kind: 'memoryCheck',
        timeUs,
        address: number(a),
        length: number(b),
        isGuests: c === true,
      };
    case RecordKind.memoryContent:
    case RecordKind.windowContent: {
      const name = kind === RecordKind.memoryContent ? 'memoryContent' : 'windowContent';
      // Written as publications are, with a direction.
      const place = { offset: number(b), length: number(c) };
      return { kind: name, timeUs, ...place, bytes: content(d, place.length) };
    }
    default:
      return null;
  }
}

function headerOf(value: unknown): CaptureHeader {
  const header = value as Partial<CaptureHeader> | null;
  if (typeof header !== 'object' || header === null || header.format !== CAPTURE_FORMAT) {
    return bad('it does not begin like a capture');
  }
  const { version } = header;
  const isReadable = Number.isInteger(version) && version! >= EARLIEST_CAPTURE_VERSION;
  if (!isReadable || version! > CAPTURE_VERSION) {
    const readable = `${EARLIEST_CAPTURE_VERSION} to ${CAPTURE_VERSION}`;
    return bad(`a capture of version ${String(version)}; this program reads ${readable}`);
  }
  const { codec, link, memory, side, startedAt } = header;
  if (typeof link !== 'string' || typeof codec !== 'string') return bad('a header without its link or codec');
  if (side !== 'host' && side !== 'guest' && side !== 'link')
    return bad('a header without the side that was tapped');
  if (memory !== undefined && memory !== 'mapped' && memory !== 'mirrored')
    return bad('a header with guest memory of another kind');
  if (number(startedAt) > MAX_DATE_MS) return bad(`a beginning at ${startedAt} ms`);
  return {
    format: CAPTURE_FORMAT,
    version: version!,
    link,
    codec,
    side,
    ...(memory === undefined ? {} : { memory }),
    startedAt: startedAt!,
  };
}

type PacketRecord = Extract<CaptureRecord, { kind: 'packet' }>;
type StoreRecord = Extract<CaptureRecord, { kind: 'windowStore' }>;

/** What earlier records say of those that name them: the last packet of each way and length, the last store of each slot. */
class EarlierRecords {
  readonly #packets: PacketRecord[] = [];
  readonly #stores: StoreRecord[] = [];

  remember(record: CaptureRecord): void {
    if (record.kind === 'packet') {
      const slot = packetSlot(record.direction === 'g2h' ? 0 : 1, record.bytes.length);
      // Not the view: what was read would be kept with it.
      if (slot !== -1) this.#packets[slot] = { ...record, bytes: record.bytes.slice() };
    } else if (record.kind === 'windowStore' && record.offset < TWO_TO_32) {
      this.#stores[storeSlot(record.offset)] = record;
    }
  }

  packetAgain(timeUs: number, [slotField, id, maskField, changes]: Fields): PacketRecord {
    const last = this.#packets[number(slotField)];
    if (last === undefined) return bad(`a packet like one that is not there, ${String(slotField)}`);
    const mask = number(maskField);
    const changed = bytes(changes);
    const payload = last.bytes.slice();
    let from = 0;
    for (let index = 0; index < 32; index += 1) {
      if (((mask >>> index) & 1) === 0) continue;
      const part = changed.subarray(from, from + 8);
      if (part.length < 8 || 8 * index >= payload.length)
        return bad('a packet whose changes are not those it names');
      payload.set(part, 8 * index);
      from += 8;
    }
    if (mask >= TWO_TO_32 || from !== changed.length)
      return bad('a packet whose changes are not those it names');
    return { ...last, timeUs, idLow: word(id), bytes: payload };
  }

  storeAgain(timeUs: number, slot: number, [low]: Fields): StoreRecord {
    const last = this.#stores[slot];
    if (last === undefined) return bad(`a store where none was, ${slot}`);
    return { ...last, timeUs, low: word(low) };
  }
}

/** Largest part of a capture that is read before its record must be whole, bytes. */
const MAX_RECORD_BYTES = 16 << 20;

/** Reads a capture piece by piece, so that its length does not matter. */
export class CaptureReader {
  header: CaptureHeader | null = null;
  /** Bytes at the end that are no whole record yet. */
  tail: Uint8Array = new Uint8Array(0);
  readonly #unpackr = new Unpackr({ useRecords: false });
  readonly #earlier = new EarlierRecords();
  /** Of the last record. */
  #timeUs = 0;

  /**
   * Takes the next bytes of the capture.
   *
   * @returns the records that are whole now.
   * @throws CaptureError for what is no capture.
   */
  push(chunk: Uint8Array): CaptureRecord[] {
    const source = new Uint8Array(this.tail.length + chunk.length);
    source.set(this.tail);
    source.set(chunk, this.tail.length);
    const records: CaptureRecord[] = [];
    if (source.length === 0) return records;
    let end = 0;
    try {
      this.#unpackr.unpackMultiple(source, (value: unknown, _start?: number, next?: number) => {
        const record = this.#take(value);
        end = next ?? source.length;
        if (record !== null) records.push(record);
      });
    } catch (error) {
      if ((error as { incomplete?: boolean }).incomplete !== true) {
        if (error instanceof CaptureError) throw error;
        bad(`not readable as MessagePack: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    this.tail = source.subarray(end);
    if (this.tail.length > MAX_RECORD_BYTES) bad(`a record longer than ${MAX_RECORD_BYTES} bytes`);
    return records;
  }

  #take(value: unknown): CaptureRecord | null {
    if (this.header === null) {
      this.header = headerOf(value);
      return null;
    }
    if (!Array.isArray(value)) return bad('a record that is no list');
    const [kind, time, ...fields] = value as unknown[];
    const record = this.#recordOf(kind, number(time), fields);
    if (record !== null) this.#earlier.remember(record);
    return record;
  }

  #recordOf(kind: unknown, time: number, fields: Fields): CaptureRecord | null {
    const isVersion2 = this.header !== null && this.header.version >= 2;
    if (isVersion2 && typeof kind === 'number' && Number.isInteger(kind) && kind >= RecordKind.packetAgain) {
      const slot = kind - RecordKind.windowStoreAgain;
      if (slot < STORE_SLOTS) {
        // Its time is how long ago the record before was.
        this.#timeUs = number(this.#timeUs + time);
        return slot < 0
          ? this.#earlier.packetAgain(this.#timeUs, fields)
          : this.#earlier.storeAgain(this.#timeUs, slot, fields);
      }
    }
    this.#timeUs = time;
    return recordOf(kind, time, fields);
  }
}
