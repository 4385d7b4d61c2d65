import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PAGE_BYTES } from '@dxgwire/transport';
import type { AllocationInstance } from '../../memory/allocation.ts';
import type { DeviceMemory } from '../../memory/device-memory.ts';
import { Status } from '../../memory/status.ts';
import { VideoMemory } from '../../memory/video-memory.ts';
import { WindowAllocator } from '../../memory/window-allocator.ts';
import { FakeGuestMemory, FakeWindow, silentLog } from '../../model/fake-bus.ts';
import { CpuWaits } from '../../scheduler/cpu-waits.ts';
import { createImplicitFence } from '../../scheduler/create-sync-object.ts';
import type { ExecutionQueue } from '../../scheduler/execution-queue.ts';
import { ExecutionState } from '../../scheduler/execution-state.ts';
import { FakeClock } from '../../scheduler/fake-clock.ts';
import { Scheduler } from '../../scheduler/scheduler.ts';
import type { SchedulerDevice } from '../../scheduler/scheduler-device.ts';
import type { SyncObjectInstance } from '../../scheduler/sync-object.ts';
import { createPlainEnvironment, describeBackendCompliance } from '../compliance/index.ts';
import {
  commandsInMemory,
  createReferenceBackend,
  type ReferenceBackendOptions,
  ReferenceEncoder,
} from './index.ts';

const MiB = 2 ** 20;
const PAGE = BigInt(PAGE_BYTES);

for (const kind of ['mapped', 'mirrored'] as const) {
  describeBackendCompliance(`reference, ${kind}`, {
    create: async () => createReferenceBackend(),
    keepsContents: true,
    work: new ReferenceEncoder().privateData(),
    hang: new ReferenceEncoder().hang().privateData(),
    fault: new ReferenceEncoder().fault().privateData(),
    createEnvironment: () => createPlainEnvironment(kind),
  });
}

/** Both managers over the reference backend: a device with one context, as a process of a guest has it. */
class Machine {
  readonly clock = new FakeClock();
  readonly window = new FakeWindow(MiB);
  readonly guestMemory: FakeGuestMemory;
  readonly backend: ReturnType<typeof createReferenceBackend>;
  memory!: VideoMemory;
  scheduler!: Scheduler;
  device!: DeviceMemory;
  work!: SchedulerDevice;
  queue!: ExecutionQueue;
  progress!: SyncObjectInstance;
  fences = new Map<number, SyncObjectInstance>();
  #progress = 0n;

  constructor(options: ReferenceBackendOptions, guestKind: 'mapped' | 'mirrored') {
    this.guestMemory = new FakeGuestMemory(MiB, guestKind);
    this.backend = createReferenceBackend({ nowMs: () => this.clock.nowMs(), ...options });
  }

  static async start(
    options: ReferenceBackendOptions = {},
    guestKind: 'mapped' | 'mirrored' = 'mapped',
  ): Promise<Machine> {
    const machine = new Machine(options, guestKind);
    await machine.open();
    return machine;
  }

  async open(): Promise<void> {
    const description = this.backend.adapters[0]!;
    const adapter = await this.backend.openAdapter(0, {
      name: 'test',
      log: silentLog,
      memory: this.guestMemory,
      window: this.window,
      onLost: (reason) => this.scheduler.adapterLost(reason),
    });
    this.memory = new VideoMemory({
      adapter,
      description,
      windowAllocator: new WindowAllocator({ window: this.window, clock: this.clock }),
      window: this.window,
      guestMemory: this.guestMemory,
      log: silentLog,
    });
    this.scheduler = new Scheduler({
      adapter,
      description,
      clock: this.clock,
      log: silentLog,
      callbacks: { deviceStateChanged() {} },
    });
    const process = this.memory.createProcess();
    this.work = this.scheduler.createDevice(this.scheduler.createProcess(), {
      pageWalker: process.addressSpace,
      owner: {},
      cpuWaits: new CpuWaits({ signalEvent() {} }),
    });
    this.device = this.memory.createDevice(process, adapter.createDevice(), this.work, () => {});
    const backendContext = adapter.createContext({
      device: this.device.token,
      nodeIndex: 0,
      privateData: new Uint8Array(0),
      services: {
        signalFence: (handle, low, high) => {
          this.fences.get(handle)?.signal(low, high);
          return this.fences.has(handle);
        },
        findAllocation: () => null,
      },
    });
    if ('refused' in backendContext) throw new Error(backendContext.refused);
    const context = this.scheduler.createContext(this.work, {
      nodeIndex: 0,
      backendContext,
      hardwareQueues: true,
    });
    this.progress = createImplicitFence(this.window, MiB - PAGE_BYTES);
    this.queue = this.scheduler.createHardwareQueue(context, this.progress);
  }

  /** An allocation that is resident and mapped. */
  allocate(pages: number, options: { system?: readonly bigint[]; resident?: boolean } = {}): Mapped {
    const privateData = new Uint8Array(8);
    new DataView(privateData.buffer).setUint32(0, pages * PAGE_BYTES, true);
    const { instance } = this.memory.createAllocation(this.device, {
      runtimeHandleLow: 0,
      runtimeHandleHigh: 0,
      privateData,
      resourcePrivateData: new Uint8Array(0),
      standardLengthBytes: 0,
      existingSystemMemory: options.system !== undefined,
      readOnly: false,
    });
    if (options.system !== undefined) {
      assert.equal(this.memory.setSystemPages(instance!, 0, options.system, pages), Status.success);
    }
    if (options.resident !== false) assert.equal(this.memory.createResident(this.device, [instance!]), 0);
    const { virtualAddress } = this.device.process.addressSpace.map({
      baseAddress: 0n,
      minimumAddress: 0n,
      maximumAddress: 0n,
      instance: instance!,
      offsetInPages: 0n,
      sizeInPages: BigInt(pages),
      protection: 1n,
      driverProtection: 0n,
    });
    return { instance: instance!, address: virtualAddress };
  }

  submit(data: Uint8Array, commandAddress = 0n, commandLengthBytes = 0): number {
    this.#progress += 1n;
    const { length } = data;
    const { queue } = this;
    return this.scheduler.work.submit(
      queue,
      data,
      0,
      length,
      commandAddress,
      commandLengthBytes,
      this.#progress,
    );
  }

  /** The bytes of an allocation, as a lock shows them. */
  read({ instance }: Mapped): Uint8Array {
    const { offset } = this.memory.lock(instance);
    const bytes = this.window.bytes.slice(offset, offset + instance.allocation.lengthBytes);
    this.memory.unlock(instance);
    return bytes;
  }

  write({ instance }: Mapped, change: (bytes: Uint8Array) => void): void {
    const { offset } = this.memory.lock(instance);
    change(this.window.bytes.subarray(offset, offset + instance.allocation.lengthBytes));
    this.memory.unlock(instance);
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 10; i += 1) await Promise.resolve();
  }
}

interface Mapped {
  readonly instance: AllocationInstance;
  readonly address: bigint;
}

describe('the reference backend under both managers', () => {
  it('fills and copies by GPU address', async () => {
    const machine = await Machine.start();
    const [a, b] = [machine.allocate(2), machine.allocate(2)];
    const encoder = new ReferenceEncoder()
      .fill(a.address, 2n * PAGE, 0x04030201)
      .copy(a.address + 1n, b.address + 100n, PAGE);
    machine.submit(encoder.privateData());
    assert.equal(machine.progress.object.value, 1n);
    const bytes = machine.read(b);
    assert.deepEqual([...bytes.subarray(98, 106)], [0, 0, 2, 3, 4, 1, 2, 3]);
    assert.deepEqual([...bytes.subarray(100 + PAGE_BYTES - 2, 100 + PAGE_BYTES + 1)], [4, 1, 0]);
  });

  it('copies onto itself as if all was read first', async () => {
    const machine = await Machine.start();
    const a = machine.allocate(2);
    machine.write(a, (bytes) => {
      for (let i = 0; i < bytes.length; i += 1) bytes[i] = i & 0xff;
    });
    machine.submit(new ReferenceEncoder().copy(a.address, a.address + 3n, PAGE).privateData());
    const bytes = machine.read(a);
    assert.deepEqual([...bytes.subarray(0, 8)], [0, 1, 2, 0, 1, 2, 3, 4]);
    assert.equal(bytes[PAGE_BYTES + 2], (PAGE_BYTES - 1) & 0xff);
  });

  it('reads commands from GPU memory', async () => {
    const machine = await Machine.start();
    const [commands, target] = [machine.allocate(1), machine.allocate(1)];
    const encoded = new ReferenceEncoder().fill(target.address, PAGE, 7).commands();
    machine.write(commands, (bytes) => bytes.set(encoded, 64));
    machine.submit(commandsInMemory(), commands.address + 64n, encoded.length);
    assert.equal(machine.read(target)[4], 7);
    machine.submit(new Uint8Array(0), commands.address + 64n, encoded.length);
    assert.equal(machine.progress.object.value, 2n);
  });

  it('writes clocks, signals fences and presents pictures', async () => {
    const machine = await Machine.start();
    const a = machine.allocate(1);
    const fence = createImplicitFence(machine.window, -1);
    machine.fences.set(0x40, fence);
    machine.clock.advance(25);
    machine.write(a, (bytes) =>
      bytes.set([1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9, 10, 11, 12, 13, 14, 15, 16, 17], 8),
    );
    machine.submit(
      new ReferenceEncoder()
        .timestamp(a.address)
        .signalFence(0x40, 2n ** 33n)
        .present(a.address + 8n, 2, 2, 12)
        .privateData(),
    );
    assert.equal(new DataView(machine.read(a).buffer).getBigUint64(0, true), 250_000n);
    assert.equal(fence.object.value, 2n ** 33n);
    const [frame] = machine.backend.opened[0]!.frames;
    assert.deepEqual(frame, {
      width: 2,
      height: 2,
      pixels: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17),
    });
  });

  for (const kind of ['mapped', 'mirrored'] as const) {
    it(`reads and writes guest pages, ${kind}`, async () => {
      const machine = await Machine.start({}, kind);
      const guest = machine.allocate(2, { system: [9n, 4n] });
      const local = machine.allocate(2);
      machine.guestMemory.guestBytes.fill(0x11, 9 * PAGE_BYTES, 10 * PAGE_BYTES);
      machine.guestMemory.guestBytes.fill(0x22, 4 * PAGE_BYTES, 5 * PAGE_BYTES);
      machine.submit(
        new ReferenceEncoder()
          .copy(guest.address, local.address, 2n * PAGE)
          .fill(guest.address + PAGE - 4n, 8n, 0x33333333)
          .privateData(),
      );
      machine.submit(new ReferenceEncoder().privateData());
      await machine.settle();
      assert.equal(machine.progress.object.value, 2n);
      const bytes = machine.read(local);
      assert.deepEqual([bytes[0], bytes[PAGE_BYTES]], [0x11, 0x22]);
      assert.equal(machine.guestMemory.guestBytes[10 * PAGE_BYTES - 4], 0x33);
      assert.equal(machine.guestMemory.guestBytes[4 * PAGE_BYTES + 3], 0x33);
      assert.equal(machine.guestMemory.guestBytes[4 * PAGE_BYTES + 4], 0x22);
    });
  }

  it('reads zero reservations as zero and drops what is written there', async () => {
    const machine = await Machine.start();
    const space = machine.device.process.addressSpace;
    const { virtualAddress } = space.reserve({
      baseAddress: 0n,
      minimumAddress: 0n,
      maximumAddress: 0n,
      size: 2n ** 20n,
      reservationType: 1,
      driverProtection: 0n,
    });
    const a = machine.allocate(1);
    machine.submit(
      new ReferenceEncoder()
        .fill(virtualAddress, 2n ** 20n, 5)
        .fill(a.address, PAGE, 5)
        .copy(virtualAddress + 7n, a.address, 16n)
        .privateData(),
    );
    assert.equal(machine.read(a)[0], 0);
    assert.equal(machine.read(a)[16], 5);
  });

  it('faults the device on memory that is not mapped or not resident, with the address', async () => {
    for (const isMapped of [true, false]) {
      const machine = await Machine.start();
      const a = machine.allocate(1);
      const evicted = machine.allocate(1, { resident: false });
      const address = isMapped ? evicted.address : a.address + PAGE;
      machine.submit(new ReferenceEncoder().copy(a.address, address, 8n).privateData());
      assert.equal(machine.work.state, ExecutionState.dmaPageFault);
      assert.equal(machine.work.faultAddress, address);
      assert.equal(machine.submit(new Uint8Array(0)), Status.deviceRemoved);
    }
  });

  it('faults on commands that are not valid', async () => {
    const bad: Uint8Array[] = [
      new ReferenceEncoder().fault().privateData(),
      new ReferenceEncoder().fill(0n, 3n, 0).privateData(),
      new ReferenceEncoder().copy(0n, 0n, 2n ** 40n).privateData(),
      new ReferenceEncoder().signalFence(1, 1n).privateData(),
      new ReferenceEncoder().present(0n, 0, 1, 0).privateData(),
      Uint8Array.of(0, 0, 0, 0, 9, 0, 0, 0),
      Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0),
      Uint8Array.of(1),
      Uint8Array.of(0, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0),
      Uint8Array.of(0, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 32, 0, 0, 0),
      Uint8Array.of(0, 0, 0, 0, 8, 0, 0, 0, 99, 0, 0, 0, 8, 0, 0, 0),
    ];
    for (const data of bad) {
      const machine = await Machine.start();
      machine.submit(data);
      assert.equal(machine.work.state, ExecutionState.dmaFault, machine.work.faultMessage);
    }
  });

  it('keeps contents through pressure, and memory to its segment', async () => {
    const machine = await Machine.start({ localBytes: 4 * PAGE_BYTES, nonLocalBytes: 0 });
    const all = [1, 2, 3, 4].map(() => machine.allocate(2, { resident: false }));
    const queue = machine.memory.createPagingQueue(
      machine.device,
      0,
      createImplicitFence(machine.window, -1),
    )!;
    all.forEach(({ instance, address }, index) => {
      assert.equal(machine.memory.makeResident(queue, [instance], 0).status, Status.success);
      machine.submit(new ReferenceEncoder().fill(address, 2n * PAGE, index + 1).privateData());
      machine.memory.evict(machine.device, [instance], 1);
    });
    assert.equal(machine.backend.opened[0]!.usedBytes(1), 4 * PAGE_BYTES);
    all.forEach((each, index) => {
      assert.equal(machine.read(each)[PAGE_BYTES], index + 1);
    });
    assert.equal(machine.memory.pagingStatistics.pageOuts, 2);
    assert.equal(machine.work.state, ExecutionState.active);
  });

  it('faults when guest pages go between their fetch and the copy, as when a guest is killed', async () => {
    const machine = await Machine.start({}, 'mirrored');
    const a = machine.allocate(2, { system: [1n, 2n] });
    machine.submit(new ReferenceEncoder().copy(a.address, a.address + PAGE, PAGE).privateData());
    machine.guestMemory.view = () => {
      throw new RangeError('outside guest memory');
    };
    await machine.settle();
    assert.ok(machine.guestMemory.fetches > 0);
    assert.equal(machine.work.state, ExecutionState.dmaFault);
    assert.match(machine.work.faultMessage, /guest pages are gone/);
  });

  it('is reset when commands hang, and works on for others', async () => {
    const machine = await Machine.start();
    machine.submit(new ReferenceEncoder().hang().privateData());
    machine.submit(new ReferenceEncoder().privateData());
    machine.clock.advance(2000);
    await machine.settle();
    assert.equal(machine.work.state, ExecutionState.hung);
    assert.equal(machine.progress.object.value, 2n ** 64n - 1n);
    await machine.open();
    machine.submit(new ReferenceEncoder().privateData());
    assert.equal(machine.work.state, ExecutionState.active);
    assert.equal(machine.progress.object.value, 3n);
  });
});

it('lets go of an adapter that is closed, and so of the memory of its guest', async () => {
  const backend = createReferenceBackend();
  const first = await backend.openAdapter(0, createPlainEnvironment('mapped'));
  const second = await backend.openAdapter(0, createPlainEnvironment('mapped'));
  assert.deepEqual(backend.opened, [first, second]);
  await first.close();
  assert.deepEqual(backend.opened, [second]);
  await backend.close();
  assert.deepEqual(backend.opened, []);
});
