import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ops, StreamWriter } from '@dxgwire/protocol/stream';
import { ContextExecutor } from './context-executor.ts';
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

test('that all answers were sent is said also where a submission ends between the last and its sending', async () => {
  let settleWork!: () => void;
  const work = new Promise<undefined>((resolve) => {
    settleWork = () => resolve(undefined);
  });
  const queue = { onSubmittedWorkDone: () => work };
  const lost = new Promise(() => {});
  const device = { queue, lost, features: [], limits: {}, addEventListener: () => {} };
  let sent = 0;
  const executor = new ContextExecutor({
    requestAdapter: async () => ({ requestDevice: async () => device }) as unknown as GPUAdapter,
    sendReturns: () => {},
    answersSent: () => {
      sent += 1;
    },
    maxMessageUnits: 256,
  });
  const data = {
    allocationBytes: () => -1,
    allocation: 0,
    read: () => new Uint8Array(0),
    target: () => null,
  };
  const submit = async (record: (writer: StreamWriter) => void): Promise<void> => {
    const writer = new StreamWriter();
    record(writer);
    await new Promise<string | null>((resolve) =>
      executor.submit(
        writer.view().slice(),
        data,
        () => data,
        (fault) => resolve(fault),
      ),
    ).then((fault) => assert.equal(fault, null));
  };
  await submit((writer) =>
    ops.createDevice(writer, {
      requestId: 1,
      label: '',
      queueLabel: '',
      requiredFeatures: [],
      requiredLimits: [],
    }),
  );
  await submit((writer) => ops.onSubmittedWorkDone(writer, 2));
  assert.equal(executor.noteAnswers(), true);
  settleWork();
  // Behind the answer, and before it is handed over.
  await work.then(() => executor.noteAnswers());
  await turn();
  assert.equal(sent, 1);
});
