// Values of the descriptors' members: valid ones, and some that Dawn must refuse.

const FORMATS = [
  ...[
    'rgba8unorm',
    'rgba8unorm',
    'bgra8unorm',
    'r32float',
    'r32uint',
    'rgba16float',
    'rg32sint',
    'rgba32float',
  ],
  ...['depth24plus', 'depth32float', 'stencil8', 'depth24plus-stencil8', 'depth16unorm'],
  ...['rgba8unorm-srgb', 'bgra8unorm-srgb', 'rg11b10ufloat', 'rgb9e5ufloat', 'r8snorm', 'rgb10a2uint'],
  ...['depth32float-stencil8', 'r16unorm', 'rgba16snorm', 'rg32uint', 'rgba16sint', 'r8uint', 'rg8snorm'],
  ...[
    'bc1-rgba-unorm',
    'bc7-rgba-unorm-srgb',
    'bc6h-rgb-ufloat',
    'etc2-rgb8unorm',
    'eac-rg11snorm',
    'astc-4x4-unorm',
    'astc-10x8-unorm-srgb',
  ],
];

/** Random values of the types that several descriptors share. @param random {import('./random.mjs').Random} */
export function values(random) {
  const of = (...choices) => random.of(...choices);
  const number = (...choices) => choices[random.below(choices.length)];
  const extent = () => number(1, 2, 3, 4, 4, 5, 8, 16, 64, 256, 0);
  return {
    format: () => of(...FORMATS),
    size: () =>
      of(
        () => [extent(), extent(), number(1, 1, 2, 6)],
        () => [extent()],
        () => ({ width: extent(), height: extent() }),
        () => ({ width: extent(), height: extent(), depthOrArrayLayers: number(1, 6) }),
        () => [4, 4],
        () => [8, 8, 6],
      )(),
    origin: () => of([0, 0, 0], { x: 1, y: 2 }, [2, 1], {}, []),
    color: () => of([0, 0.5, 1, 1], { r: 1, g: 0, b: 0, a: 1 }, [1, 0, 0, 0]),
    compare: () =>
      of('never', 'less', 'equal', 'less-equal', 'greater', 'not-equal', 'greater-equal', 'always'),
    data: () =>
      of(
        () => new Uint8Array(16).fill(7),
        () => new Float32Array(8),
        () => new ArrayBuffer(12),
        () => new Uint16Array(3),
        () => new BigUint64Array(2),
        () => new Uint8Array(1024).fill(3),
      )(),
    constants: () => of({}, { n: 4, must: 2.5 }, { 7: 0, w: -3 }, { nope: 1 }, { must: 1 }),
    code: () => of(...CODES),
  };
}

/** A module with the entry points `main` and `other`, and one with `v` and `f`. */
export const COMPUTE_CODE =
  '@compute @workgroup_size(1) fn main() {} @compute @workgroup_size(1) fn other() {}';
export const RENDER_CODE = /* wgsl */ `
  @vertex fn v(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f { return vec4f(f32(i)); }
  struct Out { @location(0) a: vec4f, @location(1) b: vec4u, @builtin(frag_depth) d: f32 }
  @fragment fn f() -> Out { return Out(vec4f(), vec4u(), 0.5); }`;

const CODES = [
  COMPUTE_CODE,
  RENDER_CODE,
  /* wgsl */ `@group(0) @binding(0) var<storage, read_write> b: array<u32>;
    override n: u32 = 3; override must: f32;
    @compute @workgroup_size(n) fn main() { b[0] = u32(must); }`,
  /* wgsl */ `@vertex fn v(@location(0) p: vec4f, @location(1) q: vec2f) -> @builtin(position) vec4f { return p + q.xyxy; }
    @fragment fn f() -> @location(0) vec4f { return vec4f(1); }`,
  /* wgsl */ `@group(0) @binding(0) var t: texture_2d<f32>; @group(0) @binding(1) var s: sampler;
    @group(1) @binding(0) var<uniform> u: mat4x4f;
    @vertex fn v(@location(0) p: vec3f) -> @builtin(position) vec4f { return u * vec4f(p, 1); }
    @fragment fn f(@builtin(position) p: vec4f) -> @location(0) vec4f { return textureSample(t, s, p.xy); }`,
  '@id(7) override k: bool = true; override w: i32 = 1; @compute @workgroup_size(1) fn main() { if (k) { _ = w; } }',
  'enable f16; @compute @workgroup_size(1) fn main() { var h: f16 = 1h; _ = h; }',
  'const x = 1 / 0; // é😀\n@compute @workgroup_size(1) fn main() {}',
  '@compute @workgroup_size(1000, 1, 1) fn main() {}',
  'enable nonsense;',
  'diagnostic(off, derivative_uniformity); @fragment fn f() {}',
  'fn oops( {',
  '',
];
