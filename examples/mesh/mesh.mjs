// The Stanford bunny on a GPU: vertex normals in a compute pass, then a lit picture with a soft shadow.
//
// An ordinary WebGPU program. It expects `navigator.gpu` and the GPU* constants, as a browser or a runtime gives
// them, and nothing else.
//
//   mesh.mjs [OUT.png] [--frames N] [--width W] [--height H] [--json]

import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import bunny from 'bunny';
import { PNG } from 'pngjs';
import { lookAt, multiply, orthographic, perspective, rotationY } from './matrix.mjs';

const SHADOW_MAP_SIZE = 1024;
const SAMPLE_COUNT = 4;
const WORKGROUP_SIZE = 64;
const TURN_PER_FRAME = 0.02; // radians
const COLOUR_FORMAT = 'rgba8unorm';
const DEPTH_FORMAT = 'depth24plus';
const SHADOW_FORMAT = 'depth32float';

const options = readArguments();
const startedAt = performance.now();
const adapter = await navigator.gpu?.requestAdapter();
if (!adapter) fail('no WebGPU adapter here');
const device = await adapter.requestDevice();
device.addEventListener('uncapturederror', (event) => fail(`the GPU refused a call: ${event.error.message}`));
checkLimits();

const mesh = uploadMesh();
const scene = createScene();
computeNormals();
await device.queue.onSubmittedWorkDone();
const readyAt = performance.now();

// The first frame also compiles the shaders. Those after it are handed over without waiting for any of them.
drawFrame(0);
await device.queue.onSubmittedWorkDone();
const firstDrawnAt = performance.now();
for (let frame = 1; frame < options.frames; frame++) drawFrame(frame);
await device.queue.onSubmittedWorkDone();
const drawnAt = performance.now();

const pixels = await readPicture();
const readAt = performance.now();
savePicture(pixels);
report();
device.destroy();

function readArguments() {
  let parsed;
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        frames: { type: 'string', default: '1' },
        width: { type: 'string', default: '1280' },
        height: { type: 'string', default: '960' },
        json: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    fail(error.message);
  }
  const { values, positionals } = parsed;
  if (positionals.length > 1) fail(`one output file is enough, got ${positionals.length}`);
  const whole = (name, most) => {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < 1 || value > most) {
      fail(`--${name} takes a whole number from 1 to ${most}, not "${values[name]}"`);
    }
    return value;
  };
  return {
    file: positionals[0] ?? 'out/mesh.png',
    frames: whole('frames', 1000),
    width: whole('width', 16_384),
    height: whole('height', 16_384),
    json: values.json,
  };
}

function fail(message) {
  console.error(`mesh: ${message}`);
  process.exit(1);
}

function checkLimits() {
  const largest = device.limits.maxTextureDimension2D;
  if (Math.max(options.width, options.height, SHADOW_MAP_SIZE) > largest) {
    fail(`${options.width} x ${options.height} is more than this device's ${largest} x ${largest}`);
  }
}

/** A buffer that holds `contents` from the start. */
function createBuffer(label, usage, contents) {
  const size = Math.ceil(contents.byteLength / 4) * 4;
  const buffer = device.createBuffer({ label, usage, size, mappedAtCreation: true });
  new contents.constructor(buffer.getMappedRange(0, size)).set(contents);
  buffer.unmap();
  return buffer;
}

/** The triangles around each vertex, as one list with a start for each vertex. */
function createAdjacency(cells, vertexCount) {
  const firstTriangle = new Uint32Array(vertexCount + 1);
  for (const cell of cells) for (const vertex of cell) firstTriangle[vertex + 1]++;
  for (let vertex = 0; vertex < vertexCount; vertex++) firstTriangle[vertex + 1] += firstTriangle[vertex];
  const next = firstTriangle.slice();
  const adjacency = new Uint32Array(cells.length * 3);
  cells.forEach((cell, triangle) => {
    for (const vertex of cell) adjacency[next[vertex]++] = triangle;
  });
  return { firstTriangle, adjacency };
}

function uploadMesh() {
  const { positions, cells } = bunny;
  const { firstTriangle, adjacency } = createAdjacency(cells, positions.length);
  const { VERTEX, INDEX, STORAGE, UNIFORM } = GPUBufferUsage;
  return {
    vertexCount: positions.length,
    indexCount: cells.length * 3,
    floorHeight: positions.reduce((lowest, [, y]) => Math.min(lowest, y), Infinity),
    positions: createBuffer('positions', VERTEX | STORAGE, new Float32Array(positions.flat())),
    triangles: createBuffer('triangles', INDEX | STORAGE, new Uint32Array(cells.flat())),
    firstTriangle: createBuffer('first triangle', STORAGE, firstTriangle),
    adjacency: createBuffer('adjacency', STORAGE, adjacency),
    counts: createBuffer('counts', UNIFORM, new Uint32Array([positions.length, 0, 0, 0])),
    normals: device.createBuffer({
      label: 'normals',
      usage: VERTEX | STORAGE,
      size: positions.length * 12,
    }),
  };
}

function loadShader(name) {
  const code = fs.readFileSync(new URL(name, import.meta.url), 'utf8');
  return device.createShaderModule({ label: name, code });
}

function computeNormals() {
  const pipeline = device.createComputePipeline({
    label: 'vertex normals',
    layout: 'auto',
    compute: { module: loadShader('normals.wgsl'), entryPoint: 'computeNormals' },
  });
  const buffers = [
    mesh.counts,
    mesh.positions,
    mesh.triangles,
    mesh.firstTriangle,
    mesh.adjacency,
    mesh.normals,
  ];
  const bindGroup = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(Math.ceil(mesh.vertexCount / WORKGROUP_SIZE));
  pass.end();
  device.queue.submit([encoder.finish()]);
}

function createScene() {
  const { width, height } = options;
  const module = loadShader('scene.wgsl');
  const sceneLayout = device.createBindGroupLayout({
    entries: [{ binding: 0, visibility: GPUShaderStage.VERTEX | GPUShaderStage.FRAGMENT, buffer: {} }],
  });
  const shadowLayout = device.createBindGroupLayout({
    entries: [
      { binding: 0, visibility: GPUShaderStage.FRAGMENT, texture: { sampleType: 'depth' } },
      { binding: 1, visibility: GPUShaderStage.FRAGMENT, sampler: { type: 'comparison' } },
    ],
  });
  const texture = (label, format, size, sampleCount, usage) =>
    device.createTexture({
      label,
      format,
      size,
      sampleCount,
      usage: GPUTextureUsage.RENDER_ATTACHMENT | usage,
    });
  const shadowMap = texture(
    'shadow map',
    SHADOW_FORMAT,
    [SHADOW_MAP_SIZE, SHADOW_MAP_SIZE],
    1,
    GPUTextureUsage.TEXTURE_BINDING,
  ).createView();
  const uniforms = device.createBuffer({
    label: 'scene',
    size: 256,
    usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
  });
  const vertices = (...locations) =>
    locations.map((shaderLocation) => ({
      arrayStride: 12,
      attributes: [{ shaderLocation, offset: 0, format: 'float32x3' }],
    }));
  const lit = device.createPipelineLayout({ bindGroupLayouts: [sceneLayout, shadowLayout] });
  const drawn = (name, buffers, topology, cullMode, depthWriteEnabled) =>
    device.createRenderPipeline({
      label: name,
      layout: lit,
      vertex: { module, entryPoint: `${name}Vertex`, buffers },
      fragment: { module, entryPoint: `${name}Fragment`, targets: [{ format: COLOUR_FORMAT }] },
      primitive: { topology, cullMode },
      depthStencil: { format: DEPTH_FORMAT, depthWriteEnabled, depthCompare: 'less-equal' },
      multisample: { count: SAMPLE_COUNT },
    });
  return {
    uniforms,
    shadowMap,
    picture: texture('picture', COLOUR_FORMAT, [width, height], 1, GPUTextureUsage.COPY_SRC),
    colour: texture('colour', COLOUR_FORMAT, [width, height], SAMPLE_COUNT, 0).createView(),
    depth: texture('depth', DEPTH_FORMAT, [width, height], SAMPLE_COUNT, 0).createView(),
    sceneGroup: device.createBindGroup({
      layout: sceneLayout,
      entries: [{ binding: 0, resource: { buffer: uniforms } }],
    }),
    shadowGroup: device.createBindGroup({
      layout: shadowLayout,
      entries: [
        { binding: 0, resource: shadowMap },
        {
          binding: 1,
          resource: device.createSampler({ compare: 'less', magFilter: 'linear', minFilter: 'linear' }),
        },
      ],
    }),
    shadowPipeline: device.createRenderPipeline({
      label: 'shadow',
      layout: device.createPipelineLayout({ bindGroupLayouts: [sceneLayout] }),
      vertex: { module, entryPoint: 'shadowVertex', buffers: vertices(0) },
      primitive: { topology: 'triangle-list', cullMode: 'none' },
      depthStencil: {
        format: SHADOW_FORMAT,
        depthWriteEnabled: true,
        depthCompare: 'less',
        depthBias: 2,
        depthBiasSlopeScale: 1.5,
      },
    }),
    backgroundPipeline: drawn('background', [], 'triangle-list', 'none', false),
    floorPipeline: drawn('floor', [], 'triangle-strip', 'none', true),
    meshPipeline: drawn('mesh', vertices(0, 1), 'triangle-list', 'back', true),
  };
}

/** The uniforms of one frame. The last frame is the same whatever the number of frames before it. */
function sceneUniforms(frame) {
  const eye = [-2.6, 8.2, 27];
  const towardsLight = normalized([-0.8, 0.95, 0.3]);
  const target = [0.6, 4.0, 0];
  const extent = 15;
  const sun = towardsLight.map((component, axis) => [0, 4, 0][axis] + component * extent);
  const values = new Float32Array(64);
  const view = lookAt(eye, target, [0, 1, 0]);
  values.set(multiply(perspective(0.52, options.width / options.height, 1, 120), view), 0);
  const lightView = lookAt(sun, [0, 4, 0], [0, 1, 0]);
  values.set(multiply(orthographic(extent, extent, 0, 2 * extent), lightView), 16);
  values.set(rotationY(-0.18 + (options.frames - 1 - frame) * -TURN_PER_FRAME), 32);
  values.set([...eye, extent, ...towardsLight, mesh.floorHeight, options.width, options.height], 48);
  return values;
}

function normalized(vector) {
  const length = Math.hypot(...vector);
  return vector.map((component) => component / length);
}

function drawFrame(frame) {
  device.queue.writeBuffer(scene.uniforms, 0, sceneUniforms(frame));
  const encoder = device.createCommandEncoder();

  const shadow = encoder.beginRenderPass({
    colorAttachments: [],
    depthStencilAttachment: {
      view: scene.shadowMap,
      depthClearValue: 1,
      depthLoadOp: 'clear',
      depthStoreOp: 'store',
    },
  });
  shadow.setPipeline(scene.shadowPipeline);
  shadow.setBindGroup(0, scene.sceneGroup);
  shadow.setVertexBuffer(0, mesh.positions);
  shadow.setIndexBuffer(mesh.triangles, 'uint32');
  shadow.drawIndexed(mesh.indexCount);
  shadow.end();

  const pass = encoder.beginRenderPass({
    colorAttachments: [
      {
        view: scene.colour,
        resolveTarget: scene.picture.createView(),
        clearValue: [0, 0, 0, 1],
        loadOp: 'clear',
        storeOp: 'discard',
      },
    ],
    depthStencilAttachment: {
      view: scene.depth,
      depthClearValue: 1,
      depthLoadOp: 'clear',
      depthStoreOp: 'discard',
    },
  });
  pass.setBindGroup(0, scene.sceneGroup);
  pass.setBindGroup(1, scene.shadowGroup);
  pass.setPipeline(scene.meshPipeline);
  pass.setVertexBuffer(0, mesh.positions);
  pass.setVertexBuffer(1, mesh.normals);
  pass.setIndexBuffer(mesh.triangles, 'uint32');
  pass.drawIndexed(mesh.indexCount);
  pass.setPipeline(scene.floorPipeline);
  pass.draw(4);
  pass.setPipeline(scene.backgroundPipeline);
  pass.draw(3);
  pass.end();
  device.queue.submit([encoder.finish()]);
}

async function readPicture() {
  const { width, height } = options;
  const rowBytes = width * 4;
  const bytesPerRow = Math.ceil(rowBytes / 256) * 256; // as copies from textures demand
  const buffer = device.createBuffer({
    label: 'readback',
    size: bytesPerRow * height,
    usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
  });
  const encoder = device.createCommandEncoder();
  encoder.copyTextureToBuffer({ texture: scene.picture }, { buffer, bytesPerRow }, [width, height]);
  device.queue.submit([encoder.finish()]);
  await buffer.mapAsync(GPUMapMode.READ);
  const rows = new Uint8Array(buffer.getMappedRange());
  const result = new Uint8Array(rowBytes * height);
  for (let y = 0; y < height; y++) {
    result.set(rows.subarray(y * bytesPerRow, y * bytesPerRow + rowBytes), y * rowBytes);
  }
  buffer.unmap();
  return result;
}

function savePicture(data) {
  const png = new PNG({ width: options.width, height: options.height });
  png.data.set(data);
  try {
    fs.mkdirSync(path.dirname(path.resolve(options.file)), { recursive: true });
    fs.writeFileSync(options.file, PNG.sync.write(png, { colorType: 2 }));
  } catch (error) {
    fail(`cannot write ${options.file}: ${error.message}`);
  }
}

function report() {
  const round = (milliseconds) => Math.round(milliseconds * 1000) / 1000;
  const laterFrames = options.frames - 1;
  if (!options.json) {
    console.log(`${options.file}: ${options.width} x ${options.height}, ${options.frames} frame(s)`);
    return;
  }
  const { vendor, architecture, device: deviceName, description } = adapter.info;
  console.log(
    JSON.stringify({
      file: options.file,
      width: options.width,
      height: options.height,
      frames: options.frames,
      adapter: { vendor, architecture, device: deviceName, description },
      setupMs: round(readyAt - startedAt),
      firstFrameMs: round(firstDrawnAt - readyAt),
      frameMs: laterFrames === 0 ? null : round((drawnAt - firstDrawnAt) / laterFrames),
      readbackMs: round(readAt - drawnAt),
    }),
  );
}
