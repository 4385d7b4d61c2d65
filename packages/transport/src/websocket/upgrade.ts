import { Buffer } from 'node:buffer';
import { type IncomingMessage, type Server, ServerResponse, STATUS_CODES } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { clearTimeout, queueMicrotask, setTimeout } from '../timers.ts';
import { FAREWELL_TIMEOUT_MS } from './ws-medium.ts';

/** Answers an upgrade request with an error. The connection is nobody else's any more: it must not stay half open. */
export function refuseUpgrade(stream: Duplex, status: number, reason: string): void {
  const text = `${reason}\n`;
  stream.on('error', () => stream.destroy());
  const timer = setTimeout(() => stream.destroy(), FAREWELL_TIMEOUT_MS);
  timer.unref();
  stream.once('close', () => clearTimeout(timer));
  // Read to its end: bytes that nobody has read would cost the other side the answer.
  stream.once('end', () => stream.destroy()).resume();
  stream.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\nContent-Type: text/plain; ` +
      `charset=utf-8\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
}

/**
 * Serves a request that would rather speak something else than a WebSocket, such as HTTP/2: without us the server would pay
 * no heed to that, and a client of its other routes would have its answer.
 */
export function serveWithoutUpgrade(server: Server, request: IncomingMessage, stream: Duplex): void {
  if (!(stream instanceof Socket) || !['GET', 'HEAD'].includes(request.method ?? '')) {
    // Nothing has read, or will read, its body.
    refuseUpgrade(stream, 400, `no upgrade to ${request.headers.upgrade} here`);
    return;
  }
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(stream);
  response.once('finish', () => {
    response.detachSocket(stream);
    stream.end();
  });
  stream.on('error', () => stream.destroy());
  stream.once('end', () => stream.destroy()).resume();
  server.emit('request', request, response);
}

/**
 * A connection has been taken: what others who hear of the same request do to it is not to reach it.
 *
 * @returns begins with that, which ends when all have heard. Call it when this side's own part of the answer is written.
 */
export function protectFromOthers(stream: Duplex): () => void {
  const taken = { write: () => true, end: () => stream, destroy: () => stream };
  let isOver = false;
  // Before anything that this side writes later in this turn.
  queueMicrotask(() => {
    isOver = true;
    for (const name of Object.keys(taken)) Reflect.deleteProperty(stream, name);
  });
  return () => {
    if (!isOver && stream.writable) Object.assign(stream, taken);
  };
}
