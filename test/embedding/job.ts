import assert from 'node:assert/strict';
import { type KmtDriver, KmtEvent, type KmtProcess, startDriver, unwrap } from '@dxgwire/guest/kmt';
import { ReferenceEncoder } from '@dxgwire/host/backends/reference';
import type { GuestBus } from '@dxgwire/transport';
import { PAGE_BYTES } from './machine.ts';

const MONITORED_FENCE = 5;
const EXISTING_SYSTEM_MEMORY = 0x20;
const HW_QUEUE_SUPPORTED = 0x10;
const PENDING = 0x103;

type SystemMemory = NonNullable<Parameters<KmtProcess['createAllocation']>[0]['allocationInfo'][0]['sysmem']>;

/** Private data by which the reference backend learns an allocation's size. */
function sized(bytes: number): Uint8Array {
  const data = new Uint8Array(16);
  new DataView(data.buffer).setBigUint64(0, BigInt(bytes), true);
  return data;
}

interface Handles {
  readonly adapter: number;
  readonly device: number;
  readonly pagingQueue: number;
  readonly pagingFence: number;
  readonly queue: number;
  readonly progressFence: number;
}

/** A program of a guest with a device and a hardware queue, for the reference backend. */
export class Job {
  readonly process: KmtProcess;
  readonly handles: Handles;
  #submitted = 0n;

  private constructor(process: KmtProcess, handles: Handles) {
    this.process = process;
    this.handles = handles;
  }

  /** @param index - Which of the guest's adapters. */
  static async start(driver: KmtDriver, index = 0): Promise<Job> {
    const process = await driver.openDevice({ comm: 'job' });
    const filter = { filter: 1n, adapterCount: 16 };
    const { adapters } = unwrap(await process.enumAdapters3(filter), 'enumAdapters3');
    const adapter = adapters[index]!.adapterHandle;
    const { device } = unwrap(await process.createDevice({ adapter }), 'createDevice');
    const paging = unwrap(await process.createPagingQueue({ device }), 'createPagingQueue');
    const { context } = unwrap(
      await process.createContextVirtual({ device, flags: HW_QUEUE_SUPPORTED, engineAffinity: 1 }),
      'createContextVirtual',
    );
    const queue = unwrap(await process.createHwQueue({ context }), 'createHwQueue');
    return new Job(process, {
      adapter,
      device,
      pagingQueue: paging.pagingQueue,
      pagingFence: paging.syncObject,
      queue: queue.queue,
      progressFence: queue.queueProgressFence,
    });
  }

  async wait(fence: number, value: bigint): Promise<void> {
    const { device } = this.handles;
    const asked = { device, objects: [fence], fenceValues: [value] };
    unwrap(await this.process.waitForSynchronizationObjectFromCpu(asked), 'wait');
  }

  /** Creates an allocation; over guest memory when some is given. */
  create(bytes: number, sysmem?: SystemMemory) {
    return this.process.createAllocation({
      device: this.handles.device,
      flags: sysmem === undefined ? 0 : EXISTING_SYSTEM_MEMORY,
      allocationInfo: [{ privDrvData: sized(bytes), ...(sysmem === undefined ? {} : { sysmem }) }],
    });
  }

  /** Creates an allocation, maps it and makes it resident. */
  async allocate(bytes: number, sysmem?: SystemMemory) {
    const created = unwrap(await this.create(bytes, sysmem), 'createAllocation');
    const { allocation } = created.allocationInfo[0]!;
    const { pagingFence, pagingQueue } = this.handles;
    const sizeInPages = BigInt(bytes / PAGE_BYTES);
    const mapped = unwrap(
      await this.process.mapGpuVirtualAddress({ pagingQueue, allocation, sizeInPages, protection: 1n }),
      'mapGpuVirtualAddress',
    );
    if (mapped.ret === PENDING) await this.wait(pagingFence, mapped.pagingFenceValue);
    const resident = unwrap(
      await this.process.makeResident({ pagingQueue, allocationList: [allocation] }),
      'makeResident',
    );
    if (resident.ret === PENDING) await this.wait(pagingFence, resident.pagingFenceValue);
    return { allocation, address: mapped.virtualAddress };
  }

  /** Submits without waiting. @returns the progress fence value that says it is done. */
  async submit(commands: ReferenceEncoder): Promise<bigint> {
    this.#submitted += 1n;
    const { queue } = this.handles;
    unwrap(
      await this.process.submitCommandToHwQueue({
        hwqueue: queue,
        hwqueueProgressFenceId: this.#submitted,
        privDrvData: commands.privateData(),
      }),
      'submitCommandToHwQueue',
    );
    return this.#submitted;
  }

  async run(commands: ReferenceEncoder): Promise<void> {
    await this.wait(this.handles.progressFence, await this.submit(commands));
  }

  /** The bytes of an allocation, by a lock. */
  async read(allocation: number): Promise<Uint8Array> {
    const { device } = this.handles;
    const { data } = unwrap(await this.process.lock2({ device, allocation }), 'lock2');
    const copy = data!.slice();
    unwrap(await this.process.unlock2({ device, allocation }), 'unlock2');
    return copy;
  }

  async destroy(...allocations: readonly number[]): Promise<void> {
    const { device } = this.handles;
    unwrap(await this.process.destroyAllocation2({ device, allocations }), 'destroyAllocation2');
  }

  fence() {
    return this.process.createSynchronizationObject2({
      device: this.handles.device,
      info: { type: MONITORED_FENCE, monitoredFence: { initialFenceValue: 3n } },
    });
  }
}

/**
 * All kinds of work that a guest gives to a host: a fill and a copy on the GPU, a lock that shows them, memory of the
 * guest itself in scattered pages, fences by CPU and GPU with and without an event.
 */
export async function runJob(driver: KmtDriver, bus: GuestBus, index = 0): Promise<void> {
  const job = await Job.start(driver, index);
  const { process } = job;
  const { device, progressFence, queue } = job.handles;
  const source = await job.allocate(4 * PAGE_BYTES);
  const target = await job.allocate(4 * PAGE_BYTES);
  await job.run(
    new ReferenceEncoder()
      .fill(source.address, BigInt(4 * PAGE_BYTES), 0xdecafbad)
      .copy(source.address + 64n, target.address, 128n),
  );
  const words = new Uint32Array((await job.read(target.allocation)).buffer);
  assert.deepEqual([...words.subarray(0, 33)], [...Array(32).fill(0xdecafbad), 0]);

  const first = bus.memory.allocate(4 * PAGE_BYTES);
  const second = bus.memory.allocate(4 * PAGE_BYTES);
  first.bytes.fill(0x5a);
  // The guest's pages in an order of their own: 3, then 1, then 0 and 2 of the other block.
  const ranges = [
    { block: first, offset: 3 * PAGE_BYTES, length: PAGE_BYTES },
    { block: first, offset: PAGE_BYTES, length: PAGE_BYTES },
    { block: second, offset: 0, length: PAGE_BYTES },
    { block: second, offset: 2 * PAGE_BYTES, length: PAGE_BYTES },
  ];
  const own = await job.allocate(4 * PAGE_BYTES, ranges);
  await job.run(
    new ReferenceEncoder()
      .fill(own.address + 4090n, 8n, 0x01020304)
      .copy(own.address + 4088n, own.address + BigInt(2 * PAGE_BYTES - 4), 16n),
  );
  const bytesOf = (block: { bytes: Uint8Array }, page: number, offset: number, count: number) => [
    ...block.bytes.subarray(page * PAGE_BYTES + offset, page * PAGE_BYTES + offset + count),
  ];
  assert.deepEqual(bytesOf(first, 3, 4089, 7), [0x5a, 4, 3, 2, 1, 4, 3], 'the first page of the allocation');
  assert.deepEqual(bytesOf(first, 1, 0, 3), [2, 1, 0x5a], 'its second page');
  assert.deepEqual(bytesOf(first, 1, 4092, 4), [0x5a, 0x5a, 4, 3]);
  assert.deepEqual(bytesOf(second, 0, 0, 7), [2, 1, 4, 3, 2, 1, 0x5a], 'its third page');
  await job.destroy(own.allocation);
  bus.memory.free(first);
  bus.memory.free(second);

  const fence = unwrap(await job.fence(), 'createSynchronizationObject2');
  assert.equal(fence.fenceView?.value(), 3n);
  const event = new KmtEvent();
  const asked = { device, objects: [fence.syncObject], fenceValues: [1n << 40n], asyncEvent: event };
  unwrap(await process.waitForSynchronizationObjectFromCpu(asked), 'wait');
  unwrap(
    await process.submitWaitForSyncObjectsToHwQueue({
      hwqueue: queue,
      objects: [fence.syncObject],
      fenceValues: [4n],
    }),
    'submitWait',
  );
  const done = await job.submit(new ReferenceEncoder().fill(target.address, 64n, 7));
  const signal = (value: bigint) =>
    process.signalSynchronizationObjectFromCpu({
      device,
      objects: [fence.syncObject],
      fenceValues: [value],
    });
  unwrap(await signal(4n), 'signal');
  await job.wait(progressFence, done);
  unwrap(await signal(1n << 40n), 'signal');
  await event.wait();
  assert.equal(fence.fenceView?.value(), 1n << 40n);
  assert.equal((await job.read(target.allocation))[60], 7);
  await job.destroy(source.allocation, target.allocation);
  await process.closeDevice();
}

/** Boots a guest's driver, runs the job and unloads the driver. */
export async function bootAndRun(bus: GuestBus): Promise<{ version: number; async: boolean }> {
  const driver = await startDriver(bus);
  await untilStarted(driver);
  const { asyncMessages, interfaceVersion } = driver;
  await runJob(driver, bus);
  await driver.close();
  return { version: interfaceVersion, async: asyncMessages };
}

/** Offers travel: the adapter is there a little later. */
export async function untilStarted(driver: KmtDriver): Promise<void> {
  while (!driver.adapterSummaries().some(({ state }) => state === 'active')) {
    await new Promise<void>((resolve) => {
      driver.onAdapterChange = () => resolve();
      if (driver.adapterSummaries().some(({ state }) => state === 'active')) resolve();
    });
  }
  driver.onAdapterChange = null;
}
