import { AllocationKind, encodeAllocationData, encodeContextBlob } from '@dxgwire/protocol/blobs';
import {
  decodeReturns,
  ops,
  type ReturnHandlers,
  returnOps,
  STREAM_VERSION,
  StreamWriter,
} from '@dxgwire/protocol/stream';
import { type HostGuestMemory, type HostWindow, TransportError } from '@dxgwire/transport';
import { createSharedRegionAllocator } from '../../../shared-region.ts';
import type {
  AdapterEnvironment,
  AllocationView,
  Backend,
  BackendAdapter,
  BackendContext,
  BackendLog,
  ExecutionResult,
  PageWalk,
  Submission,
} from '../../contract.ts';

/** Guest memory and window of a test: plain memory, or shared files where `shared`. */
const WINDOW_BYTES = 1 << 20;
const DEFAULT_STAGING_BYTES = 64 << 20;
const RING_BYTES = 64 << 10;
const STAGING_ADDRESS = 0x10_0000n;
export const RETURN_FENCE = 0x40;
export const RETURN_EVENT = 0x41;

const quiet: BackendLog = { debug() {}, info() {}, warn() {}, error() {} };

interface Region {
  readonly bytes: Uint8Array;
  readonly path: string | null;
  free(): void;
}

function region(lengthBytes: number, shared: boolean): Region {
  const allocate = shared ? createSharedRegionAllocator() : null;
  return allocate?.(lengthBytes) ?? { bytes: new Uint8Array(lengthBytes), path: null, free: () => {} };
}

/** A record that came back, by its name. */
export interface Returned {
  readonly name: keyof typeof returnOps;
  readonly values: readonly unknown[];
}

/**
 * One adapter of the backend as the host uses it, with one device, one context, a return ring in the window and
 * staging memory of the guest at a GPU virtual address.
 */
export class Rig {
  readonly writer = new StreamWriter();
  readonly returned: Returned[] = [];
  readonly lost: string[] = [];
  /** What was signalled, by handle. */
  readonly signals: number[] = [];
  readonly adapter: BackendAdapter;
  /** The guest's staging memory. */
  readonly staging: Uint8Array;
  readonly stagingAddress = Number(STAGING_ADDRESS);
  /** Writes that the guest was told of. */
  published = 0;
  /** The guest has given its memory up: nothing there can be published. */
  hasTakenBack = false;
  private readonly context: BackendContext;
  private readonly allocations = new Map<string, AllocationView>();
  private readonly regions: Region[];
  private readonly window: Region;
  /** Keeps the test's process running: errors that nobody asked for come when nothing else is under way. */
  private readonly alive = setInterval(() => {}, 2 ** 30);
  private consumed = 0;
  private written = 0;
  private waiters: (() => void)[] = [];
  private lastRequest = 0;
  private lastHandle = 0x100;
  private lastId = 0;

  /** @param stagingBytes - Memory of the guest: what a stream can have copied at a time. */
  static async open(backend: Backend, shared = true, stagingBytes = DEFAULT_STAGING_BYTES): Promise<Rig> {
    const holder: { rig?: Rig } = {};
    const window = region(WINDOW_BYTES, shared);
    const guest = region(stagingBytes, shared);
    const environment: AdapterEnvironment = {
      name: 'test',
      log: quiet,
      window: windowOf(window, () => holder.rig),
      memory: memoryOf(guest, () => holder.rig),
      onLost: (reason) => holder.rig?.lost.push(reason),
    };
    const adapter = await backend.openAdapter(0, environment);
    const rig = new Rig(adapter, window, guest);
    holder.rig = rig;
    return rig;
  }

  private constructor(adapter: BackendAdapter, window: Region, guest: Region) {
    this.adapter = adapter;
    this.window = window;
    this.regions = [window, guest];
    this.staging = guest.bytes;
    const device = adapter.createDevice();
    this.allocate(1, RING_BYTES, AllocationKind.returnRing, {
      kind: 'window',
      offset: 0,
      length: RING_BYTES,
    });
    this.allocate(2, guest.bytes.length, AllocationKind.bytes, {
      kind: 'guest-pages',
      ranges: [{ address: 0, length: guest.bytes.length }],
      writable: true,
    });
    const context = adapter.createContext({
      device,
      nodeIndex: 0,
      privateData: encodeContextBlob({
        streamVersion: STREAM_VERSION,
        returnRing: [1, 0],
        returnFence: RETURN_FENCE,
        returnEvent: RETURN_EVENT,
      }),
      services: {
        signalFence: (handle, low, high) => {
          this.signals.push(handle);
          if (handle === RETURN_FENCE) this.readReturns(low + high * 2 ** 32);
          return true;
        },
        findAllocation: (low, high) => this.allocations.get(`${low}:${high}`) ?? null,
      },
    });
    if ('refused' in context) throw new Error(String(context.refused));
    this.context = context;
  }

  private allocate(
    handle: number,
    lengthBytes: number,
    kind: AllocationKind,
    storage: AllocationView['storage'] = null,
  ): void {
    const result = this.adapter.createAllocation({
      device: {},
      runtimeHandleLow: handle,
      runtimeHandleHigh: 0,
      privateData: encodeAllocationData({ lengthBytes, kind }),
      resourcePrivateData: new Uint8Array(0),
      standardLengthBytes: 0,
      existingSystemMemory: storage?.kind === 'guest-pages',
    });
    if ('refused' in result) throw new Error(result.refused);
    if (storage !== null && !this.adapter.setStorage(result.allocation, storage)) {
      throw new Error('the backend does not take the storage');
    }
    const { allocation } = result;
    this.allocations.set(`${handle}:0`, {
      allocation,
      lengthBytes: result.lengthBytes,
      storage,
      resident: true,
    });
  }

  /** A runtime handle of fresh memory for a buffer or texture. */
  memory(lengthBytes: number, kind: AllocationKind = AllocationKind.buffer): number {
    this.lastHandle += 1;
    this.allocate(this.lastHandle, lengthBytes, kind);
    return this.lastHandle;
  }

  /** Destroys an allocation, as the host does when no work can use it any more. */
  free(handle: number): void {
    const view = this.allocations.get(`${handle}:0`)!;
    this.allocations.delete(`${handle}:0`);
    this.adapter.destroyAllocation(view.allocation);
  }

  /** Drops the contents of an allocation, as the host does with what was offered. */
  async discard(handle: number): Promise<void> {
    await this.adapter.evict(this.allocations.get(`${handle}:0`)!.allocation, true);
  }

  id(): number {
    this.lastId += 1;
    return this.lastId;
  }

  request(): number {
    this.lastRequest += 1;
    return this.lastRequest;
  }

  /** Records a buffer with memory of its own. @returns its id. */
  buffer(size: number, usage: number, mappedAtCreation = false): number {
    const id = this.id();
    ops.createBuffer(this.writer, id, this.memory(Math.max(4, size)), 0, size, usage, mappedAtCreation, '');
    return id;
  }

  /** Submits what was recorded. */
  submit(): Promise<ExecutionResult> {
    const stream = this.writer.view();
    const privateData = new Uint8Array(8 + stream.length);
    new DataView(privateData.buffer).setUint32(4, stream.length, true);
    privateData.set(stream, 8);
    this.writer.reset();
    return this.submitRaw(privateData);
  }

  /** Submits a stream that lies in the staging memory. */
  submitFrom(offset: number, lengthBytes: number): Promise<ExecutionResult> {
    return this.submitRaw(
      Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0),
      STAGING_ADDRESS + BigInt(offset),
      lengthBytes,
    );
  }

  submitRaw(privateData: Uint8Array, commandAddress = 0n, commandLengthBytes = 0): Promise<ExecutionResult> {
    const submission: Submission = {
      context: this.context,
      privateData,
      commandAddress,
      commandLengthBytes,
      walk: (address, lengthBytes) => this.walk(address, lengthBytes),
    };
    return new Promise((resolve) => this.adapter.execute(0, submission, resolve));
  }

  private walk(address: bigint, lengthBytes: number): PageWalk {
    const offset = Number(address - STAGING_ADDRESS);
    if (offset < 0 || offset + lengthBytes > this.staging.length) {
      return { ok: false, faultAddress: address, reason: 'not-mapped' };
    }
    const view = this.allocations.get('2:0')!;
    return { ok: true, runs: [{ view, offset, length: lengthBytes }] };
  }

  private readReturns(total: number): void {
    const copy = new Uint8Array(total - this.written);
    for (let index = 0; index < copy.length; index++) {
      copy[index] = this.window.bytes[(this.written + index) % RING_BYTES]!;
    }
    this.written = total;
    const handlers = Object.fromEntries(
      Object.keys(returnOps).map((name) => [
        name,
        (...values: unknown[]) => {
          if (name !== 'skip') this.returned.push({ name: name as keyof typeof returnOps, values });
        },
      ]),
    );
    decodeReturns(copy, handlers as unknown as ReturnHandlers);
    for (const waiter of this.waiters.splice(0)) waiter();
  }

  /** Tells the backend how much was read. */
  consume(): void {
    this.consumed = this.written;
    ops.returnsConsumed(this.writer, this.consumed, 0);
  }

  /** The first record of that name which passes, taken out; waits for it. */
  async take(
    name: keyof typeof returnOps,
    passes = (_: readonly unknown[]) => true,
  ): Promise<readonly unknown[]> {
    for (;;) {
      const index = this.returned.findIndex((record) => record.name === name && passes(record.values));
      if (index >= 0) return this.returned.splice(index, 1)[0]!.values;
      await new Promise<void>((resolve) => this.waiters.push(resolve));
    }
  }

  /** Makes the device. */
  async createDevice(requiredFeatures: string[] = []): Promise<void> {
    const requestId = this.request();
    ops.createDevice(this.writer, {
      requestId,
      label: 'test',
      queueLabel: '',
      requiredFeatures: ['core-features-and-limits', ...requiredFeatures],
      requiredLimits: [],
    });
    await this.submit();
    const [value] = (await this.take('deviceResult')) as [{ ok: boolean; message: string }];
    if (!value.ok) throw new Error(value.message);
  }

  /** Records and submits a readback. @returns the bytes. */
  async read(buffer: number, size: number, offset = 0): Promise<Uint8Array> {
    const requestId = this.request();
    ops.mapAsync(this.writer, requestId, buffer, 1, offset, size, this.stagingAddress, 0);
    const [result, answer] = await Promise.all([
      this.submit(),
      this.take('mapResult', ([id]) => id === requestId),
    ]);
    if (result.kind !== 'completed' || answer[1] !== 'success') {
      throw new Error(`readback: ${JSON.stringify([result, answer])}`);
    }
    ops.unmap(this.writer, buffer);
    return this.staging.slice(0, size);
  }

  /** Runs `record` in an error scope. @returns the error, or null. */
  async scope(filter: GPUErrorFilter, record: () => void): Promise<{ type: string; message: string } | null> {
    const requestId = this.request();
    ops.pushErrorScope(this.writer, filter);
    record();
    ops.popErrorScope(this.writer, requestId);
    await this.submit();
    const [, status, type, message] = await this.take('errorScopeResult', ([id]) => id === requestId);
    return status === 'error' ? { type: String(type), message: String(message) } : null;
  }

  destroyContext(): void {
    this.adapter.destroyContext(this.context);
  }

  async close(): Promise<void> {
    clearInterval(this.alive);
    await this.adapter.close();
    for (const { free } of this.regions) free();
  }
}

function windowOf(region: Region, rig: () => Rig | undefined): HostWindow {
  const { bytes, path } = region;
  return {
    kind: 'mapped',
    lengthBytes: bytes.length,
    bytes,
    publish: () => counted(rig()),
    storeU64: () => {},
    shareable: () => (path === null ? null : { path, offset: 0 }),
  };
}

function memoryOf(region: Region, rig: () => Rig | undefined): HostGuestMemory {
  const { bytes, path } = region;
  return {
    kind: 'mapped',
    gpadl: () => null,
    contains: (address, length) => address >= 0 && address + length <= bytes.length,
    view: (address, length) => bytes.subarray(address, address + length),
    fetch: async () => {},
    publish: () => {
      if (rig()?.hasTakenBack === true) throw new TransportError('out-of-range', 'no such guest memory');
      counted(rig());
    },
    shareable: (address) => (path === null ? null : { path, offset: address }),
  };
}

function counted(rig: Rig | undefined): void {
  if (rig !== undefined) rig.published += 1;
}
