/** What can go wrong with a link. `peer-closed` and `closed` are ends; the others say why an end came early. */
export const TRANSPORT_ERROR_CODES = [
  'closed',
  'peer-closed',
  'connect-failed',
  'listen-failed',
  'bad-url',
  'refused',
  'version-mismatch',
  'bad-frame',
  'bad-ring',
  'too-large',
  'out-of-range',
  'no-memory',
  'limit',
  'time-out',
  'unsupported',
] as const;

export type TransportErrorCode = (typeof TRANSPORT_ERROR_CODES)[number];

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

/** How one side tells the other why it ended a channel or a link. */
export interface PeerReason {
  /** A {@link TransportErrorCode}, or the name of another kind of error. */
  readonly code: string;
  readonly message: string;
}

const MAX_REASON_LENGTH = 1000;

/** What to tell the peer about an error; null for an orderly end. */
export function reasonOf(error: Error | null): PeerReason | null {
  if (error === null) return null;
  const code = isTransportError(error) ? error.code : error.name;
  return { code, message: error.message.slice(0, MAX_REASON_LENGTH) };
}

/**
 * The error that stands for what the peer said: with the peer's code where that is one of ours, so that both
 * sides report the same thing, else `peer-closed`.
 */
export function errorOfPeer(reason: PeerReason, what = 'the peer ended the link'): TransportError {
  const known = TRANSPORT_ERROR_CODES.find((code) => code === reason.code);
  const code = known === undefined || known === 'closed' ? 'peer-closed' : known;
  const prefix = known === undefined && reason.code !== '' ? `${reason.code}: ` : '';
  return new TransportError(code, `${what}: ${prefix}${reason.message.slice(0, MAX_REASON_LENGTH)}`);
}
