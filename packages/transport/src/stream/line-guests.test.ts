import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex, PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { FrameKind, LINK_CHANNEL } from '../link/frame.ts';
import { HostLinks } from '../link/host-links.ts';
import { LinkOutput } from '../link/output.ts';
import { listen } from '../listen.ts';
import type { HostBus } from '../transport.ts';
import { connectOverStream } from './connect.ts';
import { LineGuests } from './line-guests.ts';
import { lineMark, MARK_BYTES } from './line-mark.ts';

/** A guest's end of a line: it comes and goes, the line stays. */
class Port extends Duplex {
  readonly #line: Duplex;

  constructor(line: Duplex) {
    super();
    this.#line = line;
    line.on('data', this.#read);
    this.write(lineMark());
  }

  readonly #read = (bytes: Uint8Array): void => void this.push(bytes);

  override _read(): void {}

  override _write(bytes: Uint8Array, _encoding: string, callback: (error?: Error | null) => void): void {
    this.#line.write(bytes, callback);
  }

  override _final(callback: () => void): void {
    this.push(null);
    callback();
  }

  override _destroy(_error: Error | null, callback: () => void): void {
    this.#line.off('data', this.#read);
    callback();
  }
}

function halfOfFrame(): Uint8Array {
  const output = new LinkOutput(() => {});
  output.frame(LINK_CHANNEL, FrameKind.windowData, 0, 0, 0, new Uint8Array(60_000).fill(7), 0, 60_000);
  return output.take()!.bytes.slice(0, 20_000);
}

describe('the guests of a line', () => {
  it('are told apart also where their marks come in pieces, and nobody else is heard of', async () => {
    const refusals: Error[] = [];
    const ends: (Error | null)[] = [];
    const links = new HostLinks(
      'line',
      {
        windowMegabytes: 1,
        onHostBus: (host) => {
          host.onClose = (error) => ends.push(error);
          host.start();
        },
        onRefused: (error) => refusals.push(error),
      },
      false,
    );
    const toGuest = new PassThrough();
    const presence: boolean[] = [];
    let said = Buffer.alloc(0);
    toGuest.on('data', (bytes: Uint8Array) => {
      said = Buffer.concat([said, bytes]);
    });
    const guests = new LineGuests(links, 'a line', toGuest, (isThere) => presence.push(isThere));
    for (let round = 0; round < 3; round += 1) {
      for (const byte of lineMark()) guests.received(Uint8Array.of(byte));
      const toHost = new PassThrough();
      toHost.on('data', (bytes: Uint8Array) => guests.received(bytes));
      const readable = new PassThrough();
      const pass = (bytes: Uint8Array) => void readable.write(bytes);
      toGuest.on('data', pass);
      const guest = await connectOverStream({ readable, writable: toHost });
      await guest.close();
      toGuest.off('data', pass);
    }
    assert.deepEqual(said.subarray(0, MARK_BYTES), Buffer.from(lineMark()));
    assert.deepEqual(refusals, []);
    assert.deepEqual(ends, [null, null, null]);
    assert.deepEqual(presence.slice(0, 2), [true, false]);
    await links.close();
  });

  // A VMM's connection ended with its first guest; and one that was killed in a frame kept all others out for two minutes.
  for (const kind of ['unix', 'tcp']) {
    it(`come and go over one connection to ${kind}:, some of them killed in the middle of a frame`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'dxgwire-'));
      const path = join(folder, 'host.sock');
      const hosts: HostBus[] = [];
      const listener = await listen(kind === 'tcp' ? 'tcp:127.0.0.1:0' : `unix:${path}`, {
        windowMegabytes: 1,
        onBus: (host) => {
          hosts.push(host);
          host.onClose = () => {};
          host.start();
        },
      });
      const vmm = kind === 'tcp' ? connectSocket(listener.port, '127.0.0.1') : connectSocket(path);
      await once(vmm, 'connect');
      for (let round = 0; round < 3; round += 1) {
        await (await connectOverStream(new Port(vmm), { connectTimeoutMs: 4000 })).close();
        const port = new Port(vmm);
        await connectOverStream(port, { connectTimeoutMs: 4000 });
        const ended = new Promise((resolve) => {
          hosts.at(-1)!.onClose = resolve;
        });
        vmm.write(halfOfFrame());
        port.destroy();
        await (await connectOverStream(new Port(vmm), { connectTimeoutMs: 4000 })).close();
        assert.ok((await ended) instanceof Error);
      }
      assert.equal(hosts.length, 9);
      assert.ok(!vmm.destroyed);
      const closed = once(vmm, 'close');
      await listener.close();
      await closed;
      rmSync(folder, { recursive: true });
    });
  }

  it('do not stay on a network where nobody has shown that guests may come', async () => {
    const listener = await listen('tcp:127.0.0.1:0', {
      token: 'right',
      handshakeTimeoutMs: 200,
      onBus: (host) => host.start(),
    });
    const line = async () => {
      const socket = connectSocket(listener.port, '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    };
    const stranger = await line();
    stranger.resume().write(lineMark());
    const closed = once(stranger, 'close');
    const vmm = await line();
    await (await connectOverStream(new Port(vmm), { token: 'right' })).close();
    await closed;
    await (await connectOverStream(new Port(vmm), { token: 'right' })).close();
    vmm.destroy();
    await listener.close();
  });

  it('do not keep others out that connect to the same socket, nor does a line without one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dxgwire-'));
    const path = join(folder, 'host.sock');
    const listener = await listen(`unix:${path}`, {
      windowMegabytes: 1,
      handshakeTimeoutMs: 50,
      onBus: (host) => host.start(),
    });
    const idle = connectSocket(path);
    idle.write(lineMark());
    const usual = connectSocket(path);
    const guest = await connectOverStream(usual);
    const usualClosed = once(usual, 'close');
    await guest.close();
    await usualClosed;
    await new Promise((resolve) => setTimeout(resolve, 100));
    await (await connectOverStream(new Port(idle))).close();
    const idleClosed = once(idle, 'close');
    await listener.close();
    await idleClosed;
    rmSync(folder, { recursive: true });
  });

  it('are no way around the limit of connections', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dxgwire-'));
    const path = join(folder, 'host');
    const refusals: Error[] = [];
    const listener = await listen(`unix:${path}`, {
      maxGuests: 1,
      onBus: () => {},
      onRefused: (error) => refusals.push(error),
    });
    const open = async () => {
      const socket = connectSocket(path);
      await once(socket, 'connect');
      socket.on('error', () => {});
      const closed = new Promise<'closed'>((resolve) => socket.once('close', () => resolve('closed')));
      const answered = new Promise<'open'>((resolve) => socket.once('data', () => resolve('open')));
      socket.write(lineMark());
      return { socket, closed, state: await Promise.race([answered, closed]) };
    };
    const lines: Awaited<ReturnType<typeof open>>[] = [];
    for (let count = 0; count < 17; count += 1) lines.push(await open());
    assert.ok(lines.every(({ state }) => state === 'open'));
    assert.equal((await open()).state, 'closed');
    assert.match(String(refusals), /17 connections wait to say hello/);
    // The end of one makes room for another. The host may hear of it a little later.
    lines[0]!.socket.destroy();
    let last = await open();
    while (last.state === 'closed') last = await open();
    for (const { socket, closed } of [...lines, last]) {
      socket.destroy();
      await closed;
    }
    await listener.close();
    rmSync(folder, { recursive: true });
  });
});
