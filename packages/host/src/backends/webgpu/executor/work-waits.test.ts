import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ticket } from './context-state.ts';
import { WorkWaits } from './work-waits.ts';

/** A queue whose waits end on command. */
function fakeQueue() {
  const ends: (() => void)[] = [];
  const onSubmittedWorkDone = (): Promise<undefined> =>
    new Promise((resolve) => ends.push(() => resolve(undefined)));
  return { queue: { onSubmittedWorkDone } as unknown as GPUQueue, ends };
}

const turn = (): Promise<void> => new Promise(setImmediate);

test('submissions end in order, behind the work that was given before them', async () => {
  const { queue, ends } = fakeQueue();
  const waits = new WorkWaits(queue);
  const ended: number[] = [];
  const add = (number: number, hasWork: boolean): void =>
    waits.add(new Ticket(() => ended.push(number)), hasWork);
  add(0, false);
  waits.flush();
  assert.deepEqual(ended, [0]);
  add(1, true);
  add(2, false);
  add(3, true);
  waits.flush();
  assert.equal(ends.length, 2);
  await turn();
  assert.deepEqual(ended, [0]);
  ends[0]!();
  await turn();
  assert.deepEqual(ended, [0, 1, 2]);
  ends[1]!();
  await turn();
  assert.deepEqual(ended, [0, 1, 2, 3]);
});

test('quick submissions that come together share a wait', async () => {
  const { queue, ends } = fakeQueue();
  const waits = new WorkWaits(queue);
  let ended = 0;
  const ticket = (): Ticket =>
    new Ticket(() => {
      ended += 1;
    });
  waits.add(ticket(), true);
  ends[0]!();
  await turn();
  assert.equal(ended, 1);
  for (let index = 0; index < 640; index++) waits.add(ticket(), true);
  waits.flush();
  assert.ok(ends.length >= 11 && ends.length <= 641);
  for (const end of ends) end();
  await turn();
  assert.equal(ended, 641);
});
