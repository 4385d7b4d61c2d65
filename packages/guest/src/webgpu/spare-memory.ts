import type { Memory, MemoryKind } from './kernel.ts';

const PAGE_BYTES = 4096;

/** Memory that is spare since one certain destruction. */
export interface SpareEntry {
  readonly memory: Memory;
}

/**
 * Memory of what the program has destroyed, as long as the records of that are not submitted: the next buffer or texture
 * of that size takes it over. So a program that destroys before it makes the next never needs the memory of both, and
 * the host hears of neither.
 */
export class SpareMemory {
  /** By kind and size in pages. */
  private readonly spares = new Map<string, Set<SpareEntry>>();

  /** @returns what to {@link remove} when the records of the destruction were submitted. */
  add(memory: Memory): SpareEntry {
    const entry: SpareEntry = { memory };
    const key = keyOf(memory.kind, memory.lengthBytes);
    const same = this.spares.get(key);
    if (same === undefined) this.spares.set(key, new Set([entry]));
    else same.add(entry);
    return entry;
  }

  /** Memory for a buffer or texture of this size, or null. It is spare no more. */
  take(kind: MemoryKind, lengthBytes: number): Memory | null {
    if (this.spares.size === 0) return null;
    const [entry] = this.spares.get(keyOf(kind, lengthBytes)) ?? [];
    if (entry === undefined) return null;
    this.remove(entry);
    return entry.memory;
  }

  /**
   * @returns whether it was spare still. Memory that was taken and is spare again has another entry: records that use it
   *   may not be submitted yet.
   */
  remove(entry: SpareEntry): boolean {
    const { kind, lengthBytes } = entry.memory;
    const key = keyOf(kind, lengthBytes);
    const same = this.spares.get(key);
    if (same === undefined || !same.delete(entry)) return false;
    if (same.size === 0) this.spares.delete(key);
    return true;
  }
}

function keyOf(kind: MemoryKind, lengthBytes: number): string {
  return `${kind} ${Math.ceil(lengthBytes / PAGE_BYTES)}`;
}
