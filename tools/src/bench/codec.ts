import assert from 'node:assert/strict';
import { Packr } from 'msgpackr';
import { bigints, halves, type MeasuredMessage, measuredMessages, type Sums } from './codec-messages.ts';
import { measurePairs } from './codec-pairs.ts';
import { copyOf, sumOfAll, wayOf } from './codec-ways.ts';
import type { Comparison } from './report.ts';
import { sample, type Way } from './sampling.ts';

/** A reader for one way: what the others have read does not slow it. */
function reader<T>({ read }: MeasuredMessage<T>, { sum, long }: Sums): (value: unknown) => number {
  const own: Sums = { sum: copyOf(sum), long: copyOf(long) };
  const make = copyOf(
    (reading: MeasuredMessage<T>['read'], sums: Sums) => (value: T) => reading(value, sums),
  );
  return make(copyOf(read), own) as (value: unknown) => number;
}

async function compare<T>(message: MeasuredMessage<T>): Promise<Comparison> {
  const { value, table, handWritten, protobufType, protobufValue } = message;
  const bytes = new Uint8Array(1024);
  const view = new DataView(bytes.buffer);
  checkSameBytes(message, bytes, view);

  // Structures are sent once and named afterwards: msgpackr's fastest way for messages of one shape.
  const packr = new Packr({ useRecords: true, structures: [], int64AsType: 'bigint', moreTypes: false });
  packr.unpack(packr.pack(value));

  const [readOwn, readTable, readRecord] = [1, 2, 3].map(() => reader(message, bigints));
  const readLongs = reader(message, halves);
  const total = readOwn!(value);
  assert.equal(readLongs(protobufType.decode(protobufType.encode(protobufValue).finish())), total);
  assert.equal(readRecord!(packr.unpack(packr.pack(value))), total);
  const ways: Way[] = [
    wayOf('hand-written', () => readOwn!(handWritten.decode(view, handWritten.encode(value, view)))),
    wayOf('command table', () => readTable!(table.decode(view, table.encode(value, view)))),
    wayOf('protobufjs', () => readLongs(protobufType.decode(protobufType.encode(protobufValue).finish()))),
    wayOf('msgpackr', () => readRecord!(packr.unpack(packr.pack(value)))),
  ];
  const estimates = await sample(ways, { samples: 15, sampleMs: 40 });
  return {
    suite: 'codec',
    case: `${message.name}: encode, decode, read all`,
    baseline: 'hand-written',
    others: ['protobufjs', 'msgpackr'],
    estimates,
    targets: {
      'command table': { most: 1.3 },
    },
  };
}

/** A comparison of different work would say nothing: both codecs must make and read the same bytes. */
function checkSameBytes<T>(
  { name, value, table, handWritten, read }: MeasuredMessage<T>,
  bytes: Uint8Array,
  view: DataView,
): void {
  const length = table.encode(value, view);
  const expected = bytes.slice(0, length);
  const total = read(table.decode(view, length), bigints);
  bytes.fill(0xff);
  const ownLength = handWritten.encode(value, view);
  bytes.fill(0, ownLength, length); // spare bytes at the end, which the driver sends as zeros
  assert.deepEqual(bytes.slice(0, length), expected, name);
  assert.equal(read(handWritten.decode(view, length), bigints), total, name);
}

/** One message encoded, decoded and read. */
export async function measure(progress: (text: string) => void): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  progress(measuredMessages.submit.name);
  comparisons.push(await compare(measuredMessages.submit));
  progress(measuredMessages.createAllocation.name);
  comparisons.push(await compare(measuredMessages.createAllocation));
  comparisons.push(...(await measurePairs(progress)));
  assert.ok(Number.isFinite(sumOfAll()));
  return comparisons;
}
