import assert from 'node:assert/strict';
import { constants } from 'node:buffer';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { connect } from '../connect.ts';
import { isTransportError, type TransportErrorCode } from '../errors.ts';
import { listen } from '../listen.ts';
import { fails } from '../testing/failure.ts';
import type { HostBus } from '../transport.ts';
import { parseSharedMemoryUrl } from './address.ts';
import { createMemoryFile, openMemoryFile } from './memory-file.ts';
import { nativeMemory } from './native.ts';
import { encodeMessage, WireDecoder } from './wire.ts';

const folder = mkdtempSync(join(tmpdir(), 'dxgwire-'));
after(() => rmSync(folder, { recursive: true }));
let count = 0;

function freshPath(): string {
  count += 1;
  return join(folder, `${count}.sock`);
}

function is(error: unknown, code: TransportErrorCode, pattern: RegExp): true {
  assert.ok(isTransportError(error), String(error));
  assert.equal(error.code, code);
  assert.match(error.message, pattern);
  return true;
}

/** Memory files of this process that are open. */
function memoryFiles(): number {
  return readdirSync('/proc/self/fd').filter((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`).includes('memfd:dxgwire');
    } catch {
      return false;
    }
  }).length;
}

/** Memory files that this process has mapped. */
function mappings(): number {
  return readFileSync('/proc/self/maps', 'utf8').split('memfd:dxgwire').length - 1;
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A listener that is no host: what it says to a guest is up to the test. */
async function strangeHost(onGuest: (socket: Socket) => void) {
  const path = freshPath();
  const server = createServer((socket) => {
    socket.on('error', () => {}).resume();
    onGuest(socket);
  }).listen(path);
  await once(server, 'listening');
  return { url: `shm:${path}`, close: () => new Promise<void>((resolve) => server.close(() => resolve())) };
}

/** A socket to a host, and what the host has said on it once it ended. */
async function strangeGuest(url: string, ...messages: unknown[]) {
  const said: unknown[] = [];
  const decoder = new WireDecoder(
    () => {},
    (message) => said.push(message),
  );
  const socket = createConnection(url.slice('shm:'.length));
  socket.on('error', () => {}).on('data', (bytes) => decoder.push(bytes));
  for (const message of messages) socket.write(encodeMessage(message));
  await once(socket, 'close');
  return said;
}

const start = (host: HostBus) => host.start();
const HELLO = { type: 'hello', version: 1, token: '', name: 'guest' };

const isLinux = process.platform === 'linux';

describe('a memory file', { skip: !isLinux }, () => {
  // The file that had been made stayed open once.
  it('that cannot be made leaves nothing open', () => {
    const before = memoryFiles();
    for (const length of [2 ** 53, 1.5, 0, Number.NaN])
      assert.throws(
        () => createMemoryFile(length),
        (error) => is(error, 'no-memory', new RegExp(`cannot make ${length} bytes of shared memory`)),
        `${length}`,
      );
    assert.equal(memoryFiles(), before);
  });

  it('is opened only where it is the file that was named, as long as was said', async () => {
    const before = memoryFiles();
    const file = createMemoryFile(8192);
    const { path, inode, lengthBytes } = file;
    for (const [change, pattern] of [
      [{ inode: inode + 1 }, /it is file \d+ of 8192 bytes, not/],
      [{ lengthBytes: 4096 }, /of 8192 bytes, not \d+ of 4096\. Do both run as the same user/],
      [{ path: '/proc/self/fd/nothing' }, /cannot map the host's memory \/proc\/self\/fd\/nothing: ENOENT/],
    ] as const)
      assert.throws(
        () => openMemoryFile({ path, inode, lengthBytes, ...change }),
        (error) => is(error, 'connect-failed', pattern),
      );
    // An ordinary file could be cut short, which would end whoever has it mapped, and is nobody's to give.
    const plain = join(folder, 'plain');
    writeFileSync(plain, new Uint8Array(8192));
    assert.throws(
      () => openMemoryFile({ path: plain, inode: statSync(plain).ino, lengthBytes }),
      (error) => is(error, 'connect-failed', /its size is not sealed/),
    );
    const other = openMemoryFile({ path, inode, lengthBytes });
    file.bytes[5] = 77;
    assert.equal(other.bytes[5], 77);
    for (const each of [other, file, other, file]) each.close();
    await nextTurn();
    await nextTurn();
    assert.equal(memoryFiles(), before);
  });
});

describe('a guest of shared memory', { skip: !isLinux }, () => {
  it('speaks packed commands only', async () => {
    await fails(
      connect('shm:gpu', { codecs: ['protobuf'] }),
      'unsupported',
      /packed form only, not as protobuf/,
    );
  });

  it('does not wait for ever for a host that says nothing', async () => {
    const host = await strangeHost(() => {});
    await fails(connect(host.url, { connectTimeoutMs: 30 }), 'time-out', /not answer within 0.03 s/);
    await host.close();
  });

  it('hears why it was refused, and ends a host that says what cannot be', async () => {
    const file = { path: '/dev/null', inode: 1, lengthBytes: 4096 };
    const cases: [unknown, TransportErrorCode, RegExp][] = [
      [{ type: 'refused', code: 'limit', reason: 'too many' }, 'limit', /too many/],
      [{ type: 'started' }, 'bad-frame', /started before welcome/],
      [{ type: 'welcome', ram: file, window: file, heartbeatMs: 0 }, 'connect-failed', /cannot map .*null/],
      [{ type: 'welcome', ram: file, window: 7, heartbeatMs: 0 }, 'bad-frame', /./],
    ];
    for (const [message, code, pattern] of cases) {
      const host = await strangeHost((socket) => socket.write(encodeMessage(message)));
      await fails(connect(host.url), code, pattern);
      await host.close();
    }
  });

  // A name in a folder of everybody's may be anybody's: the token went to whoever had taken it.
  it('says nothing to a process of another user', { skip: process.getuid?.() !== 0 }, async () => {
    const open = mkdtempSync(join(tmpdir(), 'dxgwire-'));
    try {
      chmodSync(open, 0o777);
      const path = join(open, 'gpu.sock');
      const program = `
        const server = require('node:net').createServer((socket) => {
          socket.on('data', () => process.stdout.write('heard'));
          socket.on('end', () => process.exit());
        });
        server.listen({ path: ${JSON.stringify(path)}, writableAll: true }, () => process.stdout.write('listening'));`;
      const child = spawn(process.execPath, ['-e', program], {
        uid: 65_534,
        gid: 65_534,
        cwd: '/',
        // It may not write where this process collects its coverage, which spawn would add.
        env: { NODE_V8_COVERAGE: '' },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
      const ended = once(child, 'close');
      while (said === '') await once(child.stdout, 'data');
      await fails(
        connect(`shm:${path}`, { token: 'secret' }),
        'connect-failed',
        /its host runs as user 65534, this process as 0; use unix: or tcp:/,
      );
      await ended;
      assert.equal(said, 'listening');
    } finally {
      rmSync(open, { recursive: true });
    }
  });

  it('is told that its host went before it had started', async () => {
    const memory = [createMemoryFile(1 << 20), createMemoryFile(1 << 20)] as const;
    const [ram, window] = memory.map(({ path, inode, lengthBytes }) => ({ path, inode, lengthBytes }));
    const host = await strangeHost((socket) => {
      socket.write(encodeMessage({ type: 'welcome', ram, window, heartbeatMs: 0 }));
      socket.write(encodeMessage({ type: 'end', reason: null }));
    });
    await fails(connect(host.url), 'peer-closed', /ended the bus before it started/);
    await host.close();
    for (const file of memory) file.close();
    await nextTurn();
    await nextTurn();
    assert.equal(memoryFiles(), 0);
  });

  // It said that the host had ended the bus, and not why.
  it('hears why it was refused also when it has mapped the memory', async () => {
    const memory = [createMemoryFile(1 << 20), createMemoryFile(1 << 20)] as const;
    const [ram, window] = memory.map(({ path, inode, lengthBytes }) => ({ path, inode, lengthBytes }));
    const host = await strangeHost((socket) => {
      socket.write(encodeMessage({ type: 'welcome', ram, window, heartbeatMs: 0 }));
      socket.write(encodeMessage({ type: 'refused', code: 'closed', reason: 'stopped listening' }));
    });
    await fails(connect(host.url), 'peer-closed', /stopped listening/);
    await host.close();
    for (const file of memory) file.close();
    await nextTurn();
    await nextTurn();
  });

  it('outlives a host whose memory is more than one ArrayBuffer', async () => {
    const lengthBytes = constants.MAX_LENGTH + 4096;
    const fileDescriptor = nativeMemory().createFile(lengthBytes);
    const path = `/proc/self/fd/${fileDescriptor}`;
    const ram = { path, inode: fstatSync(fileDescriptor).ino, lengthBytes };
    const host = await strangeHost((socket) => {
      socket.write(encodeMessage({ type: 'welcome', ram, window: ram, heartbeatMs: 0 }));
    });
    await fails(connect(host.url), 'connect-failed', /maps at most \d+ bytes in one piece/);
    await host.close();
    closeSync(fileDescriptor);
  });

  // Both mappings stayed for good.
  it('lets go of memory in which no device window can be', async () => {
    const memory = [createMemoryFile(1 << 20), createMemoryFile(12_345)] as const;
    const [ram, window] = memory.map(({ path, inode, lengthBytes }) => ({ path, inode, lengthBytes }));
    const host = await strangeHost((socket) => {
      socket.write(encodeMessage({ type: 'welcome', ram, window, heartbeatMs: 0 }));
    });
    const before = mappings();
    await fails(connect(host.url), 'out-of-range', /aligned to 8 bytes/);
    await host.close();
    await nextTurn();
    await nextTurn();
    assert.equal(mappings(), before);
    for (const file of memory) file.close();
    await nextTurn();
    await nextTurn();
  });

  it('keeps its process alive, or not, as it says', async () => {
    const listener = await listen(`shm:${freshPath()}`, { windowMegabytes: 1, onBus: start });
    const guest = await connect(listener.url);
    const refs = () => process.getActiveResourcesInfo().filter((name) => name === 'PipeWrap').length;
    const held = refs();
    guest.unref?.();
    assert.equal(refs(), held - 1);
    guest.ref?.();
    assert.equal(refs(), held);
    await guest.close();
    await listener.close();
  });
});

describe('a host of shared memory', { skip: !isLinux }, () => {
  it('refuses readably, on both sides', async () => {
    const refused: (Error | undefined)[] = [];
    const options = {
      windowMegabytes: 1,
      onBus: () => assert.fail('let in'),
      onRefused: (error: Error) => refused.push(error),
    };
    const cases: [object, unknown[], string, RegExp][] = [
      [{}, [{ ...HELLO, version: 9 }], 'version-mismatch', /speaks version 9, this host 1/],
      [{ token: 'right' }, [HELLO], 'refused', /a token is needed/],
      [{ token: 'right' }, [{ ...HELLO, token: 'wrong' }], 'refused', /the token is not valid/],
      [{ authenticate: () => Promise.reject(new Error('no judge')) }, [HELLO], 'refused', /no judge/],
      [{ handshakeTimeoutMs: 20 }, [], 'time-out', /no hello within 0.02 s/],
    ];
    for (const [change, messages, code, pattern] of cases) {
      refused.length = 0;
      const listener = await listen(`shm:${freshPath()}`, { ...options, ...change });
      const [message, ...more] = (await strangeGuest(listener.url, ...messages)) as [
        { type: string; code: string; reason: string },
      ];
      assert.deepEqual([message.type, message.code, more.length], ['refused', code, 0]);
      assert.match(message.reason, pattern);
      assert.equal(refused.length, 1);
      is(refused[0], code as TransportErrorCode, pattern);
      await listener.close();
    }
    await nextTurn();
    assert.equal(memoryFiles(), 0);
  });

  it('lets in only so many guests, and ends one that is on its way when it stops listening', async () => {
    const listener = await listen(`shm:${freshPath()}`, { windowMegabytes: 1, maxGuests: 1, onBus: start });
    const guest = await connect(listener.url);
    await fails(connect(listener.url), 'refused', /as many guests as it may: 1/);
    await guest.close();
    // One that has been welcomed and never maps its memory.
    const socket = createConnection(listener.url.slice('shm:'.length));
    const said: { type: string; code?: string; reason?: string }[] = [];
    const decoder = new WireDecoder(
      () => {},
      (message) => said.push(message as { type: string }),
    );
    socket.on('data', (bytes) => decoder.push(bytes));
    socket.write(encodeMessage(HELLO));
    while (said.length === 0) await once(socket, 'data');
    const closed = once(socket, 'close');
    await listener.close();
    await closed;
    assert.deepEqual(
      said.map(({ type }) => type),
      ['welcome', 'refused'],
    );
    assert.deepEqual(said[1], { type: 'refused', code: 'closed', reason: 'this host has stopped listening' });
    await nextTurn();
    assert.equal(memoryFiles(), 0);
  });
});

describe('the name of shared memory', () => {
  it('stands for a socket in a folder of this user alone', () => {
    const runtime = process.env['XDG_RUNTIME_DIR'];
    try {
      process.env['XDG_RUNTIME_DIR'] = join(folder, 'run');
      assert.equal(parseSharedMemoryUrl('shm:gpu', false).path, join(folder, 'run/dxgwire/gpu.sock'));
      mkdirSync(join(folder, 'run'));
      assert.deepEqual(parseSharedMemoryUrl('shm:gpu?token=t', true), {
        path: join(folder, 'run/dxgwire/gpu.sock'),
        folder: join(folder, 'run/dxgwire'),
        token: 't',
      });
      chmodSync(join(folder, 'run/dxgwire'), 0o755);
      for (const [isHost, code] of [
        [true, 'listen-failed'],
        [false, 'connect-failed'],
      ] as const)
        assert.throws(
          () => parseSharedMemoryUrl('shm:gpu', isHost),
          (error) => is(error, code, /dxgwire is not a folder of this user alone/),
        );
      writeFileSync(join(folder, 'file'), '');
      process.env['XDG_RUNTIME_DIR'] = join(folder, 'file');
      assert.throws(
        () => parseSharedMemoryUrl('shm:gpu', true),
        (error) => is(error, 'listen-failed', /cannot make the folder .*file\/dxgwire: /),
      );
      assert.throws(
        () => parseSharedMemoryUrl('shm:gpu', false),
        (error) => is(error, 'connect-failed', /cannot use the folder .*file\/dxgwire: /),
      );
    } finally {
      if (runtime === undefined) delete process.env['XDG_RUNTIME_DIR'];
      else process.env['XDG_RUNTIME_DIR'] = runtime;
    }
  });

  it('is short and plain', () => {
    for (const url of ['shm:', 'shm:.hidden', 'shm:a/b', `shm:${'x'.repeat(42)}`, 'shm:a b'])
      assert.throws(
        () => parseSharedMemoryUrl(`${url}?token=secret`, true),
        (error) => is(error, 'bad-url', /expected a short name/) && !String(error).includes('secret'),
      );
  });
});
