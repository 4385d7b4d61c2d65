/**
 * What can be wrong with bytes that claim to be a message, or with a value that should become one.
 *
 * - `truncated`: the bytes end before the message does.
 * - `bad-length`: a length that no valid message of this kind has.
 * - `bad-count`: a count that disagrees with the arrays or with the request.
 * - `bad-value`: a field that holds something no valid message holds.
 * - `unknown-command`: a command number that the table does not have.
 * - `too-large`: longer than a limit, or than the space given.
 * - `bad-version`: not part of the interface version in use.
 * - `bad-stream`: a record of the WebGPU command stream that breaks its format.
 * - `bad-blob`: driver-private data that breaks its format.
 * - `bad-handshake`: the peer does not follow the order of the protocol.
 */
export type ProtocolErrorCode =
  | 'truncated'
  | 'bad-length'
  | 'bad-count'
  | 'bad-value'
  | 'unknown-command'
  | 'too-large'
  | 'bad-version'
  | 'bad-stream'
  | 'bad-blob'
  | 'bad-handshake';

/** A peer broke the format, or a value has no form on the wire. A peer's error ends its connection. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly code: ProtocolErrorCode;

  constructor(code: ProtocolErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** Whether `value` is a {@link ProtocolError}. */
export function isProtocolError(value: unknown): value is ProtocolError {
  return value instanceof ProtocolError;
}
