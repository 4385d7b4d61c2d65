import { dictionary, double, fail, forEachItem, isIterable, required, u32, withDefault } from './webidl.ts';

/** GPUExtent3D, resolved. */
export interface Extent3D {
  readonly width: number;
  readonly height: number;
  readonly depthOrArrayLayers: number;
}

/** GPUOrigin3D (and with z 0 GPUOrigin2D), resolved. */
export interface Origin3D {
  readonly x: number;
  readonly y: number;
  readonly z: number;
}

/** GPUColor, resolved. */
export interface Color {
  readonly r: number;
  readonly g: number;
  readonly b: number;
  readonly a: number;
}

const extentDictionary = dictionary('GPUExtent3DDict', {
  width: required(u32),
  height: withDefault(u32, 1),
  depthOrArrayLayers: withDefault(u32, 1),
});
const originDictionary = dictionary('GPUOrigin3DDict', {
  x: withDefault(u32, 0),
  y: withDefault(u32, 0),
  z: withDefault(u32, 0),
});
const origin2DDictionary = dictionary('GPUOrigin2DDict', {
  x: withDefault(u32, 0),
  y: withDefault(u32, 0),
});
const colorDictionary = dictionary('GPUColorDict', {
  r: required(double),
  g: required(double),
  b: required(double),
  a: required(double),
});

/**
 * Reads a sequence of numbers, at least so many. The standard limits it to as many as are wanted, and wants all of a
 * color's: Dawn takes no notice of more, and 0 for what is missing of a color.
 */
function numbers(
  value: Iterable<unknown>,
  what: string,
  convert: (item: unknown, what: string) => number,
  least: 0 | 1,
): number[] {
  const items: number[] = [];
  forEachItem(value, what, (item) => {
    items.push(convert(item, what));
  });
  if (items.length < least) fail(what, 'an empty sequence where a number is needed');
  return items;
}

/** GPUExtent3D: a sequence of numbers, or a dictionary. */
export function extent3D(value: unknown, what: string): Extent3D {
  if (!isIterable(value, what)) return extentDictionary(value, what, null);
  const [width = 0, height = 1, depthOrArrayLayers = 1] = numbers(value, what, u32, 1);
  return { width, height, depthOrArrayLayers };
}

/** GPUOrigin3D: a sequence of numbers, or a dictionary. */
export function origin3D(value: unknown, what: string): Origin3D {
  if (!isIterable(value, what)) return originDictionary(value, what, null);
  const [x = 0, y = 0, z = 0] = numbers(value, what, u32, 0);
  return { x, y, z };
}

/** GPUOrigin2D: a sequence of at most 2 numbers, or a dictionary. Dawn for Node has no use of it. */
export function origin2D(value: unknown, what: string): Origin3D {
  if (!isIterable(value, what)) return { ...origin2DDictionary(value, what, null), z: 0 };
  const [x = 0, y = 0, ...more] = numbers(value, what, u32, 0);
  if (more.length > 0) fail(what, 'a sequence of more than 2 numbers');
  return { x, y, z: 0 };
}

/** GPUColor: a sequence of numbers, or a dictionary. */
export function color(value: unknown, what: string): Color {
  if (!isIterable(value, what)) return colorDictionary(value, what, null);
  const [r = 0, g = 0, b = 0, a = 0] = numbers(value, what, double, 1);
  return { r, g, b, a };
}
