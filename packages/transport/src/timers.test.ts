import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { runNextTurn } from './timers.ts';

/** What happens in which order around a callback for the next turn, in a thread that has what `setUp` leaves it. */
async function orderIn(setUp: string): Promise<{ order: string[]; exitCode: number }> {
  const worker = new Worker(
    `${setUp}
    import(${JSON.stringify(new URL('timers.js', import.meta.url).href)}).then(({ runNextTurn }) => {
      const { parentPort } = require('node:worker_threads');
      const order = [];
      runNextTurn(() => {
        order.push('first');
        runNextTurn(() => {
          order.push('nested');
          parentPort.postMessage(order);
        });
        Promise.resolve().then(() => order.push('microtask of first'));
      });
      runNextTurn(() => order.push('second'));
      Promise.resolve().then(() => order.push('microtask'));
      order.push('this turn');
    });`,
    { eval: true },
  );
  const exited = once(worker, 'exit');
  const [order] = await once(worker, 'message');
  // Nothing of it keeps the thread alive.
  const [exitCode] = await exited;
  return { order, exitCode };
}

describe('a callback for the next turn', () => {
  const expected = ['this turn', 'microtask', 'first', 'microtask of first', 'second', 'nested'];

  it('comes after this turn and its microtasks, in order', async () => {
    assert.deepEqual(await orderIn(''), { order: expected, exitCode: 0 });
  });

  it('does so where there is no setImmediate, as in browsers', async () => {
    const order = await orderIn('delete globalThis.setImmediate;');
    assert.deepEqual(order, { order: expected, exitCode: 0 });
  });

  it('may be anything that can be called', async () => {
    await new Promise<void>(runNextTurn);
  });
});
