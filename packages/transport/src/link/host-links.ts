import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { systemClock } from '../clock.ts';
import { TransportError } from '../errors.ts';
import { DEFAULT_WINDOW_MEGABYTES, memorySizes } from '../memory-sizes.ts';
import { hasProcessEnded } from '../process-identity.ts';
import { DEFAULT_MAX_QUEUED_BYTES } from '../queue-limits.ts';
import { type AllocateRegion, allocatePlainRegion } from '../region.ts';
import type { HostBus } from '../transport.ts';
import { HostLink } from './host-link.ts';
import { DEFAULT_HANDSHAKE_TIMEOUT_MS, DEFAULT_HEARTBEAT_MS, DEFAULT_LEASE_MS, silenceOf } from './limits.ts';
import type { LinkMedium } from './session.ts';

const MEBIBYTE = 1_048_576;
const DEFAULT_GUEST_MEMORY_BYTES = 1024 * MEBIBYTE;
export const DEFAULT_MAX_GUESTS = 256;
/** So many more connections than there may be guests may wait to say hello. */
export const FURTHER_CONNECTIONS = 16;

/** What is the same for every guest of a listener, whatever carries its link. */
export interface LinkHostSettings {
  /** A guest has been let in: set handlers, make offers, call `start`. */
  readonly onHostBus: (bus: HostBus) => void;
  /**
   * A link ended before its guest was let in: a wrong token, an old version, or something that is no guest.
   * `peer` is the address at the other end. For logs; the guest was told as well.
   */
  readonly onRefused?: (error: Error, peer: string) => void;
  /** What guests must know; none by default. */
  readonly token?: string;
  /**
   * Decides instead of `token`. The token is empty where the guest gave none; the request is the upgrade of a
   * WebSocket, other media have none.
   */
  readonly authenticate?: (token: string, request?: IncomingMessage) => boolean | Promise<boolean>;
  /** Device window of each guest, MiB, at most 4096. Default 64. */
  readonly windowMegabytes?: number;
  /** Most guest memory mirrored for each guest, bytes. Default 1 GiB. */
  readonly guestMemoryBytes?: number;
  /** Where mirrored guest memory and device windows come from, so that another process can map them. */
  readonly allocateRegion?: AllocateRegion;
  /**
   * How often each side says something at least, milliseconds. A guest gives a host up that is silent for twice that; for
   * the host's own patience see `silenceMs`. Default 10,000.
   */
  readonly heartbeatMs?: number;
  /**
   * How long a guest may say nothing before the host gives it up, milliseconds: a program that computes, or compiles
   * a large module, says nothing meanwhile, and a killed one is known by its connection. Default 120,000; two
   * heartbeats where `heartbeatMs` is given, and never less.
   */
  readonly silenceMs?: number;
  /** How long a guest may take to say hello, milliseconds. Default 10,000. */
  readonly handshakeTimeoutMs?: number;
  /**
   * How long a guest whose connection broke may take to come back, milliseconds; everything of its is kept so long.
   * 0: its link ends with its connection. Default 30,000 over a network; a local socket breaks only with its process.
   */
  readonly leaseMs?: number;
  /** Codecs of commands that guests may choose. Default: `packed` and `protobuf`; see `HostBus.codec`. */
  readonly codecs?: readonly string[];
  /** Most bytes that may wait to be sent to one guest. Default 64 MiB. */
  readonly maxQueuedBytes?: number;
  /** Most guests at a time. Default 256. */
  readonly maxGuests?: number;
  /** What this host calls itself to guests. */
  readonly name?: string;
}

/** What a guest is told that is one too many. */
export function fullHost(guests: number): string {
  return `this host serves as many guests as it may: ${guests}`;
}

/** The links of one listener: lets guests in, and gives a returning guest's connection to its session. */
export class HostLinks {
  readonly #settings: LinkHostSettings;
  readonly #transport: string;
  readonly #leaseMs: number;
  readonly #links = new Set<HostLink>();
  /** Those of them that have been let in. */
  readonly #guests = new Set<HostLink>();
  #lines = 0;
  #isClosed = false;
  /** Called when the last link has ended. */
  onNoneLeft: (() => void) | null = null;

  /**
   * @param survivesConnections - Whether sessions wait for their guest unless the settings say otherwise.
   * @throws TransportError `out-of-range` for sizes of memory that cannot be.
   */
  constructor(transport: string, settings: LinkHostSettings, survivesConnections: boolean) {
    const { guestMemoryBytes = DEFAULT_GUEST_MEMORY_BYTES, windowMegabytes = DEFAULT_WINDOW_MEGABYTES } =
      settings;
    memorySizes({ guestMemoryBytes, windowMegabytes });
    this.#transport = transport;
    this.#settings = settings;
    this.#leaseMs = settings.leaseMs ?? (survivesConnections ? DEFAULT_LEASE_MS : 0);
  }

  /** Links with a guest, or with something that may become one. */
  get count(): number {
    return this.#links.size;
  }

  /**
   * Whether a connection that comes now is one too many: more than there may be guests wait to say hello. While all guests are
   * there one may still connect, for it may be one of them that has lost its connection; others are refused when they say hello.
   */
  get isFull(): boolean {
    return this.#waiting >= this.#maxGuests + FURTHER_CONNECTIONS;
  }

  /** A line counts also while nobody is at its other end: what begins with a mark waits for as long as it likes. */
  get #waiting(): number {
    return this.#links.size - this.#guests.size + this.#lines;
  }

  /** A connection carries one guest after the other. @returns ends that. */
  lineBegan(): () => void {
    this.#lines += 1;
    let isOpen = true;
    return () => {
      if (isOpen) this.#lines -= 1;
      isOpen = false;
    };
  }

  /** How long whoever connects may take to say hello, milliseconds. */
  get handshakeTimeoutMs(): number {
    return this.#settings.handshakeTimeoutMs ?? DEFAULT_HANDSHAKE_TIMEOUT_MS;
  }

  /** A connection was one too many, see {@link isFull}. */
  turnedAway(peer: string): void {
    const what = `${this.#waiting} connections wait to say hello: no further one is taken`;
    this.#settings.onRefused?.(new TransportError('limit', what), peer);
  }

  get #maxGuests(): number {
    return this.#settings.maxGuests ?? DEFAULT_MAX_GUESTS;
  }

  /**
   * A connection has been made.
   *
   * @param authenticate - Judges the token of the hello; default: as the settings say.
   * @returns takes it back, while there was no hello.
   */
  connected(
    medium: LinkMedium,
    peer: string,
    authenticate: (token: string) => boolean | Promise<boolean> = (token) => this.authenticate([token]),
  ): () => void {
    const settings = this.#settings;
    const link: HostLink = new HostLink({
      transport: this.#transport,
      medium,
      clock: systemClock,
      maxQueuedBytes: settings.maxQueuedBytes ?? DEFAULT_MAX_QUEUED_BYTES,
      windowMegabytes: settings.windowMegabytes ?? DEFAULT_WINDOW_MEGABYTES,
      guestMemoryBytes: settings.guestMemoryBytes ?? DEFAULT_GUEST_MEMORY_BYTES,
      allocateRegion: settings.allocateRegion ?? allocatePlainRegion,
      heartbeatMs: settings.heartbeatMs ?? DEFAULT_HEARTBEAT_MS,
      silenceMs: silenceOf(settings),
      handshakeTimeoutMs: this.handshakeTimeoutMs,
      leaseMs: this.#leaseMs,
      ...(settings.codecs === undefined ? {} : { codecs: settings.codecs }),
      sessionId: randomUUID(),
      hostName: settings.name ?? 'dxgwire host',
      authenticate,
      hasEnded: hasProcessEnded,
      fullness: () => (this.#guests.size < this.#maxGuests ? null : fullHost(this.#guests.size)),
      onReady: (bus) => {
        this.#guests.add(link);
        bus.onClose = null;
        settings.onHostBus(bus);
      },
      findSession: (sessionId) => [...this.#links].find((entry) => entry.sessionId === sessionId) ?? null,
      onHandedOver: () => this.#links.delete(link),
    });
    link.onClose = (error) => {
      const reason = error ?? new TransportError('peer-closed', 'the guest went away before its hello');
      if (!this.#guests.has(link)) settings.onRefused?.(reason, peer);
    };
    link.onEnded = () => {
      this.#links.delete(link);
      this.#guests.delete(link);
      if (this.#links.size === 0) this.onNoneLeft?.();
    };
    this.#links.add(link);
    medium.attach(link);
    if (this.#isClosed) link.abort(new TransportError('closed', 'this host has stopped listening'));
    return () => link.withdraw();
  }

  /** Judges the tokens that a guest gave, by the settings. */
  async authenticate(tokens: readonly string[], request?: IncomingMessage): Promise<boolean> {
    const { authenticate } = this.#settings;
    if (authenticate === undefined) return tokens.some((token) => this.#isToken(token));
    return await authenticate(tokens.find((token) => token !== '') ?? '', request);
  }

  /** Whether a token is the one that guests must know, in a time that tells nothing about where it differs. */
  #isToken(given: string): boolean {
    const { token } = this.#settings;
    if (token === undefined) return true;
    const digest = (text: string) => createHash('sha256').update(text).digest();
    return timingSafeEqual(digest(given), digest(token));
  }

  /** Ends every link in order. A guest whose connection is lost cannot come back any more: nobody waits for it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const ended = [...this.#links].map((link) => {
      if (link.isInterrupted) {
        link.abort(
          new TransportError('closed', 'this host has stopped listening, and the guest was not connected'),
        );
      }
      return link.close();
    });
    await Promise.all(ended);
  }
}
