import type { Socket } from 'node:net';
import { TransportError } from '../errors.ts';
import { loadLibc } from './native.ts';

/** Bytes at the front of a socket that are looked at at a time: bells that have piled up. */
const PEEKED_BYTES = 64;
const POLLIN = 1;
/** MSG_DONTWAIT, alone and with MSG_PEEK: the same on x64 and arm64. */
const TAKE = 0x40;
const PEEK = 0x42;

interface SocketCalls {
  poll(entry: Int16Array, count: number, timeoutMs: number): number;
  receive(fileDescriptor: number, bytes: Uint8Array, length: number, flags: number): number;
}

let cached: SocketCalls | null = null;

function socketCalls(): SocketCalls {
  if (cached !== null) return cached;
  const { libc } = loadLibc();
  const poll = libc.func('int poll(void *entries, unsigned long count, int timeout)');
  const receive = libc.func('intptr_t recv(int fd, void *buffer, size_t length, int flags)');
  cached = {
    poll: (entry, count, timeoutMs) => poll(entry, count, timeoutMs) as number,
    receive: (fileDescriptor, bytes, length, flags) =>
      Number(receive(fileDescriptor, bytes, length, flags) as number),
  };
  return cached;
}

/**
 * The number of a socket's file, or -1 when it has none any more. Asked for at each use: a number that was kept could belong to another
 * file by then.
 */
export function fileDescriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { readonly _handle?: { readonly fd?: number } | null };
  return handle?.fd ?? -1;
}

/** Reads a socket with the thread blocked, past the event loop that reads it otherwise. */
export class BlockingSocket {
  readonly #socket: Socket;
  /** A `struct pollfd`: the file's number in the first two, what to wait for, what has come. */
  readonly #entry = new Int16Array(4);
  readonly #bytes = new Uint8Array(PEEKED_BYTES);

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /**
   * Blocks until there is something to read, or the other side is gone, or a signal came.
   *
   * @returns false when the time was over first.
   */
  wait(timeoutMs: number): boolean {
    const fileDescriptor = fileDescriptorOf(this.#socket);
    if (fileDescriptor < 0) return true;
    const entry = this.#entry;
    entry[0] = fileDescriptor & 0xffff;
    entry[1] = fileDescriptor >>> 16;
    entry[2] = POLLIN;
    entry[3] = 0;
    return socketCalls().poll(entry, 1, Math.max(0, Math.min(0x7fff_ffff, Math.ceil(timeoutMs)))) !== 0;
  }

  /**
   * Blocks until there is something to read, and reads it.
   *
   * @returns how many bytes; 0 when the time was over first.
   * @throws TransportError when nothing can come any more.
   */
  receive(bytes: Uint8Array, timeoutMs: number): number {
    const fileDescriptor = fileDescriptorOf(this.#socket);
    if (fileDescriptor < 0) throw new TransportError('closed', 'the connection has no file of the system');
    if (!this.wait(timeoutMs)) return 0;
    const length = socketCalls().receive(fileDescriptor, bytes, bytes.length, TAKE);
    if (length > 0) return length;
    // Woken by a signal, with nothing there.
    if (length < 0 && this.#entry[3] === 0) return 0;
    throw new TransportError('peer-closed', 'the connection has ended');
  }

  /** Takes the bytes of this value that lie ahead of all others; the rest is left to the event loop. */
  take(value: number): void {
    const fileDescriptor = fileDescriptorOf(this.#socket);
    if (fileDescriptor < 0) return;
    const { receive } = socketCalls();
    const bytes = this.#bytes;
    for (;;) {
      const there = receive(fileDescriptor, bytes, PEEKED_BYTES, PEEK);
      let count = 0;
      while (count < there && bytes[count] === value) count += 1;
      if (count > 0) receive(fileDescriptor, bytes, count, TAKE);
      if (count < PEEKED_BYTES) return;
    }
  }
}
