import { printable } from '../text.ts';
import { formatField } from './trace-fields.ts';
import type { Trace, TraceEntry } from './trace-file.ts';
import { PacketReader, type ReadPacket } from './trace-packets.ts';

export interface ShowOptions {
  /** Packets of this command only, and nothing else. */
  readonly name: string | undefined;
  /** Whether to list each packet's fields. */
  readonly fields: boolean;
  /** Whether to show each packet's bytes. */
  readonly bytes: boolean;
}

const BYTES_PER_LINE = 16;

/** A trace for people: a line for each thing that happened, with its fields or bytes below where asked for. */
export function* formatTrace({ entries, version }: Trace, options: ShowOptions): Generator<string> {
  const reader = new PacketReader(version);
  for (const entry of entries) {
    const read = entry.packet === null ? null : reader.read(entry.packet);
    if (options.name !== undefined && read?.command.toLowerCase() !== options.name.toLowerCase()) continue;
    if (read === null) {
      yield formatOther(entry);
      continue;
    }
    yield formatHead(entry, read);
    if (options.fields) yield* formatFields(read);
    if (options.bytes) yield* formatDump(read.packet.bytes);
  }
}

function formatOther({ content, line }: TraceEntry): string {
  const { channel, detail, name, type } = content;
  if (type === 'mark') return `\n${printable(String(detail ?? name ?? ''))}\n`;
  const where = channel === undefined || channel < 0 ? '' : ` channel ${channel}`;
  const what = `${name ?? type}${where}${detail === undefined ? '' : `: ${detail}`}`;
  return `${String(line).padStart(5)}     ${printable(what)}\n`;
}

function formatHead({ line }: TraceEntry, { command, packet, problem }: ReadPacket): string {
  const arrow = packet.isFromGuest ? '->' : '<-';
  const what = printable(packet.isCompletion ? `${command} answered` : command);
  const id = packet.id === 0 ? 'no answer wanted' : `id ${packet.id}`;
  const note = problem === null ? '' : ` (${problem})`;
  const { channel, bytes } = packet;
  return `${String(line).padStart(5)} ${arrow}  ${what}, channel ${channel}, ${id}, ${bytes.length} bytes${note}\n`;
}

function* formatFields({ fields, packet }: ReadPacket): Generator<string> {
  const opaque = (offset: number) =>
    packet.opaque.some(([start, length]) => offset >= start && offset < start + length);
  const cookie = (offset: number) =>
    packet.cookies.find(([start, length]) => offset >= start && offset < start + length)?.[2];
  const width = Math.max(0, ...fields.map(({ path }) => path.length));
  for (const field of fields) {
    const kind = cookie(field.offset);
    const mark = opaque(field.offset) ? '  (opaque)' : kind === undefined ? '' : `  (${kind})`;
    yield `         ${field.path.padEnd(width)}  ${printable(`${formatField(field, packet.bytes)}${mark}`)}\n`;
  }
}

function* formatDump(bytes: Uint8Array): Generator<string> {
  let zeroLines = 0;
  for (let offset = 0; offset < bytes.length; offset += BYTES_PER_LINE) {
    const part = bytes.subarray(offset, offset + BYTES_PER_LINE);
    const isLast = offset + BYTES_PER_LINE >= bytes.length;
    zeroLines = part.every((byte) => byte === 0) ? zeroLines + 1 : 0;
    if (zeroLines > 1 && !isLast) {
      if (zeroLines === 2) yield '         ...\n';
      continue;
    }
    const hex = Array.from(part, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    yield `         ${offset.toString(16).padStart(5, '0')}  ${hex}\n`;
  }
}
