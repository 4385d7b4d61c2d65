/** Encoding of colors into the texel formats that copyExternalImageToTexture writes. */

/** Writes one texel: `view` at byte `offset`; color components are numbers, 0 to 1 for what is representable. */
export type TexelEncoder = (
  view: DataView,
  offset: number,
  r: number,
  g: number,
  b: number,
  a: number,
) => void;

const floatWord = new Float32Array(1);
const floatBits = new Uint32Array(floatWord.buffer);

/** A number as the bits of a half-precision float, rounded to nearest even. */
export function toHalf(value: number): number {
  floatWord[0] = value;
  const bits = floatBits[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  const mantissa = bits & 0x7f_ffff;
  if (exponent === 0xff) return sign | 0x7c00 | (mantissa === 0 ? 0 : 0x200);
  const shifted = exponent - 112;
  if (shifted >= 31) return sign | 0x7c00;
  if (shifted <= 0) {
    if (shifted < -10) return sign;
    const full = mantissa | 0x80_0000;
    return sign | roundShift(full, 14 - shifted);
  }
  return sign | (((shifted << 10) | 0) + roundShift(mantissa, 13));
}

/** `value >> shift`, rounded to nearest, ties to even. */
function roundShift(value: number, shift: number): number {
  const half = 2 ** (shift - 1);
  const floor = Math.floor(value / 2 ** shift);
  const rest = value - floor * 2 ** shift;
  return rest > half || (rest === half && floor % 2 === 1) ? floor + 1 : floor;
}

/** A non-negative number as an unsigned float of 5 exponent bits and some mantissa bits. */
function toUnsignedFloat(value: number, mantissaBits: number): number {
  if (!(value > 0)) return 0;
  const half = toHalf(Math.min(value, 65_024));
  return roundShift(half & 0x7fff, 10 - mantissaBits);
}

function unorm(value: number, most: number): number {
  return Math.round(Math.min(Math.max(value, 0), 1) * most);
}

type ComponentWriter = (view: DataView, offset: number, value: number) => void;

const u8: ComponentWriter = (view, offset, value) => view.setUint8(offset, unorm(value, 255));
const u16: ComponentWriter = (view, offset, value) => view.setUint16(offset, unorm(value, 65_535), true);
const f16: ComponentWriter = (view, offset, value) => view.setUint16(offset, toHalf(value), true);
const f32: ComponentWriter = (view, offset, value) => view.setFloat32(offset, value, true);

/** Components one after the other, red first. */
function components(count: number, bytes: number, write: ComponentWriter): TexelEncoder {
  return (view, offset, r, g, b, a) => {
    write(view, offset, r);
    if (count > 1) write(view, offset + bytes, g);
    if (count > 2) write(view, offset + 2 * bytes, b);
    if (count > 3) write(view, offset + 3 * bytes, a);
  };
}

const rgba8 = components(4, 1, u8);
const bgra8: TexelEncoder = (view, offset, r, g, b, a) => rgba8(view, offset, b, g, r, a);

const encoders: Readonly<Record<string, TexelEncoder>> = {
  r8unorm: components(1, 1, u8),
  rg8unorm: components(2, 1, u8),
  rgba8unorm: rgba8,
  // "The same texture bytes as copying into the corresponding non-srgb format."
  'rgba8unorm-srgb': rgba8,
  bgra8unorm: bgra8,
  'bgra8unorm-srgb': bgra8,
  r16unorm: components(1, 2, u16),
  rg16unorm: components(2, 2, u16),
  rgba16unorm: components(4, 2, u16),
  r16float: components(1, 2, f16),
  rg16float: components(2, 2, f16),
  rgba16float: components(4, 2, f16),
  r32float: components(1, 4, f32),
  rg32float: components(2, 4, f32),
  rgba32float: components(4, 4, f32),
  rgb10a2unorm: (view, offset, r, g, b, a) => {
    const rgb = unorm(r, 1023) + unorm(g, 1023) * 2 ** 10 + unorm(b, 1023) * 2 ** 20;
    view.setUint32(offset, rgb + unorm(a, 3) * 2 ** 30, true);
  },
  rg11b10ufloat: (view, offset, r, g, b) => {
    const rg = toUnsignedFloat(r, 6) + toUnsignedFloat(g, 6) * 2 ** 11;
    view.setUint32(offset, rg + toUnsignedFloat(b, 5) * 2 ** 22, true);
  },
};

/** How to write texels of a format, or undefined when images cannot be copied into it. */
export function texelEncoder(format: string): TexelEncoder | undefined {
  return encoders[format];
}
