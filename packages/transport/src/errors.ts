/** What can go wrong with a link. `peer-closed` and `closed` are ends; the others say why an end came early. */
export type TransportErrorCode =
  | 'closed'
  | 'peer-closed'
  | 'connect-failed'
  | 'listen-failed'
  | 'bad-url'
  | 'refused'
  | 'version-mismatch'
  | 'bad-frame'
  | 'bad-ring'
  | 'too-large'
  | 'out-of-range'
  | 'no-memory'
  | 'limit'
  | 'time-out'
  | 'unsupported';

/** A link that failed, or a use of it that cannot be. It settles every pending transaction of the link. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly code: TransportErrorCode;

  constructor(code: TransportErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

export function isTransportError(value: unknown): value is TransportError {
  return value instanceof TransportError;
}
