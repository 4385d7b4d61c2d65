import { Duplex } from 'node:stream';

/** One end of a pair: what is written to it is read from the other, by reference, as fast as that is read. */
class PairEnd extends Duplex {
  other: PairEnd | null = null;
  #wanted: (() => void) | null = null;

  override _read(): void {
    const wanted = this.#wanted;
    this.#wanted = null;
    wanted?.();
  }

  override _write(chunk: Uint8Array, _encoding: string, callback: () => void): void {
    const other = this.other;
    if (other === null || other.destroyed) callback();
    else if (other.push(chunk)) callback();
    else other.#wanted = callback;
  }

  override _final(callback: () => void): void {
    this.other?.push(null);
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const other = this.other;
    this.other = null;
    if (other !== null && !other.readableEnded && !other.destroyed) other.push(null);
    callback(error);
  }
}

/** Two joined streams of this process. */
export function createDuplexPair(): [Duplex, Duplex] {
  const near = new PairEnd({ allowHalfOpen: false });
  const far = new PairEnd({ allowHalfOpen: false });
  near.other = far;
  far.other = near;
  return [near, far];
}
