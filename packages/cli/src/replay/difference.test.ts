import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commands, encodeReply, encodeRequest, NtStatus, QueryStatisticsType } from '@dxgwire/protocol';
import type { CaptureRecord } from '@dxgwire/transport/capture';
import { differenceOf, isOfClocksOnly } from './difference.ts';

type PacketRecord = CaptureRecord & { kind: 'packet' };
type Command = (typeof commands)[keyof typeof commands];

const VERSION = 40;

function packet(direction: 'g2h' | 'h2g', packetKind: number, bytes: Uint8Array): PacketRecord {
  const place = { channel: 2, idLow: 5, idHigh: 0, flags: direction === 'g2h' ? 1 : 0 };
  return { kind: 'packet', timeUs: 0, direction, packetKind, bytes, ...place };
}

/** A request and its answer as packets. */
function pair(def: Command, request: object, reply: object): { asked: PacketRecord; answered: PacketRecord } {
  const view = new DataView(new ArrayBuffer(4096));
  const header = { version: VERSION, process: 0x40, vgpuLuid: { low: 1, high: 0 }, async: false };
  const asked = encodeRequest(def as never, header, request as never, view, 0);
  const question = new Uint8Array(view.buffer.slice(0, asked));
  new Uint8Array(view.buffer).fill(0);
  const answered = encodeReply(def as never, VERSION, reply as never, view, 0, request);
  return {
    asked: packet('g2h', 6, question),
    answered: packet('h2g', 11, new Uint8Array(view.buffer.slice(0, answered))),
  };
}

/** Up to so many bytes, each bit is tried; of longer answers one bit of each byte. */
const SHORT_BYTES = 100;

/** Offsets of the bytes in which an answer may differ: bits are tried by themselves. */
function excused({ answered, asked }: { asked: PacketRecord; answered: PacketRecord }): number[] {
  const offsets = new Set<number>();
  const step = answered.bytes.length > SHORT_BYTES ? 7 : 1;
  for (let bit = 0; bit < answered.bytes.length * 8; bit += step) {
    const own = answered.bytes.slice();
    own[bit >> 3] = own[bit >> 3]! ^ (1 << (bit & 7));
    if (isOfClocksOnly(asked, answered, own)) offsets.add(bit >> 3);
    else assert.match(differenceOf(asked, answered, own), /recorded .+, now .+/);
  }
  return [...offsets];
}

const range = (from: number, length: number) => Array.from({ length }, (_, index) => from + index);

const clocks = pair(
  commands.queryClockCalibration,
  { args: { adapter: 0x40, nodeOrdinal: 0, physicalAdapterIndex: 0 } },
  {
    status: NtStatus.success,
    clockData: { gpuFrequency: 1_000_000n, gpuClockCounter: 77n, cpuClockCounter: 88n, flags: {} },
  },
);

function statistics(type: number) {
  const result = new Uint8Array(776).fill(7);
  const args = { type, adapterLuid: { low: 1, high: 0 }, process: 0n, selector: 0n };
  return pair(commands.queryStatistics, { args }, { status: NtStatus.success, result });
}

describe('answers that tell the time', () => {
  it('may differ in the two counters of QueryClockCalibration, and in no other bit', () => {
    const at = excused(clocks);
    const first = at[0] ?? -1;
    assert.deepEqual(at, range(first, 16));
    // Status, frequency and flags lie around the counters.
    assert.ok(first >= 12 && first + 16 < clocks.answered.bytes.length + 1, `${first}`);
    const other = clocks.answered.bytes.slice();
    const view = new DataView(other.buffer);
    assert.equal(view.getBigUint64(first, true), 77n);
    assert.equal(view.getBigUint64(first + 8, true), 88n);
    view.setBigUint64(first - 8, 999n, true);
    view.setBigUint64(first, 78n, true);
    assert.match(
      differenceOf(clocks.asked, clocks.answered, other),
      /gpuFrequency: recorded 1000000, now 999$/,
    );
  });

  it('may differ in how long a node has run, and in no other bit of statistics', () => {
    for (const type of [QueryStatisticsType.node, QueryStatisticsType.processNode]) {
      const asked = statistics(type);
      const at = excused(asked);
      assert.deepEqual(at, range(asked.answered.bytes.indexOf(7), 8));
    }
    for (const type of [QueryStatisticsType.segment, QueryStatisticsType.adapter]) {
      assert.deepEqual(excused(statistics(type)), []);
    }
  });

  it('are no others, and none that are shorter or whose question is not known', () => {
    const { answered, asked } = clocks;
    assert.equal(isOfClocksOnly(asked, answered, answered.bytes.slice(0, -8)), false);
    assert.equal(isOfClocksOnly(null, answered, answered.bytes), false);
    const created = pair(
      commands.createDevice,
      { flags: {}, errorCode: false },
      { device: 0x123, status: NtStatus.success },
    );
    assert.deepEqual(excused(created), []);
  });
});
