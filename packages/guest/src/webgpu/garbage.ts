/** Objects that are made before the garbage collector is urged, at least. */
const MIN_OBJECTS = 32_768;

/**
 * Memory that is only counted, never touched, bytes: the growth of memory outside the heap at which V8 begins a
 * collection (64 MiB), and more than what an allocator keeps in its heap and would have to clear (32 MiB).
 */
const WEIGHT_BYTES = 72 << 20;

/**
 * Urges the garbage collector where programs make objects and drop them. An object here is small, but what it stands for
 * on the host is not, and a collector that looks at sizes alone lets a hundred thousand of them lie. There is no call to
 * tell it; but memory outside the heap counts, so some is claimed and dropped, which makes a collection begin in pieces
 * beside the program's own work.
 */
export class Garbage {
  private alive = 0;
  private made = 0;
  /** Held until something was collected: a young one would be gone too soon to count. */
  weight: ArrayBuffer | null = null;

  objectMade(): void {
    this.alive += 1;
    this.made += 1;
    if (this.made >= MIN_OBJECTS && this.made >= this.alive / 2) this.urge();
  }

  /** One was collected. */
  objectGone(): void {
    this.alive -= 1;
    this.weight = null;
  }

  private urge(): void {
    this.made = 0;
    try {
      this.weight = new ArrayBuffer(WEIGHT_BYTES);
    } catch {
      // Where there is no room for it, the collector is urged without us.
    }
  }
}
