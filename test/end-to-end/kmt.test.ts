import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type KmtDriver, KmtEvent, type KmtProcess, startDriver, unwrap } from '@dxgwire/guest/kmt';
import {
  type Backend,
  createNullBackend,
  createReferenceBackend,
  ReferenceEncoder,
} from '@dxgwire/host/backends';
import { linkMakers, Stack } from '../support/stacks.ts';

const PAGE = 4096;
const MONITORED_FENCE = 5;
/** What DEVICE_REMOVED becomes in the driver. */
const ENODEV = 19;
/** D3DKMT_CREATEALLOCATIONFLAGS.ExistingSysMem. */
const EXISTING_SYSTEM_MEMORY = 0x20;
/** D3DKMT_CREATECONTEXTVIRTUALFLAGS.HwQueueSupported. */
const HW_QUEUE_SUPPORTED = 0x10;

const backends: Record<string, () => Backend> = {
  null: () => createNullBackend(),
  reference: () => createReferenceBackend(),
};

/** Private data by which the null and the reference backend learn an allocation's size. */
function sized(bytes: number): Uint8Array {
  const data = new Uint8Array(16);
  new DataView(data.buffer).setBigUint64(0, BigInt(bytes), true);
  return data;
}

/** What nearly every job needs: a device with a paging queue and a hardware queue. */
class Rig {
  readonly process: KmtProcess;
  readonly adapter: number;
  readonly device: number;
  readonly pagingQueue: number;
  readonly pagingFence: number;
  readonly queue: number;
  readonly progressFence: number;
  #submitted = 0n;

  private constructor(process: KmtProcess, handles: Omit<RigHandles, 'process'>) {
    this.process = process;
    this.adapter = handles.adapter;
    this.device = handles.device;
    this.pagingQueue = handles.pagingQueue;
    this.pagingFence = handles.pagingFence;
    this.queue = handles.queue;
    this.progressFence = handles.progressFence;
  }

  static async create(process: KmtProcess): Promise<Rig> {
    const { adapters } = unwrap(
      await process.enumAdapters3({ filter: 1n, adapterCount: 16 }),
      'enumAdapters3',
    );
    const adapter = adapters[0]!.adapterHandle;
    const { device } = unwrap(await process.createDevice({ adapter }), 'createDevice');
    const paging = unwrap(await process.createPagingQueue({ device }), 'createPagingQueue');
    const { context } = unwrap(
      await process.createContextVirtual({ device, flags: HW_QUEUE_SUPPORTED, engineAffinity: 1 }),
      'createContextVirtual',
    );
    const queue = unwrap(await process.createHwQueue({ context }), 'createHwQueue');
    return new Rig(process, {
      adapter,
      device,
      pagingQueue: paging.pagingQueue,
      pagingFence: paging.syncObject,
      queue: queue.queue,
      progressFence: queue.queueProgressFence,
    });
  }

  /** Waits on the CPU until a fence of this process has reached a value. */
  async wait(fence: number, value: bigint): Promise<void> {
    unwrap(
      await this.process.waitForSynchronizationObjectFromCpu({
        device: this.device,
        objects: [fence],
        fenceValues: [value],
      }),
      'waitForSynchronizationObjectFromCpu',
    );
  }

  /** Creates an allocation, maps it and makes it resident; `sysmem` lays it over guest memory. */
  async allocate(
    bytes: number,
    sysmem?: NonNullable<Parameters<KmtProcess['createAllocation']>[0]['allocationInfo'][0]['sysmem']>,
  ) {
    const created = unwrap(
      await this.process.createAllocation({
        device: this.device,
        flags: sysmem ? EXISTING_SYSTEM_MEMORY : 0,
        allocationInfo: [{ privDrvData: sized(bytes), ...(sysmem ? { sysmem } : {}) }],
      }),
      'createAllocation',
    );
    const { allocation } = created.allocationInfo[0]!;
    const mapped = unwrap(
      await this.process.mapGpuVirtualAddress({
        pagingQueue: this.pagingQueue,
        allocation,
        sizeInPages: BigInt(bytes / PAGE),
        protection: 1n,
      }),
      'mapGpuVirtualAddress',
    );
    if (mapped.ret === 0x103) await this.wait(this.pagingFence, mapped.pagingFenceValue);
    const resident = unwrap(
      await this.process.makeResident({ pagingQueue: this.pagingQueue, allocationList: [allocation] }),
      'makeResident',
    );
    if (resident.ret === 0x103) await this.wait(this.pagingFence, resident.pagingFenceValue);
    return { allocation, address: mapped.virtualAddress };
  }

  /** Submits and gives the progress fence value that says it is done. */
  async submit(privDrvData: Uint8Array): Promise<bigint> {
    this.#submitted += 1n;
    unwrap(
      await this.process.submitCommandToHwQueue({
        hwqueue: this.queue,
        hwqueueProgressFenceId: this.#submitted,
        privDrvData,
      }),
      'submitCommandToHwQueue',
    );
    return this.#submitted;
  }

  async fence(initialFenceValue = 0n) {
    return unwrap(
      await this.process.createSynchronizationObject2({
        device: this.device,
        info: { type: MONITORED_FENCE, monitoredFence: { initialFenceValue } },
      }),
      'createSynchronizationObject2',
    );
  }
}

interface RigHandles {
  readonly process: KmtProcess;
  readonly adapter: number;
  readonly device: number;
  readonly pagingQueue: number;
  readonly pagingFence: number;
  readonly queue: number;
  readonly progressFence: number;
}

for (const linkName of Object.keys(linkMakers)) {
  for (const [backendName, makeBackend] of Object.entries(backends)) {
    describe(`D3DKMT calls over ${linkName} on the ${backendName} backend`, () => {
      let stack: Stack;
      let driver: KmtDriver;
      let process: KmtProcess;
      let rig: Rig;
      let allocateGuestMemory: (bytes: number) => import('@dxgwire/transport').GuestMemoryBlock;

      before(async () => {
        stack = await Stack.start(linkName, makeBackend());
        const bus = await stack.connect();
        allocateGuestMemory = (bytes) => bus.memory.allocate(bytes);
        driver = await startDriver(bus);
        process = await driver.openDevice({ pid: 77, comm: 'kmt-test' });
        rig = await Rig.create(process);
      });
      after(async () => {
        await process.closeDevice();
        await driver.close();
        await stack.close();
      });

      test('a submission raises its progress fence', async () => {
        const done = await rig.submit(new ReferenceEncoder().privateData());
        await rig.wait(rig.progressFence, done);
      });

      test('a monitored fence wakes a waiter only when its value is reached', async () => {
        const fence = await rig.fence(5n);
        assert.equal(fence.fenceView?.value(), 5n);
        const event = new KmtEvent();
        unwrap(
          await process.waitForSynchronizationObjectFromCpu({
            device: rig.device,
            objects: [fence.syncObject],
            fenceValues: [7n],
            asyncEvent: event,
          }),
          'wait',
        );
        let woken = false;
        const wake = event.wait().then(() => {
          woken = true;
        });
        const signal = (value: bigint) =>
          process.signalSynchronizationObjectFromCpu({
            device: rig.device,
            objects: [fence.syncObject],
            fenceValues: [value],
          });
        unwrap(await signal(6n), 'signal');
        assert.equal(woken, false);
        unwrap(await signal(1n << 40n), 'signal');
        await wake;
        assert.equal(fence.fenceView?.value(), 1n << 40n);
        unwrap(await process.destroySynchronizationObject({ syncObject: fence.syncObject }), 'destroy');
      });

      test('a queue that waits lets the CPU go on, and runs when the fence is signalled', async () => {
        const fence = await rig.fence();
        unwrap(
          await process.submitWaitForSyncObjectsToHwQueue({
            hwqueue: rig.queue,
            objects: [fence.syncObject],
            fenceValues: [1n],
          }),
          'wait',
        );
        const done = await rig.submit(new ReferenceEncoder().privateData());
        // Another round trip through the same channel: the submission was seen, and did not run.
        unwrap(await process.queryVideoMemoryInfo({ adapter: rig.adapter, memorySegmentGroup: 0 }), 'query');
        unwrap(
          await process.signalSynchronizationObjectFromCpu({
            device: rig.device,
            objects: [fence.syncObject],
            fenceValues: [1n],
          }),
          'signal',
        );
        await rig.wait(rig.progressFence, done);
        unwrap(await process.destroySynchronizationObject({ syncObject: fence.syncObject }), 'destroy');
      });

      test('handles that are stale, of the wrong type or of nobody are refused, and nothing happens', async () => {
        const fence = await rig.fence();
        unwrap(await process.destroySynchronizationObject({ syncObject: fence.syncObject }), 'destroy');
        const before = stack.host.census();
        assert.ok(
          (await process.destroySynchronizationObject({ syncObject: fence.syncObject })).ret < 0,
          'stale',
        );
        assert.ok(
          (await process.destroySynchronizationObject({ syncObject: rig.device })).ret < 0,
          'wrong type',
        );
        assert.ok((await process.destroyDevice({ device: 0xc0ffee40 })).ret < 0, 'nobody');
        const { ret } = await process.makeResident({
          pagingQueue: rig.pagingQueue,
          allocationList: [rig.device],
        });
        assert.ok(ret < 0, 'an allocation list with a device in it');
        assert.deepEqual(stack.host.census(), before);
      });

      test('a process that closes leaves nothing behind', async () => {
        const before = stack.host.census();
        const other = await driver.openDevice({ pid: 78, comm: 'passer-by' });
        const own = await Rig.create(other);
        await own.allocate(8 * PAGE);
        await own.fence();
        await own.submit(new ReferenceEncoder().privateData());
        assert.notDeepEqual(stack.host.census(), before);
        await other.closeDevice();
        assert.deepEqual(stack.host.census(), before);
      });

      if (backendName !== 'reference') return;

      test('commands fill and copy GPU memory, and a lock shows it', async () => {
        const source = await rig.allocate(4 * PAGE);
        const target = await rig.allocate(4 * PAGE);
        const commands = new ReferenceEncoder()
          .fill(source.address, BigInt(4 * PAGE), 0xdecafbad)
          .copy(source.address + 64n, target.address, 128n)
          .privateData();
        await rig.wait(rig.progressFence, await rig.submit(commands));
        const locked = unwrap(
          await process.lock2({ device: rig.device, allocation: target.allocation }),
          'lock2',
        );
        const words = new DataView(locked.data!.buffer, locked.data!.byteOffset, locked.data!.byteLength);
        assert.equal(words.getUint32(0, true), 0xdecafbad);
        assert.equal(words.getUint32(124, true), 0xdecafbad);
        assert.equal(words.getUint32(128, true), 0);
        // What the guest writes while it holds the lock is what the GPU reads.
        locked.data!.fill(0x11, 0, 16);
        locked.flush(0, 16);
        unwrap(await process.unlock2({ device: rig.device, allocation: target.allocation }), 'unlock2');
        const back = new ReferenceEncoder().copy(target.address, source.address, 16n).privateData();
        await rig.wait(rig.progressFence, await rig.submit(back));
        const again = unwrap(
          await process.lock2({ device: rig.device, allocation: source.allocation }),
          'lock2',
        );
        assert.deepEqual([...again.data!.subarray(0, 17)], [...Array(16).fill(0x11), 0xad]);
        unwrap(await process.unlock2({ device: rig.device, allocation: source.allocation }), 'unlock2');
        for (const { allocation } of [source, target]) {
          unwrap(
            await process.destroyAllocation2({ device: rig.device, allocations: [allocation] }),
            'destroy',
          );
        }
      });

      test("the guest's own memory is read and written by the GPU", async () => {
        const block = allocateGuestMemory(16 * PAGE);
        block.bytes.fill(0x5a, 0, PAGE);
        block.flush(0, PAGE);
        const own = await rig.allocate(16 * PAGE, { block, offset: 0, length: 16 * PAGE });
        const commands = new ReferenceEncoder()
          .copy(own.address, own.address + BigInt(PAGE), 32n)
          .fill(own.address + BigInt(8 * PAGE), 16n, 0x01020304)
          .privateData();
        await rig.wait(rig.progressFence, await rig.submit(commands));
        assert.deepEqual([...block.bytes.subarray(PAGE, PAGE + 33)], [...Array(32).fill(0x5a), 0]);
        assert.deepEqual([...block.bytes.subarray(8 * PAGE, 8 * PAGE + 4)], [4, 3, 2, 1]);
        unwrap(
          await process.destroyAllocation2({ device: rig.device, allocations: [own.allocation] }),
          'destroy',
        );
      });

      test('a command that touches what is not mapped puts its device into error, and no other', async () => {
        const other = await driver.openDevice({ pid: 79, comm: 'faulty' });
        const own = await Rig.create(other);
        await own.submit(new ReferenceEncoder().fill(0x7000_0000n, 64n, 1).privateData());
        // Registered before the loss, the wait ends by it; registered after, it is refused. It never sleeps on.
        const { ret } = await other.waitForSynchronizationObjectFromCpu({
          device: own.device,
          objects: [own.progressFence],
          fenceValues: [1n],
        });
        assert.ok(ret === 0 || ret === -ENODEV, `wait returned ${ret}`);
        const state = await other.getDeviceState({ device: own.device, stateType: 1 });
        assert.ok([6, 7].includes(state.executionState), `execution state ${state.executionState}`);
        const mine = await process.getDeviceState({ device: rig.device, stateType: 1 });
        assert.equal(mine.executionState, 1);
        await other.closeDevice();
      });
    });
  }
}
