import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isProtocolError } from '../errors.ts';
import { commands } from '../registry.ts';
import { messageArbitrary, type Values } from '../schema/arbitrary.test.ts';
import type { CommandDef } from '../schema/command.ts';
import { accessor, plainAccessor } from './accessor.ts';
import { partsOf } from './accessor-parts.ts';
import type { MessageCodec } from './codec.ts';

/** Accessors read what the decoder reads, with generated code and without. */

const view = new DataView(new ArrayBuffer(128 * 1024), 4);
const sent = (Object.values(commands) as CommandDef[]).filter((def) => def.request !== null);

/** Compares each property of an accessor that has a plain counterpart in a decoded value. */
function compare(fields: Values, value: Values, prefix: string): void {
  const has = (name: string): boolean => name in fields;
  for (const [key, expected] of Object.entries(value)) {
    const name = prefix === '' ? key : `${prefix}${key[0]?.toUpperCase()}${key.slice(1)}`;
    if (typeof expected === 'number' || typeof expected === 'boolean') {
      if (has(name)) assert.equal(fields[name], expected, name);
    } else if (typeof expected === 'bigint') {
      if (!has(`${name}Low`)) continue;
      const [low, high] = [fields[`${name}Low`] as number, fields[`${name}High`] as number];
      assert.equal((BigInt(high) << 32n) | BigInt(low), expected, name);
    } else if (expected instanceof Uint32Array || expected instanceof BigUint64Array) {
      if (!has(`${name}Count`)) continue;
      if (!(`${name}Count` in value)) assert.equal(fields[`${name}Count`], expected.length);
      const at = (method: string, index: number): number =>
        (fields[method] as (index: number) => number)(index);
      for (let i = 0; i < expected.length; i++) {
        if (expected instanceof Uint32Array) assert.equal(at(`${name}At`, i), expected[i]);
        else
          assert.equal((BigInt(at(`${name}HighAt`, i)) << 32n) | BigInt(at(`${name}LowAt`, i)), expected[i]);
      }
    } else if (expected instanceof Uint8Array) {
      if (!has(`${name}Length`)) continue;
      const start = view.byteOffset + (fields[`${name}Offset`] as number);
      assert.deepEqual(new Uint8Array(view.buffer, start, fields[`${name}Length`] as number), expected);
    }
  }
}

for (const def of sent) {
  test(`${def.name}: the accessor reads what the decoder reads`, () => {
    const codec = def.request as MessageCodec<Values, Values>;
    const compiled = accessor(def);
    const plain = plainAccessor(codec);
    fc.assert(
      fc.property(messageArbitrary(codec.message), (value) => {
        const size = codec.encode(value, view, 8);
        // An outer field hides one of `args` of the same name.
        const { args, ...outer } = value as { args?: Values };
        const expected = { ...args, ...outer };
        for (const each of [compiled, plain] as (Values & typeof plain)[]) {
          each.bind(view, 8, size);
          // Alternatives of a union of numbers are all read, not only the valid one.
          if (def.name === 'SignalSyncObject' || def.name === 'SetGuestData') continue;
          const names = new Set(partsOf(codec.message).map((part) => part.name));
          const proxy = Object.fromEntries(
            [...names].map((name) => {
              const field = each[name];
              return [name, typeof field === 'function' ? field.bind(each) : field];
            }),
          );
          compare(proxy, expected, '');
        }
      }),
      { numRuns: 15 },
    );
    for (const each of [compiled, plain])
      assert.throws(() => each.bind(view, view.byteLength - 1, 4096), isProtocolError);
  });
}

test('fields can be written in place', () => {
  const { request } = commands.submitCommandToHwQueue;
  assert.ok(request !== null);
  const size = request.encode({ args: { hwqueue: 1 }, privDrvData: Uint8Array.of(9) }, view, 0);
  const submit = accessor(commands.submitCommandToHwQueue).bind(view, 0, size);
  submit.hwqueue = 5;
  submit.commandBufferLow = 6;
  submit.commandBufferHigh = 7;
  const { args, privDrvData } = request.decode(view, 0, size);
  assert.deepEqual([args.hwqueue, args.commandBuffer, privDrvData[0]], [5, 0x7_0000_0006n, 9]);
  assert.deepEqual([submit.privDrvDataLength, submit.writtenPrimariesCount], [1, 0]);
  assert.equal(view.getUint8(submit.privDrvDataOffset), 9);
});

test('SignalSyncObject: values and handles are read where they are', () => {
  const { request } = commands.signalSyncObject;
  assert.ok(request !== null);
  const body = {
    objects: [3, 4, 5],
    contexts: [6, 7],
    fenceValues: [1n, 2n ** 63n, 2n ** 64n - 1n],
    fenceValue: 8n,
  };
  const size = request.encode(body, view, 0);
  const signal = accessor(commands.signalSyncObject).bind(view, 0, size);
  assert.deepEqual([signal.objectsCount, signal.contextsCount, signal.fenceValuesCount], [3, 2, 3]);
  assert.deepEqual([signal.objectsAt(2), signal.contextsAt(0), signal.fenceValueLow], [5, 6, 8]);
  assert.deepEqual([signal.fenceValuesLowAt(1), signal.fenceValuesHighAt(1)], [0, 0x80000000]);
});

test('an element that a list does not have is a ProtocolError, and no neighbour is read for it', () => {
  const { evict, submitCommand, signalSyncObject } = commands;
  const allocations = evict.request?.encode({ allocations: [1, 2] }, view, 0) ?? 0;
  const wrong = [2, 3, -1, 1.5, Number.NaN, 2 ** 30, 2 ** 32];
  for (const list of [accessor(evict), plainAccessor(evict.request as MessageCodec) as never]) {
    const evicted = list as ReturnType<typeof accessor<{ allocations: Uint32Array }>>;
    evicted.bind(view, 0, allocations);
    assert.deepEqual([evicted.allocationsAt(0), evicted.allocationsAt(1)], [1, 2]);
    for (const index of wrong) assert.throws(() => evicted.allocationsAt(index), isProtocolError, `${index}`);
  }
  // An inline array has as many as it has slots; numbers of 64 bits are counted as such.
  const args = { broadcastContext: [7], broadcastContextCount: 1 };
  const submit = accessor(submitCommand);
  submit.bind(view, 0, submitCommand.request?.encode({ args }, view, 0) ?? 0);
  assert.deepEqual([submit.broadcastContextAt(0), submit.broadcastContextAt(63)], [7, 0]);
  assert.throws(() => submit.broadcastContextAt(64), isProtocolError);
  const signal = accessor(signalSyncObject);
  const body = { objects: [3], fenceValues: [2n ** 63n] };
  signal.bind(view, 0, signalSyncObject.request?.encode(body, view, 0) ?? 0);
  assert.equal(signal.fenceValuesHighAt(0), 0x8000_0000);
  assert.throws(() => signal.fenceValuesHighAt(1), isProtocolError);
});
