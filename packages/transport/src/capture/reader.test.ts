import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Packr } from 'msgpackr';
import { CaptureError, CaptureReader } from './reader.ts';
import { CAPTURE_FORMAT, CAPTURE_VERSION, RecordKind } from './records.ts';

const packr = new Packr({ useRecords: false });
const HEADER = {
  format: CAPTURE_FORMAT,
  version: CAPTURE_VERSION,
  link: 'none',
  codec: 'dxgkrnl',
  side: 'link',
  startedAt: 0,
};

function read(header: unknown, ...records: unknown[]) {
  const reader = new CaptureReader();
  return reader.push(Buffer.concat([header, ...records].map((value) => packr.pack(value))));
}

function refuses(pattern: RegExp, header: unknown, ...records: unknown[]): void {
  assert.throws(
    () => read(header, ...records),
    (error) => {
      assert.ok(error instanceof CaptureError, String(error));
      assert.match(error.message, pattern);
      return true;
    },
  );
}

describe('a capture', () => {
  it('of another kind or version is refused by name', () => {
    for (const header of [null, 5, [], { format: 'pcap' }]) refuses(/begin like a capture/, header);
    refuses(/version 2; this program reads 1/, { ...HEADER, version: 2 });
    refuses(/version undefined/, { format: CAPTURE_FORMAT });
  });

  it('with a field that cannot be is refused, and the field is named', () => {
    const bytes = Uint8Array.of(1);
    const guids = [new Uint8Array(16), new Uint8Array(16)];
    for (const [pattern, record] of [
      [/no list/, 'text'],
      [/no list/, { kind: 1 }],
      [/a number that is -1/, [RecordKind.start, -1]],
      [/a number that is 0.5/, [RecordKind.rescind, 0, 0.5]],
      [/a number that is NaN/, [RecordKind.gap, 0, Number.NaN, 0]],
      [/a number that is undefined/, [RecordKind.memoryBlock, 0, 4096]],
      [/a number that is 9007199254740992/, [RecordKind.memoryRead, 0, 2 ** 53, 1]],
      [/direction that is neither/, [RecordKind.packet, 0, 2, 1, 6, 0, 0, 0, bytes]],
      [/direction that is neither/, [RecordKind.windowPublish, 0, 'g2h', 0, 1, bytes]],
      [/bytes that are none/, [RecordKind.packet, 0, 1, 1, 6, 0, 0, 0, 'text']],
      [/bytes that are none/, [RecordKind.memoryPublish, 0, 0, 0, 1, 7]],
      [/bytes that are none/, [RecordKind.offer, 0, 1, guids[0], null, 4]],
      [/reason that is no text/, [RecordKind.channelClose, 0, 1, 7]],
      [/reason that is no text/, [RecordKind.busClose, 0]],
      [/page ranges that are no list/, [RecordKind.gpadlCreate, 0, 1, 'text']],
      [/page range that is no pair/, [RecordKind.gpadlCreate, 0, 1, [[1, 2, 3]]]],
      [/page range that is no pair/, [RecordKind.gpadlCreate, 0, 1, [4096]]],
      [/a number that is -4096/, [RecordKind.gpadlCreate, 0, 1, [[-4096, 4096]]]],
    ] as const)
      refuses(pattern, HEADER, record);
  });

  it('may hold records of a later version, which are skipped', () => {
    assert.deepEqual(read(HEADER, [250, 3, 'something'], [RecordKind.start, 5, 'and more']), [
      { kind: 'start', timeUs: 5 },
    ]);
  });

  it('whose record never ends is refused before it is all of the memory', () => {
    const reader = new CaptureReader();
    reader.push(packr.pack(HEADER));
    // A record that claims 1 GiB of bytes: a list of nine, then `bin 32`.
    reader.push(Uint8Array.of(0x99, 1, 0, 0, 1, 6, 0, 0, 0, 0xc6, 0x40, 0, 0, 0));
    const mebibyte = new Uint8Array(1 << 20);
    assert.throws(
      () => {
        for (let count = 0; count < 20; count += 1) reader.push(mebibyte);
      },
      (error) => error instanceof CaptureError && /longer than 16777216 bytes/.test(error.message),
    );
  });
});
