import type { Message } from '../schema/message.ts';
import type { MessageCodec } from './codec.ts';
import { ReadEmitter } from './emit-read.ts';
import { WriteEmitter } from './emit-write.ts';
import * as run from './runtime.ts';

/** Codecs as straight-line code over one DataView, generated from the description when they are first used. */

/** Whether this realm lets source become code; a browser's content security policy may forbid it. */
export const canCompile: boolean = (() => {
  try {
    return new Function('return true')() === true;
  } catch {
    return false;
  }
})();

/** Brings the helpers into the scope of generated source, under their own names. */
export const helperScope = `"use strict"; const { ${Object.keys(run).join(', ')} } = run;`;

type Encoding = Pick<MessageCodec, 'sizeOf' | 'encode'>;

function encodingSource(message: Message): string {
  const writer = new WriteEmitter(message);
  return `${helperScope}\n${writer.sizeOf()}\n${writer.encoder()}\nreturn { sizeOf, encode };`;
}

function decodeSource(message: Message): string {
  const reader = new ReadEmitter(message);
  const decode = reader.decoder();
  return `${helperScope}\n${[...reader.helpers, decode].join('\n')}\nreturn decode;`;
}

/**
 * A codec whose functions are compiled when they are first called: each side of a link encodes half of the messages,
 * decodes the other half, and most programs use few of them.
 */
class CompiledCodec implements MessageCodec {
  readonly name: string;
  readonly message: Message;
  sizeOf: MessageCodec['sizeOf'];
  encode: MessageCodec['encode'];
  decode: MessageCodec['decode'];

  constructor(name: string, message: Message) {
    this.name = name;
    this.message = message;
    this.sizeOf = (value) => {
      this.#compileEncoding();
      return this.sizeOf(value);
    };
    this.encode = (value, view, offset) => {
      this.#compileEncoding();
      return this.encode(value, view, offset);
    };
    this.decode = (view, offset, length, context) => {
      this.#compileDecoding();
      return this.decode(view, offset, length, context);
    };
  }

  #compileEncoding(): void {
    const { sizeOf, encode } = generate(this.name, this.message, encodingSource(this.message)) as Encoding;
    this.sizeOf = sizeOf;
    this.encode = encode;
  }

  #compileDecoding(): void {
    this.decode = generate(this.name, this.message, decodeSource(this.message)) as MessageCodec['decode'];
  }
}

/** Functions of the description that generated source calls, by tail. */
export function messageParts(message: Message): { counts: unknown[]; limits: unknown[] } {
  return {
    counts: message.tails.map(([, tail]) => (tail.count.from === 'request' ? tail.count.of : null)),
    limits: message.tails.map(([, tail]) => (tail.kind === 'structs' ? (tail.blob?.limit ?? null) : null)),
  };
}

function generate(name: string, message: Message, source: string): unknown {
  const { counts, limits } = messageParts(message);
  const make = new Function('run', 'name', 'counts', 'limits', source) as (...parts: unknown[]) => unknown;
  return make(run, name, counts, limits);
}

/** A compiling codec of a message. Only where {@link canCompile}. */
export function compileMessage(name: string, message: Message): MessageCodec {
  return new CompiledCodec(name, message);
}
