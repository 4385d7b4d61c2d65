/**
 * The least that two threads or processes can do with memory that both see: one word each way, on cache lines of their
 * own. With `spin` both look until the other's word has changed; with `wait` both sleep in `Atomics.wait` and are woken
 * by `Atomics.notify`, which only shared buffers allow.
 */
export type BareMode = 'spin' | 'wait';

/** Length of the memory that the words need, bytes. */
export const BARE_BYTES = 4096;

/** Places of the words, in 32-bit words. */
const ASKED = 0;
const ANSWERED = 256;
const STATE = 512;
const PAUSE = 768;

const READY = 1;
const STOP = -1;

/** The words in some memory. */
export function bareWords(bytes: Uint8Array): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, BARE_BYTES / 4);
}

/** The other side: answers, with its thread blocked, until it is told to stop. */
export function answerBare(words: Int32Array, mode: BareMode): void {
  let seen = 0;
  Atomics.store(words, STATE, READY);
  for (;;) {
    if (mode === 'wait') Atomics.wait(words, ASKED, seen);
    const asked = Atomics.load(words, ASKED);
    if (asked === STOP) break;
    if (asked === seen) continue;
    seen = asked;
    Atomics.store(words, ANSWERED, asked);
    if (mode === 'wait') Atomics.notify(words, ANSWERED);
  }
  Atomics.store(words, STATE, 0);
}

/**
 * Asks `count` times, one after the other, once the other side is ready; sleeps before each if there is to be a pause.
 *
 * @returns milliseconds, without the pauses.
 */
export function askBare(words: Int32Array, mode: BareMode, count: number, pauseMs = 0): number {
  while (Atomics.load(words, STATE) !== READY);
  let begin = performance.now();
  for (let i = 1; i <= count; i += 1) {
    if (pauseMs > 0) {
      const paused = performance.now();
      Atomics.wait(words, PAUSE, 0, pauseMs);
      begin += performance.now() - paused;
    }
    Atomics.store(words, ASKED, i);
    if (mode === 'wait') {
      Atomics.notify(words, ASKED);
      while (Atomics.load(words, ANSWERED) !== i) Atomics.wait(words, ANSWERED, i - 1);
    } else {
      while (Atomics.load(words, ANSWERED) !== i);
    }
  }
  const elapsed = performance.now() - begin;
  Atomics.store(words, ASKED, STOP);
  if (mode === 'wait') Atomics.notify(words, ASKED);
  while (Atomics.load(words, STATE) === READY);
  Atomics.store(words, ASKED, 0);
  Atomics.store(words, ANSWERED, 0);
  return elapsed;
}
