import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startScenario } from './testing/scenario.ts';

const EOVERFLOW = -75;
const TYPE = 15;
const TYPE_RENDER = 57;

test('what the host says of the adapter type is put right', async () => {
  const scenario = await startScenario({ adapters: [{}, { isComputeOnly: true }] });
  const { host, process } = scenario;
  const { adapters } = await process.enumAdapters3({ filter: 1n, adapterCount: 2 });
  const ask = async (adapter: number, type: number, answer: number[]) => {
    const privateData = new Uint8Array(answer.length);
    host.next('QueryAdapterInfo', () => ({ status: 0, privateData: Uint8Array.from(answer) }));
    const result = await process.queryAdapterInfo({ adapter, type, privateData });
    assert.equal(result.ret, 0);
    return [...result.privateData];
  };
  const [render, compute] = adapters.map(({ adapterHandle }) => adapterHandle) as [number, number];
  const all = [0xff, 0xff, 0xff, 0xff, 9];
  // Cleared: 1, 3, 6, 8, 9, 11. Set: 7, and 11 for a compute-only one.
  assert.deepEqual(await ask(render, TYPE, all), [0xb5, 0xf4, 0xff, 0xff, 9]);
  assert.deepEqual(await ask(render, TYPE_RENDER, [0, 0, 0, 0]), [0x80, 0, 0, 0]);
  assert.deepEqual(await ask(compute, TYPE, all), [0xb5, 0xfc, 0xff, 0xff, 9]);
  assert.deepEqual(await ask(compute, TYPE, [0, 0]), [0x80, 8]);
  assert.deepEqual(await ask(render, 16, all), all);
});

test('EnumAdapters2 hides compute-only adapters but wants room for them', async () => {
  const { host, process } = await startScenario({ adapters: [{}, { isComputeOnly: true }] });
  const from = host.sent.length;
  assert.deepEqual(await process.enumAdapters2(), { ret: 0, numAdapters: 2, adapters: [] });
  assert.equal((await process.enumAdapters2({ numAdapters: 1 })).ret, EOVERFLOW);
  const { adapters, numAdapters } = await process.enumAdapters2({ numAdapters: 2 });
  assert.equal(numAdapters, 1);
  assert.deepEqual(adapters[0]?.adapterLuid, { low: 0x10, high: 0x0a });
  assert.deepEqual(host.names(from), []);
});

test('EnumAdapters3 says how many there are when the room does not do, and opens none', async () => {
  const { process } = await startScenario({ adapters: [{}, { isComputeOnly: true }] });
  assert.deepEqual(await process.enumAdapters3(), { ret: 0, adapterCount: 2, adapters: [] });
  assert.deepEqual(await process.enumAdapters3({ filter: 1n, adapterCount: 1 }), {
    ret: 0,
    adapterCount: 2,
    adapters: [],
  });
  assert.equal((await process.enumAdapters3({ adapterCount: 1 })).adapters.length, 1);
  assert.equal((await process.enumAdapters3({ filter: 1n, adapterCount: 2 })).adapters.length, 2);
});

test('adapter handles count up from 0x40000000 and are used again', async () => {
  const { adapter, process } = await startScenario();
  assert.equal(adapter, 0x40000000);
  const { adapterHandle: second } = await process.openAdapterFromLuid({
    adapterLuid: { low: 0x10, high: 0x0a },
  });
  assert.equal(second, 0x40000040);
  await process.closeAdapter({ adapterHandle: adapter });
  const { adapterHandle: third } = await process.openAdapterFromLuid({
    adapterLuid: { low: 0x10, high: 0x0a },
  });
  assert.notEqual(third, adapter, 'a handle used again has another unique part');
});

test('processes of an adapter are listed by pid', async () => {
  const { driver, process } = await startScenario();
  const other = await driver.openDevice({ pid: 77 });
  await other.enumAdapters3({ adapterCount: 1 });
  const adapterLuid = { low: 0x10, high: 0x0a };
  const listed = await process.enumProcesses({ adapterLuid, bufferCount: 2 });
  assert.deepEqual(listed, { ret: 0, bufferCount: 2, pids: [4242, 77] });
  assert.deepEqual(await process.enumProcesses({ adapterLuid, bufferCount: 1 }), {
    ret: EOVERFLOW,
    bufferCount: 2,
    pids: [],
  });
});

test('statistics of another process go out under its handle, with the LUID of the host', async () => {
  const { driver, host, process } = await startScenario();
  await driver.openDevice({ pid: 77 });
  const result = new Uint8Array(776).fill(3);
  host.next('QueryStatistics', (body) => ({
    status: 0,
    result: (body['args'] as { result: Uint8Array }).result.map((byte) => byte + 1),
  }));
  const asked = await process.queryStatistics({
    type: 0,
    adapterLuid: { low: 0x10, high: 0x0a },
    process: 77n,
    result,
  });
  assert.equal(asked.ret, 0);
  assert.deepEqual([asked.result[0], asked.result.length], [4, 776]);
  const { body, process: header } = host.last('QueryStatistics');
  assert.equal(header, 0x80000080);
  assert.deepEqual((body['args'] as { adapterLuid: object }).adapterLuid, { low: 0xf00d, high: 1 });
});

test('the data of an escape come back as the host left them', async () => {
  const { adapter, device, host, process } = await startScenario();
  host.next('Escape', (body) => ({ ...body, privDrvData: Uint8Array.of(9, 8, 7) }));
  const escaped = await process.escape({ adapter, device, privDrvData: Uint8Array.of(1, 2, 3) });
  assert.deepEqual([escaped.ret, ...escaped.privDrvData], [0, 9, 8, 7]);
});
