import { TraceComparer, type TracePacket } from '@dxgwire/guest/kmt';
import { printable } from '../text.ts';
import { type Field, formatBytes, formatElement, formatField } from './trace-fields.ts';
import type { Trace } from './trace-file.ts';
import { PacketReader, type ReadPacket } from './trace-packets.ts';

/** One packet that is not as expected. */
export interface PacketDifference {
  /** Place among the guest's packets, from 1. */
  readonly packet: number;
  /** Line of the expected file, and of the actual one; null where the packet is not in it. */
  readonly expectedLine: number | null;
  readonly actualLine: number | null;
  readonly channel: number;
  readonly command: string;
  /** What causes the packet in the expected trace, in its own words; empty where it does not say. */
  readonly cause: string;
  /** What is different, a line each. */
  readonly details: readonly string[];
}

export interface Comparison {
  readonly expectedPackets: number;
  readonly actualPackets: number;
  /** In order; those after `cutAt` are not looked for. */
  readonly differences: readonly PacketDifference[];
  /** The packet, from 1, at which the two go different ways: what follows is not compared. Null: they do not. */
  readonly cutAt: number | null;
}

interface Guest {
  readonly line: number;
  readonly cause: string;
  readonly read: ReadPacket;
}

/** Packets of a guest that are listed where two traces go different ways. */
const SHOWN_AHEAD = 4;

/**
 * Compares what the guests of two traces sent, packet by packet: channel, transaction id, length and bytes, without what
 * the expected trace masks. Where the commands differ, it stops: nothing that follows would say more.
 */
export function compareTraceFiles(expected: Trace, actual: Trace): Comparison {
  const theirs = guestPackets(expected);
  const ours = guestPackets(actual);
  const comparer = new TraceComparer(theirs.map(({ read }) => read.packet));
  const differences: PacketDifference[] = [];
  const count = Math.max(theirs.length, ours.length);
  for (let index = 0; index < count; index += 1) {
    const [wanted, found] = [theirs[index], ours[index]];
    if (wanted === undefined || found === undefined || wanted.read.command !== found.read.command) {
      differences.push(describeFork(theirs, ours, index));
      return {
        expectedPackets: theirs.length,
        actualPackets: ours.length,
        differences,
        cutAt: index + 1,
      };
    }
    const before = comparer.differences.length;
    if (comparer.compare(found.read.packet)) continue;
    const details = comparer.differences
      .slice(before)
      .filter(({ kind }) => kind !== 'bytes')
      .map(({ message }) => message);
    details.push(...fieldDifferences(wanted.read, found.read));
    differences.push({ ...placeOf(index, wanted, found), details });
  }
  return { expectedPackets: theirs.length, actualPackets: ours.length, differences, cutAt: null };
}

function guestPackets({ entries, version }: Trace): Guest[] {
  const reader = new PacketReader(version);
  const packets: Guest[] = [];
  for (const { content, line, packet } of entries) {
    if (packet?.isFromGuest !== true) continue;
    const step = content.step === undefined ? '' : `step ${content.step} `;
    packets.push({ line, cause: `${step}${content.ioctl ?? ''}`.trim(), read: reader.read(packet) });
  }
  return packets;
}

function placeOf(index: number, wanted: Guest | undefined, found: Guest | undefined) {
  const either = (wanted ?? found)!;
  return {
    packet: index + 1,
    expectedLine: wanted?.line ?? null,
    actualLine: found?.line ?? null,
    channel: either.read.packet.channel,
    command: either.read.command,
    cause: wanted?.cause ?? '',
  };
}

function describeFork(theirs: readonly Guest[], ours: readonly Guest[], index: number): PacketDifference {
  const ahead = (packets: readonly Guest[]): string => {
    const names = packets.slice(index, index + SHOWN_AHEAD).map(({ read }) => read.command);
    const rest = packets.length - index - names.length;
    return names.length === 0
      ? 'no more packets'
      : `${names.join(', ')}${rest > 0 ? `, ... (${rest} more)` : ''}`;
  };
  return {
    ...placeOf(index, theirs[index], ours[index]),
    details: [`expected from here on: ${ahead(theirs)}`, `got:                   ${ahead(ours)}`],
  };
}

/** Which bytes of an expected packet another guest may choose. */
function maskOf({ bytes, cookies, opaque }: TracePacket): Uint8Array {
  const masked = new Uint8Array(bytes.length);
  for (const [offset, length] of [...opaque, ...cookies]) masked.fill(1, offset, offset + length);
  return masked;
}

/** A line for each field with a byte that is different and not masked. */
function fieldDifferences(wanted: ReadPacket, found: ReadPacket): string[] {
  const [theirs, ours] = [wanted.packet.bytes, found.packet.bytes];
  const masked = maskOf(wanted.packet);
  const isWrong = (offset: number): boolean => masked[offset] !== 1 && theirs[offset] !== ours[offset];
  const explained = new Uint8Array(theirs.length);
  const lines: [string, string][] = [];
  for (const field of wanted.fields) {
    const first = firstWrong(field, isWrong);
    if (first < 0) continue;
    explained.fill(1, field.offset, field.offset + field.lengthBytes);
    const [want, got] = [formatField(field, theirs), formatField(field, ours)];
    if (field.kind.as === 'bits' && want === got) continue;
    lines.push(describeField(field, first, theirs, ours));
  }
  const common = Math.min(theirs.length, ours.length);
  for (let offset = 0; offset < common; offset += 1) {
    if (explained[offset] === 1 || !isWrong(offset)) continue;
    let end = offset + 1;
    while (end < common && explained[end] === 0 && isWrong(end)) end += 1;
    const pair = [theirs, ours].map((bytes) => formatBytes(bytes.subarray(offset, end)));
    lines.push([`(no field)`, `expected ${pair[0]}, got ${pair[1]}  [bytes ${offset}..${end - 1}]`]);
    offset = end;
  }
  const width = Math.max(0, ...lines.map(([name]) => name.length));
  return lines.map(([name, text]) => `${name.padEnd(width)}  ${text}`);
}

function firstWrong({ lengthBytes, offset }: Field, isWrong: (offset: number) => boolean): number {
  for (let at = offset; at < offset + lengthBytes; at += 1) if (isWrong(at)) return at;
  return -1;
}

function describeField(
  field: Field,
  first: number,
  theirs: Uint8Array,
  ours: Uint8Array,
): [name: string, text: string] {
  const { kind, lengthBytes, offset, path } = field;
  if (kind.as === 'list') {
    const index = Math.floor((first - offset) / kind.type.sizeBytes);
    const at = offset + index * kind.type.sizeBytes;
    const [want, got] = [theirs, ours].map((bytes) => formatElement(kind.type, bytes, at));
    return [
      `${path}[${index}]`,
      `expected ${want}, got ${got}  [bytes ${at}..${at + kind.type.sizeBytes - 1}]`,
    ];
  }
  if (kind.as === 'bytes') {
    const pair = [theirs, ours].map((bytes) => formatBytes(bytes.subarray(first, offset + lengthBytes)));
    return [
      `${path}[${first - offset}..]`,
      `expected ${pair[0]}, got ${pair[1]}  [bytes ${first}..${offset + lengthBytes - 1}]`,
    ];
  }
  const [want, got] = [theirs, ours].map((bytes) => formatField(field, bytes));
  return [path, `expected ${want}, got ${got}  [bytes ${offset}..${offset + lengthBytes - 1}]`];
}

function count(packets: number): string {
  return packets === 1 ? '1 packet differs' : `${packets} packets differ`;
}

/** The comparison for people. @param limit - Most packets that are shown. */
export function formatComparison(comparison: Comparison, limit: number): string {
  const { actualPackets, cutAt, differences, expectedPackets } = comparison;
  if (differences.length === 0) {
    return `equal: ${expectedPackets} guest packets (opaque values and cookies left out)\n`;
  }
  const parts = differences.slice(0, limit).map((difference) => {
    const { actualLine, cause, channel, command, details, expectedLine, packet } = difference;
    const lines = [
      expectedLine === null ? null : `expected: line ${expectedLine}`,
      actualLine === null ? null : `actual: line ${actualLine}`,
    ].filter((text) => text !== null);
    const because = cause === '' ? '' : `, ${cause}`;
    const head = `packet ${packet} (${lines.join(', ')}): ${command} on channel ${channel}${because}`;
    return `${printable(head)}\n${details.map((detail) => `  ${printable(detail)}\n`).join('')}`;
  });
  const hidden = differences.length - parts.length;
  const counts = `${expectedPackets} guest packets expected, ${actualPackets} found`;
  const summary =
    cutAt === null
      ? `${count(differences.length)}: ${counts}`
      : `${count(differences.length - 1)} before packet ${cutAt}, where the order does: ${counts}`;
  return `${parts.join('')}${hidden > 0 ? `... and ${hidden} more\n` : ''}${summary}\n`;
}
