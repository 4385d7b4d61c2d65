import { availableParallelism } from 'node:os';

/** Version of the messages on the socket. */
export const PROTOCOL_VERSION = 1;
export const DEFAULT_CLOSE_TIMEOUT_MS = 5000;
/** With one core the other side cannot do anything while this one looks on. */
export const DEFAULT_SPIN_MICROSECONDS = availableParallelism() > 1 ? 200 : 0;
