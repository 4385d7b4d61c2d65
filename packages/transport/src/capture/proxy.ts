import { createServer, type IncomingMessage } from 'node:http';
import { connect as connectSocket, createServer as createStreamServer, type Socket } from 'node:net';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import { TransportError } from '../errors.ts';
import { parseStreamUrl, streamUrl } from '../stream/address.ts';
import { listenOnSocketFile } from '../stream/socket-file.ts';
import { MAX_MESSAGE_BYTES, parseWebSocketUrl, SUBPROTOCOL, urlOfRequest } from '../websocket/address.ts';
import type { Direction } from './records.ts';

/** Bytes that may wait towards one end before the other is no longer read. */
const HIGH_WATER_BYTES = 1 << 20;
/** Longest piece that is written at once: less than the largest message of a WebSocket. */
const PIECE_BYTES = MAX_MESSAGE_BYTES / 2;

/** Longest reason of a closing frame. */
const MAX_REASON_BYTES = 123;

/** One connection, whatever carries its bytes. */
interface Pipe {
  onData: (bytes: Uint8Array) => void;
  onDrain: () => void;
  onEnd: (code: number, reason: string) => void;
  /** @returns false when enough waits: stop until `onDrain`. */
  write(bytes: Uint8Array): boolean;
  end(code: number, reason: string): void;
  pause(): void;
  resume(): void;
}

/** Sees the bytes that pass on one connection. */
export interface LinkTap {
  push(direction: Direction, bytes: Uint8Array): void;
  end(): void;
}

/** A proxy that runs. */
export interface LinkProxy {
  /** Where guests connect. */
  readonly url: string;
  close(): Promise<void>;
}

export interface ProxyOptions {
  readonly listen: string;
  readonly connect: string;
  /** Called for each connection of a guest. */
  readonly onConnection: () => LinkTap;
}

/**
 * Stands between guests and a host and hands their bytes on unchanged: `ws:`, `tcp:` and `unix:` on either side, alike
 * or not. Tokens pass through it.
 *
 * @throws TransportError `bad-url`, `listen-failed`.
 */
export async function proxyLink({ connect, listen, onConnection }: ProxyOptions): Promise<LinkProxy> {
  const pipes = new Set<Pipe>();
  const dial = dialler(connect);
  const accept = (guest: Pipe, request: IncomingMessage | null) => {
    guest.pause();
    const tap = onConnection();
    const host = dial(request);
    let isOver = false;
    const over = () => {
      pipes.delete(guest);
      pipes.delete(host);
      if (!isOver) tap.end();
      isOver = true;
    };
    pipes.add(guest);
    pipes.add(host);
    join(guest, host, (bytes) => tap.push('g2h', bytes), over);
    join(host, guest, (bytes) => tap.push('h2g', bytes), over);
    guest.resume();
  };
  const { stop, url } = await (isWebSocket(listen)
    ? listenWebSocket(listen, accept)
    : listenStream(listen, accept));
  return {
    url,
    async close() {
      for (const pipe of pipes) pipe.end(1001, 'the capture ends');
      await stop();
    },
  };
}

function join(from: Pipe, to: Pipe, see: (bytes: Uint8Array) => void, over: () => void): void {
  from.onData = (bytes) => {
    see(bytes);
    if (!to.write(bytes)) from.pause();
  };
  to.onDrain = () => from.resume();
  from.onEnd = (code, reason) => {
    to.end(code, reason);
    over();
  };
}

function isWebSocket(url: string): boolean {
  return /^wss?:/i.test(url);
}

function dialler(url: string): (request: IncomingMessage | null) => Pipe {
  if (!isWebSocket(url)) {
    const { address } = parseStreamUrl(url);
    if (address.kind === 'unix') return () => socketPipe(connectSocket(address.path));
    if (address.kind === 'tcp')
      return () => socketPipe(connectSocket({ host: address.host, port: address.port, noDelay: true }));
    throw new TransportError('bad-url', `a capture connects to ws:, tcp: and unix:, not ${address.kind}`);
  }
  const address = parseWebSocketUrl(url);
  return (request) => {
    const named = (request?.headers['sec-websocket-protocol'] ?? SUBPROTOCOL)
      .split(',')
      .map((each) => each.trim());
    const target = new URL(address.url);
    const query = urlOfRequest(request?.url)?.search ?? '';
    if (query !== '') target.search = query;
    const { authorization } = request?.headers ?? {};
    return webSocketPipe(
      new WebSocket(target, named, {
        perMessageDeflate: false,
        maxPayload: MAX_MESSAGE_BYTES,
        ...(request?.headers.origin === undefined ? {} : { origin: request.headers.origin }),
        headers: authorization === undefined ? {} : { authorization },
      }),
    );
  };
}

type Accept = (guest: Pipe, request: IncomingMessage | null) => void;

async function listenWebSocket(
  text: string,
  accept: Accept,
): Promise<{ url: string; stop(): Promise<void> }> {
  const { host: hostname, isSecure, url } = parseWebSocketUrl(text);
  if (isSecure)
    throw new TransportError(
      'bad-url',
      `a capture has no certificate to listen with: use ws: in place of wss:`,
    );
  const { port } = new URL(url);
  const server = createServer();
  const sockets = new WebSocketServer({
    server,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    handleProtocols: (protocols) => (protocols.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  sockets.on('connection', (socket, request) => accept(webSocketPipe(socket), request));
  await listening(text, (done, failed) => {
    sockets.on('error', failed);
    server.listen(Number(port), hostname.replace(/^\[|\]$/g, ''), done);
  });
  const bound = server.address();
  const actual = typeof bound === 'object' && bound !== null ? bound.port : 0;
  return {
    url: `ws://${hostname}:${actual}/`,
    async stop() {
      const stopped = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      sockets.close();
      for (const client of sockets.clients) client.terminate();
      server.closeAllConnections();
      await stopped;
    },
  };
}

async function listenStream(text: string, accept: Accept): Promise<{ url: string; stop(): Promise<void> }> {
  const { address } = parseStreamUrl(text);
  const sockets = new Set<Socket>();
  const server = createStreamServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    accept(socketPipe(socket), null);
  });
  let url: string;
  let removeFile = () => {};
  if (address.kind === 'unix') {
    removeFile = await listenOnSocketFile(server, address.path);
    url = streamUrl(address);
  } else if (address.kind === 'tcp') {
    await listening(text, (done, failed) => {
      server.once('error', failed);
      server.listen(address.port, address.host, done);
    });
    const bound = server.address();
    url = streamUrl({ ...address, port: typeof bound === 'object' && bound !== null ? bound.port : 0 });
  } else throw new TransportError('bad-url', `a capture listens on ws:, tcp: and unix:, not ${address.kind}`);
  return {
    url,
    async stop() {
      const stopped = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      for (const socket of sockets) socket.destroy();
      removeFile();
      await stopped;
    },
  };
}

async function listening(
  where: string,
  start: (done: () => void, failed: (error: Error) => void) => void,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    start(resolve, (error) =>
      reject(
        new TransportError('listen-failed', `cannot listen on ${where}: ${error.message}`, { cause: error }),
      ),
    );
  });
}

const nothing = (): void => {};

function socketPipe(socket: Socket): Pipe {
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

function webSocketPipe(socket: WebSocket): Pipe {
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
