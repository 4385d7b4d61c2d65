import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { listen } from '@dxgwire/transport/listen';
import { WebSocketServer } from 'ws';
import { echoHost } from './bus-echo.ts';
import { sendBulk } from './links-bare.ts';

/**
 * The other side of the links suite, a process of its own: for each medium a bare echo and a bus, side by side. A bare
 * peer says first what it wants: one byte, `e` for everything back, `b` for one byte back after each bulk transfer; over
 * WebSocket also `d` for a bulk transfer back after each message.
 */

/** Largest message of the bare WebSocket echo, bytes. */
const MAX_MESSAGE_BYTES = 8 << 20;

const folder = process.argv[2] ?? '.';
const bulkBytes = Number(process.argv[3]);

let bulkSource: Uint8Array | null = null;
const source = (): Uint8Array => {
  bulkSource ??= new Uint8Array(bulkBytes).fill(7);
  return bulkSource;
};

/** Takes bulk bytes and says when a transfer is whole. */
function bulkCounter(answer: () => void): (bytes: Uint8Array) => void {
  let block: Uint8Array | null = null;
  let at = 0;
  return (bytes) => {
    // Into a place of its own, as any receiver that wants the data, and as our link does.
    block ??= new Uint8Array(bulkBytes);
    block.set(bytes, at);
    at += bytes.length;
    if (at < bulkBytes) return;
    at = 0;
    answer();
  };
}

function serveBareStream(socket: Socket): void {
  socket.on('error', () => socket.destroy());
  socket.once('data', (first: Buffer) => {
    const bulk = bulkCounter(() => socket.write('k'));
    const isEcho = first[0] === 'e'.charCodeAt(0);
    socket.on('data', (bytes: Buffer) => {
      if (isEcho) socket.write(bytes);
      else bulk(bytes);
    });
  });
}

const unix = createServer(serveBareStream);
const tcp = createServer({ noDelay: true }, serveBareStream);
unix.listen(`${folder}/bare.sock`);
tcp.listen(0, '127.0.0.1');
const websocket = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  perMessageDeflate: false,
  maxPayload: MAX_MESSAGE_BYTES,
});
websocket.on('connection', (socket) => {
  socket.once('message', (first: Buffer) => {
    const bulk = bulkCounter(() => socket.send('k'));
    const isEcho = first[0] === 'e'.charCodeAt(0);
    if (first[0] === 'd'.charCodeAt(0)) {
      socket.on(
        'message',
        () => void sendBulk({ send: (bytes, done) => socket.send(bytes, done) }, source()),
      );
      return;
    }
    socket.on('message', (bytes: Buffer) => {
      if (isEcho) socket.send(bytes);
      else bulk(bytes);
    });
  });
});
await Promise.all([once(unix, 'listening'), once(tcp, 'listening'), once(websocket, 'listening')]);

const portOf = (server: Server | WebSocketServer) => (server.address() as AddressInfo).port;
const buses = await Promise.all(
  [`unix:${folder}/bus.sock`, 'tcp:127.0.0.1:0', 'ws://127.0.0.1:0'].map((url) =>
    listen(url, { onBus: echoHost, guestMemoryBytes: 2 ** 31 }),
  ),
);
process.once('disconnect', () => process.exit(0));
process.send?.({
  bare: {
    unix: `unix:${folder}/bare.sock`,
    tcp: `tcp:127.0.0.1:${portOf(tcp)}`,
    ws: `ws://127.0.0.1:${portOf(websocket)}`,
  },
  bus: { unix: buses[0]?.url, tcp: buses[1]?.url, ws: buses[2]?.url },
});
