import { toSnakeCase } from './entries.ts';
import type {
  ArrayType,
  BitWidths,
  BytesType,
  Enumeration,
  FlagBit,
  FlagStruct,
  ScalarName,
  ScalarType,
  StructType,
  TextType,
} from './types.ts';

const scalarBytes: Readonly<Record<ScalarName, number>> = { u8: 1, bool: 1, u16: 2, u32: 4, i32: 4, u64: 8 };

function scalar<Out>(
  name: ScalarName,
  cType: string = name,
  rest: Partial<ScalarType<Out>> = {},
): ScalarType<Out> {
  const sizeBytes = scalarBytes[name];
  return {
    kind: 'scalar',
    scalar: name,
    cType,
    sizeBytes,
    alignBytes: sizeBytes,
    meaning: 'number',
    ...rest,
  } as ScalarType<Out>;
}

export const u8: ScalarType<number> = scalar('u8');
export const u16: ScalarType<number> = scalar('u16');
export const u32: ScalarType<number> = scalar('u32');
export const i32: ScalarType<number> = scalar('i32');
/** A 64-bit number; a `bigint` in values. */
export const u64: ScalarType<bigint> = scalar('u64');
/** One byte, 0 or 1; anything but 0 reads as true. */
export const bool: ScalarType<boolean> = scalar('bool');

/** An address of one side, 8 bytes. To the other side it is an opaque token. */
export function pointer(pointee = 'void'): ScalarType<bigint> {
  return scalar('u64', 'ptr64', { meaning: 'pointer', pointee });
}

/** An enumeration. The first `headerCount` constants are from the driver's headers, others from user-mode code. */
export function enumeration(
  name: string,
  values: Readonly<Record<string, number>>,
  headerCount: number = Object.keys(values).length,
): ScalarType<number> {
  const signed = Object.values(values).some((value) => value < 0);
  const description: Enumeration = { name, signed, values, headerCount };
  return scalar(signed ? 'i32' : 'u32', `enum:${name}`, { meaning: 'enum', enumeration: description });
}

/** A type that is a flag word in C, with the mask of each flag. */
export interface FlagsType<Value, Bits> extends ScalarType<Value> {
  readonly flags: FlagStruct;
  /** Mask of each bit-field. */
  readonly masks: { readonly [K in keyof Bits]: Value };
}

interface FlagOptions {
  readonly valueMember?: string | null;
  readonly valueFirst?: boolean;
  readonly union?: boolean;
  readonly packed?: boolean;
  readonly cNames?: Readonly<Record<string, string>>;
  readonly cTypes?: Readonly<Record<string, string>>;
  readonly otherReading?: BitWidths;
  readonly cType?: string;
}

function flagBits(widths: BitWidths, { cNames = {}, cTypes = {} }: FlagOptions): FlagBit[] {
  let shift = 0;
  return Object.entries(widths).map(([name, width]) => {
    const bit = { name, cName: cNames[name] ?? toSnakeCase(name), cType: cTypes[name] ?? null, shift, width };
    shift += width;
    return bit;
  });
}

function maskOf(bit: FlagBit): bigint {
  return ((1n << BigInt(bit.width)) - 1n) << BigInt(bit.shift);
}

/** A struct of bit-fields, from bit 0 upwards. Its value is the whole word as a number. */
export function flagStruct<const Bits extends BitWidths>(
  name: string,
  widths: Bits,
  options: FlagOptions = {},
): FlagsType<number, Bits> {
  return makeFlags(name, 'u32', widths, options, (mask) => Number(mask)) as FlagsType<number, Bits>;
}

/** As {@link flagStruct}, 64 bits wide. Its value is a bigint. */
export function flagStruct64<const Bits extends BitWidths>(
  name: string,
  widths: Bits,
  options: FlagOptions = {},
): FlagsType<bigint, Bits> {
  return makeFlags(name, 'u64', widths, options, (mask) => mask) as FlagsType<bigint, Bits>;
}

function makeFlags(
  name: string,
  base: ScalarName,
  widths: BitWidths,
  options: FlagOptions,
  toValue: (mask: bigint) => unknown,
): unknown {
  const bits = flagBits(widths, options);
  const readings = [bits];
  if (options.otherReading !== undefined) readings.push(flagBits(options.otherReading, options));
  const flags: FlagStruct = {
    name,
    cKind: options.union === true ? 'union' : 'struct',
    readings,
    valueMember: options.valueMember === undefined ? 'value' : options.valueMember,
    valueFirst: options.valueFirst === true,
  };
  const cType = options.cType ?? `${flags.cKind}:${name}`;
  const type = scalar(base, cType, { meaning: 'flags', flags });
  const masks = Object.fromEntries(bits.map((bit) => [bit.name, toValue(maskOf(bit))]));
  return { ...type, masks, ...(options.packed === true ? { alignBytes: 1 } : {}) };
}

/**
 * Bit-fields and their value in an unnamed union inside a struct: in the value they are one number. The C name of the
 * value member is that of the struct's key.
 */
export function flagWord<const Bits extends BitWidths>(
  base: 'u16' | 'u32',
  widths: Bits,
  cNames: Readonly<Record<string, string>> = {},
): FlagsType<number, Bits> {
  const options = { cNames, cType: base };
  return makeFlags('', base, widths, options, (mask) => Number(mask)) as FlagsType<number, Bits>;
}

/** A 4-byte object handle (struct d3dkmthandle). */
export const handle: ScalarType<number> = scalar('u32', 'struct:d3dkmthandle', {
  meaning: 'handle',
  flags: {
    name: 'd3dkmthandle',
    cKind: 'struct',
    readings: [flagBits({ instance: 6, index: 24, unique: 2 }, {})],
    valueMember: 'v',
    valueFirst: false,
  },
});

/** An NTSTATUS (struct ntstatus), as an unsigned number. */
export const ntstatus: ScalarType<number> = scalar('u32', 'struct:ntstatus', {
  meaning: 'status',
  flags: {
    name: 'ntstatus',
    cKind: 'struct',
    readings: [flagBits({ code: 16, facility: 13, customer: 1, severity: 2 }, {})],
    valueMember: 'v',
    valueFirst: false,
  },
});

interface ArrayOf {
  (element: ScalarType<number>, count: number): ArrayType<Uint32Array, ArrayLike<number>>;
  (element: ScalarType<bigint>, count: number): ArrayType<BigUint64Array, ArrayLike<bigint>>;
}

/** `count` handles, 32-bit or 64-bit numbers. A shorter array is completed with zeros. */
export const array = ((element: ScalarType, count: number) => ({
  kind: 'array',
  element,
  count,
  cType: element.cType,
  sizeBytes: element.sizeBytes * count,
  alignBytes: element.alignBytes,
})) as ArrayOf;

/** `count` raw bytes. A shorter array is completed with zeros. */
export function bytes(count: number): BytesType {
  return { kind: 'bytes', cType: 'char', count, struct: null, sizeBytes: count, alignBytes: 1 } as BytesType;
}

/** A struct of alignment 1 whose content is not described: its value is its bytes. */
export function opaque(struct: StructType): BytesType {
  const { cType, sizeBytes } = struct;
  return { kind: 'bytes', cType, count: sizeBytes, struct, sizeBytes, alignBytes: 1 } as BytesType;
}

/** `count` UTF-16 units: a string, filled up with zeros. */
export function text(count: number): TextType {
  return { kind: 'text', cType: 'u16', count, sizeBytes: 2 * count, alignBytes: 2 } as TextType;
}
