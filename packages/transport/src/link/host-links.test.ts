import assert from 'node:assert/strict';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { connect } from '../connect.ts';
import { isTransportError } from '../errors.ts';
import { listen } from '../listen.ts';

/** Passes bytes on between guests and a port of this machine, until what goes through it is cut. */
async function createCutter(target: number) {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = createConnection(target, '127.0.0.1');
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        for (const other of [near, far]) other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const close = () => {
    server.close();
    cut();
  };
  return { port: (server.address() as AddressInfo).port, cut, close };
}

describe('a host whose guests are all there', () => {
  for (const scheme of ['tcp:', 'ws://']) {
    it(`lets one of them come back, and refuses others by name (${scheme})`, async () => {
      const refusals: string[] = [];
      const listener = await listen(`${scheme}127.0.0.1:0`, {
        maxGuests: 1,
        onBus: (host) => host.start(),
        onRefused: (error) => refusals.push(error.message),
      });
      const cutter = await createCutter(listener.port);
      const guest = await connect(listener.url.replace(String(listener.port), String(cutter.port)));
      await assert.rejects(
        connect(listener.url),
        (error) =>
          isTransportError(error) &&
          error.code === 'refused' &&
          /as many guests as it may: 1/.test(error.message),
      );
      assert.equal(refusals.length, 1);
      for (let time = 0; time < 3; time += 1) {
        const isBack = new Promise<void>((resolve) => {
          guest.onInterruption = (isInterrupted) => {
            if (!isInterrupted) resolve();
          };
        });
        cutter.cut();
        await isBack;
      }
      assert.equal(refusals.length, 1);
      await guest.close();
      await listener.close();
      cutter.close();
    });
  }
});
