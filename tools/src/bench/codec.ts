import assert from 'node:assert/strict';
import { Packr } from 'msgpackr';
import { type MeasuredMessage, measuredMessages } from './codec-messages.ts';
import { measurePairs } from './codec-pairs.ts';
import type { Comparison } from './report.ts';
import { sample, type Way } from './sampling.ts';

/** Keeps results alive, so that no loop is optimised away. */
let sink = 0;

function loop(step: () => number): Way['run'] {
  return (count) => {
    let total = 0;
    for (let i = 0; i < count; i++) total += step();
    sink += total;
    return undefined;
  };
}

async function compare<T>(message: MeasuredMessage<T>): Promise<Comparison> {
  const { value, table, handWritten, protobufType, protobufValue, read } = message;
  const bytes = new Uint8Array(1024);
  const view = new DataView(bytes.buffer);
  checkSameBytes(message, bytes, view);

  // Structures are sent once and named afterwards: msgpackr's fastest way for messages of one shape.
  const packr = new Packr({ useRecords: true, structures: [], int64AsType: 'bigint', moreTypes: false });
  packr.unpack(packr.pack(value));

  const ways: Way[] = [
    {
      name: 'hand-written',
      run: loop(() => read(handWritten.decode(view, handWritten.encode(value, view)))),
    },
    { name: 'command table', run: loop(() => read(table.decode(view, table.encode(value, view)))) },
    {
      name: 'protobufjs',
      run: loop(() => read(protobufType.decode(protobufType.encode(protobufValue).finish()) as unknown as T)),
    },
    { name: 'msgpackr', run: loop(() => read(packr.unpack(packr.pack(value)) as T)) },
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
  const total = read(table.decode(view, length));
  bytes.fill(0xff);
  const ownLength = handWritten.encode(value, view);
  bytes.fill(0, ownLength, length); // spare bytes at the end, which the driver sends as zeros
  assert.deepEqual(bytes.slice(0, length), expected, name);
  assert.equal(read(handWritten.decode(view, length)), total, name);
}

/** One message encoded, decoded and read. */
export async function measure(progress: (text: string) => void): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  progress(measuredMessages.submit.name);
  comparisons.push(await compare(measuredMessages.submit));
  progress(measuredMessages.createAllocation.name);
  comparisons.push(await compare(measuredMessages.createAllocation));
  comparisons.push(...(await measurePairs(progress)));
  assert.ok(Number.isFinite(sink));
  return comparisons;
}
