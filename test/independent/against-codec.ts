import assert from 'node:assert/strict';
import {
  type CommandDef,
  type CommandHeader,
  channelOf,
  commandById,
  createCommandHeader,
  decodeHeader,
  decodeReply,
  encodeReply,
  isProtocolError,
  minimumReplyBytes,
} from '@dxgwire/protocol';
import type { FactsCommand } from './facts.ts';

/** The compiled codec, asked in the words of the facts. */

export const HEADER_BYTES = 24;

export function defOf(command: FactsCommand): CommandDef {
  const def = commandById(command.channel, command.id);
  if (def?.request == null) throw new Error(`the codec has no ${command.name}`);
  return def;
}

/** Whatever else is thrown goes on: only a ProtocolError says that something is no message. */
export function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (isProtocolError(error)) return null;
    throw error;
  }
}

export function readRequest(def: CommandDef, view: DataView): Record<string, unknown> | null {
  if (view.byteLength < HEADER_BYTES) return null;
  return orNull(() => def.request!.decode(view, HEADER_BYTES, view.byteLength - HEADER_BYTES)) as Record<
    string,
    unknown
  > | null;
}

/** A whole packet: headers too, which must be those of this command. */
export function readPacket(
  def: CommandDef,
  view: DataView,
  version: number,
): { header: CommandHeader; value: Record<string, unknown> } | null {
  return orNull(() => {
    const header = decodeHeader(
      view,
      0,
      view.byteLength,
      def.channel === 'host' ? 0 : version,
      createCommandHeader(),
    );
    assert.equal(commandById(channelOf(header), header.commandType), def);
    const value = def.request!.decode(view, header.bodyOffset, header.bodyLength);
    return { header, value: value as Record<string, unknown> };
  });
}

export function readReply(def: CommandDef, view: DataView, request: object, version: number) {
  return orNull(() => decodeReply(def, version, view, 0, view.byteLength, request)) as Record<
    string,
    unknown
  > | null;
}

const space = new Uint8Array(256 * 1024);
const spaceView = new DataView(space.buffer);

/** The bytes that the codec makes of a value, those of a request without its header. They stay until the next call. */
export function writeRequest(def: CommandDef, value: object): Uint8Array {
  // What was there before must not shine through.
  space.fill(0xcc, 0, def.request!.sizeOf(value));
  return space.subarray(0, def.request!.encode(value, spaceView, 0));
}

export function writeReply(def: CommandDef, value: object, request: object, version: number): Uint8Array {
  space.fill(0xcc, 0, minimumReplyBytes(def, version, request));
  return space.subarray(0, encodeReply(def, version, value, spaceView, 0, request));
}
