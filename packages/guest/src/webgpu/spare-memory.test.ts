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
  const [smallEntry, largeEntry] = [small, large, texture].map((each) => spares.add(each));
  assert.equal(spares.take('buffer', 12_288), null);
  assert.equal(spares.take('texture', 4096), texture);
  assert.equal(spares.take('texture', 4096), null);
  assert.equal(spares.take('buffer', 8192), large);
  assert.equal(spares.remove(largeEntry!), false);
  assert.equal(spares.remove(smallEntry!), true);
  assert.equal(spares.take('buffer', 64), null);
});

test('memory that was taken and is spare again waits for the records of its second end', () => {
  const spares = new SpareMemory();
  const one = memory('buffer', 64);
  const first = spares.add(one);
  assert.equal(spares.take('buffer', 64), one);
  const second = spares.add(one);
  assert.equal(spares.remove(first), false);
  assert.equal(spares.remove(second), true);
});
