import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FIRST_HANDLE_INDEX, HANDLE_REUSE_DISTANCE, HandleTable } from './handle-table.ts';

interface Named {
  readonly name: string;
}
type Kinds = { 3: Named; 5: Named };

const indexOf = (handle: number): number => (handle >>> 6) & 0xff_ffff;
const uniqueOf = (handle: number): number => handle >>> 30;

test('handles are dense, non-zero, above the adapter range, with instance 0', () => {
  const table = new HandleTable<Kinds>();
  for (let i = 0; i < 1000; i += 1) {
    const handle = table.add(3, { name: `d${i}` });
    assert.notEqual(handle, 0);
    assert.equal(handle & 0x3f, 0);
    assert.equal(indexOf(handle), FIRST_HANDLE_INDEX + i);
  }
  assert.equal(table.size, 1000);
});

test('a look-up finds only a live object of the right kind under its full 32 bits', () => {
  const table = new HandleTable<Kinds>();
  const device = { name: 'device' };
  const handle = table.add(3, device);
  assert.equal(table.get(handle, 3), device);
  assert.equal(table.get(handle, 5), undefined);
  assert.equal(table.get(0, 3), undefined);
  assert.equal(table.get(handle ^ 1, 3), undefined);
  assert.equal(table.get((handle ^ 0x4000_0000) >>> 0, 3), undefined);
  assert.equal(table.get((handle ^ 0x8000_0000) >>> 0, 3), undefined);
  assert.equal(table.get(handle + 64, 3), undefined);
  assert.equal(table.get(0xffff_ffff, 3), undefined);
  assert.equal(table.kindOf(handle), 3);
  assert.equal(table.remove(handle, 5), false);
  assert.equal(table.remove(handle, 3), true);
  assert.equal(table.remove(handle, 3), false);
  assert.equal(table.get(handle, 3), undefined);
  assert.equal(table.kindOf(handle), 0);
});

test('a freed index comes back only after 128 others, with another unique', () => {
  const table = new HandleTable<Kinds>();
  const first = table.add(3, { name: 'first' });
  table.remove(first, 3);
  const seen: number[] = [];
  for (let i = 0; i < HANDLE_REUSE_DISTANCE; i += 1) {
    const handle = table.add(5, { name: 'x' });
    assert.notEqual(indexOf(handle), indexOf(first));
    seen.push(handle);
  }
  for (const handle of seen) table.remove(handle, 5);
  const again = table.add(5, { name: 'y' });
  assert.equal(indexOf(again), indexOf(first));
  assert.notEqual(uniqueOf(again), uniqueOf(first));
  assert.equal(table.get(first, 5), undefined);
});

test('a full table answers 0 and takes objects again after one went', () => {
  const table = new HandleTable<Kinds>({ maxObjects: 2 });
  const a = table.add(3, { name: 'a' });
  table.add(3, { name: 'b' });
  assert.equal(table.add(3, { name: 'c' }), 0);
  table.remove(a, 3);
  assert.notEqual(table.add(3, { name: 'c' }), 0);
});

test('property: against a map, whatever is added, looked up and removed', () => {
  const step = fc.oneof(
    fc.record({ op: fc.constant('add' as const), kind: fc.constantFrom(3 as const, 5 as const) }),
    fc.record({
      op: fc.constant('remove' as const),
      pick: fc.nat(),
      kind: fc.constantFrom(3 as const, 5 as const),
    }),
    fc.record({ op: fc.constant('get' as const), handle: fc.integer({ min: 0, max: 0xffff_ffff }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 900, size: 'max' }), (steps) => {
      const table = new HandleTable<Kinds>({ firstIndex: 16 });
      const model = new Map<number, { kind: 3 | 5; object: Named }>();
      const freed = new Map<number, number>();
      let frees = 0;
      for (const each of steps) {
        if (each.op === 'add') {
          const object = { name: 'o' };
          const handle = table.add(each.kind, object);
          const index = indexOf(handle);
          for (const other of model.keys()) assert.notEqual(indexOf(other), index);
          const freedAt = freed.get(index);
          if (freedAt !== undefined) assert.ok(frees - freedAt >= HANDLE_REUSE_DISTANCE);
          model.set(handle, { kind: each.kind, object });
        } else if (each.op === 'remove') {
          const handles = [...model.keys()];
          const handle = handles[each.pick % Math.max(handles.length, 1)];
          if (handle === undefined) continue;
          const expected = model.get(handle)!.kind === each.kind;
          assert.equal(table.remove(handle, each.kind), expected);
          if (expected) {
            model.delete(handle);
            frees += 1;
            freed.set(indexOf(handle), frees);
          }
        } else if (!model.has(each.handle)) {
          assert.equal(table.get(each.handle, 3), undefined);
        }
      }
      assert.equal(table.size, model.size);
      for (const [handle, { kind, object }] of model) assert.equal(table.get(handle, kind), object);
      assert.equal(table.count(3), [...model.values()].filter((each) => each.kind === 3).length);
    }),
    { numRuns: 60 },
  );
});
