import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CreateAllocationFlags as Flags, NtStatus } from '@dxgwire/protocol';
import { makeQueues, sizeData, startScenario } from './testing/scenario.ts';
import { IO_SPACE_BASE } from './testing/scripted-host.ts';

const EINVAL = -22;
const ENOMEM = -12;
const WINDOW_BYTES = 4n * 1_048_576n;

test('CreateDevice: a null handle makes a device that is only ever flushed', async () => {
  const { adapter, host, process } = await startScenario();
  host.next('CreateDevice', () => ({ device: 0 }));
  assert.deepEqual(await process.createDevice({ adapter }), { ret: 0, device: 0 });
  host.next('CreateDevice', () => new Uint8Array(0));
  assert.deepEqual(await process.createDevice({ adapter }), { ret: 0, device: 0 });
  assert.equal(process.handleCount, 1);
  const from = host.sent.length;
  await process.closeDevice();
  const sent = host.sent.slice(from);
  assert.deepEqual(
    sent.map(({ name, body }) => [name, body['device'] ?? 0].join(' ')),
    [
      `FlushDevice ${host.sent.find(({ name }) => name === 'FlushDevice')?.body['device']}`,
      `DestroyDevice ${sent[1]?.body['device']}`,
      'FlushDevice 0',
      'FlushDevice 0',
      'DestroyProcess 0',
    ],
  );
});

test('CreateDevice: a handle whose index is taken is destroyed again', async () => {
  const { adapter, device, host, process } = await startScenario();
  host.next('CreateDevice', () => ({ device }));
  const from = host.sent.length;
  assert.deepEqual(await process.createDevice({ adapter }), { ret: EINVAL, device: 0 });
  assert.deepEqual(host.names(from), ['CreateDevice', 'DestroyDevice']);
  assert.equal((await process.getDeviceState({ device, stateType: 2 })).ret, 0, 'the old one works');
});

test('CreateContextVirtual: whatever kept the host from a handle is an EINVAL', async () => {
  const { device, host, process } = await startScenario();
  const from = host.sent.length;
  host.next('CreateContextVirtual', (body) => ({ ...body, context: 0 }));
  assert.equal((await process.createContextVirtual({ device })).ret, EINVAL);
  host.next('CreateContextVirtual', () => new Uint8Array(3));
  assert.equal((await process.createContextVirtual({ device })).ret, EINVAL);
  host.next('CreateContextVirtual', (body) => ({ ...body, context: device }));
  assert.equal((await process.createContextVirtual({ device })).ret, EINVAL);
  const create = 'CreateContextVirtual';
  assert.deepEqual(host.names(from), [create, create, create, 'DestroyContext']);
  assert.equal(process.handleCount, 1);
});

test('CreateHwQueue: the queue of a failed call is destroyed, when there is one', async () => {
  const scenario = await startScenario();
  const { device, host, process } = scenario;
  const { context } = await makeQueues(scenario);
  const count = process.handleCount;
  const good = { hwqueueProgressFenceCpuva: IO_SPACE_BASE, hwqueueProgressFenceGpuva: 0n, status: 0 };
  const cases = [
    [{ hwqueue: 0, hwqueueProgressFence: 0, status: NtStatus.invalidParameter }, EINVAL, false],
    [{ hwqueue: 0x40004000, hwqueueProgressFence: 0x40004040, status: NtStatus.noMemory }, ENOMEM, true],
    [{ hwqueue: 0x40004000, hwqueueProgressFence: device }, EINVAL, true],
    [{ hwqueue: device, hwqueueProgressFence: 0x40004040 }, EINVAL, true],
    [{ hwqueue: 0x40004000, hwqueueProgressFence: 0x40004040, hwqueueProgressFenceCpuva: 0n }, ENOMEM, true],
  ] as const;
  for (const [reply, ret, isDestroyed] of cases) {
    const from = host.sent.length;
    host.next('CreateHwQueue', (body) => ({ ...body, ...good, ...reply }));
    assert.equal((await process.createHwQueue({ context })).ret, ret);
    assert.deepEqual(host.names(from), isDestroyed ? ['CreateHwQueue', 'DestroyHwQueue'] : ['CreateHwQueue']);
    assert.equal(process.handleCount, count);
  }
});

test('CreatePagingQueue: a bad page fails without a message, a busy index with one', async () => {
  const { device, host, process } = await startScenario();
  const good = {
    pagingQueue: 0x40004000,
    syncObject: 0x40004040,
    fenceStoragePhysicalAddress: IO_SPACE_BASE,
  };
  const cases = [
    [{ fenceStoragePhysicalAddress: IO_SPACE_BASE - 4096n }, ENOMEM, []],
    [{ pagingQueue: device }, EINVAL, ['DestroyPagingQueue']],
    [{ syncObject: device }, EINVAL, ['DestroyPagingQueue']],
  ] as const;
  for (const [reply, ret, further] of cases) {
    const from = host.sent.length;
    host.next('CreatePagingQueue', () => ({ ...good, ...reply }));
    assert.equal((await process.createPagingQueue({ device })).ret, ret);
    assert.deepEqual(host.names(from), ['CreatePagingQueue', ...further]);
    assert.equal(process.handleCount, 1);
  }
});

/** A fence page must end strictly before the last page of the IO space. */
const ADDRESSES = [
  [IO_SPACE_BASE, 0],
  [IO_SPACE_BASE + WINDOW_BYTES - 0x2000n, 0],
  [IO_SPACE_BASE + WINDOW_BYTES - 0x1001n, 0],
  [IO_SPACE_BASE + WINDOW_BYTES - 0x1000n, ENOMEM],
  [IO_SPACE_BASE + WINDOW_BYTES, ENOMEM],
  [IO_SPACE_BASE - 1n, ENOMEM],
  [0n, ENOMEM],
  [0xffff_ffff_ffff_ffffn, ENOMEM],
] as const;
for (const [fenceStorageAddress, ret] of ADDRESSES) {
  test(`a fence page at 0x${fenceStorageAddress.toString(16)} gives ${ret}`, async () => {
    const { device, host, process } = await startScenario();
    const from = host.sent.length;
    host.next('CreateSyncObject', () => ({ syncObject: 0x40004000, fenceStorageAddress }));
    const made = await process.createSynchronizationObject2({ device, info: { type: 5 } });
    assert.equal(made.ret, ret);
    assert.equal(
      made.fenceView?.offset,
      ret === 0 ? Number((fenceStorageAddress - IO_SPACE_BASE) & ~0xfffn) : undefined,
    );
    const further = ret === 0 ? [] : ['DestroySyncObject'];
    assert.deepEqual(host.names(from), ['CreateSyncObject', ...further]);
  });
}

test('CreateSyncObject: a shared object without a global handle is destroyed again', async () => {
  const { device, host, process } = await startScenario();
  const from = host.sent.length;
  host.next('CreateSyncObject', () => ({
    syncObject: 0x40004000,
    globalSyncObject: 0,
    fenceStorageAddress: IO_SPACE_BASE,
  }));
  const made = await process.createSynchronizationObject2({ device, info: { type: 5, flags: 3 } });
  assert.equal(made.ret, EINVAL);
  assert.deepEqual(host.names(from), ['CreateSyncObject', 'DestroySyncObject']);
  host.next('CreateSyncObject', () => ({ syncObject: 0, globalSyncObject: 0 }));
  const none = await process.createSynchronizationObject2({ device, info: { type: 5, flags: 3 } });
  assert.equal(none.ret, EINVAL);
  assert.equal(host.sent.at(-1)?.name, 'CreateSyncObject', 'there is nothing to destroy');
});

test('CreateAllocation: private data larger than asked for destroy what was made', async () => {
  const { device, host, process } = await startScenario();
  const from = host.sent.length;
  host.next('CreateAllocation', () => {
    const reply = new Uint8Array(16 + 72 * 2 + 8);
    const view = new DataView(reply.buffer);
    view.setUint32(16, 0x40004000, true);
    // private_data_size of the first allocation.
    view.setUint32(16 + 4, 9, true);
    view.setUint32(16 + 72, 0x40004040, true);
    return reply;
  });
  const allocationInfo = [{ privDrvData: sizeData(4096) }, {}];
  const made = await process.createAllocation({ device, allocationInfo });
  assert.deepEqual([made.ret, made.allocationInfo], [EINVAL, []]);
  assert.deepEqual(host.names(from), ['CreateAllocation', 'DestroyAllocation']);
  const { body } = host.last('DestroyAllocation');
  assert.deepEqual(Array.from(body['allocations'] as Uint32Array), [0x40004000, 0x40004040]);
  assert.equal(body['flags'], 1, 'assume not in use');
  assert.equal(process.handleCount, 1);
});

test('CreateAllocation: a busy index undoes the whole call', async () => {
  const { device, host, process } = await startScenario();
  const from = host.sent.length;
  host.next('CreateAllocation', () => ({
    resource: 0x40004080,
    allocationInfo: [
      { allocation: 0x40004000, allocationSize: 4096n },
      { allocation: device, allocationSize: 4096n },
    ],
  }));
  const flags = Flags.createResource;
  const made = await process.createAllocation({ device, flags, allocationInfo: [{}, {}] });
  assert.equal(made.ret, EINVAL);
  assert.deepEqual(host.names(from), ['CreateAllocation', 'DestroyAllocation', 'DestroyAllocation']);
  const [, allocations, resource] = host.sent.slice(from);
  assert.deepEqual(Array.from(allocations?.body['allocations'] as Uint32Array), [0x40004000, device]);
  assert.equal(resource?.body['resource'], 0x40004080);
  assert.equal(process.handleCount, 1);
});

test('null handles are no objects', async () => {
  const { device, host, process } = await startScenario();
  const from = host.sent.length;
  const count = process.handleCount;
  host.next('CreateAllocation', () => ({
    resource: 0,
    allocationInfo: [{ allocation: 0, allocationSize: 4096n }],
  }));
  assert.equal((await process.createAllocation({ device, allocationInfo: [{}] })).ret, EINVAL);
  host.next('CreateSyncObject', () => ({ syncObject: 0 }));
  const semaphore = { type: 2, semaphore: { maxCount: 1, initialCount: 0 } };
  assert.equal((await process.createSynchronizationObject2({ device, info: semaphore })).ret, EINVAL);
  host.next('CreatePagingQueue', () => ({
    pagingQueue: 0,
    syncObject: 0,
    fenceStoragePhysicalAddress: IO_SPACE_BASE,
  }));
  assert.equal((await process.createPagingQueue({ device })).ret, EINVAL);
  assert.deepEqual(host.names(from), ['CreateAllocation', 'CreateSyncObject', 'CreatePagingQueue']);
  assert.equal(process.handleCount, count);
});

test('the objects of a failed creation do not show at the end', async () => {
  const { device, host, process } = await startScenario();
  host.next('CreateSyncObject', () => ({ syncObject: 0x40004000, fenceStorageAddress: 0n }));
  await process.createSynchronizationObject2({ device, info: { type: 5 } });
  host.next('CreateAllocation', () => new Uint8Array(0));
  await process.createAllocation({ device, flags: Flags.createResource, allocationInfo: [{}] });
  const from = host.sent.length;
  await process.closeDevice();
  assert.deepEqual(host.names(from), ['FlushDevice', 'DestroyDevice', 'DestroyProcess']);
});

test('lost private data of a standard allocation count as zeros', async () => {
  const { device, host, process } = await startScenario();
  const standardAllocation = { type: 2, existingHeapData: { size: 65_536n } };
  const args = { device, flags: Flags.standardAllocation, standardAllocation, allocationInfo: [{}] };
  const ask = 'DdiGetStandardAllocationDriverData';
  host.next(ask, () => ({ privDriverDataSize: 16, privDriverResourceSize: 4 }));
  host.next(ask, () => ({
    privDriverDataSize: 8,
    privDriverResourceSize: 4,
    allocPrivData: new Uint8Array(8).fill(7),
    resourcePrivData: new Uint8Array(4),
  }));
  const from = host.sent.length;
  assert.equal((await process.createAllocation(args)).ret, 0);
  assert.deepEqual(host.names(from), [ask, ask, 'CreateAllocation']);
  host.next(ask, () => ({ privDriverDataSize: 0, privDriverResourceSize: 4 }));
  assert.equal((await process.createAllocation(args)).ret, EINVAL);
  host.next(ask, () => ({ status: NtStatus.noMemory }));
  assert.equal((await process.createAllocation(args)).ret, ENOMEM);
});
