/**
 * The data types that message descriptions are made of. A type is a plain value that knows its C layout (x86-64) and,
 * through {@link Typed}, the TypeScript types of its decoded value (`out`) and of what may be encoded (`in`).
 */

/** Key of the phantom property that carries a type's value types; it exists for the compiler only. */
export declare const valueTypes: unique symbol;

export interface Typed<Out, In = Out> {
  readonly [valueTypes]: { readonly out: Out; readonly in: In };
}

export type OutOf<T> = T extends { readonly [valueTypes]: { readonly out: infer Out } } ? Out : never;
export type InOf<T> = T extends { readonly [valueTypes]: { readonly in: infer In } } ? In : never;

/** Flattens an intersection, so that editors show the fields. */
export type Show<T> = { [K in keyof T]: T[K] } & {};

export type ScalarName = 'u8' | 'u16' | 'u32' | 'u64' | 'i32' | 'bool';

/** Bits of a flag word: name to width in bits, from bit 0 upwards. */
export type BitWidths = Readonly<Record<string, number>>;

/** One bit-field of a flag word. */
export interface FlagBit {
  readonly name: string;
  readonly cName: string;
  /** C type where it is not that of the word (an enumeration). */
  readonly cType: string | null;
  readonly shift: number;
  readonly width: number;
}

/** A C struct (or union) that is nothing but bit-fields and perhaps their value as a whole. */
export interface FlagStruct {
  readonly name: string;
  readonly cKind: 'struct' | 'union';
  /** Usually one list; two when the bits have two readings. */
  readonly readings: readonly (readonly FlagBit[])[];
  /** The member that overlays all bits, or null. */
  readonly valueMember: string | null;
  /** Whether that member is declared before the bits. */
  readonly valueFirst: boolean;
}

/** An enumeration of the protocol: JavaScript name to value. */
export interface Enumeration {
  readonly name: string;
  readonly signed: boolean;
  readonly values: Readonly<Record<string, number>>;
  /** How many of them, from the first, are in the driver's headers; the others come from user-mode code. */
  readonly headerCount: number;
}

export interface ScalarType<Out = unknown> extends Typed<Out> {
  readonly kind: 'scalar';
  readonly scalar: ScalarName;
  /** The C type as the facts file spells it: `u32`, `struct:d3dkmthandle`, `enum:d3dkmt_escapetype`. */
  readonly cType: string;
  readonly sizeBytes: number;
  readonly alignBytes: number;
  readonly meaning: 'number' | 'handle' | 'status' | 'enum' | 'flags' | 'pointer';
  readonly enumeration?: Enumeration;
  readonly flags?: FlagStruct;
  /** What a pointer points to, on the side that it belongs to. */
  readonly pointee?: string;
}

/** A fixed number of handles or numbers, inline. */
export interface ArrayType<Out = unknown, In = Out> extends Typed<Out, In> {
  readonly kind: 'array';
  readonly element: ScalarType;
  readonly count: number;
  readonly cType: string;
  readonly sizeBytes: number;
  readonly alignBytes: number;
}

/** A fixed number of raw bytes, inline. Decodes to a view of the packet. */
export interface BytesType extends Typed<Uint8Array> {
  readonly kind: 'bytes';
  readonly cType: string;
  readonly count: number;
  /** The C struct that the bytes are, where they are not an array. */
  readonly struct: StructType | null;
  readonly sizeBytes: number;
  readonly alignBytes: 1;
}

/** A fixed number of UTF-16 units, inline: a string up to the first zero. */
export interface TextType extends Typed<string> {
  readonly kind: 'text';
  readonly cType: 'u16';
  readonly count: number;
  readonly sizeBytes: number;
  readonly alignBytes: 2;
}

export interface StructType<Out = unknown, In = Out> extends Typed<Out, In> {
  readonly kind: 'struct';
  /** C name, or a sentence in brackets for layouts that are not C types of the driver. */
  readonly name: string;
  readonly cType: string;
  readonly sizeBytes: number;
  readonly alignBytes: number;
  /** C members in declaration order, those of unnamed inner structs and unions folded in. */
  readonly members: readonly Member[];
  /** What a value of this struct consists of, in wire order. */
  readonly nodes: readonly ValueNode[];
}

export type DataType = ScalarType | ArrayType | BytesType | TextType | StructType;

/** Where a bit-field lies: `(unit at byteOffset >> shift) & (2^width - 1)`. */
export interface BitPlacement {
  readonly byteOffset: number;
  readonly shift: number;
  readonly width: number;
  readonly unitBytes: number;
}

/** A member of a C struct as the facts file lists it. */
export interface Member {
  readonly cName: string;
  readonly cType: string;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly count: number | null;
  readonly bits: BitPlacement | null;
  /** Members with one union number overlap; those of one alternative are valid together. */
  readonly union: number | null;
  readonly alternative: number;
  readonly pointee: string | null;
  /** The struct type of the member, if it is one. */
  readonly struct: StructType | null;
  readonly flags: FlagStruct | null;
}

/** A field of the value: any data type at an offset. */
export interface FieldNode {
  readonly node: 'field';
  readonly key: string;
  readonly type: DataType;
  readonly offset: number;
}

/** A bit-field of the value: boolean when one bit wide, else a number. */
export interface BitsNode {
  readonly node: 'bits';
  readonly key: string;
  readonly unit: ScalarName;
  readonly placement: BitPlacement;
}

/** A count or size that the value leaves out: it follows from the length of a tail. */
export interface CountNode {
  readonly node: 'count';
  readonly key: string;
  readonly offset: number;
}

/** How the valid alternative of a union is found. */
export type ChoiceRule =
  | {
      readonly by: 'enum';
      readonly key: string;
      readonly when: Readonly<Record<number, string>>;
      readonly otherwise: string | null;
    }
  | {
      readonly by: 'flag';
      readonly key: string;
      readonly mask: number;
      readonly set: string;
      readonly clear: string;
    };

/** A union whose valid alternative another field of the same struct selects. */
export interface ChoiceNode {
  readonly node: 'choice';
  readonly offset: number;
  readonly sizeBytes: number;
  readonly alternatives: readonly FieldNode[];
  readonly rule: ChoiceRule;
  /** Whether bytes of the union behind the alternative are kept, as `rest`. */
  readonly keepsRest: boolean;
}

export type ValueNode = FieldNode | BitsNode | CountNode | ChoiceNode;

/** Gives a description its value types. They exist for the compiler only, so there is nothing to check. */
export function typed<T extends object>(description: object): T {
  return description as T;
}
