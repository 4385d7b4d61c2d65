import { constantsOf, type Tour, type TourGpu, type Travelogue } from './webgpu-tour.ts';

/** The adapter, its features and limits, and all constants. */
export async function tourAdapter(log: Travelogue, { gpu, globals }: TourGpu): Promise<GPUAdapter> {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  const compatible = await gpu.requestAdapter({ featureLevel: 'compatibility' });
  const lesser = await compatible!.requestDevice();
  log.note('compatibility', () => [[...lesser.features], lesser.limits.maxTextureDimension2D]);
  lesser.destroy();
  if (adapter === null) throw new Error('there is no adapter');
  log.note('GPU.getPreferredCanvasFormat', () => gpu.getPreferredCanvasFormat());
  log.note('GPU.wgslLanguageFeatures', () => [...gpu.wgslLanguageFeatures].sort());
  const { info } = adapter;
  log.note('GPUAdapterInfo', () => [info.vendor, info.architecture, info.device, info.isFallbackAdapter]);
  log.note('GPUAdapterInfo.description', () => info.description.length > 0);
  log.note('subgroup sizes', () => [info.subgroupMinSize, info.subgroupMaxSize]);
  for (const [name, set] of Object.entries({ features: adapter.features, wgsl: gpu.wgslLanguageFeatures })) {
    log.note(`${name} has`, () => [set.has([...set][0] ?? ''), set.has('no such'), set.size > 0]);
    log.note(`${name} lists`, () => {
      const all = [...set].join();
      const lists = [[...set.keys()], [...set.values()], [...set.entries()].map(([key]) => key)];
      return lists.every((list) => list.join() === all);
    });
    log.note(`${name} forEach`, () => {
      let count = 0;
      set.forEach(() => {
        count += 1;
      });
      return count === set.size;
    });
  }
  log.note('features', () => [...adapter.features].sort());
  const limits: Record<string, number> = {};
  for (const name of limitNames(adapter.limits)) limits[name] = adapter.limits[name] as number;
  log.note('limits', () => Object.entries(limits).sort());
  const { buffer, texture, stage, map, color } = constantsOf(globals);
  for (const [name, namespace] of Object.entries({ buffer, texture, stage, map, color })) {
    log.note(`${name} constants`, () => allConstants(namespace));
  }
  return adapter;
}

/** A limit has a getter, of the prototype or, on some implementations, of the object. */
function limitNames(limits: GPUSupportedLimits): (keyof GPUSupportedLimits)[] {
  const names: (keyof GPUSupportedLimits)[] = [];
  for (const name in limits) names.push(name as keyof GPUSupportedLimits);
  return names;
}

function allConstants(namespace: object): [string, unknown][] {
  return Object.keys(namespace)
    .sort()
    .map((name) => [name, (namespace as Record<string, unknown>)[name]]);
}

/** What a device shows of itself, its shader modules, textures, buffers and samplers. */
export async function tourObjects({
  log,
  device,
  module,
  tintLayout,
  tintGroup,
  constants,
}: Tour): Promise<void> {
  const { buffer: usage, texture: textureUsage, map } = constants;
  device.label = 'renamed';
  log.note('GPUDevice.label', () => [device.label, device.queue.label]);
  log.note('GPUDevice.features', () => [...device.features].sort());
  log.note('GPUDevice.limits', () => device.limits.maxBindGroups);
  log.note('GPUDevice.adapterInfo', () => device.adapterInfo.vendor);
  log.note('GPUShaderModule.label', () => [module.label, tintLayout.label, tintGroup.label]);
  device.pushErrorScope('validation');
  const info = await device.createShaderModule({ code: 'fn broken( {' }).getCompilationInfo();
  await device.popErrorScope();
  for (const message of info.messages) {
    const { type, lineNum, linePos, offset, length } = message;
    log.note('GPUCompilationMessage', () => [message.message, type, lineNum, linePos, offset, length]);
  }
  const sampler = device.createSampler({ label: 'sampler', maxAnisotropy: 1 });
  log.note('GPUSampler.label', () => sampler.label);
  const texture = device.createTexture({
    label: 'cube',
    size: [8, 8, 6],
    mipLevelCount: 3,
    format: 'rgba8unorm',
    usage: textureUsage.TEXTURE_BINDING | textureUsage.COPY_DST | textureUsage.COPY_SRC,
  });
  log.note('GPUTexture', () => [texture.label, texture.width, texture.height, texture.depthOrArrayLayers]);
  log.note('GPUTexture', () => [texture.mipLevelCount, texture.sampleCount, texture.dimension]);
  log.note('GPUTexture', () => [texture.format, texture.usage]);
  log.note('GPUTexture.textureBindingViewDimension', () => texture.textureBindingViewDimension ?? 'none');
  log.note('GPUTexture.createView', () => texture.createView({ dimension: 'cube', baseMipLevel: 1 }).label);
  texture.destroy();
  const buffer = device.createBuffer({ label: 'buffer', size: 16, usage: usage.MAP_WRITE | usage.COPY_SRC });
  log.note('GPUBuffer', () => [buffer.label, buffer.size, buffer.usage, buffer.mapState]);
  const mapping = buffer.mapAsync(map.WRITE);
  log.note('GPUBuffer.mapState', () => buffer.mapState);
  await mapping;
  log.note('GPUBuffer.getMappedRange', () => [buffer.getMappedRange(8, 8).byteLength, buffer.mapState]);
  buffer.unmap();
  log.note('GPUBuffer.unmap', () => buffer.mapState);
  buffer.destroy();
  log.note('GPUDevice.importExternalTexture', () =>
    device.importExternalTexture({ source: {} as VideoFrame }),
  );
}

/** Copies of each kind, and writes of the queue. */
export async function tourCopies({ log, device, constants, read }: Tour): Promise<void> {
  const { buffer: usage, texture: textureUsage } = constants;
  const { queue } = device;
  queue.label = 'queue';
  log.note('GPUQueue.label', () => queue.label);
  const all = textureUsage.COPY_DST | textureUsage.COPY_SRC | textureUsage.RENDER_ATTACHMENT;
  const make = (): GPUTexture => device.createTexture({ size: [4, 4], format: 'rgba8unorm', usage: all });
  const first = make();
  const second = make();
  const third = make();
  const texels = Uint8Array.from({ length: 64 }, (_, index) => index * 3);
  queue.writeTexture({ texture: first }, texels, { bytesPerRow: 16 }, [4, 4]);
  const bytes = device.createBuffer({ size: 1024, usage: usage.COPY_SRC | usage.COPY_DST });
  const encoder = device.createCommandEncoder();
  encoder.copyTextureToTexture({ texture: first }, { texture: second, origin: [1, 1] }, [3, 3]);
  encoder.copyTextureToBuffer({ texture: second }, { buffer: bytes, bytesPerRow: 256 }, [4, 4]);
  encoder.copyBufferToTexture(
    { buffer: bytes, bytesPerRow: 256 },
    { texture: third, origin: [0, 2] },
    [4, 2],
  );
  queue.submit([encoder.finish()]);
  await queue.onSubmittedWorkDone();
  const copied = await read(bytes, 1024);
  log.note('copies', () => copied.filter((_, index) => index % 256 < 16).join(' '));
  await log.noteLater('order of promises', () => promisesInOrder(device, bytes, constants.map));
  log.note('GPUQueue.copyExternalImageToTexture', () =>
    queue.copyExternalImageToTexture({ source: {} as ImageData }, { texture: third }, [1, 1]),
  );
}

/**
 * The order in which promises of one turn are settled: first those that need nothing of the device, then those that come
 * when it is done, which on a busy machine may be sooner or later than the others.
 */
async function promisesInOrder(
  device: GPUDevice,
  source: GPUBuffer,
  map: typeof GPUMapMode,
): Promise<string[]> {
  const order: string[] = [];
  const atTheEndOfWork: string[] = [];
  const arrived = (what: string) => (): void => {
    order.push(what);
  };
  const mappable = (): GPUBuffer => device.createBuffer({ size: 64, usage: 1 | 8 });
  const first = mappable();
  const second = mappable();
  const module = device.createShaderModule({ code: '@compute @workgroup_size(1) fn main() {}' });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(source, 0, first, 0, 64);
  device.queue.submit([encoder.finish()]);
  const mapped = first.mapAsync(map.READ).then(() => atTheEndOfWork.push('first map'));
  const done = device.queue.onSubmittedWorkDone().then(() => atTheEndOfWork.push('work done'));
  device.pushErrorScope('validation');
  const popped = device.popErrorScope().then(arrived('popped'));
  const info = module.getCompilationInfo().then(arrived('compilation info'));
  await Promise.all([mapped, done, popped, info, second.mapAsync(map.READ).then(arrived('second map'))]);
  order.push(...atTheEndOfWork);
  const uncaptured = new Promise<void>((resolve) => {
    let count = 0;
    device.onuncapturederror = (event) => {
      event.preventDefault();
      order.push(event.error.message.replace(/\n.*/s, ''));
      count += 1;
      if (count === 2) resolve();
    };
  });
  const huge = device.createBuffer({ size: 2 ** 40, usage: 1 | 8 });
  await huge.mapAsync(map.READ).catch((error: Error) => order.push(error.name));
  await uncaptured;
  device.onuncapturederror = null;
  return order;
}

/** Error scopes, events, and the end of the device. Last: there is no device behind it. */
export async function tourErrors(tour: Tour, globals: Readonly<Record<string, unknown>>): Promise<void> {
  const { log, device, constants } = tour;
  const { buffer: usage } = constants;
  device.pushErrorScope('validation');
  device.createBuffer({ size: 16, usage: usage.MAP_READ | usage.MAP_WRITE });
  const error = await device.popErrorScope();
  log.note('GPUError', () => [error?.constructor.name, (error?.message.length ?? 0) > 0]);
  await log.noteLater('GPUDevice.popErrorScope', () => device.popErrorScope());
  const seen: string[] = [];
  const listener = (event: Event): void => {
    event.preventDefault();
    seen.push(`listener ${(event as GPUUncapturedErrorEvent).error.constructor.name}`);
  };
  device.addEventListener('uncapturederror', listener);
  const heard = new Promise<void>((resolve) => {
    device.onuncapturederror = (event) => {
      seen.push(`handler ${event.error.constructor.name}`);
      resolve();
    };
  });
  device.createTexture({ size: [0], format: 'rgba8unorm', usage: 1 });
  await heard;
  log.note('uncapturederror', () => seen);
  device.removeEventListener('uncapturederror', listener);
  log.note('dispatchEvent', () => device.dispatchEvent(new Event('other')));
  device.onuncapturederror = null;
  await log.noteLater('GPUPipelineError', async () => {
    const { module } = tour;
    try {
      await device.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'none' } });
    } catch (thrown) {
      const error = thrown as GPUPipelineError;
      return [error.name, error.reason, error.constructor.name];
    }
  });
  for (const name of ['GPUValidationError', 'GPUOutOfMemoryError', 'GPUInternalError']) {
    log.note(name, () => new (globals[name] as new (message: string) => GPUError)('why').message);
  }
  await log.noteLater('errors of calls', () => errorsOfCalls(device, constants.map));
  await log.noteLater('answers behind destroy', () => destroyWithQuestions(device));
  const lost = await device.lost;
  log.note('GPUDeviceLostInfo', () => [lost.reason, typeof lost.message]);
}

/** Errors that must come with the call that is wrong, and not before or behind it. */
async function errorsOfCalls(device: GPUDevice, map: typeof GPUMapMode): Promise<unknown[]> {
  const seen: unknown[] = [];
  const scope = async (what: string, call: () => unknown): Promise<void> => {
    device.pushErrorScope('validation');
    const outcome = call();
    const name =
      outcome instanceof Promise ? outcome.then(String, (reason: Error) => reason.name) : 'no promise';
    const error = await device.popErrorScope();
    seen.push(what, error === null ? null : error.message.split('\n', 1)[0], await name);
  };
  const mappable = (mappedAtCreation: boolean): GPUBuffer =>
    device.createBuffer({ size: 16, usage: 1 | 8, mappedAtCreation });
  const pending = mappable(false);
  const first = pending.mapAsync(map.READ);
  await scope('second map', () => pending.mapAsync(map.READ));
  await first;
  await scope('map of a mapped buffer', () => pending.mapAsync(map.READ));
  seen.push(pending.mapState);
  const mapped = mappable(true);
  await scope('unmap behind a wrong map', () => {
    const wrong = mapped.mapAsync(map.READ);
    mapped.unmap();
    return wrong;
  });
  let encoder: GPURenderBundleEncoder | undefined;
  await scope('bundle encoder', () => {
    encoder = device.createRenderBundleEncoder({ label: 'bare', colorFormats: [] });
  });
  await scope('bundle', () => encoder?.finish());
  return seen;
}

/** What is asked before a device is destroyed is answered with what it found; what is asked afterwards, without. */
async function destroyWithQuestions(device: GPUDevice): Promise<string[]> {
  const answers: string[] = [];
  const note =
    (what: string) =>
    (value: unknown): void => {
      answers.push(`${what} ${value === null ? 'null' : typeof value}`);
    };
  device.pushErrorScope('validation');
  device.createBuffer({ size: 4, usage: 0 });
  const all = [
    device.lost.then(note('lost')),
    device.queue.onSubmittedWorkDone().then(note('work')),
    device.popErrorScope().then(note('popped')),
  ];
  device.destroy();
  all.push(device.popErrorScope().then(note('popped late')));
  await Promise.all(all);
  return answers;
}
