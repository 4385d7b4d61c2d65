/**
 * Layouts as the protocol's description writes them: `device@24 h, flags@28 u32`. The kit keeps its own table of them,
 * taken from the description and not from the codecs under test, so that one error of ours cannot hide another.
 */

/** Type of a field: `h` a handle, `ptr` an opaque 64-bit value, `status` an NTSTATUS. */
export type FieldType = 'u8' | 'u16' | 'u32' | 'i32' | 'u64' | 'h' | 'luid' | 'bool' | 'status' | 'ptr';

export interface Field {
  readonly name: string;
  /** From the start of the command header (requests) or of the payload (replies), bytes. */
  readonly offset: number;
  readonly type: FieldType;
  /** Elements of a fixed array; 1 for a single value. */
  readonly count: number;
  readonly sizeBytes: number;
}

const SIZES: Readonly<Record<FieldType, number>> = {
  u8: 1,
  bool: 1,
  u16: 2,
  u32: 4,
  i32: 4,
  h: 4,
  status: 4,
  u64: 8,
  ptr: 8,
  luid: 8,
};

/** Bytes of one element of a type. */
export function elementBytes(type: FieldType): number {
  return SIZES[type];
}

/** Reads a list of fields. @throws SyntaxError for text that is none. */
export function layout(text: string): readonly Field[] {
  if (text.trim() === '') return [];
  return text.split(',').map((entry) => {
    const match = /^\s*(\w+)@(\d+) ([a-z0-9]+)(?:\[(\d+)\])?\s*$/.exec(entry);
    const type = match?.[3] as FieldType;
    if (match === null || !Object.hasOwn(SIZES, type)) throw new SyntaxError(`no field: '${entry}'`);
    const count = match[4] === undefined ? 1 : Number(match[4]);
    const offset = Number(match[2]);
    return { name: match[1] ?? '', offset, type, count, sizeBytes: SIZES[type] * count };
  });
}

/** A value for a field: 64-bit ones and LUIDs are bigints (a LUID with its high part in the upper half). */
export type FieldValue = number | bigint | boolean | ArrayLike<number>;

function putOne(view: DataView, at: number, type: FieldType, value: number | bigint): void {
  switch (SIZES[type]) {
    case 1:
      view.setUint8(at, Number(value));
      break;
    case 2:
      view.setUint16(at, Number(value), true);
      break;
    case 4:
      view.setUint32(at, Number(value), true);
      break;
    default:
      view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true);
  }
}

/** Writes one field. `base` is where the layout's offset 0 lies. */
export function putField(view: DataView, base: number, field: Field, value: FieldValue): void {
  const at = base + field.offset;
  if (typeof value === 'object') {
    for (let index = 0; index < Math.min(value.length, field.count); index += 1) {
      putOne(view, at + index * SIZES[field.type], field.type, value[index] ?? 0);
    }
  } else putOne(view, at, field.type, typeof value === 'boolean' ? Number(value) : value);
}

/** Reads one element of a field; null when the bytes end before it. */
export function readField(view: DataView, base: number, field: Field, index = 0): number | bigint | null {
  const size = SIZES[field.type];
  const at = base + field.offset + index * size;
  if (at < 0 || at + size > view.byteLength) return null;
  if (size === 8) return view.getBigUint64(at, true);
  if (size === 1) return view.getUint8(at);
  if (size === 2) return view.getUint16(at, true);
  return field.type === 'i32' ? view.getInt32(at, true) : view.getUint32(at, true);
}

/** `x` rounded up to a multiple of 8. */
export function roundUp8(x: number): number {
  return Math.ceil(x / 8) * 8;
}
