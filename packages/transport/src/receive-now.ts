import { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import process from 'node:process';
import type { Readable } from 'node:stream';
import { TransportError } from './errors.ts';
import { BlockingSocket } from './shared-memory/blocking-socket.ts';

/** Most bytes that are read at once. */
const PIECE_BYTES = 65_536;

const waiting = new WeakMap<Socket, BlockingSocket>();

/**
 * Blocks the thread until a socket has something to read, and reads it in place of the event loop: for the end of a
 * process, which has no turn left.
 *
 * @returns the bytes, in memory of their own; null when the time was over first.
 * @throws TransportError when the socket has ended, or is none of the system's: a pipe of Node's own, TLS.
 */
export function receiveFrom(stream: Readable | null, timeoutMs: number): Buffer | null {
  if (process.platform !== 'linux' || !(stream instanceof Socket))
    throw new TransportError('closed', 'no thread can wait for this connection');
  let socket = waiting.get(stream);
  if (socket === undefined) {
    socket = new BlockingSocket(stream);
    waiting.set(stream, socket);
  }
  const bytes = Buffer.allocUnsafeSlow(PIECE_BYTES);
  const length = socket.receive(bytes, timeoutMs);
  return length === 0 ? null : bytes.subarray(0, length);
}
