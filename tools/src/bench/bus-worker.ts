import { once } from 'node:events';
import { type MessagePort, parentPort } from 'node:worker_threads';
import { attachHostBus, type SharedBusDescriptor } from '@dxgwire/transport/mock-vmbus/worker';
import { listenWebSocket } from '@dxgwire/transport/websocket/node';
import { WebSocketServer } from 'ws';
import { echoHost } from './bus-echo.ts';
import { exposeComlink, serveGrpc } from './rpc-echo.ts';

/** The other side of the bus suite, in a thread of its own: the same thread answers on every medium. */

const port = parentPort!;

/** A message whose first byte is 1 wants an answer. */
function echoRaw(message: Uint8Array, answer: (bytes: Uint8Array) => void): void {
  if (message[0] === 1) answer(message);
}

function echoOnPort(raw: MessagePort): void {
  raw.on('message', (message: Uint8Array) => echoRaw(message, (bytes) => raw.postMessage(bytes)));
}

const rawServer = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
rawServer.on('connection', (socket) => {
  socket.on('message', (message: Uint8Array) => echoRaw(message, (bytes) => socket.send(bytes)));
});
await once(rawServer, 'listening');
const listener = await listenWebSocket({ port: 0, onHostBus: echoHost });
const grpc = await serveGrpc();

interface Request {
  readonly raw?: MessagePort;
  readonly comlink?: MessagePort;
  readonly host?: SharedBusDescriptor<'host'>;
  readonly close?: boolean;
}

port.on('message', (message: Request) => {
  if (message.raw !== undefined) echoOnPort(message.raw);
  if (message.comlink !== undefined) exposeComlink(message.comlink);
  if (message.host !== undefined) echoHost(attachHostBus(message.host));
  if (message.close === true) {
    void listener.close();
    rawServer.close();
    grpc.close();
    port.close();
  }
});
const address = rawServer.address();
if (address === null || typeof address === 'string') throw new Error('no port');
port.postMessage({
  rawUrl: `ws://127.0.0.1:${address.port}`,
  busUrl: listener.url,
  grpcAddress: grpc.address,
});
