import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { isTransportError } from './errors.ts';
import { outliveFailedAccepts } from './failed-accepts.ts';

describe('a server that may open hardly any more files', () => {
  it('says so once each time, with the way out, and goes on', {
    skip: process.platform !== 'linux',
  }, async () => {
    const taken: Socket[] = [];
    const said: Error[] = [];
    const server = createServer((socket) => taken.push(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const take = async () => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      const [served] = (await once(server, 'connection')) as [Socket];
      return { socket, fd: (served as unknown as { _handle: { fd: number } })._handle.fd };
    };
    const first = await take();
    // As if it were the process's limit: what is open now, and 40 more.
    outliveFailedAccepts(server, (error) => said.push(error), first.fd + 41);
    const sockets = [first.socket];
    const fill = async () => {
      for (let fd = 0; fd < first.fd + 36; ) {
        const { socket, fd: latest } = await take();
        sockets.push(socket);
        fd = latest;
      }
    };
    const empty = async () => {
      for (const socket of [...sockets.splice(0), ...taken.splice(0)]) {
        socket.destroy();
        if (!socket.closed) await once(socket, 'close');
      }
    };
    await fill();
    assert.equal(said.length, 1);
    assert.ok(isTransportError(said[0]) && said[0].code === 'limit');
    assert.match(said[0].message, new RegExp(`${first.fd + 41} files .*ulimit -n`));
    await empty();
    sockets.push((await take()).socket);
    await fill();
    assert.equal(said.length, 2);
    // Nor do errors end the process.
    server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
    assert.equal(said.length, 2);
    server.emit('error', Object.assign(new Error('accept ECONNABORTED'), { code: 'ECONNABORTED' }));
    assert.match(String(said[2]), /ECONNABORTED/);
    await empty();
    server.close();
    await once(server, 'close');
  });
});
