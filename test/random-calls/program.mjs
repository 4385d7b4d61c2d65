// Random calls of the whole of WebGPU, for `dxgwire run`: the program of each seed prints a line of JSON that says
// what became of each call. Arguments: the first seed, and how many.

import { commandCalls } from './commands.mjs';
import { objectCalls } from './objects.mjs';
import { Random, show } from './random.mjs';
import { COMPUTE_CODE, RENDER_CODE } from './values.mjs';

const CALLS = 60;

/** One program: a device, objects of each kind, and what the calls so far came to. */
export class Program {
  log = [];
  uncaptured = [];
  #objects = new Map();
  #pending = [];

  constructor(device, random) {
    this.device = device;
    this.random = random;
    device.onuncapturederror = (event) => {
      event.preventDefault();
      this.uncaptured.push(`${event.error.constructor.name}: ${event.error.message}`);
    };
    this.#makeOneOfEach();
  }

  /** Any object of a kind, mostly a late one: there is always one. */
  pick = (kind) => {
    const objects = this.#objects.get(kind);
    return this.random.chance(0.5) ? objects.at(-1) : this.random.of(...objects);
  };

  /** Calls a method, within an error scope of its own most of the time, and keeps what it makes. */
  call = (target, method, args, kind) => {
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
    const bytes = await this.#bytes();
    await this.device.queue.onSubmittedWorkDone();
    return { log: this.log, uncaptured: this.uncaptured.sort(), bytes };
  }

  /** What a call makes; where it makes nothing, the first of its kind, so that all implementations go on alike. */
  #keep(kind, object) {
    const objects = this.#objects.get(kind) ?? [];
    objects.push(object ?? objects[0]);
    this.#objects.set(kind, objects);
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

  /** The contents of the first buffer at the end. */
  async #bytes() {
    const { device } = this;
    const target = device.createBuffer({
      size: 1024,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(this.#objects.get('buffer')[0], 0, target, 0, 1024);
    device.pushErrorScope('validation');
    device.queue.submit([encoder.finish()]);
    const error = await device.popErrorScope();
    if (error !== null) return error.message;
    await target.mapAsync(GPUMapMode.READ);
    return Array.from(new Uint8Array(target.getMappedRange())).join(' ');
  }

  #makeOneOfEach() {
    const { device } = this;
    const keep = (kind, object) => {
      this.#keep(kind, object);
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
  }
}

const [first, count] = process.argv.slice(2).map(Number);
for (let seed = first; seed < first + count; seed++) {
  const random = new Random(seed);
  const adapter = await navigator.gpu.requestAdapter();
  const requiredFeatures = [...adapter.features].sort().filter(() => random.chance(0.7));
  const device = await adapter.requestDevice({ requiredFeatures });
  const line = JSON.stringify({ seed, ...(await new Program(device, random).run()) });
  // Dawn writes warnings on standard output, without an end of line.
  console.log(`\n${line}`);
  device.destroy();
}
