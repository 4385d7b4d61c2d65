import { requestedLengthBytes } from '../backends/allocation-size.ts';
import type {
  AdapterDescription,
  AllocationRequest,
  AllocationResult,
  AllocationStorage,
  BackendAdapter,
  BackendAllocation,
  BackendContext,
  BackendDevice,
  ExecutionResult,
  NodeDescription,
  SegmentDescription,
  Submission,
} from '../backends/contract.ts';
import type { HostClock } from '../scheduler/clock.ts';

export interface ScriptedSubmission {
  readonly nodeIndex: number;
  readonly submission: Submission;
  /** First byte of the private data when it started; tests use it as a name. */
  readonly name: number;
  readonly end: (result?: ExecutionResult) => void;
}

/** An allocation as the scripted backend sees it. */
export interface ScriptedAllocation {
  readonly lengthBytes: number;
  segmentId: number | null;
  storage: AllocationStorage | null;
  /** Stands for the contents: a discard sets it to 0. */
  contents: number;
  destroyed: boolean;
}

/** A backend whose work ends when the test says so, and which checks that the host keeps to the contract. */
export class ScriptedAdapter implements BackendAdapter {
  readonly description: AdapterDescription;
  /** Submissions that were started and have not ended, in the order of their start. */
  readonly running: ScriptedSubmission[] = [];
  /** Names of all submissions in the order of their start. */
  readonly started: number[] = [];
  /** Ends submissions as soon as they start. */
  immediate = false;
  /** Paging takes until `finishMoves`. */
  slowMoves = false;
  /** The next page-ins fail. */
  failPageIns = 0;
  resets = 0;
  /** Settles when a reset may end; null: at once. */
  resetGate: Promise<void> | null = null;
  readonly usedBytes = new Map<number, number>();
  readonly contexts = new Set<BackendContext>();
  readonly allocations = new Set<ScriptedAllocation>();
  readonly evictions: ScriptedAllocation[] = [];
  #moves: (() => void)[] = [];
  readonly #clock: HostClock;

  constructor(
    clock: HostClock,
    options: {
      readonly nodes?: readonly Partial<NodeDescription>[];
      readonly segments?: readonly SegmentDescription[];
      readonly canEvict?: boolean;
      readonly timeoutMs?: number;
    } = {},
  ) {
    this.#clock = clock;
    const node: NodeDescription = { kind: '3d', name: 'node', maxInFlight: 1, clockHz: 1000 };
    this.description = {
      description: 'scripted',
      instanceId: 'scripted',
      vendorId: 0,
      deviceId: 0,
      softwareDevice: true,
      computeOnly: false,
      driverVersion: '1',
      segments: options.segments ?? [{ id: 1, group: 'local', lengthBytes: 64 * 4096 }],
      nodes: (options.nodes ?? [{}]).map((each) => ({ ...node, ...each })),
      canEvict: options.canEvict ?? true,
      timeoutMs: options.timeoutMs ?? 2000,
      userModeCaps: new Uint8Array(0),
    };
  }

  /** Ends the oldest running submission of a name. */
  end(name: number, result?: ExecutionResult): void {
    const submission = this.running.find((each) => each.name === name);
    if (submission === undefined) throw new Error(`submission ${name} does not run`);
    submission.end(result);
  }

  /** Names of the running submissions, in the order of their start. */
  get runningNames(): number[] {
    return this.running.map((each) => each.name);
  }

  get pendingMoves(): number {
    return this.#moves.length;
  }

  /** Ends the moves that are under way, and lets promises settle. */
  async finishMoves(): Promise<void> {
    for (const finish of this.#moves.splice(0)) finish();
    for (let i = 0; i < 4; i += 1) await Promise.resolve();
  }

  createDevice(): BackendDevice {
    return {};
  }

  destroyDevice(): void {}

  createAllocation(request: AllocationRequest): AllocationResult | { readonly refused: string } {
    const lengthBytes = requestedLengthBytes(request);
    if (typeof lengthBytes !== 'number') return lengthBytes;
    const allocation: ScriptedAllocation = {
      lengthBytes,
      segmentId: null,
      storage: null,
      contents: 0,
      destroyed: false,
    };
    this.allocations.add(allocation);
    return {
      allocation: allocation as BackendAllocation,
      lengthBytes,
      cached: true,
      segments: request.existingSystemMemory ? [] : this.description.segments.map((segment) => segment.id),
    };
  }

  destroyAllocation(token: BackendAllocation): void {
    const allocation = this.#check(token);
    this.#use(allocation.segmentId, -allocation.lengthBytes);
    allocation.destroyed = true;
    this.allocations.delete(allocation);
  }

  setStorage(token: BackendAllocation, storage: AllocationStorage | null): boolean {
    this.#check(token).storage = storage;
    return true;
  }

  makeResident(token: BackendAllocation, segmentId: number): Promise<void> | void {
    const allocation = this.#check(token);
    if (allocation.segmentId !== null) throw new Error('made resident twice');
    if (this.failPageIns > 0) {
      this.failPageIns -= 1;
      if (this.slowMoves) return Promise.reject(new Error('out of memory'));
      throw new Error('out of memory');
    }
    this.#use(segmentId, allocation.lengthBytes);
    allocation.segmentId = segmentId;
    return this.#move();
  }

  evict(token: BackendAllocation, discard: boolean): Promise<void> | void {
    const allocation = this.#check(token);
    if (allocation.segmentId === null) throw new Error('evicted although not resident');
    this.evictions.push(allocation);
    const { segmentId } = allocation;
    const finish = () => {
      this.#use(segmentId, -allocation.lengthBytes);
      allocation.segmentId = null;
      if (discard) allocation.contents = 0;
    };
    if (!this.slowMoves) {
      finish();
      return;
    }
    return new Promise((resolve) => {
      this.#moves.push(() => {
        finish();
        resolve();
      });
    });
  }

  createContext(): BackendContext {
    const context = {};
    this.contexts.add(context);
    return context;
  }

  destroyContext(context: BackendContext): void {
    if (this.running.some((each) => each.submission.context === context)) {
      throw new Error('context destroyed while it runs');
    }
    this.contexts.delete(context);
  }

  execute(nodeIndex: number, submission: Submission, done: (result: ExecutionResult) => void): void {
    const onNode = this.running.filter((each) => each.nodeIndex === nodeIndex).length;
    if (onNode >= this.description.nodes[nodeIndex]!.maxInFlight) throw new Error('too many in flight');
    const name = submission.privateData[0] ?? 0;
    this.started.push(name);
    if (this.immediate) {
      done({ kind: 'completed' });
      return;
    }
    const entry: ScriptedSubmission = {
      nodeIndex,
      submission,
      name,
      end: (result = { kind: 'completed' }) => {
        this.running.splice(this.running.indexOf(entry), 1);
        done(result);
      },
    };
    this.running.push(entry);
  }

  readClock(): bigint {
    return BigInt(Math.floor(this.#clock.nowMs()));
  }

  async reset(): Promise<void> {
    this.resets += 1;
    if (this.resetGate !== null) await this.resetGate;
    while (this.running.length > 0) this.running[0]!.end({ kind: 'lost' });
  }

  async close(): Promise<void> {}

  #move(): Promise<void> | void {
    if (!this.slowMoves) return;
    return new Promise((resolve) => this.#moves.push(resolve));
  }

  #check(token: BackendAllocation): ScriptedAllocation {
    const allocation = token as ScriptedAllocation;
    if (allocation.destroyed) throw new Error('used after it was destroyed');
    return allocation;
  }

  #use(segmentId: number | null, lengthBytes: number): void {
    if (segmentId === null) return;
    const usedBytes = (this.usedBytes.get(segmentId) ?? 0) + lengthBytes;
    const segment = this.description.segments.find(({ id }) => id === segmentId)!;
    if (usedBytes > segment.lengthBytes || usedBytes < 0) {
      throw new Error(`segment ${segmentId} holds ${usedBytes} of ${segment.lengthBytes} bytes`);
    }
    this.usedBytes.set(segmentId, usedBytes);
  }
}
