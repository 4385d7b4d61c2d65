import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { connect } from '../connect.ts';
import { listen } from '../listen.ts';
import { fails } from '../testing/failure.ts';
import type { HostBus } from '../transport.ts';

const folder = mkdtempSync(join(tmpdir(), 'dxgwire-'));
after(() => rmSync(folder, { recursive: true }));

const onBus = (host: HostBus) => host.start();

describe('a host on a stream', () => {
  it('says why it cannot listen on a TCP port, and the way out', async () => {
    const listener = await listen('tcp:127.0.0.1:0', { onBus });
    const inUse = new RegExp(`tcp:127.0.0.1:${listener.port}: the port is in use. .*another port`);
    await fails(listen(listener.url, { onBus }), 'listen-failed', inUse);
    await listener.close();
    await fails(listen('tcp:192.0.2.1:0', { onBus }), 'listen-failed', /has no such address/);
  });

  it('does not start programs: a guest does', async () => {
    await fails(listen('stdio:cat', { onBus }), 'bad-url', /a guest starts the command/);
  });

  for (const kind of ['tcp', 'unix', ...(process.platform === 'linux' ? ['shm'] : [])]) {
    it(`takes only so many that wait to say hello over ${kind}, and says whom it turned away`, async () => {
      const path = join(folder, `${kind}.sock`);
      const refusals: Error[] = [];
      const listener = await listen(kind === 'tcp' ? 'tcp:127.0.0.1:0' : `${kind}:${path}`, {
        maxGuests: 1,
        windowMegabytes: 1,
        onBus: (host) => host.start(),
        onRefused: (error) => refusals.push(error),
      });
      const waiting = Array.from({ length: 18 }, () =>
        kind === 'tcp' ? createConnection(listener.port, '127.0.0.1') : createConnection(path),
      );
      for (const socket of waiting) socket.on('error', () => {});
      await Promise.race(waiting.map((socket) => once(socket, 'close')));
      assert.equal(refusals.length, 1);
      assert.match(String(refusals[0]), /17 .* wait to say hello/);
      for (const socket of waiting) socket.destroy();
      await listener.close();
    });
  }

  for (const kind of ['tcp', 'unix']) {
    it(`lets in only so many guests over ${kind}, and others once there is room`, async () => {
      const url = kind === 'tcp' ? 'tcp:127.0.0.1:0' : `unix:${join(folder, 'host.sock')}`;
      const gone: (() => void)[] = [];
      const listener = await listen(url, {
        maxGuests: 1,
        onBus: (host) => {
          host.onClose = () => gone.shift()?.();
          host.start();
        },
      });
      const guest = await connect(listener.url);
      await fails(connect(listener.url), 'refused', /as many guests as it may: 1/);
      const ended = new Promise<void>((resolve) => gone.push(resolve));
      await guest.close();
      await ended;
      // The host counts a guest no more a moment after it has told so.
      await new Promise<void>((resolve) => setImmediate(resolve));
      const other = await connect(listener.url);
      assert.notEqual(other.window.lengthBytes, 0);
      await other.close();
      await listener.close();
    });
  }
});
