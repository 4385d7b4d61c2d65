import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { color, extent3D, origin3D } from './geometry.ts';
import {
  clampedU16,
  dictionary,
  double,
  enumeration,
  float,
  i32,
  labelMember,
  nullable,
  optional,
  record,
  required,
  sequence,
  u32,
  u64,
  usvString,
  withDefault,
  wrappingU32,
} from './webidl.ts';

test('u32, i32 and u64 follow [EnforceRange]', () => {
  for (const [value, expected] of [
    [0, 0],
    [1.9, 1],
    [-0.9, 0],
    ['7', 7],
    [true, 1],
    [null, 0],
    [4294967295, 4294967295],
    [{ valueOf: () => 3 }, 3],
  ] as const) {
    assert.equal(u32(value, 'x'), expected, String(value));
  }
  for (const value of [-1, 4294967296, Number.NaN, Infinity, 'x', undefined, {}, 1n, Symbol('s')]) {
    assert.throws(() => u32(value, 'x'), TypeError, String(value));
  }
  assert.equal(i32(-2147483648, 'x'), -2147483648);
  assert.throws(() => i32(2147483648, 'x'), TypeError);
  assert.equal(u64(2 ** 53 - 1, 'x'), 2 ** 53 - 1);
  assert.throws(() => u64(2 ** 53, 'x'), TypeError);
  assert.throws(() => u64(-1, 'x'), TypeError);
});

test('u64 truncates every finite number in range and refuses the others', () => {
  fc.assert(
    fc.property(fc.double(), (value) => {
      const integer = Math.trunc(value);
      if (Number.isFinite(value) && integer >= 0 && integer <= Number.MAX_SAFE_INTEGER) {
        assert.equal(u64(value, 'x'), integer + 0);
      } else {
        assert.throws(() => u64(value, 'x'), TypeError);
      }
    }),
  );
});

test('other numbers convert as their types say', () => {
  assert.equal(wrappingU32(-1), 4294967295);
  assert.equal(wrappingU32(Number.NaN), 0);
  assert.equal(clampedU16(-5), 0);
  assert.equal(clampedU16(1e9), 65535);
  assert.equal(clampedU16(2.5), 2);
  assert.equal(clampedU16(3.5), 4);
  assert.equal(clampedU16(undefined), 0);
  assert.equal(float(0.1, 'x'), Math.fround(0.1));
  assert.throws(() => float(1e39, 'x'), TypeError);
  assert.throws(() => double(Number.NaN, 'x'), TypeError);
});

test('strings lose their lone surrogates, and symbols are refused', () => {
  assert.equal(usvString('a\ud800b\udc00'), 'a\ufffdb\ufffd');
  assert.equal(usvString('\u{1f600}'), '\u{1f600}');
  assert.equal(usvString(null), 'null');
  assert.throws(() => usvString(Symbol('s')), TypeError);
});

test('enumerations refuse values that they do not list', () => {
  const convert = enumeration('E', ['a', 'b']);
  assert.equal(convert('b', 'x', null), 'b');
  assert.throws(() => convert('c', 'x', null), TypeError);
  assert.throws(() => convert(undefined, 'x', null), TypeError);
});

test('sequences take any iterable and nothing else', () => {
  const convert = sequence(u32);
  const generator = function* () {
    yield 1;
    yield 2;
  };
  assert.deepEqual(convert([1, 2], 'x', null), [1, 2]);
  assert.deepEqual(convert(new Set([1, 2]), 'x', null), [1, 2]);
  assert.deepEqual(convert(generator(), 'x', null), [1, 2]);
  assert.deepEqual(convert(new Float32Array([1, 2]), 'x', null), [1, 2]);
  for (const value of [undefined, null, 1, 'ab', {}, { [Symbol.iterator]: 1 }]) {
    assert.throws(() => convert(value, 'x', null), TypeError);
  }
  assert.deepEqual(sequence(nullable(u32))([1, null, undefined], 'x', null), [1, null, null]);
});

test('records take enumerable properties in order, their own and then those that are inherited', () => {
  const convert = record(usvString, double);
  const value = Object.create({ inherited: 1 }, { hidden: { value: 2 } });
  value.b = 1;
  value.a = 2;
  assert.deepEqual(convert(value, 'x', null), [
    ['b', 1],
    ['a', 2],
    ['inherited', 1],
  ]);
  assert.deepEqual(convert({ [Symbol('s')]: 1 }, 'x', null), []);
  assert.throws(() => convert({ a: undefined }, 'x', null), TypeError);
  assert.throws(() => convert('x', 'x', null), TypeError);
});

test('dictionaries read members once, inherited first and then by name', () => {
  const read: string[] = [];
  const convert = dictionary(
    'D',
    { b: required(u32), a: withDefault(u32, 5), c: optional(u32) },
    labelMember,
  );
  const source = new Proxy(
    { b: 1 },
    {
      get: (target, key) => {
        read.push(String(key));
        return Reflect.get(target, key);
      },
    },
  );
  assert.deepEqual(convert(source, 'x', null), { label: '', a: 5, b: 1, c: undefined });
  assert.deepEqual(read, ['label', 'a', 'b', 'c']);
  assert.deepEqual(convert({ a: null, b: 1, c: null }, 'x', null), { label: '', a: 0, b: 1, c: undefined });
  for (const value of [undefined, null, {}, { b: undefined }, 1, 'x']) {
    assert.throws(() => convert(value, 'x', null), TypeError);
  }
});

test('extents, origins and colors take both of their forms', () => {
  assert.deepEqual(extent3D([4], 'x'), { width: 4, height: 1, depthOrArrayLayers: 1 });
  assert.deepEqual(extent3D({ width: 4, depthOrArrayLayers: 2 }, 'x'), {
    width: 4,
    height: 1,
    depthOrArrayLayers: 2,
  });
  assert.deepEqual(extent3D([4, 3, 2, 5], 'x'), { width: 4, height: 3, depthOrArrayLayers: 2 });
  for (const value of [[], {}, null, 4]) assert.throws(() => extent3D(value, 'x'), TypeError);
  assert.deepEqual(origin3D(undefined, 'x'), { x: 0, y: 0, z: 0 });
  assert.deepEqual(origin3D([], 'x'), { x: 0, y: 0, z: 0 });
  assert.deepEqual(origin3D([1, 2, 3, 4], 'x'), { x: 1, y: 2, z: 3 });
  assert.deepEqual(color(new Float64Array([1, 2, 3, 4]), 'x'), { r: 1, g: 2, b: 3, a: 4 });
  assert.deepEqual(color([1, 2], 'x'), { r: 1, g: 2, b: 0, a: 0 });
  assert.deepEqual(color([1, 2, 3, 4, 5], 'x'), { r: 1, g: 2, b: 3, a: 4 });
  assert.throws(() => color([], 'x'), TypeError);
  assert.throws(() => color({ r: 1, g: 0, b: 0 }, 'x'), TypeError);
});
