/**
 * Conversions from JavaScript values to WebIDL types, as the WebGPU standard's interfaces need them
 * (https://webidl.spec.whatwg.org/#js-type-mapping). Each converter throws the TypeError that the standard asks for.
 */

/** What a conversion needs beside the value, where it may name objects. */
export type ConversionScope = ObjectScope | null;

/** Who names objects: a device, or something of it that needs them as long as it lasts. */
export interface ObjectScope {
  /** The device that is asked: objects of others are told apart. */
  readonly core: object;
  /** Told of each object with memory that was named. A device needs none of them for longer than the call. */
  keep(object: object, state: Keepable): void;
}

/** What an object that can be kept has behind its interface. */
export interface Keepable {
  /** The serial number of the encoder that has kept it last. */
  keptBy: number;
}

/** Turns a JavaScript value into a value of type T. `what` names the value in error messages. */
export type Converter<T> = (value: unknown, what: string, scope: ConversionScope) => T;

/** The largest integer that is still exact as a number. */
const MAX_SAFE = Number.MAX_SAFE_INTEGER;

/** A short rendering of a value for error messages: never runs code of the value's owner. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
    case 'function':
      return 'a function';
    case 'object':
      return value === null ? 'null' : 'an object';
    case 'bigint':
      return `${value}n`;
    default:
      return String(value);
  }
}

/** Throws a TypeError of the usual form. */
export function fail(what: string, problem: string): never {
  throw new TypeError(`${what}: ${problem}`);
}

/** Throws when a method got fewer arguments than it requires. */
export function requireArguments(given: number, required: number, method: string): void {
  if (given < required) {
    fail(method, `${required} argument${required === 1 ? '' : 's'} required, but only ${given} present`);
  }
}

/** [EnforceRange]: an integer within a range, after truncation. */
function enforceRange(value: unknown, what: string, least: number, most: number): number {
  const number = +(value as number);
  if (!Number.isFinite(number)) fail(what, `${describe(value)} is not a finite number`);
  const integer = Math.trunc(number);
  if (integer < least || integer > most) {
    fail(what, `${integer} is outside the range ${least} to ${most}`);
  }
  return integer + 0;
}

/** [EnforceRange] unsigned long: GPUSize32, GPUIndex32, GPUIntegerCoordinate, flags, GPUStencilValue. */
export function u32(value: unknown, what: string): number {
  if (typeof value === 'number' && value >>> 0 === value) return value >>> 0;
  return enforceRange(value, what, 0, 0xffff_ffff);
}

/** [EnforceRange] long: GPUSignedOffset32, GPUDepthBias. */
export function i32(value: unknown, what: string): number {
  if (typeof value === 'number' && (value | 0) === value) return value | 0;
  return enforceRange(value, what, -0x8000_0000, 0x7fff_ffff);
}

/** [EnforceRange] unsigned long long: GPUSize64. Values above 2^53 - 1 are refused, as WebIDL says. */
export function u64(value: unknown, what: string): number {
  if (typeof value === 'number' && value >>> 0 === value) return value >>> 0;
  return enforceRange(value, what, 0, MAX_SAFE);
}

/** GPUSize64 of an optional argument without a default: null counts as missing, as for {@link optional}. */
export function optionalU64(value: unknown, what: string): number | undefined {
  return value === undefined || value === null ? undefined : u64(value, what);
}

/** unsigned long without [EnforceRange]: modulo 2^32. */
export function wrappingU32(value: unknown): number {
  return +(value as number) >>> 0;
}

/** [Clamp] unsigned short. */
export function clampedU16(value: unknown): number {
  const number = +(value as number);
  if (Number.isNaN(number)) return 0;
  const clamped = Math.min(Math.max(number, 0), 0xffff);
  const floor = Math.floor(clamped);
  const fraction = clamped - floor;
  if (fraction < 0.5) return floor;
  if (fraction > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** double (restricted). */
export function double(value: unknown, what: string): number {
  const number = +(value as number);
  if (!Number.isFinite(number)) fail(what, `${describe(value)} is not a finite floating-point value`);
  return number;
}

/** float (restricted): rounded to single precision. */
export function float(value: unknown, what: string): number {
  const number = +(value as number);
  const rounded = Math.fround(number);
  if (!Number.isFinite(rounded)) fail(what, `${describe(value)} is not a finite single-precision value`);
  return rounded;
}

/** boolean. */
export function boolean(value: unknown): boolean {
  return !!value;
}

/** DOMString. A symbol throws a TypeError. */
export function domString(value: unknown): string {
  return typeof value === 'string' ? value : `${value as string}`;
}

/** USVString: lone surrogates become U+FFFD. */
export function usvString(value: unknown): string {
  const text = domString(value);
  return text.length === 0 ? text : text.replace(/\p{Surrogate}/gu, '\ufffd');
}

/** An enumeration: the value as a string must be one of the list. */
export function enumeration<const V extends readonly string[]>(
  name: string,
  values: V,
): Converter<V[number]> {
  const known = new Set<string>(values);
  return (value, what) => {
    const text = domString(value);
    if (!known.has(text)) fail(what, `${describe(text)} is not a valid value of ${name}`);
    return text;
  };
}

/** True for what WebIDL calls an object (functions included). */
export function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/** The iterator method of a value, or undefined when it is not iterable. Throws when it is not callable. */
function iteratorMethod(value: object, what: string): ((this: object) => Iterator<unknown>) | undefined {
  const method = (value as { [Symbol.iterator]?: unknown })[Symbol.iterator];
  if (method === undefined || method === null) return undefined;
  if (typeof method !== 'function') fail(what, 'its iterator is not a function');
  return method as (this: object) => Iterator<unknown>;
}

const arrayIterator = Array.prototype[Symbol.iterator];

/** True when the value is an object with an iterator: it then converts to a sequence in a union type. */
export function isIterable(value: unknown, what: string): value is Iterable<unknown> {
  return isObject(value) && iteratorMethod(value, what) !== undefined;
}

/** Calls `each` for every item of an iterable, as a conversion to sequence<T> does. */
export function forEachItem(
  value: unknown,
  what: string,
  each: (item: unknown, index: number) => void,
): void {
  if (!isObject(value)) fail(what, `${describe(value)} is not a sequence`);
  const method = iteratorMethod(value, what);
  if (method === undefined) fail(what, 'the object is not iterable');
  if (Array.isArray(value) && method === (arrayIterator as unknown)) {
    for (let index = 0; index < value.length; index++) each(value[index], index);
    return;
  }
  const iterator = method.call(value);
  if (!isObject(iterator)) fail(what, 'its iterator method did not return an object');
  for (let index = 0; ; index++) {
    const step = iterator.next();
    if (!isObject(step)) fail(what, 'its iterator did not return an object');
    if (step.done) return;
    each(step.value, index);
  }
}

/** sequence<T>. */
export function sequence<T>(convert: Converter<T>): Converter<T[]> {
  return (value, what, scope) => {
    const items: T[] = [];
    forEachItem(value, what, (item) => {
      items.push(convert(item, what, scope));
    });
    return items;
  };
}

/** T?: undefined and null become null. */
export function nullable<T>(convert: Converter<T>): Converter<T | null> {
  return (value, what, scope) => (value === undefined || value === null ? null : convert(value, what, scope));
}

/**
 * record<K, V> as a list of entries, in the order of the object's keys. As with Dawn, members that are inherited count
 * too, as those of `adapter.limits` are, and symbols do not: programs that ask for all limits so would go without.
 */
export function record<T>(key: (value: unknown) => string, convert: Converter<T>): Converter<[string, T][]> {
  return (value, what, scope) => {
    if (!isObject(value)) fail(what, `${describe(value)} is not an object`);
    const entries = new Map<string, T>();
    for (const name in value) {
      const typedKey = key(name);
      entries.set(typedKey, convert((value as Record<string, unknown>)[name], `${what}.${typedKey}`, scope));
    }
    return [...entries];
  };
}

/** A member of a dictionary. */
export interface Member<T> {
  readonly convert: Converter<T>;
  readonly required: boolean;
  /** The value of a member that was not given; called each time so that no two dictionaries share an object. */
  readonly initial: ((scope: ConversionScope) => T) | undefined;
}

/** A member that must be given. */
export function required<T>(convert: Converter<T>): Member<T> {
  return { convert, required: true, initial: undefined };
}

/**
 * A member that may be missing and then stays undefined. Null counts as missing, as for Dawn: the standard converts it,
 * which gives mostly an error, and programs that run there may have it.
 */
export function optional<T>(convert: Converter<T>): Member<T | undefined> {
  return {
    convert: (value, what, scope) => (value === null ? undefined : convert(value, what, scope)),
    required: false,
    initial: undefined,
  };
}

/** A member with a default of a primitive type. */
export function withDefault<T, const D extends T & (string | number | boolean)>(
  convert: Converter<T>,
  value: D,
): Member<T> {
  return { convert, required: false, initial: () => value };
}

/** A member of dictionary, sequence or record type whose default is `{}` or `[]`. */
export function withEmpty<T>(convert: Converter<T>, empty: () => unknown): Member<T> {
  return { convert, required: false, initial: (scope) => convert(empty(), '', scope) };
}

type Members = Readonly<Record<string, Member<unknown>>>;
type MemberType<M> = M extends Member<infer T> ? T : never;
type UndefinedKeys<M> = { [K in keyof M]: undefined extends MemberType<M[K]> ? K : never }[keyof M];

/** The converted value of a dictionary: members that may be missing are optional. */
export type DictionaryValue<M> = {
  [K in Exclude<keyof M, UndefinedKeys<M>>]: MemberType<M[K]>;
} & { [K in UndefinedKeys<M>]?: MemberType<M[K]> };

/** The label every descriptor inherits from GPUObjectDescriptorBase. */
export const labelMember = { label: withDefault(usvString, '') } as const;

/**
 * A dictionary type. Members are read in WebIDL's order: those of inherited dictionaries first, each dictionary's
 * own in lexicographical order. Give inherited members through `inherited`, outermost first.
 */
export function dictionary<const M extends Members, const B extends Members = Record<never, never>>(
  name: string,
  members: M,
  inherited?: B,
): Converter<DictionaryValue<M & B>> {
  const byName = (a: [string, unknown], b: [string, unknown]): number => (a[0] < b[0] ? -1 : 1);
  const list = [...Object.entries(inherited ?? {}), ...Object.entries(members).sort(byName)];
  const names = list.map(([key]) => key);
  const kinds = list.map(([, member]) => member as Member<unknown>);
  const labels = names.map((key) => `${name}.${key}`);
  return (value, what, scope) => {
    if (value !== undefined && value !== null && !isObject(value)) {
      fail(what, `${describe(value)} is not a ${name}`);
    }
    const source = value as Record<string, unknown> | null | undefined;
    const result: Record<string, unknown> = {};
    for (let i = 0; i < kinds.length; i++) {
      const member = kinds[i]!;
      const key = names[i]!;
      const given = source === undefined || source === null ? undefined : source[key];
      if (given !== undefined) {
        result[key] = member.convert(given, labels[i]!, scope);
      } else if (member.required) {
        fail(labels[i]!, 'required member is missing');
      } else {
        result[key] = member.initial === undefined ? undefined : member.initial(scope);
      }
    }
    return result as DictionaryValue<M & B>;
  };
}
