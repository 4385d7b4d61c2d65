import type { GuestBus } from '@dxgwire/transport';
import type { Coverage } from '../coverage.ts';
import { ConformanceFailure, inSetUp } from '../failure.ts';
import type { Requirement } from '../requirement.ts';
import { destroyDevice } from '../wire/adapter-commands.ts';
import { destroyNtSharedObject } from '../wire/sync-commands.ts';
import { bringUp } from './bring-up.ts';
import type { Patience } from './patience.ts';
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
  readonly profile: HostProfile;
  readonly patience: Patience;
  readonly coverage: Coverage;
  #shared: WireGuest | null = null;
  #scenes: Scene[] = [];
  #links: WireGuest[] = [];
  readonly #connect: ConnectToHost;

  constructor(connect: ConnectToHost, profile: HostProfile, patience: Patience, coverage: Coverage) {
    this.#connect = connect;
    this.profile = profile;
    this.patience = patience;
    this.coverage = coverage;
  }

  /** A guest's end of a new link. @throws ConformanceFailure when there is none in time. */
  async connect(): Promise<GuestBus> {
    const expected = 'the host to take another link';
    try {
      return await this.patience.within(this.#connect(), expected, (bus) => void bus.close().catch(() => {}));
    } catch (error) {
      if (error instanceof ConformanceFailure) throw error;
      throw new ConformanceFailure(expected, error instanceof Error ? error.message : String(error));
    }
  }

  async #bringUp(): Promise<WireGuest> {
    const bus = await this.connect();
    try {
      return await bringUp(bus, this.patience, this.coverage);
    } catch (error) {
      bus.abort(new Error('the host could not be brought up'));
      throw error;
    }
  }

  /** A link that is up, shared by checks that do it no harm. */
  async guest(): Promise<WireGuest> {
    if (this.#shared?.isOpen !== true) {
      this.#shared = await inSetUp(this.#bringUp());
    }
    return this.#shared;
  }

  /** A link of this check's own that is up. */
  async freshGuest(): Promise<WireGuest> {
    const guest = await inSetUp(this.#bringUp());
    this.#links.push(guest);
    return guest;
  }

  /** A link of this check's own on which nothing has been said. */
  async rawGuest(): Promise<WireGuest> {
    const guest = new WireGuest(await inSetUp(this.connect()), this.patience, this.coverage);
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
    if (this.#shared !== null) await this.#tidy(this.#shared).catch((error: unknown) => (failure ??= error));
    for (const guest of guests) failure ??= guest.breaches.splice(0)[0];
    for (const guest of links) await guest.close().catch(() => {});
    if (this.#shared !== null) this.#shared.messages.length = 0;
    if (failure !== undefined) {
      // Nothing of a link that misbehaved is used again.
      await this.#shared?.close().catch(() => {});
      throw failure;
    }
  }

  /** What outlives the processes of a check: NT objects, memory of the guest. A host need not bear much of either. */
  async #tidy(guest: WireGuest): Promise<void> {
    const objects = [...guest.ntObjects];
    guest.ntObjects.clear();
    if (!guest.isOpen) return;
    for (const shared_handle of objects)
      if (shared_handle !== 0) await inSetUp(guest.call(destroyNtSharedObject, { shared_handle }));
    await inSetUp(guest.freeMemory());
  }

  /** Ends all links at once: a check that takes too long comes to its end by that. */
  abandon(reason: Error): void {
    for (const guest of [this.#shared, ...this.#links]) guest?.abandon(reason);
  }

  /** Whether a guest that comes now is served at all. */
  async hasSignOfLife(): Promise<boolean> {
    try {
      const guest = await this.#bringUp();
      try {
        await Scene.start(guest, this.profile);
      } finally {
        await guest.close();
      }
      return true;
    } catch {
      return false;
    }
  }

  async close(): Promise<void> {
    await this.#shared?.close();
    this.#shared = null;
  }
}
