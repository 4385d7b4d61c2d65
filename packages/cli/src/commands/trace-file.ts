import { readFileSync } from 'node:fs';
import { packetOf, parseJsonLines, type TraceLine, type TracePacket } from '@dxgwire/guest/kmt';
import { describe, UsageError } from '../errors.ts';
import { versionOf } from './trace-packets.ts';

/** A trace as it was read: one line of the file may be a packet, or say what else happened. */
export interface Trace {
  readonly path: string;
  readonly entries: readonly TraceEntry[];
  /** Interface version of its packets: 40, or 27 where they have no extended header. */
  readonly version: number;
}

export interface TraceEntry {
  /** Line of the file, from 1. */
  readonly line: number;
  readonly content: TraceLine;
  readonly packet: TracePacket | null;
}

/**
 * Reads a trace file and checks that its packets can be used.
 *
 * @throws UsageError naming the file and the line.
 */
export function readTrace(path: string): Trace {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${describe(error)}`, { cause: error });
  }
  const entries: TraceEntry[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    try {
      entries.push(entryOf(line, index + 1));
    } catch (error) {
      throw new UsageError(`${path}, line ${index + 1}: ${describe(error)}`, { cause: error });
    }
  }
  const first = entries.find(({ packet }) => packet?.isFromGuest === true)?.packet;
  if (first === undefined || first === null) {
    throw new UsageError(`${path} is no trace: it has no packet from a guest`);
  }
  return { path, entries, version: versionOf(first.bytes) };
}

function entryOf(text: string, line: number): TraceEntry {
  let content: unknown;
  try {
    [content] = parseJsonLines<unknown>(text);
  } catch {
    throw new SyntaxError('not JSON');
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new SyntaxError('not a JSON object');
  }
  const entry = content as TraceLine;
  if (typeof entry.type !== 'string') throw new SyntaxError('has no "type"');
  for (const key of ['name', 'detail', 'ioctl'] as const) {
    const value: unknown = entry[key];
    if (value !== undefined && typeof value !== 'string') throw new SyntaxError(`"${key}" is no text`);
  }
  for (const key of ['channel', 'step'] as const) {
    const value: unknown = entry[key];
    if (value !== undefined && typeof value !== 'number') throw new SyntaxError(`"${key}" is no number`);
  }
  if (entry.type !== 'inband' && entry.type !== 'completion') return { line, content: entry, packet: null };
  checkPacket(entry);
  const packet = packetOf({ ...entry, seq: entry.seq ?? line, name: entry.name ?? 'packet' });
  if (packet === null) return { line, content: entry, packet };
  const { length } = packet.bytes;
  if (entry.len !== undefined && entry.len !== length) {
    throw new SyntaxError(`says ${entry.len} bytes, but has ${length}`);
  }
  if (!packet.cookies.every(([, , kind]) => typeof kind === 'string'))
    throw new SyntaxError('a cookie without its kind');
  for (const [offset, size] of [...packet.opaque, ...packet.cookies]) {
    if (!(isCount(offset) && isCount(size) && offset + size <= length)) {
      throw new SyntaxError(`masks ${size} bytes at ${offset} of a packet of ${length}`);
    }
  }
  return { line, content: entry, packet };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function checkPacket(entry: TraceLine): void {
  if (entry.dir !== 'g2h' && entry.dir !== 'h2g') throw new SyntaxError('a packet without "dir" g2h or h2g');
  if (!isCount(entry.channel)) throw new SyntaxError('a packet without "channel"');
  if (entry.id !== undefined && !isCount(entry.id)) throw new SyntaxError(`"id" is ${entry.id}`);
  if (typeof entry.hex !== 'string') throw new SyntaxError('a packet without "hex"');
  if (entry.zeros !== undefined && !(isCount(entry.zeros) && entry.zeros <= 1 << 20)) {
    throw new SyntaxError(`"zeros" is ${entry.zeros}`);
  }
  for (const key of ['opaque', 'cookies'] as const) {
    const ranges: unknown = entry[key];
    if (ranges !== undefined && !(Array.isArray(ranges) && ranges.every(Array.isArray))) {
      throw new SyntaxError(`"${key}" is no list of ranges`);
    }
  }
}
