import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { type AddressInfo, connect as connectSocket, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { connect } from '../connect.ts';
import { isTransportError } from '../errors.ts';
import { listen } from '../listen.ts';
import { createDeviceLine } from '../stream/testing/pseudo-terminal.ts';
import type { HostBus } from '../transport.ts';
import { type LinkTap, proxyLink } from './proxy.ts';
import type { Direction } from './records.ts';

const folder = mkdtempSync(join(tmpdir(), 'dxgwire-'));
after(() => rmSync(folder, { recursive: true }));

/** Keeps what passed, and how often the connection ended. */
class Tap implements LinkTap {
  readonly seen: Record<Direction, Buffer[]> = { g2h: [], h2g: [] };
  ends = 0;
  readonly over: Promise<void>;
  #resolve = () => {};

  constructor() {
    this.over = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  push(direction: Direction, bytes: Uint8Array): void {
    this.seen[direction].push(Buffer.from(bytes));
  }

  end(): void {
    this.ends += 1;
    this.#resolve();
  }

  bytes(direction: Direction): Buffer {
    return Buffer.concat(this.seen[direction]);
  }
}

async function proxy(listen: string, connect: string) {
  const taps: Tap[] = [];
  const made = await proxyLink({
    listen,
    connect,
    onConnection: () => {
      const tap = new Tap();
      taps.push(tap);
      return tap;
    },
  });
  return { url: made.url, close: () => made.close(), taps };
}

async function streamServer(onSocket: (socket: Socket) => void, path?: string) {
  const server: Server = createServer({ allowHalfOpen: false }, onSocket);
  server.listen(path ?? { port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const url = path === undefined ? `tcp:127.0.0.1:${(server.address() as AddressInfo).port}` : `unix:${path}`;
  return { url, close: () => new Promise<void>((resolve) => server.close(() => resolve())) };
}

async function webSocketServer(onSocket: (socket: WebSocket, request: IncomingMessage) => void) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', onSocket);
  await once(server, 'listening');
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return { url, close: () => new Promise<void>((resolve) => server.close(() => resolve())) };
}

function dial(url: string): Socket {
  const [, host, port] = /^tcp:(.*):(\d+)$/.exec(url) ?? [];
  return host === undefined ? connectSocket(url.slice('unix:'.length)) : connectSocket(Number(port), host);
}

function reads(socket: Socket, length: number): Promise<Buffer> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let count = 0;
    const take = (part: Buffer) => {
      parts.push(part);
      count += part.length;
      if (count >= length) resolve(Buffer.concat(parts));
    };
    socket.on('data', take);
  });
}

const pattern = (length: number) => Buffer.from(Uint8Array.from({ length }, (_, at) => at * 7 + (at >> 8)));

describe('a proxy of links', () => {
  it('hands bytes on unchanged from a Unix socket to TCP and back, and a tap sees both ways', async () => {
    const host = await streamServer((socket) => socket.on('data', (part) => socket.write(part)));
    const path = join(folder, 'listen.sock');
    const between = await proxy(`unix:${path}`, host.url);
    const guest = dial(between.url);
    const sent = pattern(300_000);
    const back = reads(guest, sent.length);
    guest.write(sent);
    assert.deepEqual(await back, sent);
    guest.end();
    await between.taps[0]!.over;
    assert.deepEqual(between.taps[0]!.bytes('g2h'), sent);
    assert.deepEqual(between.taps[0]!.bytes('h2g'), sent);
    await between.close();
    assert.ok(!existsSync(path));
    assert.equal(between.taps[0]!.ends, 1);
    await host.close();
  });

  it('ends a guest when its host does, and tells the tap once', async () => {
    const host = await streamServer((socket) => socket.end('bye'), join(folder, 'host.sock'));
    const between = await proxy('tcp:127.0.0.1:0', host.url);
    const guest = dial(between.url);
    const closed = once(guest, 'close');
    assert.equal(String(await reads(guest, 3)), 'bye');
    await closed;
    await between.taps[0]!.over;
    assert.equal(between.taps[0]!.ends, 1);
    await between.close();
    await host.close();
  });

  it('keeps a fast guest back while its host reads nothing, and loses nothing', async () => {
    let hostEnd: Socket | null = null;
    const host = await streamServer((socket) => {
      hostEnd = socket.pause();
    });
    const between = await proxy('tcp:127.0.0.1:0', host.url);
    const guest = dial(between.url);
    const sent = Buffer.alloc(64 << 20, pattern(65_537));
    let isGone = false;
    guest.write(sent, () => {
      isGone = true;
    });
    // It stands still when the buffers of four sockets are full: that has happened when nothing came for some turns.
    for (let turns = 0, last = -1; turns < 200; turns += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      const count = between.taps[0]?.seen.g2h.length ?? 0;
      if (count !== last || count === 0) turns = 0;
      last = count;
    }
    assert.ok(!isGone);
    assert.ok(between.taps[0]!.bytes('g2h').length < sent.length / 2);
    const all = reads(hostEnd!, sent.length);
    (hostEnd as unknown as Socket).resume();
    assert.ok((await all).equals(sent));
    guest.destroy();
    await between.taps[0]!.over;
    await between.close();
    await host.close();
  });

  it('passes query, token, origin and subprotocol of a WebSocket on, and how it closed', async () => {
    const asked: unknown[] = [];
    const host = await webSocketServer((socket, { headers, url }) => {
      asked.push(url, headers.authorization, headers.origin, headers['sec-websocket-protocol']);
      socket.on('message', (data) => socket.send(data));
    });
    const between = await proxy('ws://127.0.0.1:0', host.url);
    const guest = new WebSocket(`${between.url}?token=a%20b`, ['dxgwire', 'dxgwire.token.x'], {
      headers: { authorization: 'Bearer t', origin: 'https://ours.example' },
    });
    await once(guest, 'open');
    assert.equal(guest.protocol, 'dxgwire');
    guest.send(Buffer.from('hello'));
    const [data] = await once(guest, 'message');
    assert.equal(String(data), 'hello');
    assert.deepEqual(asked, ['/?token=a%20b', 'Bearer t', 'https://ours.example', 'dxgwire,dxgwire.token.x']);
    guest.close(4000, 'over');
    await between.taps[0]!.over;
    assert.equal(String(between.taps[0]!.bytes('g2h')), 'hello');
    await between.close();
    await host.close();
  });

  it('cuts what a stream brings at once into messages that a WebSocket takes', async () => {
    const lengths: number[] = [];
    const host = await webSocketServer((socket) => {
      socket.on('message', (data: Buffer) => {
        lengths.push(data.length);
        socket.send(data);
      });
    });
    const between = await proxy('tcp:127.0.0.1:0', host.url);
    const guest = dial(between.url);
    const sent = pattern(5 << 20);
    const back = reads(guest, sent.length);
    guest.write(sent);
    assert.ok((await back).equals(sent));
    assert.ok(Math.max(...lengths) <= 512 * 1024);
    guest.destroy();
    await between.taps[0]!.over;
    await between.close();
    await host.close();
  });

  it('passes the code and the reason of a host’s close on, and those of a code that no program may send as 1011', async () => {
    for (const [code, reason, wanted] of [
      [4000, 'ä'.repeat(61), 4000],
      [1000, '', 1000],
      [1008, 'policy', 1011],
    ] as const) {
      const host = await webSocketServer((socket) => socket.close(code, reason));
      const between = await proxy('ws://127.0.0.1:0', host.url);
      const guest = new WebSocket(between.url, 'dxgwire');
      const [seen, why] = await once(guest, 'close');
      assert.deepEqual([seen, String(why)], [wanted, reason]);
      await between.close();
      await host.close();
    }
  });

  it('tells a guest why its host cannot be reached, as much as a closing frame holds', async () => {
    // 99 bytes in 57 characters: with the words before it more than the 123 bytes of a reason.
    const path = join('/tmp', `${'ü'.repeat(42)}-none.sock`);
    const between = await proxy('ws://127.0.0.1:0', `unix:${path}`);
    const guest = new WebSocket(between.url, 'dxgwire');
    const [code, reason] = await once(guest, 'close');
    assert.equal(code, 1011);
    assert.match(String(reason), /^connect ENOENT \/tmp\/ü+/);
    assert.ok((reason as Buffer).length <= 123);
    await between.close();

    const nobody = await webSocketServer(() => {});
    await nobody.close();
    const second = await proxy('ws://127.0.0.1:0', nobody.url);
    const other = new WebSocket(second.url, 'dxgwire');
    const [otherCode, otherReason] = await once(other, 'close');
    assert.equal(otherCode, 1011);
    assert.match(String(otherReason), /ECONNREFUSED/);
    assert.equal(second.taps[0]!.ends, 1);
    await second.close();
  });

  it('ends every connection when it is closed, and says so where the medium can', async () => {
    const codes: number[] = [];
    const closes: Promise<unknown>[] = [];
    const host = await webSocketServer((socket) => {
      closes.push(once(socket, 'close').then(([code]) => codes.push(code as number)));
      socket.on('message', (data) => socket.send(data));
    });
    const between = await proxy('tcp:127.0.0.1:0', host.url);
    const guest = dial(between.url);
    const closed = once(guest, 'close');
    const back = reads(guest, 1);
    guest.write('x');
    await back;
    await between.close();
    await Promise.all([closed, ...closes]);
    assert.deepEqual(codes, [1001]);
    assert.equal(between.taps[0]!.ends, 1);
    await host.close();
  });
});

describe('a proxy of links between devices and pipes', () => {
  it('starts a host for each guest, and ends with it', async () => {
    const between = await proxy('tcp:127.0.0.1:0', 'stdio:head -c 300000');
    for (const sent of [pattern(300_000), pattern(300_000).reverse()]) {
      const guest = dial(between.url);
      const closed = once(guest, 'close');
      const back = reads(guest, sent.length);
      guest.write(sent);
      assert.ok((await back).equals(sent));
      await closed;
    }
    assert.equal(between.taps.length, 2);
    for (const tap of between.taps) {
      await tap.over;
      assert.equal(tap.bytes('h2g').length, 300_000);
    }
    await between.close();
  });

  it('tells a guest by the end of its connection that a command or a device is not there', async () => {
    for (const connect of ['stdio:exec /nonexistent/command 2>&-', `device:${join(folder, 'none')}`]) {
      const between = await proxy('ws://127.0.0.1:0', connect);
      const guest = new WebSocket(between.url, 'dxgwire');
      await once(guest, 'close');
      await between.taps[0]!.over;
      assert.equal(between.taps[0]!.ends, 1);
      await between.close();
    }
  });

  it('stands between two devices', async (context) => {
    const lines = [createDeviceLine(), createDeviceLine()];
    const [guestLine, hostLine] = lines;
    if (guestLine == null || hostLine == null) {
      context.skip('no pseudo-terminals can be made here');
      return;
    }
    try {
      const between = await proxy(`device:${guestLine.paths[1]}`, `device:${hostLine.paths[0]}`);
      const hosts: HostBus[] = [];
      const listener = await listen(`device:${hostLine.paths[1]}`, {
        windowMegabytes: 1,
        guestMemoryBytes: 1 << 20,
        onBus: (host) => {
          hosts.push(host);
          host.onClose = () => {};
          host.start();
        },
      });
      const guest = await connect(`device:${guestLine.paths[0]}`);
      const ended = new Promise((resolve) => {
        hosts[0]!.onClose = resolve;
      });
      await guest.close();
      assert.equal(await ended, null);
      assert.ok(between.taps[0]!.bytes('g2h').length > 0);
      assert.ok(between.taps[0]!.bytes('h2g').length > 0);
      await listener.close();
      await between.close();
    } finally {
      for (const line of lines) await line?.cut();
    }
  });
});

describe('a proxy that cannot be made', () => {
  it('says which URL is wrong, or why it cannot listen', async () => {
    const taken = await streamServer(() => {});
    const port = taken.url.slice(taken.url.lastIndexOf(':') + 1);
    const right = 'tcp:127.0.0.1:1';
    for (const [listen, connect, code, pattern] of [
      ['stdio:cat', right, 'bad-url', /listens on stdio: itself/],
      ['stdio:', 'stdio:', 'bad-url', /lead to one end only/],
      [`device:${folder}`, right, 'listen-failed', /cannot open .*: that is a folder/],
      [`device:${join(folder, 'none')}`, right, 'listen-failed', /there is no such device/],
      ['wss://127.0.0.1:0', right, 'bad-url', /no certificate/],
      ['ws://', right, 'bad-url', /not a URL/],
      ['shm:gpu', right, 'bad-url', /nothing between its ends.*host --listen shm:gpu --capture FILE/],
      ['tcp:127.0.0.1:0', 'shm:gpu', 'bad-url', /run --connect shm:gpu --trace FILE/],
      [taken.url, right, 'listen-failed', /: the port is in use\. Stop what uses it, or choose another port/],
      [
        `ws://127.0.0.1:${port}`,
        right,
        'listen-failed',
        /: the port is in use\. Stop what uses it, or choose another port/,
      ],
    ] as const) {
      await assert.rejects(proxyLink({ listen, connect, onConnection: () => new Tap() }), (error) => {
        assert.ok(isTransportError(error), String(error));
        assert.equal(error.code, code);
        assert.match(error.message, pattern);
        return true;
      });
    }
    await taken.close();
  });
});
