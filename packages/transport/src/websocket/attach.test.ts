import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect as connectSocket } from 'node:net';
import { describe, it } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { isTransportError } from '../errors.ts';
import type { HostBus } from '../transport.ts';
import { attachWebSocket, connectWebSocket, listenWebSocket } from './node.ts';

const onHostBus = (host: HostBus) => host.start();
const settings = { windowMegabytes: 1, onHostBus };

const KEY = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
const UPGRADE = `Upgrade: websocket\r\nConnection: Upgrade\r\n${KEY}`;

async function start(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function stop(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

/** Sends a request as it stands and reads until the server ends the connection, whose other half stays open. */
async function ask(port: number, request: string): Promise<string> {
  const socket = connectSocket({ port, host: '127.0.0.1', allowHalfOpen: true });
  let text = '';
  socket.setEncoding('latin1').on('data', (part: string) => {
    text += part;
  });
  socket.write(request);
  await once(socket, 'end');
  socket.destroy();
  return text;
}

describe('a WebSocket endpoint on the server of somebody else', () => {
  // A client of HTTP/2 asks for it in each first request, and got 404 for every page of the server.
  it('leaves requests alone that would rather speak something else', async () => {
    const server = createServer((request, response) => {
      request.resume().on('end', () => response.end(`page ${request.method} ${request.url}`));
    });
    const port = await start(server);
    const one = attachWebSocket(server, '/gpu', settings);
    const two = attachWebSocket(server, '/other', settings);
    const h2c =
      'Host: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n';
    for (const path of ['/', '/gpu', '/other'])
      assert.match(
        await ask(port, `GET ${path} HTTP/1.1\r\n${h2c}`),
        new RegExp(`200 OK.*page GET ${path}`, 's'),
      );
    assert.match(await ask(port, `HEAD /a HTTP/1.1\r\n${h2c}`), /200 OK.*\r\n\r\n$/s);
    assert.match(await ask(port, `POST /a HTTP/1.1\r\nContent-Length: 3\r\n${h2c}abc`), /^HTTP\/1\.1 400 /);
    const guest = await connectWebSocket(`ws://127.0.0.1:${port}/gpu`);
    await guest.close();
    await one.close();
    await two.close();
    await stop(server);
  });

  it('shares it with other WebSocket servers that know their own paths', async () => {
    const server = createServer();
    const port = await start(server);
    const chat = new WebSocketServer({ noServer: true });
    server.on('upgrade', (request, stream, head) => {
      if (request.url !== '/chat') return;
      chat.handleUpgrade(request, stream, head, (socket) =>
        socket.on('message', (text) => socket.send(text)),
      );
    });
    const endpoint = attachWebSocket(server, '/gpu', settings);
    const guest = await connectWebSocket(`ws://127.0.0.1:${port}/gpu`);
    const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`);
    await once(socket, 'open');
    socket.send('hello');
    assert.equal(String((await once(socket, 'message'))[0]), 'hello');
    socket.terminate();
    await guest.close();
    await endpoint.close();
    await stop(server);
  });

  // They answered what was not their own, and that went into the middle of our link.
  it('stands others that answer every path but their own', async () => {
    const server = createServer();
    const port = await start(server);
    const answer = (socket: WebSocket) => socket.on('message', (text) => socket.send(text));
    const before = new WebSocketServer({ server, path: '/before' }).on('connection', answer);
    const endpoint = attachWebSocket(server, '/gpu', settings);
    const second = attachWebSocket(server, '/gpu/2', settings);
    const after = new WebSocketServer({ server, path: '/after' }).on('connection', answer);
    const url = `ws://127.0.0.1:${port}`;
    for (const path of ['/before', '/after']) {
      // The other of the two answers that one, too.
      const one = path === '/before' ? after : before;
      one.shouldHandle = () => true;
      one.handleUpgrade = () => {};
      const socket = new WebSocket(url + path);
      await once(socket, 'open');
      socket.send('hello');
      assert.equal(String((await once(socket, 'message'))[0]), 'hello');
      socket.terminate();
      Reflect.deleteProperty(one, 'handleUpgrade');
      Reflect.deleteProperty(one, 'shouldHandle');
    }
    for (const path of ['/gpu', '/gpu/2', '/gpu']) {
      const guest = await connectWebSocket(url + path, { resume: false });
      const block = guest.memory.allocate(4096);
      await guest.createGpadl([block]);
      const ended = new Promise<Error | null>((resolve) => {
        guest.onClose = resolve;
      });
      await guest.close();
      assert.equal(await ended, null);
    }
    await assert.rejects(connectWebSocket(`${url}/nobody`), /HTTP 400/);
    before.close();
    after.close();
    await endpoint.close();
    await second.close();
    await stop(server);
  });

  it('has one path, to the letter, whatever the query', async () => {
    const server = createServer();
    const port = await start(server);
    const endpoint = attachWebSocket(server, '/a b/gpu', settings);
    const url = `ws://127.0.0.1:${port}`;
    for (const path of ['/a%20b/gpu', '/a%20b/gpu?x=1', '/a b/gpu?token=', '/x/../a b/gpu']) {
      const guest = await connectWebSocket(url + path);
      await guest.close();
    }
    for (const path of ['/a%20b/gpu/', '/A%20b/gpu', '/a+b/gpu', '/a%20b/gp%75', '/', '//a b/gpu'])
      await assert.rejects(connectWebSocket(url + path), /HTTP 404/, path);
    await endpoint.close();
    await stop(server);
  });

  it('takes no other method, version or key than a WebSocket has', async () => {
    const server = createServer((_request, response) => response.end('page'));
    const port = await start(server);
    const endpoint = attachWebSocket(server, '/gpu', settings);
    const cases: [string, RegExp][] = [
      [`HEAD /gpu HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`, /^HTTP\/1\.1 405 /],
      [`POST /gpu HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`, /^HTTP\/1\.1 405 /],
      [`GET /gpu HTTP/1.1\r\nHost: x\r\n${UPGRADE.replace('13', '7')}\r\n`, /^HTTP\/1\.1 4\d\d /],
      [`GET /gpu HTTP/1.1\r\nHost: x\r\n${UPGRADE.replace('ZQ==', '')}\r\n`, /^HTTP\/1\.1 400 /],
      ['GET /gpu HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 200 .*page/s],
      ['HEAD /gpu HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 200 /],
      ['GET /gpu HTTP/1.0\r\n\r\n', /^HTTP\/1\.1 200 .*page/s],
    ];
    for (const [request, pattern] of cases) assert.match(await ask(port, request), pattern, request);
    await endpoint.close();
    await stop(server);
  });
});

describe('connections that never become guests', () => {
  // Node leaves them to whoever hears of the upgrade. They stayed half open until the other side ended them, and a host
  // could not stop listening before that.
  it('do not keep a host from stopping when their upgrade was refused', async () => {
    const listener = await listenWebSocket({ ...settings, port: 0, path: '/gpu' });
    const socket = connectSocket({ port: listener.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.write(`GET /other HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`);
    socket.resume();
    await once(socket, 'end');
    await listener.close();
    socket.destroy();
  });

  // Node alone gives them a minute and a half.
  it('are ended when they say nothing, or half of what they want, for as long as a hello may take', async () => {
    const listener = await listenWebSocket({ ...settings, port: 0, handshakeTimeoutMs: 60 });
    for (const said of ['', 'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websoc']) {
      const socket = connectSocket(listener.port, '127.0.0.1');
      socket.on('error', () => {}).resume();
      socket.write(said);
      await once(socket, 'close');
    }
    const guest = await connectWebSocket(listener.url);
    await guest.close();
    await listener.close();
  });
});

describe('a token over WebSocket', () => {
  // A header takes none of these: the guest ended with a TypeError.
  it('may have any characters but spaces and control characters', async () => {
    for (const token of ['пароль', 'schlüssel', '\u{1f511}', 'a/b+c=', '"quoted"', "it's,;"]) {
      const seen: (string | undefined)[] = [];
      const listener = await listenWebSocket({
        ...settings,
        port: 0,
        authenticate: (given, request) => {
          seen.push(request?.headers.authorization ?? request?.headers['sec-websocket-protocol']);
          return given === token;
        },
      });
      const guest = await connectWebSocket(`${listener.url}?token=${encodeURIComponent(token)}`);
      await guest.close();
      await listener.close();
      assert.equal(seen.length, 1);
      assert.notEqual(seen[0], undefined, 'it goes with the request, too');
      const picky = await listenWebSocket({ ...settings, port: 0, token });
      const other = await connectWebSocket(picky.url, { token });
      await other.close();
      await assert.rejects(connectWebSocket(picky.url, { token: `${token}x` }), isTransportError);
      await picky.close();
    }
  });

  it('leaves a header alone that is for somebody on the way', async () => {
    let seen: string | undefined;
    const listener = await listenWebSocket({
      ...settings,
      port: 0,
      authenticate: (token, request) => {
        seen = request?.headers.authorization;
        return token === 'secret';
      },
    });
    const headers = { Authorization: 'Basic bWU6eW91' };
    const guest = await connectWebSocket(listener.url, { token: 'secret', headers });
    assert.equal(seen, 'Basic bWU6eW91');
    await guest.close();
    await listener.close();
  });

  it('says which header cannot be', async () => {
    await assert.rejects(
      connectWebSocket('ws://127.0.0.1:9/', { headers: { 'x-name': 'п' } }),
      (error) => isTransportError(error) && error.code === 'out-of-range' && /x-name/.test(error.message),
    );
  });
});
