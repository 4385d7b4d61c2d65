import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commands, encodeReply, encodeRequest, NtStatus } from '@dxgwire/protocol';
import { replyToProtobuf, requestToProtobuf } from '@dxgwire/protocol/protobuf';
import type { CaptureRecord } from '@dxgwire/transport/capture';
import { MOST_REQUESTS } from './commands/trace-packets.ts';
import { ChromeTrace } from './export/chrome-trace.ts';
import { PackedRecords } from './packed-records.ts';

const VERSION = 40;
const def = commands.createDevice;
const view = new DataView(new ArrayBuffer(4096));
const header = { version: VERSION, process: 0x40, vgpuLuid: { low: 1, high: 0 }, async: false };
const question = { flags: {}, errorCode: false };
const askedBytes = encodeRequest(def as never, header, question as never, view, 0);
const asked = new Uint8Array(view.buffer.slice(0, askedBytes));
const { bytes: askedProtobuf, pending } = requestToProtobuf(asked);
new Uint8Array(view.buffer).fill(0);
const answer = { device: 0x123, status: NtStatus.success };
const answeredBytes = encodeReply(def as never, VERSION, answer as never, view, 0, question);
const answered = new Uint8Array(view.buffer.slice(0, answeredBytes));
const answeredProtobuf = replyToProtobuf(pending, answered);

function packet(direction: 'g2h' | 'h2g', id: number, bytes: Uint8Array): CaptureRecord {
  const isAsked = direction === 'g2h';
  const kind = { kind: 'packet', packetKind: isAsked ? 6 : 11, flags: isAsked ? 1 : 0 } as const;
  return { ...kind, timeUs: id, direction, channel: 2, idLow: id, idHigh: 0, bytes };
}

function bytesOf(record: CaptureRecord): Uint8Array | null {
  return record.kind === 'packet' ? record.bytes : null;
}

describe('requests that are never answered', () => {
  it('are kept up to a number, whatever the length of a capture of protobuf packets', () => {
    const records = new PackedRecords();
    for (let id = 1; id <= MOST_REQUESTS + 1; id += 1)
      assert.deepEqual(bytesOf(records.packed(packet('g2h', id, askedProtobuf))), asked);
    assert.deepEqual(bytesOf(records.packed(packet('h2g', 2, answeredProtobuf))), answered);
    assert.notDeepEqual(bytesOf(records.packed(packet('h2g', 1, answeredProtobuf))), answered);
  });

  it('are bars of a trace without an end that are written when there are too many', () => {
    const trace = new ChromeTrace();
    let text = trace.begin();
    for (let id = 1; id <= MOST_REQUESTS + 2; id += 1) text += trace.add(packet('g2h', id, asked)) ?? '';
    const bars = () => text.match(/"ph":"b",[^\n]*CreateDevice \(no answer\)/g)?.length ?? 0;
    assert.equal(bars(), 2);
    text += trace.end();
    assert.equal(bars(), MOST_REQUESTS + 2);
    assert.ok(Array.isArray(JSON.parse(text)));
  });
});
