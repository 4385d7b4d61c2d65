import type { WireCommand } from './command.ts';
import { type Field, type FieldValue, putField } from './layout.ts';

/** Bytes before the command header from interface version 40 on. */
export const EXTENDED_HEADER_BYTES = 16;
export const COMMAND_HEADER_BYTES = 24;
/** The interface version from which messages have an extended header. */
export const EXTENDED_VERSION = 40;
/** Largest message, and largest payload that a Linux guest can take, bytes. */
export const MAX_MESSAGE_BYTES = 131_072;
export const MAX_REPLY_BYTES = 131_056;

/** Who sends a message, and how. */
export interface Envelope {
  readonly version: number;
  readonly process: number;
  /** For vGPU commands. */
  readonly luid: bigint;
  readonly isAsync: boolean;
}

export type Fields = Readonly<Record<string, FieldValue>>;

/** Handles or other 32-bit words behind the fixed part. */
export function words(values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) view.setUint32(4 * index, value, true);
  return bytes;
}

/** 64-bit values behind the fixed part. */
export function longs(values: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(8 * values.length);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) view.setBigUint64(8 * index, value, true);
  return bytes;
}

/** Text as fields of UTF-16 units. */
export function units(text: string): number[] {
  return Array.from({ length: text.length }, (_, index) => text.charCodeAt(index));
}

/** @throws RangeError for a field that the command does not have: an error of the kit itself. */
export function fieldOf(command: WireCommand, side: 'request' | 'reply', name: string): Field {
  const field = command[side].find((candidate) => candidate.name === name);
  if (field === undefined) throw new RangeError(`${command.name} ${side} has no field ${name}`);
  return field;
}

/** Where the command header of a guest's message begins. */
export function headerOffset(version: number): number {
  return version >= EXTENDED_VERSION ? EXTENDED_HEADER_BYTES : 0;
}

/** A whole message of a guest. `tail` lies behind the fixed part, packed. */
export function buildRequest(
  command: WireCommand,
  envelope: Envelope,
  fields: Fields,
  tail: readonly Uint8Array[],
): Uint8Array {
  const at = headerOffset(envelope.version);
  const tailBytes = tail.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(at + command.fixedBytes + tailBytes);
  const view = new DataView(bytes.buffer);
  if (at > 0) {
    view.setUint32(0, EXTENDED_HEADER_BYTES, true);
    if (command.channel === 'vgpu') view.setBigUint64(8, envelope.luid, true);
  }
  view.setUint32(at + 8, envelope.process, true);
  const channelType = command.channel === 'vgpu' ? 0 : 1;
  view.setUint32(at + 12, channelType | (envelope.isAsync ? 0x100 : 0), true);
  view.setUint32(at + 16, command.code, true);
  for (const [name, value] of Object.entries(fields)) {
    putField(view, at, fieldOf(command, 'request', name), value);
  }
  let next = at + command.fixedBytes;
  for (const part of tail) {
    bytes.set(part, next);
    next += part.length;
  }
  return bytes;
}
