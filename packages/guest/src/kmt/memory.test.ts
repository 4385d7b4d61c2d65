import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CreateAllocationFlags, NtStatus } from '@dxgwire/protocol';
import type { GuestMemoryBlock } from '@dxgwire/transport';
import { makeQueues, sizeData, startScenario } from './testing/scenario.ts';
import { IO_SPACE_BASE, type ScriptedHostOptions } from './testing/scripted-host.ts';

const EINVAL = -22;
const ENOMEM = -12;
const PAGE = 4096;
const PAGES_PER_MESSAGE = 15_867;
const WINDOW_BYTES = 4n * 1_048_576n;

/** An allocation of so many bytes. */
async function allocate(sizeBytes: number, options: ScriptedHostOptions = {}) {
  const scenario = await startScenario(options);
  const { device, process } = scenario;
  const made = await process.createAllocation({
    device,
    allocationInfo: [{ privDrvData: sizeData(sizeBytes) }],
  });
  return { ...scenario, allocation: made.allocationInfo[0]!.allocation };
}

test('only the first lock and the last unlock reach the host', async () => {
  const { allocation, device, host, process } = await allocate(2 * PAGE);
  const from = host.sent.length;
  const first = await process.lock2({ device, allocation });
  const second = await process.lock2({ device, allocation });
  assert.equal(first.data?.length, 2 * PAGE);
  assert.equal(second.data, first.data);
  first.data?.fill(7);
  const offset = host.window.bytes.indexOf(7);
  assert.equal(host.window.bytes.lastIndexOf(7) - offset, 2 * PAGE - 1);
  assert.equal((await process.unlock2({ device, allocation })).ret, 0);
  assert.deepEqual(host.names(from), ['Lock2']);
  assert.equal((await process.unlock2({ device, allocation })).ret, 0);
  assert.deepEqual(host.names(from), ['Lock2', 'Unlock2']);
  assert.equal((await process.unlock2({ device, allocation })).ret, EINVAL);
  await process.lock2({ device, allocation });
  assert.deepEqual(host.names(from), ['Lock2', 'Unlock2', 'Lock2']);
});

test('locks under way at the same time share one mapping', async () => {
  const { allocation, device, host, process } = await allocate(PAGE);
  const [first, second] = await Promise.all([
    process.lock2({ device, allocation }),
    process.lock2({ device, allocation }),
  ]);
  assert.deepEqual([first?.ret, second?.ret], [0, 0]);
  assert.equal(second?.data, first?.data);
  const from = host.sent.length;
  await process.unlock2({ device, allocation });
  assert.deepEqual(host.names(from), []);
  await process.unlock2({ device, allocation });
  assert.deepEqual(host.names(from), ['Unlock2']);
});

test('a lock that the host refuses counts for nothing', async () => {
  const { allocation, device, host, process } = await allocate(PAGE);
  host.next('Lock2', () => ({ status: NtStatus.invalidParameter }));
  assert.deepEqual((await process.lock2({ device, allocation })).data, null);
  assert.equal((await process.unlock2({ device, allocation })).ret, EINVAL);
  assert.equal((await process.lock2({ device, allocation })).ret, 0);
});

const PLACES = [
  ['the last two pages but one', PAGE, IO_SPACE_BASE + WINDOW_BYTES - 2n * BigInt(PAGE), 0],
  ['the last page', PAGE, IO_SPACE_BASE + WINDOW_BYTES - BigInt(PAGE), ENOMEM],
  ['across the end', 3 * PAGE, IO_SPACE_BASE + WINDOW_BYTES - 2n * BigInt(PAGE), ENOMEM],
  ['before the IO space', PAGE, IO_SPACE_BASE - 1n, ENOMEM],
  ['far behind it', PAGE, 0xffff_ffff_ffff_f000n, ENOMEM],
  ['of no pages', 0, IO_SPACE_BASE, ENOMEM],
  ['larger than the IO space', Number(WINDOW_BYTES) + PAGE, IO_SPACE_BASE, ENOMEM],
  ['of 4 GiB', 2 ** 32, IO_SPACE_BASE, ENOMEM],
  ['of 16 TiB and a page', 2 ** 44 + PAGE, IO_SPACE_BASE, ENOMEM],
] as const;
for (const [name, size, cpuVisibleBufferOffset, ret] of PLACES) {
  test(`a locked allocation ${name} gives ${ret}`, async () => {
    const { allocation, device, host, process } = await allocate(size);
    host.on('Lock2', () => ({ cpuVisibleBufferOffset }));
    const locked = await process.lock2({ device, allocation });
    assert.equal(locked.ret, ret);
    assert.equal(locked.data?.length, ret === 0 ? size : undefined);
  });
}

test('a view is gone when the allocation is destroyed while it is being locked', async () => {
  const { allocation, device, host, process } = await allocate(PAGE);
  host.next('Lock2', () => null);
  const locking = process.lock2({ device, allocation });
  await process.destroyAllocation2({ device, allocations: [allocation] });
  const reply = new Uint8Array(16);
  new DataView(reply.buffer).setBigUint64(8, IO_SPACE_BASE, true);
  host.complete(host.last('Lock2'), reply);
  assert.equal((await locking).ret, EINVAL);
});

/** Existing system memory of so many bytes behind an allocation that the host makes that large, or as said. */
async function allocateOver(bytes: number, options: ScriptedHostOptions = {}, hostBytes = bytes) {
  const scenario = await startScenario(options);
  const { device, driver, process } = scenario;
  const block = driver.bus.memory.allocate(Math.max(bytes, 1));
  const made = await process.createAllocation({
    device,
    allocationInfo: [{ privDrvData: sizeData(hostBytes), sysmem: { block, offset: 0, length: bytes } }],
  });
  return { ...scenario, block, made, allocation: made.allocationInfo[0]?.allocation ?? 0 };
}

test('guest memory becomes a GPADL, torn down when the host has let go', async () => {
  const { allocation, block, device, driver, host, made, process } = await allocateOver(3 * PAGE);
  assert.equal(made.ret, 0);
  assert.deepEqual([...host.gpadls.values()], [[{ address: block.address, length: 3 * PAGE }]]);
  const { body } = host.last('SetExistingSysMemStore');
  assert.deepEqual([body['device'], body['allocation'], body['gpadl']], [device, allocation, 1]);
  assert.equal(host.last('CreateAllocation').body['flags'], CreateAllocationFlags.existingSysmem);
  assert.equal(driver.statistics.pinnedPages, 3);
  host.next('DestroyAllocation', () => {
    host.happened.push('destroyed');
    return {};
  });
  await process.destroyAllocation2({ device, allocations: [allocation] });
  assert.deepEqual(host.happened.slice(-2), ['destroyed', 'teardown 1']);
  assert.equal(driver.statistics.pinnedPages, 0);
});

test('guest memory is locked without the host, but unlocked with it', async () => {
  const { allocation, block, device, host, process } = await allocateOver(2 * PAGE);
  const from = host.sent.length;
  const { data } = await process.lock2({ device, allocation });
  data?.fill(5);
  assert.equal(block.bytes[2 * PAGE - 1], 5);
  assert.deepEqual(host.names(from), []);
  await process.unlock2({ device, allocation });
  await process.unlock2({ device, allocation });
  assert.deepEqual(host.names(from), ['Unlock2', 'Unlock2']);
});

const SIZES = [
  ['the size of the memory', 8 * PAGE, 8 * PAGE, 0],
  ['a page more than the memory', 8 * PAGE, 9 * PAGE, ENOMEM],
  ['a page less than the memory', 8 * PAGE, 7 * PAGE, 0],
  ['nothing', 8 * PAGE, 0, ENOMEM],
  ['8190 pages', 8190 * PAGE, 8190 * PAGE, 0],
  ['more pages than a GPADL describes', 8191 * PAGE, 8191 * PAGE, ENOMEM],
] as const;
for (const [name, bytes, hostBytes, ret] of SIZES) {
  test(`an allocation over guest memory that the host makes ${name} gives ${ret}`, async () => {
    const { driver, host, made, process } = await allocateOver(bytes, {}, hostBytes);
    assert.equal(made.ret, ret);
    if (ret === 0) return;
    assert.equal(host.sent.at(-1)?.name, 'DestroyAllocation');
    assert.equal(host.sent.at(-1)?.body['flags'], 1, 'assume not in use');
    assert.equal(process.handleCount, 1);
    assert.equal(driver.statistics.pinnedPages, 0);
    assert.equal(host.gpadls.size, 0);
  });
}

test('when the host refuses the memory, the allocation is destroyed before its GPADL', async () => {
  const scenario = await startScenario();
  const { device, driver, host, process } = scenario;
  host.next('SetExistingSysMemStore', () => ({ status: NtStatus.noMemory }));
  host.on('DestroyAllocation', () => {
    host.happened.push('destroyed');
    return {};
  });
  const block = driver.bus.memory.allocate(PAGE);
  const sysmem = { block, offset: 0, length: PAGE };
  const made = await process.createAllocation({ device, allocationInfo: [{ sysmem }] });
  assert.equal(made.ret, ENOMEM);
  assert.deepEqual(host.happened.slice(-3), ['gpadl 1', 'destroyed', 'teardown 1']);
});

/** Page-frame numbers of a SetExistingSysMemPages message, all that it has room for. */
function frames(bytes: Uint8Array): bigint[] {
  const all: bigint[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let index = 0; index < PAGES_PER_MESSAGE; index += 1) {
    all.push(view.getBigUint64(bytes.length - 8 * (PAGES_PER_MESSAGE - index), true));
  }
  return all;
}

test('page lists go in full-size messages, the rest of the last one stale', async () => {
  const pages = PAGES_PER_MESSAGE + 3;
  const { block, host, made } = await allocateOver(pages * PAGE, { mapGuestMemory: true });
  assert.equal(made.ret, 0);
  assert.deepEqual([...host.gpadls], []);
  const lists = host.sent.filter(({ name }) => name === 'SetExistingSysMemPages');
  assert.deepEqual(
    lists.map(({ body, length }) => [
      length,
      body['numPages'] ?? (body['pfns'] as BigUint64Array).length,
      body['allocOffsetInPages'],
    ]),
    [
      [126_992, PAGES_PER_MESSAGE, 0],
      [126_992, 3, PAGES_PER_MESSAGE],
    ],
  );
  const first = BigInt(block.address / PAGE);
  const expected = Array.from({ length: PAGES_PER_MESSAGE }, (_, index) => first + BigInt(index));
  assert.deepEqual(frames(lists[0]!.bytes), expected);
  const last = [0, 1, 2].map((index) => first + BigInt(PAGES_PER_MESSAGE + index));
  assert.deepEqual(frames(lists[1]!.bytes), [...last, ...expected.slice(3)]);
});

test('the numbers behind a short list are zeros when nothing came before', async () => {
  const { host } = await allocateOver(2 * PAGE, { mapGuestMemory: true });
  const { bytes } = host.last('SetExistingSysMemPages');
  assert.deepEqual(new Set(frames(bytes).slice(2)), new Set([0n]));
});

test('a page list that the host refuses ends the call', async () => {
  const scenario = await startScenario({ mapGuestMemory: true });
  const { device, driver, host, process } = scenario;
  host.next('SetExistingSysMemPages', () => ({ status: NtStatus.invalidParameter }));
  const length = (PAGES_PER_MESSAGE + 1) * PAGE;
  const sysmem = { block: driver.bus.memory.allocate(length), offset: 0, length };
  const from = host.sent.length;
  const made = await process.createAllocation({
    device,
    allocationInfo: [{ privDrvData: sizeData(length), sysmem }],
  });
  assert.equal(made.ret, EINVAL);
  assert.deepEqual(host.names(from), ['CreateAllocation', 'SetExistingSysMemPages', 'DestroyAllocation']);
});

test('several ranges of guest memory are taken one after the other', async () => {
  const scenario = await startScenario();
  const { device, driver, host, process } = scenario;
  const blocks: GuestMemoryBlock[] = [
    driver.bus.memory.allocate(4 * PAGE),
    driver.bus.memory.allocate(4 * PAGE),
  ];
  const sysmem = [
    { block: blocks[1]!, offset: PAGE, length: 2 * PAGE },
    { block: blocks[0]!, offset: 0, length: PAGE },
  ];
  const made = await process.createAllocation({
    device,
    allocationInfo: [{ privDrvData: sizeData(3 * PAGE), sysmem }],
  });
  assert.equal(made.ret, 0);
  assert.deepEqual(
    [...host.gpadls.values()],
    [
      [
        { address: blocks[1]!.address + PAGE, length: 2 * PAGE },
        { address: blocks[0]!.address, length: PAGE },
      ],
    ],
  );
});

test('our extension travels: a name for the memory, and resident from the start', async () => {
  const { device, host, process } = await startScenario();
  const privateRuntimeResourceHandle = 0x8877_6655_4433_2211n;
  await process.createAllocation({
    device,
    allocationInfo: [{}],
    privateRuntimeResourceHandle,
    makeResident: true,
  });
  const { body } = host.last('CreateAllocation');
  assert.deepEqual(
    [body['privateRuntimeResourceHandle'], body['makeResident']],
    [privateRuntimeResourceHandle, true],
  );
  await process.createAllocation({ device, allocationInfo: [{}] });
  assert.equal(host.last('CreateAllocation').body['makeResident'], false);
});

test('a device with queues: nothing of an unlocked allocation is left behind', async () => {
  const scenario = await startScenario();
  const { device, host, process } = scenario;
  const { allocation } = await makeQueues(scenario);
  await process.lock2({ device, allocation });
  const from = host.sent.length;
  // Destroying a locked allocation sends no unlock.
  await process.destroyAllocation2({ device, allocations: [allocation] });
  assert.deepEqual(host.names(from), ['DestroyAllocation']);
  assert.equal((await process.lock2({ device, allocation })).ret, EINVAL);
});

test('no process is given the pages that another has locked', async () => {
  const { allocation, device, driver, host, process } = await allocate(2 * PAGE);
  host.on('Lock2', () => ({ cpuVisibleBufferOffset: IO_SPACE_BASE + 8n * BigInt(PAGE) }));
  assert.equal((await process.lock2({ device, allocation })).ret, 0);
  const other = await driver.openDevice({ pid: 77 });
  const { adapters } = await other.enumAdapters3({ adapterCount: 1 });
  const { device: second } = await other.createDevice({ adapter: adapters[0]!.adapterHandle });
  const made = await other.createAllocation({ device: second, allocationInfo: [{}] });
  const lock = () => other.lock2({ device: second, allocation: made.allocationInfo[0]!.allocation });
  assert.equal((await lock()).ret, ENOMEM);
  host.next('Lock2', () => ({ cpuVisibleBufferOffset: IO_SPACE_BASE + 10n * BigInt(PAGE) }));
  assert.equal((await lock()).ret, 0, 'right behind it');
  await other.unlock2({ device: second, allocation: made.allocationInfo[0]!.allocation });
  // From the moment that the first process gives them up they may be anybody's.
  host.next('DestroyAllocation', () => null);
  void process.destroyAllocation2({ device, allocations: [allocation] });
  assert.equal((await lock()).ret, 0);
});
