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
    for (const version of [0, 3, 1.5, '2', null]) {
      refuses(/a capture of version .*; this program reads 1 to 2/, { ...HEADER, version });
    }
    refuses(/version undefined/, { format: CAPTURE_FORMAT });
  });

  it('with a header that says what cannot be is refused', () => {
    for (const [pattern, fields] of [
      [/link or codec/, { link: 7 }],
      [/link or codec/, { codec: undefined }],
      [/side that was tapped/, { side: 'x' }],
      [/guest memory of another kind/, { memory: 'x' }],
      [/a number that is NaN/, { startedAt: Number.NaN }],
      [/a number that is text/, { startedAt: 'text' }],
      [/a number that is 9223372036854775808/, { startedAt: 2n ** 63n }],
      [/a beginning at 8640000000000001 ms/, { startedAt: 8.64e15 + 1 }],
    ] as const)
      refuses(pattern, { ...HEADER, ...fields });
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
      [/4294967296 where 32 bits are/, [RecordKind.packet, 0, 0, 1, 6, 2 ** 32, 0, 0, bytes]],
      [/4294967296 where 32 bits are/, [RecordKind.packet, 0, 0, 1, 6, 0, 2 ** 32, 0, bytes]],
      [/4294967296 where 32 bits are/, [RecordKind.windowStore, 0, 8, 0, 2 ** 32]],
      [/1 bytes of memory where 8 are/, [RecordKind.windowPublish, 0, 1, 0, 8, bytes]],
      [/1 bytes of memory where 0 are/, [RecordKind.memoryContent, 0, 0, 0, 0, bytes]],
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

  it('may name a packet or a store by an earlier one', () => {
    const payload = Uint8Array.from({ length: 24 }, (_, index) => index);
    const packet = [RecordKind.packet, 1000, 0, 4, 6, 1, 2, 3, payload];
    const others = Uint8Array.of(90, 91, 92, 93, 94, 95, 96, 97, 80, 81, 82, 83, 84, 85, 86, 87);
    const none = new Uint8Array(0);
    const records = read(
      HEADER,
      packet,
      [RecordKind.packetAgain, 5, 3, 77, 0b101, others],
      [RecordKind.windowStore, 2000, 64 + 24, 1, 9],
      [RecordKind.windowStoreAgain + 3, 7, 2],
      [RecordKind.packetAgain, 1, 3, 78, 0, none],
    );
    const changed = [...others.subarray(0, 8), ...payload.subarray(8, 16), ...others.subarray(8)];
    const like = { kind: 'packet', direction: 'g2h', channel: 4, packetKind: 6, idHigh: 2, flags: 3 };
    assert.deepEqual(
      records.map((record) => ('bytes' in record ? { ...record, bytes: [...record.bytes!] } : record)),
      [
        { ...like, timeUs: 1000, idLow: 1, bytes: [...payload] },
        { ...like, timeUs: 1005, idLow: 77, bytes: changed },
        { kind: 'windowStore', timeUs: 2000, offset: 88, low: 1, high: 9 },
        { kind: 'windowStore', timeUs: 2007, offset: 88, low: 2, high: 9 },
        { ...like, timeUs: 2008, idLow: 78, bytes: changed },
      ],
    );
  });

  it('that names an earlier one which is not there, or changes it otherwise than it says, is refused', () => {
    const packet = [RecordKind.packet, 0, 0, 4, 6, 1, 2, 3, new Uint8Array(16)];
    const long = new Uint8Array(8);
    const again = RecordKind.packetAgain;
    for (const [pattern, record] of [
      [/a packet like one that is not there, 3/, [again, 0, 3, 1, 0, new Uint8Array(0)]],
      [/a packet like one that is not there, 9000/, [again, 0, 9000, 1, 0, new Uint8Array(0)]],
      [/not those it names/, [again, 0, 2, 1, 1, new Uint8Array(7)]],
      [/not those it names/, [again, 0, 2, 1, 0, long]],
      [/not those it names/, [again, 0, 2, 1, 3, long]],
      [/not those it names/, [again, 0, 2, 1, 4, long]],
      [/not those it names/, [again, 0, 2, 1, 2 ** 32 + 1, long]],
      [/a number that is -1/, [again, 0, -1, 1, 1, long]],
      [/bytes that are none/, [again, 0, 2, 1, 1, 'text']],
      [/a number that is undefined/, [again, 0]],
      [/a store where none was, 7/, [RecordKind.windowStoreAgain + 7, 0, 1]],
    ] as const)
      refuses(pattern, HEADER, packet, record);
    // The first version has no such records: they are skipped like others that it does not know.
    assert.deepEqual(read({ ...HEADER, version: 1 }, [again, 0, 3, 1, 0, 'text'], [RecordKind.start, 5]), [
      { kind: 'start', timeUs: 5 },
    ]);
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
