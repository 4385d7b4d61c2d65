import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { bytesOfSeed, isOfSeed } from '../compliance/data.ts';
import { connect } from '../connect.ts';
import { isTransportError } from '../errors.ts';
import { listen } from '../listen.ts';
import { failure } from '../testing/failure.ts';
import { type GuestBus, type HostBus, PacketKind } from '../transport.ts';
import { openMemoryFile } from './memory-file.ts';
import { encodeMessage } from './wire.ts';

const FILE = fileURLToPath(import.meta.url);
const GUID = new Uint8Array(16);
const MEBIBYTE = 1_048_576;
const [, , role = '', url = ''] = process.argv;

/** Serves channel 1 with an echo. */
function serve(host: HostBus): void {
  host.onChannelOpen = (channel) => {
    channel.onPacket = ({ idLow, idHigh, bytes, offset, length }) => {
      channel.send(PacketKind.completion, idLow, idHigh, 0, bytes, offset, length);
    };
  };
  host.offer({ classGuid: GUID, instanceGuid: GUID, mmioMegabytes: 1 });
  host.start();
}

async function openGuest(to: string, options = {}): Promise<GuestBus> {
  const guest = await connect(to, options);
  if (guest.offers.length === 0) {
    await new Promise<void>((resolve) => {
      guest.onOffer = () => resolve();
    });
  }
  return guest;
}

/** Memory files of this process that are mapped or open. */
function memoryFiles(): number {
  const open = readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).includes('memfd:dxgwire');
    } catch {
      return false;
    }
  });
  return open.length;
}

async function nextTurns(): Promise<void> {
  for (let i = 0; i < 3; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function runGuest(): Promise<void> {
  const guest = await openGuest(url);
  const channel = await guest.open(1);
  const block = guest.memory.allocate(64 * MEBIBYTE);
  const empty = new Uint8Array(0);
  process.send?.({ running: true });
  // An upload without end.
  for (let step = 0; ; step += 1) {
    block.write(0, bytesOfSeed(step, MEBIBYTE));
    if (!channel.send(PacketKind.inBand, step, 0, 0, empty, 0, 0)) {
      await new Promise<void>((resolve) => {
        channel.onDrain = resolve;
      });
    }
    if (step % 8 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

async function runHost(): Promise<void> {
  await listen(url, { onBus: serve, windowMegabytes: 1, guestMemoryBytes: 128 * MEBIBYTE });
  process.send?.({ running: true });
}

async function start(as: 'guest' | 'host', to: string): Promise<ChildProcess> {
  const child = fork(FILE, [as, to], { execArgv: [] });
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', (code) =>
      reject(new Error(`the ${as}'s process ended with ${code} before it was ready`)),
    );
  });
  return child;
}

if (role === 'guest') await runGuest();
else if (role === 'host') await runHost();
else {
  const folder = mkdtempSync(join(tmpdir(), 'dxgwire-'));
  after(() => rmSync(folder, { recursive: true }));
  let count = 0;
  const freshUrl = () => {
    count += 1;
    return `shm:${join(folder, `${count}.sock`)}`;
  };

  describe('shared memory', () => {
    it('is the same memory on both sides and for a third process, by a file of mode 0600', async () => {
      let host: HostBus | null = null;
      const listener = await listen(freshUrl(), {
        windowMegabytes: 1,
        guestMemoryBytes: 8 * MEBIBYTE,
        onBus: (bus) => {
          host = bus;
          serve(bus);
        },
      });
      const path = listener.url.slice('shm:'.length);
      assert.equal(lstatSync(path).mode & 0o777, 0o600);
      const guest = await openGuest(listener.url);
      const near = host as unknown as HostBus;
      const block = guest.memory.allocate(100_000);
      block.bytes.set(bytesOfSeed(1, 100_000));
      assert.ok(isOfSeed(1, near.memory.view(block.address, 100_000)));
      const file = near.memory.shareable(block.address, 100_000);
      assert.ok(file !== null);
      const { ino: inode, size: lengthBytes, mode } = statSync(file.path);
      assert.equal(mode & 0o777, 0o600);
      const third = openMemoryFile({ path: file.path, inode, lengthBytes });
      assert.ok(isOfSeed(1, third.bytes.slice(file.offset, file.offset + 100_000)));
      third.close();
      near.window.storeU64(8, 1, 2);
      assert.equal(guest.window.loadU64(8), 0x2_0000_0001n);
      assert.ok(near.window.shareable() !== null);
      await guest.close();
      await listener.close();
      await nextTurns();
      assert.equal(memoryFiles(), 0);
      assert.ok(!existsSync(path));
      // Late accesses find zeroes, not a fault.
      assert.equal(block.bytes[0], 0);
    });

    it('cannot be cut short by a guest', async () => {
      const { truncateSync } = await import('node:fs');
      let host: HostBus | null = null;
      const listener = await listen(freshUrl(), {
        windowMegabytes: 1,
        onBus: (bus) => {
          host = bus;
          serve(bus);
        },
      });
      const guest = await openGuest(listener.url);
      const { path } = (host as unknown as HostBus).window.shareable() ?? { path: '' };
      assert.throws(() => truncateSync(path, 4096), /EPERM/);
      await guest.close();
      await listener.close();
    });

    it('takes tokens, and refuses readably', async () => {
      const refused: string[] = [];
      const listener = await listen(`${freshUrl()}?token=right`, {
        windowMegabytes: 1,
        onBus: serve,
        onRefused: (error) => refused.push(error.message),
      });
      assert.ok(!listener.url.includes('right'));
      const without = await failure(connect(listener.url));
      assert.equal(without.code, 'refused');
      assert.match(without.message, /a token is needed/);
      assert.equal((await failure(connect(listener.url, { token: 'wrong' }))).code, 'refused');
      await (await connect(`${listener.url}?token=right`)).close();
      assert.equal(refused.length, 2);
      await listener.close();
    });

    it('says who is missing, and replaces what a dead host left', async () => {
      const missing = await failure(connect('shm:no-such-host-here'));
      assert.equal(missing.code, 'connect-failed');
      assert.match(missing.message, /no host of that name/);
      assert.equal((await failure(connect('shm:'))).code, 'bad-url');
      assert.equal((await failure(connect('shm:two/words'))).code, 'bad-url');
      const to = freshUrl();
      const child = await start('host', to);
      const busy = await failure(listen(to, { onBus: serve }));
      assert.equal(busy.code, 'listen-failed');
      assert.match(busy.message, /already/);
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      const listener = await listen(to, { onBus: serve, windowMegabytes: 1 });
      await (await connect(to)).close();
      await listener.close();
    });

    it('tells the host at once that its guest was killed in the middle of an upload, and frees all', async () => {
      let ended: (error: Error | null) => void = () => {};
      const closed = new Promise<Error | null>((resolve) => {
        ended = resolve;
      });
      const listener = await listen(freshUrl(), {
        windowMegabytes: 1,
        onBus: (host) => {
          host.onClose = ended;
          serve(host);
        },
      });
      const child = await start('guest', listener.url);
      child.kill('SIGKILL');
      const error = await closed;
      assert.ok(isTransportError(error) && error.code === 'peer-closed', String(error));
      await nextTurns();
      assert.equal(memoryFiles(), 0);
      await listener.close();
    });

    it('tells the guest at once that its host was killed, and leaves nothing behind', async () => {
      const to = freshUrl();
      const child = await start('host', to);
      const guest = await openGuest(to);
      const channel = await guest.open(1);
      const block = guest.memory.allocate(MEBIBYTE);
      const loan = block.lend!(4096, 4096)!;
      const lent = new Uint8Array(loan.buffer!).fill(7);
      const closes = Promise.all(
        [guest, channel].map(
          (end) =>
            new Promise<Error | null>((resolve) => {
              end.onClose = resolve;
            }),
        ),
      );
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      for (const error of await closes) assert.ok(isTransportError(error) && error.code === 'peer-closed');
      block.bytes.fill(1, 0, 4096);
      await nextTurns();
      assert.equal(memoryFiles(), 0);
      // What is lent stays as it is.
      assert.ok(lent.every((value) => value === 7));
      assert.equal(block.bytes[0], 1);
      assert.equal(loan.takeBack(), true);
      assert.deepEqual([lent.length, block.bytes[0]], [0, 0]);
      await exited;
      // The dead host's socket goes with the first who finds it dead: a guest that it had, or one that comes.
      const first = (await failure(connect(to))).message;
      assert.match(first, /its host is gone|no host of that name/);
      assert.match((await failure(connect(to))).message, /no host of that name/);
    });

    it('finds a process that hangs by its heartbeat', async () => {
      const closed: Promise<Error | null>[] = [];
      const listener = await listen(freshUrl(), {
        windowMegabytes: 1,
        // Not less: on a busy machine the other process would be silent for so long while it starts.
        heartbeatMs: 500,
        onBus: (host) => {
          closed.push(
            new Promise((resolve) => {
              host.onClose = resolve;
            }),
          );
          serve(host);
        },
      });
      const child = await start('guest', listener.url);
      child.kill('SIGSTOP');
      const error = await closed[0];
      assert.ok(isTransportError(error) && error.code === 'time-out', String(error));
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      await listener.close();
    });

    it('ends a peer that sends what cannot be', async () => {
      const refused: Error[] = [];
      const listener = await listen(freshUrl(), {
        windowMegabytes: 1,
        onBus: () => assert.fail('let in'),
        onRefused: (error) => refused.push(error),
      });
      const path = listener.url.slice('shm:'.length);
      for (const bytes of [
        Uint8Array.of(9),
        encodeMessage({ type: 'open' }),
        encodeMessage({ type: 'hello', version: '1', token: '', name: '' }),
        encodeMessage({ type: 'constructor' }),
        encodeMessage(null),
        encodeMessage({ type: 'mapped' }),
        Uint8Array.of(2, 255, 255, 255, 255),
        Uint8Array.of(2, 1, 0, 0, 0, 0x7b),
      ]) {
        const socket = createConnection(path);
        socket.on('error', () => {});
        socket.write(bytes);
        socket.resume();
        await once(socket, 'close');
      }
      assert.equal(refused.length, 8);
      assert.ok(refused.every((error) => isTransportError(error) && error.code === 'bad-frame'));
      await listener.close();
    });
  });
}
