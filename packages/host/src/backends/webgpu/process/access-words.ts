/**
 * What goes with a stream from the host to the GPU process, one entry for each record that needs data, in the
 * order of the records:
 *
 * - createBuffer, createTexture: the allocation's number for `freeMemory`, 0 when it is not there; its size, low and
 *   high (bytes).
 * - data that is read: a count of runs, then the runs.
 * - mapAsync: the number of the write (0: none wanted), and, if not 0, a count of runs, then the runs.
 *
 * A run is five words: region, offset low and high, length low and high (bytes).
 */
export const RUN_WORDS = 5;

/** Region of bytes that follow the access words in the same frame; for writes: bytes are to be sent back. */
export const INLINE_REGION = 0;

/** Region that reads as zero and takes writes without effect. */
export const ZERO_REGION = 0xffff_ffff;

/** How a write ended, in a `wrote` frame. */
export const WriteOutcome = {
  /** Nothing was written. */
  none: 0,
  /** The bytes are in their regions, but for what follows inline. */
  written: 1,
} as const;
