import { Buffer } from 'node:buffer';
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { type RawData, WebSocket } from 'ws';
import { MAX_MESSAGE_BYTES } from '../websocket/address.ts';

/** Bytes that may wait towards one end before the other is no longer read. */
const HIGH_WATER_BYTES = 1 << 20;
/** Longest piece that is written at once: less than the largest message of a WebSocket. */
const PIECE_BYTES = MAX_MESSAGE_BYTES / 2;

/** Longest reason of a closing frame. */
const MAX_REASON_BYTES = 123;

/** One connection, whatever carries its bytes. */
export interface Pipe {
  onData: (bytes: Uint8Array) => void;
  onDrain: () => void;
  onEnd: (code: number, reason: string) => void;
  /** @returns false when enough waits: stop until `onDrain`. */
  write(bytes: Uint8Array): boolean;
  end(code: number, reason: string): void;
  pause(): void;
  resume(): void;
}

const nothing = (): void => {};

export function socketPipe(socket: Socket): Pipe {
  const pipe: Pipe = {
    onData: nothing,
    onDrain: nothing,
    onEnd: nothing,
    write: (bytes) => socket.destroyed || socket.write(bytes),
    end: () => void socket.end(),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
  };
  let failure = '';
  socket.on('data', (bytes) => pipe.onData(bytes));
  socket.on('drain', () => pipe.onDrain());
  socket.on('error', (error) => {
    failure = error.message;
  });
  socket.on('close', () => {
    pipe.onDrain();
    pipe.onEnd(failure === '' ? 1000 : 1011, failure);
  });
  return pipe;
}

/** As much of a text as a closing frame holds. */
function shortened(reason: string): Buffer {
  const space = new Uint8Array(MAX_REASON_BYTES);
  // Never ends inside a character.
  const { written } = new TextEncoder().encodeInto(reason, space);
  return Buffer.from(space.buffer, 0, written);
}

export function webSocketPipe(socket: WebSocket): Pipe {
  const early: Uint8Array[] = [];
  const send = (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      socket.send(bytes.subarray(at, at + PIECE_BYTES), () => {
        if (socket.bufferedAmount < HIGH_WATER_BYTES / 4) pipe.onDrain();
      });
    }
  };
  const pipe: Pipe = {
    onData: nothing,
    onDrain: nothing,
    onEnd: nothing,
    write(bytes) {
      if (socket.readyState === WebSocket.CONNECTING) {
        early.push(bytes.slice());
        return false;
      }
      if (socket.readyState !== WebSocket.OPEN) return true;
      send(bytes);
      return socket.bufferedAmount < HIGH_WATER_BYTES;
    },
    end(code, reason) {
      // Codes below 3000 that a program may send are few.
      const isSendable = code === 1000 || code === 1001 || code === 1011 || code >= 3000;
      socket.close(isSendable ? code : 1011, shortened(reason));
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
  };
  let failure = '';
  socket.on('open', () => {
    for (const bytes of early.splice(0)) send(bytes);
    pipe.onDrain();
  });
  socket.on('message', (data: RawData) => pipe.onData(data as Buffer));
  socket.on('error', (error) => {
    failure = error.message;
  });
  socket.on('close', (code, reason) => {
    pipe.onDrain();
    pipe.onEnd(code, failure === '' ? reason.toString() : failure);
  });
  return pipe;
}

/**
 * Two streams, one for each way: standard input and output, a device, a child's pipes. It is over when nothing more comes.
 *
 * @param child - Whose pipes they are: how it ended says why they did.
 */
export function streamsPipe(readable: Readable, writable: Writable, child?: ChildProcess): Pipe {
  const pipe: Pipe = {
    onData: nothing,
    onDrain: nothing,
    onEnd: nothing,
    write: (bytes) => writable.destroyed || writable.writableEnded || writable.write(bytes),
    end() {
      writable.end();
      // What still comes is for nobody, but its end has to be seen.
      pipe.onData = nothing;
      readable.resume();
    },
    pause: () => void readable.pause(),
    resume: () => void readable.resume(),
  };
  let failure = '';
  let isOver = false;
  const over = () => {
    if (isOver) return;
    isOver = true;
    pipe.onDrain();
    pipe.onEnd(failure === '' ? 1000 : 1011, failure);
  };
  for (const stream of [readable, writable])
    stream.on('error', (error: Error) => {
      failure = error.message;
      over();
    });
  child?.once('error', (error) => {
    failure = error.message;
    over();
  });
  writable.on('drain', () => pipe.onDrain());
  readable.on('data', (bytes: Uint8Array) => pipe.onData(bytes));
  readable.once('end', over);
  readable.once('close', over);
  return pipe;
}
