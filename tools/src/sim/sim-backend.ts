import type {
  AdapterEnvironment,
  AllocationRequest,
  AllocationStorage,
  Backend,
  BackendAdapter,
  BackendAllocation,
  BackendContext,
  BackendDevice,
  ContextRequest,
  ExecutionResult,
  Submission,
} from '@dxgwire/host/backends';
import { createReferenceBackend } from '@dxgwire/host/backends';
import type { VirtualClock } from '@dxgwire/transport/faults';
import type { SimRandom } from './sim-random.ts';

/** How work goes in a simulation. */
export interface SimWork {
  /** Longest time that a submission takes, milliseconds. */
  readonly maxRunMs: number;
  /** One of so many submissions never ends; 0: none. */
  readonly hangOneIn: number;
}

/** Time without an end after which work counts as hung, milliseconds of virtual time. */
export const SIM_TIMEOUT_MS = 2000;
const LOCAL_BYTES = 512 * 1024;
const NON_LOCAL_BYTES = 1024 * 1024;
const LOST: ExecutionResult = { kind: 'lost' };

/**
 * The reference backend with work that takes time: real memory, real copies, and ends that come when a virtual clock
 * says so. Some work hangs until it is reset.
 */
export class SimBackend implements Backend {
  readonly name = 'simulated';
  readonly adapters: Backend['adapters'];
  readonly open = new Set<SimAdapter>();
  readonly #inner: Backend;
  readonly #clock: VirtualClock;
  readonly #random: SimRandom;
  readonly #work: SimWork;
  /** A guest's work hangs, or its device is lost: what it sees from now on is not what it asked for. */
  onDisturbed: (guest: string) => void = () => {};

  constructor(clock: VirtualClock, random: SimRandom, work: SimWork) {
    this.#clock = clock;
    this.#random = random;
    this.#work = work;
    this.#inner = createReferenceBackend({
      localBytes: LOCAL_BYTES,
      nonLocalBytes: NON_LOCAL_BYTES,
      maxInFlight: 1,
      timeoutMs: SIM_TIMEOUT_MS,
      nowMs: () => clock.now(),
    });
    this.adapters = this.#inner.adapters;
  }

  async openAdapter(index: number, environment: AdapterEnvironment): Promise<BackendAdapter> {
    const inner = await this.#inner.openAdapter(index, environment);
    const adapter = new SimAdapter(inner, environment, this.#clock, this.#random, this.#work, {
      disturbed: () => this.onDisturbed(environment.name),
      closed: () => this.open.delete(adapter),
    });
    this.open.add(adapter);
    return adapter;
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

interface SimEvents {
  disturbed(): void;
  closed(): void;
}

/** One adapter of a {@link SimBackend}. */
export class SimAdapter implements BackendAdapter {
  readonly environment: AdapterEnvironment;
  /** Objects that the host has made and not destroyed. */
  readonly live = { devices: 0, allocations: 0, contexts: 0 };
  readonly #inner: BackendAdapter;
  readonly #clock: VirtualClock;
  readonly #random: SimRandom;
  readonly #work: SimWork;
  readonly #events: SimEvents;
  readonly #running = new Map<(result: ExecutionResult) => void, () => void>();
  #isLost = false;

  constructor(
    inner: BackendAdapter,
    environment: AdapterEnvironment,
    clock: VirtualClock,
    random: SimRandom,
    work: SimWork,
    events: SimEvents,
  ) {
    this.#inner = inner;
    this.environment = environment;
    this.#clock = clock;
    this.#random = random;
    this.#work = work;
    this.#events = events;
  }

  createDevice(): BackendDevice {
    this.live.devices += 1;
    return this.#inner.createDevice();
  }

  destroyDevice(device: BackendDevice): void {
    this.live.devices -= 1;
    this.#inner.destroyDevice(device);
  }

  createAllocation(request: AllocationRequest) {
    const result = this.#inner.createAllocation(request);
    if ('allocation' in result) this.live.allocations += 1;
    return result;
  }

  destroyAllocation(allocation: BackendAllocation): void {
    this.live.allocations -= 1;
    this.#inner.destroyAllocation(allocation);
  }

  setStorage(allocation: BackendAllocation, storage: AllocationStorage | null): boolean {
    return this.#inner.setStorage(allocation, storage);
  }

  makeResident(allocation: BackendAllocation, segmentId: number) {
    return this.#inner.makeResident(allocation, segmentId);
  }

  evict(allocation: BackendAllocation, discard: boolean) {
    return this.#inner.evict(allocation, discard);
  }

  createContext(request: ContextRequest) {
    const result = this.#inner.createContext(request);
    if (!('refused' in result)) this.live.contexts += 1;
    return result;
  }

  destroyContext(context: BackendContext): void {
    this.live.contexts -= 1;
    this.#inner.destroyContext(context);
  }

  execute(nodeIndex: number, submission: Submission, done: (result: ExecutionResult) => void): void {
    const { hangOneIn, maxRunMs } = this.#work;
    if (hangOneIn > 0 && this.#random.below(hangOneIn) === 0) {
      this.#events.disturbed();
      this.#running.set(done, () => {});
      return;
    }
    const cancel = this.#clock.setTimer(
      () => {
        this.#running.delete(done);
        this.#inner.execute(nodeIndex, submission, done);
      },
      this.#random.below(maxRunMs * 16) / 16,
    );
    this.#running.set(done, cancel);
  }

  readClock(nodeIndex: number): bigint {
    return this.#inner.readClock(nodeIndex);
  }

  #endAll(): void {
    const running = [...this.#running];
    this.#running.clear();
    for (const [done, cancel] of running) {
      cancel();
      done(LOST);
    }
  }

  async reset(): Promise<void> {
    this.#events.disturbed();
    await new Promise<void>((resolve) => {
      this.#clock.setTimer(resolve, this.#random.below(20));
    });
    this.#endAll();
    await this.#inner.reset();
  }

  /** The device behind the adapter goes away. */
  lose(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#events.disturbed();
    this.environment.onLost('the simulated device is gone');
    this.#endAll();
  }

  async close(): Promise<void> {
    this.#endAll();
    await this.#inner.close();
    this.#events.closed();
  }
}
