import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KmtEvent } from './event.ts';
import { makeQueues, type Queues, type Scenario, startScenario } from './testing/scenario.ts';
import type { D3dkmtCalls, KmtResult } from './types.ts';

type Call = (scenario: Scenario & Queues) => Promise<KmtResult> | number;

/** Each call that may be one-way: with a promise, without one, and the message. */
const QUEUED: readonly (readonly [message: string, call: Call, post: Call])[] = [
  [
    'SubmitCommandToHwQueue',
    (s) => s.process.submitCommandToHwQueue({ hwqueue: s.hwQueue, hwqueueProgressFenceId: 1n }),
    (s) => s.process.postSubmitCommandToHwQueue({ hwqueue: s.hwQueue, hwqueueProgressFenceId: 1n }),
  ],
  [
    'SubmitCommand',
    (s) => s.process.submitCommand({ broadcastContext: [s.context] }),
    (s) => s.process.postSubmitCommand({ broadcastContext: [s.context] }),
  ],
  [
    'SignalSyncObject',
    (s) => s.process.signalSynchronizationObject2({ context: s.context, objectArray: [s.fence] }),
    (s) => s.process.postSignalSynchronizationObject2({ context: s.context, objectArray: [s.fence] }),
  ],
  [
    'SignalSyncObject',
    (s) =>
      s.process.signalSynchronizationObjectFromCpu({
        device: s.device,
        objects: [s.fence],
        fenceValues: [1n],
      }),
    (s) =>
      s.process.postSignalSynchronizationObjectFromCpu({
        device: s.device,
        objects: [s.fence],
        fenceValues: [1n],
      }),
  ],
  [
    'SignalSyncObject',
    (s) =>
      s.process.signalSynchronizationObjectFromGpu({
        context: s.context,
        objects: [s.fence],
        monitoredFenceValues: [1n],
      }),
    (s) =>
      s.process.postSignalSynchronizationObjectFromGpu({
        context: s.context,
        objects: [s.fence],
        monitoredFenceValues: [1n],
      }),
  ],
  [
    'SignalSyncObject',
    (s) =>
      s.process.signalSynchronizationObjectFromGpu2({
        contexts: [s.context],
        objects: [s.fence],
        monitoredFenceValues: [1n],
      }),
    (s) =>
      s.process.postSignalSynchronizationObjectFromGpu2({
        contexts: [s.context],
        objects: [s.fence],
        monitoredFenceValues: [1n],
      }),
  ],
  [
    'SignalSyncObject',
    (s) =>
      s.process.submitSignalSyncObjectsToHwQueue({
        hwqueues: [s.hwQueue],
        objects: [s.fence],
        fenceValues: [1n],
      }),
    (s) =>
      s.process.postSubmitSignalSyncObjectsToHwQueue({
        hwqueues: [s.hwQueue],
        objects: [s.fence],
        fenceValues: [1n],
      }),
  ],
  [
    'WaitForSyncObjectFromGpu',
    (s) =>
      s.process.waitForSynchronizationObject2({ context: s.context, objectArray: [s.fence], fenceValue: 1n }),
    (s) =>
      s.process.postWaitForSynchronizationObject2({
        context: s.context,
        objectArray: [s.fence],
        fenceValue: 1n,
      }),
  ],
  [
    'WaitForSyncObjectFromGpu',
    (s) =>
      s.process.waitForSynchronizationObjectFromGpu({
        context: s.context,
        objects: [s.fence],
        monitoredFenceValues: [1n],
      }),
    (s) =>
      s.process.postWaitForSynchronizationObjectFromGpu({
        context: s.context,
        objects: [s.fence],
        monitoredFenceValues: [1n],
      }),
  ],
  [
    'WaitForSyncObjectFromGpu',
    (s) =>
      s.process.submitWaitForSyncObjectsToHwQueue({
        hwqueue: s.hwQueue,
        objects: [s.fence],
        fenceValues: [1n],
      }),
    (s) =>
      s.process.postSubmitWaitForSyncObjectsToHwQueue({
        hwqueue: s.hwQueue,
        objects: [s.fence],
        fenceValues: [1n],
      }),
  ],
];

async function start(asyncMessages: boolean, interfaceVersion = 40) {
  const scenario = await startScenario({ asyncMessages, interfaceVersion });
  return { ...scenario, ...(await makeQueues(scenario)) };
}

test('while messages are asynchronous, queued calls are one-way on the global channel', async () => {
  const scenario = await start(true);
  const { driver, host } = scenario;
  assert.equal(driver.asyncMessages, true);
  for (const [name, call, post] of QUEUED) {
    for (const one of [call, post]) {
      const from = host.sent.length;
      const result = one(scenario);
      const [message, ...more] = host.sent.slice(from);
      assert.deepEqual(more, []);
      assert.equal(message?.name, name);
      assert.deepEqual(
        [message?.channel, message?.id, message?.wantsCompletion, message?.isAsync],
        [1, 0, false, true],
      );
      assert.equal(message?.vgpuLuidLow, 0xabcd00);
      assert.deepEqual(
        typeof result === 'number' ? result : await result,
        typeof result === 'number' ? 0 : { ret: 0 },
      );
    }
  }
  assert.equal(driver.statistics.completionsPending, 0);
});

test('while messages are asynchronous, everything else goes to the global channel too, and is answered', async () => {
  const { device, host, process } = await start(true);
  const from = host.sent.length;
  await process.getDeviceState({ device, stateType: 2 });
  const [message] = host.sent.slice(from);
  assert.deepEqual([message?.channel, message?.isAsync, message?.wantsCompletion], [1, false, true]);
  assert.deepEqual(
    host.sent.filter(({ channel }) => channel === 2).map(({ name }) => name),
    ['OpenAdapter', 'GetInternalAdapterInfo'],
  );
});

test('otherwise queued calls are answered on the channel of the adapter', async () => {
  const scenario = await start(false);
  const { driver, host } = scenario;
  for (const [name, call] of QUEUED) {
    const from = host.sent.length;
    const result = call(scenario);
    const [message] = host.sent.slice(from);
    assert.deepEqual(
      [message?.name, message?.channel, message?.isAsync, message?.wantsCompletion],
      [name, 2, false, true],
    );
    assert.deepEqual(await result, { ret: 0 });
  }
  assert.equal(driver.statistics.completionsPending, 0);
});

test('a posted call that the host refuses is reported afterwards, if anywhere', async () => {
  const scenario = await start(false);
  const { host, process } = scenario;
  const failures: [keyof D3dkmtCalls, number][] = [];
  process.onPostFailure = (call, ret) => failures.push([call, ret]);
  const refuse = () => Uint8Array.of(0x17, 0, 0, 0xc0);
  for (const [name, , post] of QUEUED) {
    host.next(name, refuse);
    assert.equal(post(scenario), 0);
  }
  assert.deepEqual(failures, [], 'no answer yet');
  await Promise.resolve();
  assert.deepEqual(
    failures,
    [
      'submitCommandToHwQueue',
      'submitCommand',
      'signalSynchronizationObject2',
      'signalSynchronizationObjectFromCpu',
      'signalSynchronizationObjectFromGpu',
      'signalSynchronizationObjectFromGpu2',
      'submitSignalSyncObjectsToHwQueue',
      'waitForSynchronizationObject2',
      'waitForSynchronizationObjectFromGpu',
      'submitWaitForSyncObjectsToHwQueue',
    ].map((call) => [call, -12]),
  );
});

test('with version 27 the extended header is left out, of one-way messages too', async () => {
  for (const asyncMessages of [false, true]) {
    const scenario = await start(asyncMessages, 27);
    const { host, hwQueue, process } = scenario;
    process.postSubmitCommandToHwQueue({ hwqueue: hwQueue, hwqueueProgressFenceId: 1n });
    const old = host.last('SubmitCommandToHwQueue').length;
    const current = await start(asyncMessages);
    current.process.postSubmitCommandToHwQueue({ hwqueue: current.hwQueue, hwqueueProgressFenceId: 1n });
    assert.equal(current.host.last('SubmitCommandToHwQueue').length - old, 16);
  }
});

test('calls leave in the order of the calls, whatever is answered when', async () => {
  const scenario = await start(false);
  const { context, device, fence, host, process } = scenario;
  const from = host.sent.length;
  host.next('GetDeviceState', () => null);
  const state = process.getDeviceState({ device, stateType: 2 });
  process.postSignalSynchronizationObjectFromGpu({ context, objects: [fence], monitoredFenceValues: [1n] });
  const signalled = process.signalSynchronizationObjectFromCpu({
    device,
    objects: [fence],
    fenceValues: [2n],
  });
  process.postWaitForSynchronizationObjectFromGpu({ context, objects: [fence], monitoredFenceValues: [3n] });
  assert.deepEqual(host.names(from), [
    'GetDeviceState',
    'SignalSyncObject',
    'SignalSyncObject',
    'WaitForSyncObjectFromGpu',
  ]);
  const ids = host.sent.slice(from).map(({ id }) => id);
  assert.deepEqual(ids, [ids[0]!, ids[0]! + 1, ids[0]! + 2, ids[0]! + 3]);
  assert.equal((await signalled).ret, 0);
  host.complete(host.last('GetDeviceState'), new Uint8Array(60));
  assert.equal((await state).ret, 0);
});

test('a message holds what the arguments were at the call', async () => {
  const { device, fence, host, process } = await start(true);
  const fenceValues = new BigUint64Array([7n]);
  const privDrvData = Uint8Array.of(1, 2, 3);
  process.postSignalSynchronizationObjectFromCpu({ device, objects: [fence], fenceValues });
  fenceValues[0] = 8n;
  process.postSignalSynchronizationObjectFromCpu({ device, objects: [fence], fenceValues });
  privDrvData[0] = 9;
  const values = host.sent
    .filter(({ name }) => name === 'SignalSyncObject')
    .map(({ body }) => Array.from(body['fenceValues'] as BigUint64Array));
  assert.deepEqual(values, [[7n], [8n]]);
});

test('the event of a signal that cannot be sent is forgotten', async () => {
  const scenario = await start(true);
  const { context, driver, process } = scenario;
  const cpuEventHandle = new KmtEvent();
  const before = driver.statistics.eventsRegistered;
  const signal = { contexts: [context], flags: 2, cpuEventHandle };
  assert.equal(process.postSignalSynchronizationObjectFromGpu2(signal), 0);
  assert.equal(driver.statistics.eventsRegistered, before + 1);
  // Too many contexts for a message.
  const tooMany = { ...signal, contexts: new Array<number>(65_536).fill(context) };
  assert.ok(process.postSignalSynchronizationObjectFromGpu2(tooMany) < 0);
  assert.equal(driver.statistics.eventsRegistered, before + 1);
});

test('the event of a signal that the host refuses is forgotten', async () => {
  const scenario = await start(false);
  const { context, driver, host, process } = scenario;
  host.next('SignalSyncObject', () => Uint8Array.of(0x0d, 0, 0, 0xc0));
  const cpuEventHandle = new KmtEvent();
  const refused = await process.signalSynchronizationObject2({ context, flags: 2, cpuEventHandle });
  assert.equal(refused.ret, -22);
  assert.equal(driver.statistics.eventsRegistered, 0);
});
