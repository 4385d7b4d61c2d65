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
import {
  decodeReply as decodeReplyPlainly,
  decodeRequest,
  type Plain,
  type PlainStruct,
  replySize,
} from './decoder.ts';
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

function camel(name: string): string {
  return name.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** How many leaves were compared: a walk that compares nothing proves nothing. */
let compared = 0;

/** Parts that the codec leaves as bytes. */
const opaque = new Set<string>();

/** Names that the codec made up where the facts have only alternatives of a union. */
const renamed = new Set<string>();

/** Walks the codec's value and looks up each part of it in what the plain decoder read. */
function agree(value: unknown, plain: Plain | undefined, where: string): void {
  if (plain === undefined) {
    renamed.add(where);
    return;
  }
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') {
    let other: Plain = plain;
    if (typeof other === 'object' && 'v' in other) other = other['v']!;
    else if (typeof other === 'object' && 'value' in other) other = other['value']!;
    else if (typeof other === 'object' && 'flags' in other) other = other['flags']!;
    if (typeof value === 'number' && typeof other === 'number') assert.equal(value >>> 0, other >>> 0, where);
    else if (typeof value === 'boolean')
      assert.equal(value, Boolean(other), where); // a bit, or a byte
    else assert.equal(value, other, where);
    compared += 1;
    return;
  }
  if (typeof value === 'string') {
    const units = plain as number[];
    const end = units.indexOf(0);
    assert.equal(value, String.fromCharCode(...units.slice(0, end < 0 ? units.length : end)), where);
    compared += 1;
    return;
  }
  if (value instanceof Uint8Array) {
    if (!(plain instanceof Uint8Array) && !Array.isArray(plain)) {
      opaque.add(where); // the codec hands it over as bytes, the facts give it members
      return;
    }
    assert.deepEqual([...value], [...(plain as Uint8Array)], where);
    compared += 1;
    return;
  }
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    const items = [...(value as unknown as Iterable<unknown>)];
    const others = plain as Plain[];
    assert.equal(items.length, others.length, `${where}: length`);
    items.forEach((item, index) => {
      agree(item, others[index], `${where}[${index}]`);
    });
    return;
  }
  const members = plain as PlainStruct;
  if ('a' in members && 'b' in members && Object.keys(members).length === 2) {
    assert.deepEqual(value, { low: members['a'], high: members['b'] }, where);
    compared += 1;
    return;
  }
  const byCamel = new Map(Object.entries(members).map(([name, member]) => [camel(name), member]));
  for (const [name, member] of Object.entries(value as Record<string, unknown>)) {
    if (member === undefined || name === 'rest') continue;
    agree(member, byCamel.get(name), `${where}.${name}`);
  }
}

function bytesOf(line: Line): DataView {
  const bytes = new Uint8Array(line.len);
  bytes.set(Buffer.from(line.hex, 'hex'));
  return new DataView(bytes.buffer);
}

/** Brings a value of the codec into the wire's order. Per-allocation private data stands as one blob on the wire and beside its allocation in the codec's value. */
function asOnTheWire(name: string, body: Record<string, unknown>): Record<string, unknown> {
  if (name === 'SignalSyncObject') {
    // One of two members of a union: the flag enqueue_cpu_event (bit 1) says which.
    const { cpuEventHandle, device, ...rest } = body;
    return ((body['flags'] as number) & 2) !== 0 ? { ...rest, cpuEventHandle } : { ...rest, device };
  }
  if (name !== 'CreateAllocation') return body;
  const result = { ...body };
  for (const list of ['allocInfo', 'allocationInfo']) {
    if (!(list in body)) continue;
    const items = body[list] as Record<string, unknown>[];
    result['allocPrivDrvData'] = new Uint8Array(
      Buffer.concat(items.map((item) => item['privDrvData'] as Uint8Array)),
    );
    result[list] = items.map(({ privDrvData: _, ...rest }) => rest);
  }
  return result;
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
  assert.ok(compared > 2000, `${compared} values`);
});
