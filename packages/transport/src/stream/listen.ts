import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import process from 'node:process';
import { TransportError } from '../errors.ts';
import { outliveFailedAccepts } from '../failed-accepts.ts';
import { HostLinks, type LinkHostSettings } from '../link/host-links.ts';
import { listenError } from '../listen-error.ts';
import { parseStreamUrl, type StreamAddress, streamUrl } from './address.ts';
import { ConnectionMedium } from './connection-medium.ts';
import { listenOnDevice } from './device.ts';
import { listenOnSocketFile } from './socket-file.ts';
import { StreamMedium, type StreamPair, streamError } from './stream-medium.ts';

/** Something that lets guests in over streams. */
export interface StreamListener {
  /** What a guest connects to; without a token. */
  readonly url: string;
  /** TCP port, 0 where there is none. */
  readonly port: number;
  /**
   * Settles when no further guest can come: the one at the other ends of standard input and output has gone, or a
   * device is there no more. Left out where guests may always come.
   */
  readonly ended?: Promise<void>;
  /** Listening no longer keeps this process alive; guests that are there do. */
  unref?(): void;
  /** Stops listening and closes every link that it let in. */
  close(): Promise<void>;
}

/**
 * Listens for guests on `unix:PATH` or `tcp:HOST:PORT` (port 0 picks a free one), or serves the one guest at the
 * other ends of this process's standard input and output (`stdio:`), or one guest after the other at the other end of
 * a character device (`device:PATH`).
 *
 * @throws TransportError `bad-url` or `listen-failed` with what to do about it.
 */
export async function listenStream(url: string, settings: LinkHostSettings): Promise<StreamListener> {
  const { address, token } = parseStreamUrl(url);
  const given = token !== '' && settings.token === undefined ? { ...settings, token } : settings;
  if (address.kind === 'stdio') {
    const attached = serveStream(
      { readable: process.stdin, writable: process.stdout },
      given,
      'stdio',
      'own',
    );
    return { url: 'stdio:', port: 0, ended: attached.ended, close: () => attached.close() };
  }
  if (address.kind === 'command') {
    throw new TransportError(
      'bad-url',
      `'${url}': a host listens on stdio: itself; a guest starts the command`,
    );
  }
  if (address.kind === 'device') return await listenOnDevice(address.path, given);
  // Only a network breaks connections between two programs that go on.
  const links = new HostLinks(address.kind, given, address.kind === 'tcp');
  const connections = new Set<ConnectionMedium>();
  const server = createServer({ noDelay: true }, (socket) => {
    if (links.isFull) {
      links.turnedAway(peerOf(socket));
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    const connection = new ConnectionMedium(socket, links, peerOf(socket), address.kind === 'unix');
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
  });
  const shown = await open(server, address, given.onRefused);
  return {
    url: streamUrl(shown),
    port: shown.kind === 'tcp' ? shown.port : 0,
    unref: () => {
      server.unref();
    },
    async close() {
      const stopped = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      await links.close();
      for (const connection of connections) if (connection.isLine) connection.close();
      await stopped;
    },
  };
}

function peerOf(socket: Socket): string {
  const { remoteAddress, remotePort } = socket;
  return remoteAddress === undefined ? 'a local process' : `${remoteAddress}:${remotePort}`;
}

async function open(
  server: Server,
  address: Exclude<StreamAddress, { kind: 'stdio' | 'command' | 'device' }>,
  onRefused: LinkHostSettings['onRefused'],
): Promise<StreamAddress> {
  if (address.kind === 'unix') {
    await listenOnSocketFile(server, address.path, onRefused);
    return address;
  }
  const { host, port } = address;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(streamUrl(address), error)));
    server.listen(port, host, () => resolve());
  });
  outliveFailedAccepts(server, onRefused);
  return { kind: 'tcp', host, port: (server.address() as AddressInfo).port };
}

/**
 * Serves the guest at the other end of a stream: a child's standard input and output, a VM's virtio-serial port, or
 * any duplex of the caller's.
 */
export function attachHostStream(
  streams: StreamPair,
  settings: LinkHostSettings,
  transport = 'stream',
): { readonly ended: Promise<void>; close(): Promise<void> } {
  return serveStream(streams, settings, transport, 'shared');
}

function serveStream(
  streams: StreamPair,
  settings: LinkHostSettings,
  transport: string,
  reading: 'shared' | 'own',
): { readonly ended: Promise<void>; close(): Promise<void> } {
  const links = new HostLinks(transport, settings, false);
  const ended = new Promise<void>((resolve) => {
    links.onNoneLeft = resolve;
  });
  links.connected(new StreamMedium(streams, streamError, reading), 'the stream');
  return { ended, close: () => links.close() };
}
