import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isTransportError } from '../errors.ts';
import { parseSharedMemoryUrl } from '../shared-memory/address.ts';
import { parseWebSocketUrl } from '../websocket/address.ts';
import { parseStreamUrl, streamUrl } from './address.ts';

describe('URLs with a path', () => {
  it('with a % that leads to nothing are refused by name, without their token', () => {
    for (const bad of ['unix:/run/50%.sock', 'unix:///%', 'unix:/%ff', 'shm:%', 'shm:/run/%zz']) {
      const parse = bad.startsWith('shm')
        ? (text: string) => parseSharedMemoryUrl(text, false)
        : parseStreamUrl;
      assert.throws(
        () => parse(`${bad}?token=secret`),
        (error) => {
          assert.ok(isTransportError(error), String(error));
          assert.equal(error.code, 'bad-url');
          assert.ok(error.message.startsWith(`'${bad}'`), error.message);
          assert.ok(!error.message.includes('secret'));
          return true;
        },
      );
    }
  });

  it('may hold any character behind %', () => {
    assert.deepEqual(parseStreamUrl('unix:///run/50%25%20%C3%BC.sock').address, {
      kind: 'unix',
      path: '/run/50% ü.sock',
    });
    assert.deepEqual(parseSharedMemoryUrl('shm:/run/a%20b?token=t', false), {
      path: '/run/a b',
      folder: null,
      token: 't',
    });
  });

  it('have tokens in base64 as they are', () => {
    for (const url of ['tcp:a:1?token=a+b/c==', 'unix:/a?x=1+1&token=a%2Bb/c=='])
      assert.equal(parseStreamUrl(url).token, 'a+b/c==');
    assert.equal(parseSharedMemoryUrl('shm:/a?token=a+b/c==', false).token, 'a+b/c==');
    assert.equal(parseWebSocketUrl('ws://a/?token=a+b/c==').token, 'a+b/c==');
  });

  it('are refused where they hold a NUL character or name no transport', () => {
    assert.throws(() => parseStreamUrl('unix:@gpu'), /'unix:@gpu': .* expected a path; \.\/@gpu is a file/);
    assert.deepEqual(parseStreamUrl('unix:./@gpu').address, { kind: 'unix', path: './@gpu' });
    const shared = [
      'unix:@',
      'unix://@a',
      'unix:%40a',
      'shm:@a',
      'shm:a/b',
      'shm:-x',
      'shm:',
      'shm:/a%00b',
      `shm:/${'x'.repeat(107)}`,
    ];
    for (const bad of ['unix:/a%00b', 'stdio:a\0b', 'tls:x:1', 'x', ...shared]) {
      const parse = bad.startsWith('shm')
        ? (text: string) => parseSharedMemoryUrl(text, false)
        : parseStreamUrl;
      assert.throws(
        () => parse(bad),
        (error) => isTransportError(error) && error.code === 'bad-url',
        bad,
      );
    }
  });
});

describe('stream addresses', () => {
  it('are written as they are read', () => {
    for (const url of ['unix:/run/gpu.sock', 'tcp:gpu:1', 'tcp:[::1]:80', 'stdio:', 'stdio:ssh gpu'])
      assert.equal(streamUrl(parseStreamUrl(url).address), url);
  });

  it('are read as they are written, whatever a path holds, and no shell minds them', () => {
    for (const path of [
      '/a b',
      '/50%',
      '/a%20b',
      '/what?token=x',
      '/#1',
      '//net/x',
      "/it's (1)*!",
      '/ü/𝄞',
      '/"$x;&|<>`\\',
    ]) {
      for (const kind of ['unix', 'device'] as const) {
        const url = streamUrl({ kind, path });
        assert.deepEqual(parseStreamUrl(url), { address: { kind, path }, token: '' }, url);
        assert.match(url, /^[\w\-./:@+=,~%]+$/);
      }
    }
  });
});
