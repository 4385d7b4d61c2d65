import { createHost, type Host } from '@dxgwire/host';
import type { HostBus } from '@dxgwire/transport';
import {
  type ConnectionPlan,
  type DirectionPlan,
  VirtualClock,
  VirtualNetwork,
} from '@dxgwire/transport/faults';
import { SimBackend } from './sim-backend.ts';
import { type GuestWorld, SimGuest } from './sim-guest.ts';
import { SimRandom } from './sim-random.ts';
import { must, Violation } from './violation.ts';

export interface SimOptions {
  readonly seed: number;
  /** Steps after which the world comes to rest: callbacks of timers and of ends of turns. */
  readonly steps: number;
  /** Asked now and then, in a turn of the real event loop: comes to rest as if the steps were used up when it says so. */
  readonly isStopped?: () => boolean;
  /** Spoils the host's end of a link, for tests that an invariant can be violated. */
  readonly spoil?: (bus: HostBus, clock: VirtualClock) => void;
}

export interface SimResult {
  /** Callbacks of timers and of ends of turns that were run: what the scheduler orders. */
  readonly steps: number;
  /** Those, and the messages that links have carried. */
  readonly events: number;
  /** Virtual time that passed, milliseconds. */
  readonly virtualMs: number;
  /** What happened, how often. */
  readonly counts: Readonly<Record<string, number>>;
}

const LEASE_MS = 8000;
/** A wait whose fence the guest sees reached is woken within this; a connection may be made anew meanwhile. */
const OVERDUE_MS = LEASE_MS + 8000;
/** Virtual time within which everything comes to rest, and to an end. */
const REST_MS = 120_000;
/** Steps between two looks at the accounts. */
const ACCOUNTS_EVERY = 128;

/** Steps between two turns of the real event loop, where somebody may end the run. */
const TURN_EVERY = 4096;

/** Guests, a host and the connections between them, under one seeded scheduler. */
class Simulation implements GuestWorld {
  readonly #options: SimOptions;
  readonly #random: SimRandom;
  readonly #clock = new VirtualClock();
  readonly #backend: SimBackend;
  readonly #host: Host;
  readonly #network: VirtualNetwork;
  readonly #guests = new Set<SimGuest>();
  readonly #counts: Record<string, number> = {};
  readonly mayGo: Promise<void>;
  #letGo: () => void = () => {};
  isEnding = false;
  #violation: Error | null = null;
  #names = 0;
  #looks = 0;

  constructor(options: SimOptions) {
    this.#options = options;
    this.#random = new SimRandom(options.seed);
    const work = { maxRunMs: this.#random.pick([1, 4, 30]), hangOneIn: this.#random.pick([0, 0, 60, 300]) };
    const clock = this.#clock;
    this.#backend = new SimBackend(clock, this.#random.fork(), work);
    this.#backend.onDisturbed = (name) => {
      this.count('disturbances');
      for (const guest of this.#guests) if (name.startsWith(`${guest.name}/`)) guest.rig?.disturb();
    };
    this.#host = createHost({
      backend: this.#backend,
      clock: {
        nowMs: () => clock.now(),
        setTimer: (delayMs, callback) => clock.setTimer(callback, delayMs),
      },
    });
    const links = this.#random.fork();
    this.#network = new VirtualNetwork({
      clock,
      leaseMs: LEASE_MS,
      windowMegabytes: 1,
      guestMemoryBytes: 1024 * 1024,
      onBus: (bus) => {
        options.spoil?.(bus, clock);
        this.#host.attach(bus);
      },
      planOf: (connection) => {
        this.count('connections');
        const isRefused = !this.isEnding && links.oneIn(12);
        return { plan: isRefused ? null : this.#weather(links), seed: options.seed * 131 + connection };
      },
    });
    this.mayGo = new Promise((resolve) => {
      this.#letGo = resolve;
    });
  }

  nowMs(): number {
    return this.#clock.now();
  }

  after(delayMs: number, callback: () => void): void {
    this.#clock.setTimer(callback, delayMs);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  violated(error: Error): void {
    if (error.name !== 'RigLost') this.#violation ??= error;
  }

  count(what: string): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1;
  }

  /** What a connection is like. At the end of the world all are well. */
  #weather(random: SimRandom): ConnectionPlan {
    const delayMs = random.pick([0, 0, 0.5, 3, 40]);
    const bitsPerSecond = random.pick([1e6, 1e7, 1e8, 1e9]);
    const direction = (): DirectionPlan => {
      const at = { frame: random.below(400), offset: random.below(40) };
      const fault = random.pick([
        null,
        null,
        null,
        { kind: 'drop', at } as const,
        { kind: 'half-close', at } as const,
        { kind: 'stall', at, forMs: random.below(4000) } as const,
        { kind: 'deaf', at } as const,
      ]);
      const chunking = random.pick(['whole', 'whole', 'split', 'joined'] as const);
      return { delayMs, bitsPerSecond, chunking, faults: fault === null || this.isEnding ? [] : [fault] };
    };
    return { toHost: direction(), toGuest: direction() };
  }

  #join(): void {
    this.#names += 1;
    const link = this.#network.connectGuest(`guest-${this.#names}.`);
    const guest = new SimGuest(link, this.#random.fork(), this);
    this.#guests.add(guest);
    this.count('guests');
    guest.live().finally(() => this.#guests.delete(guest));
  }

  /** Something happens to somebody, again and again. */
  #happen(): void {
    if (this.isEnding) return;
    this.after(20 + this.#random.below(400), () => this.#happen());
    const guests = [...this.#guests];
    if (guests.length < 3 && this.#random.oneIn(2)) this.#join();
    if (guests.length === 0) return;
    const { link } = this.#random.pick(guests);
    const chance = this.#random.below(100);
    if (chance < 20) {
      this.count('cuts');
      link.cut();
    } else if (chance < 26) {
      this.count('outages');
      link.isDown = true;
      link.cut();
      this.after(this.#random.below(LEASE_MS + 3000), () => {
        link.isDown = false;
      });
    } else if (chance < 30) {
      this.#crash(link.name);
    } else if (chance < 31) {
      this.count('host crashes');
      for (const guest of guests) guest.rig?.disturb();
      this.#network.crashHost();
    } else if (chance < 33) {
      const adapters = [...this.#backend.open];
      if (adapters.length > 0) this.#random.pick(adapters).lose();
    }
  }

  #crash(name: string): void {
    const guest = [...this.#guests].find((entry) => entry.name === name);
    if (guest === undefined) return;
    this.count('guest crashes');
    guest.isCrashed = true;
    guest.link.crash();
  }

  async run(): Promise<SimResult> {
    for (let i = 0; i < 2; i += 1) this.#join();
    this.#happen();
    await this.#clock.settle();
    while (this.#clock.eventCount < this.#options.steps) {
      await this.#step();
      if (this.#looks % TURN_EVERY === 0 && (await this.#isStopped())) break;
    }
    await this.#rest();
    await this.#end();
    const events = this.#clock.eventCount + this.#network.frameCount;
    return { events, steps: this.#clock.eventCount, virtualMs: this.#clock.now(), counts: this.#counts };
  }

  async #isStopped(): Promise<boolean> {
    const { isStopped } = this.#options;
    if (isStopped === undefined) return false;
    // Signals are heard between turns only.
    await new Promise((resolve) => setImmediate(resolve));
    return isStopped();
  }

  async #step(): Promise<void> {
    const step = this.#clock.step();
    must(step !== null, () => 'nothing is left to happen');
    await step;
    this.#look();
  }

  /** Every invariant that can be seen now. */
  #look(): void {
    if (this.#violation !== null) throw this.#violation;
    for (const { rig, link } of this.#guests) {
      if (rig !== null) rig.check(link.isInterrupted ? Number.POSITIVE_INFINITY : OVERDUE_MS);
    }
    this.#looks += 1;
    if (this.#looks % ACCOUNTS_EVERY === 0) this.#checkAccounts();
  }

  /** What must be so of the host's accounts whatever is under way. */
  #checkAccounts(): void {
    for (const partition of this.#host.partitions) {
      for (const { engine } of partition.gpus) {
        for (const segment of engine?.memory.segments ?? []) {
          const { usedBytes, lengthBytes, pinnedBytes, busyBytes } = segment;
          const isRight = usedBytes >= 0 && usedBytes <= lengthBytes && pinnedBytes >= 0 && busyBytes >= 0;
          must(
            isRight,
            () =>
              `a segment of ${lengthBytes} bytes has ${usedBytes} used, ${pinnedBytes} pinned, ${busyBytes} busy`,
          );
        }
      }
    }
    for (const [kind, count] of Object.entries(this.#host.census())) {
      must(count >= 0, () => `the host counts ${count} ${kind}`);
    }
  }

  async #until(isSo: () => boolean, what: () => string): Promise<void> {
    const endMs = this.#clock.now() + REST_MS;
    while (!isSo()) {
      must(this.#clock.now() < endMs, what);
      await this.#step();
    }
  }

  /** Nothing goes wrong any more; everybody finishes what is under way; then both sides count the same. */
  async #rest(): Promise<void> {
    this.isEnding = true;
    for (const { link } of this.#guests) link.isDown = link.isDown && this.#isCrashed(link.name);
    await this.#until(
      () => [...this.#guests].every((guest) => guest.isAtRest),
      () =>
        `after ${REST_MS} ms: ${[...this.#guests].map(({ name, doing }) => `${name} ${doing}`).join(', ')}`,
    );
    // What nobody waits for still has to arrive, and leases of the crashed to run out.
    await this.#clock.advance(LEASE_MS + 4000);
    this.#look();
    this.#compareCounts();
  }

  #isCrashed(name: string): boolean {
    return [...this.#guests].some((guest) => guest.name === name && guest.isCrashed);
  }

  #compareCounts(): void {
    const resting = [...this.#guests].filter(({ rig }) => rig !== null);
    const counts = this.#host.census();
    const expected: Record<string, number> = {
      partitions: this.#guests.size,
      processes: resting.length,
      cpuWaits: 0,
    };
    for (const { rig } of resting) {
      for (const [kind, count] of Object.entries(rig!.census)) expected[kind] = (expected[kind] ?? 0) + count;
      must(rig!.waits.size === 0, () => `${rig!.waits.size} waits sleep on though everything has happened`);
    }
    for (const [kind, count] of Object.entries(expected)) {
      const has = counts[kind] ?? 0;
      must(has === count, () => `the host has ${has} ${kind}, its guests ${count}`);
    }
    const live = [...this.#backend.open].reduce((sum, adapter) => sum + adapter.live.allocations, 0);
    must(
      live === (counts['allocations'] ?? 0),
      () => `the backend has ${live} allocations, the host ${counts['allocations']}`,
    );
  }

  async #end(): Promise<void> {
    this.#letGo();
    await this.#until(
      () => this.#guests.size === 0,
      () => `${[...this.#guests].map(({ name, doing }) => `${name} ${doing}`).join(', ')} at the end`,
    );
    await this.#clock.advance(LEASE_MS + 4000);
    if (this.#violation !== null) throw this.#violation;
    for (const [kind, count] of Object.entries(this.#host.census())) {
      must(count === 0, () => `${count} ${kind} are left on the host`);
    }
    for (const { live } of this.#backend.open) {
      must(false, () => `an adapter is left open with ${JSON.stringify(live)}`);
    }
    const left = {
      links: this.#network.linkCount,
      'memory regions': this.#network.regions,
      timers: this.#clock.timerCount,
    };
    for (const [kind, count] of Object.entries(left)) must(count === 0, () => `${count} ${kind} are left`);
  }
}

/**
 * Runs one world to its end.
 *
 * @throws Violation with what must never be so, and how to have it again.
 */
export async function simulate(options: SimOptions): Promise<SimResult> {
  try {
    return await new Simulation(options).run();
  } catch (error) {
    const again = `pnpm sim --seed ${options.seed} --steps ${options.steps}`;
    throw new Violation(`${(error as Error).message}\n  ${again}`, { cause: error });
  }
}
