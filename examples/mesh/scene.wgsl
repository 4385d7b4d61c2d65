// The scene: a studio background, a floor that fades into it, and the bunny; one sun with a soft shadow.

struct Scene {
  viewProjection: mat4x4f,
  lightViewProjection: mat4x4f,
  model: mat4x4f,
  eye: vec3f,
  // Width of the shadow map's view in world units: turns a width in the world into one in the map.
  lightExtent: f32,
  towardsLight: vec3f,
  floorHeight: f32,
  size: vec2f,
}

@group(0) @binding(0) var<uniform> scene: Scene;
@group(1) @binding(0) var shadowMap: texture_depth_2d;
@group(1) @binding(1) var shadowSampler: sampler_comparison;

const sunColour = vec3f(2.5, 2.1, 1.65);
const skyColour = vec3f(0.26, 0.36, 0.55);
const bounceColour = vec3f(0.22, 0.17, 0.16);
const rimColour = vec3f(0.42, 0.66, 0.95);
const clay = vec3f(0.80, 0.335, 0.19);
const floorTint = vec3f(0.25, 0.30, 0.38);

fn background(pixel: vec2f) -> vec3f {
  let uv = pixel / scene.size;
  let low = vec3f(0.16, 0.21, 0.28);
  let high = vec3f(0.018, 0.030, 0.065);
  let fromCentre = (uv - vec2f(0.46, 0.56)) * vec2f(1.3, 1.6);
  let glow = exp(-3 * dot(fromCentre, fromCentre));
  return mix(high, low, smoothstep(-0.1, 1.0, uv.y)) + vec3f(0.13, 0.145, 0.16) * glow;
}

// Taps lie on a golden-angle spiral: evenly spread over a disc for any count.
const goldenAngle = mat2x2f(-0.73736888, 0.67549029, -0.67549029, -0.73736888);

// The place of a pixel in a 4 x 4 ordered dither, 0 to 15.
fn tileOrder(pixel: vec2f) -> f32 {
  let p = vec2u(pixel);
  let q = p.x ^ p.y;
  return f32(((q & 1) << 3) | ((p.y & 1) << 2) | (q & 2) | ((p.y >> 1) & 1));
}

// How much of the sun reaches a point, 0 to 1: percentage-closer filtering. Shadows grow softer with the distance
// from what casts them, as a sun of some width makes them.
fn sunVisibility(world: vec3f, normal: vec3f, pixel: vec2f) -> f32 {
  // A step off the surface, larger where the light grazes it, so that coarse triangles do not shade themselves.
  let away = world + normal * (0.03 + 0.22 * pow(1 - clamp(dot(normal, scene.towardsLight), 0, 1), 2));
  let clip = scene.lightViewProjection * vec4f(away, 1);
  let uv = clip.xy * vec2f(0.5, -0.5) + 0.5;
  let margin = min(min(uv.x, uv.y), min(1 - uv.x, 1 - uv.y));
  if (margin < 0) {
    return 1;
  }
  let depth = min(clip.z, 1) - 0.0006;
  let texels = vec2f(textureDimensions(shadowMap));
  var blockerDepth = 0.0;
  var blockers = 0.0;
  var direction = vec2f(0.75 / scene.lightExtent, 0);
  for (var i = 0.5; i < 12; i += 1) {
    let at = uv + direction * sqrt(i / 12);
    direction = goldenAngle * direction;
    let there = textureLoad(shadowMap, vec2i(clamp(at, vec2f(0), vec2f(0.9999)) * texels), 0);
    if (there < depth) {
      blockerDepth += there;
      blockers += 1;
    }
  }
  if (blockers == 0) {
    return 1;
  }
  // The map's depth is linear (orthographic); it spans twice its width.
  let distance = (depth - blockerDepth / blockers) * 2 * scene.lightExtent;
  let radius = clamp(distance * 0.085, 0.06, 0.75) / scene.lightExtent;
  var lit = 0.0;
  // Each pixel of a 4 x 4 tile turns the disc by its own angle: fine grain in place of rings.
  let angle = 6.2831853 * tileOrder(pixel) / 16;
  direction = vec2f(cos(angle), sin(angle)) * radius;
  for (var i = 0.5; i < 24; i += 1) {
    lit += textureSampleCompareLevel(shadowMap, shadowSampler, uv + direction * sqrt(i / 24), depth);
    direction = goldenAngle * direction;
  }
  return lit / 24;
}

// ACES filmic curve as fitted by Narkowicz, then the sRGB curve, then an ordered dither against banding.
fn display(colour: vec3f, pixel: vec2f) -> vec4f {
  let mapped = clamp((colour * (2.51 * colour + 0.03)) / (colour * (2.43 * colour + 0.59) + 0.14), vec3f(0), vec3f(1));
  let encoded = select(1.055 * pow(mapped, vec3f(1 / 2.4)) - 0.055, 12.92 * mapped, mapped < vec3f(0.0031308));
  return vec4f(encoded + (tileOrder(pixel) / 16 - 0.46875) / 255, 1);
}

// --- shadow map ---

@vertex
fn shadowVertex(@location(0) position: vec3f) -> @builtin(position) vec4f {
  return scene.lightViewProjection * scene.model * vec4f(position, 1);
}

// --- background ---

@vertex
fn backgroundVertex(@builtin(vertex_index) index: u32) -> @builtin(position) vec4f {
  return vec4f(vec2f(f32(index & 1), f32(index >> 1)) * 4 - 1, 1, 1);
}

@fragment
fn backgroundFragment(@builtin(position) pixel: vec4f) -> @location(0) vec4f {
  return display(background(pixel.xy), pixel.xy);
}

// --- floor ---

struct FloorVertex {
  @builtin(position) clip: vec4f,
  @location(0) world: vec3f,
}

@vertex
fn floorVertex(@builtin(vertex_index) index: u32) -> FloorVertex {
  let corner = vec2f(f32(index & 1), f32(index >> 1)) * 2 - 1;
  let world = vec3f(corner.x * 45, scene.floorHeight, corner.y * 45);
  return FloorVertex(scene.viewProjection * vec4f(world, 1), world);
}

@fragment
fn floorFragment(vertex: FloorVertex) -> @location(0) vec4f {
  let behind = background(vertex.clip.xy);
  let radius = length(vertex.world.xz);
  let visible = sunVisibility(vertex.world, vec3f(0, 1, 0), vertex.clip.xy);
  let sun = sunColour * (max(scene.towardsLight.y, 0) * visible);
  // The bunny hides part of the sky from the floor under it.
  let contact = 1 - 0.55 * exp(-radius * radius / 22);
  let ambient = mix(skyColour, vec3f(0.36), 0.55);
  let lit = floorTint * (0.29 * sun + 0.80 * ambient * contact);
  let fade = smoothstep(9, 34, radius);
  return display(mix(lit, behind, fade), vertex.clip.xy);
}

// --- bunny ---

struct MeshVertex {
  @builtin(position) clip: vec4f,
  @location(0) world: vec3f,
  @location(1) normal: vec3f,
}

@vertex
fn meshVertex(@location(0) position: vec3f, @location(1) normal: vec3f) -> MeshVertex {
  let world = scene.model * vec4f(position, 1);
  return MeshVertex(scene.viewProjection * world, world.xyz, (scene.model * vec4f(normal, 0)).xyz);
}

@fragment
fn meshFragment(vertex: MeshVertex) -> @location(0) vec4f {
  let normal = normalize(vertex.normal);
  let towardsEye = normalize(scene.eye - vertex.world);
  let towardsLight = scene.towardsLight;
  let facing = dot(normal, towardsLight);
  let visible = sunVisibility(vertex.world, normal, vertex.clip.xy) * smoothstep(-0.05, 0.3, facing);
  let height = vertex.world.y - scene.floorHeight;
  let grounded = mix(0.35, 1.0, smoothstep(0.0, 3.0, height));

  let sky = mix(bounceColour, skyColour, 0.5 + 0.5 * normal.y) * grounded;
  let diffuse = clay * (sunColour * max(facing, 0) * visible * 0.62 + sky * 0.72);

  let half = normalize(towardsLight + towardsEye);
  let shine = pow(max(dot(normal, half), 0), 48) * 0.30 * visible;
  let grazing = pow(1 - clamp(dot(normal, towardsEye), 0, 1), 3);
  let rim = rimColour * grazing * (0.25 + 0.75 * max(normal.y, 0)) * 0.55 * grounded;
  return display(diffuse + sunColour * shine + rim, vertex.clip.xy);
}
