import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  type AddressInfo,
  connect as connectSocket,
  createServer as createNetServer,
  type Socket,
} from 'node:net';
import { describe, it } from 'node:test';
import { WebSocketServer, WebSocket as WsWebSocket } from 'ws';
import { isTransportError } from '../errors.ts';
import { fails } from '../testing/failure.ts';
import { type GuestBus, type HostBus, PacketKind } from '../transport.ts';
import { connectWebSocket } from './index.ts';
import { connectWebSocket as connectByWs, listenWebSocket } from './node.ts';

const scope = globalThis as { WebSocket?: unknown };
/**
 * Node 20 has no WebSocket of its own; `ws` has the platform's interface, which is all that the browser half uses. Only
 * that an error nobody listens for is nothing bad on the platform.
 */
class StandIn extends WsWebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols);
    this.on('error', () => {});
  }
}
scope.WebSocket ??= StandIn;

const OFFER = { classGuid: new Uint8Array(16), instanceGuid: new Uint8Array(16), mmioMegabytes: 1 };

/** Serves channel 1 with an echo. */
function serve(host: HostBus): void {
  host.onChannelOpen = (channel) => {
    channel.onPacket = ({ idLow, idHigh, bytes, offset, length }) => {
      channel.send(PacketKind.completion, idLow, idHigh, 0, bytes, offset, length);
    };
  };
  host.offer(OFFER);
  host.start();
}

function closeOf(bus: GuestBus | HostBus): Promise<Error | null> {
  return new Promise((resolve) => {
    bus.onClose = resolve;
  });
}

/** A WebSocket server that is no host: what it does with a guest is up to the test. */
async function strangeServer(onSocket: (socket: WsWebSocket) => void) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', onSocket);
  await once(server, 'listening');
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

/** Hands bytes on to a port, until it is told to cut; `isClosed` refuses what comes then. */
async function cuttable(port: number) {
  const pairs: Socket[] = [];
  const state = { isClosed: false, refused: 0 };
  const server = createNetServer((near) => {
    near.on('error', () => {});
    if (state.isClosed) {
      state.refused += 1;
      near.destroy();
      return;
    }
    const far = connectSocket(port, '127.0.0.1');
    far.on('error', () => {});
    pairs.push(near, far);
    near.pipe(far).pipe(near);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const socket of pairs.splice(0)) socket.destroy();
  };
  const { port: here } = server.address() as AddressInfo;
  const close = () => {
    cut();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { url: `ws://127.0.0.1:${here}/`, state, cut, close };
}

/** Both clients must say the same thing about the same server. */
for (const [name, connect] of [
  ["the platform's WebSocket", connectWebSocket],
  ['ws', connectByWs],
] as const) {
  describe(`a guest over ${name}`, () => {
    it('ends when the server sends text', async () => {
      const server = await strangeServer((socket) => socket.send('hello'));
      await fails(connect(server.url), 'bad-frame', /text message|binary/);
      await server.close();
    });

    it('says with which code and why it was closed', async () => {
      for (const [code, reason, known, pattern] of [
        [1009, 'no more than a line', 'too-large', /too large: no more than a line/],
        [1011, 'out of order', 'peer-closed', /code 1011: out of order/],
        [3000, '', 'peer-closed', /code 3000$/],
      ] as const) {
        const server = await strangeServer((socket) => socket.close(code, reason));
        await fails(connect(server.url), known, pattern);
        await server.close();
      }
    });

    it('is told that it came to no host', async () => {
      const server = createNetServer((socket) => socket.end('HTTP/1.1 404 Not Found\r\n\r\n')).listen(
        0,
        '127.0.0.1',
      );
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      await fails(connect(`ws://127.0.0.1:${port}/`), 'connect-failed', /cannot connect to ws:.*\?/);
      server.close();
    });

    it('goes on over another connection, after as many attempts as it takes', async () => {
      const hosts: HostBus[] = [];
      const listener = await listenWebSocket({
        port: 0,
        windowMegabytes: 1,
        onHostBus: (host) => {
          hosts.push(host);
          serve(host);
        },
      });
      const proxy = await cuttable(listener.port);
      const guest = await connect(proxy.url);
      const interruptions: boolean[] = [];
      const resumed = new Promise<void>((resolve) => {
        guest.onInterruption = (isInterrupted) => {
          interruptions.push(isInterrupted);
          // The first attempts meet a door that is shut.
          proxy.state.isClosed = isInterrupted && proxy.state.refused < 2;
          if (!isInterrupted) resolve();
        };
      });
      const channel = await guest.open(1);
      const answer = new Promise<number>((resolve) => {
        channel.onPacket = ({ idLow }) => resolve(idLow);
      });
      proxy.state.isClosed = true;
      proxy.cut();
      channel.send(PacketKind.inBand, 7, 0, 1, Uint8Array.of(1), 0, 1);
      while (proxy.state.refused < 2) await new Promise((resolve) => setImmediate(resolve));
      proxy.state.isClosed = false;
      assert.equal(await answer, 7);
      await resumed;
      assert.deepEqual(interruptions, [true, false]);
      assert.equal(hosts.length, 1);
      await guest.close();
      await listener.close();
      await proxy.close();
    });

    it('stops trying when the program gives it up', async () => {
      const listener = await listenWebSocket({ port: 0, windowMegabytes: 1, onHostBus: serve });
      const proxy = await cuttable(listener.port);
      const guest = await connect(proxy.url);
      const closed = closeOf(guest);
      const interrupted = new Promise<void>((resolve) => {
        guest.onInterruption = () => resolve();
      });
      proxy.state.isClosed = true;
      proxy.cut();
      await interrupted;
      while (proxy.state.refused < 1) await new Promise((resolve) => setImmediate(resolve));
      guest.abort(new Error('given up'));
      assert.match(String(await closed), /given up/);
      await proxy.close();
      await listener.close();
    });

    it('brings more than a socket holds, in order', async () => {
      const listener = await listenWebSocket({
        port: 0,
        windowMegabytes: 1,
        guestMemoryBytes: 32 << 20,
        onHostBus: serve,
      });
      const guest = await connect(listener.url);
      const channel = await guest.open(1);
      const block = guest.memory.allocate(16 << 20);
      const answers: number[] = [];
      const done = new Promise<void>((resolve) => {
        channel.onPacket = ({ idLow }) => {
          answers.push(idLow);
          if (answers.length === 4) resolve();
        };
      });
      for (let id = 0; id < 4; id += 1) {
        block.bytes.fill(id + 1);
        block.flush(0, block.length);
        channel.send(PacketKind.inBand, id, 0, 1, Uint8Array.of(id), 0, 1);
      }
      await done;
      assert.deepEqual(answers, [0, 1, 2, 3]);
      await guest.close();
      await listener.close();
    });
  });
}

describe('a platform without WebSocket', () => {
  it('is told what to use instead', async () => {
    const { WebSocket } = scope;
    delete scope.WebSocket;
    try {
      await fails(connectWebSocket('ws://127.0.0.1:1/'), 'unsupported', /websocket\/node/);
    } finally {
      scope.WebSocket = WebSocket;
    }
  });
});

describe('a host that stops listening', () => {
  // It waited five seconds in vain, or for ever where nothing else kept the process alive.
  it('does not wait for a guest whose connection is lost', async () => {
    const hosts: HostBus[] = [];
    const listener = await listenWebSocket({
      port: 0,
      windowMegabytes: 1,
      onHostBus: (host) => {
        hosts.push(host);
        serve(host);
      },
    });
    const proxy = await cuttable(listener.port);
    const lost = await connectByWs(proxy.url);
    const connected = await connectByWs(listener.url);
    const [atLost, atConnected] = hosts as [HostBus, HostBus];
    const interrupted = new Promise<void>((resolve) => {
      atLost.onInterruption = () => resolve();
    });
    const closes = [closeOf(atLost), closeOf(atConnected), closeOf(connected)];
    proxy.state.isClosed = true;
    proxy.cut();
    await interrupted;
    await listener.close();
    const [error, ...others] = await Promise.all(closes);
    assert.ok(isTransportError(error), String(error));
    assert.equal(error.code, 'closed');
    assert.match(error.message, /stopped listening, and the guest was not connected/);
    assert.deepEqual(others, [null, null]);
    lost.abort(new Error('given up'));
    await proxy.close();
  });
});

describe('a guest over ws whose server breaks the protocol', () => {
  it('hears what was wrong, by name', async () => {
    for (const [code, pattern, frame] of [
      // A frame with a reserved bit; a binary message that claims 2 MiB.
      ['bad-frame', /broke the WebSocket protocol: .*RSV1/, Buffer.of(0xc2, 0)],
      ['too-large', /above 1048576 bytes/, Buffer.of(0x82, 127, 0, 0, 0, 0, 0, 0x20, 0, 0)],
    ] as const) {
      const server = await strangeServer((socket) => {
        (socket as unknown as { _socket: Socket })._socket.write(frame);
      });
      await fails(connectByWs(server.url), code, pattern);
      await server.close();
    }
  });
});
