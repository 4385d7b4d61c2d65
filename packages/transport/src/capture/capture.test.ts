import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createInProcessBus } from '../mock-vmbus/in-process.ts';
import { type Channel, GLOBAL_CHANNEL_INDEX, PAGE_BYTES, PacketKind } from '../transport.ts';
import { CaptureError, CaptureReader } from './reader.ts';
import { type CaptureOptions, CaptureRecorder, type ChunkWriter } from './recorder.ts';
import type { CaptureRecord } from './records.ts';
import { tapGuestBus } from './tap-guest.ts';
import { tapHostBus } from './tap-host.ts';

class MemoryWriter implements ChunkWriter {
  readonly chunks: Uint8Array[] = [];
  /** While set, writes wait for it. */
  gate: Promise<void> | null = null;

  async write(chunk: Uint8Array): Promise<void> {
    await this.gate;
    this.chunks.push(chunk.slice());
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  get bytes(): Uint8Array {
    return Buffer.concat(this.chunks);
  }
}

function read(bytes: Uint8Array): CaptureReader & { records: CaptureRecord[] } {
  const reader = new CaptureReader();
  return Object.assign(reader, { records: reader.push(bytes) });
}

const guid = (first: number) => Uint8Array.from({ length: 16 }, (_, index) => first + index);

/** A host that echoes, and a guest that does one of each thing; both ends tapped. */
async function session(options: CaptureOptions): Promise<{ host: MemoryWriter; guest: MemoryWriter }> {
  const writers = { host: new MemoryWriter(), guest: new MemoryWriter() };
  const recorders = {
    host: new CaptureRecorder(writers.host, options),
    guest: new CaptureRecorder(writers.guest, options),
  };
  const ends = createInProcessBus({ guestMemoryBytes: 1 << 20, windowMegabytes: 1 });
  const host = tapHostBus(ends.host, recorders.host);
  const guest = tapGuestBus(ends.guest, recorders.guest);
  const writes: number[] = [];
  let gpadl = 0;
  host.onChannelOpen = (channel) => {
    channel.onPacket = ({ bytes, idHigh, idLow, length, offset }) => {
      host.memory.gpadl(gpadl);
      host.window.bytes[8] = 7;
      host.window.publish(8, 1);
      host.window.storeU64(16, 5, 6);
      channel.send(PacketKind.completion, idLow, idHigh, 0, bytes, offset, length);
    };
  };
  const offered = new Promise<void>((resolve) => {
    guest.onPciFunction = () => resolve();
  });
  host.offer({ classGuid: guid(1), instanceGuid: guid(2), mmioMegabytes: 1 });
  const onWrite = (_: number, value: number) => writes.push(value);
  const pci = { vendorId: 0x1414, deviceId: 0x8e, config: new Uint8Array(256), onWrite };
  host.offer({ classGuid: guid(3), instanceGuid: guid(4), mmioMegabytes: 0, pci });
  host.start();
  await offered;
  guest.pciFunctions[0]?.writeConfig32(208, 40);
  const channel: Channel = await guest.open(GLOBAL_CHANNEL_INDEX);
  const block = guest.memory.allocate(PAGE_BYTES);
  block.bytes[0] = 9;
  block.flush(0, 1);
  const id = await guest.createGpadl([block]);
  gpadl = id;
  const answered = new Promise<number>((resolve) => {
    channel.onPacket = ({ length }) => resolve(length);
  });
  channel.send(PacketKind.inBand, 3, 4, 1, Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8), 1, 8);
  assert.equal(await answered, 8);
  await guest.teardownGpadl(id);
  guest.memory.free(block);
  const ended = new Promise<void>((resolve) => {
    host.onClose = () => resolve();
  });
  await guest.close();
  await ended;
  assert.deepEqual(writes, [40]);
  await recorders.host.close();
  await recorders.guest.close();
  return writers;
}

function without<T extends { readonly timeUs: number }>({ timeUs: _, ...rest }: T): Omit<T, 'timeUs'> {
  return rest;
}

const payload = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const packet = (direction: 'g2h' | 'h2g', packetKind: number, flags: number) => ({
  kind: 'packet' as const,
  direction,
  channel: 1,
  packetKind,
  idLow: 3,
  idHigh: 4,
  flags,
  bytes: payload,
});

describe('capture', () => {
  it('holds everything that happened on the host end, in order', async () => {
    const { host } = await session({ maxPublishedBytes: 64 });
    const { header, records, tail } = read(host.bytes);
    assert.equal(header?.link, 'in-process');
    assert.equal(header?.side, 'host');
    assert.equal(header?.codec, 'dxgkrnl');
    assert.equal(tail.length, 0);
    assert.deepEqual(
      records.map(({ kind }) => kind),
      [
        'offer',
        'offer',
        'start',
        'pciWrite',
        'channelOpen',
        'packet',
        'gpadlCreate',
        'windowPublish',
        'windowStore',
        'packet',
        'gpadlTeardown',
        'channelClose',
        'busClose',
      ],
    );
    const packets = records.filter(({ kind }) => kind === 'packet').map(without);
    assert.deepEqual(packets, [packet('g2h', 6, 1), packet('h2g', 11, 0)]);
    const store = records.find(({ kind }) => kind === 'windowStore');
    assert.deepEqual(store && without(store), { kind: 'windowStore', offset: 16, low: 5, high: 6 });
    const published = records.find(({ kind }) => kind === 'windowPublish');
    assert.ok(published?.kind === 'windowPublish');
    assert.deepEqual(published.bytes, Uint8Array.of(7));
    const times = records.map(({ timeUs }) => timeUs);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
  });

  it('holds what the guest end did, published bytes only when asked', async () => {
    const { guest } = await session({});
    const { header, records } = read(guest.bytes);
    assert.equal(header?.side, 'guest');
    const flushed = records.find(({ kind }) => kind === 'memoryPublish');
    assert.ok(flushed?.kind === 'memoryPublish');
    assert.deepEqual([flushed.direction, flushed.length, flushed.bytes], ['g2h', 1, null]);
    const packets = records.filter(({ kind }) => kind === 'packet').map(without);
    assert.deepEqual(packets, [packet('g2h', 6, 1), packet('h2g', 11, 0)]);
    assert.ok(records.some(({ kind }) => kind === 'gpadlCreate'));
    assert.ok(records.some(({ kind }) => kind === 'pciWrite'));
  });

  it('reads the same in pieces of any size, and as far as it goes when cut', async () => {
    const { host } = await session({});
    const { bytes } = host;
    const whole = read(bytes).records;
    for (const size of [1, 7, 100]) {
      const reader = new CaptureReader();
      const records: CaptureRecord[] = [];
      for (let at = 0; at < bytes.length; at += size)
        records.push(...reader.push(bytes.subarray(at, at + size)));
      assert.deepEqual(records, whole);
    }
    for (let length = 0; length <= bytes.length; length += 1) {
      const { records } = read(bytes.subarray(0, length));
      assert.deepEqual(records, whole.slice(0, records.length));
    }
  });

  it('keeps to its memory when the writer is slow, and counts what it drops', async () => {
    const writer = new MemoryWriter();
    let open = () => {};
    writer.gate = new Promise((resolve) => {
      open = resolve;
    });
    const recorder = new CaptureRecorder(writer, { maxPendingBytes: 300_000 });
    recorder.begin({ link: 'none', side: 'host', codec: 'dxgkrnl' });
    const bytes = new Uint8Array(50_000);
    for (let count = 0; count < 100; count += 1)
      recorder.packet('g2h', 1, PacketKind.inBand, 1, 0, 0, bytes, 0, 50_000);
    assert.ok(recorder.pendingBytes <= 301_000, `${recorder.pendingBytes} bytes wait`);
    assert.ok(recorder.droppedRecords > 90);
    open();
    await recorder.close();
    const { records } = read(writer.bytes);
    const gap = records.at(-1);
    assert.ok(gap?.kind === 'gap');
    assert.equal(gap.records, recorder.droppedRecords);
    assert.equal(gap.lostBytes, 50_000 * recorder.droppedRecords);
    assert.equal(records.length - 1 + gap.records, 100);
  });

  it('tells a gap before what fits behind it, and records nothing once it is closed', async () => {
    const writer = new MemoryWriter();
    const recorder = new CaptureRecorder(writer, { maxPendingBytes: 1000 });
    recorder.begin({ link: 'none', side: 'host', codec: 'dxgkrnl' });
    const bytes = new Uint8Array(2000);
    const packet = (length: number) =>
      recorder.packet('g2h', 1, PacketKind.inBand, 1, 0, 0, bytes, 0, length);
    for (const length of [8, 16, 2000, 8, 1500, 24]) packet(length);
    await recorder.close();
    packet(8);
    recorder.windowStore(8, 1, 0);
    const seen = read(writer.bytes).records.map((record) =>
      record.kind === 'packet'
        ? record.bytes.length
        : record.kind === 'gap'
          ? -record.lostBytes
          : record.kind,
    );
    assert.deepEqual(seen, [8, 16, -2000, 8, -1500, 24]);
    assert.equal(recorder.pendingBytes, 0);
  });

  it('ends within a call with all that the writer has not said that it has', async () => {
    const writer = new MemoryWriter();
    const recorder = new CaptureRecorder(writer);
    recorder.begin({ link: 'bus', side: 'guest', codec: 'dxgkrnl' });
    let release = () => {};
    writer.gate = new Promise((resolve) => {
      release = resolve;
    });
    // More than a chunk: the first is on its way to a writer that does not come to it.
    const bytes = new Uint8Array(3 << 20).fill(7);
    for (let id = 1; id <= 2; id++) recorder.packet('g2h', 1, 6, id, 0, 0, bytes, 0, bytes.length);
    await Promise.resolve();
    assert.equal(writer.chunks.length, 0);
    const left = Buffer.concat(recorder.closeNow());
    assert.deepEqual(
      read(left).records.map(({ kind }) => kind),
      ['packet', 'packet'],
    );
    // What the writer holds is not taken from it.
    const held = Buffer.concat(recorder.closeNow());
    assert.ok(held.length > 0 && held.length < left.length && held.equals(left.subarray(0, held.length)));
    release();
    await recorder.close();
  });

  it('gives a writer that can take several chunks all that wait, in order, and takes their memory back', async () => {
    const whole = new MemoryWriter();
    const counts: number[] = [];
    const writer: ChunkWriter = {
      write: (chunk) => whole.write(chunk),
      writeAll: async (chunks) => {
        counts.push(chunks.length);
        for (const chunk of chunks) await whole.write(chunk);
      },
      close: () => whole.close(),
    };
    const recorder = new CaptureRecorder(writer, { maxPendingBytes: 64 << 20 });
    recorder.begin({ link: 'bus', side: 'guest', codec: 'dxgkrnl' });
    const bytes = new Uint8Array(3 << 20);
    for (let id = 1; id <= 5; id++) {
      recorder.packet('g2h', 1, 6, id, 0, 0, bytes.fill(id), 0, bytes.length);
      if (id === 2) await new Promise((resolve) => setImmediate(resolve));
    }
    await recorder.close();
    assert.ok(counts.length > 0 && counts.every((count) => count > 1 && count <= 33), counts.join());
    const { records } = read(whole.bytes);
    assert.deepEqual(
      records.map((record) => record.kind === 'packet' && [record.idLow, new Set(record.bytes)]),
      [1, 2, 3, 4, 5].map((id) => [id, new Set([id])]),
    );
  });

  it('stops recording when the writer fails, and says so once', async () => {
    const errors: string[] = [];
    const failing = { write: () => Promise.reject(new Error('disk full')), close: () => Promise.resolve() };
    const recorder = new CaptureRecorder(failing, { onError: ({ message }) => errors.push(message) });
    recorder.begin({ link: 'none', side: 'host', codec: 'dxgkrnl' });
    await recorder.close();
    recorder.note('start');
    assert.deepEqual(errors, ['disk full']);
    assert.equal(recorder.pendingBytes, 0);
  });

  it('refuses what is no capture', () => {
    for (const bytes of [Uint8Array.of(1), Buffer.from('{"type":"inband"}'), Uint8Array.of(0xc1, 2, 3)]) {
      assert.throws(() => new CaptureReader().push(bytes), CaptureError);
    }
  });
});
