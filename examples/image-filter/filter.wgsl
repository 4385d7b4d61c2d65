// A Gaussian blur in two passes (rows, then columns) and the edges of the blurred picture (Sobel).
// Colours are premultiplied by alpha in between, so that clear pixels lend no colour to their neighbours.

struct Filter {
  radius: i32,
  // 0: the blurred picture, 1: its edges, 2: the picture with its edges drawn in.
  show: u32,
  // Where this dispatch begins: a large picture is filtered in bands of rows.
  firstRow: u32,
}

@group(0) @binding(0) var<uniform> settings: Filter;
// Weights for the distances 0 to radius; the whole kernel sums to 1.
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var source: texture_2d<f32>;
@group(0) @binding(3) var blurredOut: texture_storage_2d<rgba16float, write>;
@group(0) @binding(4) var pictureOut: texture_storage_2d<rgba8unorm, write>;

fn load(at: vec2i) -> vec4f {
  let last = vec2i(textureDimensions(source)) - 1;
  return textureLoad(source, clamp(at, vec2i(0), last), 0);
}

fn placeOf(id: vec3u) -> vec2u {
  return vec2u(id.x, id.y + settings.firstRow);
}

fn isOutside(at: vec2u) -> bool {
  return any(at >= textureDimensions(source));
}

@compute @workgroup_size(8, 8)
fn blurRows(@builtin(global_invocation_id) id: vec3u) {
  let place = placeOf(id);
  if (isOutside(place)) {
    return;
  }
  var sum = vec4f(0);
  for (var offset = -settings.radius; offset <= settings.radius; offset++) {
    let texel = load(vec2i(place) + vec2i(offset, 0));
    sum += weights[abs(offset)] * vec4f(texel.rgb * texel.a, texel.a);
  }
  textureStore(blurredOut, place, sum);
}

@compute @workgroup_size(8, 8)
fn blurColumns(@builtin(global_invocation_id) id: vec3u) {
  let place = placeOf(id);
  if (isOutside(place)) {
    return;
  }
  var sum = vec4f(0);
  for (var offset = -settings.radius; offset <= settings.radius; offset++) {
    sum += weights[abs(offset)] * load(vec2i(place) + vec2i(0, offset));
  }
  textureStore(blurredOut, place, sum);
}

fn brightness(at: vec2i) -> f32 {
  return dot(load(at).rgb, vec3f(0.2126, 0.7152, 0.0722));
}

@compute @workgroup_size(8, 8)
fn edges(@builtin(global_invocation_id) id: vec3u) {
  let place = placeOf(id);
  if (isOutside(place)) {
    return;
  }
  let at = vec2i(place);
  let a = brightness(at + vec2i(-1, -1));
  let b = brightness(at + vec2i(0, -1));
  let c = brightness(at + vec2i(1, -1));
  let d = brightness(at + vec2i(-1, 0));
  let f = brightness(at + vec2i(1, 0));
  let g = brightness(at + vec2i(-1, 1));
  let h = brightness(at + vec2i(0, 1));
  let i = brightness(at + vec2i(1, 1));
  let gradient = vec2f((c + 2 * f + i) - (a + 2 * d + g), (g + 2 * h + i) - (a + 2 * b + c));
  let edge = min(length(gradient), 1);

  let texel = load(at);
  let colour = texel.rgb / max(texel.a, 1.0 / 512);
  var result = vec4f(colour, texel.a);
  if (settings.show == 1) {
    result = vec4f(vec3f(edge), 1);
  } else if (settings.show == 2) {
    result = vec4f(colour * (1 - smoothstep(0.08, 0.5, edge)), max(texel.a, edge));
  }
  textureStore(pictureOut, place, result);
}
