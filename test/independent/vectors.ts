import { createHash } from 'node:crypto';
import {
  commandStart,
  decodeReply,
  decodeRequest,
  NotAMessage,
  type Plain,
  type PlainStruct,
} from './decoder.ts';
import {
  asPacket,
  type Counts,
  countPaths,
  encodeReply,
  encodeRequest,
  type Fill,
  offsetOf,
  replyLength,
  requestLength,
} from './encoder.ts';
import { type FactsCommand, facts } from './facts.ts';

/** The golden vectors, made from the facts alone: this file, the plain encoder and the plain decoder. */

/** From the command header on; the extended header comes on top. */
const MAX_GUEST_BYTES = 131_072 - 16;
const MAX_REPLY_BYTES = 131_056;
/** Longer messages are kept as the recipe that makes them and their digest. */
const MAX_HEX_BYTES = 512;

export type FillName = 'zeros' | 'steps' | 'ones';

export interface Vector {
  readonly name: string;
  readonly kind: 'request' | 'reply';
  readonly version: number;
  readonly verdict: 'message' | 'refused';
  readonly counts: Counts;
  readonly fill: FillName;
  /** Bytes cut off the end, and a count raised in the bytes alone: what makes a bound's other side. */
  readonly cutBytes?: number;
  readonly raised?: { readonly path: string; readonly to: number };
  readonly bytes: number;
  readonly sha256: string;
  readonly hex?: string;
  readonly values?: unknown;
  readonly valuesSha256?: string;
}

export const spoken = facts.commands.filter((command) => command.request !== null);

export function hasReply(command: FactsCommand): boolean {
  return command.responseSize !== undefined && command.responseSize !== '0';
}

export function fillOf(name: FillName): Fill {
  if (name === 'zeros') return () => 0;
  if (name === 'ones') return (bits) => (bits === 0 ? 1 : 2 ** bits - 1);
  let state = 1;
  return (bits) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return bits === 0 ? 1 : (state >>> 8) % 2 ** bits;
  };
}

/** The bytes of a vector, from its recipe. */
export function bytesOfVector(command: FactsCommand, vector: Omit<Vector, 'bytes' | 'sha256'>): Uint8Array {
  const encode = vector.kind === 'request' ? encodeRequest : encodeReply;
  let bytes = encode(command, vector.counts, fillOf(vector.fill), vector.version);
  if (vector.raised !== undefined) {
    const at = offsetOf(command.request!, vector.raised.path)!;
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, vector.raised.to, true);
  }
  if (vector.kind === 'request') bytes = asPacket(command, bytes, vector.version);
  if (vector.cutBytes !== undefined) bytes = bytes.subarray(0, bytes.length - vector.cutBytes);
  return bytes;
}

export function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}

/** A plain value as JSON: 64-bit numbers as decimal strings, bytes as hex. */
export function toJson(value: Plain): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, toJson(member)]));
  return value;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** What the plain decoder reads, or null where it is no message. */
export function readPlainly(
  command: FactsCommand,
  kind: 'request' | 'reply',
  counts: Counts,
  version: number,
  bytes: Uint8Array,
): PlainStruct | null {
  try {
    if (kind === 'request') {
      const start = commandStart(command, viewOf(bytes), version);
      return decodeRequest(command, viewOf(bytes), start, bytes.length - start, version);
    }
    const request = encodeRequest(command, counts, fillOf('zeros'), version);
    const asked = decodeRequest(command, viewOf(request), 0, request.length, version);
    return decodeReply(command, asked, viewOf(bytes), 0, bytes.length, version);
  } catch (error) {
    if (error instanceof NotAMessage) return null;
    throw error;
  }
}

function finish(command: FactsCommand, recipe: Omit<Vector, 'bytes' | 'sha256' | 'verdict'>): Vector {
  const bytes = bytesOfVector(command, { ...recipe, verdict: 'message' });
  const values = readPlainly(command, recipe.kind, recipe.counts, recipe.version, bytes);
  const small = bytes.length <= MAX_HEX_BYTES;
  const json = values === null ? null : toJson(values);
  return {
    ...recipe,
    verdict: values === null ? 'refused' : 'message',
    bytes: bytes.length,
    sha256: sha256(bytes),
    ...(small ? { hex: Buffer.from(bytes).toString('hex') } : {}),
    ...(json === null ? {} : small ? { values: json } : { valuesSha256: sha256(JSON.stringify(json)) }),
  };
}

export function countsOf(command: FactsCommand, number: (path: string) => number): Counts {
  const counts: Record<string, number> = {};
  for (const path of countPaths(command)) counts[path] = path === 'write_results' ? 1 : number(path);
  // Fence values are there for every object, or not at all.
  if ('$fenceCount' in counts) counts['$fenceCount'] = counts['object_count']!;
  return counts;
}

/** A limit of the driver, "lo..hi" in the facts, or the packet's own. */
function limitOf(command: FactsCommand, path: string): number {
  const text = command.guestLimits?.[path] ?? '';
  const numbers = [...text.matchAll(/\.\.(\d+)/g)].map((match) => Number(match[1]));
  return numbers.length > 0 ? Math.max(...numbers) : MAX_GUEST_BYTES;
}

function fits(command: FactsCommand, counts: Counts): boolean {
  if (requestLength(command, counts, 40) > MAX_GUEST_BYTES) return false;
  return !hasReply(command) || replyLength(command, counts, 40) <= MAX_REPLY_BYTES;
}

/** Raises one count as far as its limit and the packet allow. */
function raise(command: FactsCommand, counts: Counts, path: string): Counts {
  const withCount = (count: number): Counts => {
    const all: Record<string, number> = { ...counts, [path]: count };
    if ('$fenceCount' in all) all['$fenceCount'] = all['object_count']!;
    return all;
  };
  let [low, high] = [counts[path]!, limitOf(command, path)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(command, withCount(middle))) low = middle;
    else high = middle - 1;
  }
  return withCount(low);
}

/** The least value of this count in the bytes that makes them no message, or null. */
function overLimit(command: FactsCommand, counts: Counts, path: string): number | null {
  const bytes = asPacket(command, encodeRequest(command, counts, fillOf('zeros'), 40), 40);
  const at = 16 + offsetOf(command.request!, path)!;
  for (let count = counts[path]! + 1; count < counts[path]! + 200; count++) {
    viewOf(bytes).setUint32(at, count, true);
    if (readPlainly(command, 'request', counts, 40, bytes) === null) return count;
  }
  return null;
}

function bounds(command: FactsCommand): Vector[] {
  const list: Vector[] = [];
  const least = countsOf(command, () => 1);
  const variable = countPaths(command).filter((path) => path !== '$fenceCount' && path !== 'write_results');
  for (const path of variable) {
    const counts = raise(command, least, path);
    const kinds = hasReply(command) ? (['request', 'reply'] as const) : (['request'] as const);
    for (const kind of kinds) {
      const recipe = { kind, version: 40, counts, fill: 'steps' as const };
      list.push(finish(command, { ...recipe, name: `${path} at its limit` }));
    }
    const to = path.includes('alloc_info.') ? null : overLimit(command, counts, path);
    if (to === null) continue;
    const recipe = { kind: 'request' as const, version: 40, counts, fill: 'steps' as const };
    list.push(finish(command, { ...recipe, name: `${path} over its limit`, raised: { path, to } }));
  }
  return list;
}

function sizes(command: FactsCommand, kind: 'request' | 'reply', version: number): Vector[] {
  const zero = countsOf(command, () => 0);
  const some = countsOf(command, (path) => (path.includes('size') ? 5 : 3));
  let most = countsOf(command, () => 1);
  for (const path of Object.keys(most).reverse()) {
    if (path !== '$fenceCount' && path !== 'write_results') most = raise(command, most, path);
  }
  const old = version === 40 ? '' : `, version ${version}`;
  const made = (name: string, counts: Counts, fill: FillName, cutBytes?: number) =>
    finish(command, {
      name: `${name}${old}`,
      kind,
      version,
      counts,
      fill,
      ...(cutBytes === undefined ? {} : { cutBytes }),
    });
  const list = [made('least', zero, 'zeros'), made('typical', some, 'steps'), made('largest', most, 'ones')];
  // The shortest length that is still a message, and one byte less.
  const bytes = bytesOfVector(command, { ...list[1]!, kind });
  let cut = 1;
  while (
    cut < bytes.length &&
    readPlainly(command, kind, some, version, bytes.subarray(0, bytes.length - cut))
  )
    cut += 1;
  if (cut > 1) list.push(made('as short as may be', some, 'steps', cut - 1));
  if (bytes.length > 0) list.push(made('a byte too short', some, 'steps', cut));
  return list;
}

/** Every vector of one command. */
export function vectorsOf(command: FactsCommand): Vector[] {
  const list = sizes(command, 'request', 40);
  if (hasReply(command)) list.push(...sizes(command, 'reply', 40));
  if (command.responseVariants) list.push(...sizes(command, 'reply', 27));
  return [...list, ...bounds(command)];
}
