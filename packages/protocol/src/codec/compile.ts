import type { Message } from '../schema/message.ts';
import type { MessageCodec } from './codec.ts';
import { ReadEmitter } from './emit-read.ts';
import { WriteEmitter } from './emit-write.ts';
import * as run from './runtime.ts';

/** Codecs as straight-line code over one DataView, generated from the description when the program starts. */

type Functions = Pick<MessageCodec, 'sizeOf' | 'encode' | 'decode'>;

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

/** The generated source of a message's codec. */
export function codecSource(message: Message): string {
  const reader = new ReadEmitter(message);
  const writer = new WriteEmitter(message);
  const decode = reader.decoder();
  const functions = [...reader.helpers, decode, writer.sizeOf(), writer.encoder()];
  return `${helperScope}\n${functions.join('\n')}\nreturn { sizeOf, encode, decode };`;
}

class CompiledCodec implements MessageCodec {
  readonly name: string;
  readonly message: Message;
  readonly sizeOf: Functions['sizeOf'];
  readonly encode: Functions['encode'];
  readonly decode: Functions['decode'];

  constructor(name: string, message: Message, functions: Functions) {
    this.name = name;
    this.message = message;
    this.sizeOf = functions.sizeOf;
    this.encode = functions.encode;
    this.decode = functions.decode;
  }
}

/** Functions of the description that generated source calls, by tail. */
export function messageParts(message: Message): { counts: unknown[]; limits: unknown[] } {
  return {
    counts: message.tails.map(([, tail]) => (tail.count.from === 'request' ? tail.count.of : null)),
    limits: message.tails.map(([, tail]) => (tail.kind === 'structs' ? (tail.blob?.limit ?? null) : null)),
  };
}

/** A compiling codec of a message. Only where {@link canCompile}. */
export function compileMessage(name: string, message: Message): MessageCodec {
  const { counts, limits } = messageParts(message);
  const make = new Function('run', 'name', 'counts', 'limits', codecSource(message)) as (
    ...parts: unknown[]
  ) => Functions;
  return new CompiledCodec(name, message, make(run, name, counts, limits));
}
