// Calls that record commands, and those of the queue and of what is made already.

import { values } from './values.mjs';

/** The calls, each with one chance. @param program {import('./program.mjs').Program} */
export function commandCalls(program) {
  const { random, device, call, pick } = program;
  const { format, size, origin, color, data } = values(random);
  const of = (...choices) => random.of(...choices);
  const maybe = (probability, ...more) => (random.chance(probability) ? more : []);
  const labelled = (members = {}) => random.dictionary({ label: [0.5, () => random.label()], ...members });

  const textureInfo = () => ({
    texture: pick('texture'),
    ...random.dictionary({
      mipLevel: [0.3, () => of(0, 0, 1)],
      origin: [0.4, origin],
      aspect: [0.2, () => of('all', 'depth-only', 'stencil-only')],
    }),
  });
  const layoutOfBytes = () =>
    random.dictionary({
      offset: [0.3, () => of(0, 4, 256, 3)],
      bytesPerRow: [0.7, () => of(256, 512, 16, 0)],
      rowsPerImage: [0.4, () => of(4, 8, 1)],
    });
  const bufferInfo = () => ({ buffer: pick('buffer'), ...layoutOfBytes() });
  const timestamps = () => ({
    querySet: pick('querySet'),
    ...random.dictionary({ beginningOfPassWriteIndex: [0.7, () => 0], endOfPassWriteIndex: [0.7, () => 1] }),
  });

  const debugCalls = (encoder) => [
    () => call(encoder, 'pushDebugGroup', ['group']),
    () => call(encoder, 'popDebugGroup', []),
    () => call(encoder, 'insertDebugMarker', ['mark']),
  ];
  const bindGroupCall = (pass) => () => {
    const offsets = of(
      () => [],
      () => [random.some(2, () => of(0, 256, 3))],
      () => [new Uint32Array([0, 256, 512]), random.below(3), random.below(3)],
    )();
    call(pass, 'setBindGroup', [
      random.below(4),
      offsets.length === 0 && random.chance(0.1) ? null : pick('bindGroup'),
      ...offsets,
    ]);
  };
  const drawCalls = (pass) => [
    bindGroupCall(pass),
    ...debugCalls(pass),
    () => call(pass, 'setPipeline', [pick('renderPipeline')]),
    () =>
      call(pass, 'setVertexBuffer', [random.below(3), pick('buffer'), ...maybe(0.5, of(0, 4, 2), of(4, 16))]),
    () => call(pass, 'setIndexBuffer', [pick('buffer'), of('uint16', 'uint32'), ...maybe(0.4, of(0, 2, 4))]),
    () => call(pass, 'draw', [3, ...maybe(0.5, 1, 0)]),
    () => call(pass, 'draw', [of(3, 0, 6), of(1, 2, 0), of(0, 1), of(0, 1)]),
    () => call(pass, 'drawIndexed', [3, ...maybe(0.4, 1, 0, of(-1, 0), 0)]),
    () => call(pass, 'drawIndirect', [pick('buffer'), of(0, 4, 2)]),
    () => call(pass, 'drawIndexedIndirect', [pick('buffer'), of(0, 4, 2)]),
  ];
  const renderPassCalls = (pass) => [
    ...drawCalls(pass),
    () => call(pass, 'setViewport', [0, 0, of(4, 4, 100), 4, 0, of(1, 1, 2)]),
    () => call(pass, 'setScissorRect', [0, 0, of(1, 4, 100), 2]),
    () => call(pass, 'setBlendConstant', [color()]),
    () => call(pass, 'setStencilReference', [3]),
    () => call(pass, 'beginOcclusionQuery', [random.below(2)]),
    () => call(pass, 'endOcclusionQuery', []),
    () => call(pass, 'executeBundles', [random.some(2, () => pick('bundle'))]),
  ];
  const computePassCalls = (pass) => [
    bindGroupCall(pass),
    ...debugCalls(pass),
    () => call(pass, 'setPipeline', [pick('computePipeline')]),
    () => call(pass, 'dispatchWorkgroups', [of(1, 0, 65_536, 2), ...maybe(0.4, 1, 1)]),
    () => call(pass, 'dispatchWorkgroupsIndirect', [pick('buffer'), of(0, 4, 3)]),
  ];
  const recorded = (calls, most) => {
    for (let count = random.below(most); count > 0; count--) of(...calls)();
  };
  /** Mostly in order: some passes are never ended, some used behind their end. */
  const recordPass = (pass, calls) => {
    recorded(calls, 8);
    if (!random.chance(0.1)) call(pass, 'end', []);
    if (random.chance(0.1)) recorded(calls, 3);
    if (random.chance(0.05)) call(pass, 'end', []);
  };

  const attachment = () =>
    random.chance(0.1)
      ? null
      : {
          ...random.dictionary({
            depthSlice: [0.05, () => 0],
            resolveTarget: [0.1, () => pick('view')],
            clearValue: [0.4, color],
          }),
          view: random.chance(0.8) ? pick('view') : pick('texture'),
          loadOp: of('clear', 'load'),
          storeOp: of('store', 'discard'),
        };
  const depthAttachment = () => ({
    view: pick('view'),
    ...random.dictionary({
      depthClearValue: [0.6, () => of(1, 0.5, 2)],
      depthLoadOp: [0.7, () => of('clear', 'load')],
      depthStoreOp: [0.7, () => of('store', 'discard')],
      depthReadOnly: [0.1, () => true],
      stencilLoadOp: [0.4, () => 'clear'],
      stencilStoreOp: [0.4, () => 'store'],
      stencilClearValue: [0.2, () => 5],
      stencilReadOnly: [0.1, () => true],
    }),
  });
  const renderPass = () =>
    labelled({
      colorAttachments: [1, () => random.some(2, attachment)],
      depthStencilAttachment: [0.25, depthAttachment],
      occlusionQuerySet: [0.3, () => pick('querySet')],
      timestampWrites: [0.1, timestamps],
      maxDrawCount: [0.1, () => 10],
    });
  const encoderCalls = (encoder) => [
    () => {
      const pass = call(
        encoder,
        'beginComputePass',
        maybe(0.5, labelled({ timestampWrites: [0.2, timestamps] })),
      );
      recordPass(pass, computePassCalls(pass));
    },
    () => {
      const pass = call(encoder, 'beginRenderPass', [renderPass()]);
      recordPass(pass, renderPassCalls(pass));
    },
    () => {
      const offsets = random.chance(0.5);
      const from = [pick('buffer'), ...(offsets ? [of(0, 4, 2)] : [])];
      const to = [pick('buffer'), ...(offsets ? [of(0, 8)] : [])];
      call(encoder, 'copyBufferToBuffer', [...from, ...to, ...maybe(0.7, of(4, 8, 6, 0))]);
    },
    () => call(encoder, 'copyBufferToTexture', [bufferInfo(), textureInfo(), size()]),
    () => call(encoder, 'copyTextureToBuffer', [textureInfo(), bufferInfo(), size()]),
    () => call(encoder, 'copyTextureToTexture', [textureInfo(), textureInfo(), size()]),
    () => call(encoder, 'clearBuffer', [pick('buffer'), ...maybe(0.5, of(0, 4), of(4, 8))]),
    () =>
      call(encoder, 'resolveQuerySet', [
        pick('querySet'),
        of(0, 0, 1, 4),
        of(1, 2, 0),
        pick('buffer'),
        of(0, 256, 8),
      ]),
    ...debugCalls(encoder),
  ];
  const commandBuffer = () => {
    const encoder = call(device, 'createCommandEncoder', maybe(0.5, labelled()));
    recorded(encoderCalls(encoder), 6);
    if (random.chance(0.9)) call(encoder, 'finish', maybe(0.5, labelled()), 'commandBuffer');
    if (random.chance(0.1)) recorded(encoderCalls(encoder), 2);
  };
  const bundle = () => {
    const members = {
      depthStencilFormat: [0.2, format],
      sampleCount: [0.3, () => of(1, 4, 2)],
      depthReadOnly: [0.2, () => true],
      stencilReadOnly: [0.2, () => true],
    };
    const colorFormats = random.some(2, () => (random.chance(0.1) ? null : format()));
    const encoder = call(device, 'createRenderBundleEncoder', [{ ...labelled(members), colorFormats }]);
    recorded(drawCalls(encoder), 6);
    call(encoder, 'finish', maybe(0.5, labelled()), 'bundle');
  };

  const { queue } = device;
  const seldom = (probability, make) => () => {
    if (random.chance(probability)) make();
  };
  const range = () => maybe(0.5, of(0, 8, 4), ...maybe(0.5, of(4, 8)));
  return [
    ...[commandBuffer, commandBuffer, commandBuffer, commandBuffer, bundle],
    () =>
      call(queue, 'submit', [
        random.chance(0.5) ? [pick('commandBuffer')] : random.some(2, () => pick('commandBuffer')),
      ]),
    () => {
      const bytes = data();
      const part = maybe(0.4, of(0, 1), ...maybe(0.6, of(0, 2)));
      call(queue, 'writeBuffer', [pick('buffer'), of(0, 4, 8), bytes, ...part]);
    },
    () => call(queue, 'writeTexture', [textureInfo(), data(), layoutOfBytes(), size()]),
    () => call(pick('buffer'), 'mapAsync', [of(1, 2, 1, 2, 0, 3), ...range()]),
    () => call(pick('buffer'), 'getMappedRange', range()),
    () => call(pick('buffer'), 'unmap', []),
    seldom(0.3, () => call(pick('buffer'), 'destroy', [])),
    seldom(0.2, () => call(pick('texture'), 'destroy', [])),
    seldom(0.2, () => call(pick('querySet'), 'destroy', [])),
    seldom(0.3, () => call(device, 'pushErrorScope', [of('validation', 'out-of-memory', 'internal')])),
    seldom(0.3, () => call(device, 'popErrorScope', [])),
    () => {
      pick(of('buffer', 'texture', 'bindGroup', 'renderPipeline', 'module', 'commandBuffer')).label =
        random.label();
    },
  ];
}
