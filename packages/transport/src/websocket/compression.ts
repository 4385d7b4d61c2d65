import { constants } from 'node:zlib';
import type { PerMessageDeflateOptions, WebSocket } from 'ws';

/** Shorter messages are not worth the time: `ws` has another thread compress them. */
export const LEAST_COMPRESSED_BYTES = 1024;

/**
 * Compression of messages (RFC 7692) as `ws` takes it; false for none. A message must not be longer than others when it is
 * inflated either, so that what a peer sends costs no more memory than without; and each side has at most 32 KiB of
 * earlier messages to look back on.
 */
export function compressionOptions(isWanted: boolean | undefined): false | PerMessageDeflateOptions {
  if (isWanted !== true) return false;
  return { zlibDeflateOptions: { level: constants.Z_BEST_SPEED } };
}

/** Whether both sides of an open socket have agreed on compression. */
export function isCompressed(socket: WebSocket): boolean {
  return socket.extensions.includes('permessage-deflate');
}
