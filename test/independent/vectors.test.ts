import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  type CommandDef,
  type CommandHeader,
  encodeHostMessage,
  encodeRequest,
  isProtocolError,
  Limits,
  pairCodec,
} from '@dxgwire/protocol';
import {
  eventToProtobuf,
  protobufToEvent,
  protobufToReply,
  protobufToRequest,
  replyToProtobuf,
  requestToProtobuf,
} from '@dxgwire/protocol/protobuf';
import {
  defOf,
  HEADER_BYTES,
  orNull,
  readPacket,
  readReply,
  readRequest,
  writeReply,
} from './against-codec.ts';
import { agree, asOnTheWire } from './agreement.ts';
import { commandNamed, type PlainStruct } from './decoder.ts';
import { asPacket, encodeRequest as encodePlainly } from './encoder.ts';
import type { FactsCommand } from './facts.ts';
import { makeFiles, readManifest } from './make-vectors.ts';
import {
  bytesOfVector,
  fillOf,
  hasReply,
  readPlainly,
  sha256,
  spoken,
  toJson,
  type Vector,
  viewOf,
} from './vectors.ts';

const folder = new URL('../../vectors/', import.meta.url);
const manifest = readManifest();
const newest = manifest.versions.at(-1)!;
const EXTENDED_BYTES = 16;
const space = new Uint8Array(512 * 1024);
const spaceView = viewOf(space);

/** Digest of the manifest's first version. A manifest written anew does not pass for it. */
const FIRST_VERSION = 'a689f548966b6fe6d110c811660793a78c0ea033e4b458896f06609c905b4723';

interface VectorFile {
  readonly command: string;
  readonly vectors: readonly Vector[];
}

const files = new Map<string, VectorFile>(
  Object.keys(newest.files).map((name) => [name, JSON.parse(readFileSync(new URL(name, folder), 'utf8'))]),
);

test('the vectors are those of the manifest, and a change of one is a new version', () => {
  const names = readdirSync(folder).filter((name) => name !== 'manifest.json' && name.endsWith('.json'));
  assert.deepEqual(names.sort(), [...files.keys()].sort());
  for (const [name, digest] of Object.entries(newest.files)) {
    const text = readFileSync(new URL(name, folder), 'utf8');
    assert.equal(sha256(text), digest, `${name} changed: a change of a vector needs a new version`);
  }
  manifest.versions.forEach(({ version }, index) => {
    assert.equal(version, index + 1, 'versions count from 1; none is taken out');
  });
  assert.equal(sha256(JSON.stringify(manifest.versions[0])), FIRST_VERSION);
});

test('the generator makes the same files', () => {
  const made = makeFiles();
  assert.equal(made.vectors, newest.vectors);
  for (const [name, text] of made.files) assert.equal(sha256(text), newest.files[name], name);
});

test('there are three vectors and a bound for every message of every command', () => {
  const seen = new Map<string, number>();
  for (const { command, vectors } of files.values()) {
    for (const { kind, verdict } of vectors) {
      const key = `${command} ${kind} ${verdict}`;
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
  }
  for (const command of spoken) {
    for (const kind of hasReply(command) ? ['request', 'reply'] : ['request']) {
      assert.ok((seen.get(`${command.name} ${kind} message`) ?? 0) >= 3, `${command.name} ${kind}`);
      assert.ok((seen.get(`${command.name} ${kind} refused`) ?? 0) >= 1, `${command.name} ${kind}: bound`);
    }
  }
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** One vector, with all that the checks need to know of it. */
interface Case {
  readonly vector: Vector;
  readonly command: FactsCommand;
  readonly def: CommandDef;
  readonly where: string;
  readonly bytes: Uint8Array;
  /** The packet that a reply answers. */
  readonly asked: Uint8Array;
  readonly request: Record<string, unknown>;
}

function caseOf(command: FactsCommand, vector: Vector): Case {
  const def = defOf(command);
  const where = `${command.name} ${vector.kind}, ${vector.name}`;
  const bytes =
    vector.hex === undefined
      ? bytesOfVector(command, vector)
      : Uint8Array.from(Buffer.from(vector.hex, 'hex'));
  assert.equal(bytes.length, vector.bytes, where);
  assert.equal(sha256(bytes), vector.sha256, where);
  const request = encodePlainly(command, vector.counts, fillOf('zeros'), vector.version);
  const asked = asPacket(command, request, vector.version);
  return { vector, command, def, where, bytes, asked, request: readRequest(def, viewOf(request)) ?? {} };
}

/** Both decoders read what the vector says, and what the codec writes is the vector again. */
function checkValues(one: Case): boolean {
  const { bytes, command, def, request, vector, where } = one;
  const view = viewOf(bytes);
  const plain = readPlainly(command, vector.kind, vector.counts, vector.version, bytes);
  assert.equal(plain === null ? 'refused' : 'message', vector.verdict, `${where}, plainly`);
  const packet = vector.kind === 'request' ? readPacket(def, view, vector.version) : null;
  const value =
    vector.kind === 'request' ? (packet?.value ?? null) : readReply(def, view, request, vector.version);
  assert.equal(value === null ? 'refused' : 'message', vector.verdict, where);
  if (value === null || plain === null) return false;
  const json = toJson(plain);
  if (vector.values !== undefined) assert.deepEqual(json, vector.values, where);
  else assert.equal(sha256(JSON.stringify(json)), vector.valuesSha256, where);
  if (packet !== null) agreeOnHeader(packet.header, plain['hdr'] as PlainStruct, where);
  agree(asOnTheWire(def.name, value), plain, where);
  // A shortened message is completed when it is written.
  if (vector.cutBytes !== undefined) return true;
  if (packet !== null) {
    assert.equal(hex(written(def, packet.header, value, vector.version)), hex(bytes), where);
  } else {
    // What two replies repeat of the request's header is the host's own affair.
    const start = def.replyHasHeader ? HEADER_BYTES : 0;
    const again = writeReply(def, value, request, vector.version);
    assert.equal(hex(again.subarray(start)), hex(bytes.subarray(start)), where);
  }
  return true;
}

function agreeOnHeader(header: CommandHeader, plain: PlainStruct, where: string): void {
  assert.equal(header.process, (plain['process'] as PlainStruct)['v'], where);
  assert.equal(header.channelType, plain['channel_type'], where);
  assert.equal(header.async ? 1 : 0, plain['async_msg'] ?? 0, where);
  assert.equal(header.commandType, plain['command_type'], where);
}

function written(def: CommandDef, header: CommandHeader, value: object, version: number): Uint8Array {
  const { async, process, vgpuLuidHigh, vgpuLuidLow } = header;
  space.fill(0xcc, 0, 160 * 1024);
  if (def.channel === 'host') {
    const length = encodeHostMessage(def, value, spaceView, 0);
    // The codec sends no process; the guest does not look at it.
    spaceView.setUint32(8, process, true);
    return space.subarray(0, length);
  }
  const vgpuLuid = { low: vgpuLuidLow, high: vgpuLuidHigh };
  const length = encodeRequest(def, { version, process, vgpuLuid, async }, value, spaceView, 0);
  return space.subarray(0, length);
}

/** The codec of the hot paths gives the same verdict and writes the same bytes. */
function checkPairs({ bytes, command, def, request, vector, where }: Case): void {
  const isRequest = vector.kind === 'request';
  if (!isRequest && (vector.version < 40 || def.reply === null)) return;
  const pairs = pairCodec((isRequest ? def.request : def.reply)!);
  const value = pairs.create();
  const hasExtended = isRequest && command.channel !== 'host' && vector.version >= 40;
  const start = (hasExtended ? EXTENDED_BYTES : 0) + (isRequest || def.replyHasHeader ? HEADER_BYTES : 0);
  // Too short for its headers.
  if (bytes.length < start) return;
  const read = orNull(() =>
    pairs.decodeInto(viewOf(bytes), start, bytes.length - start, value, isRequest ? undefined : request),
  );
  if (isRequest) assert.equal(read === null ? 'refused' : 'message', vector.verdict, `${where}, as pairs`);
  else if (vector.verdict === 'message') assert.ok(read, `${where}, as pairs`);
  if (read === null || vector.cutBytes !== undefined) return;
  space.fill(0, 0, 160 * 1024);
  const length = pairs.encode(read, spaceView, 0);
  // A reply's last bytes, up to the length demanded, are zeros that a sender adds.
  assert.ok(length <= bytes.length - start, `${where}, as pairs`);
  assert.equal(
    hex(space.subarray(0, bytes.length - start)),
    hex(bytes.subarray(start)),
    `${where}, as pairs`,
  );
}

/** The protobuf form of the message becomes the same bytes again. */
function checkProtobuf({ asked, bytes, command, def, vector, where }: Case): void {
  if (vector.cutBytes !== undefined) return;
  const same = (length: number, wanted: Uint8Array, from = 0): void =>
    assert.equal(hex(space.subarray(from, length)), hex(wanted.subarray(from)), `${where}, as protobuf`);
  if (command.channel === 'host') {
    const length = protobufToEvent(eventToProtobuf(bytes.slice()), space);
    spaceView.setUint32(8, viewOf(bytes).getUint32(8, true), true);
    same(length, bytes);
    return;
  }
  const sent = requestToProtobuf(vector.kind === 'request' ? bytes.slice() : asked.slice());
  if (isTooLong(sent.bytes, () => protobufToRequest(sent.bytes, space))) return;
  const got = protobufToRequest(sent.bytes, space);
  if (vector.kind === 'request') {
    same(got.length, bytes);
    return;
  }
  const reply = replyToProtobuf(got.pending, bytes.slice());
  if (isTooLong(reply, () => protobufToReply(sent.pending, reply, space))) return;
  const length = protobufToReply(sent.pending, reply, space);
  same(length, bytes, def.replyHasHeader ? HEADER_BYTES : 0);
}

/** Where the packed form just fits into a packet, this one may not; then it is refused. */
function isTooLong(envelope: Uint8Array, read: () => unknown): boolean {
  if (envelope.length <= Limits.maxMessageBytes) return false;
  assert.throws(read, isProtocolError);
  return true;
}

for (const [name, { command, vectors }] of files) {
  test(`the codecs read and write every vector of ${name}`, () => {
    for (const vector of vectors) {
      const one = caseOf(commandNamed(command), vector);
      const isMessage = checkValues(one);
      checkPairs(one);
      if (isMessage) checkProtobuf(one);
    }
  });
}
