// Random calls of the whole of WebGPU, for `dxgwire run`: the program of each seed prints a line of JSON that says
// what became of each call. Arguments: the first seed, and how many.

import { createHash } from 'node:crypto';
import { commandCalls } from './commands.mjs';
import { objectCalls } from './objects.mjs';
import { Random, show, withStrangeValue } from './random.mjs';
import { COMPUTE_CODE, RENDER_CODE } from './values.mjs';

const CALLS = 60;

/** How often an object of another device is taken. */
const STRANGERS = 0.01;
/** How often one number, text or truth value among the arguments is replaced by a strange one. */
const STRANGE_VALUES = 0.04;

/** One program: a device, objects of each kind, and what the calls so far came to. */
export class Program {
  log = [];
  uncaptured = [];
  #objects;
  #strangers;
  #pending = [];

  /** @param other another device, whose objects this one must refuse. */
  constructor(device, other, random) {
    this.device = device;
    this.random = random;
    for (const each of [device, other]) {
      each.onuncapturederror = (event) => {
        event.preventDefault();
        this.uncaptured.push(`${event.error.constructor.name}: ${event.error.message}`);
      };
    }
    this.#objects = makeOneOfEach(device);
    this.#strangers = makeOneOfEach(other);
  }

  /** Any object of a kind, mostly a late one: there is always one. */
  pick = (kind) => {
    const { random } = this;
    if (random.chance(STRANGERS)) return random.of(...this.#strangers.get(kind));
    const objects = this.#objects.get(kind);
    return random.chance(0.5) ? objects.at(-1) : random.of(...objects);
  };

  /** Calls a method, within an error scope of its own most of the time, and keeps what it makes. */
  call = (target, method, given, kind) => {
    const args = this.random.chance(STRANGE_VALUES) ? withStrangeValue(given, this.random) : given;
    const entry = { call: `${show(target)}.${method}(${args.map(show).join(', ')})` };
    this.log.push(entry);
    const isScoped = !this.random.chance(0.1);
    if (isScoped) this.device.pushErrorScope('validation');
    let result;
    try {
      result = target[method](...args);
      if (result instanceof Promise) this.#settled(entry, result);
      else entry.result = result === undefined ? 'undefined' : show(result);
    } catch (error) {
      entry.thrown = error.name;
    }
    if (kind !== undefined) this.#keep(kind, result instanceof Promise ? undefined : result);
    if (isScoped) {
      const popped = this.device.popErrorScope().then((error) => {
        entry.error = error && `${error.constructor.name}: ${error.message}`;
      });
      this.#pending.push(popped);
    }
    return result;
  };

  async run() {
    const calls = [...objectCalls(this), ...commandCalls(this)];
    for (let count = 0; count < CALLS; count++) this.random.of(...calls)();
    await Promise.allSettled(this.#pending);
    const bytes = await this.#contents();
    await this.device.queue.onSubmittedWorkDone();
    return { log: this.log, uncaptured: this.uncaptured.sort(), bytes };
  }

  /** What a call makes; where it makes nothing, the first of its kind, so that all implementations go on alike. */
  #keep(kind, object) {
    const objects = this.#objects.get(kind);
    objects.push(object ?? objects[0]);
  }

  #settled(entry, promise) {
    const settled = promise.then(
      (value) => {
        const isInfo = value?.messages !== undefined;
        entry.resolved = isInfo
          ? value.messages.map(({ type, lineNum, linePos, offset, length, message }) => [
              type,
              lineNum,
              linePos,
              offset,
              length,
              message,
            ])
          : show(value);
      },
      (error) => {
        entry.rejected =
          error.reason === undefined ? error.name : `${error.name} ${error.reason}: ${error.message}`;
      },
    );
    this.#pending.push(settled);
  }

  /** What lies in all buffers and textures at the end that can be copied from: a digest of each, or why it cannot be. */
  async #contents() {
    const buffers = this.#objects.get('buffer').map((buffer) => {
      const size = Math.min(4096, buffer.size - (buffer.size % 4));
      return this.#read(size, (encoder, target) => encoder.copyBufferToBuffer(buffer, 0, target, 0, size));
    });
    const textures = this.#objects.get('texture').map((texture) => {
      const height = Math.min(texture.height, 16);
      const size = [Math.min(texture.width, 16), height, Math.min(texture.depthOrArrayLayers, 2)];
      const layout = { bytesPerRow: 256, rowsPerImage: height };
      return this.#read(256 * height * size[2], (encoder, buffer) =>
        encoder.copyTextureToBuffer({ texture }, { buffer, ...layout }, size),
      );
    });
    return (await Promise.all([...buffers, ...textures])).join(' ');
  }

  async #read(size, copy) {
    const { device } = this;
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    device.pushErrorScope('validation');
    const target = device.createBuffer({ size, usage });
    const encoder = device.createCommandEncoder();
    copy(encoder, target);
    device.queue.submit([encoder.finish()]);
    const error = await device.popErrorScope();
    if (error !== null) return 'refused';
    await target.mapAsync(GPUMapMode.READ);
    const digest = createHash('sha1').update(new Uint8Array(target.getMappedRange())).digest('base64');
    target.destroy();
    return digest.slice(0, 8);
  }
}

/** Objects of a device, by kind. */
function makeOneOfEach(device) {
  const objects = new Map();
  const keep = (kind, object) => {
    objects.set(kind, [...(objects.get(kind) ?? []), object]);
    return object;
  };
  const buffer = keep('buffer', device.createBuffer({ size: 1024, usage: 0x3fc }));
  keep('buffer', device.createBuffer({ size: 64, usage: 9, label: 'to read' }));
  const texture = keep(
    'texture',
    device.createTexture({ size: [8, 8], format: 'rgba8unorm', usage: 23, label: 'good' }),
  );
  keep('view', texture.createView());
  keep('sampler', device.createSampler());
  const entries = [{ binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'storage' } }];
  const layout = keep('bindGroupLayout', device.createBindGroupLayout({ entries }));
  keep('pipelineLayout', device.createPipelineLayout({ bindGroupLayouts: [layout] }));
  keep('bindGroup', device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer } }] }));
  const compute = keep('module', device.createShaderModule({ code: COMPUTE_CODE }));
  const render = keep('module', device.createShaderModule({ code: RENDER_CODE }));
  keep(
    'computePipeline',
    device.createComputePipeline({ layout: 'auto', compute: { module: compute, entryPoint: 'main' } }),
  );
  keep(
    'renderPipeline',
    device.createRenderPipeline({
      layout: 'auto',
      vertex: { module: render },
      fragment: { module: render, targets: [{ format: 'rgba8unorm' }, { format: 'rgba8uint' }] },
      depthStencil: { format: 'depth32float', depthWriteEnabled: true, depthCompare: 'always' },
    }),
  );
  keep('querySet', device.createQuerySet({ type: 'occlusion', count: 4 }));
  keep('commandBuffer', device.createCommandEncoder().finish());
  keep('bundle', device.createRenderBundleEncoder({ colorFormats: ['rgba8unorm'] }).finish());
  return objects;
}

const [first, count] = process.argv.slice(2).map(Number);
for (let seed = first; seed < first + count; seed++) {
  const random = new Random(seed);
  const adapter = await navigator.gpu.requestAdapter();
  const requiredFeatures = [...adapter.features].sort().filter(() => random.chance(0.7));
  const device = await adapter.requestDevice({ requiredFeatures });
  const other = await (await navigator.gpu.requestAdapter()).requestDevice({ label: 'other' });
  const line = JSON.stringify({ seed, ...(await new Program(device, other, random).run()) });
  // Dawn writes warnings on standard output, without an end of line.
  console.log(`\n${line}`);
  device.destroy();
  other.destroy();
}
