import { type KmtDriver, startDriver } from '@dxgwire/guest/kmt';
import type { VirtualGuest } from '@dxgwire/transport/faults';
import type { SimRandom } from './sim-random.ts';
import { RigLost, type RigWorld, SimRig } from './sim-rig.ts';
import { must } from './violation.ts';

export interface GuestWorld extends RigWorld {
  /** Guests are to come to rest. */
  readonly isEnding: boolean;
  /** At rest: may everybody go now? */
  readonly mayGo: Promise<void>;
  sleep(ms: number): Promise<void>;
  count(what: string): void;
}

type Action = readonly [name: string, weight: number, run: (rig: SimRig) => Promise<void>];

const ACTIONS: readonly Action[] = [
  ['submit', 12, (rig) => rig.submit()],
  ['signal from the CPU', 4, (rig) => rig.signalFromCpu()],
  ['signal from the GPU', 4, (rig) => rig.signalFromGpu()],
  ['wait on the GPU', 3, (rig) => rig.waitOnGpu()],
  ['wait on the CPU', 4, (rig) => rig.waitOnCpu()],
  ['create a fence', 1, (rig) => rig.createFence()],
  ['destroy a fence', 1, (rig) => rig.destroyFence()],
  ['allocate', 2, (rig) => rig.allocate()],
  ['free', 1, (rig) => rig.free()],
  ['evict', 1, (rig) => rig.evict()],
  ['lock', 3, (rig) => rig.lock()],
];
const DRAWN = ACTIONS.flatMap((action) => Array.from({ length: action[1] }, () => action));

/** One guest: its link, its driver, a process, and what that does. */
export class SimGuest {
  readonly name: string;
  readonly link: VirtualGuest;
  rig: SimRig | null = null;
  driver: KmtDriver | null = null;
  /** It came to rest: nothing of it is under way. */
  isAtRest = false;
  isOver = false;
  isCrashed = false;
  doing = 'connecting';
  readonly #random: SimRandom;
  readonly #world: GuestWorld;
  #losses = 0;

  constructor(link: VirtualGuest, random: SimRandom, world: GuestWorld) {
    this.name = link.name;
    this.link = link;
    this.#random = random;
    this.#world = world;
  }

  /** Lives until the world ends or its link does. Never rejects. */
  async live(): Promise<void> {
    try {
      const bus = await this.link.ready.catch(() => null);
      if (bus === null) return;
      const driver = await startDriver(bus);
      this.driver = driver;
      driver.onLost = () => {
        this.#losses += 1;
        if (this.#losses > 1)
          this.#world.violated(new Error(`${this.name} was told of its loss ${this.#losses} times`));
      };
      while (driver.loss === null && !this.isAtRest) await this.#useDevice(driver);
      if (this.isAtRest && driver.loss === null) await driver.close();
      await bus.close().catch(() => {});
    } catch (error) {
      if (!(error instanceof RigLost) && this.driver?.loss === null) this.#world.violated(error as Error);
    } finally {
      this.rig = null;
      this.isOver = true;
    }
  }

  /** A process opens the device, uses it, and closes it. */
  async #useDevice(driver: KmtDriver): Promise<void> {
    this.doing = 'opening the device';
    await driver.settled();
    const process = await driver.openDevice({ comm: this.name }).catch((error: unknown) => {
      if (driver.loss !== null) return null;
      throw error;
    });
    if (process === null) return;
    const rig = new SimRig(process, driver.bus.memory, this.#random, this.#world, () => driver.loss !== null);
    this.rig = rig;
    try {
      await rig.open(1 + this.#random.below(2));
      await this.#work(rig);
      if (this.#world.isEnding && driver.loss === null) await this.#rest(rig);
    } catch (error) {
      if (!(error instanceof RigLost)) throw error;
      this.#world.count('devices lost');
    }
    this.doing = 'closing the device';
    await rig.close();
    this.rig = null;
    must(rig.waits.size === 0 || driver.loss !== null, () => `${rig.waits.size} waits outlive their device`);
    await process.closeDevice();
  }

  async #work(rig: SimRig): Promise<void> {
    // A process does not live for ever.
    for (let left = 20 + this.#random.below(200); left > 0 && !this.#world.isEnding; left -= 1) {
      const [name, , run] = this.#random.pick(DRAWN);
      this.doing = name;
      this.#world.count(name);
      await run(rig);
      if (this.#random.oneIn(3)) await this.#world.sleep(this.#random.below(8));
    }
    while (rig.owed > 0) await this.#world.sleep(5);
  }

  async #rest(rig: SimRig): Promise<void> {
    this.doing = 'draining';
    await rig.drain();
    this.doing = 'at rest';
    this.isAtRest = true;
    await this.#world.mayGo;
    this.doing = 'leaving';
  }
}
