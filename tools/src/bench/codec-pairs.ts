import assert from 'node:assert/strict';
import {
  accessor,
  commands,
  type MessageCodec,
  type Pairs,
  pairCodec,
  type RequestOf,
} from '@dxgwire/protocol';
import { Packr } from 'msgpackr';
import protobuf from 'protobufjs';
import { copyOf, sumOfAll, wayOf } from './codec-ways.ts';
import type { Comparison } from './report.ts';
import { sample, type Way } from './sampling.ts';

/**
 * The packed codec's fast form (pairs of 32-bit numbers, one value used again) on two commands of about 100 bytes,
 * against straight-line code over the same bytes that does the same checks and also uses its value again. protobufjs has
 * its own 64-bit form (`fixed64`, its `Long`) and leaves out what is zero; msgpackr has numbers of 32 bits in records.
 */

type Map = Pairs<RequestOf<typeof commands.mapGpuVirtualAddress>>;
type Submit = Pairs<RequestOf<typeof commands.submitCommandToHwQueue>>;

function required<T>(codec: T | null): T {
  if (codec === null) throw new Error('a message without a body');
  return codec;
}

function encodeMap(value: Map, view: DataView, offset: number): number {
  if (offset < 0 || offset + 112 > view.byteLength) throw new RangeError('no room');
  const { args } = value;
  view.setUint32(offset, args.pagingQueue, true);
  view.setUint32(offset + 4, 0, true);
  view.setUint32(offset + 8, args.baseAddressLow, true);
  view.setUint32(offset + 12, args.baseAddressHigh, true);
  view.setUint32(offset + 16, args.minimumAddressLow, true);
  view.setUint32(offset + 20, args.minimumAddressHigh, true);
  view.setUint32(offset + 24, args.maximumAddressLow, true);
  view.setUint32(offset + 28, args.maximumAddressHigh, true);
  view.setUint32(offset + 32, args.allocation, true);
  view.setUint32(offset + 36, 0, true);
  view.setUint32(offset + 40, args.offsetInPagesLow, true);
  view.setUint32(offset + 44, args.offsetInPagesHigh, true);
  view.setUint32(offset + 48, args.sizeInPagesLow, true);
  view.setUint32(offset + 52, args.sizeInPagesHigh, true);
  view.setUint32(offset + 56, args.protectionLow, true);
  view.setUint32(offset + 60, args.protectionHigh, true);
  view.setUint32(offset + 64, args.driverProtectionLow, true);
  view.setUint32(offset + 68, args.driverProtectionHigh, true);
  view.setUint32(offset + 72, args.reserved0, true);
  view.setUint32(offset + 76, 0, true);
  view.setUint32(offset + 80, args.reserved1Low, true);
  view.setUint32(offset + 84, args.reserved1High, true);
  view.setUint32(offset + 88, args.virtualAddressLow, true);
  view.setUint32(offset + 92, args.virtualAddressHigh, true);
  view.setUint32(offset + 96, args.pagingFenceValueLow, true);
  view.setUint32(offset + 100, args.pagingFenceValueHigh, true);
  view.setUint32(offset + 104, value.device, true);
  view.setUint32(offset + 108, 0, true);
  return 112;
}

function decodeMap(view: DataView, offset: number, length: number, into: Map): Map {
  if (length < 112 || offset < 0 || offset + length > view.byteLength) throw new RangeError('truncated');
  const { args } = into;
  args.pagingQueue = view.getUint32(offset, true);
  args.baseAddressLow = view.getUint32(offset + 8, true);
  args.baseAddressHigh = view.getUint32(offset + 12, true);
  args.minimumAddressLow = view.getUint32(offset + 16, true);
  args.minimumAddressHigh = view.getUint32(offset + 20, true);
  args.maximumAddressLow = view.getUint32(offset + 24, true);
  args.maximumAddressHigh = view.getUint32(offset + 28, true);
  args.allocation = view.getUint32(offset + 32, true);
  args.offsetInPagesLow = view.getUint32(offset + 40, true);
  args.offsetInPagesHigh = view.getUint32(offset + 44, true);
  args.sizeInPagesLow = view.getUint32(offset + 48, true);
  args.sizeInPagesHigh = view.getUint32(offset + 52, true);
  args.protectionLow = view.getUint32(offset + 56, true);
  args.protectionHigh = view.getUint32(offset + 60, true);
  args.driverProtectionLow = view.getUint32(offset + 64, true);
  args.driverProtectionHigh = view.getUint32(offset + 68, true);
  args.reserved0 = view.getUint32(offset + 72, true);
  args.reserved1Low = view.getUint32(offset + 80, true);
  args.reserved1High = view.getUint32(offset + 84, true);
  args.virtualAddressLow = view.getUint32(offset + 88, true);
  args.virtualAddressHigh = view.getUint32(offset + 92, true);
  args.pagingFenceValueLow = view.getUint32(offset + 96, true);
  args.pagingFenceValueHigh = view.getUint32(offset + 100, true);
  into.device = view.getUint32(offset + 104, true);
  return into;
}

function readMap({ args, device }: Map): number {
  let total = args.pagingQueue + args.baseAddressLow + args.baseAddressHigh + args.minimumAddressLow;
  total += args.minimumAddressHigh + args.maximumAddressLow + args.maximumAddressHigh + args.allocation;
  total += args.offsetInPagesLow + args.offsetInPagesHigh + args.sizeInPagesLow + args.sizeInPagesHigh;
  total += args.protectionLow + args.protectionHigh + args.driverProtectionLow + args.driverProtectionHigh;
  total += args.virtualAddressLow + args.virtualAddressHigh + args.pagingFenceValueLow;
  return total + args.pagingFenceValueHigh + device;
}

/** The bytes of the view that was written to last: making an array to copy with costs more than the copy. */
let space: Uint8Array = new Uint8Array(0);
let spaceOf: DataView | null = null;

function encodeSubmit(value: Submit, view: DataView, offset: number): number {
  const { args, writtenPrimaries, privDrvData } = value;
  const primaries = writtenPrimaries.length;
  const bytes = privDrvData.length;
  const size = 56 + 4 * primaries + bytes;
  if (offset < 0 || offset + size > view.byteLength) throw new RangeError('no room');
  view.setUint32(offset, args.hwqueue, true);
  view.setUint32(offset + 4, args.reserved, true);
  view.setUint32(offset + 8, args.hwqueueProgressFenceIdLow, true);
  view.setUint32(offset + 12, args.hwqueueProgressFenceIdHigh, true);
  view.setUint32(offset + 16, args.commandBufferLow, true);
  view.setUint32(offset + 20, args.commandBufferHigh, true);
  view.setUint32(offset + 24, args.commandLength, true);
  view.setUint32(offset + 28, bytes, true);
  view.setUint32(offset + 32, args.privDrvDataLow, true);
  view.setUint32(offset + 36, args.privDrvDataHigh, true);
  view.setUint32(offset + 40, primaries, true);
  view.setUint32(offset + 44, args.reserved1, true);
  view.setUint32(offset + 48, args.writtenPrimariesLow, true);
  view.setUint32(offset + 52, args.writtenPrimariesHigh, true);
  let at = offset + 56;
  for (let i = 0; i < primaries; i++, at += 4) view.setUint32(at, writtenPrimaries[i] as number, true);
  if (view !== spaceOf) {
    spaceOf = view;
    space = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  }
  space.set(privDrvData, at);
  return size;
}

/** The bytes that were read last, and where they lay. */
let seen: Uint8Array = new Uint8Array(0);
let seenView: DataView | null = null;
let seenStart = 0;

function decodeSubmit(view: DataView, offset: number, length: number, into: Submit): Submit {
  if (length < 56 || offset < 0 || offset + length > view.byteLength) throw new RangeError('truncated');
  const bytes = view.getUint32(offset + 28, true);
  const primaries = view.getUint32(offset + 40, true);
  if (56 + 4 * primaries + bytes > length) throw new RangeError('truncated');
  const { args } = into;
  args.hwqueue = view.getUint32(offset, true);
  args.reserved = view.getUint32(offset + 4, true);
  args.hwqueueProgressFenceIdLow = view.getUint32(offset + 8, true);
  args.hwqueueProgressFenceIdHigh = view.getUint32(offset + 12, true);
  args.commandBufferLow = view.getUint32(offset + 16, true);
  args.commandBufferHigh = view.getUint32(offset + 20, true);
  args.commandLength = view.getUint32(offset + 24, true);
  args.privDrvDataLow = view.getUint32(offset + 32, true);
  args.privDrvDataHigh = view.getUint32(offset + 36, true);
  args.reserved1 = view.getUint32(offset + 44, true);
  args.writtenPrimariesLow = view.getUint32(offset + 48, true);
  args.writtenPrimariesHigh = view.getUint32(offset + 52, true);
  if (into.writtenPrimaries.length !== primaries) into.writtenPrimaries = new Uint32Array(primaries);
  for (let i = 0; i < primaries; i++) into.writtenPrimaries[i] = view.getUint32(offset + 56 + 4 * i, true);
  const start = offset + 56 + 4 * primaries;
  if (view !== seenView || start !== seenStart || bytes !== seen.length) {
    seenView = view;
    seenStart = start;
    seen = new Uint8Array(view.buffer, view.byteOffset + start, bytes);
  }
  into.privDrvData = seen;
  return into;
}

function readSubmit({ args, writtenPrimaries, privDrvData }: Submit): number {
  let total = args.hwqueue + args.hwqueueProgressFenceIdLow + args.hwqueueProgressFenceIdHigh;
  total += args.commandBufferLow + args.commandBufferHigh + args.commandLength + writtenPrimaries.length;
  return total + privDrvData.length + (privDrvData[0] ?? 0) + (privDrvData[39] ?? 0);
}

interface Measured<Value> {
  readonly name: string;
  readonly codec: MessageCodec<unknown, never>;
  /** 96 or 112 bytes. */
  readonly value: Value;
  readonly encode: (value: Value, view: DataView, offset: number) => number;
  readonly decode: (view: DataView, offset: number, length: number, into: Value) => Value;
  readonly read: (value: Value) => number;
  /** Lays an accessor over the bytes and reads the same fields. */
  readonly readBytes: (view: DataView, length: number) => number;
  /** Fields that are always zero in requests, by their (low) key: protobuf leaves them out. */
  readonly unused: readonly string[];
}

type Fields = Record<string, unknown>;

function isLong(value: unknown): boolean {
  return value instanceof protobuf.util.Long;
}

/** The value as protobufjs takes it: pairs become its `Long`. */
function withLongs(value: Fields, unused: readonly string[]): Fields {
  const result: Fields = {};
  for (const [key, field] of Object.entries(value)) {
    const name = key.replace(/(Low|High)$/, '');
    if (unused.includes(key) || key.endsWith('High')) continue;
    if (key.endsWith('Low'))
      result[name] = new protobuf.util.Long(field as number, value[`${name}High`] as number, true);
    else if (typeof field === 'object' && field !== null && !ArrayBuffer.isView(field))
      result[name] = withLongs(field as Fields, unused);
    else result[name] = field instanceof Uint32Array ? [...field] : field;
  }
  return result;
}

function typeOf(name: string, value: Fields): protobuf.Type {
  const type = new protobuf.Type(name);
  let id = 1;
  for (const [key, field] of Object.entries(value)) {
    if (typeof field === 'number') type.add(new protobuf.Field(key, id++, 'uint32'));
    else if (Array.isArray(field)) type.add(new protobuf.Field(key, id++, 'uint32', 'repeated'));
    else if (field instanceof Uint8Array) type.add(new protobuf.Field(key, id++, 'bytes'));
    else if (isLong(field)) type.add(new protobuf.Field(key, id++, 'fixed64'));
    else {
      const inner = typeOf(`${name}${id}`, field as Fields);
      type.add(inner).add(new protobuf.Field(key, id++, inner.name));
    }
  }
  return type;
}

/** Source that adds up all fields of a decoded protobuf value. */
function readerOf(value: Fields): (value: Fields) => number {
  const terms = (path: string, fields: Fields): string[] =>
    Object.entries(fields).flatMap(([key, field]) => {
      const at = `${path}.${key}`;
      if (typeof field === 'number') return [at];
      if (Array.isArray(field)) return [`${at}.length`];
      if (field instanceof Uint8Array) return [`${at}.length`, `${at}[0]`, `${at}[39]`];
      return isLong(field) ? [`${at}.low`, `${at}.high`] : terms(at, field as Fields);
    });
  return new Function('value', `return ${terms('value', value).join(' + ')}`) as (value: Fields) => number;
}

async function compare<Value extends object>(measured: Measured<Value>): Promise<Comparison> {
  const { value, encode, decode, read, readBytes } = measured;
  const pairs = pairCodec(measured.codec) as unknown as {
    create(): Value;
    encode(value: Value, view: DataView, offset: number): number;
    decodeInto(view: DataView, offset: number, length: number, into: Value): Value;
  };
  const view = new DataView(new ArrayBuffer(256));
  const length = pairs.encode(value, view, 0);
  const bytes = new Uint8Array(view.buffer.slice(0, length));
  new Uint8Array(view.buffer).fill(0xcc);
  assert.equal(encode(value, view, 0), length);
  assert.deepEqual(new Uint8Array(view.buffer, 0, length), bytes, 'both write the same bytes');
  const total = read(value);
  assert.equal(readBytes(view, length), total);

  const [own, theirs] = [pairs.create(), pairs.create()];
  const longs = withLongs(value as Fields, measured.unused);
  const type = typeOf('Message', longs);
  new protobuf.Root().add(type);
  const readLongs = readerOf(longs);
  const plain = JSON.parse(
    JSON.stringify(value, (_, field) => (field instanceof Uint32Array ? [...field] : field)),
  ) as Fields;
  if ('privDrvData' in value) plain['privDrvData'] = value.privDrvData;
  const packr = new Packr({ useRecords: true, structures: [] });
  packr.unpack(packr.pack(plain));
  assert.equal(read(packr.unpack(packr.pack(plain)) as Value), total);
  assert.equal(read(decode(view, 0, length, theirs)), total);

  const [readOurs, readPairs, readRecord] = [copyOf(read), copyOf(read), copyOf(read)];
  const ways: Way[] = [
    wayOf('hand-written', () => readOurs(decode(view, 0, encode(value, view, 0), theirs))),
    wayOf('pairs, value used again', () =>
      readPairs(pairs.decodeInto(view, 0, pairs.encode(value, view, 0), own)),
    ),
    wayOf('pairs, read in place', () => readBytes(view, pairs.encode(value, view, 0))),
    wayOf('protobufjs', () => readLongs(type.decode(type.encode(longs).finish()) as unknown as Fields)),
    wayOf('msgpackr', () => readRecord(packr.unpack(packr.pack(plain)) as Value)),
  ];
  const estimates = await sample(ways, { samples: 15, sampleMs: 40 });
  return {
    suite: 'codec',
    case: `${measured.name}: encode, decode, read all`,
    baseline: 'hand-written',
    others: ['protobufjs', 'msgpackr'],
    estimates,
    targets: {
      'pairs, value used again': { most: 1.3 },
      'pairs, read in place': [
        { most: 1.3 },
        { most: 1 / 12, against: 'protobufjs' },
        { most: 1 / 12, against: 'msgpackr' },
      ],
    },
  };
}

function measuredMap(): Measured<Map> {
  const codec = required(commands.mapGpuVirtualAddress.request);
  const value = pairCodec(codec).create();
  Object.assign(value.args, {
    pagingQueue: 0x4000_0041,
    minimumAddressLow: 0x1_0000,
    maximumAddressLow: 0xffff_f000,
    maximumAddressHigh: 0xffff,
    allocation: 0x4000_0081,
    sizeInPagesLow: 16,
    protectionLow: 1,
  });
  value.device = 0x4000_0001;
  const fields = accessor(commands.mapGpuVirtualAddress);
  return {
    name: 'MapGpuVirtualAddress, 112 bytes',
    codec: codec as MessageCodec<unknown, never>,
    value,
    encode: encodeMap,
    decode: decodeMap,
    read: readMap,
    readBytes(view, length) {
      const f = fields.bind(view, 0, length);
      let total = f.pagingQueue + f.baseAddressLow + f.baseAddressHigh + f.minimumAddressLow;
      total += f.minimumAddressHigh + f.maximumAddressLow + f.maximumAddressHigh + f.allocation;
      total += f.offsetInPagesLow + f.offsetInPagesHigh + f.sizeInPagesLow + f.sizeInPagesHigh;
      total += f.protectionLow + f.protectionHigh + f.driverProtectionLow + f.driverProtectionHigh;
      total += f.virtualAddressLow + f.virtualAddressHigh + f.pagingFenceValueLow;
      return total + f.pagingFenceValueHigh + f.device;
    },
    unused: ['reserved0', 'reserved1Low', 'virtualAddressLow', 'pagingFenceValueLow'],
  };
}

function measuredSubmit(): Measured<Submit> {
  const codec = required(commands.submitCommandToHwQueue.request);
  const value = pairCodec(codec).create();
  Object.assign(value.args, {
    hwqueue: 0x4000_0081,
    hwqueueProgressFenceIdLow: 12_345,
    commandBufferHigh: 16,
  });
  value.privDrvData = Uint8Array.from({ length: 40 }, (_, index) => index);
  const fields = accessor(commands.submitCommandToHwQueue);
  return {
    name: 'SubmitCommandToHwQueue, 96 bytes',
    codec: codec as MessageCodec<unknown, never>,
    value,
    encode: encodeSubmit,
    decode: decodeSubmit,
    read: readSubmit,
    readBytes(view, length) {
      const f = fields.bind(view, 0, length);
      let total = f.hwqueue + f.hwqueueProgressFenceIdLow + f.hwqueueProgressFenceIdHigh;
      total += f.commandBufferLow + f.commandBufferHigh + f.commandLength + f.writtenPrimariesCount;
      const at = f.privDrvDataOffset;
      return total + f.privDrvDataLength + view.getUint8(at) + view.getUint8(at + 39);
    },
    unused: ['reserved', 'reserved1', 'writtenPrimariesLow', 'privDrvDataLow'],
  };
}

/** Two commands of about 100 bytes in the packed codec's fast form. */
export async function measurePairs(progress: (text: string) => void): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  for (const make of [measuredMap, measuredSubmit] as (() => Measured<object>)[]) {
    const measured = make();
    progress(measured.name);
    comparisons.push(await compare(measured));
  }
  assert.ok(Number.isFinite(sumOfAll()));
  return comparisons;
}
