import type { Duplex } from 'node:stream';
import { freeBuffer } from '../free-buffer.ts';

/** Most reads that are kept until a message is whole. Beyond that they are left to the collector. */
const MOST_KEPT = 64;

/**
 * Gives back what a connection has read as soon as `ws` has put messages together from it. `ws` does that within the
 * connection's `data` event: when a message is whole, all reads before the one at hand have been used up. Should it
 * come at another time, nothing is given back.
 */
export class ChunkKeeper {
  #kept: Uint8Array[] = [];
  #isReading = false;

  /** @param connection - Of a WebSocket that listens on it already. */
  constructor(connection: Duplex) {
    connection.prependListener('data', () => {
      this.#isReading = true;
    });
    connection.on('data', (bytes: Uint8Array) => {
      this.#isReading = false;
      if (this.#kept.length === MOST_KEPT) this.#kept.length = 0;
      // Three listeners: `ws` and this one's two. Anybody else may hold it.
      if (connection.listenerCount('data') === 3) this.#kept.push(bytes);
    });
  }

  /** A message was taken: what was read before it ended is of no more use. */
  messageTaken(): void {
    if (this.#isReading) for (const bytes of this.#kept) freeBuffer(bytes);
    this.#kept.length = 0;
  }
}
