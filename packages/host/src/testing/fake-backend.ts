import type { HostGuestMemory, HostWindow } from '@dxgwire/transport';
import type {
  AdapterDescription,
  AdapterEnvironment,
  AllocationRequest,
  AllocationResult,
  AllocationStorage,
  Backend,
  BackendAdapter,
  BackendAllocation,
  BackendContext,
  BackendDevice,
  ContextRequest,
  ExecutionResult,
  Submission,
} from '../backends/contract.ts';

const MEBIBYTE = 1 << 20;
const PAGE_BYTES = 4096;

/** Private data of an allocation that the fake refuses: starts with this size. */
export const REFUSED_LENGTH = 0xdead_0000n;

export interface FakeAllocation {
  readonly lengthBytes: number;
  bytes: Uint8Array | null;
  storage: AllocationStorage | null;
}

/** A submission that has begun and not ended. */
export interface FakeRun {
  readonly submission: Submission;
  finish(result?: ExecutionResult): void;
}

/** One adapter of the fake, with everything that the host made on it. */
export class FakeAdapter implements BackendAdapter {
  readonly environment: AdapterEnvironment;
  readonly devices = new Set<BackendDevice>();
  readonly allocations = new Set<FakeAllocation>();
  readonly contexts = new Map<BackendContext, ContextRequest>();
  /** Submissions in the order in which they began. */
  readonly submissions: Submission[] = [];
  readonly running = new Set<FakeRun>();
  /** When true, submissions run until the test ends them. */
  holdsRuns = false;
  resets = 0;
  isClosed = false;

  constructor(environment: AdapterEnvironment) {
    this.environment = environment;
  }

  createDevice(): BackendDevice {
    const device = {};
    this.devices.add(device);
    return device;
  }

  destroyDevice(device: BackendDevice): void {
    this.devices.delete(device);
  }

  createAllocation(request: AllocationRequest): AllocationResult | { readonly refused: string } {
    const { privateData, standardLengthBytes } = request;
    const view = new DataView(privateData.buffer, privateData.byteOffset, privateData.length);
    const wanted =
      privateData.length >= 8 ? view.getBigUint64(0, true) : BigInt(standardLengthBytes || PAGE_BYTES);
    if (wanted === REFUSED_LENGTH) return { refused: 'the test asked for it' };
    for (let i = 8; i < privateData.length; i += 1) privateData[i] = ~privateData[i]! & 0xff;
    const lengthBytes = Math.max(Math.ceil(Number(wanted) / PAGE_BYTES), 1) * PAGE_BYTES;
    const allocation: FakeAllocation = { lengthBytes, bytes: null, storage: null };
    this.allocations.add(allocation);
    const segments = request.existingSystemMemory ? [] : [1, 2];
    return { allocation: allocation as BackendAllocation, lengthBytes, cached: true, segments };
  }

  destroyAllocation(allocation: BackendAllocation): void {
    this.allocations.delete(allocation as FakeAllocation);
  }

  setStorage(token: BackendAllocation, storage: AllocationStorage | null): boolean {
    const allocation = token as FakeAllocation;
    const { window } = this.environment;
    if (storage?.kind === 'window') {
      const place = window.bytes.subarray(storage.offset, storage.offset + storage.length);
      place.set(allocation.bytes ?? new Uint8Array(storage.length));
      allocation.bytes = null;
    } else if (storage === null && allocation.storage?.kind === 'window') {
      const { offset, length } = allocation.storage;
      allocation.bytes = window.bytes.slice(offset, offset + length);
    }
    allocation.storage = storage;
    return true;
  }

  makeResident(): void {}

  evict(token: BackendAllocation, discard: boolean): void {
    if (discard) (token as FakeAllocation).bytes = null;
  }

  createContext(request: ContextRequest): BackendContext | { readonly refused: string } {
    const { privateData } = request;
    if (privateData.length > 0 && privateData[0] === 0xff) return { refused: 'the test asked for it' };
    for (let i = 0; i < privateData.length; i += 1) privateData[i] = ~privateData[i]! & 0xff;
    const context = {};
    this.contexts.set(context, request);
    return context;
  }

  destroyContext(context: BackendContext): void {
    this.contexts.delete(context);
  }

  execute(_nodeIndex: number, submission: Submission, done: (result: ExecutionResult) => void): void {
    this.submissions.push(submission);
    if (!this.holdsRuns) {
      done({ kind: 'completed' });
      return;
    }
    const run: FakeRun = {
      submission,
      finish: (result = { kind: 'completed' }) => {
        if (this.running.delete(run)) done(result);
      },
    };
    this.running.add(run);
  }

  escape(data: Uint8Array): boolean {
    data.reverse();
    return true;
  }

  readClock(): bigint {
    return 12_345n;
  }

  async reset(): Promise<void> {
    this.resets += 1;
    for (const run of [...this.running]) run.finish({ kind: 'lost' });
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }

  get memory(): HostGuestMemory {
    return this.environment.memory;
  }

  get window(): HostWindow {
    return this.environment.window;
  }
}

function describe(index: number, computeOnly: boolean): AdapterDescription {
  return {
    description: `Fake GPU ${index}`,
    instanceId: `FAKE\\${index}`,
    vendorId: 0x1234,
    deviceId: 0x5678 + index,
    softwareDevice: true,
    computeOnly,
    driverVersion: '1.0',
    segments: [
      { id: 1, group: 'local', lengthBytes: 64 * MEBIBYTE },
      { id: 2, group: 'non-local', lengthBytes: 256 * MEBIBYTE },
    ],
    nodes: [
      { kind: '3d', name: '3D', maxInFlight: 1, clockHz: 1_000_000 },
      { kind: 'copy', name: 'Copy', maxInFlight: 1, clockHz: 1_000_000 },
    ],
    canEvict: true,
    timeoutMs: 2000,
    userModeCaps: Uint8Array.of(1, 2, 3, 4, 5),
  };
}

/** A backend whose runs a test can hold and end, and that shows what is on it. */
export class FakeBackend implements Backend {
  readonly name = 'fake';
  readonly adapters: readonly AdapterDescription[];
  readonly opened: FakeAdapter[] = [];
  /** Set: opening an adapter fails with this message. */
  failure: string | null = null;
  /** Adapters are lost before they are open. */
  isLostEarly = false;
  /** Adapters are open no sooner. */
  opening: Promise<void> = Promise.resolve();

  /** @param adapterCount the last of several is compute only. */
  constructor(adapterCount = 1) {
    this.adapters = Array.from({ length: adapterCount }, (_, index) =>
      describe(index, adapterCount > 1 && index === adapterCount - 1),
    );
  }

  async openAdapter(_index: number, environment: AdapterEnvironment): Promise<BackendAdapter> {
    if (this.failure !== null) throw new Error(this.failure);
    if (this.isLostEarly) environment.onLost('the test says so');
    await this.opening;
    const adapter = new FakeAdapter(environment);
    this.opened.push(adapter);
    return adapter;
  }

  async close(): Promise<void> {}

  /** Everything that the host made and did not destroy. */
  get left(): number {
    let left = 0;
    for (const { devices, allocations, contexts } of this.opened) {
      left += devices.size + allocations.size + contexts.size;
    }
    return left;
  }
}
