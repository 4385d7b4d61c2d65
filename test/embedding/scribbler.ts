import { workerData } from 'node:worker_threads';

const PAGE_BYTES = 4096;
/** Bytes of a ring's data. */
const DATA_BYTES = 63 * PAGE_BYTES;

/** What a {@link scribble} thread does. */
export interface Scribbler {
  readonly ram: SharedArrayBuffer;
  /** Where the pages lie that are written: headers, then data. */
  readonly headers: readonly number[];
  readonly data: readonly number[];
  readonly writes: number;
  readonly seed: number;
}

/** A virtual processor that writes into rings while the host reads them. */
function scribble({ data, headers, ram, seed, writes }: Scribbler): void {
  const words = new Uint32Array(ram);
  let random = seed;
  const next = (): number => {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    return random >>> 3;
  };
  for (let i = 0; i < writes; i += 1) {
    const pick = next();
    if (headers.length > 0 && (data.length === 0 || pick % 8 === 0)) {
      const header = headers[next() % headers.length]! / 4;
      const value = next() % 3 === 0 ? next() : (next() % (DATA_BYTES / 8)) * 8;
      Atomics.store(words, header + (next() % 5 === 4 ? 16 : next() % 4), value);
    } else {
      const page = data[next() % data.length]! / 4;
      words[page + (next() % (PAGE_BYTES / 4))] = next() % 2 === 0 ? next() : next() % 64;
    }
  }
}

scribble(workerData as Scribbler);
