import assert from 'node:assert/strict';
import { connect as connectSocket } from 'node:net';
import { describe, it } from 'node:test';
import { urlOfRequest } from './address.ts';
import { connectWebSocket, listenWebSocket } from './node.ts';

/** Writes an upgrade request of this target, as any program that reaches the port can, and reads the answer. */
function upgrade(port: number, target: string, headers = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket(port, '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1').on('data', (part: string) => {
      text += part;
      if (text.includes('\r\n\r\n')) socket.end();
    });
    socket.on('error', reject).on('close', () => resolve(text.slice(0, text.indexOf('\r\n'))));
    socket.write(
      `GET ${target} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${headers}\r\n`,
    );
  });
}

describe('WebSocket upgrade requests', () => {
  it('are read whatever their target is', () => {
    assert.equal(urlOfRequest(undefined)?.pathname, '/');
    assert.equal(urlOfRequest('/gpu?token=a%20b')?.searchParams.get('token'), 'a b');
    assert.equal(urlOfRequest('//')?.pathname, '//');
    assert.equal(urlOfRequest('//other/gpu')?.pathname, '//other/gpu');
    assert.equal(urlOfRequest('http://proxied/gpu')?.pathname, '/gpu');
    for (const target of ['*', 'gpu', 'http://', 'http://[', '']) assert.equal(urlOfRequest(target), null);
  });

  it('of no path or of a path like a machine do not end the host', async () => {
    const listener = await listenWebSocket({ port: 0, path: '/gpu', onHostBus: (bus) => bus.start() });
    assert.match(await upgrade(listener.port, '//'), /^HTTP\/1\.1 404 /);
    assert.match(await upgrade(listener.port, '//gpu'), /^HTTP\/1\.1 404 /);
    assert.match(await upgrade(listener.port, 'http://['), /^HTTP\/1\.1 400 /);
    assert.match(await upgrade(listener.port, 'http://x/gpu'), /^HTTP\/1\.1 101 /);
    const guest = await connectWebSocket(listener.url);
    await guest.close();
    await listener.close();
  });

  it('are refused with an origin that is no origin', async () => {
    const listener = await listenWebSocket({ port: 0, onHostBus: (bus) => bus.start() });
    for (const origin of ['null', 'http://', 'http://a b', 'localhost'])
      assert.match(await upgrade(listener.port, '/', `Origin: ${origin}\r\n`), /^HTTP\/1\.1 403 /, origin);
    assert.match(await upgrade(listener.port, '/', 'Origin: http://localhost:1\r\n'), /^HTTP\/1\.1 101 /);
    await listener.close();
  });
});
