import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, describe, it } from 'node:test';
import { connect } from '../connect.ts';
import { listen } from '../listen.ts';
import { fails } from '../testing/failure.ts';
import type { HostBus } from '../transport.ts';
import { removeDeadSocket, removeForgottenSockets } from './socket-file.ts';

/** What Node makes a server of: a name first, then ears. */
interface PipeBinding {
  readonly Pipe: new (
    type: number,
  ) => { bind(path: string): number; listen(backlog: number): number; close(): void };
  readonly constants: { readonly SERVER: number };
}

const folder = mkdtempSync(join(tmpdir(), 'dxgwire-'));
after(() => rmSync(folder, { recursive: true }));
let count = 0;

function freshPath(): string {
  count += 1;
  return join(folder, `${count}.sock`);
}

const onBus = (host: HostBus) => host.start();
const options = { windowMegabytes: 1, onBus };
const isLinux = process.platform === 'linux';

describe('the file of a Unix socket', () => {
  // The second of two restored the mask that the first had set for both: the process kept it for ever.
  it('is for this user only, and the mask of the process is as it was, however many listen at once', async () => {
    const mask = process.umask(0o027);
    try {
      const paths = [freshPath(), freshPath(), freshPath()];
      const listeners = await Promise.all(paths.map((path) => listen(`unix:${path}`, options)));
      assert.equal(process.umask(), 0o027);
      for (const path of paths) assert.equal(statSync(path).mode & 0o777, 0o600);
      await fails(listen(`unix:${join(folder, 'none/x.sock')}`, options), 'listen-failed', /no such folder/);
      assert.equal(process.umask(), 0o027);
      for (const listener of listeners) await listener.close();
      for (const path of paths) assert.equal(existsSync(path), false);
    } finally {
      process.umask(mask);
    }
  });

  for (const scheme of isLinux ? ['unix', 'shm'] : ['unix']) {
    // A host that was closing removed the file of the one that had taken its place, where the file system had given it
    // the same number.
    it(`of ${scheme}: stays when the host before has said its last farewell`, async () => {
      const path = freshPath();
      const url = `${scheme}:${path}`;
      const before = await listen(url, options);
      const guest = createConnection({ path, allowHalfOpen: true });
      await once(guest, 'connect');
      const closing = before.close();
      const next = await listen(url, options);
      guest.destroy();
      await closing;
      const other = await connect(url);
      await other.close();
      await next.close();
    });
  }

  // A guest that came between the two took the new host's for a dead one's, and removed it: nobody else could come.
  it('stays where it was born and is not listened on yet', async () => {
    const { Pipe, constants } = (process as unknown as { binding(name: string): PipeBinding }).binding(
      'pipe_wrap',
    );
    for (const look of [
      removeDeadSocket,
      async (path: string) => (await listen(`unix:${path}`, options)).close(),
    ]) {
      const path = freshPath();
      const host = new Pipe(constants.SERVER);
      host.bind(path);
      try {
        // The first attempt to connect is made within the call.
        const looked = look(path);
        assert.equal(host.listen(8), 0);
        if (look === removeDeadSocket) await looked;
        else await fails(looked, 'listen-failed', /somebody listens there already/);
        assert.ok(existsSync(path));
      } finally {
        host.close();
      }
    }
  });

  // A host that was killed together with its guests left it for ever: nobody else looked after it.
  it('of a host that nobody misses is removed by the next one of the folder', {
    skip: !isLinux,
  }, async () => {
    const sockets = mkdtempSync(join(folder, 'sockets-'));
    const paths = ['dead.sock', 'alive.sock', 'plain.sock', 'other'].map((name) => join(sockets, name));
    const [dead = '', alive = '', plain = '', other = ''] = paths;
    for (const path of [dead, other]) {
      const server = createServer().listen(join(sockets, 'x'));
      await once(server, 'listening');
      // Closing removes it under the name that it was given.
      renameSync(join(sockets, 'x'), path);
      server.close();
      await once(server, 'close');
    }
    writeFileSync(plain, '');
    let connections = 0;
    const living = createServer(() => {
      connections += 1;
    }).listen(alive);
    await once(living, 'listening');
    await removeForgottenSockets(sockets);
    await removeForgottenSockets(join(sockets, 'none'));
    assert.deepEqual(
      paths.map((path) => existsSync(path)),
      [false, true, true, true],
    );
    assert.equal(connections, 0, 'who lives is not disturbed');
    living.close();
    await once(living, 'close');
  });

  it('is told from what is no socket, which is left alone', async () => {
    const file = freshPath();
    writeFileSync(file, 'mine');
    const nested = freshPath();
    mkdirSync(nested);
    const link = freshPath();
    symlinkSync('/nowhere/at/all', link);
    for (const scheme of isLinux ? ['unix', 'shm'] : ['unix']) {
      for (const path of [file, nested]) {
        await fails(
          listen(`${scheme}:${path}`, options),
          'listen-failed',
          /a file that is no socket is there/,
        );
        await fails(connect(`${scheme}:${path}`), 'connect-failed', /no socket/);
        assert.ok(existsSync(path));
      }
      await fails(listen(`${scheme}:${file}/a`, options), 'listen-failed', /a part of its way is no folder/);
      await fails(connect(`${scheme}:${file}/a`), 'connect-failed', /no such socket/);
      await fails(listen(`${scheme}:${link}`, options), 'listen-failed', /a file that is no socket is there/);
      await fails(connect(`${scheme}:${link}`), 'connect-failed', /no such|no host/);
    }
  });
});
