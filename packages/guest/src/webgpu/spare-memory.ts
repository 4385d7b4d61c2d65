import type { Memory, MemoryKind } from './kernel.ts';

const PAGE_BYTES = 4096;

/**
 * Memory of what the program has destroyed, as long as the records of that are not submitted: the next buffer or texture
 * of that size takes it over. So a program that destroys before it makes the next never needs the memory of both, and
 * the host hears of neither.
 */
export class SpareMemory {
  /** By kind and size in pages. */
  private readonly spares = new Map<string, Set<Memory>>();
  private readonly places = new Map<Memory, Set<Memory>>();

  add(memory: Memory): void {
    const key = keyOf(memory.kind, memory.lengthBytes);
    let same = this.spares.get(key);
    if (same === undefined) {
      same = new Set();
      this.spares.set(key, same);
    }
    same.add(memory);
    this.places.set(memory, same);
  }

  /** Memory for a buffer or texture of this size, or null. It is spare no more. */
  take(kind: MemoryKind, lengthBytes: number): Memory | null {
    if (this.places.size === 0) return null;
    const [memory] = this.spares.get(keyOf(kind, lengthBytes)) ?? [];
    if (memory === undefined) return null;
    this.remove(memory);
    return memory;
  }

  /** @returns whether it was spare still. */
  remove(memory: Memory): boolean {
    const same = this.places.get(memory);
    if (same === undefined) return false;
    this.places.delete(memory);
    same.delete(memory);
    if (same.size === 0) this.spares.delete(keyOf(memory.kind, memory.lengthBytes));
    return true;
  }
}

function keyOf(kind: MemoryKind, lengthBytes: number): string {
  return `${kind} ${Math.ceil(lengthBytes / PAGE_BYTES)}`;
}
