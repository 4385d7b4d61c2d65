import { Buffer } from 'node:buffer';
import { TransportError } from '../errors.ts';

/**
 * What travels on the socket beside the shared memory: single bytes, and messages as JSON, with a u32 length.
 * Bytes in messages are `{ "bytes": "base64" }`.
 */
export const Mark = { bell: 0, alive: 1, message: 2 } as const;

const MAX_MESSAGE_BYTES = 1024 * 1024;
const HEADER_BYTES = 5;

/** Encodes one message. */
export function encodeMessage(message: unknown): Uint8Array {
  const text = JSON.stringify(message, (_key, value: unknown) =>
    value instanceof Uint8Array ? { bytes: Buffer.from(value).toString('base64') } : value,
  );
  const length = Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + length);
  bytes[0] = Mark.message;
  bytes.writeUInt32LE(length, 1);
  bytes.write(text, HEADER_BYTES);
  return bytes;
}

/** Finds marks and messages in a stream that may be split and joined anywhere. */
export class WireDecoder {
  readonly #onMessage: (message: unknown) => void;
  readonly #onBell: () => void;
  #rest: Buffer | null = null;
  #isStopped = false;

  constructor(onBell: () => void, onMessage: (message: unknown) => void) {
    this.#onBell = onBell;
    this.#onMessage = onMessage;
  }

  /** A message has come in part. */
  get isWithinMessage(): boolean {
    return this.#rest !== null;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Takes the next bytes; one bell for all those in them. @throws TransportError `bad-frame`. */
  push(input: Uint8Array): void {
    let bytes = Buffer.from(input.buffer, input.byteOffset, input.length);
    if (this.#rest !== null) bytes = Buffer.concat([this.#rest, bytes]);
    this.#rest = null;
    let isRung = false;
    let at = 0;
    while (at < bytes.length && !this.#isStopped) {
      const mark = bytes[at]!;
      if (mark === Mark.message) {
        const length = bytes.length - at >= HEADER_BYTES ? bytes.readUInt32LE(at + 1) : 0;
        if (length > MAX_MESSAGE_BYTES) {
          throw new TransportError(
            'bad-frame',
            `a message of ${length} bytes; the limit is ${MAX_MESSAGE_BYTES}`,
          );
        }
        const end = at + HEADER_BYTES + length;
        if (bytes.length - at < HEADER_BYTES || bytes.length < end) {
          this.#rest = Buffer.from(bytes.subarray(at));
          break;
        }
        this.#onMessage(decodeMessage(bytes.toString('utf8', at + HEADER_BYTES, end)));
        at = end;
      } else if (mark === Mark.bell || mark === Mark.alive) {
        isRung ||= mark === Mark.bell;
        at += 1;
      } else {
        throw new TransportError('bad-frame', `unknown mark ${mark} on the socket`);
      }
    }
    if (isRung && !this.#isStopped) this.#onBell();
  }
}

function decodeMessage(text: string): unknown {
  try {
    return JSON.parse(text, (_key, value: unknown) => {
      const bytes =
        value === null || typeof value !== 'object' ? undefined : (value as { bytes?: unknown }).bytes;
      return typeof bytes === 'string' ? new Uint8Array(Buffer.from(bytes, 'base64')) : value;
    });
  } catch (error) {
    throw new TransportError('bad-frame', 'a message on the socket is no JSON', { cause: error });
  }
}
