import type { Memory, MemoryKind } from './kernel.ts';

const PAGE_BYTES = 4096;

/** Memory that is spare since one certain destruction. */
export interface SpareEntry {
  readonly memory: Memory;
  /** Where it is among the spare ones of its size; -1: spare no more. */
  place: number;
}

/**
 * Memory of what the program has destroyed, as long as the records of that are not submitted: the next buffer or texture
 * of that size takes it over. So a program that destroys before it makes the next never needs the memory of both, and
 * the host hears of neither.
 */
export class SpareMemory {
  /** By size in pages. */
  private readonly spares: Readonly<Record<MemoryKind, Map<number, SpareEntry[]>>> = {
    buffer: new Map(),
    texture: new Map(),
  };

  /** @returns what to {@link remove} when the records of the destruction were submitted. */
  add(memory: Memory): SpareEntry {
    const spares = this.spares[memory.kind];
    const pages = pagesOf(memory);
    let same = spares.get(pages);
    if (same === undefined) {
      same = [];
      spares.set(pages, same);
    }
    const entry: SpareEntry = { memory, place: same.length };
    same.push(entry);
    return entry;
  }

  /** Memory for a buffer or texture of this size, or null. It is spare no more. */
  take(kind: MemoryKind, lengthBytes: number): Memory | null {
    const spares = this.spares[kind];
    if (spares.size === 0) return null;
    const entry = spares.get(pagesOf({ lengthBytes }))?.at(-1);
    if (entry === undefined) return null;
    this.remove(entry);
    return entry.memory;
  }

  /**
   * @returns whether it was spare still. Memory that was taken and is spare again has another entry: records that use it
   *   may not be submitted yet.
   */
  remove(entry: SpareEntry): boolean {
    if (entry.place < 0) return false;
    const spares = this.spares[entry.memory.kind];
    const pages = pagesOf(entry.memory);
    const same = spares.get(pages)!;
    const last = same.pop()!;
    if (last !== entry) {
      same[entry.place] = last;
      last.place = entry.place;
    }
    entry.place = -1;
    if (same.length === 0) spares.delete(pages);
    return true;
  }
}

function pagesOf({ lengthBytes }: { readonly lengthBytes: number }): number {
  return Math.ceil(lengthBytes / PAGE_BYTES);
}
