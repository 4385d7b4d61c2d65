import type { Clock } from '../clock.ts';

/** Bytes that came while they could not be taken: they are delivered at the end of the turn. */
export class HeldInput {
  readonly #clock: Clock;
  readonly #take: (bytes: Uint8Array) => void;
  readonly #held: Uint8Array[] = [];

  constructor(clock: Clock, take: (bytes: Uint8Array) => void) {
    this.#clock = clock;
    this.#take = take;
  }

  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  hold(bytes: Uint8Array): void {
    this.#held.push(bytes.slice());
    if (this.#held.length === 1) this.#clock.defer(this.deliver);
  }

  readonly deliver = (): void => {
    for (let bytes = this.#held.shift(); bytes !== undefined; bytes = this.#held.shift()) this.#take(bytes);
  };

  drop(): void {
    this.#held.length = 0;
  }
}
