import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect as connectSocket, createServer as createNetServer } from 'node:net';
import { describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { isTransportError } from '../errors.ts';
import { FrameKind } from '../link/frame.ts';
import { encodeLinkMessage } from '../link/messages.ts';
import { LinkOutput } from '../link/output.ts';
import { fails } from '../testing/failure.ts';
import { type GuestBus, type HostBus, PacketKind } from '../transport.ts';
import { parseWebSocketUrl, subprotocolToToken, tokenToSubprotocol } from './address.ts';
import { attachWebSocket, connectWebSocket, type ListenWebSocketOptions, listenWebSocket } from './node.ts';

const GUID = new Uint8Array(16);

/** Serves channel 1 with an echo. */
function serve(host: HostBus): void {
  host.onChannelOpen = (channel) => {
    channel.onPacket = ({ idLow, idHigh, bytes, offset, length }) => {
      channel.send(PacketKind.completion, idLow, idHigh, 0, bytes, offset, length);
    };
  };
  host.offer({ classGuid: GUID, instanceGuid: GUID, mmioMegabytes: 4 });
  host.start();
}

async function listen(options: Partial<ListenWebSocketOptions> = {}) {
  const hosts: HostBus[] = [];
  const listener = await listenWebSocket({
    port: 0,
    windowMegabytes: 4,
    onHostBus: (host) => {
      hosts.push(host);
      serve(host);
    },
    ...options,
  });
  return { ...listener, hosts };
}

function closeOf(bus: GuestBus | HostBus): Promise<Error | null> {
  return new Promise((resolve) => {
    bus.onClose = resolve;
  });
}

describe('WebSocket URLs', () => {
  it('are read, the token apart', () => {
    assert.deepEqual(parseWebSocketUrl('ws://127.0.0.1:8774/?token=s%20cret&x=1'), {
      url: 'ws://127.0.0.1:8774/?x=1',
      shown: 'ws://127.0.0.1:8774/',
      host: '127.0.0.1',
      isSecure: false,
      token: 's cret',
    });
    assert.equal(parseWebSocketUrl('https://gpu.example/host?token=t').url, 'wss://gpu.example/host');
    assert.equal(parseWebSocketUrl('http://[::1]:80/').url, 'ws://[::1]/');
  });

  it('of other kinds are refused', () => {
    for (const url of ['tcp://127.0.0.1:1', 'ws:', 'host', '', 'file:///dev/null']) {
      assert.throws(
        () => parseWebSocketUrl(url),
        (error) => isTransportError(error) && error.code === 'bad-url',
      );
    }
  });

  it('have tokens of any characters as subprotocols', () => {
    for (const token of ['a', 'abc', 'schlüssel+/=', '\u{1f511}'.repeat(9)]) {
      const subprotocol = tokenToSubprotocol(token);
      assert.match(subprotocol, /^[\w.-]+$/);
      assert.equal(subprotocolToToken(subprotocol), token);
    }
    assert.equal(subprotocolToToken('chat'), '');
    assert.equal(subprotocolToToken('dxgwire.token.%'), '');
  });
});

describe('WebSocket connect', () => {
  it('says that nothing listens', async () => {
    const server = createNetServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    await fails(
      connectWebSocket(`ws://127.0.0.1:${port}`),
      'connect-failed',
      /127\.0\.0\.1.*nothing listens/,
    );
  });

  it('says what a server that is no host answered', async () => {
    const server = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await fails(connectWebSocket(`ws://127.0.0.1:${port}`), 'connect-failed', /HTTP 200/);
    server.close();
    server.closeAllConnections();
  });

  it('says that a server answers nothing at all', async () => {
    const server = createNetServer((socket) => socket.resume()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const connected = connectWebSocket(`ws://127.0.0.1:${port}`, { connectTimeoutMs: 50 });
    await assert.rejects(connected, isTransportError);
    server.close();
  });

  it('does not show the token in errors', async () => {
    const connected = connectWebSocket('ws://127.0.0.1:9/?token=secret');
    await assert.rejects(connected, (error) => error instanceof Error && !error.message.includes('secret'));
    await fails(connectWebSocket('ws://127.0.0.1:9/', { token: 'two words' }), 'out-of-range', /no spaces/);
  });
});

describe('WebSocket tokens', () => {
  it('are taken from the header, the query or a subprotocol', async () => {
    const refusals: [string, string][] = [];
    const listener = await listen({
      token: 'right',
      onRefused: (error, peer) => refusals.push([error.message, peer]),
    });
    for (const connected of [
      connectWebSocket(listener.url, { token: 'right' }),
      connectWebSocket(`${listener.url}?token=right`),
    ]) {
      const guest = await connected;
      await guest.close();
    }
    await fails(connectWebSocket(listener.url), 'refused', /a token is needed/);
    await fails(connectWebSocket(listener.url, { token: 'wrong' }), 'refused', /not valid/);
    assert.equal(refusals.length, 2);
    assert.match(refusals[0]?.[0] ?? '', /a token is needed/);
    assert.match(refusals[0]?.[1] ?? '', /^127\.0\.0\.1:\d+$/);

    // As a page does it, which can set no header, and with an old guest that does not repeat it in the hello.
    const socket = new WebSocket(listener.url, ['dxgwire', tokenToSubprotocol('right')]);
    await once(socket, 'open');
    assert.equal(socket.protocol, 'dxgwire');
    const output = new LinkOutput(() => {});
    const hello = encodeLinkMessage('hello', { minVersion: 1, maxVersion: 1 });
    output.frame(0, FrameKind.control, 0, 0, 0, hello, 0, hello.length);
    socket.send(output.take()!.bytes);
    await once(socket, 'message');
    assert.equal(listener.hosts.length, 3);
    socket.close();
    await listener.close();
  });

  it('in base64 are taken from a URL as they are', async () => {
    const listener = await listen({ token: 'a+b/c==' });
    await (await connectWebSocket(`${listener.url}?token=a+b/c==`)).close();
    const socket = new WebSocket(`${listener.url}?token=a+b/c==`, 'dxgwire');
    await once(socket, 'open');
    const output = new LinkOutput(() => {});
    const hello = encodeLinkMessage('hello', { minVersion: 1, maxVersion: 1 });
    output.frame(0, FrameKind.control, 0, 0, 0, hello, 0, hello.length);
    socket.send(output.take()!.bytes);
    await once(socket, 'message');
    assert.equal(listener.hosts.length, 2);
    socket.close();
    await listener.close();
  });

  it('can be judged by the caller, at leisure', async () => {
    const listener = await listen({
      authenticate: async (token, request) => {
        await null;
        return token === 'x' && request?.url === '/';
      },
    });
    const guest = await connectWebSocket(listener.url, { token: 'x' });
    await guest.close();
    await fails(connectWebSocket(listener.url, { token: 'y' }), 'refused', /not valid/);
    await listener.close();
  });
});

describe('WebSocket listener', () => {
  it('keeps pages of other origins out unless there is a token', async () => {
    const refusals: string[] = [];
    const open = await listen({ onRefused: (error) => refusals.push(error.message) });
    const withToken = await listen({ token: 't' });
    const picky = await listen({ isOriginAllowed: (origin) => origin === 'https://ours.example' });
    const connect = (url: string, origin: string) =>
      connectWebSocket(url, { headers: { origin }, token: 't' });
    await fails(connect(open.url, 'https://evil.example'), 'refused', /403/);
    await fails(connect(open.url, 'null'), 'refused', /403/);
    assert.deepEqual(refusals, [
      'pages of https://evil.example may not use this host',
      'pages of null may not use this host',
    ]);
    await fails(connect(picky.url, 'http://localhost:3000'), 'refused', /403/);
    for (const guest of [
      await connect(open.url, 'http://localhost:3000'),
      await connect(withToken.url, 'https://evil.example'),
      await connect(picky.url, 'https://ours.example'),
    ]) {
      await guest.close();
    }
    await Promise.all([open.close(), withToken.close(), picky.close()]);
  });

  // A request with the origin `null` ended the host.
  it('keeps out whom the caller fails to judge', async () => {
    const listener = await listen({
      isOriginAllowed: (origin) => new URL(origin).hostname === 'ours.example',
    });
    const connect = (origin: string) => connectWebSocket(listener.url, { headers: { origin } });
    await fails(connect('null'), 'refused', /403/);
    await (await connect('https://ours.example')).close();
    await listener.close();
  });

  it('serves its path only, and tells other visitors what it is', async () => {
    const listener = await listen({ path: '/gpu' });
    assert.match(listener.url, /^ws:\/\/127\.0\.0\.1:\d+\/gpu$/);
    await fails(connectWebSocket(listener.url.replace('/gpu', '/other')), 'connect-failed', /HTTP 404/);
    const response = await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const request = httpRequest(listener.url.replace('ws:', 'http:'), (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part) => {
          text += part;
        });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
      });
      request.on('error', reject).end();
    });
    assert.equal(response.status, 426);
    assert.match(response.text, /dxgwire host/);
    await listener.close();
  });

  it('shares a server of the caller', async () => {
    const server = createServer((_request, response) => response.end('page')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const one = attachWebSocket(server, '/one', { windowMegabytes: 1, onHostBus: serveSmall });
    const two = attachWebSocket(server, '/two', { windowMegabytes: 2, onHostBus: serveSmall });
    const badly = (path: string) => () => attachWebSocket(server, path, { onHostBus: serveSmall });
    assert.throws(badly('one'), (error) => isTransportError(error) && error.code === 'bad-url');
    assert.throws(badly('/two?a'), (error) => isTransportError(error) && error.code === 'listen-failed');
    // Nobody's path has an answer, while both are there and when one is.
    await fails(connectWebSocket(`ws://127.0.0.1:${port}/three`), 'connect-failed', /HTTP 404/);
    const first = await connectWebSocket(`ws://127.0.0.1:${port}/one`);
    const second = await connectWebSocket(`ws://127.0.0.1:${port}/two`);
    assert.equal(first.window.lengthBytes, 1_048_576);
    assert.equal(second.window.lengthBytes, 2 * 1_048_576);
    const closed = closeOf(first);
    await one.close();
    assert.equal(await closed, null);
    const channel = await second.open(1);
    assert.ok(channel.isOpen);
    await second.close();
    await two.close();
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });

  it('lets in only so many guests', async () => {
    const refusals: string[] = [];
    const listener = await listen({ maxGuests: 1, onRefused: (error) => refusals.push(error.message) });
    const guest = await connectWebSocket(listener.url);
    await fails(connectWebSocket(listener.url), 'refused', /as many guests as it may: 1/);
    const waiting = Array.from({ length: 17 }, () => new WebSocket(listener.url, 'dxgwire'));
    await Promise.all(waiting.map((socket) => once(socket, 'open')));
    await fails(connectWebSocket(listener.url), 'connect-failed', /HTTP 503/);
    assert.equal(refusals.length, 2);
    assert.match(refusals[1] ?? '', /17 connections wait to say hello/);
    for (const socket of waiting) socket.terminate();
    await guest.close();
    await listener.close();
  });

  it('closes its links in order when it is closed', async () => {
    const listener = await listen();
    const guest = await connectWebSocket(listener.url);
    const closed = Promise.all([closeOf(guest), closeOf(listener.hosts[0]!)]);
    await listener.close();
    assert.deepEqual(await closed, [null, null]);
  });
});

describe('WebSocket links that break', () => {
  it('end on both sides when a message is text', async () => {
    const refusals: Error[] = [];
    const listener = await listen({ onRefused: (error) => refusals.push(error) });
    const socket = new WebSocket(listener.url, 'dxgwire');
    await once(socket, 'open');
    socket.send('hello');
    const [code] = await once(socket, 'close');
    assert.equal(code, 4000);
    assert.ok(isTransportError(refusals[0]) && refusals[0].code === 'bad-frame');
    await listener.close();
  });

  it('end when a message is larger than a host takes, and the guest hears so', async () => {
    const listener = await listen();
    const guest = await connectWebSocket(listener.url);
    const closed = closeOf(listener.hosts[0]!);
    const heard = closeOf(guest);
    // Around the link: its own output never makes such a message.
    const socket = new WebSocket(listener.url, 'dxgwire');
    await once(socket, 'open');
    socket.send(new Uint8Array(1_048_577));
    const [code] = await once(socket, 'close');
    assert.equal(code, 1009);
    await guest.close();
    assert.deepEqual([await closed, await heard], [null, null]);
    await listener.close();
  });

  it('end with an error when the connection is cut and sessions do not outlive it', async () => {
    const listener = await listen({ leaseMs: 0 });
    // A proxy that can be cut.
    const proxy = createNetServer((near) => {
      const far = connectSocket(listener.port, '127.0.0.1');
      near.pipe(far).pipe(near);
      near.on('error', () => far.destroy());
      far.on('error', () => near.destroy());
      proxy.once('cut', () => {
        near.destroy();
        far.destroy();
      });
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { port } = proxy.address() as AddressInfo;
    const guest = await connectWebSocket(`ws://127.0.0.1:${port}`);
    const channel = await guest.open(1);
    const closes = [closeOf(guest), closeOf(listener.hosts[0]!)];
    const channelClosed = new Promise((resolve) => {
      channel.onClose = resolve;
    });
    const pending = assert.rejects(guest.createGpadl([guest.memory.allocate(4096)]), isTransportError);
    proxy.emit('cut');
    for (const error of await Promise.all(closes)) {
      assert.ok(isTransportError(error) && error.code === 'peer-closed');
    }
    assert.ok(isTransportError(await channelClosed));
    await pending;
    proxy.close();
    await listener.close();
  });

  it('are found dead by heartbeat when the other side hangs', async () => {
    const listener = await listen({ heartbeatMs: 40, leaseMs: 0 });
    let isStalled = false;
    const proxy = createNetServer((near) => {
      const far = connectSocket(listener.port, '127.0.0.1');
      near.on('data', (bytes) => {
        if (!isStalled) far.write(bytes);
      });
      far.on('data', (bytes) => {
        if (!isStalled) near.write(bytes);
      });
      near.on('error', () => {}).on('close', () => far.destroy());
      far.on('error', () => {}).on('close', () => near.destroy());
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { port } = proxy.address() as AddressInfo;
    const guest = await connectWebSocket(`ws://127.0.0.1:${port}`);
    const closes = [closeOf(guest), closeOf(listener.hosts[0]!)];
    isStalled = true;
    for (const error of await Promise.all(closes)) {
      // Whoever notices first cuts the connection, which the other may hear before its own clock.
      assert.ok(isTransportError(error) && ['time-out', 'peer-closed'].includes(error.code), String(error));
    }
    proxy.close();
    await listener.close();
  });
});

function serveSmall(host: HostBus): void {
  host.onChannelOpen = () => {};
  host.offer({ classGuid: GUID, instanceGuid: GUID, mmioMegabytes: 1 });
  host.start();
}
