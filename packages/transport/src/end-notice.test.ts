import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EndNotice } from './end-notice.ts';

describe('the notice of an end', () => {
  function create() {
    const deferred: (() => void)[] = [];
    const heard: unknown[] = [];
    const notice = new EndNotice((callback) => deferred.push(callback));
    const run = () => {
      for (const callback of deferred.splice(0)) callback();
    };
    return { notice, heard, run };
  }

  it('reaches the handler at once', () => {
    const { notice, heard, run } = create();
    const error = new Error('why');
    notice.handler = (cause) => heard.push(cause);
    notice.tell(error);
    run();
    assert.deepEqual(heard, [error]);
  });

  it('waits for a handler, and never comes twice', () => {
    const { notice, heard, run } = create();
    notice.tell(new Error('why'));
    run();
    notice.handler = null;
    const handler = (cause: Error | null): void => {
      heard.push(cause);
    };
    notice.handler = handler;
    assert.equal(heard.length, 0);
    assert.equal(notice.handler, handler);
    run();
    assert.deepEqual(heard.map(String), ['Error: why']);
    notice.handler = (cause) => heard.push(cause);
    run();
    assert.deepEqual(heard.map(String), ['Error: why']);
  });
});
