import { TransportError } from '../errors.ts';
import { FrameKind, LINK_CHANNEL } from './frame.ts';
import { MAX_MEMORY_READS } from './limits.ts';
import type { LinkOutput } from './output.ts';

const TWO_32 = 0x1_0000_0000;

/** What a host has asked of guest memory, in the order in which the guest answers. */
export class MemoryReads {
  readonly #output: LinkOutput;
  readonly #waiting: { resolve: () => void; reject: (error: TransportError) => void }[] = [];

  constructor(output: LinkOutput) {
    this.#output = output;
  }

  /** Asks for a range. @throws TransportError `limit`. */
  ask(address: number, length: number): Promise<void> {
    if (this.#waiting.length >= MAX_MEMORY_READS) {
      throw new TransportError('limit', `${MAX_MEMORY_READS} memory reads are outstanding already`);
    }
    const request = new Uint8Array(8);
    const view = new DataView(request.buffer);
    view.setUint32(0, length >>> 0, true);
    view.setUint32(4, Math.floor(length / TWO_32), true);
    const high = Math.floor(address / TWO_32);
    this.#output.frame(LINK_CHANNEL, FrameKind.memoryRead, address >>> 0, high, 0, request, 0, 8);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  /** Part of an answer has come. @throws TransportError `bad-frame` when nothing was asked. */
  requireAsked(): void {
    if (this.#waiting.length === 0) throw new TransportError('bad-frame', 'an answer to no memory read');
  }

  /** The oldest one is answered in full. */
  answered(): void {
    this.#waiting.shift()?.resolve();
  }

  rejectAll(error: TransportError): void {
    for (const read of this.#waiting.splice(0)) read.reject(error);
  }
}
