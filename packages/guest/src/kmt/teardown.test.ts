import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CreateAllocationFlags as Flags, FlushDeviceReason } from '@dxgwire/protocol';
import { makeQueues, startScenario } from './testing/scenario.ts';
import type { ScriptedHost } from './testing/scripted-host.ts';

const PAGE = 4096;

/** Messages since `from`, each with the object that it is about. */
function told(host: ScriptedHost, from: number): string[] {
  return host.sent.slice(from).map(({ body, name }) => {
    const allocations = Array.from((body['allocations'] as ArrayLike<number> | undefined) ?? []);
    const object = body['resource'] || allocations.join(',') || body['device'] || '';
    return `${name} ${object}`.trim();
  });
}

test('the end of a process: flush, allocations one by one, resources, device, process', async () => {
  const scenario = await startScenario();
  const { device, driver, host, process } = scenario;
  const { allocation } = await makeQueues(scenario);
  const made = await process.createAllocation({
    device,
    flags: Flags.createResource,
    allocationInfo: [{}, {}],
  });
  const block = driver.bus.memory.allocate(PAGE);
  const sysmem = { block, offset: 0, length: PAGE };
  const over = await process.createAllocation({ device, allocationInfo: [{ sysmem }] });
  await process.lock2({ device, allocation });
  const from = host.sent.length;
  await process.closeDevice();
  assert.deepEqual(told(host, from), [
    `FlushDevice ${device}`,
    `DestroyAllocation ${allocation}`,
    `DestroyAllocation ${over.allocationInfo[0]!.allocation}`,
    `DestroyAllocation ${made.resource}`,
    `DestroyDevice ${device}`,
    'DestroyProcess',
  ]);
  assert.equal(host.last('FlushDevice').body['reason'], FlushDeviceReason.deviceTerminate);
  assert.equal(process.handleCount, 0);
  assert.equal(host.gpadls.size, 0);
  const { eventsRegistered, pinnedPages } = driver.statistics;
  assert.deepEqual([eventsRegistered, pinnedPages], [0, 0]);
});

test('sync objects that are no monitored fences die with the process, silently', async () => {
  const { device, host, process } = await startScenario();
  await process.createSynchronizationObject2({
    device,
    info: { type: 2, semaphore: { maxCount: 2, initialCount: 1 } },
  });
  const from = host.sent.length;
  await process.destroyDevice({ device });
  assert.deepEqual(host.names(from), ['DestroyDevice']);
  assert.equal(process.handleCount, 1, 'the semaphore outlives its device');
  await process.closeDevice();
  assert.deepEqual(host.names(from), ['DestroyDevice', 'DestroyProcess']);
  assert.equal(process.handleCount, 0);
});

test('DestroyDevice destroys what the device has, without a flush, and frees all handles', async () => {
  const scenario = await startScenario();
  const { device, host, process } = scenario;
  const { allocation, context, fence, hwQueue, pagingQueue } = await makeQueues(scenario);
  const from = host.sent.length;
  assert.deepEqual(await process.destroyDevice({ device }), { ret: 0 });
  assert.deepEqual(told(host, from), [`DestroyAllocation ${allocation}`, `DestroyDevice ${device}`]);
  assert.equal(process.handleCount, 0);
  for (const ret of [
    (await process.destroyDevice({ device })).ret,
    (await process.destroyContext({ context })).ret,
    (await process.destroyHwQueue({ queue: hwQueue })).ret,
    (await process.destroyPagingQueue({ pagingQueue })).ret,
    (await process.destroySynchronizationObject({ syncObject: fence })).ret,
  ]) {
    assert.equal(ret, -22);
  }
});

test('a device waits for the calls that still make objects of it', async () => {
  const { device, host, process } = await startScenario();
  host.next('CreatePagingQueue', () => null);
  const creating = process.createPagingQueue({ device });
  const from = host.sent.length;
  const destroying = process.destroyDevice({ device });
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(host.names(from), []);
  const reply = new Uint8Array(24);
  const view = new DataView(reply.buffer);
  view.setUint32(0, 0x40004000, true);
  view.setUint32(4, 0x40004040, true);
  view.setBigUint64(8, host.page(), true);
  host.complete(host.last('CreatePagingQueue'), reply);
  assert.equal((await creating).ret, 0);
  await destroying;
  assert.deepEqual(host.names(from), ['DestroyDevice']);
  assert.equal(process.handleCount, 0);
});

test('the last close of an adapter destroys its devices; closes before do not', async () => {
  const { adapter, device, host, process } = await startScenario();
  const { adapters } = await process.enumAdapters3({ adapterCount: 1 });
  const second = adapters[0]!.adapterHandle;
  const from = host.sent.length;
  await process.closeAdapter({ adapterHandle: adapter });
  assert.deepEqual(host.names(from), []);
  assert.equal((await process.getDeviceState({ device, stateType: 2 })).ret, 0);
  await process.closeAdapter({ adapterHandle: second });
  assert.deepEqual(told(host, from + 1), [`FlushDevice ${device}`, `DestroyDevice ${device}`]);
  assert.equal((await process.getDeviceState({ device, stateType: 2 })).ret, -22);
  // The process lives on.
  const again = await process.enumAdapters3({ adapterCount: 1 });
  assert.equal((await process.createDevice({ adapter: again.adapters[0]!.adapterHandle })).ret, 0);
});

test('the last close of the file ends the process; a call after a close is refused', async () => {
  const { driver, host, process } = await startScenario();
  const second = await driver.openDevice({ pid: process.pid });
  const from = host.sent.length;
  assert.deepEqual(await process.closeDevice(), { ret: 0 });
  assert.deepEqual(await process.closeDevice(), { ret: -9 });
  assert.deepEqual(host.names(from), []);
  assert.equal((await process.enumAdapters3()).ret, -9);
  assert.equal((await second.enumAdapters3()).ret, 0);
  await second.closeDevice();
  assert.equal(host.names().at(-1), 'DestroyProcess');
  // The same pid is a new process then.
  await driver.openDevice({ pid: process.pid });
  assert.equal(host.names().at(-1), 'CreateProcess');
});

test('a file inherited over a fork is refused everywhere', async () => {
  const { adapter, device, host, process } = await startScenario();
  const inherited = process.inherited();
  const from = host.sent.length;
  assert.equal((await inherited.createDevice({ adapter })).ret, -25);
  assert.equal((await inherited.lock2({ device, allocation: 1 })).ret, -25);
  assert.equal((await inherited.destroyDevice({ device })).ret, -25);
  assert.equal((await inherited.closeDevice()).ret, -25);
  assert.deepEqual(host.names(from), []);
});

test('processes do not see the handles of each other', async () => {
  const scenario = await startScenario();
  const { driver, host } = scenario;
  const other = await driver.openDevice({ pid: 77, comm: 'a name of many bytes' });
  const { body } = host.last('CreateProcess');
  assert.deepEqual([body['processId'], body['processName']], [77n, 'a name of many ']);
  assert.equal((await other.getDeviceState({ device: scenario.device, stateType: 2 })).ret, -22);
  assert.equal((await other.createDevice({ adapter: scenario.adapter })).ret, -22, 'the adapter is not open');
  const { adapters } = await other.enumAdapters3({ adapterCount: 1 });
  assert.equal(
    adapters[0]!.adapterHandle,
    scenario.adapter,
    'each process counts its adapter handles itself',
  );
  const { device } = await other.createDevice({ adapter: adapters[0]!.adapterHandle });
  const made = host.sent.filter(({ name }) => name === 'CreateDevice').map(({ process }) => process);
  assert.deepEqual(made, [0x80000040, 0x80000080]);
  assert.equal((await scenario.process.getDeviceState({ device, stateType: 2 })).ret, -22);
});

test('removal of the driver closes each adapter and then the channels, nothing else', async () => {
  const { driver, host } = await startScenario({ adapters: [{}, {}] });
  const from = host.sent.length;
  await driver.close();
  assert.deepEqual(
    host.sent.slice(from).map(({ channel, name }) => `${name} ${channel}`),
    ['CloseAdapter 2', 'CloseAdapter 3'],
  );
  assert.deepEqual(host.happened.slice(-3), ['close 2', 'close 3', 'close 1']);
  assert.deepEqual(
    [driver.loss, driver.adapterSummaries().map(({ state }) => state)],
    ['driver-removed', ['stopped', 'stopped']],
  );
});

test('removal of one adapter unpins what its devices had', async () => {
  const { device, driver, host, process } = await startScenario({ adapters: [{}, {}] });
  const block = driver.bus.memory.allocate(PAGE);
  const made = await process.createAllocation({
    device,
    allocationInfo: [{ sysmem: { block, offset: 0, length: PAGE } }],
  });
  assert.equal(made.ret, 0);
  const from = host.sent.length;
  await driver.removeAdapter(driver.adapterSummaries()[0]!.luid);
  assert.deepEqual(host.names(from), ['CloseAdapter']);
  assert.equal(driver.statistics.pinnedPages, 0);
  assert.equal(driver.adapterSummaries().length, 1);
  assert.equal((await process.getDeviceState({ device, stateType: 2 })).ret, -19);
  await process.closeDevice();
  assert.equal(host.names().at(-1), 'DestroyProcess');
});
