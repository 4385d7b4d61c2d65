import { createHost, type Host, type Log, type Partition } from '@dxgwire/host';
import type { Backend, BackendAdapter } from '@dxgwire/host/backends';
import { createNullBackend } from '@dxgwire/host/backends/null';
import { FakeClock } from '@dxgwire/host/testing';
import type { FuzzTarget } from '../target.ts';
import { GuestTape } from './guest-tape.ts';

/** A partition serves so many sequences before the next one takes its place. */
const SEQUENCES_PER_GUEST = 512;

/** The null backend with a count of what was made on it and not destroyed. */
function counting(backend: Backend, count: { objects: number; allocationBytes: number }): Backend {
  const bytes = new WeakMap<object, number>();
  const watch = (adapter: BackendAdapter): BackendAdapter =>
    Object.assign(Object.create(adapter) as BackendAdapter, {
      createDevice: () => {
        count.objects += 1;
        return adapter.createDevice();
      },
      destroyDevice: (device) => {
        count.objects -= 1;
        adapter.destroyDevice(device);
      },
      createContext: (request) => {
        const made = adapter.createContext(request);
        if (!('refused' in made)) count.objects += 1;
        return made;
      },
      destroyContext: (context) => {
        count.objects -= 1;
        adapter.destroyContext(context);
      },
      createAllocation: (request) => {
        const made = adapter.createAllocation(request);
        if ('refused' in made) return made;
        count.objects += 1;
        count.allocationBytes += made.lengthBytes;
        bytes.set(made.allocation, made.lengthBytes);
        return made;
      },
      destroyAllocation: (allocation) => {
        count.objects -= 1;
        count.allocationBytes -= bytes.get(allocation) ?? Number.NaN;
        adapter.destroyAllocation(allocation);
      },
      setStorage: (allocation, storage) => adapter.setStorage(allocation, storage),
      makeResident: (allocation, segment) => adapter.makeResident(allocation, segment),
      evict: (allocation, discard) => adapter.evict(allocation, discard),
      execute: (node, submission, done) => adapter.execute(node, submission, done),
      readClock: (node) => adapter.readClock(node),
      escape: (data, device, context) => adapter.escape?.(data, device, context) ?? false,
      reset: () => adapter.reset(),
      close: () => adapter.close(),
    } satisfies BackendAdapter);
  return {
    name: backend.name,
    adapters: backend.adapters,
    openAdapter: async (index, environment) => watch(await backend.openAdapter(index, environment)),
    close: () => backend.close(),
  };
}

function differences(before: string, after: string): string {
  const old = JSON.parse(before) as Record<string, number>;
  const now = Object.entries(JSON.parse(after) as Record<string, number>);
  return now
    .filter(([kind, count]) => old[kind] !== count)
    .map(([kind, count]) => `${kind} ${old[kind]}, now ${count}`)
    .join('; ');
}

/** Sequences of commands by a guest that means mischief: the input decides on each command and each field of it. */
export class DispatcherTarget implements FuzzTarget {
  readonly name = 'dispatcher';
  readonly summary = 'sequences of commands';
  readonly unit = 'sequences';
  readonly maxInputBytes = 1536;
  readonly #clock = new FakeClock();
  readonly #count = { objects: 0, allocationBytes: 0 };
  readonly #errors: string[] = [];
  readonly #host: Host;
  #guest: GuestTape | null = null;
  #partition: Partition | null = null;
  #census = '';
  #sequences = 0;
  #commands = 0;
  #successes = 0;
  #broken = 0;

  constructor() {
    const nothing = (): void => {};
    const log: Log = {
      trace: nothing,
      debug: nothing,
      info: nothing,
      warn: nothing,
      // The host says so of its own defects only.
      error: (entry: object, text?: string) => this.#errors.push(`${text} ${JSON.stringify(entry)}`),
      child: () => log,
    } as unknown as Log;
    const nowMs = (): number => this.#clock.nowMs();
    const backend = counting(createNullBackend({ adapterCount: 2, nowMs }), this.#count);
    this.#host = createHost({ backend, clock: this.#clock, log });
  }

  seeds(): readonly Uint8Array[] {
    // Tapes of any bytes are sequences; what is plausible comes of how they are read.
    const seeds: Uint8Array[] = [];
    for (let index = 0; index < 64; index += 1) {
      const seed = new Uint8Array(200 + index * 12);
      for (let at = 0; at < seed.length; at += 1)
        seed[at] = (at * (2 * index + 7) + (at >> 3) * index * 31) & 0xff;
      seeds.push(seed);
    }
    return seeds;
  }

  async #start(): Promise<void> {
    const guest = new GuestTape();
    const isAsync = this.#sequences % 3 !== 0;
    this.#partition = this.#host.attach(guest.bus, { asyncMessages: isAsync });
    await guest.bringUp(this.#partition, this.#sequences % 5 === 4 ? 27 : 40);
    this.#guest = guest;
    this.#census = this.#counts();
  }

  /** Objects by kind, backend included, as one text to compare. */
  #counts(): string {
    const { allocationBytes, objects } = this.#count;
    return JSON.stringify({ ...this.#partition!.census(), backend: objects, bytes: allocationBytes });
  }

  async run(input: Uint8Array): Promise<void> {
    if (this.#guest === null) await this.#start();
    const guest = this.#guest!;
    this.#sequences += 1;
    this.#commands += guest.play(input);
    this.#successes += guest.successes;
    await guest.endSequence(this.#clock);
    if (guest.isBroken) {
      this.#broken += 1;
      await this.#end();
    } else if (guest.isSpent) await this.#end();
    else {
      const left = this.#counts();
      if (left !== this.#census)
        throw new Error(`not as before the sequence: ${differences(this.#census, left)}`);
      if (this.#sequences % SEQUENCES_PER_GUEST === 0) await this.#end();
    }
    if (this.#errors.length > 0)
      throw new Error(`a defect of the host: ${this.#errors.splice(0).join('; ')}`);
  }

  /** Gives a command stream to the host as the private data of a submission. */
  async submit(stream: Uint8Array): Promise<void> {
    if (this.#guest === null) await this.#start();
    this.#guest!.submit(stream);
    await this.#guest!.endSequence(this.#clock);
    if (this.#guest!.isBroken) await this.#end();
    if (this.#errors.length > 0)
      throw new Error(`a defect of the host: ${this.#errors.splice(0).join('; ')}`);
  }

  /** The guest goes away: nothing of it may be left. */
  async #end(): Promise<void> {
    const guest = this.#guest;
    const partition = this.#partition;
    this.#guest = null;
    if (guest === null || partition === null) return;
    guest.bus.hangUp();
    this.#clock.advance(60_000);
    await partition.ended;
    const left = Object.entries(partition.census()).filter(([, count]) => count !== 0);
    if (left.length > 0) throw new Error(`left of a guest that is gone: ${JSON.stringify(left)}`);
    const { allocationBytes, objects } = this.#count;
    if (objects !== 0 || allocationBytes !== 0) {
      throw new Error(`left in the backend: ${objects} objects, ${allocationBytes} bytes`);
    }
    if (this.#clock.pendingTimers !== 0) throw new Error(`${this.#clock.pendingTimers} timers are left`);
  }

  async reset(): Promise<void> {
    this.#errors.length = 0;
    try {
      await this.#end();
    } finally {
      this.#count.objects = 0;
      this.#count.allocationBytes = 0;
    }
  }

  check(): void {
    if (this.#host.partitions.size > 1) throw new Error(`${this.#host.partitions.size} partitions`);
  }

  describe(): string {
    return `${this.#commands} commands, ${this.#successes} succeeded, ${this.#broken} links ended`;
  }

  async close(): Promise<void> {
    await this.#end();
    await this.#host.close();
  }
}

export async function openDispatcherTarget(): Promise<DispatcherTarget> {
  return new DispatcherTarget();
}
