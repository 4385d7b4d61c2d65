/** The WebGPU command stream: what a guest's WebGPU driver records, and what the backend sends back. */
import { createStreamCodec, type Handlers, type Writers } from './codec.ts';
import { returnOps } from './returns.ts';
import { type streamOpGroups, streamOps } from './table.ts';

export type { CodecMode, Handlers, StreamCodec, Writers } from './codec.ts';
export { canCompile, createStreamCodec, recordWords, walkRecords } from './codec.ts';
export * as streamEnums from './enums.ts';
export { encoderTarget } from './ops/encoder.ts';
export { errorScopeStatus, mapStatus, pipelineStatus, returnOps } from './returns.ts';
export type { Op, OpArguments, OpTable, Shape } from './schema.ts';
export { fieldWordOffset, MAX_OPCODE, MAX_RECORD_WORDS, UNDEFINED_WORD } from './schema.ts';
export type { StreamOpName } from './table.ts';
export { STREAM_VERSION, streamOpGroups, streamOps } from './table.ts';
export { StreamWriter } from './writer.ts';

const streamCodec = createStreamCodec(streamOps);
const returnCodec = createStreamCodec(returnOps);

/** Appends a record of the command stream: `ops.draw(writer, 3, 1, 0, 0)`, `ops.createSampler(writer, {...})`. */
export const ops: Writers<typeof streamOps> = streamCodec.writers;

/** Appends a record of the return ring. */
export const returns: Writers<typeof returnOps> = returnCodec.writers;

export type StreamHandlers = Handlers<typeof streamOps>;
/** Handlers of one group of ops. */
export type StreamGroupHandlers<G extends keyof typeof streamOpGroups> = Handlers<(typeof streamOpGroups)[G]>;
export type ReturnHandlers = Handlers<typeof returnOps>;

/**
 * Reads a command stream: each record is checked, then its handler is called, in order. What a handler throws goes
 * to `onThrow`, if given, and reading goes on with the next record.
 * @throws ProtocolError `bad-stream`; the records before the bad one have been handled.
 */
export function decodeStream(
  bytes: Uint8Array,
  handlers: StreamHandlers,
  onThrow?: (error: unknown, opcode: number) => void,
): void {
  streamCodec.decode(bytes, handlers, onThrow);
}

/**
 * Reads records of a return ring: give it whole records, copied out of the ring.
 * @throws ProtocolError `bad-stream`; the records before the bad one have been handled.
 */
export function decodeReturns(bytes: Uint8Array, handlers: ReturnHandlers): void {
  returnCodec.decode(bytes, handlers);
}
