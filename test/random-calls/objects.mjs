// Calls that make objects of a device.

import { values } from './values.mjs';

/** The calls, each with one chance. @param program {import('./program.mjs').Program} */
export function objectCalls(program) {
  const { random, device, call, pick } = program;
  const { format, size, compare, constants, code } = values(random);
  const of = (...choices) => random.of(...choices);
  const dictionary = (members) => random.dictionary({ label: [0.5, () => random.label()], ...members });
  const make = (kind, method, descriptor) => call(device, method, [descriptor], kind);

  const attribute = (index) => ({
    format: of('float32x4', 'float32x2', 'unorm8x4', 'uint32', 'unorm10-10-10-2', 'float16', 'unorm8x4-bgra'),
    offset: of(0, 8, 16, 3, 2048),
    shaderLocation: of(index, index, 0, 1, 99),
  });
  const vertexBuffer = () => ({
    ...random.dictionary({ stepMode: [0.3, () => of('vertex', 'instance')] }),
    arrayStride: of(16, 24, 0, 4, 2052, 6),
    attributes: random.some(2, attribute),
  });
  const stage = (entryPoints, more) =>
    random.dictionary({
      module: [1, () => pick('module')],
      entryPoint: [0.6, () => of(...entryPoints, 'nope')],
      constants: [0.4, constants],
      ...more,
    });
  const stencilFace = () =>
    random.dictionary({
      compare: [0.5, compare],
      failOp: [0.3, () => of('keep', 'zero', 'invert')],
      depthFailOp: [0.3, () => of('replace', 'increment-clamp')],
      passOp: [0.3, () => of('decrement-wrap', 'keep')],
    });
  const blendPart = (factor) =>
    random.dictionary({
      srcFactor: [0.5, () => of('one', 'src', factor, 'zero')],
      dstFactor: [0.5, () => of('one-minus-src-alpha', 'src-alpha-saturated', 'dst')],
      operation: [0.4, () => of('add', 'min', 'max', 'subtract')],
    });
  const target = () =>
    random.chance(0.1)
      ? null
      : random.dictionary({
          format: [1, format],
          blend: [0.3, () => ({ color: blendPart('constant'), alpha: blendPart('src-alpha') })],
          writeMask: [0.2, () => of(15, 1, 16)],
        });
  const depthStencil = () =>
    random.dictionary({
      format: [1, format],
      depthWriteEnabled: [0.7, () => true],
      depthCompare: [0.8, compare],
      stencilFront: [0.3, stencilFace],
      stencilBack: [0.3, stencilFace],
      stencilReadMask: [0.2, () => 255],
      stencilWriteMask: [0.2, () => 3],
      depthBias: [0.2, () => of(1, -5)],
      depthBiasSlopeScale: [0.2, () => 0.5],
      depthBiasClamp: [0.2, () => 1],
    });
  const layoutEntry = (index) =>
    random.dictionary({
      binding: [1, () => of(index, index, index, 0, 1000)],
      visibility: [1, () => of(4, 1, 2, 7, 0, 8, 3)],
      buffer: [
        0.45,
        () =>
          random.dictionary({
            type: [0.7, () => of('uniform', 'storage', 'read-only-storage')],
            hasDynamicOffset: [0.3, () => true],
            minBindingSize: [0.3, () => of(0, 4, 16, 256)],
          }),
      ],
      sampler: [
        0.2,
        () => random.dictionary({ type: [0.6, () => of('filtering', 'non-filtering', 'comparison')] }),
      ],
      texture: [
        0.25,
        () =>
          random.dictionary({
            sampleType: [0.6, () => of('float', 'unfilterable-float', 'depth', 'sint', 'uint')],
            viewDimension: [0.5, () => of('1d', '2d', '2d-array', 'cube', 'cube-array', '3d')],
            multisampled: [0.2, () => true],
          }),
      ],
      storageTexture: [
        0.15,
        () =>
          random.dictionary({
            access: [0.6, () => of('write-only', 'read-only', 'read-write')],
            format: [1, format],
            viewDimension: [0.4, () => of('1d', '2d', '2d-array', '3d', 'cube')],
          }),
      ],
      externalTexture: [0.05, () => ({})],
    });
  const resource = () =>
    of(
      () => ({
        buffer: pick('buffer'),
        ...random.dictionary({ offset: [0.3, () => of(0, 256, 4, 16)], size: [0.3, () => of(4, 16, 64, 0)] }),
      }),
      () => pick('buffer'),
      () => pick('view'),
      () => pick('sampler'),
      () => pick('texture'),
    )();
  const layout = () => (random.chance(0.7) ? 'auto' : pick('pipelineLayout'));
  const wrap = () => of('clamp-to-edge', 'repeat', 'mirror-repeat');
  const filter = () => of('nearest', 'linear');

  return [
    () =>
      make('buffer', 'createBuffer', {
        ...dictionary({ mappedAtCreation: [0.3, () => random.chance(0.5)] }),
        size: of(4, 16, 64, 256, 1024, 65_536, 0, 6, 20),
        usage: of(1, 2, 4, 8, 12, 9, 6, 0x20, 0x48, 0x8c, 0x80, 0x100, 0x204, 0x3ff, 0x10, 0, 3, 0xbc),
      }),
    () =>
      make('texture', 'createTexture', {
        ...dictionary({
          dimension: [0.3, () => of('1d', '2d', '2d', '3d')],
          mipLevelCount: [0.4, () => of(1, 2, 3, 9, 0)],
          sampleCount: [0.3, () => of(1, 4, 4, 2)],
          viewFormats: [0.2, () => random.some(2, format)],
          textureBindingViewDimension: [0.05, () => of('1d', '2d', '2d-array', 'cube', '3d')],
        }),
        size: size(),
        format: format(),
        usage: of(16, 4, 6, 3, 8, 31, 23, 20, 0, 2, 32, 64),
      }),
    () =>
      call(
        pick('texture'),
        'createView',
        random.chance(0.2)
          ? []
          : [
              dictionary({
                format: [0.2, format],
                dimension: [0.4, () => of('1d', '2d', '2d', '2d-array', 'cube', 'cube-array', '3d')],
                usage: [0.15, () => of(0, 4, 16, 8, 1)],
                aspect: [0.3, () => of('all', 'all', 'depth-only', 'stencil-only')],
                baseMipLevel: [0.3, () => of(0, 0, 1, 2)],
                mipLevelCount: [0.3, () => of(1, 1, 2, 0)],
                baseArrayLayer: [0.3, () => of(0, 0, 1, 5)],
                arrayLayerCount: [0.3, () => of(1, 1, 6, 2, 0)],
                swizzle: [0.1, () => of('rgba', 'bgra', 'r001', 'rgb', 'xyzw')],
              }),
            ],
        'view',
      ),
    () =>
      make(
        'sampler',
        'createSampler',
        dictionary({
          addressModeU: [0.3, wrap],
          addressModeV: [0.3, wrap],
          addressModeW: [0.3, wrap],
          magFilter: [0.4, filter],
          minFilter: [0.4, filter],
          mipmapFilter: [0.4, filter],
          lodMinClamp: [0.3, () => of(0, 1, 0.5, 40)],
          lodMaxClamp: [0.3, () => of(32, 1, 0.25, 0)],
          compare: [0.2, compare],
          maxAnisotropy: [0.3, () => of(1, 4, 16, 0, 100)],
        }),
      ),
    () =>
      make(
        'bindGroupLayout',
        'createBindGroupLayout',
        dictionary({ entries: [1, () => random.some(4, layoutEntry)] }),
      ),
    () => {
      const layouts = random.some(of(1, 2, 5), () => pick('bindGroupLayout'));
      make('pipelineLayout', 'createPipelineLayout', dictionary({ bindGroupLayouts: [1, () => layouts] }));
    },
    () =>
      make('bindGroup', 'createBindGroup', {
        ...dictionary({}),
        layout: pick('bindGroupLayout'),
        entries: random.some(4, (binding) => ({ binding, resource: resource() })),
      }),
    () => {
      const module = make('module', 'createShaderModule', dictionary({ code: [1, code] }));
      if (random.chance(0.5)) call(module, 'getCompilationInfo', []);
    },
    () => {
      const method = random.chance(0.7) ? 'createComputePipeline' : 'createComputePipelineAsync';
      make('computePipeline', method, {
        ...dictionary({}),
        layout: layout(),
        compute: stage(['main', 'other']),
      });
    },
    () => {
      const method = random.chance(0.7) ? 'createRenderPipeline' : 'createRenderPipelineAsync';
      const primitive = () =>
        random.dictionary({
          topology: [0.7, () => of('triangle-list', 'triangle-strip', 'line-strip', 'point-list')],
          stripIndexFormat: [0.3, () => of('uint16', 'uint32')],
          frontFace: [0.3, () => 'cw'],
          cullMode: [0.3, () => of('none', 'back')],
        });
      const multisample = () =>
        random.dictionary({
          count: [0.8, () => of(1, 4, 4, 3)],
          mask: [0.3, () => 0xf],
          alphaToCoverageEnabled: [0.3, () => true],
        });
      make('renderPipeline', method, {
        ...dictionary({
          primitive: [0.4, primitive],
          depthStencil: [0.3, depthStencil],
          multisample: [0.2, multisample],
          fragment: [0.8, () => stage(['f'], { targets: [1, () => random.some(2, target)] })],
        }),
        layout: layout(),
        vertex: stage(['v'], { buffers: [0.6, () => random.some(3, vertexBuffer)] }),
      });
    },
    () =>
      make('querySet', 'createQuerySet', {
        ...dictionary({}),
        type: of('occlusion', 'occlusion', 'timestamp'),
        count: of(1, 4, 0, 4096, 4097),
      }),
    () => call(pick('computePipeline'), 'getBindGroupLayout', [random.below(3)], 'bindGroupLayout'),
    () => call(pick('renderPipeline'), 'getBindGroupLayout', [random.below(5)], 'bindGroupLayout'),
  ];
}
