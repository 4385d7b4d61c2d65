import type { TracePacket } from '@dxgwire/guest/kmt';
import {
  type CommandDef,
  channelOf,
  commandById,
  createCommandHeader,
  decodeHeader,
  decodeHostHeader,
  decodeReply,
  EXTENDED_HEADER_VERSION,
  isProtocolError,
} from '@dxgwire/protocol';
import { type Field, FieldList } from './trace-fields.ts';

/** A packet as the command table reads it. */
export interface ReadPacket {
  readonly packet: TracePacket;
  /** The command's name; for one that the table does not have, `command` and its number. */
  readonly command: string;
  /** In the order of the wire, headers first. Bit-fields of one unit share its bytes. */
  readonly fields: readonly Field[];
  /** Why not all of it could be read, or null. */
  readonly problem: string | null;
}

interface Request {
  readonly def: CommandDef | undefined;
  readonly body: object;
  readonly name: string;
}

const U64 = 8;
/** Interface version of packets without an extended header, and the first version with one. */
const OLD_VERSION = 27;
const VERSION = EXTENDED_HEADER_VERSION;
const EXTENDED_HEADER_BYTES = 16;
/** Requests that are kept for their answers: more than any host has under way. Those of a gap, or of a strange guest, are never answered. */
export const MOST_REQUESTS = 1 << 16;

/** From version 40 on, packets of a guest begin with the length of their extended header; before, with 0. */
export function versionOf(bytes: Uint8Array): number {
  return bytes[0] === EXTENDED_HEADER_BYTES ? VERSION : OLD_VERSION;
}

/** Reads the packets of a trace in order: an answer is read by the request that it belongs to. */
export class PacketReader {
  #version: number | null;
  readonly #requests = new Map<string, Request>();

  /** @param version the interface version, where it is known; else the first message of the guest shows it. */
  constructor(version: number | null = null) {
    this.#version = version;
  }

  /** @param id its transaction id, where that may be more than a number holds. */
  read(packet: TracePacket, id: number | bigint = packet.id): ReadPacket {
    try {
      if (packet.isCompletion) return this.#readReply(packet, id);
      return this.#readMessage(packet, id);
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      return { packet, command: packet.name, fields: [], problem: error.message };
    }
  }

  #readMessage(packet: TracePacket, id: number | bigint): ReadPacket {
    const { bytes, isFromGuest } = packet;
    // What the host says looks alike in all versions, and may come first: in the capture of a connection that was made again.
    if (isFromGuest) this.#version ??= versionOf(bytes);
    const version = this.#version ?? OLD_VERSION;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const header = createCommandHeader();
    if (isFromGuest) decodeHeader(view, 0, bytes.length, version, header);
    else decodeHostHeader(view, 0, bytes.length, header);
    const def = commandById(channelOf(header), header.commandType) as CommandDef | undefined;
    const command = def?.name ?? `command ${header.commandType}`;
    const list = new FieldList();
    if (isFromGuest && version >= EXTENDED_HEADER_VERSION) addExtendedHeader(list);
    addHeader(list, header.commandOffset);
    let problem: string | null = null;
    let body: object | undefined;
    if (def === undefined || def.request === null) problem = 'no layout is known';
    else {
      try {
        body = def.request.decode(view, header.bodyOffset, header.bodyLength) as object;
      } catch (error) {
        if (!isProtocolError(error)) throw error;
        problem = error.message;
      }
      list.addMessage(def.request.message, header.commandOffset, body as Record<string, unknown> | undefined);
    }
    const request = { def, body: body ?? {}, name: command };
    if (isFromGuest && BigInt(id) !== 0n) {
      this.#requests.set(`${packet.channel}/${id}`, request);
      if (this.#requests.size > MOST_REQUESTS) this.#requests.delete(this.#requests.keys().next().value!);
    }
    return { packet, command, fields: list.fields, problem };
  }

  #readReply(packet: TracePacket, id: number | bigint): ReadPacket {
    const key = `${packet.channel}/${id}`;
    const request = this.#requests.get(key);
    // It is answered once: what is kept are the requests in flight, however long the recording.
    this.#requests.delete(key);
    const def = request?.def;
    if (request === undefined || def === undefined || def.reply === null) {
      const problem = request === undefined ? 'the request is not in the trace' : 'no layout is known';
      return { packet, command: request?.name ?? packet.name, fields: [], problem };
    }
    const { bytes } = packet;
    const version = this.#version ?? OLD_VERSION;
    // A ring rounds lengths up to 8, and some answers are demanded so.
    const padded = new Uint8Array((bytes.length + 7) & ~7);
    padded.set(bytes);
    const view = new DataView(padded.buffer);
    const list = new FieldList();
    const variant = def.replyVariants.find(({ below }) => version < below);
    if (def.replyHasHeader) addHeader(list, 0);
    let values: Record<string, unknown> | undefined;
    let problem: string | null = null;
    try {
      const answerable = def as unknown as Parameters<typeof decodeReply>[0];
      values = decodeReply(answerable, version, view, 0, padded.length, request.body) as Record<
        string,
        unknown
      >;
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      problem = error.message;
    }
    list.addMessage((variant === undefined ? def.reply : variant.codec).message, 0, values);
    return { packet, command: def.name, fields: list.fields, problem };
  }
}

function addExtendedHeader(list: FieldList): void {
  const number = (key: string, offset: number) => numberNode(key, offset, 4);
  list.addNodes([number('commandOffset', 0), number('reserved', 4)], 0, 'extended.', undefined);
  list.addNodes([number('vgpuLuid.low', 8), number('vgpuLuid.high', 12)], 0, 'extended.', undefined);
}

function addHeader(list: FieldList, base: number): void {
  const bits = (key: string, shift: number, width: number) =>
    ({
      node: 'bits',
      key,
      unit: 'u32',
      placement: { byteOffset: 12, shift, width, unitBytes: 4 },
    }) as const;
  const nodes = [
    numberNode('commandId', 0, U64),
    numberNode('process', 8, 4, 'handle'),
    bits('channelType', 0, 8),
    bits('async', 8, 1),
    numberNode('commandType', 16, 4),
  ];
  list.addNodes(nodes, base, 'header.', undefined);
}

function numberNode(key: string, offset: number, sizeBytes: 4 | 8, meaning: 'number' | 'handle' = 'number') {
  const type = { kind: 'scalar', scalar: sizeBytes === U64 ? 'u64' : 'u32', sizeBytes, meaning } as const;
  return { node: 'field', key, offset, type: type as never } as const;
}
