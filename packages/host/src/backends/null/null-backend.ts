import { now } from '@dxgwire/transport/timers';
import { anyLengthBytes } from '../allocation-size.ts';
import type {
  AdapterDescription,
  AllocationRequest,
  AllocationResult,
  AllocationStorage,
  Backend,
  BackendAdapter,
  BackendAllocation,
  BackendContext,
  BackendDevice,
  ExecutionResult,
  SegmentDescription,
  Submission,
} from '../contract.ts';

const LOCAL_SEGMENT = 1;
const NON_LOCAL_SEGMENT = 2;
const CLOCK_HZ = 10_000_000;
const COMPLETED: ExecutionResult = { kind: 'completed' };

export interface NullBackendOptions {
  /** How many adapters it offers (1). */
  readonly adapterCount?: number;
  /** Segments (256 MiB local with id 1, 256 MiB non-local with id 2). Nothing is ever stored in them. */
  readonly segments?: readonly SegmentDescription[];
  readonly computeOnly?: boolean;
  readonly timeoutMs?: number;
  /** What QueryAdapterInfo(UMDRIVERPRIVATE) returns (nothing). */
  readonly userModeCaps?: Uint8Array;
  /** Source of time for the nodes' clocks, milliseconds (performance.now). */
  readonly nowMs?: () => number;
}

/**
 * A backend that accepts everything and does nothing: all work is done at once, memory has no contents. For fuzzing
 * the host, and for measuring the path without a GPU behind it.
 */
export function createNullBackend(options: NullBackendOptions = {}): Backend {
  const adapters: AdapterDescription[] = [];
  for (let i = 0; i < (options.adapterCount ?? 1); i += 1) adapters.push(describe(i, options));
  return {
    name: 'null',
    adapters,
    openAdapter: async (index) => new NullAdapter(adapters[index]!, options.nowMs ?? (() => now())),
    close: async () => {},
  };
}

function describe(index: number, options: NullBackendOptions): AdapterDescription {
  const node = { maxInFlight: 16, clockHz: CLOCK_HZ } as const;
  const nodes = options.computeOnly
    ? [{ kind: 'compute', name: 'Compute', ...node } as const]
    : [{ kind: '3d', name: '3D', ...node } as const, { kind: 'copy', name: 'Copy', ...node } as const];
  return {
    description: 'dxgwire null device (software: accepts everything, does nothing)',
    instanceId: `dxgwire\\null\\${index}`,
    vendorId: 0x1414,
    deviceId: 0x0000,
    softwareDevice: true,
    computeOnly: options.computeOnly ?? false,
    driverVersion: '0.1.0.0',
    segments: options.segments ?? [
      { id: LOCAL_SEGMENT, group: 'local', lengthBytes: 256 * 2 ** 20 },
      { id: NON_LOCAL_SEGMENT, group: 'non-local', lengthBytes: 256 * 2 ** 20 },
    ],
    nodes,
    canEvict: true,
    timeoutMs: options.timeoutMs ?? 2000,
    userModeCaps: options.userModeCaps ?? new Uint8Array(0),
  };
}

class NullAdapter implements BackendAdapter {
  readonly #segmentIds: readonly number[];
  readonly #nowMs: () => number;

  constructor(description: AdapterDescription, nowMs: () => number) {
    this.#segmentIds = description.segments.map((segment) => segment.id);
    this.#nowMs = nowMs;
  }

  createDevice(): BackendDevice {
    return {};
  }

  destroyDevice(_device: BackendDevice): void {}

  createAllocation(request: AllocationRequest): AllocationResult {
    const lengthBytes = anyLengthBytes(request);
    const segments = request.existingSystemMemory ? [] : this.#segmentIds;
    return { allocation: {}, lengthBytes, cached: true, segments };
  }

  destroyAllocation(_allocation: BackendAllocation): void {}

  setStorage(_allocation: BackendAllocation, _storage: AllocationStorage | null): boolean {
    return true;
  }

  makeResident(_allocation: BackendAllocation, _segmentId: number): void {}
  evict(_allocation: BackendAllocation, _discard: boolean): void {}

  createContext(): BackendContext {
    return {};
  }

  destroyContext(_context: BackendContext): void {}

  execute(_nodeIndex: number, _submission: Submission, done: (result: ExecutionResult) => void): void {
    done(COMPLETED);
  }

  readClock(_nodeIndex: number): bigint {
    return BigInt(Math.floor(this.#nowMs() * (CLOCK_HZ / 1000)));
  }

  escape(): boolean {
    return true;
  }

  async reset(): Promise<void> {}
  async close(): Promise<void> {}
}
