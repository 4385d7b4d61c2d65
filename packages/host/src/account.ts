/** How much one guest holds of something, against its quota. One account for all its GPUs, since they are one host's. */
export class Account {
  readonly limit: number;
  #used = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Held now. */
  get used(): number {
    return this.#used;
  }

  hasRoomFor(amount: number): boolean {
    return this.#used + amount <= this.limit;
  }

  add(amount: number): void {
    this.#used += amount;
  }

  remove(amount: number): void {
    this.#used -= amount;
  }
}
