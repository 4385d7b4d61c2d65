import assert from 'node:assert/strict';
import process from 'node:process';
import { describe, it } from 'node:test';
import { CONNECT_SCHEMES, connect } from './connect.ts';
import { isTransportError } from './errors.ts';
import { checkListenUrl, DEFAULT_LISTEN_URL, LISTEN_SCHEMES, listen } from './listen.ts';
import type { HostBus } from './transport.ts';

const onBus = (host: HostBus) => host.start();

async function failure(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await promise;
    return { code: 'none', message: '' };
  } catch (error) {
    assert.ok(isTransportError(error), String(error));
    assert.ok(!error.message.includes('\n'), 'one line');
    return { code: error.code, message: error.message };
  }
}

describe('URL factories', () => {
  it('join a guest to a host', async () => {
    const listener = await listen('ws://127.0.0.1:0', { onBus });
    const guest = await connect(listener.url);
    assert.equal(guest.transport, 'websocket');
    await guest.close();
    await listener.close();
  });

  it('take the token of a listener from its URL', async () => {
    const listener = await listen('ws://127.0.0.1:0/?token=abc', { onBus });
    assert.ok(!listener.url.includes('abc'));
    assert.equal((await failure(connect(listener.url))).code, 'refused');
    const guest = await connect(`${listener.url}?token=abc`);
    await guest.close();
    await listener.close();
  });

  it('name the schemes that they know', async () => {
    for (const attempt of [
      connect('usb:gpu'),
      connect('127.0.0.1:8774'),
      connect(''),
      connect('constructor:x'),
      listen('http://127.0.0.1:0', { onBus }),
      listen('ws//typo', { onBus }),
    ]) {
      const { code, message } = await failure(attempt);
      assert.equal(code, 'bad-url');
      assert.match(message, /ws:, wss:/);
      assert.match(message, /ws:\/\/127\.0\.0\.1:8774/);
    }
    assert.deepEqual(CONNECT_SCHEMES, [
      'ws',
      'wss',
      'http',
      'https',
      'unix',
      'tcp',
      'stdio',
      'device',
      'shm',
    ]);
    assert.deepEqual(LISTEN_SCHEMES, ['ws', 'wss', 'unix', 'tcp', 'stdio', 'device', 'shm']);
    assert.equal(DEFAULT_LISTEN_URL, 'ws://127.0.0.1:8774');
  });

  it('take the port that a URL names, with slashes before it or without', async () => {
    for (const url of ['ws:127.0.0.1:0', 'ws:/127.0.0.1:0', 'tcp:127.0.0.1:0', 'tcp://127.0.0.1:0']) {
      const listener = await listen(url, { onBus });
      assert.notEqual(listener.port, 8774);
      await listener.close();
    }
  });

  it('check a URL without listening', () => {
    for (const url of ['ws://127.0.0.1:1', 'tcp:[fe80::1%eth0]:1', 'unix:/a', 'stdio:', 'device:/a', 'shm:a'])
      checkListenUrl(url);
    for (const url of ['ws://127.0.0.1:65536', 'tcp:gpu', 'unix:', 'device:', 'shm:', 'http://gpu', 'gpu']) {
      assert.throws(
        () => checkListenUrl(url),
        (error) => isTransportError(error) && error.code === 'bad-url',
        url,
      );
    }
  });

  // Timers took them for nothing: guests were refused at once, or looked at a thousand times a second.
  it('take times without end', async () => {
    const warnings: Error[] = [];
    const warned = (warning: Error) => warnings.push(warning);
    process.on('warning', warned);
    const ever = Number.POSITIVE_INFINITY;
    const urls = ['ws://127.0.0.1:0', 'tcp:127.0.0.1:0'];
    if (process.platform === 'linux') urls.push(`shm:ever-${process.pid}`);
    for (const url of urls) {
      const times = { heartbeatMs: ever, silenceMs: ever, leaseMs: ever, handshakeTimeoutMs: ever };
      const listener = await listen(url, { ...times, onBus });
      const guest = await connect(listener.url, { connectTimeoutMs: ever });
      let end: Error | null | undefined;
      guest.onClose = (error) => {
        end = error;
      };
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(end, undefined);
      await guest.close();
      await listener.close();
    }
    process.off('warning', warned);
    assert.deepEqual(warnings, []);
  });

  it('refuse memory that no bus can have, before they listen', async () => {
    const urls = ['ws://127.0.0.1:0', 'tcp:127.0.0.1:0', 'device:/dev/null'];
    if (process.platform === 'linux') urls.push(`shm:sizes-${process.pid}`);
    for (const url of urls) {
      const cases: [object, RegExp][] = [
        [{ guestMemoryBytes: Number.NaN }, /guest memory of NaN bytes: at least one page/],
        [{ guestMemoryBytes: 2 ** 52 }, /guest memory of 4503599627370496 bytes: .* at most 17592186040320/],
        ...[0, 0.5, Number.NaN, 4097, 2 ** 32].map((windowMegabytes): [object, RegExp] => [
          { windowMegabytes },
          new RegExp(`a device window of ${windowMegabytes} MiB: at least 1, at most 4096`),
        ]),
      ];
      if (url.startsWith('shm:'))
        cases.push([{ guestMemoryBytes: 2 ** 43 }, /maps at most \d+ bytes in one piece, not 8796093022208/]);
      for (const [sizes, pattern] of cases) {
        const { code, message } = await failure(listen(url, { onBus, ...sizes }));
        assert.equal(code, 'out-of-range', url);
        assert.match(message, pattern);
      }
    }
  });

  it('say that a port is in use, and the way out', async () => {
    const listener = await listen('ws://127.0.0.1:0', { onBus });
    const { code, message } = await failure(listen(listener.url, { onBus }));
    assert.equal(code, 'listen-failed');
    assert.match(message, new RegExp(`127.0.0.1:${listener.port}: the port is in use. .*another port`));
    await listener.close();
    const other = await failure(listen('ws://192.0.2.1:0', { onBus }));
    assert.equal(other.code, 'listen-failed');
    assert.match(other.message, /no such address/);
  });

  it('want a certificate for wss: and only there', async () => {
    assert.equal((await failure(listen('wss://127.0.0.1:0', { onBus }))).code, 'bad-url');
    const tls = { cert: '', key: '' };
    assert.equal((await failure(listen('ws://127.0.0.1:0', { onBus, tls }))).code, 'bad-url');
  });
});
