import type { GuestBus } from '@dxgwire/transport';
import type { Coverage } from '../coverage.ts';
import { ConformanceFailure, inSetUp } from '../failure.ts';
import type { Requirement } from '../requirement.ts';
import { destroyDevice } from '../wire/adapter-commands.ts';
import { bringUp } from './bring-up.ts';
import { type HostProfile, Scene } from './scene.ts';
import { WireGuest } from './wire-guest.ts';

/** A requirement on a host, with the check that decides it. */
export interface HostRequirement extends Requirement {
  check(kit: HostKit): Promise<void>;
}

/** Makes a connection to the host under test: one guest's end of a bus each time. */
export type ConnectToHost = () => Promise<GuestBus>;

/** What a check may use. Whatever it opens is closed behind it. */
export class HostKit {
  readonly connect: ConnectToHost;
  readonly profile: HostProfile;
  readonly timeoutMs: number;
  readonly coverage: Coverage;
  #shared: WireGuest | null = null;
  #scenes: Scene[] = [];
  #links: WireGuest[] = [];

  constructor(connect: ConnectToHost, profile: HostProfile, timeoutMs: number, coverage: Coverage) {
    this.connect = connect;
    this.profile = profile;
    this.timeoutMs = timeoutMs;
    this.coverage = coverage;
  }

  /** A link that is up, shared by checks that do it no harm. */
  async guest(): Promise<WireGuest> {
    if (this.#shared?.isOpen !== true) {
      this.#shared = await inSetUp(bringUp(await this.connect(), this.timeoutMs, this.coverage));
    }
    return this.#shared;
  }

  /** A link of this check's own that is up. */
  async freshGuest(): Promise<WireGuest> {
    const guest = await inSetUp(bringUp(await this.connect(), this.timeoutMs, this.coverage));
    this.#links.push(guest);
    return guest;
  }

  /** A link of this check's own on which nothing has been said. */
  async rawGuest(): Promise<WireGuest> {
    const guest = new WireGuest(await this.connect(), this.timeoutMs, this.coverage);
    this.#links.push(guest);
    return guest;
  }

  /** A guest process on the shared link, or on another. */
  async scene(guest?: WireGuest): Promise<Scene> {
    const scene = await inSetUp(Scene.start(guest ?? (await this.guest()), this.profile));
    this.#scenes.push(scene);
    return scene;
  }

  /** Demands that a guest process that was there before is served on. */
  async goesOn(scene: Scene, why: string): Promise<void> {
    await this.#serves(`the host to serve other guests and processes on (${why})`, async () => scene);
  }

  /** Demands that the host still serves a guest that comes now. */
  async servesTheNext(why: string): Promise<void> {
    await this.#serves(`the host to serve the next guest (${why})`, async () =>
      this.scene(await this.freshGuest()),
    );
  }

  async #serves(expected: string, start: () => Promise<Scene>): Promise<void> {
    try {
      const scene = await start();
      const device = await scene.device();
      (await scene.call(destroyDevice, { device })).ok();
    } catch (error) {
      if (!(error instanceof ConformanceFailure)) throw error;
      throw new ConformanceFailure(expected, `${error.expected}; got ${error.got}`, error.evidence);
    }
  }

  /** Ends what a check began. @throws ConformanceFailure for what the host did against the rules of packets. */
  async endCheck(): Promise<void> {
    const scenes = this.#scenes;
    const links = this.#links;
    this.#scenes = [];
    this.#links = [];
    const guests = this.#shared === null ? links : [this.#shared, ...links];
    let failure: unknown;
    for (const scene of scenes) await scene.end().catch((error: unknown) => (failure ??= error));
    for (const guest of guests) failure ??= guest.breaches.splice(0)[0];
    for (const guest of links) await guest.close().catch(() => {});
    if (this.#shared !== null) this.#shared.messages.length = 0;
    if (failure !== undefined) {
      // Nothing of a link that misbehaved is used again.
      await this.#shared?.close().catch(() => {});
      throw failure;
    }
  }

  async close(): Promise<void> {
    await this.#shared?.close();
    this.#shared = null;
  }
}
