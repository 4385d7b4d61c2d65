import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { channelOf, createCommandHeader, decodeHeader } from './header.ts';
import { decodeReply, encodeHostMessage, encodeReply, encodeRequest, minimumReplyBytes } from './message.ts';
import { commandById, type commands } from './registry.ts';
import type { CommandDef } from './schema/command.ts';

/** Packets of the unmodified Linux driver: each decodes, and encodes to the same bytes. */

interface Packet {
  readonly dir: 'g2h' | 'h2g';
  readonly type: string;
  readonly channel: number;
  readonly id: number;
  readonly name: string;
  readonly hex: string;
  readonly zeros?: number;
  readonly reply_min?: number;
}

const header = createCommandHeader();
const space = new Uint8Array(256 * 1024);
const spaceView = new DataView(space.buffer);

function bytesOf({ hex, zeros }: Packet): Uint8Array {
  return new Uint8Array(Buffer.concat([Buffer.from(hex, 'hex'), Buffer.alloc(zeros ?? 0)]));
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Decodes a guest's packet and encodes it again; returns the command and the request's body. */
function checkRequest(packet: Packet): { def: CommandDef; body: object } {
  const bytes = bytesOf(packet);
  decodeHeader(view(bytes), 0, bytes.length, 40, header);
  const def = commandById(channelOf(header), header.commandType);
  assert.ok(def?.request != null, packet.name);
  assert.equal(def.name, packet.name);
  const body = def.request.decode(view(bytes), header.bodyOffset, header.bodyLength) as object;
  const { process, async } = header;
  const vgpuLuid = { low: header.vgpuLuidLow, high: header.vgpuLuidHigh };
  space.fill(0xcc, 0, bytes.length);
  const size = encodeRequest(def, { version: 40, process, vgpuLuid, async }, body, spaceView, 0);
  assert.deepEqual(space.slice(0, size), bytes, packet.name);
  if (packet.reply_min !== undefined)
    assert.equal(minimumReplyBytes(def, 40, body), packet.reply_min, packet.name);
  return { def, body };
}

/** Decodes a reply and encodes it again. A header copy in it is the host's own affair. */
function checkReply(packet: Packet, def: CommandDef, body: object): void {
  const bytes = bytesOf(packet);
  if (bytes.length < minimumReplyBytes(def, 40, body)) return;
  const value = decodeReply(def, 40, view(bytes), 0, bytes.length, body);
  space.fill(0xcc, 0, bytes.length);
  const size = encodeReply(def, 40, value, spaceView, 0, body);
  const start = def.replyHasHeader ? 24 : 0;
  assert.deepEqual(space.slice(start, size), bytes.slice(start, size), packet.name);
}

// Vectors checked by hand against the layouts: header fields, then body, little endian.
const vectors: readonly Packet[] = [
  {
    dir: 'g2h',
    type: 'inband',
    channel: 1,
    id: 1,
    name: 'SetIoSpaceRegion',
    hex: '1000000000000000000000000000000000000000000000000000000001000000f203000000000000000000001000000000000001000000000000000000000000',
    reply_min: 4,
  },
];

test('hand-checked packets decode and encode to the same bytes', () => {
  for (const packet of vectors) checkRequest(packet);
});

const trace = new URL('../../../test/fixtures/traces/full-v40-sync-gpadl.jsonl', import.meta.url);

test('every packet of the recorded scenario decodes and encodes to the same bytes', () => {
  const pending = new Map<string, { def: CommandDef; body: object }>();
  let requests = 0;
  for (const line of readFileSync(trace, 'utf8').split('\n')) {
    if (line === '') continue;
    const packet = JSON.parse(line) as Packet;
    const key = `${packet.channel} ${packet.id}`;
    if (packet.type === 'inband' && packet.dir === 'g2h') {
      requests++;
      pending.set(key, checkRequest(packet));
    } else if (packet.type === 'completion') {
      const { def, body } = pending.get(key) as { def: CommandDef; body: object };
      checkReply(packet, def, body);
    } else if (packet.type === 'inband') {
      const bytes = bytesOf(packet);
      decodeHeader(view(bytes), 0, bytes.length, 0, header);
      const def = commandById('host', header.commandType) as typeof commands.setGuestData;
      assert.equal(def.name, packet.name);
      const body = def.request?.decode(view(bytes), header.bodyOffset, header.bodyLength);
      const size = encodeHostMessage(def, body ?? {}, spaceView, 0);
      assert.deepEqual(space.slice(0, size), bytes, packet.name);
    }
  }
  assert.ok(requests > 200);
});
