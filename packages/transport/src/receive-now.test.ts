import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { receiveFrom } from './receive-now.ts';

test('receiveFrom refuses what is no socket of the system', () => {
  for (const stream of [null, new PassThrough()])
    assert.throws(() => receiveFrom(stream, 1), { name: 'TransportError', code: 'closed' });
});

test('receiveFrom reads in place of the event loop', { skip: process.platform !== 'linux' }, async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = createConnection((server.address() as AddressInfo).port, '127.0.0.1');
  const [peer] = (await once(server, 'connection')) as [Socket];
  try {
    assert.equal(receiveFrom(client, 1), null, 'nothing has come');
    const sent = Buffer.alloc(100_000, 'four');
    peer.write(sent);
    const pieces: Buffer[] = [];
    for (let length = 0; length < sent.length; ) {
      const piece = receiveFrom(client, 10_000);
      assert.ok(piece !== null);
      assert.notEqual(piece.buffer, pieces.at(-1)?.buffer, 'memory of its own');
      pieces.push(piece);
      length += piece.length;
    }
    assert.deepEqual(Buffer.concat(pieces), sent);
    // At once, of which the client's event loop hears later.
    peer.destroy();
    assert.throws(() => receiveFrom(client, 10_000), { name: 'TransportError', code: 'peer-closed' });
    client.destroy();
    assert.throws(() => receiveFrom(client, 10_000), { name: 'TransportError', code: 'closed' });
  } finally {
    client.destroy();
    server.close();
  }
});
