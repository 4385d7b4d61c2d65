import type { Clock } from '../clock.ts';
import { VirtualClock } from '../faults/virtual-clock.ts';
import type { HostBus } from '../transport.ts';
import { GuestLink, type GuestLinkOptions } from './guest-link.ts';
import { HostLink, type HostLinkOptions } from './host-link.ts';
import type { LinkEnd, LinkMedium } from './medium.ts';

export { VirtualClock } from '../faults/virtual-clock.ts';

/** One direction of a virtual link: carries what one session writes to the other, as the test lets it. */
export class VirtualMedium implements LinkMedium {
  /** What to do with written bytes. Default: deliver them whole. */
  deliver: (bytes: Uint8Array) => void = (bytes) => this.peer?.receive(bytes);
  /** While false nothing is pulled from the session: a peer that does not read. */
  isReading = true;
  session: LinkEnd | null = null;
  peer: LinkEnd | null = null;
  isEnded = false;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  wake(): void {
    while (this.isReading) {
      const chunk = this.session?.takeOutput() ?? null;
      if (chunk === null) return;
      const bytes = chunk.bytes.slice();
      chunk.release();
      this.#clock.defer(() => this.deliver(bytes));
    }
  }

  attach(session: LinkEnd): void {
    this.session = session;
  }

  drop(): void {
    this.isEnded = true;
  }

  end(_error: Error | null): void {
    if (this.isEnded) return;
    this.wake();
    this.isEnded = true;
    this.#clock.defer(() => this.#clock.defer(() => this.peer?.mediumEnded(null)));
  }
}

export interface VirtualLinkOptions {
  readonly guest?: Partial<GuestLinkOptions>;
  readonly host?: Partial<HostLinkOptions>;
  /** Serves the host's end; it must call `start`. */
  readonly onReady: (bus: HostBus) => void;
}

/** A guest and a host joined without any I/O, on one virtual clock. */
export function createVirtualLink(options: VirtualLinkOptions) {
  const clock = new VirtualClock();
  const toHost = new VirtualMedium(clock);
  const toGuest = new VirtualMedium(clock);
  const host = new HostLink({
    transport: 'virtual',
    medium: toGuest,
    clock,
    maxQueuedBytes: 16 * 1024 * 1024,
    windowMegabytes: 4,
    guestMemoryBytes: 64 * 1024 * 1024,
    allocateRegion: (length) => ({ bytes: new Uint8Array(length), path: null, offset: 0, free: () => {} }),
    heartbeatMs: 1000,
    handshakeTimeoutMs: 5000,
    sessionId: 'session',
    hostName: 'host',
    authenticate: () => true,
    onReady: options.onReady,
    ...options.host,
  });
  const guest = new GuestLink({
    transport: 'virtual',
    medium: toHost,
    clock,
    maxQueuedBytes: 16 * 1024 * 1024,
    name: 'guest',
    token: '',
    connectTimeoutMs: 5000,
    ...options.guest,
  });
  toHost.session = guest;
  toHost.peer = host;
  toGuest.session = host;
  toGuest.peer = guest;
  return { clock, guest, host, toHost, toGuest };
}
