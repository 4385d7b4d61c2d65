import type { Luid } from '@dxgwire/protocol';
import type { HostGuestMemory, HostWindow } from '@dxgwire/transport';
import type { Account } from './account.ts';
import type { AdapterDescription, Backend, BackendAdapter } from './backends/contract.ts';
import type { Device } from './device.ts';
import { describeError, type Log } from './log.ts';
import { VideoMemory, type WindowAllocator } from './memory/index.ts';
import { ExecutionState, type HostClock, Scheduler, type SchedulerDevice } from './scheduler/index.ts';

/** What a virtual GPU needs of its partition. */
export interface VirtualGpuEnvironment {
  /** The partition's name, for logs. */
  readonly partitionName: string;
  readonly backend: Backend;
  readonly memory: HostGuestMemory;
  readonly window: HostWindow;
  readonly windowAllocator: WindowAllocator;
  readonly clock: HostClock;
  readonly log: Log;
  readonly queueItems: number;
  /** What the queues of the whole guest hold. */
  readonly queuedBytes: Account;
  /** Ranges of its pages behind its allocations, on all its GPUs. */
  readonly guestPageRanges: Account;
  /** Regions and mappings in its address spaces, on all its GPUs. */
  readonly addressRanges: Account;
  /** Says the guest that a device's execution state changed. */
  readonly onDeviceState: (device: Device, state: number) => void;
}

export interface VirtualGpuIdentity {
  /** Place among the partition's virtual GPUs, from 0. */
  readonly index: number;
  /** Place of the adapter in the backend. */
  readonly adapterIndex: number;
  /** What the guest's programs see: the first 8 bytes of the channel's instance GUID. */
  readonly adapterLuid: Luid;
  /** The physical adapter on this host. */
  readonly hostAdapterLuid: Luid;
  /** This virtual GPU, in the extended header of messages. */
  readonly vgpuLuid: Luid;
}

/**
 * One life of the device behind a virtual GPU: the backend's adapter with its memory manager and scheduler. When the
 * backend loses the device, all its objects are lost with it, and a new engine takes its place.
 */
export class GpuEngine {
  readonly adapter: BackendAdapter;
  readonly memory: VideoMemory;
  readonly scheduler: Scheduler;
  isLost = false;
  /** Devices, NT objects and address spaces that still need it. */
  #users = 0;
  #isRetired = false;
  #isClosing = false;
  /** Resolves when the backend has given everything back. */
  readonly closed: Promise<void>;
  #resolveClosed: () => void = () => {};
  readonly #log: Log;

  constructor(adapter: BackendAdapter, memory: VideoMemory, scheduler: Scheduler, log: Log) {
    this.adapter = adapter;
    this.memory = memory;
    this.scheduler = scheduler;
    this.#log = log;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  addUser(): void {
    this.#users += 1;
  }

  removeUser(): void {
    this.#users -= 1;
    this.#closeWhenUnused();
  }

  /** Closes the backend's adapter as soon as nothing uses it. */
  retire(): void {
    this.#isRetired = true;
    this.#closeWhenUnused();
  }

  #closeWhenUnused(): void {
    if (!this.#isRetired || this.#users > 0 || this.#isClosing) return;
    this.#isClosing = true;
    this.scheduler.close();
    const fail = (error: unknown): void => {
      this.#log.error({ reason: describeError(error) }, 'closing the backend adapter failed');
    };
    this.adapter.close().catch(fail).finally(this.#resolveClosed);
  }
}

/** One GPU as a guest sees it. */
export class VirtualGpu {
  readonly identity: VirtualGpuIdentity;
  readonly description: AdapterDescription;
  /** The host's name for it in messages; the partition gives it. */
  hostAdapterHandle = 0;
  /** True between OpenAdapter and CloseAdapter. */
  isOpen = false;
  readonly devices = new Set<Device>();
  /** Devices that are no longer there by name, but whose end is not answered yet. */
  #dyingDevices = 0;
  #onUnused: (() => void) | null = null;
  readonly #environment: VirtualGpuEnvironment;
  readonly #log: Log;
  #engine: GpuEngine | null = null;
  #opening: Promise<void> | null = null;
  /** Engines that the backend has not closed yet. */
  readonly #engines = new Set<GpuEngine>();
  #isClosed = false;
  #isRemoved = false;

  constructor(identity: VirtualGpuIdentity, environment: VirtualGpuEnvironment) {
    this.identity = identity;
    this.#environment = environment;
    this.description = environment.backend.adapters[identity.adapterIndex]!;
    this.#log = environment.log.child({ vgpu: identity.index });
  }

  /** The device behind it, or null while it is being opened or when that failed. */
  get engine(): GpuEngine | null {
    return this.#isRemoved ? null : this.#engine;
  }

  /**
   * Calls back with the engine, at once if it is there; with null when the backend cannot open it. After a failure or
   * a loss the next call tries again.
   */
  withEngine(callback: (engine: GpuEngine | null) => void): void {
    if (this.#isRemoved) callback(null);
    else if (this.#engine !== null || this.#isClosed) callback(this.#engine);
    else this.open().then(() => callback(this.engine));
  }

  /** Opens the backend's adapter unless that was done. Never rejects. */
  open(): Promise<void> {
    this.#opening ??= this.#open().then(
      (engine) => {
        if (!this.#isClosed && !engine.isLost) {
          this.#engine = engine;
          return;
        }
        // One that was lost before it was ours is gone like any other: the next use tries again.
        this.#opening = null;
        engine.retire();
      },
      (error: unknown) => {
        this.#opening = null;
        this.#log.error({ reason: describeError(error) }, 'the backend could not open its adapter');
      },
    );
    return this.#opening;
  }

  async #open(): Promise<GpuEngine> {
    const { backend, memory, window, windowAllocator, clock, onDeviceState } = this.#environment;
    const log = this.#log;
    let engine: GpuEngine | null = null;
    let lostEarly: string | null = null;
    const adapter = await backend.openAdapter(this.identity.adapterIndex, {
      name: `${this.#environment.partitionName}/${this.identity.index}`,
      log,
      memory,
      window,
      onLost: (reason) => {
        if (engine === null) lostEarly = reason;
        else this.#lose(engine, reason);
      },
    });
    const scheduler = new Scheduler({
      adapter,
      description: this.description,
      clock,
      log,
      limits: { queueItems: this.#environment.queueItems },
      queuedBytes: this.#environment.queuedBytes,
      callbacks: {
        deviceStateChanged: (device: SchedulerDevice) => onDeviceState(device.owner as Device, device.state),
      },
    });
    const videoMemory = new VideoMemory({
      adapter,
      description: this.description,
      windowAllocator,
      window,
      guestMemory: memory,
      guestPageRanges: this.#environment.guestPageRanges,
      addressRanges: this.#environment.addressRanges,
      log,
    });
    const opened = new GpuEngine(adapter, videoMemory, scheduler, log);
    engine = opened;
    this.#engines.add(opened);
    opened.closed.then(() => this.#engines.delete(opened));
    if (lostEarly !== null) this.#lose(opened, lostEarly);
    return opened;
  }

  /** The device behind it is gone: everything of this engine is lost, and the next use gets a new one. */
  #lose(engine: GpuEngine, reason: string): void {
    if (engine.isLost) return;
    engine.isLost = true;
    this.#log.warn({ reason }, 'the GPU behind a virtual GPU was lost');
    engine.scheduler.adapterLost(reason, ExecutionState.stopped);
    if (this.#engine === engine) {
      this.#engine = null;
      this.#opening = null;
    }
    engine.retire();
  }

  /** Calls back once there are no devices and the guest knows, at once if there are none. */
  whenUnused(callback: () => void): void {
    if (this.devices.size + this.#dyingDevices === 0) callback();
    else this.#onUnused = callback;
  }

  /** A device begins to go; {@link endDevice} follows. */
  beginEndOfDevice(device: Device): void {
    this.devices.delete(device);
    this.#dyingDevices += 1;
  }

  /** A device is gone, and the guest was told so if it asked. */
  endDevice(): void {
    this.#dyingDevices -= 1;
    if (this.devices.size + this.#dyingDevices > 0 || this.#onUnused === null) return;
    const callback = this.#onUnused;
    this.#onUnused = null;
    callback();
  }

  /** The adapter is taken away from the guest: its devices stop, and no new ones are made. */
  remove(): void {
    if (this.#isRemoved) return;
    this.#isRemoved = true;
    this.#engine?.scheduler.adapterLost('the adapter was removed', ExecutionState.stopped);
  }

  /** Gives the backend's adapters back once nothing uses them. Resolves when the backend has closed all of them. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#opening;
    this.#engine?.retire();
    this.#engine = null;
    await Promise.all([...this.#engines].map((engine) => engine.closed));
  }
}
