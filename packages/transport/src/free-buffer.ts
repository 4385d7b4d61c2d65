import { MessageChannel, type MessagePort } from 'node:worker_threads';

/** Shorter buffers are not worth it, bytes. */
const LEAST_BYTES = 16 * 1024;

type Transfer = (this: ArrayBufferLike, newByteLength: number) => unknown;

/** Node 22 has it. */
const transfer = (ArrayBuffer.prototype as unknown as { transfer?: Transfer }).transfer;
let nowhere: MessagePort | null = null;

/**
 * Gives a long buffer's memory back now, where the collector would let tens of MiB of them come together first. For
 * what was read and is of no more use, and only where nobody else holds it: whoever does finds it empty. A part of a
 * larger buffer is left alone, as others may have the rest.
 */
export function freeBuffer(bytes: Uint8Array): void {
  const { buffer, length } = bytes;
  if (length < LEAST_BYTES || length !== buffer.byteLength || !(buffer instanceof ArrayBuffer)) return;
  if (transfer !== undefined) {
    transfer.call(buffer, 0);
    return;
  }
  // What is handed to a port that leads nowhere is freed there.
  nowhere ??= closedPort();
  nowhere.postMessage(null, [buffer]);
}

function closedPort(): MessagePort {
  const { port1 } = new MessageChannel();
  port1.close();
  return port1;
}
