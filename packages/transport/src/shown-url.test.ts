import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connect } from './connect.ts';
import { isTransportError } from './errors.ts';
import { listen } from './listen.ts';
import { shownUrl } from './shown-url.ts';

describe('a URL in errors', () => {
  it('has no query, no name and no password', () => {
    assert.equal(shownUrl('ws://a.example/gpu?token=secret#x'), 'ws://a.example/gpu');
    assert.equal(shownUrl('wss://me:secret@a.example:1/'), 'wss://a.example:1/');
    assert.equal(shownUrl('ws://me:se@cret@a.example'), 'ws://a.example');
    assert.equal(shownUrl('unix:/run/a@b.sock?token=s'), 'unix:/run/a@b.sock');
    assert.equal(shownUrl('secret?\nsecret'), 'secret');
  });

  // Those that are no URL were shown as they stood.
  it('keeps the secret whatever is wrong with it', async () => {
    const urls = [
      'ws://127.0.0.1:99999/?token=secret',
      'ws://me:secret@[::1/',
      'ws://me:secret@127.0.0.1:9/',
      'ws:///?token=secret',
      'gopher://me:secret@127.0.0.1/?token=secret',
      '127.0.0.1:8774?token=secret',
      'tcp:127.0.0.1?token=secret',
      'unix:?token=secret',
      'shm:?token=secret',
      'device:?token=secret',
      'wss://me:secret@127.0.0.1:0?token=secret',
    ];
    const isQuiet = (error: unknown) => {
      assert.ok(isTransportError(error), String(error));
      assert.doesNotMatch(error.message, /secret/);
      return true;
    };
    for (const url of urls) {
      await assert.rejects(connect(url), isQuiet, url);
      if (!url.includes('@127.0.0.1:9/'))
        await assert.rejects(listen(url, { onBus: () => {} }), isQuiet, url);
    }
    const tls = { cert: '', key: '' };
    await assert.rejects(
      listen('ws://me:secret@127.0.0.1:0?token=secret', { tls, onBus: () => {} }),
      isQuiet,
    );
  });
});
