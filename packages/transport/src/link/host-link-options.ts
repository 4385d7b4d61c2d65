import type { AllocateRegion } from '../region.ts';
import type { HostBus } from '../transport.ts';
import type { LinkSessionOptions } from './session.ts';

/** What a host's end of a link needs; `Session` is that end itself. */
export interface HostLinkOptions<Session = unknown> extends LinkSessionOptions {
  readonly windowMegabytes: number;
  /** Most bytes of guest memory mirrored for this guest. */
  readonly guestMemoryBytes: number;
  readonly allocateRegion: AllocateRegion;
  readonly heartbeatMs: number;
  /** Silence of the guest that ends the link, milliseconds; two heartbeats at least. Default: these. */
  readonly silenceMs?: number;
  /** How long a guest may take to say hello, milliseconds. */
  readonly handshakeTimeoutMs: number;
  /** Name of this link, unguessable. */
  readonly sessionId: string;
  readonly hostName: string;
  /** Whether a guest with this token may come in. */
  readonly authenticate: (token: string) => boolean | Promise<boolean>;
  /** Why there is no room for a further guest, or null where there is. One that comes back to its session needs none. */
  readonly fullness?: () => string | null;
  /** Whether a guest's process, as it has named itself, is known to have ended: its session then waits for nobody. */
  readonly hasEnded?: (process: string) => boolean;
  /** The guest has said hello and may come in: set handlers, make offers, call `start`. */
  readonly onReady: (bus: HostBus) => void;
  /** How long the session waits for its guest after a broken connection, milliseconds; 0: it ends with it. */
  readonly leaseMs?: number;
  /** Codecs that this host takes. Default: all that there are. */
  readonly codecs?: readonly string[];
  /** The session of that name which may be resumed, or null. This link is dropped for it. */
  readonly findSession?: (sessionId: string) => Session | null;
  /** This link's connection has been given away, as to the session that the guest resumes. */
  readonly onHandedOver?: () => void;
}
