import { now } from '@dxgwire/transport/timers';
import { requestedLengthBytes } from '../allocation-size.ts';
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
  ContextServices,
  ExecutionResult,
  SegmentDescription,
  Submission,
} from '../contract.ts';
import { type ExecutorEnvironment, ReferenceExecutor, type ReferenceFrame } from './executor.ts';
import { ReferenceAllocation, ReferenceMemory } from './memory.ts';

/** Segment ids, as WDDM counts them: from 1. */
export const REFERENCE_LOCAL_SEGMENT = 1;
export const REFERENCE_NON_LOCAL_SEGMENT = 2;

const CLOCK_HZ = 10_000_000;
const LOST: ExecutionResult = { kind: 'lost' };

export interface ReferenceBackendOptions {
  /** How many adapters it offers (1). */
  readonly adapterCount?: number;
  /** Size of the local segment, bytes (256 MiB). */
  readonly localBytes?: number;
  /** Size of the non-local segment, bytes (256 MiB). 0: there is none. */
  readonly nonLocalBytes?: number;
  /** Submissions that a node takes at a time (2). They run one after another. */
  readonly maxInFlight?: number;
  readonly canEvict?: boolean;
  readonly computeOnly?: boolean;
  readonly timeoutMs?: number;
  /** What QueryAdapterInfo(UMDRIVERPRIVATE) returns (nothing). */
  readonly userModeCaps?: Uint8Array;
  /** Source of time for the nodes' clocks, milliseconds (performance.now). */
  readonly nowMs?: () => number;
  /** Called with each picture that is presented. */
  readonly onFrame?: (frame: ReferenceFrame) => void;
}

export interface ReferenceBackend extends Backend {
  /** Adapters that are open, in the order of their opening. */
  readonly opened: readonly ReferenceAdapter[];
}

/**
 * A GPU in plain TypeScript: real memory, real moves, and the small command set of `commands.ts`, executed exactly and
 * in order. What it does is simple enough to be right, so others are compared with it.
 */
export function createReferenceBackend(options: ReferenceBackendOptions = {}): ReferenceBackend {
  const adapters: AdapterDescription[] = [];
  for (let i = 0; i < (options.adapterCount ?? 1); i += 1) adapters.push(describe(i, options));
  const opened: ReferenceAdapter[] = [];
  // What is closed is let go of: it holds the memory of its guest.
  const forget = (adapter: ReferenceAdapter): void => {
    const index = opened.indexOf(adapter);
    if (index >= 0) opened.splice(index, 1);
  };
  return {
    name: 'reference',
    adapters,
    opened,
    openAdapter: async (index, environment) => {
      const adapter = new ReferenceAdapter(adapters[index]!, environment, options, forget);
      opened.push(adapter);
      return adapter;
    },
    close: async () => {
      for (const adapter of [...opened]) await adapter.close();
    },
  };
}

function describe(index: number, options: ReferenceBackendOptions): AdapterDescription {
  const node = { maxInFlight: options.maxInFlight ?? 2, clockHz: CLOCK_HZ };
  const segments: SegmentDescription[] = [
    { id: REFERENCE_LOCAL_SEGMENT, group: 'local', lengthBytes: options.localBytes ?? 256 * 2 ** 20 },
  ];
  const nonLocalBytes = options.nonLocalBytes ?? 256 * 2 ** 20;
  if (nonLocalBytes > 0) {
    segments.push({ id: REFERENCE_NON_LOCAL_SEGMENT, group: 'non-local', lengthBytes: nonLocalBytes });
  }
  const main = options.computeOnly
    ? ({ kind: 'compute', name: 'Compute', ...node } as const)
    : ({ kind: '3d', name: '3D', ...node } as const);
  return {
    description: 'dxgwire reference device (software: copies, fills, presents)',
    instanceId: `dxgwire\\reference\\${index}`,
    vendorId: 0x1414,
    deviceId: 0x0001,
    softwareDevice: true,
    computeOnly: options.computeOnly ?? false,
    driverVersion: '0.1.0.0',
    segments,
    nodes: [main, { kind: 'copy', name: 'Copy', ...node }],
    canEvict: options.canEvict ?? true,
    timeoutMs: options.timeoutMs ?? 2000,
    userModeCaps: options.userModeCaps ?? new Uint8Array(0),
  };
}

interface ReferenceContext extends BackendContext {
  readonly services: ContextServices;
}

interface PendingSubmission {
  readonly executor: ReferenceExecutor;
  readonly done: (result: ExecutionResult) => void;
}

/** One engine: runs what it is given, one after another. */
class ReferenceNode {
  #pending: PendingSubmission[] = [];
  #busy = false;

  add(submission: PendingSubmission): void {
    this.#pending.push(submission);
    if (!this.#busy) this.#pump();
  }

  /** Ends all that it has, whatever it does. */
  reset(): void {
    const lost = this.#pending;
    this.#pending = [];
    this.#busy = false;
    for (const { done } of lost) done(LOST);
  }

  #pump(): void {
    this.#busy = true;
    for (;;) {
      const current = this.#pending[0];
      if (current === undefined) break;
      const result = runOf(current.executor);
      if (result === 'hang') return;
      if (result instanceof Promise) {
        this.#resumeAfter(result, current);
        return;
      }
      this.#pending.shift();
      current.done(result);
    }
    this.#busy = false;
  }

  #resumeAfter(fetched: Promise<void>, current: PendingSubmission): void {
    const isCurrent = () => this.#pending[0] === current;
    fetched.then(
      () => {
        if (isCurrent()) this.#pump();
      },
      (error: unknown) => {
        if (!isCurrent()) return;
        this.#pending.shift();
        current.done({ kind: 'fault', message: `guest pages could not be fetched: ${String(error)}` });
        this.#pump();
      },
    );
  }
}

/** The guest's pages may go with its link at any time, also between a fetch and the copy that it was for. */
function runOf(executor: ReferenceExecutor): ReturnType<ReferenceExecutor['run']> {
  try {
    return executor.run();
  } catch (error) {
    return { kind: 'fault', message: `guest pages are gone: ${String(error)}` };
  }
}

export class ReferenceAdapter implements BackendAdapter {
  /** The last pictures that were presented, oldest first; at most 16. */
  readonly frames: ReferenceFrame[] = [];
  readonly #description: AdapterDescription;
  readonly #options: ReferenceBackendOptions;
  readonly #memory: ReferenceMemory;
  readonly #nodes: readonly ReferenceNode[];
  readonly #nowMs: () => number;
  readonly #onClosed: (adapter: ReferenceAdapter) => void;
  /** Bytes taken of each segment. */
  readonly #usedBytes = new Map<number, number>();

  constructor(
    description: AdapterDescription,
    environment: AdapterEnvironment,
    options: ReferenceBackendOptions,
    onClosed: (adapter: ReferenceAdapter) => void = () => {},
  ) {
    this.#onClosed = onClosed;
    this.#description = description;
    this.#options = options;
    this.#memory = new ReferenceMemory(environment.memory, environment.window);
    this.#nodes = description.nodes.map(() => new ReferenceNode());
    this.#nowMs = options.nowMs ?? (() => now());
  }

  /** Bytes that allocations take up in a segment. */
  usedBytes(segmentId: number): number {
    return this.#usedBytes.get(segmentId) ?? 0;
  }

  createDevice(): BackendDevice {
    return {};
  }

  destroyDevice(_device: BackendDevice): void {}

  createAllocation(request: AllocationRequest): AllocationResult | { readonly refused: string } {
    const lengthBytes = requestedLengthBytes(request);
    if (typeof lengthBytes !== 'number') return lengthBytes;
    return {
      allocation: new ReferenceAllocation(lengthBytes, request.existingSystemMemory) as BackendAllocation,
      lengthBytes,
      cached: true,
      segments: request.existingSystemMemory ? [] : this.#description.segments.map((segment) => segment.id),
    };
  }

  destroyAllocation(allocation: BackendAllocation): void {
    this.#leaveSegment(allocation as ReferenceAllocation);
  }

  setStorage(allocation: BackendAllocation, storage: AllocationStorage | null): boolean {
    this.#memory.move(allocation as ReferenceAllocation, storage);
    return true;
  }

  /** @throws Error when the segment has no such room: the memory manager has promised more than there is. */
  makeResident(allocation: BackendAllocation, segmentId: number): void {
    const reference = allocation as ReferenceAllocation;
    const segment = this.#description.segments.find(({ id }) => id === segmentId);
    const usedBytes = this.usedBytes(segmentId) + reference.lengthBytes;
    if (segment === undefined || usedBytes > segment.lengthBytes) {
      throw new Error(`segment ${segmentId}: ${usedBytes} bytes of ${segment?.lengthBytes ?? 0}`);
    }
    this.#usedBytes.set(segmentId, usedBytes);
    reference.segmentId = segmentId;
  }

  evict(allocation: BackendAllocation, discard: boolean): void {
    const reference = allocation as ReferenceAllocation;
    this.#leaveSegment(reference);
    if (discard) reference.bytes = null;
  }

  createContext(request: ContextRequest): BackendContext {
    const context: ReferenceContext = { services: request.services };
    return context;
  }

  destroyContext(_context: BackendContext): void {}

  execute(nodeIndex: number, submission: Submission, done: (result: ExecutionResult) => void): void {
    const environment: ExecutorEnvironment = {
      memory: this.#memory,
      services: (submission.context as ReferenceContext).services,
      readClock: () => this.readClock(nodeIndex),
      present: (frame) => this.#present(frame),
    };
    this.#nodes[nodeIndex]!.add({ executor: new ReferenceExecutor(environment, submission), done });
  }

  readClock(_nodeIndex: number): bigint {
    return BigInt(Math.floor(this.#nowMs() * (CLOCK_HZ / 1000)));
  }

  escape(): boolean {
    return true;
  }

  async reset(): Promise<void> {
    for (const node of this.#nodes) node.reset();
  }

  async close(): Promise<void> {
    await this.reset();
    this.#onClosed(this);
  }

  #leaveSegment(allocation: ReferenceAllocation): void {
    const { segmentId } = allocation;
    if (segmentId === null) return;
    this.#usedBytes.set(segmentId, this.usedBytes(segmentId) - allocation.lengthBytes);
    allocation.segmentId = null;
  }

  #present(frame: ReferenceFrame): void {
    this.frames.push(frame);
    if (this.frames.length > 16) this.frames.shift();
    this.#options.onFrame?.(frame);
  }
}
