import type { WireCommand } from './command.ts';
import { wireCommand } from './commands.ts';
import { type Field, readField } from './layout.ts';
import { COMMAND_HEADER_BYTES, headerOffset } from './message.ts';

/** Readable bytes: what a report shows of a message. */

const MOST_BYTES = 256;
const LINE_BYTES = 16;

/** Hex, 16 bytes a line with their offsets; what is beyond 256 bytes is only counted. */
export function hexLines(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  const shown = Math.min(bytes.length, MOST_BYTES);
  for (let at = 0; at < shown; at += LINE_BYTES) {
    const part = [...bytes.subarray(at, Math.min(at + LINE_BYTES, shown))];
    const text = part.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    lines.push(`${at.toString(16).padStart(4, '0')}  ${text}`);
  }
  if (bytes.length > shown) lines.push(`      and ${bytes.length - shown} bytes more`);
  return lines;
}

function showValue(field: Field, value: number | bigint): string {
  return field.type === 'u64' || typeof value === 'bigint'
    ? `0x${value.toString(16)}`
    : field.type === 'h' || field.type === 'status'
      ? `0x${(value >>> 0).toString(16).padStart(8, '0')}`
      : String(value);
}

function fieldLines(fields: readonly Field[], view: DataView, base: number): string[] {
  const lines: string[] = [];
  for (const field of fields) {
    const value = readField(view, base, field);
    const many = field.count > 1 ? `[${field.count}], the first` : '';
    const shown = value === null ? 'not there: the bytes end before it' : showValue(field, value);
    lines.push(`${field.name}${many}@${field.offset} ${field.type} = ${shown}`);
  }
  return lines;
}

/** A guest's message: its header, its fields, its bytes. */
export function showRequest(bytes: Uint8Array, version: number): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const at = headerOffset(version);
  if (bytes.length < at + COMMAND_HEADER_BYTES) return [`${bytes.length} bytes`, ...hexLines(bytes)];
  const code = view.getUint32(at + 16, true);
  const channelType = view.getUint8(at + 12);
  const command = wireCommand(channelType === 0 ? 'vgpu' : 'global', code);
  const head = [
    `${command?.name ?? `command ${code}`}, ${bytes.length} bytes`,
    `process@8 h = 0x${view.getUint32(at + 8, true).toString(16)}, channel_type@12 u8 = ${channelType}, async_msg = ${view.getUint8(at + 13) & 1}`,
  ];
  const fields = command === undefined ? [] : fieldLines(command.request, view, at);
  return [...head, ...fields, ...hexLines(bytes)];
}

/** A host's answer. */
export function showReply(command: WireCommand | null, payload: Uint8Array): string[] {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const fields = command === null ? [] : fieldLines(command.reply, view, 0);
  return [`${command?.name ?? 'packet'} answer, ${payload.length} bytes`, ...fields, ...hexLines(payload)];
}
