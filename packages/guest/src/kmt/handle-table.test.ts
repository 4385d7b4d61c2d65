import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Errno, makeHandle } from '@dxgwire/protocol';
import fc from 'fast-check';
import type { Adapter } from './adapter.ts';
import { AdapterHandleTable, HandleTable } from './handle-table.ts';
import type { Device } from './objects.ts';

const object = (name: string) => ({ name }) as unknown as Device;
const adapter = { name: 'adapter' } as unknown as Adapter;

test('adapter handles count up from 0x40000000, and a freed one does not come back soon', () => {
  const table = new AdapterHandleTable();
  assert.equal(table.allocate(adapter), 0x40000000);
  assert.equal(table.allocate(adapter), 0x40000040);
  assert.equal(table.free(0x40000040), adapter);
  assert.equal(table.free(0x40000040), null);
  assert.equal(table.get(0x40000040), null);
  assert.equal(table.allocate(adapter), 0x40000080);
});

test('a freed adapter handle comes back with unique 2, behind those that were free before', () => {
  const table = new AdapterHandleTable();
  const first = table.allocate(adapter);
  table.free(first);
  // The table grows when 128 or fewer are free: indices 1 to 1023, then the freed 0, then 1024 and on.
  const handles = Array.from({ length: 1024 }, () => table.allocate(adapter));
  assert.equal(handles[0], makeHandle(1, 1));
  assert.equal(handles[1022], makeHandle(1023, 1));
  assert.equal(handles[1023], makeHandle(0, 2));
  assert.equal(table.allocate(adapter), makeHandle(1024, 1));
});

test('an object lies at the index that the host chose; instance does not matter, unique does', () => {
  const table = new HandleTable();
  const device = object('device');
  assert.equal(table.assign(makeHandle(20, 1), 'device', device), 0);
  assert.equal(table.get(makeHandle(20, 1), 'device'), device);
  assert.equal(table.get(makeHandle(20, 1, 5), 'device'), device);
  assert.equal(table.get(makeHandle(20, 2), 'device'), null);
  assert.equal(table.get(makeHandle(21, 1), 'device'), null);
  assert.equal(table.get(makeHandle(20, 1), 'context'), null);
  assert.equal(table.kindOf(makeHandle(20, 1)), 'device');
});

test('a busy index is refused whatever its unique, and the last index always', () => {
  const table = new HandleTable();
  assert.equal(table.assign(makeHandle(20, 1), 'device', object('a')), 0);
  assert.equal(table.assign(makeHandle(20, 3), 'device', object('b')), -Errno.EINVAL);
  assert.equal(table.assign(makeHandle(0xffffff, 1), 'device', object('c')), -Errno.EINVAL);
  assert.equal(table.assign(makeHandle(0xfffffe, 1), 'implicitFence', null), 0);
  assert.equal(table.count, 2);
});

test('a wrong kind or unique frees nothing', () => {
  const table = new HandleTable();
  table.assign(makeHandle(20, 1), 'device', object('a'));
  table.free(makeHandle(20, 1), 'context');
  table.free(makeHandle(20, 2), 'device');
  assert.equal(table.count, 1);
  table.free(makeHandle(20, 1), 'device');
  assert.equal(table.count, 0);
  assert.equal(table.assign(makeHandle(20, 2), 'device', object('b')), 0);
});

test('the table agrees with a map of indices under any sequence of assigns and frees', () => {
  const step = fc.record({
    isFree: fc.boolean(),
    index: fc.oneof(fc.nat(40), fc.integer({ min: 65_530, max: 65_545 }), fc.constant(0xfffffe)),
    unique: fc.nat(3),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const table = new HandleTable();
      const model = new Map<number, number>();
      for (const { index, isFree, unique } of steps) {
        const handle = makeHandle(index, unique);
        if (isFree) {
          table.free(handle, 'device');
          if (model.get(index) === unique) model.delete(index);
        } else {
          const ret = table.assign(handle, 'device', object(String(handle)));
          assert.equal(ret === 0, handle !== 0 && !model.has(index));
          if (ret === 0) model.set(index, unique);
        }
        assert.equal(table.count, model.size);
        assert.equal(table.get(handle, 'device') !== null, model.get(index) === unique);
      }
      assert.equal([...table.entries()].length, model.size);
    }),
  );
});
