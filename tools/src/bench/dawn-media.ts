import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { bareEndpoint, type LinkEndpoint } from './links-bare.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** Bare media to another process, without anything of ours on them. */
export interface BareMedia {
  /** Over a WebSocket, one after the other. */
  webSocketRoundTrips(count: number): Promise<void>;
  /** A byte each way over a Unix socket: the least that two processes need to wake each other's event loops. */
  socketRoundTrips(count: number): Promise<void>;
  /** A bulk transfer over a WebSocket, there or back. */
  bulkToHost(): Promise<void>;
  bulkToGuest(): Promise<void>;
  close(): Promise<void>;
}

/** The bare peer's child process of the links suite, and where it listens. */
async function startPeer(folder: string, bulkBytes: number): Promise<{ child: ChildProcess; ws: string }> {
  const script = fileURLToPath(new URL('./links-host.js', import.meta.url));
  const child = fork(script, [folder, String(bulkBytes)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [{ bare }] = (await once(child, 'message')) as [{ bare: { ws: string } }];
  return { child, ws: bare.ws };
}

/** Takes bulk bytes as they come, into memory of its own. */
async function openDownload(
  url: string,
  bulkBytes: number,
): Promise<{ run(): Promise<void>; close(): void }> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, 'open');
  const kept = new Uint8Array(bulkBytes);
  let at = 0;
  let done: () => void = () => {};
  socket.on('message', (bytes: Buffer) => {
    kept.set(bytes, at);
    at += bytes.length;
    if (at < bulkBytes) return;
    at = 0;
    done();
  });
  socket.send(Buffer.from('d'));
  return {
    async run() {
      const whole = new Promise<void>((resolve) => {
        done = resolve;
      });
      socket.send(Buffer.from('x'));
      await whole;
    },
    close: () => socket.close(),
  };
}

async function openEcho(path: string): Promise<{ roundTrips(count: number): Promise<void>; close(): void }> {
  const socket = createConnection(path);
  await once(socket, 'connect');
  socket.write('e');
  // The order must not share a read with what is to be echoed.
  await new Promise((resolve) => setTimeout(resolve, 50));
  const byte = new Uint8Array(1);
  let arrived: () => void = () => {};
  socket.on('data', () => arrived());
  return {
    async roundTrips(count) {
      for (let i = 0; i < count; i += 1) {
        const answer = new Promise<void>((resolve) => {
          arrived = resolve;
        });
        socket.write(byte);
        await answer;
      }
    },
    close: () => socket.destroy(),
  };
}

/** @param bulkBytes - what one bulk transfer moves; `BULK_BYTES` of the links suite. */
export async function openBareMedia(bulkBytes: number): Promise<BareMedia> {
  const folder = temporaryFolder();
  const { child, ws } = await startPeer(folder, bulkBytes);
  const up: LinkEndpoint = await bareEndpoint(ws);
  const down = await openDownload(ws, bulkBytes);
  const echo = await openEcho(join(folder, 'bare.sock'));
  return {
    webSocketRoundTrips: (count) => up.calls(count, 1),
    socketRoundTrips: (count) => echo.roundTrips(count),
    bulkToHost: () => up.bulk(),
    bulkToGuest: () => down.run(),
    async close() {
      echo.close();
      down.close();
      await up.close();
      child.disconnect();
      await once(child, 'exit');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
