import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NtStatus } from '@dxgwire/protocol';
import { EventLostError, KmtEvent } from './event.ts';
import { makeQueues, startScenario } from './testing/scenario.ts';

const COOKIE = 0x6478_6777_6972_6531n;
const PASSIVE = 3;

async function start() {
  const scenario = await startScenario();
  return { ...scenario, ...(await makeQueues(scenario)) };
}

test('event ids begin at 2 and are never used again, not across processes either', async () => {
  const { device, driver, fence, host, process } = await start();
  const wait = { objects: [fence], fenceValues: [1n] };
  await process.waitForSynchronizationObjectFromCpu({ device, ...wait, asyncEvent: new KmtEvent() });
  assert.equal(host.last('WaitForSyncObjectFromCpu').body['guestEventPointer'], 2n);
  host.next('WaitForSyncObjectFromCpu', () => ({ status: NtStatus.invalidParameter }));
  await process.waitForSynchronizationObjectFromCpu({ device, ...wait, asyncEvent: new KmtEvent() });
  const other = await driver.openDevice();
  const { adapters } = await other.enumAdapters3({ adapterCount: 1 });
  const { device: second } = await other.createDevice({ adapter: adapters[0]!.adapterHandle });
  await other.waitForSynchronizationObjectFromCpu({ device: second, ...wait, asyncEvent: new KmtEvent() });
  assert.equal(host.last('WaitForSyncObjectFromCpu').body['guestEventPointer'], 4n);
  assert.equal(driver.statistics.eventsRegistered, 2, 'the refused one is forgotten');
});

test('an event is signalled once; signals that nobody waits for are ignored', async () => {
  const { device, driver, fence, host, process } = await start();
  const asyncEvent = new KmtEvent();
  await process.waitForSynchronizationObjectFromCpu({
    device,
    objects: [fence],
    fenceValues: [1n],
    asyncEvent,
  });
  for (const id of [1n, 3n, 0n, 0x1_0000_0002n]) host.signalEvent(id);
  assert.equal(asyncEvent.count, 0);
  host.signalEvent(2n, PASSIVE);
  host.signalEvent(2n);
  assert.equal(asyncEvent.count, 1);
  const { eventsRegistered, eventsSignaled, eventsUnknown } = driver.statistics;
  assert.deepEqual([eventsRegistered, eventsSignaled, eventsUnknown], [0, 1, 5]);
});

test('a CPU notification object signals its event until it is destroyed', async () => {
  const { device, driver, host, process } = await start();
  const seen: number[] = [];
  const event: KmtEvent = new KmtEvent(() => seen.push(event.count));
  const info = { type: 4, cpuNotification: { event } };
  const { syncObject } = await process.createSynchronizationObject2({ device, info });
  host.signalEvent(2n);
  host.signalEvent(2n);
  assert.deepEqual(seen, [1, 2]);
  await event.wait();
  await event.wait();
  await process.destroySynchronizationObject({ syncObject });
  host.signalEvent(2n);
  assert.equal(event.count, 0);
  assert.equal(driver.statistics.eventsRegistered, 0);
});

test('a refused CPU notification object leaves no event behind', async () => {
  const { device, driver, host, process } = await start();
  host.next('CreateSyncObject', () => new Uint8Array(0));
  const info = { type: 4, cpuNotification: { event: new KmtEvent() } };
  assert.equal((await process.createSynchronizationObject2({ device, info })).ret, -75);
  assert.equal(driver.statistics.eventsRegistered, 0);
});

test('a wait without an event ends when the host signals it', async () => {
  const { device, driver, fence, host, process } = await start();
  let ended = false;
  const waiting = process.waitForSynchronizationObjectFromCpu({
    device,
    objects: [fence],
    fenceValues: [1n],
  });
  void waiting.then(() => {
    ended = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(ended, false, 'the answer alone is not the end');
  host.signalEvent(2n);
  assert.deepEqual(await waiting, { ret: 0 });
  assert.equal(driver.statistics.eventsRegistered, 0);
});

test('a signal that overtakes the answer ends the wait all the same', async () => {
  const { device, fence, host, process } = await start();
  host.next('WaitForSyncObjectFromCpu', () => null);
  const waiting = process.waitForSynchronizationObjectFromCpu({
    device,
    objects: [fence],
    fenceValues: [1n],
  });
  host.signalEvent(2n);
  host.complete(host.last('WaitForSyncObjectFromCpu'), new Uint8Array(4));
  assert.deepEqual(await waiting, { ret: 0 });
});

test('an interrupted wait returns, and the late signal is ignored', async () => {
  const { device, driver, fence, host, process } = await start();
  const controller = new AbortController();
  const wait = { device, objects: [fence], fenceValues: [1n], interrupt: controller.signal };
  const waiting = process.waitForSynchronizationObjectFromCpu(wait);
  controller.abort();
  assert.deepEqual(await waiting, { ret: -512 });
  host.signalEvent(2n);
  assert.equal(driver.statistics.eventsUnknown, 1);
  assert.deepEqual(await process.waitForSynchronizationObjectFromCpu(wait), { ret: -512 }, 'at once');
});

test('a host that refuses a wait ends it', async () => {
  const { device, driver, fence, host, process } = await start();
  host.next('WaitForSyncObjectFromCpu', () => ({ status: NtStatus.noMemory }));
  const refused = await process.waitForSynchronizationObjectFromCpu({
    device,
    objects: [fence],
    fenceValues: [1n],
  });
  assert.deepEqual(refused, { ret: -12 });
  assert.equal(driver.statistics.eventsRegistered, 0);
});

test('short and unknown packets of the host are counted, not followed', async () => {
  const { driver, host } = await start();
  const packet = (length: number, commandType: number) => {
    const bytes = new Uint8Array(length);
    if (length >= 20) new DataView(bytes.buffer).setUint32(16, commandType, true);
    return bytes;
  };
  host.post(new Uint8Array(0));
  host.post(packet(23, 0));
  host.post(packet(24, 0));
  host.post(packet(47, 0));
  host.post(packet(47, 3));
  host.post(packet(40, 2));
  host.post(packet(64, 1));
  host.post(packet(64, 99));
  assert.equal(driver.statistics.unexpectedPackets, 8);
  // A WNF notification is known, and ignored.
  host.post(packet(64, 4));
  assert.equal(driver.statistics.unexpectedPackets, 8);
});

test('completions that nobody waits for are counted', async () => {
  const { device, driver, host, process } = await start();
  await process.getDeviceState({ device, stateType: 2 });
  host.complete(host.last('GetDeviceState'), new Uint8Array(60));
  assert.equal(driver.statistics.unknownCompletions, 1);
});

test('the execution state comes from the cache until the host speaks of a change', async () => {
  const { device, host, process } = await start();
  const ask = async () => {
    const from = host.sent.length;
    const { executionState, ret } = await process.getDeviceState({ device, stateType: 1 });
    assert.equal(ret, 0);
    return [executionState, host.sent.length - from];
  };
  assert.deepEqual(await ask(), [1, 0]);
  // Not ours, or nothing new.
  host.setGuestData(COOKIE + 1n, 1);
  host.setGuestData(COOKIE, 0);
  assert.deepEqual(await ask(), [1, 0]);
  host.on('GetDeviceState', () => {
    const reply = new Uint8Array(60);
    reply[8] = 3;
    return reply;
  });
  host.setGuestData(COOKIE, 1);
  assert.equal(host.last('CreateDevice').body['errorCode'], COOKIE);
  const [state, messages] = await ask();
  assert.equal(messages, 1);
  assert.deepEqual(await ask(), [state, 0]);
  await process.markDeviceAsError({ device, reason: 0x80000000 });
  assert.deepEqual(await ask(), [2, 0], 'reset, from the moment of the call');
  host.setGuestData(COOKIE, 1);
  assert.deepEqual(await ask(), [state, 1]);
});

test('each device asks for itself', async () => {
  const { adapter, device, host, process } = await start();
  const { device: second } = await process.createDevice({ adapter });
  host.setGuestData(COOKIE, 1);
  const from = host.sent.length;
  for (const one of [device, second, device, second])
    await process.getDeviceState({ device: one, stateType: 1 });
  assert.equal(host.sent.length - from, 2);
});

test('an event counts signals, gives them to waits in order, and can be lost', async () => {
  const event = new KmtEvent();
  event.signal();
  await event.wait();
  const order: string[] = [];
  const waits = ['first', 'second'].map((name) => event.wait().then(() => order.push(name)));
  event.signal();
  event.signal();
  await Promise.all(waits);
  assert.deepEqual(order, ['first', 'second']);
  const lost: string[] = [];
  event.onLost = (loss) => lost.push(loss);
  const waiting = event.wait();
  event.abandon('bus-failed');
  event.abandon('bus-closed');
  await assert.rejects(waiting, (error) => error instanceof EventLostError && error.code === 'bus-failed');
  await assert.rejects(event.wait(), EventLostError);
  assert.deepEqual(lost, ['bus-failed']);
  event.signal();
  await event.wait();
});
