import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KmtDriver, startDriver } from './driver.ts';
import { KmtEvent } from './event.ts';
import { makeQueues, type Queues, type Scenario, startScenario } from './testing/scenario.ts';
import { ScriptedHost } from './testing/scripted-host.ts';
import type { KmtLoss, KmtResult } from './types.ts';

const ENODEV = -19;

async function start(adapters = [{}]): Promise<Scenario & Queues> {
  const scenario = await startScenario({ adapters });
  return { ...scenario, ...(await makeQueues(scenario)) };
}

/** One of each kind of waiting: answers that do not come, and events. */
async function waiting({ context, device, driver, fence, host, process, hwQueue }: Scenario & Queues) {
  const wait = { device, objects: [fence], fenceValues: [1n] };
  const asyncEvent = new KmtEvent();
  await process.waitForSynchronizationObjectFromCpu({ ...wait, asyncEvent });
  const { syncFileHandle } = await process.createSyncFile({ device, monitoredFence: fence, fenceValue: 1n });
  assert.ok(syncFileHandle >= 1000);
  const blocked = process.waitForSynchronizationObjectFromCpu(wait);
  await new Promise((resolve) => setImmediate(resolve));
  for (const name of [
    'GetDeviceState',
    'Lock2',
    'DestroyContext',
    'SubmitCommandToHwQueue',
    'CreateDevice',
  ]) {
    host.on(name, () => null);
  }
  const failures: string[] = [];
  process.onPostFailure = (call, ret) => failures.push(`${call} ${ret}`);
  process.postSubmitCommandToHwQueue({ hwqueue: hwQueue, hwqueueProgressFenceId: 1n });
  const pending: Promise<KmtResult>[] = [
    blocked,
    process.getDeviceState({ device, stateType: 2 }),
    process.destroyContext({ context }),
    process.submitCommandToHwQueue({ hwqueue: hwQueue, hwqueueProgressFenceId: 1n }),
  ];
  const eventEnd = asyncEvent.wait().then(
    () => 'signalled',
    (error) => error.code as string,
  );
  assert.ok(driver.statistics.completionsPending > 0);
  return { pending, failures, eventEnd };
}

const WAYS: readonly (readonly [
  name: string,
  loss: KmtLoss,
  cut: (scenario: Scenario) => void | Promise<void>,
])[] = [
  ['the host takes back the channel of the adapter', 'channel-rescinded', ({ host }) => host.rescind(2)],
  ['the host takes back the global channel', 'channel-rescinded', ({ host }) => host.rescind(1)],
  ['the bus is closed', 'bus-closed', ({ host }) => host.close()],
  ['the bus fails', 'bus-failed', ({ host }) => host.abort(new Error('cut'))],
  ['the driver is removed', 'driver-removed', ({ driver }) => driver.close()],
];

for (const [name, loss, cut] of WAYS) {
  test(`${name}: everything that waits ends once, and calls to come are refused`, async () => {
    const scenario = await start();
    const { adapter, device, driver, fence, host, process } = scenario;
    const { eventEnd, failures, pending } = await waiting(scenario);
    const from = host.sent.length;
    await cut(scenario);
    const results = await Promise.all(pending);
    const accepted: readonly (string | undefined)[] = [loss, 'channel-closed', 'channel-failed'];
    for (const { lost, ret } of results) {
      assert.equal(ret, ENODEV);
      assert.ok(accepted.includes(lost), lost);
    }
    assert.ok(accepted.includes(await eventEnd));
    assert.deepEqual(failures, ['submitCommandToHwQueue -19']);
    assert.equal(driver.statistics.completionsPending, 0);
    assert.equal(driver.statistics.eventsRegistered, 0);
    const refused = await process.getDeviceState({ device, stateType: 2 });
    assert.equal(refused.ret, ENODEV);
    assert.ok(accepted.includes(refused.lost), refused.lost);
    assert.equal((await process.createDevice({ adapter })).ret, ENODEV);
    assert.equal((await process.lock2({ device, allocation: scenario.allocation })).ret, ENODEV);
    const signal = { device, objects: [fence], fenceValues: [2n] };
    assert.equal(process.postSignalSynchronizationObjectFromCpu(signal), ENODEV);
    assert.equal((await process.enumAdapters3({ adapterCount: 4 })).adapters.length, 0);
    assert.deepEqual(await process.closeDevice(), { ret: 0 });
    const after = host.names(from);
    const expected = name === 'the driver is removed' ? ['CloseAdapter'] : [];
    // The end of a process still reaches a host that only lost one adapter's channel.
    if (host.happened.includes('close 2') && driver.loss === null) expected.push('DestroyProcess');
    assert.deepEqual(after, expected);
  });
}

test('losing one adapter leaves the others alone', async () => {
  const scenario = await start([{}, {}]);
  const { driver, host, process } = scenario;
  const { adapters } = await process.enumAdapters3({ adapterCount: 4 });
  assert.equal(adapters.length, 2);
  const other = adapters[1]!.adapterHandle;
  const changed: string[] = [];
  driver.onAdapterChange = ({ state }) => changed.push(state);
  host.rescind(2);
  assert.equal(driver.loss, null);
  const { device, ret } = await process.createDevice({ adapter: other });
  assert.equal(ret, 0);
  assert.equal((await process.getDeviceState({ device, stateType: 2 })).ret, 0);
  assert.deepEqual(
    driver.adapterSummaries().map(({ state }) => state),
    ['stopped', 'active'],
  );
  assert.equal((await process.enumAdapters3({ adapterCount: 4 })).adapters.length, 1);
});

test('the driver says once that it is lost, after everything else has settled', async () => {
  const scenario = await start();
  const { device, driver, host, process } = scenario;
  const seen: string[] = [];
  driver.onLost = (loss) => seen.push(`lost ${loss}, ${driver.statistics.completionsPending} pending`);
  host.on('GetDeviceState', () => null);
  const pending = process.getDeviceState({ device, stateType: 2 });
  host.rescind(1);
  host.abort(new Error('cut'));
  await host.close();
  assert.equal((await pending).lost, 'channel-rescinded');
  assert.deepEqual(seen, ['lost channel-rescinded, 0 pending']);
  assert.equal(driver.loss, 'channel-rescinded');
});

test('late answers after a loss are ignored', async () => {
  const scenario = await start();
  const { device, host, process } = scenario;
  host.on('GetDeviceState', () => null);
  const pending = process.getDeviceState({ device, stateType: 2 });
  const message = host.last('GetDeviceState');
  host.rescind(2);
  host.complete(message, new Uint8Array(60));
  assert.equal((await pending).ret, ENODEV);
});

test('a process cannot be opened on a driver that is lost', async () => {
  const { driver, host } = await start();
  host.rescind(1);
  await assert.rejects(driver.openDevice(), { call: 'OpenDevice', ret: -9, lost: 'channel-rescinded' });
});

test('a bus that ends during bring-up settles it', async () => {
  for (const name of ['SetIoSpaceRegion', 'OpenAdapter', 'GetInternalAdapterInfo']) {
    const host = new ScriptedHost();
    host.on(name, () => null);
    const starting = startDriver(host);
    await new Promise((resolve) => setImmediate(resolve));
    host.abort(new Error('cut'));
    const driver = await starting;
    assert.notEqual(driver.loss, null, name);
    await assert.rejects(driver.openDevice());
    assert.ok(driver.adapterSummaries().every(({ state }) => state === 'stopped' || state === 'waiting'));
  }
});

test('removal does not wait for a host that is silent, if told so', async () => {
  const { device, driver, host, process } = await start();
  host.on('CloseAdapter', () => null);
  host.on('GetDeviceState', () => null);
  const pending = process.getDeviceState({ device, stateType: 2 });
  const controller = new AbortController();
  const closing = driver.close({ interrupt: controller.signal });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(driver.loss, null);
  controller.abort();
  await closing;
  assert.deepEqual(await pending, {
    ret: ENODEV,
    lost: 'driver-removed',
    state: new Uint8Array(48),
    executionState: 0,
  });
  assert.deepEqual(host.happened.slice(-2), ['close 1', 'close 2']);
});

test('removal during a bring-up that hangs ends it', async () => {
  const host = new ScriptedHost();
  host.on('SetIoSpaceRegion', () => null);
  const driver = new KmtDriver(host, {});
  const controller = new AbortController();
  setImmediate(() => controller.abort());
  await driver.close({ interrupt: controller.signal });
  assert.equal(driver.loss, 'driver-removed');
  assert.deepEqual(host.happened.slice(-1), ['close 1']);
});

test('a lost adapter gives up the pages of its devices', async () => {
  const { device, driver, host, process } = await start();
  const sysmem = { block: driver.bus.memory.allocate(4096), offset: 0, length: 4096 };
  await process.createAllocation({ device, allocationInfo: [{ sysmem }] });
  assert.equal(driver.statistics.pinnedPages, 1);
  host.rescind(2);
  assert.equal(driver.statistics.pinnedPages, 0);
});
