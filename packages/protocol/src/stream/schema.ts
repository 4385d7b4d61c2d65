/**
 * How a record of the WebGPU command stream is described: fields with a layout and a TypeScript type.
 *
 * A record is a u32 header (bits 0..9 opcode, bits 10..31 length of the whole record in 32-bit words) and its
 * fields in order, each a whole number of little-endian 32-bit words. A record too long for 22 bits has 0 there, and its
 * length in a second word. Types, writers, the checking decoder and the interpreter all follow from these descriptions.
 */

/** Largest opcode: the header has ten bits for it. */
export const MAX_OPCODE = 1023;

/** Largest record whose length is in its first word, 32-bit words, header included: there are 22 bits for it. */
export const MAX_SHORT_RECORD_WORDS = 0x3f_ffff;

/** Largest record, 32-bit words, header included: what one submission may carry, 256 MiB. */
export const MAX_RECORD_WORDS = 1 << 26;

/** The word that says "not given" where zero means something (WebGPU's own C header uses the same value). */
export const UNDEFINED_WORD = 0xffff_ffff;

/** The layout of a field. Counts and lengths are u32; strings and bytes are padded to whole words. */
export type Shape =
  | { readonly kind: 'u32' | 'i32' | 'f32' | 'f64' | 'bool' | 'size' | 'rest' }
  | { readonly kind: 'bytes' | 'u32s' }
  /** One word; all ones is undefined. */
  | { readonly kind: 'optional-u32' | 'optional-bool' }
  /** Two words below 2^53; all ones is undefined. */
  | { readonly kind: 'optional-size' }
  | { readonly kind: 'enum'; readonly values: readonly string[]; readonly optional: boolean }
  /** UTF-8 with its length in bytes before it; length all ones is undefined. */
  | { readonly kind: 'string'; readonly optional: boolean }
  | { readonly kind: 'array'; readonly element: Shape }
  /** One word, 0 or 1, then the content if 1. */
  | { readonly kind: 'optional' | 'nullable'; readonly content: Shape }
  | { readonly kind: 'struct'; readonly fields: readonly NamedShape[] };

/** A field with a length or count before its content. */
export interface CountedShape {
  readonly kind: 'string' | 'bytes' | 'u32s';
  readonly optional?: boolean;
}

export interface NamedShape {
  readonly name: string;
  readonly shape: Shape;
}

/** A field: its layout, and the type of its value, which exists for the compiler only. */
export interface Field<T> {
  readonly shape: Shape;
  readonly type?: T;
}

export type FieldValue<F> = F extends Field<infer T> ? T : never;

/** Fields of a struct by name, in the order in which they are written. */
export type Fields = Readonly<Record<string, Field<unknown>>>;

type OptionalKeys<F extends Fields> = {
  [K in keyof F]: undefined extends FieldValue<F[K]> ? K : never;
}[keyof F];

/** The value of a struct. A member that may be undefined may be left out when writing; reading always sets it. */
export type StructValue<F extends Fields> = {
  [K in Exclude<keyof F, OptionalKeys<F>>]: FieldValue<F[K]>;
} & { [K in OptionalKeys<F>]?: FieldValue<F[K]> };

function field<T>(shape: Shape): Field<T> {
  return { shape };
}

export const u32 = field<number>({ kind: 'u32' });
export const i32 = field<number>({ kind: 'i32' });
export const f32 = field<number>({ kind: 'f32' });
export const f64 = field<number>({ kind: 'f64' });
export const bool = field<boolean>({ kind: 'bool' });
/** A GPUSize64: an integer below 2^53, in two words. */
export const size = field<number>({ kind: 'size' });
export const optionalSize = field<number | undefined>({ kind: 'optional-size' });
export const optionalU32 = field<number | undefined>({ kind: 'optional-u32' });
export const optionalBool = field<boolean | undefined>({ kind: 'optional-bool' });
export const string = field<string>({ kind: 'string', optional: false });
export const optionalString = field<string | undefined>({ kind: 'string', optional: true });
/** Raw bytes. Reading gives a view into the stream, valid during the handler's call only. */
export const bytes = field<Uint8Array>({ kind: 'bytes' });
/** A list of u32. Reading gives a view into the stream, valid during the handler's call only. */
export const u32s = field<ArrayLike<number>>({ kind: 'u32s' });
/** All words up to the record's end, without meaning. */
export const rest = field<number>({ kind: 'rest' });

/**
 * An object id: chosen by the guest, one space for all kinds of object of a context; 0 is null. The name of the
 * expected kind is for readers only.
 */
export function id(_kind: string): Field<number> {
  return u32;
}

export function oneOf<const V extends readonly string[]>(values: V): Field<V[number]> {
  return field({ kind: 'enum', values, optional: false });
}

export function optionalOneOf<const V extends readonly string[]>(values: V): Field<V[number] | undefined> {
  return field({ kind: 'enum', values, optional: true });
}

export function array<T>(element: Field<T>): Field<readonly T[]> {
  return field({ kind: 'array', element: element.shape });
}

export function struct<const F extends Fields>(fields: F): Field<StructValue<F>> {
  return field({ kind: 'struct', fields: namedShapes(fields) });
}

export function optional<T>(content: Field<T>): Field<T | undefined> {
  return field({ kind: 'optional', content: content.shape });
}

export function nullable<T>(content: Field<T>): Field<T | null> {
  return field({ kind: 'nullable', content: content.shape });
}

export function namedShapes(fields: Fields): readonly NamedShape[] {
  return Object.entries(fields).map(([name, { shape }]) => ({ name, shape }));
}

/** A positional argument. */
export interface Argument<N extends string, T> extends Field<T> {
  readonly name: N;
}

export function arg<const N extends string, T>(name: N, { shape }: Field<T>): Argument<N, T> {
  return { name, shape };
}

type Arguments = readonly Argument<string, unknown>[];

/** An op whose writer and handler take its fields as arguments: for records made thousands of times a frame. */
export interface PositionalOp<A extends Arguments> {
  readonly form: 'positional';
  readonly opcode: number;
  readonly fields: readonly NamedShape[];
  readonly summary: string;
  readonly type?: A;
}

/** An op whose writer and handler take one object: for rare or nested records. */
export interface ObjectOp<F extends Fields> {
  readonly form: 'object';
  readonly opcode: number;
  readonly fields: readonly NamedShape[];
  readonly summary: string;
  readonly type?: F;
}

// biome-ignore lint/suspicious/noExplicitAny: any fields, as a bound on the table's type only
export type Op = PositionalOp<any> | ObjectOp<any>;
export type OpTable = Readonly<Record<string, Op>>;

export function positional<const A extends Arguments>(
  opcode: number,
  args: A,
  summary: string,
): PositionalOp<A> {
  return { form: 'positional', opcode, fields: args, summary };
}

export function object<const F extends Fields>(opcode: number, fields: F, summary: string): ObjectOp<F> {
  return { form: 'object', opcode, fields: namedShapes(fields), summary };
}

export type ArgumentValues<A> = { [I in keyof A]: A[I] extends Argument<string, infer T> ? T : never };

/** Arguments of an op's writer and handler. */
export type OpArguments<O> =
  O extends PositionalOp<infer A>
    ? ArgumentValues<A> extends infer V extends readonly unknown[]
      ? V
      : never
    : O extends ObjectOp<infer F extends Fields>
      ? [value: StructValue<F>]
      : never;

/** Least size of a field, words. Used to refuse impossible counts before anything is allocated. */
export function leastWords(shape: Shape): number {
  switch (shape.kind) {
    case 'f64':
    case 'size':
    case 'optional-size':
      return 2;
    case 'rest':
      return 0;
    case 'struct':
      return shape.fields.reduce((sum, { shape: inner }) => sum + leastWords(inner), 0);
    default:
      return 1;
  }
}

/** Size of a field that always has the same, words; -1 for one that varies. */
export function fixedWords(shape: Shape): number {
  switch (shape.kind) {
    case 'string':
    case 'bytes':
    case 'u32s':
    case 'array':
    case 'optional':
    case 'nullable':
    case 'rest':
      return -1;
    case 'struct': {
      let sum = 0;
      for (const { shape: inner } of shape.fields) {
        const words = fixedWords(inner);
        if (words < 0) return -1;
        sum += words;
      }
      return sum;
    }
    default:
      return leastWords(shape);
  }
}

/**
 * Where a field lies in its record, in words from the first behind the header.
 * @throws Error when there is no such field, or one of varying size lies before it.
 */
export function fieldWordOffset(op: Op, name: string): number {
  let offset = 0;
  for (const field of op.fields) {
    if (field.name === name) return offset;
    const words = fixedWords(field.shape);
    if (words < 0) break;
    offset += words;
  }
  throw new Error(`no field ${name} at a fixed place in op ${op.opcode}`);
}
