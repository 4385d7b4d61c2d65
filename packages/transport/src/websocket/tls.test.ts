import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import process from 'node:process';
import { describe, it } from 'node:test';
import { connect } from '../connect.ts';
import { isTransportError } from '../errors.ts';
import { listen } from '../listen.ts';
import { failure } from '../testing/failure.ts';

/** A certificate for localhost and its key, made for this test; they protect nothing. */
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgA16biORghltK0qTq
euj4I9KITGI63eJ9BoVrj+TgGbGhRANCAARA53NkORfFeBCb8Ftv/Dd5xNSD9xPA
1OFx3auKr/g5vOlxWqFPJaSXh4MdcoI/t2/aGPMj4YS90WHjoiBjBat/
-----END PRIVATE KEY-----`;
const cert = `-----BEGIN CERTIFICATE-----
MIIBaDCCAQ2gAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv
c3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABEDnc2Q5F8V4EJvw
W2/8N3nE1IP3E8DU4XHdq4qv+Dm86XFaoU8lpJeHgx1ygj+3b9oY8yPhhL3RYeOi
IGMFq3+jTjBMMA8GA1UdEwEB/wQFMAMBAf8wGgYDVR0RBBMwEYIJbG9jYWxob3N0
hwR/AAABMB0GA1UdDgQWBBSLdwXzilIwSHAwcm54Z22HuPrYGTAKBggqhkjOPQQD
AgNJADBGAiEAxO1BTNdvL1AA/Sx3yMk4pG0OMiDqX6UMOXG075cGHcYCIQD8UcxU
X6eFF2ADJ34kiJHbGz70G6CHPVB9QWLrNim5Fw==
-----END CERTIFICATE-----`;

describe('WebSocket over TLS', () => {
  it('connects where the certificate is trusted, and says so where it is not', async () => {
    const listener = await listen('wss://127.0.0.1:0', { tls: { cert, key }, onBus: (host) => host.start() });
    assert.match(listener.url, /^wss:/);
    const guest = await connect(listener.url, { ca: cert });
    await guest.close();
    await assert.rejects(
      connect(listener.url),
      (error) =>
        isTransportError(error) &&
        error.code === 'connect-failed' &&
        /certificate is not trusted .*NODE_EXTRA_CA_CERTS/.test(error.message),
    );
    await assert.rejects(
      connect(listener.url.replace('wss:', 'ws:')),
      (error) => isTransportError(error) && error.code === 'connect-failed' && /wss:\?/.test(error.message),
    );
    await listener.close();
    const plain = await listen('ws://127.0.0.1:0', { onBus: (host) => host.start() });
    await assert.rejects(
      connect(plain.url.replace('ws:', 'wss:')),
      (error) => isTransportError(error) && error.code === 'connect-failed' && / ws:\?/.test(error.message),
    );
    await plain.close();
  });

  it('says what is wrong with a certificate or its key before anybody comes', async () => {
    const otherKey = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    }).privateKey;
    for (const [tls, expected] of [
      [{ cert: '', key: '' }, /the certificate has no line -----BEGIN CERTIFICATE-----/],
      [{ cert: '/etc/host.pem', key }, /not its name/],
      [{ cert, key: cert }, /the key has no line -----BEGIN PRIVATE KEY-----/],
      [{ cert, key: otherKey }, /the key is not that of the certificate/],
      [{ cert: cert.replace('MIIB', 'AAAA'), key }, /cannot be read/],
    ] as const) {
      const error = await failure(listen('wss://127.0.0.1:0', { tls, onBus: () => {} }));
      assert.equal(error.code, 'listen-failed');
      assert.match(error.message, expected);
    }
  });

  it('says what is wrong with an authority before it connects', async () => {
    for (const [ca, expected] of [
      ['', /`ca` has no line -----BEGIN CERTIFICATE-----\. Give what the file holds/],
      ['/etc/ca.pem', /not its name/],
      [Buffer.from(key), /has no line/],
      [cert.replace('MIIB', 'AAAA'), /certificate 1 of `ca` cannot be read/],
      [`# two\n${cert}\n${cert.slice(0, 200)}`, /certificate 2 of `ca` cannot be read/],
    ] as const) {
      // Nobody listens there.
      const error = await failure(connect('wss://127.0.0.1:1', { ca }));
      assert.equal(error.code, 'connect-failed');
      assert.match(error.message, expected);
    }
  });

  it('says so where a certificate is for another name', { skip: process.platform !== 'linux' }, async () => {
    const listener = await listen('wss://127.0.0.2:0', { tls: { cert, key }, onBus: (host) => host.start() });
    const error = await failure(connect(listener.url, { ca: cert }));
    assert.equal(error.code, 'connect-failed');
    assert.match(error.message, /does not match .*\. Connect by a name that it has/);
    await listener.close();
  });
});
