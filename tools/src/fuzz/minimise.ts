import type { FuzzTarget } from './target.ts';

/** Tries of one minimisation: a failing input becomes small long before. */
const MAX_TRIES = 4000;

/** What a run of the input by itself throws, or null. */
export async function failureOf(target: FuzzTarget, input: Uint8Array): Promise<Error | null> {
  try {
    await target.reset?.();
    await target.run(input.slice());
    await target.check?.();
    return null;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Numbers and quotations in a message change with the input; the rest says which failure it is. */
function kindOf(error: Error): string {
  return `${error.name} ${error.message.replace(/0x[0-9a-f]+|\d+/gi, '#')}`;
}

/**
 * The shortest input that this finds which fails in the same way: pieces are left out, then bytes made zero. The input
 * itself where it does not fail alone.
 */
export async function minimise(target: FuzzTarget, input: Uint8Array): Promise<Uint8Array> {
  const first = await failureOf(target, input);
  if (first === null) return input;
  const kind = kindOf(first);
  let best: Uint8Array = input.slice();
  let tries = 0;
  const attempt = async (candidate: Uint8Array): Promise<boolean> => {
    tries += 1;
    const failure = await failureOf(target, candidate);
    if (failure === null || kindOf(failure) !== kind) return false;
    best = candidate;
    return true;
  };
  for (let piece = Math.max(1, best.length >>> 1); piece >= 1; piece >>>= 1) {
    for (let at = 0; at < best.length && tries < MAX_TRIES; ) {
      const rest = best.subarray(Math.min(best.length, at + piece));
      const candidate = new Uint8Array(at + rest.length);
      candidate.set(best.subarray(0, at));
      candidate.set(rest, at);
      if (!(await attempt(candidate))) at += piece;
    }
  }
  for (let at = 0; at < best.length && tries < MAX_TRIES; at += 1) {
    if (best[at] === 0) continue;
    const candidate = best.slice();
    candidate[at] = 0;
    await attempt(candidate);
  }
  return best;
}
