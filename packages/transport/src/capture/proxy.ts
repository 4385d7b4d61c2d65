import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage } from 'node:http';
import { connect as connectSocket, createServer as createStreamServer, type Socket } from 'node:net';
import process from 'node:process';
import { WebSocket, WebSocketServer } from 'ws';
import { TransportError } from '../errors.ts';
import { listenError } from '../listen-error.ts';
import { parseStreamUrl, type StreamAddress, streamUrl } from '../stream/address.ts';
import { openDeviceFile } from '../stream/device-file.ts';
import { listenOnSocketFile } from '../stream/socket-file.ts';
import { MAX_MESSAGE_BYTES, parseWebSocketUrl, SUBPROTOCOL, urlOfRequest } from '../websocket/address.ts';
import { type Pipe, socketPipe, streamsPipe, webSocketPipe } from './pipes.ts';
import type { Direction } from './records.ts';

/** Sees the bytes that pass on one connection. */
export interface LinkTap {
  push(direction: Direction, bytes: Uint8Array): void;
  end(): void;
}

/** A proxy that runs. */
export interface LinkProxy {
  /** Where guests connect. */
  readonly url: string;
  /** Settles when no further guest can come; left out where guests may always come. */
  readonly ended?: Promise<void>;
  close(): Promise<void>;
}

export interface ProxyOptions {
  readonly listen: string;
  readonly connect: string;
  /** Called for each connection of a guest. */
  readonly onConnection: () => LinkTap;
}

/**
 * Stands between guests and a host and hands their bytes on unchanged, over any medium that moves bytes, alike at both ends or
 * not. Tokens pass through it. Standard input and output, and a device, have one guest, or one after the other on one connection.
 *
 * @throws TransportError `bad-url`, `listen-failed`.
 */
export async function proxyLink({ connect, listen, onConnection }: ProxyOptions): Promise<LinkProxy> {
  const pipes = new Set<Pipe>();
  checkProxyUrls({ connect, listen });
  const dial = dialler(connect);
  let ended: () => void = () => {};
  const whenEnded = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const accept = async (guest: Pipe, request: IncomingMessage | null) => {
    guest.pause();
    const tap = onConnection();
    let isOver = false;
    let host: Pipe | null = null;
    const over = () => {
      pipes.delete(guest);
      if (host !== null) pipes.delete(host);
      if (!isOver) tap.end();
      isOver = true;
      ended();
    };
    pipes.add(guest);
    guest.onEnd = over;
    try {
      host = await dial(request);
    } catch (error) {
      guest.end(1011, (error as Error).message);
      // Its own farewell has to be heard.
      guest.resume();
      over();
      return;
    }
    if (isOver) {
      host.end(1001, 'the guest has gone');
      return;
    }
    pipes.add(host);
    join(guest, host, (bytes) => tap.push('g2h', bytes), over);
    join(host, guest, (bytes) => tap.push('h2g', bytes), over);
    guest.resume();
  };
  const { hasOneGuest, stop, url } = await (isWebSocket(listen)
    ? listenWebSocket(listen, accept)
    : listenStream(listen, accept));
  return {
    url,
    ...(hasOneGuest === true ? { ended: whenEnded } : {}),
    async close() {
      for (const pipe of pipes) pipe.end(1001, 'the capture ends');
      await stop();
    },
  };
}

/** Says what is wrong with the two URLs before anything is opened. @throws TransportError `bad-url`. */
export function checkProxyUrls({ connect, listen }: Pick<ProxyOptions, 'connect' | 'listen'>): void {
  for (const url of [connect, listen]) refuseSharedMemory(url);
  if ([connect, listen].every((url) => /^stdio:(\/\/)?$/i.test(url)))
    throw new TransportError('bad-url', 'standard input and output lead to one end only: name the other');
  dialler(connect);
  if (!isWebSocket(listen)) {
    if (parseStreamUrl(listen).address.kind !== 'command') return;
    throw new TransportError('bad-url', `'${listen}': a capture listens on stdio: itself; a guest starts it`);
  }
  if (!parseWebSocketUrl(listen).isSecure) return;
  throw new TransportError(
    'bad-url',
    'a capture has no certificate to listen with: use ws: in place of wss:',
  );
}

function refuseSharedMemory(url: string): void {
  if (!/^shm:/i.test(url)) return;
  throw new TransportError(
    'bad-url',
    `shared memory has nothing between its ends that could be recorded: use \`dxgwire host --listen ${url} --capture FILE\`, ` +
      `or \`dxgwire run --connect ${url} --trace FILE\``,
  );
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

/** How to reach the host, for each connection. @throws TransportError `bad-url`. */
function dialler(url: string): (request: IncomingMessage | null) => Pipe | Promise<Pipe> {
  if (!isWebSocket(url)) return streamDialler(parseStreamUrl(url).address);
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

function streamDialler(address: StreamAddress): () => Pipe | Promise<Pipe> {
  switch (address.kind) {
    case 'unix':
      return () => socketPipe(connectSocket(address.path));
    case 'tcp':
      return () => socketPipe(connectSocket({ host: address.host, port: address.port, noDelay: true }));
    case 'stdio':
      return () => streamsPipe(process.stdin, process.stdout);
    case 'command':
      return () => {
        const child = spawn(address.command, { shell: true, stdio: ['pipe', 'pipe', 'inherit'] });
        return streamsPipe(child.stdout, child.stdin, child);
      };
    case 'device':
      return async () => await devicePipe(address.path, true, 'connect-failed');
  }
}

async function devicePipe(
  path: string,
  dropsStale: boolean,
  code: 'connect-failed' | 'listen-failed',
): Promise<Pipe> {
  const { streams } = await openDeviceFile(path, dropsStale, code);
  return streamsPipe(streams.readable, streams.writable);
}

type Accept = (guest: Pipe, request: IncomingMessage | null) => Promise<void>;

interface Listening {
  readonly url: string;
  /** Whether no other guest can come. */
  readonly hasOneGuest?: true;
  stop(): Promise<void>;
}

async function listenWebSocket(text: string, accept: Accept): Promise<Listening> {
  const { host: hostname, url } = parseWebSocketUrl(text);
  const { port } = new URL(url);
  const server = createServer();
  const sockets = new WebSocketServer({
    server,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    handleProtocols: (protocols) => (protocols.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  sockets.on('connection', (socket, request) => void accept(webSocketPipe(socket), request));
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

async function listenStream(text: string, accept: Accept): Promise<Listening> {
  const { address } = parseStreamUrl(text);
  if (address.kind === 'stdio' || address.kind === 'device') {
    const one =
      address.kind === 'stdio'
        ? streamsPipe(process.stdin, process.stdout)
        : await devicePipe(address.path, false, 'listen-failed');
    void accept(one, null);
    const stop = async () => {
      if (address.kind === 'stdio') process.stdin.destroy();
    };
    return { url: streamUrl(address), hasOneGuest: true, stop };
  }
  const sockets = new Set<Socket>();
  const server = createStreamServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    void accept(socketPipe(socket), null);
  });
  let url: string;
  if (address.kind === 'unix') {
    await listenOnSocketFile(server, address.path);
    url = streamUrl(address);
  } else {
    if (address.kind !== 'tcp') throw new TransportError('bad-url', `a capture cannot listen on ${text}`);
    await listening(text, (done, failed) => {
      // And later, where a connection could not be taken: without a listener that would end the process.
      server.on('error', failed);
      server.listen(address.port, address.host, done);
    });
    const bound = server.address();
    url = streamUrl({ ...address, port: typeof bound === 'object' && bound !== null ? bound.port : 0 });
  }
  return {
    url,
    async stop() {
      const stopped = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      for (const socket of sockets) socket.destroy();
      await stopped;
    },
  };
}

async function listening(
  where: string,
  start: (done: () => void, failed: (error: Error) => void) => void,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    start(resolve, (error) => reject(listenError(where, error)));
  });
}
