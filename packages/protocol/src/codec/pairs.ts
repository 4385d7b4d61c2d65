import { ProtocolError } from '../errors.ts';
import type { Message } from '../schema/message.ts';
import type { DecodeContext, MessageCodec } from './codec.ts';
import { canCompile, helperScope, messageParts } from './compile.ts';
import { IntoEmitter } from './emit-into.ts';
import { WriteEmitter } from './emit-write.ts';
import { interpretMessage } from './interpret.ts';
import { fromPairs, toPairs } from './pair-values.ts';
import * as run from './runtime.ts';

/**
 * The value of a message with numbers of 64 bits as two numbers of 32 bits: the field `x` is `xLow` and `xHigh`, an
 * array of them has low and high halves in turns.
 */
export type Pairs<T> = T extends Uint8Array | Uint32Array | string | number | boolean | undefined
  ? T
  : T extends BigUint64Array
    ? Uint32Array
    : T extends readonly (infer Element)[]
      ? Pairs<Element>[]
      : { [K in keyof T as [T[K]] extends [bigint] ? never : K]: Pairs<T[K]> } & {
          [K in keyof T & string as [T[K]] extends [bigint] ? `${K}Low` | `${K}High` : never]: number;
        };

/**
 * A packed codec for hot paths, of the same bytes and with the same checks as {@link MessageCodec}: it has no `bigint`
 * and reads message after message into one value. Where the tails keep their lengths (and byte tails their place in
 * the buffer) `decodeInto` allocates nothing; arrays of structs and unions of structs are made anew each time.
 */
export interface PairCodec<Value> {
  readonly name: string;
  readonly message: Message;
  /** A value with every field, zero or empty, to decode into. */
  create(): Value;
  sizeOf(value: Value): number;
  encode(value: Value, view: DataView, offset: number): number;
  /**
   * Reads a body into `into` and returns it. After an error its content is not defined. Alternatives of a union that
   * are not valid are `undefined`. What `into` held before must not be kept: arrays are written over.
   */
  decodeInto(view: DataView, offset: number, length: number, into: Value, context?: DecodeContext): Value;
}

type Functions = Pick<PairCodec<unknown>, 'create' | 'sizeOf' | 'encode' | 'decodeInto'>;

class CompiledPairs implements PairCodec<unknown> {
  readonly name: string;
  readonly message: Message;
  readonly create: Functions['create'];
  readonly sizeOf: Functions['sizeOf'];
  readonly encode: Functions['encode'];
  readonly decodeInto: Functions['decodeInto'];

  constructor(name: string, message: Message, functions: Functions) {
    this.name = name;
    this.message = message;
    this.create = functions.create;
    this.sizeOf = functions.sizeOf;
    this.encode = functions.encode;
    this.decodeInto = functions.decodeInto;
  }
}

/** The generated source of a message's pair codec. */
export function pairSource(message: Message): string {
  const reader = new IntoEmitter(message);
  const writer = new WriteEmitter(message, 'pair');
  const decode = reader.decoderInto();
  const functions = [...reader.helpers, decode, reader.creator(), writer.sizeOf(), writer.encoder()];
  return `${helperScope}\n${functions.join('\n')}\nreturn { create, sizeOf, encode, decodeInto };`;
}

type Values = Record<string, unknown>;

/** The same without generated code: by way of the values of the plain codec. */
class PlainPairs implements PairCodec<Values> {
  readonly name: string;
  readonly message: Message;
  private readonly codec: MessageCodec<Values, Values>;

  constructor(name: string, message: Message) {
    this.name = name;
    this.message = message;
    this.codec = interpretMessage(name, message);
  }

  create(): Values {
    return toPairs(this.message, {});
  }

  sizeOf(value: Values): number {
    return this.codec.sizeOf(this.plain(value));
  }

  encode(value: Values, view: DataView, offset: number): number {
    return this.codec.encode(this.plain(value), view, offset);
  }

  private plain(value: Values): Values {
    try {
      return fromPairs(this.name, this.message, value ?? run.EMPTY);
    } catch (error) {
      return run.failEncode(this.name, error);
    }
  }

  decodeInto(view: DataView, offset: number, length: number, into: Values, context?: object): Values {
    return Object.assign(into, toPairs(this.message, this.codec.decode(view, offset, length, context)));
  }
}

/** A pair codec without generated code, whatever the realm allows: for tests. */
export function plainPairCodec(codec: MessageCodec): PairCodec<Values> {
  return new PlainPairs(codec.name, codec.message);
}

/** The pair codec of the same message as a codec of the table (`commands.x.request`, `.reply`). */
export function pairCodec<Out>(codec: MessageCodec<Out, never> | null): PairCodec<Pairs<Out>> {
  if (codec === null)
    throw new ProtocolError('unknown-command', 'a command that has a number, but no known layout');
  const { name, message } = codec;
  if (!canCompile) return new PlainPairs(name, message) as unknown as PairCodec<Pairs<Out>>;
  const { counts, limits } = messageParts(message);
  const make = new Function('run', 'name', 'counts', 'limits', pairSource(message)) as (
    ...parts: unknown[]
  ) => Functions;
  return new CompiledPairs(name, message, make(run, name, counts, limits)) as PairCodec<Pairs<Out>>;
}
