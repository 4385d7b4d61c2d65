import {
  accessor,
  type CommandDef,
  channelOf,
  commandById,
  commands,
  createCommandHeader,
  decodeHeader,
  decodeReply,
  isProtocolError,
  type PairCodec,
  pairCodec,
} from '@dxgwire/protocol';
import type { FuzzTarget } from '../target.ts';
import { DecoderMode, PREFIX_BYTES, shortMessages } from './message-seeds.ts';

const VERSIONS = [40, 27, 0] as const;
const defs = (Object.values(commands) as CommandDef[]).filter((def) => def.request !== null);
const answered = defs.filter((def) => def.reply !== null);

interface Fast {
  readonly pairs: PairCodec<object>;
  readonly value: object;
  readonly laid: { bind(view: DataView, offset: number, length: number): unknown };
}

/** The two other forms of each codec, made when they are first needed. */
const others = new Map<CommandDef, Fast>();

function othersOf(def: CommandDef): Fast {
  let made = others.get(def);
  if (made === undefined) {
    const pairs = pairCodec(def.request!) as PairCodec<object>;
    made = { pairs, value: pairs.create(), laid: accessor(def as never) as Fast['laid'] };
    others.set(def, made);
  }
  return made;
}

/** Whether it is a message. Whatever else is thrown goes on. */
function accepts(decode: () => unknown): boolean {
  try {
    decode();
    return true;
  } catch (error) {
    if (isProtocolError(error)) return false;
    throw error;
  }
}

/** Bytes to messages, in every form that there is: values, pairs, in place; requests, replies, events. */
export class DecoderTarget implements FuzzTarget {
  readonly name = 'decoder';
  readonly summary = 'bytes to messages: headers, requests, replies, events';
  readonly unit = 'inputs';
  readonly maxInputBytes = 4096;
  readonly #header = createCommandHeader();
  readonly #space = new Uint8Array(this.maxInputBytes);
  readonly #view = new DataView(this.#space.buffer);
  #accepted = 0;
  #refused = 0;
  #compared = 0;

  seeds(): readonly Uint8Array[] {
    return shortMessages();
  }

  run(input: Uint8Array): void {
    if (input.length < PREFIX_BYTES) return;
    // Views of one buffer only: making a DataView would cost more than reading the message.
    const { byteOffset, buffer, length } = input;
    let view = this.#inputView;
    if (view.buffer !== buffer || view.byteOffset !== byteOffset) {
      if (byteOffset !== 0) {
        this.#space.set(input);
        view = this.#view;
      } else {
        view = new DataView(buffer);
        this.#inputView = view;
      }
    }
    try {
      if ((input[0]! & 3) === DecoderMode.reply) this.#reply(view, length);
      else this.#message(view, input[0]!, length);
      this.#accepted += 1;
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      this.#refused += 1;
    }
  }

  #inputView: DataView = this.#view;

  #message(view: DataView, mode: number, end: number): void {
    const header = this.#header;
    decodeHeader(view, PREFIX_BYTES, end - PREFIX_BYTES, VERSIONS[mode & 3]!, header);
    const def = commandById(channelOf(header), header.commandType);
    if (def === undefined || def.request === null) return;
    // One in four is read in all three forms, which must agree on whether it is a message.
    if ((mode & 0x30) === 0) this.#compare(def, view);
    else def.request.decode(view, header.bodyOffset, header.bodyLength);
  }

  #compare(def: CommandDef, view: DataView): void {
    const { bodyLength, bodyOffset } = this.#header;
    const { laid, pairs, value } = othersOf(def);
    const isMessage = accepts(() => def.request!.decode(view, bodyOffset, bodyLength));
    const isPairs = accepts(() => pairs.decodeInto(view, bodyOffset, bodyLength, value as never));
    const isLaid = accepts(() => laid.bind(view, bodyOffset, bodyLength));
    this.#compared += 1;
    if (isMessage !== isPairs) throw new Error(`${def.name}: values ${isMessage}, pairs ${isPairs}`);
    // An accessor does not look into the elements of a tail.
    if (isMessage && !isLaid) throw new Error(`${def.name}: a message, but not in place`);
  }

  #reply(view: DataView, end: number): void {
    const def = answered[view.getUint8(1) % answered.length]!;
    const requestBytes = Math.min(view.getUint16(2, true), end - PREFIX_BYTES);
    const version = VERSIONS[view.getUint8(4) & 1]!;
    const request = def.request!.decode(view, PREFIX_BYTES, requestBytes) as object;
    const start = PREFIX_BYTES + requestBytes;
    decodeReply(def, version, view, start, end - start, request);
  }

  describe(): string {
    return `${this.#accepted} messages, ${this.#refused} refused, ${this.#compared} read in three forms`;
  }
}
