import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type ConnectOptions, connect } from '../connect.ts';
import { isTransportError, TransportError } from '../errors.ts';
import { FrameKind, LINK_CHANNEL } from '../link/frame.ts';
import { encodeLinkMessage } from '../link/messages.ts';
import { LinkOutput } from '../link/output.ts';
import { listen } from '../listen.ts';
import { failure } from '../testing/failure.ts';
import type { GuestBus, HostBus } from '../transport.ts';
import { connectOverStream } from './connect.ts';
import { openDeviceFile } from './device-file.ts';
import { createDeviceLine, type DeviceLine } from './testing/pseudo-terminal.ts';

const FILE = fileURLToPath(import.meta.url);
const [, , role = '', url = ''] = process.argv;
const WINDOW = { windowMegabytes: 1, guestMemoryBytes: 1 << 20 };

if (role !== '') {
  // An end in a process of its own, to be killed.
  const onBus = (host: HostBus) => {
    host.onClose = () => {};
    host.start();
    process.send?.('joined');
  };
  if (role === 'guest') await connect(url);
  else await listen(url, { ...WINDOW, heartbeatMs: 500, onBus });
  process.send?.('ready');
} else {
  runTests();
}

/** A guest that connects and a host that listens at the ends of a line. */
async function joined(line: DeviceLine, options: ConnectOptions = {}) {
  const hosts: HostBus[] = [];
  const refusals: Error[] = [];
  const [hostPath, guestPath] = line.paths;
  const listener = await listen(`device:${hostPath}`, {
    ...WINDOW,
    onBus: (host) => {
      hosts.push(host);
      host.onClose = () => {};
      host.start();
    },
    onRefused: (error) => refusals.push(error),
  });
  return { listener, hosts, refusals, connectAgain: () => connect(`device:${guestPath}`, options) };
}

/** What either side says last; with a code, one that ends with an error. */
function farewell(code: string): Uint8Array {
  return control(encodeLinkMessage('close', { code, reason: 'says the test' }));
}

/** What a host says to a guest that it does not let in. */
function refusal(attempt: number): Uint8Array {
  return control(encodeLinkMessage('refused', { code: 'refused', reason: 'says the test', attempt }));
}

function control(payload: Uint8Array): Uint8Array {
  const output = new LinkOutput(() => {});
  output.frame(LINK_CHANNEL, FrameKind.control, 0, 0, 0, payload, 0, payload.length);
  return output.take()!.bytes.slice();
}

/** What a guest leaves behind that is killed while it pushes memory. */
function halfOfFrame(): Uint8Array {
  const output = new LinkOutput(() => {});
  output.frame(LINK_CHANNEL, FrameKind.windowData, 0, 0, 0, new Uint8Array(60_000).fill(7), 0, 60_000);
  return output.take()!.bytes.slice(0, 20_000);
}

function closeOf(bus: GuestBus | HostBus): Promise<Error | null> {
  return new Promise((resolve) => {
    bus.onClose = resolve;
  });
}

function runTests(): void {
  const probe = createDeviceLine();
  void probe?.cut();
  const skip = probe === null ? 'no pseudo-terminals can be made here' : false;

  describe('a character device', { skip }, () => {
    const onLine = (test: (line: DeviceLine) => Promise<void>) => async () => {
      const line = createDeviceLine();
      assert.ok(line !== null);
      try {
        await test(line);
      } finally {
        await line.cut();
      }
    };

    it(
      'serves one guest after the other',
      onLine(async (line) => {
        const { listener, hosts, connectAgain } = await joined(line);
        for (let round = 1; round <= 3; round++) {
          const guest = await connectAgain();
          assert.equal(guest.transport, 'device');
          const ends = [closeOf(guest), closeOf(hosts.at(-1)!)];
          await guest.close();
          assert.deepEqual(await Promise.all(ends), [null, null]);
          assert.equal(hosts.length, round);
        }
        await listener.close();
        await (listener as { ended?: Promise<void> }).ended;
      }),
    );

    // What moves the bytes was ended at once, and the farewell with it on a busy machine: the host waited for two minutes.
    it(
      'carries the last word of a guest that has given its host up',
      onLine(async (line) => {
        const { listener, hosts, connectAgain } = await joined(line);
        for (let time = 0; time < 3; time += 1) {
          const guest = await connectAgain();
          const heard = closeOf(hosts[time]!);
          guest.abort(new TransportError('time-out', 'nothing heard, says the test'));
          const error = await heard;
          assert.ok(isTransportError(error) && error.code === 'time-out', String(error));
          assert.match(error.message, /says the test/);
        }
        await listener.close();
      }),
    );

    it(
      'is for one program at a time',
      onLine(async (line) => {
        const { listener } = await joined(line);
        const again = await failure(listen(listener.url, { onBus: () => {} }));
        assert.match(again.message, /another program has it open/);
        await listener.close();
      }),
    );

    it(
      'is closed in order from the side of the host as well',
      onLine(async (line) => {
        const { listener, connectAgain } = await joined(line);
        const closed = closeOf(await connectAgain());
        await listener.close();
        assert.equal(await closed, null);
      }),
    );

    it(
      'has no use for what lay in it before a guest came',
      onLine(async (line) => {
        // What a host said to a guest that is gone.
        const stale = await openDeviceFile(line.paths[0], false, 'connect-failed');
        const { readable, writable } = stale.streams;
        readable.resume();
        writable.end('stale bytes that are no frame\r\n\u0003\u0004');
        await stale.whenClosed();
        const { listener, connectAgain, refusals } = await joined(line);
        await (await connectAgain()).close();
        assert.deepEqual(refusals, []);
        await listener.close();
      }),
    );

    it(
      'lets a guest in whose forerunner was killed and whose host has not noticed',
      onLine(async (line) => {
        const { listener, hosts, connectAgain } = await joined(line);
        const child = fork(FILE, ['guest', `device:${line.paths[1]}`], { execArgv: [] });
        await once(child, 'message');
        const ended = closeOf(hosts[0]!);
        const exited = once(child, 'exit');
        child.kill('SIGKILL');
        await exited;
        const guest = await connectAgain();
        assert.ok((await ended) instanceof Error);
        assert.equal(hosts.length, 2);
        await guest.close();
        await listener.close();
      }),
    );

    it(
      'tells a guest of its killed host within two heartbeats, and leaves nothing that has the device open',
      onLine(async (line) => {
        const child = fork(FILE, ['host', `device:${line.paths[0]}`], { execArgv: [] });
        await once(child, 'message');
        const guest = await connect(`device:${line.paths[1]}`);
        const closed = closeOf(guest);
        const exited = once(child, 'exit');
        child.kill('SIGKILL');
        await exited;
        const error = await closed;
        assert.ok(isTransportError(error) && error.code === 'time-out', String(error));
        // Another host finds the line free: bytes for it are not taken by what served the one before.
        const { listener, connectAgain } = await joined(line);
        await (await connectAgain()).close();
        await listener.close();
      }),
    );

    // The hello was dropped with the rest of the input, and its guest waited in vain.
    it(
      'takes a hello that comes in one piece with the farewell of the guest before',
      onLine(async (line) => {
        const { listener, refusals } = await joined(line);
        const { streams, whenClosed } = await openDeviceFile(line.paths[1], true, 'connect-failed');
        streams.writable.cork();
        for (const code of ['time-out', 'peer-closed']) streams.writable.write(farewell(code));
        const joining = connectOverStream(streams);
        streams.writable.uncork();
        await (await joining).close();
        await whenClosed();
        assert.equal(refusals.length, 2);
        await listener.close();
      }),
    );

    // The hello was taken for the rest of the frame, and its guest waited until the host gave the one before up.
    it(
      'lets a guest in whose forerunner was killed in the middle of a frame',
      onLine(async (line) => {
        const { listener, hosts, connectAgain } = await joined(line, { connectTimeoutMs: 4000 });
        for (let round = 0; round < 2; round += 1) {
          const { streams, whenClosed } = await openDeviceFile(line.paths[1], true, 'connect-failed');
          await connectOverStream(streams);
          const ended = closeOf(hosts.at(-1)!);
          const half = halfOfFrame();
          await new Promise((resolve) => streams.writable.write(half, resolve));
          streams.writable.end();
          await whenClosed();
          const guest = await connectAgain();
          const error = await ended;
          assert.ok(isTransportError(error) && error.code === 'peer-closed', String(error));
          await guest.close();
          assert.equal(hosts.length, 2 * (round + 1));
        }
        await listener.close();
      }),
    );

    // The next guest began within a frame, again and again, until it gave up.
    it(
      'lets a guest in whose forerunner was killed while it was told much',
      onLine(async (line) => {
        const { listener, hosts, connectAgain } = await joined(line, { connectTimeoutMs: 8000 });
        const { streams, whenClosed } = await openDeviceFile(line.paths[1], true, 'connect-failed');
        await connectOverStream(streams);
        streams.readable.pause();
        for (let time = 0; time < 4; time += 1) hosts[0]!.window.publish(0, 1 << 20);
        await new Promise((resolve) => setTimeout(resolve, 100));
        streams.readable.destroy();
        await whenClosed();
        await (await connectAgain()).close();
        assert.equal(hosts.length, 2);
        await listener.close();
      }),
    );

    it(
      'has no use for half a frame that lay in it before its host came',
      onLine(async (line) => {
        const { streams, whenClosed } = await openDeviceFile(line.paths[1], true, 'connect-failed');
        streams.writable.end(halfOfFrame());
        await whenClosed();
        const { listener, connectAgain } = await joined(line, { connectTimeoutMs: 4000 });
        await (await connectAgain()).close();
        await listener.close();
      }),
    );

    // An orderly farewell ended the next guest's attempt to connect.
    it(
      'lets a guest in that hears the last words to another one',
      onLine(async (line) => {
        for (const words of [farewell(''), farewell('limit'), refusal(7)]) {
          const { streams, whenClosed } = await openDeviceFile(line.paths[0], false, 'listen-failed');
          const heard = once(streams.readable, 'data');
          const connecting = connect(`device:${line.paths[1]}`, { connectTimeoutMs: 20_000 });
          await heard;
          streams.writable.end(words);
          await whenClosed();
          const { listener } = await joined(line);
          await (await connecting).close();
          await listener.close();
        }
      }),
    );

    it(
      'that hangs up ends both sides',
      onLine(async (line) => {
        const { listener, hosts, connectAgain } = await joined(line);
        const guest = await connectAgain();
        const ends = Promise.all([closeOf(guest), closeOf(hosts[0]!)]);
        await line.cut();
        for (const error of await ends) assert.ok(isTransportError(error) && error.code === 'peer-closed');
        await listener.close();
      }),
    );

    it(
      'is given up when nobody reads what is said last',
      onLine(async (line) => {
        const { listener, hosts, connectAgain } = await joined(line);
        const guest = await connectAgain();
        guest.onClose = () => {};
        line.stall();
        hosts[0]!.window.publish(0, 1 << 20);
        await listener.close();
        guest.abort(new Error('the test is over'));
      }),
    );

    it(
      'whose other end says nothing is given up in time',
      onLine(async (line) => {
        const silent = connect(`device:${line.paths[1]}`, { connectTimeoutMs: 50 });
        assert.equal((await failure(silent)).code, 'time-out');
      }),
    );
  });

  describe('the path of a character device', () => {
    // What moves the bytes was ended at once, and the farewell with it where the machine was busy: the host waited for two minutes.
    it('that is none, or cannot be opened, is told of at once', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'dxgwire-'));
      const file = join(folder, 'file');
      writeFileSync(file, 'precious');
      for (const [path, expected] of [
        [file, /is no character device; a Unix socket is reached with unix:PATH/],
        [join(folder, 'none'), /cannot open .*none: there is no such device/],
        [folder, /that is a folder/],
      ] as const) {
        const connecting = await failure(connect(`device:${path}`));
        assert.equal(connecting.code, 'connect-failed');
        assert.match(connecting.message, expected);
        const listening = await failure(listen(`device:${path}`, { onBus: () => {} }));
        assert.equal(listening.code, 'listen-failed');
        assert.match(listening.message, expected);
      }
      for (const bad of ['device:', 'device:/a%00b', 'device:%']) {
        assert.equal((await failure(connect(`${bad}?token=secret`))).code, 'bad-url');
      }
      rmSync(folder, { recursive: true });
    });

    it('may be a device that has no other end: the link ends by itself', async () => {
      assert.equal(
        (await failure(connect('device:/dev/null', { connectTimeoutMs: 1000 }))).code,
        'peer-closed',
      );
    });
  });
}
