import { type KmtDriver, KmtEvent, type KmtProcess, startDriver, unwrap } from '@dxgwire/guest/kmt';
import { ReferenceEncoder } from '@dxgwire/host/backends';
import type { GuestBus, GuestMemoryBlock } from '@dxgwire/transport';
import { connect } from '@dxgwire/transport/connect';

const PAGE_BYTES = 4096;
const UPLOAD_BYTES = 1024 * 1024;
const COPY_BYTES = 64 * 1024;
const MONITORED_FENCE = 5;
const HW_QUEUE_SUPPORTED = 0x10;
const EXISTING_SYSTEM_MEMORY = 0x20;
const NEVER = 1n << 60n;

/** What a guest has got so far. */
export interface Attempt {
  readonly url: string;
  readonly name: string;
  bus: GuestBus | null;
  driver: KmtDriver | null;
  process: KmtProcess | null;
  block: GuestMemoryBlock | null;
  device: number;
  pagingQueue: number;
  context: number;
  queue: number;
  progress: number;
  allocation: number;
  local: number;
  fence: number;
  address: bigint;
  submitted: bigint;
}

export function createAttempt(url: string, name: string): Attempt {
  return {
    url,
    name,
    bus: null,
    driver: null,
    process: null,
    block: null,
    device: 0,
    pagingQueue: 0,
    context: 0,
    queue: 0,
    progress: 0,
    allocation: 0,
    local: 0,
    fence: 0,
    address: 0n,
    submitted: 0n,
  };
}

/** Private data by which the reference backend learns an allocation's size. */
function sized(bytes: number): Uint8Array {
  const data = new Uint8Array(16);
  new DataView(data.buffer).setBigUint64(0, BigInt(bytes), true);
  return data;
}

function submit(it: Attempt, privDrvData: Uint8Array) {
  it.submitted += 1n;
  return it.process!.submitCommandToHwQueue({
    hwqueue: it.queue,
    hwqueueProgressFenceId: it.submitted,
    privDrvData,
  });
}

/**
 * The states of a guest in the order in which it goes through them. Each step sends its command before it first waits:
 * whoever kills the guest a turn later kills it in the middle of that command.
 */
export const PROTOCOL_STATES: readonly (readonly [name: string, step: (it: Attempt) => Promise<unknown>])[] =
  [
    [
      'connecting',
      async (it) => {
        it.bus = await connect(it.url, { name: it.name });
      },
    ],
    [
      'bringing the driver up',
      async (it) => {
        it.driver = await startDriver(it.bus!);
        await it.driver.settled();
      },
    ],
    [
      'creating a process',
      async (it) => {
        it.process = await it.driver!.openDevice({ comm: it.name });
      },
    ],
    [
      'creating a device',
      async (it) => {
        const { adapters } = unwrap(
          await it.process!.enumAdapters3({ filter: 1n, adapterCount: 4 }),
          'enumAdapters3',
        );
        it.device = unwrap(
          await it.process!.createDevice({ adapter: adapters[0]!.adapterHandle }),
          'createDevice',
        ).device;
      },
    ],
    [
      'creating a paging queue',
      async (it) => {
        it.pagingQueue = unwrap(
          await it.process!.createPagingQueue({ device: it.device }),
          'createPagingQueue',
        ).pagingQueue;
      },
    ],
    [
      'creating a context',
      async (it) => {
        const made = it.process!.createContextVirtual({
          device: it.device,
          flags: HW_QUEUE_SUPPORTED,
          engineAffinity: 1,
        });
        it.context = unwrap(await made, 'createContextVirtual').context;
      },
    ],
    [
      'creating a hardware queue',
      async (it) => {
        const { queue, queueProgressFence } = unwrap(
          await it.process!.createHwQueue({ context: it.context }),
          'createHwQueue',
        );
        it.queue = queue;
        it.progress = queueProgressFence;
      },
    ],
    [
      'creating an allocation over its own memory',
      async (it) => {
        it.block ??= it.bus!.memory.allocate(UPLOAD_BYTES);
        const created = it.process!.createAllocation({
          device: it.device,
          flags: EXISTING_SYSTEM_MEMORY,
          allocationInfo: [
            {
              privDrvData: sized(UPLOAD_BYTES),
              sysmem: { block: it.block, offset: 0, length: UPLOAD_BYTES },
            },
          ],
        });
        it.allocation = unwrap(await created, 'createAllocation').allocationInfo[0]!.allocation;
      },
    ],
    [
      'mapping it for the GPU',
      async (it) => {
        const mapped = it.process!.mapGpuVirtualAddress({
          pagingQueue: it.pagingQueue,
          allocation: it.allocation,
          sizeInPages: BigInt(UPLOAD_BYTES / PAGE_BYTES),
          protection: 1n,
        });
        it.address = unwrap(await mapped, 'mapGpuVirtualAddress').virtualAddress;
      },
    ],
    [
      'making it resident',
      async (it) => {
        const { pagingQueue, allocation } = it;
        unwrap(await it.process!.makeResident({ pagingQueue, allocationList: [allocation] }), 'makeResident');
      },
    ],
    [
      'creating a fence',
      async (it) => {
        const created = it.process!.createSynchronizationObject2({
          device: it.device,
          info: { type: MONITORED_FENCE, monitoredFence: { initialFenceValue: 0n } },
        });
        it.fence = unwrap(await created, 'createSynchronizationObject2').syncObject;
      },
    ],
    [
      'uploading',
      async (it) => {
        for (let at = 0; at < UPLOAD_BYTES; at += 256 * 1024) {
          it.block!.bytes.fill(at >>> 18, at, at + 256 * 1024);
          it.block!.flush(at, 256 * 1024);
        }
        unwrap(await it.process!.getDeviceState({ device: it.device, stateType: 1 }), 'getDeviceState');
      },
    ],
    [
      'submitting work',
      async (it) => {
        const half = BigInt(UPLOAD_BYTES / 2);
        const sent = submit(
          it,
          new ReferenceEncoder().copy(it.address, it.address + half, BigInt(COPY_BYTES)).privateData(),
        );
        unwrap(await sent, 'submitCommandToHwQueue');
      },
    ],
    [
      'waiting on the CPU for work',
      async (it) => {
        const waited = it.process!.waitForSynchronizationObjectFromCpu({
          device: it.device,
          objects: [it.progress],
          fenceValues: [it.submitted],
        });
        unwrap(await waited, 'waitForSynchronizationObjectFromCpu');
      },
    ],
    [
      'making a window allocation',
      async (it) => {
        const created = it.process!.createAllocation({
          device: it.device,
          allocationInfo: [{ privDrvData: sized(64 * 1024) }],
        });
        it.local = unwrap(await created, 'createAllocation').allocationInfo[0]!.allocation;
      },
    ],
    [
      'locking it',
      async (it) => {
        const locked = unwrap(await it.process!.lock2({ device: it.device, allocation: it.local }), 'lock2');
        locked.data!.fill(7);
        locked.flush(0, locked.data!.length);
      },
    ],
    [
      'waiting on the CPU for what never comes',
      async (it) => {
        const waited = it.process!.waitForSynchronizationObjectFromCpu({
          device: it.device,
          objects: [it.fence],
          fenceValues: [NEVER],
          asyncEvent: new KmtEvent(),
        });
        unwrap(await waited, 'waitForSynchronizationObjectFromCpu');
      },
    ],
    [
      'waiting on the GPU for what never comes',
      async (it) => {
        const waited = it.process!.submitWaitForSyncObjectsToHwQueue({
          hwqueue: it.queue,
          objects: [it.fence],
          fenceValues: [NEVER],
        });
        unwrap(await waited, 'submitWaitForSyncObjectsToHwQueue');
        unwrap(await submit(it, new ReferenceEncoder().privateData()), 'submitCommandToHwQueue');
      },
    ],
    [
      'hanging the GPU',
      async (it) => {
        const { context } = unwrap(
          await it.process!.createContextVirtual({
            device: it.device,
            flags: HW_QUEUE_SUPPORTED,
            nodeOrdinal: 1,
            engineAffinity: 1,
          }),
          'createContextVirtual',
        );
        const { queue } = unwrap(await it.process!.createHwQueue({ context }), 'createHwQueue');
        const privDrvData = new ReferenceEncoder().hang().privateData();
        await it.process!.submitCommandToHwQueue({ hwqueue: queue, hwqueueProgressFenceId: 1n, privDrvData });
      },
    ],
    ['destroying the device', (it) => it.process!.destroyDevice({ device: it.device })],
    ['closing the process', (it) => it.process!.closeDevice()],
    [
      'closing the bus',
      async (it) => {
        await it.driver!.close();
        await it.bus!.close();
      },
    ],
  ];
