/** Most bytes that may wait to be sent on a bus before `send` refuses, unless an option says otherwise. */
export const DEFAULT_MAX_QUEUED_BYTES = 64 * 1024 * 1024;
