import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { Limits } from '@dxgwire/protocol';
import {
  eventToProtobuf,
  protobufToEvent,
  protobufToReply,
  protobufToRequest,
  replyToProtobuf,
  requestToProtobuf,
} from '@dxgwire/protocol/protobuf';
import protobuf from 'protobufjs';
import { HEADER_BYTES } from './against-codec.ts';
import { commandNamed } from './decoder.ts';
import { asPacket, encodeRequest as encodePlainly } from './encoder.ts';
import type { FactsCommand } from './facts.ts';
import { bytesOfVector, fillOf, type Vector } from './vectors.ts';

/**
 * Every golden vector as a third party would send and read it, who has `dxgwire.proto`, a protobuf library and the names in
 * the driver's structures, and no line of our codec: what it reads is what the vector says, and what it writes by those
 * names alone becomes the vector's bytes.
 */

const schema = createRequire(import.meta.url).resolve('@dxgwire/protocol/dxgwire.proto');
const { root } = protobuf.parse(readFileSync(schema, 'utf8'), { keepCase: true });
root.resolveAll();
const DxgMessage = root.lookupType('dxgwire.DxgMessage');

/** Alternatives of unions and what is left of them: C lets one read all of them, protobuf has the valid one. */
const FIRST_UNION_ID = 200;

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
type Fields = { [name: string]: Json };

const folder = new URL('../../vectors/', import.meta.url);
const files = readdirSync(folder)
  .filter((name) => name !== 'manifest.json' && name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')))
  .map(({ command, vectors }) => ({ command: commandNamed(command), vectors: vectors as Vector[] }));

const space = new Uint8Array(Limits.maxMessageBytes);

/** The body of an envelope, with its type. */
function bodyOf(envelope: Uint8Array): { name: string; type: protobuf.Type; value: protobuf.Message } {
  const message = DxgMessage.decode(envelope) as protobuf.Message & { body: string };
  const name = message.body;
  const type = DxgMessage.fields[name]?.resolvedType as protobuf.Type;
  return { name, type, value: (message as unknown as Record<string, protobuf.Message>)[name]! };
}

/** Handles are unions of a number and its parts, flags of a number and its bits. */
function numberOf(value: Json): Json {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return value['v'] ?? value['value'] ?? value;
}

/** How a number of the facts looks in JSON of protobufjs; text and truth values likewise. */
function sameScalar(field: protobuf.Field, given: Json): Json {
  const value = numberOf(given);
  if (field.type === 'bool') return Boolean(value);
  if (field.type === 'int32') return Number(value) | 0;
  // An NTSTATUS has a sign in C.
  if (field.type === 'fixed32') return Number(value) >>> 0;
  return value;
}

/** Compares all fields that have a name in the facts; returns how many. */
function compare(type: protobuf.Type, ours: Fields, facts: Fields, where: string): number {
  let compared = 0;
  for (const field of type.fieldsArray) {
    const given = facts[field.name];
    if (given === undefined || field.id >= FIRST_UNION_ID) continue;
    const here = `${where}.${field.name}`;
    const inner = field.resolvedType as protobuf.Type | null;
    const own = ours[field.name] as Json;
    if (field.repeated) {
      const [list, all] = [own as Json[], given as Json[]];
      // Zeros at the end of an array of fixed size may be missing.
      for (const [index, each] of all.entries()) {
        if (inner !== null)
          compared += compare(inner, list[index] as Fields, each as Fields, `${here}[${index}]`);
        else assert.equal(String(list[index] ?? 0), String(numberOf(each)), here);
        compared += 1;
      }
    } else if (inner !== null) compared += compare(inner, own as Fields, given as Fields, here);
    else if (field.type === 'bytes') {
      // Text is bytes in the schema, and numbers in the facts.
      if (typeof given !== 'string') continue;
      const bytes = own as unknown as Uint8Array;
      assert.equal(Buffer.from(bytes).toString('hex').padEnd(given.length, '0'), given, here);
      compared += 1;
    } else {
      const number = sameScalar(field, given);
      // Bits that the driver gives no number to as a whole.
      if (typeof number === 'object') continue;
      assert.equal(String(own), String(number), here);
      compared += 1;
    }
  }
  return compared;
}

test('what a third party reads of a vector in protobuf form is what the vector says', () => {
  let compared = 0;
  for (const { command, vectors } of files) {
    for (const vector of vectors.filter(
      ({ verdict, values }) => verdict === 'message' && values !== undefined,
    )) {
      const bytes = bytesOfVector(command, vector);
      const envelope = toEnvelope(command, vector, bytes);
      if (envelope === null) continue;
      const where = `${command.name} ${vector.kind}, ${vector.name}`;
      const { type, value } = bodyOf(envelope);
      const object = type.toObject(value, { defaults: true, longs: String }) as Fields;
      compared += compare(type, object, vector.values as Fields, where);
    }
  }
  assert.ok(compared > 1400, `${compared} fields`);
});

/** Our protobuf form of a vector; null for short replies, which travel as packed bytes. */
function toEnvelope(command: FactsCommand, vector: Vector, bytes: Uint8Array): Uint8Array | null {
  if (command.channel === 'host') return eventToProtobuf(bytes.slice());
  if (vector.kind === 'request') return requestToProtobuf(bytes.slice()).bytes;
  const asked = requestOf(command, vector);
  const envelope = replyToProtobuf(requestToProtobuf(asked).pending, bytes.slice());
  return bodyOf(envelope).name === 'packed' ? null : envelope;
}

function requestOf(command: FactsCommand, vector: Vector): Uint8Array {
  const request = encodePlainly(command, vector.counts, fillOf('zeros'), vector.version);
  return asPacket(command, request, vector.version).slice();
}

/** The packed form of an envelope that answers or is what a vector is. */
function toPacked(command: FactsCommand, vector: Vector, envelope: Uint8Array): Uint8Array {
  if (command.channel === 'host') return space.slice(0, protobufToEvent(envelope, space));
  if (vector.kind === 'request') return space.slice(0, protobufToRequest(envelope, space).length);
  const { pending } = requestToProtobuf(requestOf(command, vector));
  return space.slice(0, protobufToReply(pending, envelope, space));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

test('what a third party writes again, by way of plain objects and JSON, becomes the bytes of every vector', () => {
  let count = 0;
  for (const { command, vectors } of files) {
    for (const vector of vectors) {
      if (vector.verdict !== 'message' || vector.cutBytes !== undefined) continue;
      const bytes = bytesOfVector(command, vector);
      const envelope = toEnvelope(command, vector, bytes);
      if (envelope === null || envelope.length > Limits.maxMessageBytes) continue;
      const where = `${command.name} ${vector.kind}, ${vector.name}`;
      const message = DxgMessage.decode(envelope);
      const json = JSON.stringify(DxgMessage.toObject(message, { longs: String, bytes: String }));
      const again = DxgMessage.encode(DxgMessage.fromObject(JSON.parse(json))).finish();
      const packed = toPacked(command, vector, again);
      // The process of a message from the host, and the header copy of two replies, are the host's own affair.
      const own = command.channel === 'host' || hasHeaderCopy(command, vector) ? HEADER_BYTES : 0;
      assert.equal(hex(packed.subarray(own)), hex(bytes.subarray(own)), where);
      count += 1;
    }
  }
  assert.ok(count > 300, `${count} vectors`);
});

function hasHeaderCopy(command: FactsCommand, { kind, values }: Vector): boolean {
  return kind === 'reply' && (values === undefined || 'hdr' in (values as Fields)) && command.name !== '';
}

/** A LUID's halves have no names in the driver. */
const otherNames: Readonly<Record<string, string>> = { low: 'a', high: 'b' };

/** The bytes that an element owns lie behind all elements in the driver's form, in a field of another name. */
function ownBytes(
  field: string,
  element: Fields,
  facts: Fields,
  used: Map<string, number>,
): string | undefined {
  const size = element[`${field}_size`];
  const name = Object.keys(facts).find((key) => key.endsWith(`_${field}`) && typeof facts[key] === 'string');
  if (typeof size !== 'number' || name === undefined) return undefined;
  const start = used.get(name) ?? 0;
  used.set(name, start + size);
  return (facts[name] as string).slice(2 * start, 2 * (start + size));
}

/** An object for protobufjs from the names and values in the facts. */
function fromFacts(type: protobuf.Type, facts: Fields, outer: Fields, used: Map<string, number>): Fields {
  const object: Record<string, unknown> = {};
  for (const field of type.fieldsArray) {
    const given =
      facts[field.name] ?? facts[otherNames[field.name] ?? ''] ?? ownBytes(field.name, facts, outer, used);
    if (given === undefined) continue;
    const inner = field.resolvedType as protobuf.Type | null;
    const convert = (value: Json): unknown => {
      if (inner !== null) return fromFacts(inner, value as Fields, outer, used);
      if (field.type === 'bytes' && typeof value === 'string') return Buffer.from(value, 'hex');
      return sameScalar(field, value);
    };
    if (field.type === 'bytes' && typeof given !== 'string') continue;
    object[field.name] = field.repeated ? (given as Json[]).map(convert) : convert(given);
  }
  return object as Fields;
}

test('a request that a third party makes from names and values alone is the bytes of the vector', () => {
  let count = 0;
  for (const { command, vectors } of files) {
    for (const vector of vectors) {
      if (vector.verdict !== 'message' || vector.kind !== 'request' || vector.values === undefined) continue;
      if (vector.cutBytes !== undefined) continue;
      const bytes = bytesOfVector(command, vector);
      const envelope = toEnvelope(command, vector, bytes)!;
      const { name, type } = bodyOf(envelope);
      const facts = vector.values as Fields;
      const { header, ...sent } = DxgMessage.toObject(DxgMessage.decode(envelope)) as { header: object };
      // A union whose number means none of its alternatives is bytes without a name.
      if (JSON.stringify(sent).includes('"rest":')) continue;
      const body = fromFacts(type, facts, facts, new Map());
      const made = DxgMessage.encode(DxgMessage.fromObject({ header, [name]: body })).finish();
      const packed = toPacked(command, vector, made);
      const own = command.channel === 'host' ? HEADER_BYTES : 0;
      assert.equal(hex(packed.subarray(own)), hex(bytes.subarray(own)), `${command.name}, ${vector.name}`);
      count += 1;
    }
  }
  assert.ok(count > 150, `${count} vectors`);
});
