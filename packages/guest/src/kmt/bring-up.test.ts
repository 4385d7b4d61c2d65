import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NtStatus } from '@dxgwire/protocol';
import { startDriver } from './driver.ts';
import { CommandError } from './errors.ts';
import { IO_SPACE_BASE, ScriptedHost } from './testing/scripted-host.ts';

const BRING_UP = ['SetIoSpaceRegion', 'OpenAdapter', 'GetInternalAdapterInfo'];

test('the first function negotiates: capabilities, then the version', async () => {
  const host = new ScriptedHost({ adapters: [{}, {}] });
  const driver = await startDriver(host);
  assert.deepEqual(
    host.happened.filter((what) => what.startsWith('write')),
    ['write 212 1', 'write 208 40'],
  );
  assert.equal(driver.interfaceVersion, 40);
  assert.deepEqual(host.last('SetIoSpaceRegion').body['start'], IO_SPACE_BASE);
  assert.deepEqual(host.last('SetIoSpaceRegion').body['length'], 4n * 1_048_576n);
  const [first, second] = driver.adapterSummaries();
  assert.deepEqual(first?.luid, { low: 0x10, high: 0x0a });
  assert.deepEqual(second?.vgpuLuid, { low: 0xabcd01, high: 0x77 });
  assert.equal(first?.description, 'scripted GPU');
});

test('an old host is not written a version to, and no vGPU LUID is read', async () => {
  const host = new ScriptedHost({ interfaceVersion: 27 });
  const driver = await startDriver(host);
  assert.deepEqual(
    host.happened.filter((what) => what.startsWith('write')),
    ['write 212 1'],
  );
  assert.equal(driver.interfaceVersion, 27);
  assert.equal(host.last('OpenAdapter').length, 40);
  assert.equal(host.last('OpenAdapter').body['vmbusInterfaceVersion'], 27);
});

const ORDERS: readonly (readonly ('global' | 'vgpu' | 'function')[])[] = [
  ['global', 'vgpu', 'function'],
  ['function', 'global', 'vgpu'],
  ['vgpu', 'function', 'global'],
];
for (const order of ORDERS) {
  test(`nothing is opened until all is there: ${order.join(', ')}`, async () => {
    const host = new ScriptedHost({ offersLater: true });
    const driver = await startDriver(host);
    const offers = {
      global: () => host.offerGlobal(),
      vgpu: () => host.offerVgpu(0),
      function: () => host.offerFunction(0),
    };
    for (const name of order) {
      await driver.settled();
      assert.deepEqual(host.names(), []);
      offers[name]();
    }
    await driver.settled();
    assert.deepEqual(host.names(), BRING_UP);
    assert.deepEqual(
      host.happened.filter((what) => what.startsWith('open')),
      ['open 1', 'open 2'],
    );
  });
}

test('a second global channel and unknown offers are ignored', async () => {
  const host = new ScriptedHost();
  host.offerGlobal();
  host.offers.push({
    index: 9,
    classGuid: new Uint8Array(16),
    instanceGuid: new Uint8Array(16),
    mmioMegabytes: 0,
  });
  await startDriver(host);
  assert.deepEqual(host.names(), BRING_UP);
});

test('any status of SetIoSpaceRegion but 0 ends the driver', async () => {
  for (const status of [NtStatus.pending, NtStatus.invalidParameter]) {
    const host = new ScriptedHost();
    host.on('SetIoSpaceRegion', () => ({ status }));
    const driver = await startDriver(host);
    assert.deepEqual(host.names(), ['SetIoSpaceRegion']);
    assert.equal(driver.loss, 'channel-failed');
    assert.ok(host.happened.includes('close 1'));
    await assert.rejects(driver.openDevice(), (error) => error instanceof CommandError && error.ret === -9);
  }
});

test('without an IO space nothing starts', async () => {
  const host = new ScriptedHost({ windowMegabytes: 0 });
  const driver = await startDriver(host);
  assert.deepEqual(host.names(), []);
  assert.equal(driver.loss, 'channel-failed');
});

test('an adapter that the host refuses is stopped for good, others start', async () => {
  for (const refusal of [{ status: NtStatus.notSupported }, new Uint8Array(8)]) {
    const host = new ScriptedHost({ adapters: [{}, {}] });
    host.next('OpenAdapter', () => refusal);
    const driver = await startDriver(host);
    assert.deepEqual(
      driver.adapterSummaries().map((adapter) => adapter.state),
      ['stopped', 'active'],
    );
    const process = await driver.openDevice();
    const two = await process.enumAdapters2({ numAdapters: 2 });
    assert.equal(two.adapters.length, 1);
    // The number counts all functions, and room is wanted for all of them.
    assert.equal((await process.enumAdapters2()).numAdapters, 2);
    assert.equal((await process.enumAdapters2({ numAdapters: 1 })).ret, -75);
  }
});

test('a short answer to GetInternalAdapterInfo stops the adapter; the old length does for old hosts', async () => {
  const host = new ScriptedHost();
  host.on('GetInternalAdapterInfo', () => new Uint8Array(704));
  const driver = await startDriver(host);
  assert.equal(driver.adapterSummaries()[0]?.state, 'stopped');
  const old = new ScriptedHost({ interfaceVersion: 27 });
  old.on('GetInternalAdapterInfo', () => new Uint8Array(704));
  assert.equal((await startDriver(old)).adapterSummaries()[0]?.state, 'active');
});

test('with asynchronous messages the second adapter is opened over the global channel', async () => {
  const host = new ScriptedHost({ adapters: [{}, {}], asyncMessages: true });
  await startDriver(host);
  assert.deepEqual(
    host.sent.map(({ channel, name, vgpuLuidLow }) => `${channel} ${name} ${vgpuLuidLow.toString(16)}`),
    [
      '1 SetIoSpaceRegion 0',
      '2 OpenAdapter abcd00',
      '2 GetInternalAdapterInfo abcd00',
      '1 OpenAdapter abcd01',
      '1 GetInternalAdapterInfo abcd01',
    ],
  );
});

test('compute-only adapters are hidden from EnumAdapters2, and from EnumAdapters3 unless asked for', async () => {
  const host = new ScriptedHost({ adapters: [{}, { isComputeOnly: true }] });
  const process = await (await startDriver(host)).openDevice();
  assert.equal((await process.enumAdapters2({ numAdapters: 4 })).adapters.length, 1);
  assert.equal((await process.enumAdapters3({ adapterCount: 4 })).adapters.length, 1);
  const all = await process.enumAdapters3({ filter: 1n, adapterCount: 4 });
  assert.equal(all.adapters.length, 2);
  const privateData = new Uint8Array(4);
  for (const [index, expected] of [0x91, 0x91 | (1 << 11)].entries()) {
    host.next('QueryAdapterInfo', () => ({ privateData: Uint8Array.of(0xdb, 0x03, 0, 0) }));
    const adapter = all.adapters[index]!.adapterHandle;
    const { privateData: type } = await process.queryAdapterInfo({ adapter, type: 15, privateData });
    assert.equal(new DataView(type.buffer).getUint32(0, true), expected);
  }
});

test('too little room in EnumAdapters3 gives the number of all, and leaves none open', async () => {
  const host = new ScriptedHost({ adapters: [{}, {}] });
  const process = await (await startDriver(host)).openDevice();
  const few = await process.enumAdapters3({ adapterCount: 1 });
  assert.deepEqual([few.ret, few.adapterCount, few.adapters.length], [0, 2, 0]);
  const { luid } = { luid: { low: 0x10, high: 0x0a } };
  assert.equal((await process.enumProcesses({ adapterLuid: luid, bufferCount: 4 })).bufferCount, 0);
});

test('the process is announced with 15 bytes of its name, each one code unit', async () => {
  const host = new ScriptedHost();
  const driver = await startDriver(host);
  await driver.openDevice({ pid: 77, comm: 'ünïcode-program' });
  const { body } = host.last('CreateProcess');
  assert.equal(body['processId'], 77n);
  assert.equal(
    body['processName'],
    String.fromCharCode(...new TextEncoder().encode('ünïcode-program').subarray(0, 15)),
  );
  assert.equal(body['linuxProcess'], true);
  assert.equal(host.last('CreateProcess').length, 584);
});

test('a second open of a process shares it, also while the first is under way; a refused one fails', async () => {
  const host = new ScriptedHost();
  const driver = await startDriver(host);
  const [first, second] = await Promise.all([driver.openDevice({ pid: 1 }), driver.openDevice({ pid: 1 })]);
  const third = await driver.openDevice({ pid: 1 });
  assert.equal(host.names().filter((name) => name === 'CreateProcess').length, 1);
  await first.closeDevice();
  await second.closeDevice();
  assert.equal(host.names().includes('DestroyProcess'), false);
  await third.closeDevice();
  assert.equal(host.names().at(-1), 'DestroyProcess');
  host.on('CreateProcess', () => ({ hprocess: 0 }));
  await assert.rejects(
    driver.openDevice({ pid: 2 }),
    (error) => error instanceof CommandError && error.ret === -9,
  );
});

test('options that cannot be are refused', async () => {
  await assert.rejects(startDriver(new ScriptedHost(), { ioSpaceBase: 0x1000n }), RangeError);
  await assert.rejects(startDriver(new ScriptedHost(), { deviceStateCookie: 0n }), RangeError);
});
