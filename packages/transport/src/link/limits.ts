/** Link versions that this code speaks. */
export const MIN_LINK_VERSION = 1;
export const MAX_LINK_VERSION = 1;

/** What a host takes of a guest's codecs unless told otherwise. The transport only agrees on one; it looks into no packet. */
export const DEFAULT_HOST_CODECS: readonly string[] = ['packed', 'protobuf'];

/** Above this many queued bytes `send` asks the caller to stop; below the lower one `onDrain` is called. */
export const HIGH_WATER_BYTES = 1024 * 1024;
export const LOW_WATER_BYTES = 256 * 1024;

/** Most packets, in bytes, that wait for an `onPacket` that is not set. */
export const MAX_UNCLAIMED_BYTES = 4 * 1024 * 1024;

/** Most memory reads that one side may have outstanding. */
export const MAX_MEMORY_READS = 1024;

/**
 * Most urgent frames, in bytes, that wait for a peer which does not read: what it may be asked and owed at a time is
 * a small part of it. The largest chunk holds more, see `output-chunk.ts`.
 */
export const MAX_URGENT_BYTES = 64 * 1024;

/** Input that a peer may send before it is let in, bytes. */
export const MAX_HANDSHAKE_BYTES = 64 * 1024;

export const DEFAULT_HEARTBEAT_MS = 10_000;
const DEFAULT_SILENCE_MS = 120_000;
export const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000;
export const DEFAULT_CLOSE_TIMEOUT_MS = 5_000;

/** Feature of a link whose session outlives a broken connection. */
export const FEATURE_RESUME = 'resume';
/** How long a session waits for its guest to come back, milliseconds. */
export const DEFAULT_LEASE_MS = 30_000;
/** Most bytes sent and not confirmed, kept to be sent again: what a side may be ahead of the other. */
export const REPLAY_WINDOW_BYTES = 8 * 1024 * 1024;
/** How much of long ranges may be on its way before anything is known of the line, and at least. */
export const FIRST_RANGE_WINDOW_BYTES = 64 * 1024;
export const LEAST_RANGE_WINDOW_BYTES = 30 * 1024;
/** Received bytes after which a side confirms them by themselves, and by the way when it writes anyway. */
export const CONFIRM_BYTES = 256 * 1024;
export const CONFIRM_BY_THE_WAY_BYTES = 16 * 1024;
/** Pauses between attempts to connect again, milliseconds: doubled each time from the first to the last. */
export const FIRST_REDIAL_MS = 50;
export const LAST_REDIAL_MS = 2_000;
/**
 * How long an attempt may take until the host has answered, milliseconds: doubled each time from the first to the last. A network
 * that has swallowed a first packet, or a proxy without a host behind it, must not take up the whole lease.
 */
export const FIRST_ATTEMPT_MS = 5_000;
export const LAST_ATTEMPT_MS = 20_000;

/** What a host takes of a guest's silence: as it was told; else two heartbeats of its own choice, or two minutes. */
export function silenceOf(settings: { readonly heartbeatMs?: number; readonly silenceMs?: number }): number {
  return settings.silenceMs ?? (settings.heartbeatMs === undefined ? DEFAULT_SILENCE_MS : 0);
}
