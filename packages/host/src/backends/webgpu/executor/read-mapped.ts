import type { MappedRange } from './mapped-range.ts';
import type { WriteTarget } from './submission-data.ts';

/** Ranges of at least this are read by their address where that can be, bytes. */
const ADDRESSED_BYTES = 1 << 20;

/** What begins a range may begin at a multiple of this, bytes. */
const ALIGNMENT_BYTES = 8;

/**
 * Copies a range that is mapped and of which nothing was asked for. Large ones without an ArrayBuffer of them all: the engine counts
 * its bytes as its own, and collects garbage for each 64 MiB of them, which takes as long as the copy.
 * @throws what Dawn throws when the buffer is not mapped.
 */
export function readMapped(range: MappedRange, target: WriteTarget): void {
  const { memory } = target;
  if (memory === null || range.length < ADDRESSED_BYTES) {
    range.visit(0, range.length, (bytes, position) => target.write(position, bytes));
    return;
  }
  // Lengths are multiples of 4.
  const lastBytes = range.length % ALIGNMENT_BYTES || ALIGNMENT_BYTES;
  const lastStart = range.length - lastBytes;
  const first = range.part(0, ALIGNMENT_BYTES);
  const last = range.part(lastStart, lastBytes);
  const address = memory.addressOf(first);
  if (memory.addressOf(last) - address === BigInt(lastStart)) {
    target.writeFrom(0, address, range.length);
    return;
  }
  // Somebody made copies of them.
  target.write(0, first);
  target.write(ALIGNMENT_BYTES, range.part(ALIGNMENT_BYTES, lastStart - ALIGNMENT_BYTES));
  target.write(lastStart, last);
}
