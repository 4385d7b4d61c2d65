import { TransportError } from '../errors.ts';
import { GuestLink } from '../link/guest-link.ts';
import { HostLink } from '../link/host-link.ts';
import type { GuestBus, HostBus } from '../transport.ts';
import { FaultyConnection, type FaultyMedium } from './faulty-medium.ts';
import type { ConnectionPlan } from './plan.ts';
import type { VirtualClock } from './virtual-clock.ts';

const MAX_CONNECTIONS = 32;

export interface VirtualNetworkOptions {
  readonly clock: VirtualClock;
  /** Whether sessions survive a broken connection, and for how long, milliseconds; 0: they do not. */
  readonly leaseMs: number;
  /** Default 1000. */
  readonly heartbeatMs?: number;
  /** How long either side waits for the other's greeting, milliseconds. Default 5000. */
  readonly handshakeTimeoutMs?: number;
  /** Device window of each guest, MiB. Default 1. */
  readonly windowMegabytes?: number;
  /** Memory that each guest may share, bytes. Default 1 MiB. */
  readonly guestMemoryBytes?: number;
  /** Bytes that may wait to be sent. Default 4 MiB. */
  readonly maxQueuedBytes?: number;
  /** A guest has been let in: set handlers, make offers, call `start`. */
  readonly onBus: (bus: HostBus) => void;
  /** What the next connection is like; null: it is refused. Numbers start at 1. */
  readonly planOf: (connection: number) => { readonly plan: ConnectionPlan | null; readonly seed: number };
}

/** A guest of a {@link VirtualNetwork}. */
export interface VirtualGuest {
  readonly name: string;
  /** Its bus, once the host has let it in. */
  readonly ready: Promise<GuestBus>;
  /** Whether its connection is lost and it tries to make another. */
  readonly isInterrupted: boolean;
  /** While true no new connection can be made. */
  isDown: boolean;
  /** Cuts its connection, if there is one. */
  cut(): void;
  /** Cuts the connection for good, as when the machine is switched off: the guest hears and does nothing more. */
  crash(): void;
}

/** Guests and a host with connections between them, all in memory and in virtual time. */
export class VirtualNetwork {
  /** Connections in the order in which they were made; of the broken ones only the first and the latest. */
  readonly connections: FaultyConnection[] = [];
  #pastFrames = 0;
  /** Blocks of memory that the host's ends hold. */
  regions = 0;
  readonly #options: VirtualNetworkOptions;
  readonly #links = new Set<HostLink>();
  #dials = 0;
  #sessions = 0;

  constructor(options: VirtualNetworkOptions) {
    this.#options = options;
  }

  /** Ends of links on the host's side: guests, and what may become one. */
  get linkCount(): number {
    return this.#links.size;
  }

  connectGuest(name = 'guest'): VirtualGuest {
    return new NetworkGuest(name, this, this.#options);
  }

  /** The host's program ends without a word: every connection breaks, and no session is known any more. */
  crashHost(): void {
    for (const connection of this.connections) connection.cut();
    for (const link of [...this.#links]) link.abort(new TransportError('closed', 'the host has crashed'));
  }

  /** @internal */
  dial(): FaultyConnection | null {
    this.#dials += 1;
    const { plan, seed } = this.#options.planOf(this.#dials);
    if (plan === null) return null;
    const connection = new FaultyConnection(this.#options.clock, plan, seed);
    this.#prune();
    this.connections.push(connection);
    this.#accept(connection.host);
    return connection;
  }

  #prune(): void {
    for (let i = 1; i < this.connections.length - MAX_CONNECTIONS; i += 1) {
      const connection = this.connections[i]!;
      if (!connection.isCut) continue;
      this.#pastFrames += connection.frames.toHost + connection.frames.toGuest;
      this.connections.splice(i, 1);
      i -= 1;
    }
  }

  /** Link frames that have gone through all connections, both ways. */
  get frameCount(): number {
    return this.connections.reduce(
      (sum, { frames }) => sum + frames.toHost + frames.toGuest,
      this.#pastFrames,
    );
  }

  #accept(medium: FaultyMedium): void {
    const {
      clock,
      leaseMs,
      heartbeatMs = 1000,
      handshakeTimeoutMs = 5000,
      windowMegabytes = 1,
    } = this.#options;
    this.#sessions += 1;
    const link: HostLink = new HostLink({
      transport: 'virtual',
      medium,
      clock,
      maxQueuedBytes: this.#options.maxQueuedBytes ?? 4 * 1024 * 1024,
      windowMegabytes,
      guestMemoryBytes: this.#options.guestMemoryBytes ?? 1024 * 1024,
      allocateRegion: (length) => {
        this.regions += 1;
        const free = () => {
          this.regions -= 1;
        };
        return { bytes: new Uint8Array(length), path: null, offset: 0, free };
      },
      heartbeatMs,
      handshakeTimeoutMs,
      leaseMs,
      sessionId: `session ${this.#sessions}`,
      hostName: 'host',
      authenticate: () => true,
      onReady: (bus) => this.#options.onBus(bus),
      findSession: (id) => [...this.#links].find((entry) => entry.sessionId === id) ?? null,
      onHandedOver: () => this.#links.delete(link),
    });
    link.onEnded = () => this.#links.delete(link);
    this.#links.add(link);
    medium.attach(link);
  }
}

class NetworkGuest implements VirtualGuest {
  readonly name: string;
  readonly ready: Promise<GuestBus>;
  isDown = false;
  readonly #network: VirtualNetwork;
  readonly #options: VirtualNetworkOptions;
  readonly #link: GuestLink;
  #connection: FaultyConnection | null = null;

  constructor(name: string, network: VirtualNetwork, options: VirtualNetworkOptions) {
    this.name = name;
    this.#network = network;
    this.#options = options;
    const medium = this.#dial();
    this.#link = new GuestLink({
      transport: 'virtual',
      medium: medium ?? deadMedium(),
      clock: options.clock,
      maxQueuedBytes: options.maxQueuedBytes ?? 4 * 1024 * 1024,
      name,
      token: '',
      connectTimeoutMs: options.handshakeTimeoutMs ?? 5000,
      ...(options.leaseMs > 0 ? { redial: (delayMs, signal) => this.#redial(delayMs, signal) } : {}),
    });
    this.ready = this.#link.ready;
    if (medium === null) this.#link.mediumEnded(refused());
    else medium.attach(this.#link);
  }

  get isInterrupted(): boolean {
    return this.#link.isInterrupted;
  }

  #dial(): FaultyMedium | null {
    this.#connection = this.isDown ? null : this.#network.dial();
    return this.#connection?.guest ?? null;
  }

  #redial(delayMs: number, signal: AbortSignal): Promise<FaultyMedium> {
    return new Promise((resolve, reject) => {
      const cancel = this.#options.clock.setTimer(() => {
        const medium = this.#dial();
        if (medium === null) reject(refused());
        else resolve(medium);
      }, delayMs);
      signal.addEventListener('abort', cancel, { once: true });
    });
  }

  cut(): void {
    this.#connection?.cut();
  }

  crash(): void {
    this.isDown = true;
    this.cut();
    this.#link.abort(new TransportError('closed', 'this guest has crashed'));
  }
}

function refused(): TransportError {
  return new TransportError('connect-failed', 'the connection was refused');
}

/** What a guest has whose first connection was refused. */
function deadMedium() {
  return { attach: () => {}, wake: () => {}, end: () => {}, drop: () => {} };
}
