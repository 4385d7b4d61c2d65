import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Memory, MemoryKind } from './kernel.ts';
import { SpareMemory } from './spare-memory.ts';

let handles = 0;

function memory(kind: MemoryKind, lengthBytes: number): Memory {
  handles += 1;
  return { kind, lengthBytes, runtimeHandleLow: handles, runtimeHandleHigh: 0 };
}

test('spare memory goes to one of its kind that needs as many pages, once', () => {
  const spares = new SpareMemory();
  const [small, large, texture] = [memory('buffer', 64), memory('buffer', 5000), memory('texture', 64)];
  for (const each of [small, large, texture]) spares.add(each);
  assert.equal(spares.take('buffer', 12_288), null);
  assert.equal(spares.take('texture', 4096), texture);
  assert.equal(spares.take('texture', 4096), null);
  assert.equal(spares.take('buffer', 8192), large);
  assert.equal(spares.remove(large), false);
  assert.equal(spares.remove(small), true);
  assert.equal(spares.take('buffer', 64), null);
});
