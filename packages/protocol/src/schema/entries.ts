import {
  type ChoiceRule,
  type DataType,
  type InOf,
  type OutOf,
  type ScalarType,
  type Show,
  type Typed,
  typed,
} from './types.ts';

/**
 * Entries of a struct description: a data type, or one of the special entries below. C names follow from the keys
 * (`privDrvData` is `priv_drv_data`); {@link named} states those that do not.
 */

/** A bit-field: consecutive ones share storage units as C packs them. */
export interface BitEntry<Out = unknown> extends Typed<Out> {
  readonly kind: 'bit';
  readonly base: ScalarType;
  readonly width: number;
}

/** A count or size of a tail: on the wire, but not in the value. */
export interface CountEntry {
  readonly kind: 'count';
  readonly hidden: true;
  readonly type: ScalarType;
}

/** A member that is in the C struct, but not in the value (a one-element array whose place a tail takes). */
export interface HiddenEntry {
  readonly kind: 'hidden';
  readonly hidden: true;
  readonly type: DataType;
  readonly count: number;
}

/** Members of an unnamed inner struct. */
export interface GroupEntry<Out = unknown, In = Out> extends Typed<Out, In> {
  readonly kind: 'group';
  readonly entries: Entries;
}

/** An unnamed inner union. Its alternatives become optional fields of the struct that holds it. */
export interface UnionEntry<Out = unknown, In = Out> {
  readonly kind: 'union';
  readonly hoisted: { readonly out: Out; readonly in: In } | null;
  readonly alternatives: Entries;
  readonly rule: ChoiceRule | null;
  readonly keepsRest: boolean;
  /** Without a rule: the alternative that the value shows, or null when it shows none. */
  readonly shown: string | null;
}

export type Entry = DataType | BitEntry | CountEntry | HiddenEntry | GroupEntry | UnionEntry;
export type Entries = Readonly<Record<string, Entry>>;

type ShownKeys<E> = {
  [K in keyof E]: E[K] extends { readonly hidden: true } | { readonly hoisted: unknown } ? never : K;
}[keyof E];

type HoistedKeys<E> = { [K in keyof E]: E[K] extends { readonly hoisted: unknown } ? K : never }[keyof E];

type Intersect<U> = (U extends unknown ? (value: U) => void : never) extends (value: infer I) => void
  ? I
  : never;

type HoistedOf<T, Side extends 'out' | 'in'> = T extends {
  readonly hoisted: { readonly [S in Side]: infer Value } | null;
}
  ? Value
  : never;

/** The decoded value of a struct with these entries: every field present. */
export type StructOut<E> = Show<
  { -readonly [K in ShownKeys<E>]: OutOf<E[K]> } & ([HoistedKeys<E>] extends [never]
    ? unknown
    : Intersect<HoistedOf<E[HoistedKeys<E>], 'out'>>)
>;

/** What may be encoded as a struct with these entries: a field left out is zero or empty. */
export type StructIn<E> = Show<
  { readonly [K in ShownKeys<E>]?: InOf<E[K]> | undefined } & ([HoistedKeys<E>] extends [never]
    ? unknown
    : Intersect<HoistedOf<E[HoistedKeys<E>], 'in'>>)
>;

const cNames = new WeakMap<object, string>();

/** The same entry under a C name that does not follow from its key. */
export function named<E extends Entry>(cName: string, entry: E): E {
  const copy = { ...entry };
  cNames.set(copy, cName);
  return copy;
}

/** The C name of an entry: stated by {@link named}, else the key in snake case. */
export function cNameOf(key: string, entry: object): string {
  return cNames.get(entry) ?? toSnakeCase(key);
}

/** `privDrvData` to `priv_drv_data`. */
export function toSnakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A bit-field of `width` bits in units of `base`. */
export function bits<const Width extends number>(
  base: ScalarType<number>,
  width: Width,
): BitEntry<Width extends 1 ? boolean : number> {
  return typed({ kind: 'bit', base, width });
}

/** A count or size that follows from the length of a tail of the message. */
export function tailCount(type: ScalarType<number>): CountEntry {
  return { kind: 'count', hidden: true, type };
}

/** A one-element array at the end of a C struct that stands for a tail. */
export function overlay(element: DataType): HiddenEntry {
  return { kind: 'hidden', hidden: true, type: element, count: 1 };
}

/** A group of members that together are one alternative of a union. */
export function group<const E extends Entries>(entries: E): GroupEntry<StructOut<E>, StructIn<E>> {
  return typed({ kind: 'group', entries });
}

/** A union of which the value shows nothing: for layouts that have no codec. */
export function overlapping<const E extends Entries>(alternatives: E): UnionEntry<unknown, unknown> {
  return { kind: 'union', hoisted: null, alternatives, rule: null, keepsRest: false, shown: null };
}

/** A union of which the value always shows the alternative `shown`, which should cover all its bytes. */
export function unionShownAs<const E extends Entries, const K extends keyof E & string>(
  alternatives: E,
  shown: K,
): UnionEntry<
  E[K] extends GroupEntry ? OutOf<E[K]> : { [P in K]: OutOf<E[P]> },
  E[K] extends GroupEntry ? InOf<E[K]> : { readonly [P in K]?: InOf<E[P]> | undefined }
> {
  return { kind: 'union', hoisted: null, alternatives, rule: null, keepsRest: false, shown };
}

/**
 * A union of structs whose valid alternative is selected by the number in field `key`: that alternative is in the
 * value, the others are not. Bytes behind it (all bytes for other numbers) are kept in `rest` when they are not zero.
 * `others` are alternatives of the C union that no number selects.
 */
export function unionByEnum<const E extends Entries>(
  key: string,
  when: Readonly<Record<number, keyof E & string>>,
  alternatives: E,
  others: Entries = {},
): UnionEntry<
  { -readonly [K in keyof E]?: OutOf<E[K]> } & { rest?: Uint8Array },
  { readonly [K in keyof E]?: InOf<E[K]> | undefined } & { readonly rest?: Uint8Array | undefined }
> {
  const rule: ChoiceRule = { by: 'enum', key, when, otherwise: null };
  const all = { ...alternatives, ...others };
  return { kind: 'union', hoisted: null, alternatives: all, rule, keepsRest: true, shown: null };
}

/** A union of numbers whose valid alternative a field selects; the others decode as zero. */
export function unionOfNumbers<const E extends Entries>(
  rule: ChoiceRule,
  alternatives: E,
): UnionEntry<
  { -readonly [K in keyof E]: OutOf<E[K]> },
  { readonly [K in keyof E]?: InOf<E[K]> | undefined }
> {
  return { kind: 'union', hoisted: null, alternatives, rule, keepsRest: false, shown: null };
}
