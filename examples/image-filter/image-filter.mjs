// Filters a picture on a GPU: a separable Gaussian blur and Sobel edges, in compute passes.
//
// An ordinary WebGPU program. It expects `navigator.gpu` and the GPU* constants, as a browser or a runtime gives
// them, and nothing else.
//
//   image-filter.mjs INPUT.png OUTPUT.png [--sigma PIXELS] [--show blur|edges|both]

import fs from 'node:fs';
import { parseArgs } from 'node:util';
import zlib from 'node:zlib';
import { PNG } from 'pngjs';

const WORKGROUP_SIZE = 8; // a side
const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const CHANNELS_OF_COLOR_TYPE = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
/** Adam7: where each pass begins and how far apart its pixels are, across and down. */
const INTERLACED_PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];
const SHOWN = ['blur', 'edges', 'both'];
/** Texels that one submission reads. A GPU that is busy for too long with one is taken for hung; a software device is slow. */
const READS_PER_SUBMISSION = 2 ** 26;

const options = readArguments();
const file = readPicture(options.input);
const device = await openDevice();
const size = checkedSize(file);
const picture = decode(file);
const output = await filter(picture);
save(output);

function fail(message) {
  console.error(`image-filter: ${message}`);
  process.exit(1);
}

function readArguments() {
  const usage = 'image-filter.mjs INPUT.png OUTPUT.png [--sigma PIXELS] [--show blur|edges|both]';
  let parsed;
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: { sigma: { type: 'string', default: '2' }, show: { type: 'string', default: 'both' } },
    });
  } catch (error) {
    fail(`${error.message} Use: ${usage}`);
  }
  const { values, positionals } = parsed;
  if (positionals.length !== 2) fail(`it takes an input and an output file: ${usage}`);
  const sigma = Number(values.sigma);
  if (!(sigma > 0 && sigma <= 50)) fail(`--sigma takes 0 < pixels <= 50, not "${values.sigma}"`);
  if (!SHOWN.includes(values.show)) fail(`--show takes ${SHOWN.join(', ')}, not "${values.show}"`);
  return { input: positionals[0], output: positionals[1], sigma, show: SHOWN.indexOf(values.show) };
}

function readPicture(name) {
  try {
    return fs.readFileSync(name);
  } catch (error) {
    if (error.code === 'ENOENT') fail(`there is no file ${name}`);
    if (error.code === 'EISDIR') fail(`${name} is a folder, not a PNG file`);
    fail(`cannot read ${name}: ${error.message}`);
  }
}

async function openDevice() {
  const adapter = await globalThis.navigator?.gpu?.requestAdapter();
  if (!adapter) fail('no WebGPU adapter here');
  const { maxTextureDimension2D, maxBufferSize } = adapter.limits;
  const opened = await adapter.requestDevice({ requiredLimits: { maxTextureDimension2D, maxBufferSize } });
  opened.addEventListener('uncapturederror', (event) => fail(`the GPU refused: ${event.error.message}`));
  return opened;
}

/** Reads the size from the header and checks it before anything of that size is allocated. */
function checkedSize(bytes) {
  const isPng = bytes.length >= 24 && bytes.subarray(0, 8).equals(PNG_SIGNATURE);
  if (!isPng || bytes.toString('latin1', 12, 16) !== 'IHDR') fail(`${options.input} is not a PNG file`);
  const width = bytes.readUInt32BE(16);
  const height = bytes.readUInt32BE(20);
  if (width === 0 || height === 0)
    fail(`${options.input} is a damaged PNG file: it is ${width} x ${height} pixels`);
  const { maxTextureDimension2D, maxBufferSize } = device.limits;
  if (Math.max(width, height) > maxTextureDimension2D) {
    fail(
      `${options.input} is ${width} x ${height} pixels; this device takes ` +
        `${maxTextureDimension2D} x ${maxTextureDimension2D} at most`,
    );
  }
  const bytesPerRow = Math.ceil((width * 4) / 256) * 256; // as copies from textures demand
  if (bytesPerRow * height > maxBufferSize) {
    fail(`${options.input} needs ${bytesPerRow * height} bytes; this device's buffers have ${maxBufferSize}`);
  }
  return { width, height, bytesPerRow };
}

/** The file up to its end chunk: some programs write something behind it, which is no part of the picture. */
function withoutTrailer(bytes) {
  const packed = [];
  for (let at = PNG_SIGNATURE.length; at + 12 <= bytes.length; ) {
    const end = at + 12 + bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    if (end > bytes.length) break;
    if (type === 'IDAT') packed.push(bytes.subarray(at + 8, end - 4));
    if (type === 'IEND') {
      if (packed.length === 0) throw new Error('it has no pixels');
      requireAllPixels(bytes, Buffer.concat(packed));
      return bytes.subarray(0, end);
    }
    at = end;
  }
  throw new Error('its end is missing');
}

/** The decoder takes what is missing from memory that nobody has cleared: the length is compared first. */
function requireAllPixels(bytes, packed) {
  const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  const channels = CHANNELS_OF_COLOR_TYPE[bytes[25]];
  if (channels === undefined) throw new Error(`its color type is ${bytes[25]}`);
  const passes = bytes[28] === 0 ? [[0, 0, 1, 1]] : INTERLACED_PASSES;
  let needed = 0;
  for (const [left, top, across, down] of passes) {
    const columns = Math.ceil((width - left) / across);
    const rows = Math.ceil((height - top) / down);
    if (columns > 0 && rows > 0) needed += rows * (1 + Math.ceil((columns * channels * bytes[24]) / 8));
  }
  let found;
  try {
    found = zlib.inflateSync(packed, { maxOutputLength: needed + 1 }).length;
  } catch (error) {
    if (error.code === 'ERR_BUFFER_TOO_LARGE') return; // there is more than enough
    throw error;
  }
  if (found < needed) throw new Error(`it holds ${found} of the ${needed} bytes that its size needs`);
}

function decode(bytes) {
  try {
    return PNG.sync.read(withoutTrailer(bytes));
  } catch (error) {
    fail(`${options.input} is a damaged PNG file: ${error.message}`);
  }
}

/** Weights of a Gaussian kernel for the distances 0 to radius; all of the kernel sums to 1. */
function gaussian(sigma) {
  const radius = Math.ceil(3 * sigma);
  const half = Array.from({ length: radius + 1 }, (_, distance) =>
    Math.exp(-(distance ** 2) / (2 * sigma ** 2)),
  );
  const sum = half.reduce((total, weight) => total + 2 * weight, -half[0]);
  return new Float32Array(half.map((weight) => weight / sum));
}

function createTexture(label, format, usage) {
  return device.createTexture({
    label,
    format,
    size: [size.width, size.height],
    usage: GPUTextureUsage.TEXTURE_BINDING | usage,
  });
}

function createBuffer(label, usage, contents) {
  const buffer = device.createBuffer({ label, usage, size: contents.byteLength, mappedAtCreation: true });
  new contents.constructor(buffer.getMappedRange()).set(contents);
  buffer.unmap();
  return buffer;
}

async function filter({ data }) {
  const { width, height, bytesPerRow } = size;
  const { STORAGE_BINDING, COPY_DST, COPY_SRC } = GPUTextureUsage;
  const input = createTexture('input', 'rgba8unorm', COPY_DST);
  const rows = createTexture('blurred rows', 'rgba16float', STORAGE_BINDING);
  const blurred = createTexture('blurred', 'rgba16float', STORAGE_BINDING);
  const result = createTexture('result', 'rgba8unorm', STORAGE_BINDING | COPY_SRC);
  device.queue.writeTexture({ texture: input }, data, { bytesPerRow: width * 4 }, [width, height]);

  const kernel = gaussian(options.sigma);
  const weights = createBuffer('weights', GPUBufferUsage.STORAGE, kernel);
  const code = fs.readFileSync(new URL('filter.wgsl', import.meta.url), 'utf8');
  const module = device.createShaderModule({ label: 'filter.wgsl', code });

  /** Runs one pass over the picture, as many rows in a submission as it may read texels. */
  const step = (entryPoint, readsPerPixel, resources) => {
    const compute = { module, entryPoint };
    const pipeline = device.createComputePipeline({ label: entryPoint, layout: 'auto', compute });
    const layout = pipeline.getBindGroupLayout(0);
    const blocks = Math.max(1, Math.floor(READS_PER_SUBMISSION / (readsPerPixel * width * WORKGROUP_SIZE)));
    const rowsAtOnce = blocks * WORKGROUP_SIZE;
    for (let firstRow = 0; firstRow < height; firstRow += rowsAtOnce) {
      const values = new Int32Array([kernel.length - 1, options.show, firstRow]);
      const settings = createBuffer('settings', GPUBufferUsage.UNIFORM, values);
      const entries = Object.entries({ 0: { buffer: settings }, ...resources }).map(
        ([binding, resource]) => ({
          binding: Number(binding),
          resource,
        }),
      );
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
      const rowCount = Math.min(rowsAtOnce, height - firstRow);
      pass.dispatchWorkgroups(Math.ceil(width / WORKGROUP_SIZE), Math.ceil(rowCount / WORKGROUP_SIZE));
      pass.end();
      device.queue.submit([encoder.finish()]);
    }
  };
  const blurReads = 2 * kernel.length - 1;
  step('blurRows', blurReads, { 1: { buffer: weights }, 2: input.createView(), 3: rows.createView() });
  step('blurColumns', blurReads, { 1: { buffer: weights }, 2: rows.createView(), 3: blurred.createView() });
  step('edges', 9, { 2: blurred.createView(), 4: result.createView() });

  const readback = device.createBuffer({
    label: 'readback',
    size: bytesPerRow * height,
    usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
  });
  const encoder = device.createCommandEncoder();
  encoder.copyTextureToBuffer({ texture: result }, { buffer: readback, bytesPerRow }, [width, height]);
  device.queue.submit([encoder.finish()]);
  await readback.mapAsync(GPUMapMode.READ);
  const mapped = new Uint8Array(readback.getMappedRange());
  const filtered = new PNG({ width, height });
  for (let y = 0; y < height; y++) {
    filtered.data.set(mapped.subarray(y * bytesPerRow, y * bytesPerRow + width * 4), y * width * 4);
  }
  readback.unmap();
  device.destroy();
  return filtered;
}

function save(png) {
  try {
    fs.writeFileSync(options.output, PNG.sync.write(png));
  } catch (error) {
    fail(`cannot write ${options.output}: ${error.message}`);
  }
  console.log(`${options.output}: ${png.width} x ${png.height}`);
}
