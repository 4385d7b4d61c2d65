import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  commandById,
  createCommandHeader,
  decodeHeader,
  decodeReply,
  minimumReplyBytes,
} from '@dxgwire/protocol';
import { agree, asOnTheWire, opaque, renamed, tally } from './agreement.ts';
import { decodeReply as decodeReplyPlainly, decodeRequest, type PlainStruct, replySize } from './decoder.ts';
import { facts } from './facts.ts';

/** What a real driver and a stand-in host said to each other (test/fixtures/traces/README.md). */
interface Line {
  type: string;
  channel: number;
  dir: 'g2h' | 'h2g';
  id: number;
  len: number;
  hex: string;
  zeros?: number;
  name: string;
  reply_min?: number;
}

const path = new URL('../../fixtures/traces/full-v40-sync-gpadl.jsonl', import.meta.url);
const lines = readFileSync(path, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Line);

const VERSION = 40;

function bytesOf(line: Line): DataView {
  const bytes = new Uint8Array(line.len);
  bytes.set(Buffer.from(line.hex, 'hex'));
  return new DataView(bytes.buffer);
}

test('the codec and the decoder written from the facts read the same in every packet of a real driver', () => {
  const requests = new Map<
    string,
    { body: object; plain: PlainStruct; id: number; channel: 'vgpu' | 'global' }
  >();
  const header = createCommandHeader();
  let packets = 0;
  for (const line of lines) {
    if (line.type !== 'inband' && line.type !== 'completion') continue;
    const view = bytesOf(line);
    if (line.dir === 'g2h') {
      decodeHeader(view, 0, line.len, VERSION, header);
      const channel = header.channelType === 0 ? 'vgpu' : 'global';
      const def = commandById(channel, header.commandType);
      assert.ok(def?.request, line.name);
      const command = facts.commands.find(
        (item) => item.channel === channel && item.id === header.commandType,
      )!;
      const start = header.commandOffset;
      const plain = decodeRequest(command, view, start, line.len - start, VERSION);
      const body = def.request.decode(view, header.bodyOffset, header.bodyLength) as Record<string, unknown>;
      agree(asOnTheWire(def.name, body), plain, def.name);
      if (line.reply_min !== undefined) {
        assert.equal(minimumReplyBytes(def, VERSION, body), line.reply_min, `${def.name}: least reply`);
        assert.equal(replySize(command, plain, VERSION), line.reply_min, `${def.name}: least reply, plainly`);
      }
      requests.set(`${line.channel}:${line.id}`, { body, plain, id: header.commandType, channel });
    } else if (line.type === 'completion') {
      const request = requests.get(`${line.channel}:${line.id}`)!;
      const def = commandById(request.channel, request.id)!;
      if (def.reply === null || line.len < minimumReplyBytes(def, VERSION, request.body)) continue;
      const command = facts.commands.find(
        (item) => item.channel === request.channel && item.id === request.id,
      )!;
      const plain = decodeReplyPlainly(command, request.plain, view, 0, line.len, VERSION);
      const body = decodeReply(def, VERSION, view, 0, line.len, request.body) as Record<string, unknown>;
      agree(asOnTheWire(def.name, body), plain, `${def.name} reply`);
    }
    packets += 1;
  }
  assert.deepEqual([...opaque].sort(), ['QueryStatistics reply.result', 'QueryStatistics.args.result']);
  assert.deepEqual([...renamed].sort(), [
    'CreateNtSharedObject reply.sharedHandle',
    'CreateSyncObject.args.info.mutex',
    'QueryStatistics.args.selector',
  ]);
  assert.ok(packets > 300, `${packets} packets`);
  assert.ok(tally.compared > 2000, `${tally.compared} values`);
});
