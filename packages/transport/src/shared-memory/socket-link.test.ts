import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { SocketLink } from './socket-link.ts';

it('keeps one bell for a side that reads none, however often it is rung', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dxgwire-'));
  const path = join(folder, 'socket');
  const server = createServer((socket) => socket.pause()).listen(path);
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const socket = connect(path);
  await once(socket, 'connect');
  const [peer] = (await accepted) as [Socket];
  const link = new SocketLink(socket, { message: () => {}, bell: () => {}, lost: () => {} });
  for (let rings = 0; rings < 20_000; rings += 1) link.doorbell(0);
  assert.ok(socket.writableLength > 0, 'the system has taken all');
  assert.ok(socket.writableLength <= 2, `${socket.writableLength} bells wait`);
  // It arrives once there is room, and the next ones as well.
  peer.resume();
  while (socket.writableLength > 0) await once(peer, 'data');
  const heard = once(peer, 'data');
  link.doorbell(0);
  await heard;
  const gone = once(peer, 'close');
  link.close();
  await gone;
  server.close();
  await once(server, 'close');
  rmSync(folder, { recursive: true });
});
