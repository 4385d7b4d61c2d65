import type { Message } from '../schema/message.ts';
import { canCompile, compileMessage } from './compile.ts';
import { interpretMessage } from './interpret.ts';

/** What a reply's decoder needs besides bytes: the request that it answers gives the counts. */
export type DecodeContext = object | undefined;

/**
 * Bytes of one message's body to its value and back. The body of a request starts behind the 24-byte command header,
 * that of a reply at the first byte of the payload (or behind the header copy that two replies carry).
 */
export interface MessageCodec<Out = unknown, In = Out> {
  readonly name: string;
  /** The description that the codec was made from. */
  readonly message: Message;
  /** Bytes that `encode` writes for this value, spare bytes at the end included. */
  sizeOf(value: In): number;
  /** Writes the body at `offset` and returns its length. Throws a ProtocolError when it does not fit or match. */
  encode(value: In, view: DataView, offset: number): number;
  /**
   * Reads a body of at most `length` bytes at `offset`. Longer bodies are fine; shorter ones, bad counts and the like
   * throw a ProtocolError. For replies with tails `context` is the request. Byte arrays are views of the packet.
   */
  decode(view: DataView, offset: number, length: number, context?: DecodeContext): Out;
}

/** Makes the codec of a message: compiled, or interpreted where code may not be generated. */
export function createCodec<Out, In>(name: string, message: Message<Out, In>): MessageCodec<Out, In> {
  const make = canCompile ? compileMessage : interpretMessage;
  return make(name, message as Message) as unknown as MessageCodec<Out, In>;
}
