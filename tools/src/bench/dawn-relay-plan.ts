/** Bytes of a request to the relay: about what the calls of a readback take in our stream. */
export const REQUEST_BYTES = 64;
export const READBACK_BYTES = 256;

/** The thread that fills the memory shows so much at a time, bytes. */
const PIECE_BYTES = 2 << 20;

/** Places of words: the round, how far its memory is full, how far it was taken out; cache lines of their own. */
const ROUND = 0;
const FILLED = 32;
const TAKEN = 64;
const WORDS = 96;
const STOP = -1;

/** Two threads that copy the same data, one behind the other. */
export interface CopyPlan {
  readonly words: Int32Array;
  readonly memory: Uint8Array;
}

export function createCopyPlan(lengthBytes: number): CopyPlan {
  const words = new Int32Array(new SharedArrayBuffer(WORDS * 4));
  return { words, memory: new Uint8Array(new SharedArrayBuffer(lengthBytes)) };
}

/** One copy of the data into the memory, and one out of it, by the other thread, as soon as there is a piece. */
export function copyIn({ words, memory }: CopyPlan, data: Uint8Array): void {
  Atomics.store(words, FILLED, 0);
  Atomics.store(words, TAKEN, 0);
  Atomics.add(words, ROUND, 1);
  Atomics.notify(words, ROUND);
  for (let at = 0; at < data.length; at += PIECE_BYTES) {
    memory.set(data.subarray(at, at + PIECE_BYTES), at);
    Atomics.store(words, FILLED, Math.min(data.length, at + PIECE_BYTES));
  }
  while (Atomics.load(words, TAKEN) < data.length);
}

export function stopCopies({ words }: CopyPlan): void {
  Atomics.store(words, ROUND, STOP);
  Atomics.notify(words, ROUND);
}

/** The other thread, until {@link stopCopies}: sleeps between the rounds, and looks on within one. */
export function copyOut({ words, memory }: CopyPlan): void {
  const own = new Uint8Array(memory.length).fill(1);
  for (let round = 0; ; ) {
    Atomics.wait(words, ROUND, round);
    const next = Atomics.load(words, ROUND);
    if (next === STOP) return;
    if (next === round) continue;
    round = next;
    for (let at = 0; at < memory.length; ) {
      const filled = Atomics.load(words, FILLED);
      if (filled === at) continue;
      own.set(memory.subarray(at, filled), at);
      at = filled;
    }
    Atomics.store(words, TAKEN, memory.length);
  }
}
