import { bytesOfSeed, isOfSeed, Random } from '../compliance/data.ts';

/** Bytes of guest memory and of device window that a conversation writes at a time, and where in the window. */
export const SLOT_BYTES = 4096;
export const WINDOW_DATA_OFFSET = 4096;
export const WINDOW_FENCE_OFFSET = 64;

/** How an exchange between a guest and its host goes: both know all of it from these numbers. */
export interface ConversationOptions {
  readonly seed: number;
  /** Requests of the guest, each answered. Default 24. */
  readonly requests?: number;
  /** Longest payload, bytes. Default 6000. */
  readonly maxBytes?: number;
  /** Requests under way at a time, at most. Default 6. */
  readonly inFlight?: number;
}

/** The payloads of a conversation, in either direction, by request number from 1. */
export class ConversationData {
  readonly requests: number;
  readonly maxBytes: number;
  readonly inFlight: number;
  readonly #seed: number;

  constructor(options: ConversationOptions) {
    this.#seed = options.seed;
    this.requests = options.requests ?? 24;
    this.maxBytes = options.maxBytes ?? 6000;
    this.inFlight = options.inFlight ?? 6;
  }

  #lengthOf(salt: number): number {
    const random = new Random(this.#seed ^ Math.imul(salt, 0x85eb_ca6b));
    return random.below(random.below(6) === 0 ? this.maxBytes + 1 : Math.min(200, this.maxBytes + 1));
  }

  request(id: number): Uint8Array {
    return bytesOfSeed(this.#seed + id, this.#lengthOf(id));
  }

  reply(id: number): Uint8Array {
    return bytesOfSeed(this.#seed - id, this.#lengthOf(-id));
  }

  /** Whether these are the bytes, up to the padding that some media deliver. */
  isRequest(id: number, bytes: Uint8Array): boolean {
    return matches(this.#seed + id, this.#lengthOf(id), bytes);
  }

  isReply(id: number, bytes: Uint8Array): boolean {
    return matches(this.#seed - id, this.#lengthOf(-id), bytes);
  }

  /** Each fourth request is announced by bytes in guest memory; the guest waits for its answer before the next such. */
  hasMemory(id: number): boolean {
    return id % 4 === 0;
  }

  memory(id: number): Uint8Array {
    return bytesOfSeed(this.#seed ^ id, SLOT_BYTES);
  }

  isMemory(id: number, bytes: Uint8Array): boolean {
    return isOfSeed(this.#seed ^ id, bytes);
  }
}

function matches(seed: number, length: number, bytes: Uint8Array): boolean {
  if (bytes.length < length || bytes.length >= length + 8) return false;
  return isOfSeed(seed, bytes.subarray(0, length));
}
