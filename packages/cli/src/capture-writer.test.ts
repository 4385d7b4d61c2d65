import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { CaptureReader, type CaptureRecord, CaptureRecorder } from '@dxgwire/transport/capture';
import { CaptureFileWriter } from './capture-writer.ts';

const folder = mkdtempSync(join(tmpdir(), 'dxgwire-writer-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('the file of a capture', () => {
  it('takes bytes within a call behind those that are on their way', async () => {
    const path = join(folder, 'now');
    const writer = new CaptureFileWriter(() => open(path, 'w'));
    assert.equal(writer.writeNow(bytes('early')), false, 'not open yet');
    await writer.write(bytes('one '));
    const written = writer.writeAll([bytes('two '), bytes('three ')]);
    assert.equal(writer.writeNow(bytes('four ')), true);
    const next = written.then(() => writer.write(bytes('six')));
    assert.equal(writer.writeNow(bytes('five ')), true);
    await next;
    await writer.close();
    assert.equal(readFileSync(path, 'utf8'), 'one two three four five six');
  });

  it('is finished within a call, with what is on its way at its place', async () => {
    const path = join(folder, 'finished');
    const handle = await open(path, 'w');
    const writer = new CaptureFileWriter(async () => handle);
    await writer.write(bytes('one '));
    const written = writer.write(bytes('two '));
    assert.equal(writer.writeNow(bytes('three ')), true);
    writer.finishNow([bytes('two '), bytes('four')], handle.fd);
    assert.equal(readFileSync(path, 'utf8'), 'one two three four');
    await written;
    await writer.close();
    assert.equal(readFileSync(path, 'utf8'), 'one two three four');
  });

  it('holds all of a capture that is to be whole, however slow the writes of the other thread are', async () => {
    const path = join(folder, 'whole');
    const file = new CaptureFileWriter(() => open(path, 'w'));
    let release = () => {};
    let gate: Promise<void> = Promise.resolve();
    const slow = {
      write: async (chunk: Uint8Array) => {
        const written = file.write(chunk);
        await gate;
        await written;
      },
      writeNow: (chunk: Uint8Array) => file.writeNow(chunk),
      close: () => file.close(),
    };
    const recorder = new CaptureRecorder(slow, {
      maxPendingBytes: 20 << 20,
      maxPublishedBytes: 64 << 20,
      isWhole: true,
    });
    recorder.begin({ link: 'none', side: 'host', codec: 'dxgkrnl' });
    const packet = (id: number, lengthBytes: number) => {
      const payload = new Uint8Array(lengthBytes).fill(id);
      recorder.packet('g2h', 1, 6, id, 0, 0, payload, 0, lengthBytes);
    };
    packet(1, 300_000);
    while (!file.writeNow(new Uint8Array(0))) await new Promise((resolve) => setImmediate(resolve));
    gate = new Promise((resolve) => {
      release = resolve;
    });
    for (let id = 2; id < 90; id += 1) {
      packet(id, 400_000);
      assert.ok(recorder.pendingBytes <= 20 << 20, `${recorder.pendingBytes} bytes wait`);
    }
    // More than may ever wait: a part at a time.
    const memory = new Uint8Array(40 << 20).fill(90);
    recorder.publish('memoryContent', 'g2h', 4096, memory.length, () => memory);
    release();
    await recorder.close();
    const reader = new CaptureReader();
    const records: CaptureRecord[] = reader.push(readFileSync(path));
    assert.equal(recorder.droppedRecords, 0);
    const contents = records.flatMap((record) => (record.kind === 'memoryContent' ? [record] : []));
    assert.equal(
      contents.reduce((sum, { length }) => sum + length, 0),
      memory.length,
    );
    assert.ok(contents.every((record) => record.bytes?.every((byte) => byte === 90) === true));
    const ids = records.flatMap((record) => (record.kind === 'packet' ? [record.idLow] : []));
    assert.deepEqual(
      ids,
      Array.from({ length: 89 }, (_, index) => index + 1),
    );
    for (const record of records)
      if (record.kind === 'packet') assert.ok(record.bytes.every((byte) => byte === record.idLow));
  });
});
