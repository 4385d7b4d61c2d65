import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { connect } from '../connect.ts';
import { isTransportError } from '../errors.ts';
import { type ListenOptions, listen } from '../listen.ts';
import { failure } from '../testing/failure.ts';
import { type GuestBus, type HostBus, PacketKind } from '../transport.ts';
import { parseStreamUrl } from './address.ts';
import { connectToChild } from './connect.ts';

const FILE = fileURLToPath(import.meta.url);
const GUID = new Uint8Array(16);
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

function closeOf(bus: GuestBus | HostBus): Promise<Error | null> {
  return new Promise((resolve) => {
    bus.onClose = resolve;
  });
}

async function listenHere(where: string, options: Partial<ListenOptions> = {}) {
  const hosts: HostBus[] = [];
  const listener = await listen(where, {
    windowMegabytes: 1,
    onBus: (host) => {
      hosts.push(host);
      serve(host);
    },
    ...options,
  });
  return { ...listener, hosts };
}

/** What a host leaves behind that is killed while it has no guest. */
async function leaveDeadSocket(path: string): Promise<void> {
  const child = fork(FILE, ['host', `unix:${path}`], { execArgv: [] });
  await once(child, 'message');
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.ok(existsSync(path));
}

async function runTests(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'dxgwire-'));
  after(() => rmSync(folder, { recursive: true }));

  describe('stream URLs', () => {
    it('are read, the token apart', () => {
      assert.deepEqual(parseStreamUrl('unix:/run/gpu%20a.sock?token=x%20y'), {
        address: { kind: 'unix', path: '/run/gpu a.sock' },
        token: 'x y',
      });
      assert.deepEqual(parseStreamUrl('tcp://[::1]:80').address, { kind: 'tcp', host: '::1', port: 80 });
      assert.deepEqual(parseStreamUrl('tcp:gpu.example:8775').address, {
        kind: 'tcp',
        host: 'gpu.example',
        port: 8775,
      });
      assert.deepEqual(parseStreamUrl('stdio:').address, { kind: 'stdio' });
      assert.deepEqual(parseStreamUrl('stdio:?token=t'), { address: { kind: 'stdio' }, token: 't' });
      assert.deepEqual(parseStreamUrl('stdio:ssh gpu host --listen stdio: --name "a?"'), {
        address: { kind: 'command', command: 'ssh gpu host --listen stdio: --name "a?"' },
        token: '',
      });
    });

    it('of other kinds are refused, without their token', async () => {
      for (const bad of ['unix:', `unix:/${'x'.repeat(107)}`, 'tcp:host', 'tcp::1', 'tcp:a:65536']) {
        const { code, message } = await failure(connect(`${bad}?token=secret`));
        assert.equal(code, 'bad-url', bad);
        assert.ok(!message.includes('secret'));
      }
    });
  });

  describe('stdio:COMMAND', () => {
    it('joins a host that the command is, and ends it with the link', async () => {
      const host = `"${process.execPath}" "${FILE}" host stdio:`;
      const guest = await connect(`stdio:${host}`);
      assert.equal(guest.transport, 'stdio');
      await guest.close();
    });

    it('says how a command ended that is no host', async () => {
      const { code, message } = await failure(connect('stdio:exit 3'));
      assert.equal(code, 'connect-failed');
      assert.match(message, /^'exit 3' ended with code 3 /);
      assert.match((await failure(connect('stdio:true'))).message, /^'true' ended with code 0 before /);
      assert.match((await failure(connect('stdio:kill -9 $$'))).message, /was ended by SIGKILL before /);
      assert.match(
        (await failure(connect('stdio:no-such-command-at-all 2>/dev/null'))).message,
        /no such command/,
      );
      const listening = await failure(listenHere('stdio:cat'));
      assert.equal(listening.code, 'bad-url');
    });
  });

  describe('stream listeners', () => {
    it('make a socket for their user only, and remove it', async () => {
      const path = join(folder, 'a.sock');
      const listener = await listenHere(`unix:${path}`);
      assert.equal(lstatSync(path).mode & 0o777, 0o600);
      assert.match((await failure(listenHere(`unix:${path}`))).message, /already/);
      const guest = await connect(listener.url);
      assert.equal(guest.transport, 'unix');
      const closed = closeOf(guest);
      await listener.close();
      assert.equal(await closed, null);
      assert.ok(!existsSync(path));
      assert.match((await failure(connect(listener.url))).message, /no such socket/);
    });

    it('say that a folder is missing', async () => {
      const { code, message } = await failure(listenHere(`unix:${join(folder, 'none', 'a.sock')}`));
      assert.equal(code, 'listen-failed');
      assert.match(message, /there is no such folder/);
    });

    it('replace the socket of a host that was killed, and nothing else', async () => {
      const path = join(folder, 'b.sock');
      const child = fork(FILE, ['host', `unix:${path}`], { execArgv: [] });
      await once(child, 'message');
      const guest = await connect(`unix:${path}`);
      const closed = closeOf(guest);
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      const error = await closed;
      assert.ok(isTransportError(error) && error.code === 'peer-closed');
      await exited;
      // A guest that the host had removes its socket. One that nobody is left to remove is as a killed host leaves it.
      while (existsSync(path)) await new Promise((resolve) => setImmediate(resolve));
      await leaveDeadSocket(path);
      assert.match((await failure(connect(`unix:${path}`))).message, /nothing listens/);
      const listener = await listenHere(`unix:${path}`);
      await (await connect(listener.url)).close();
      await listener.close();
      writeFileSync(path, 'precious');
      assert.match((await failure(listenHere(`unix:${path}`))).message, /no socket/);
      assert.ok(existsSync(path));
    });

    it('take tokens and judges', async () => {
      const listener = await listenHere('tcp:127.0.0.1:0?token=right');
      assert.match(listener.url, /^tcp:127\.0\.0\.1:\d+$/);
      assert.equal((await failure(connect(listener.url))).code, 'refused');
      await (await connect(`${listener.url}?token=right`)).close();
      await listener.close();
      const judged = await listenHere('tcp:127.0.0.1:0', { authenticate: async (token) => token === 'x' });
      assert.equal((await failure(connect(judged.url, { token: 'y' }))).code, 'refused');
      await (await connect(judged.url, { token: 'x' })).close();
      await judged.close();
    });

    it('end what is no guest', async () => {
      const refused: Error[] = [];
      const listener = await listenHere('tcp:127.0.0.1:0', { onRefused: (error) => refused.push(error) });
      const socket = createConnection(listener.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write('GET / HTTP/1.1\r\nHost: gpu\r\n\r\n');
      socket.resume();
      await once(socket, 'close');
      assert.ok(isTransportError(refused[0]) && refused[0].code === 'bad-frame');
      await listener.close();
    });
  });

  describe('stream links that break', () => {
    it('go on over another TCP connection, nothing lost', async () => {
      const listener = await listenHere('tcp:127.0.0.1:0');
      // A proxy that can be cut.
      const pairs = new Set<Socket>();
      const proxy = createServer((near) => {
        const far = createConnection(listener.port, '127.0.0.1');
        near.pipe(far).pipe(near);
        for (const socket of [near, far]) {
          pairs.add(socket);
          socket
            .on('error', () => {})
            .on('close', () => {
              near.destroy();
              far.destroy();
            });
        }
      }).listen(0, '127.0.0.1');
      await once(proxy, 'listening');
      const { port } = proxy.address() as { port: number };
      const guest = await connect(`tcp:127.0.0.1:${port}`);
      const channel = await guest.open(1);
      const heard: number[] = [];
      let cuts = 0;
      const count = 400;
      await new Promise<void>((resolve) => {
        const payload = new Uint8Array(3000);
        channel.onPacket = ({ idLow }) => {
          heard.push(idLow);
          if (heard.length === count) resolve();
          if (heard.length % 80 === 1) {
            cuts += 1;
            for (const socket of pairs) socket.destroy();
            pairs.clear();
          }
        };
        for (let id = 0; id < count; id += 1) channel.send(PacketKind.inBand, id, 0, 1, payload, 0, 3000);
      });
      assert.deepEqual(
        heard,
        Array.from({ length: count }, (_, id) => id),
      );
      assert.ok(cuts >= 5);
      assert.equal(listener.hosts.length, 1);
      await guest.close();
      proxy.close();
      await listener.close();
    });

    it('listen from a worker where the folder keeps others out, and only there', async () => {
      const code = `
        import { parentPort, workerData } from 'node:worker_threads';
        const { listen } = await import(workerData.module);
        const outcome = await listen(workerData.url, { onBus: () => {} }).then(
          async (listener) => (await listener.close(), 'listened'),
          (error) => error.message,
        );
        parentPort.postMessage(outcome);`;
      const inWorker = async (where: string): Promise<string> => {
        const workerData = {
          url: `unix:${where}/w.sock`,
          module: new URL('../listen.js', import.meta.url).href,
        };
        const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), {
          workerData,
        });
        const [outcome] = (await once(worker, 'message')) as [string];
        await worker.terminate();
        return outcome;
      };
      assert.equal(await inWorker(folder), 'listened');
      const open = join(folder, 'open');
      mkdirSync(open);
      chmodSync(open, 0o755);
      assert.match(await inWorker(open), /from a worker thread: other users reach .*mode 0700$/);
    });

    it('end on both sides when a Unix socket ends without a farewell', async () => {
      const listener = await listenHere(`unix:${join(folder, 'c.sock')}`);
      const child = fork(FILE, ['guest', listener.url], { execArgv: [] });
      await once(child, 'message');
      const closed = closeOf(listener.hosts[0]!);
      child.kill('SIGKILL');
      const error = await closed;
      assert.ok(isTransportError(error) && error.code === 'peer-closed');
      await listener.close();
    });

    it('say that a program cannot be started, or is no host', async () => {
      const missing = await failure(connectToChild('/no/such/program', []));
      assert.equal(missing.code, 'connect-failed');
      assert.match(missing.message, /cannot start/);
      const other = await failure(
        connectToChild(process.execPath, ['-e', 'console.log("hello, world, and so on")']),
      );
      assert.ok(other.code === 'bad-frame' || other.code === 'peer-closed', String(other.code));
    });
  });
}

if (role === 'host') {
  await listenHere(url);
  process.send?.({ listening: true });
} else if (role === 'guest') {
  await connect(url);
  process.send?.({ connected: true });
} else {
  await runTests();
}
