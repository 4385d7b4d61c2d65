import type { OpArguments, StreamGroupHandlers, streamOps } from '@dxgwire/protocol/stream';
import { type ContextState, FOREIGN_ID, messageOf } from './context-state.ts';

type Values<N extends keyof typeof streamOps> = OpArguments<(typeof streamOps)[N]>[0];
type ComputeValues = Omit<Values<'createComputePipeline'>, 'id'>;
type RenderValues = Omit<Values<'createRenderPipeline'>, 'id'>;
type StageValues = ComputeValues['compute'];

/** Layouts, bind groups, shader modules, pipelines. */
export function pipelineHandlers(state: ContextState): StreamGroupHandlers<'pipeline'> {
  const { device } = state;
  return {
    createBindGroupLayout({ id, label, entries }) {
      const list = entries.map(({ externalTexture, ...entry }) =>
        externalTexture ? { ...entry, externalTexture: {} } : entry,
      );
      state.define('bindGroupLayout', id, () =>
        device.createBindGroupLayout({ label, entries: list as GPUBindGroupLayoutEntry[] }),
      );
    },
    createPipelineLayout({ id, label, bindGroupLayouts, immediateSize }) {
      const layouts = bindGroupLayouts.map((layout) => state.optional('bindGroupLayout', layout) ?? null);
      state.define('pipelineLayout', id, () =>
        device.createPipelineLayout({ label, bindGroupLayouts: layouts, immediateSize }),
      );
    },
    createBindGroup(id, label, layoutId, entries) {
      const layout = state.need('bindGroupLayout', layoutId);
      const list = entries.map(({ binding, resource, offset, size }) => {
        return { binding, resource: bindingResource(state, resource, offset, size) };
      });
      state.define('bindGroup', id, () => device.createBindGroup({ label, layout, entries: list }));
    },
    createShaderModule({ id, label, code, compilationHints }) {
      const hints = compilationHints.map(({ entryPoint, layout }) =>
        layout === undefined ? { entryPoint } : { entryPoint, layout: layoutOf(state, layout) },
      );
      state.define('shaderModule', id, () =>
        device.createShaderModule({
          label,
          code,
          ...(hints.length === 0 ? {} : { compilationHints: hints }),
        }),
      );
    },
    getCompilationInfo(requestId, id) {
      state.returns.expect();
      void state
        .need('shaderModule', id)
        .getCompilationInfo()
        .then(
          ({ messages }) => state.returns.compilationInfo(requestId, [...messages]),
          () => state.returns.compilationInfo(requestId, []),
        );
    },
    createComputePipeline({ id, ...values }) {
      const descriptor = computeDescriptor(state, values);
      state.define('computePipeline', id, () => device.createComputePipeline(descriptor));
    },
    createComputePipelineAsync({ requestId, id, ...values }) {
      if (refuseMissing(state, requestId, values.layout, [values.compute.module])) return;
      const descriptor = computeDescriptor(state, values);
      definePipeline(state, requestId, 'computePipeline', id, () =>
        device.createComputePipelineAsync(descriptor),
      );
    },
    createRenderPipeline({ id, ...values }) {
      const descriptor = renderDescriptor(state, values);
      state.define('renderPipeline', id, () => device.createRenderPipeline(descriptor));
    },
    createRenderPipelineAsync({ requestId, id, ...values }) {
      const { vertex, fragment } = values;
      const modules = fragment === undefined ? [vertex.module] : [vertex.module, fragment.module];
      if (refuseMissing(state, requestId, values.layout, modules)) return;
      const descriptor = renderDescriptor(state, values);
      definePipeline(state, requestId, 'renderPipeline', id, () =>
        device.createRenderPipelineAsync(descriptor),
      );
    },
    getBindGroupLayout(id, pipelineId, index) {
      const pipeline =
        state.objects.get(pipelineId, 'renderPipeline') ?? state.need('computePipeline', pipelineId);
      state.define('bindGroupLayout', id, () => pipeline.getBindGroupLayout(index));
    },
  };
}

/** What an entry of a bind group binds: a buffer's range, or the object itself. */
function bindingResource(
  state: ContextState,
  id: number,
  offset: number,
  size: number | undefined,
): GPUBindingResource {
  const entry = state.objects.find(id);
  switch (entry?.kind) {
    case 'sampler':
    case 'textureView':
    case 'texture':
      return entry.object as GPUSampler | GPUTextureView | GPUTexture;
    default: {
      const buffer = state.need('buffer', id);
      return size === undefined ? { buffer, offset } : { buffer, offset, size };
    }
  }
}

function layoutOf(state: ContextState, id: number): GPUPipelineLayout | 'auto' {
  return state.optional('pipelineLayout', id) ?? 'auto';
}

function stageOf(state: ContextState, { module, entryPoint, constants }: StageValues): GPUProgrammableStage {
  const stage: GPUProgrammableStage = { module: state.need('shaderModule', module) };
  if (entryPoint !== undefined) stage.entryPoint = entryPoint;
  if (constants.length > 0) {
    // No prototype: `__proto__` is a name like any other.
    const values: Record<string, number> = Object.create(null);
    for (const { key, value } of constants) values[key] = value;
    stage.constants = values;
  }
  return stage;
}

function computeDescriptor(state: ContextState, values: ComputeValues): GPUComputePipelineDescriptor {
  return {
    label: values.label,
    layout: layoutOf(state, values.layout),
    compute: stageOf(state, values.compute),
  };
}

function renderDescriptor(state: ContextState, values: RenderValues): GPURenderPipelineDescriptor {
  const { label, layout, vertex, primitive, depthStencil, multisample, fragment } = values;
  const descriptor = {
    label,
    layout: layoutOf(state, layout),
    vertex: { ...stageOf(state, vertex), buffers: vertex.buffers },
    primitive,
    multisample,
    ...(depthStencil === undefined ? {} : { depthStencil }),
    ...(fragment === undefined
      ? {}
      : { fragment: { ...stageOf(state, fragment), targets: fragment.targets } }),
  };
  return descriptor as GPURenderPipelineDescriptor;
}

/**
 * Refuses an asynchronous pipeline that names what is not there, an object of another device above all: the promise
 * is told so, and no error is raised beside it.
 */
function refuseMissing(
  state: ContextState,
  requestId: number,
  layout: number,
  modules: readonly number[],
): boolean {
  const { objects, returns } = state;
  let missing: string | null = null;
  for (const id of modules) {
    if (objects.get(id, 'shaderModule') === undefined) missing = missingObject('shaderModule', id);
  }
  if (layout !== 0 && objects.get(layout, 'pipelineLayout') === undefined) {
    missing = missingObject('pipelineLayout', layout);
  }
  if (missing === null) return false;
  const message = missing;
  returns.expect();
  // Behind what was asked before, as an answer of Dawn's would be.
  const answer = (): void => returns.pipelineResult(requestId, 'validation', message);
  state.device.pushErrorScope('validation');
  state.device.popErrorScope().then(answer, answer);
  return true;
}

function missingObject(kind: 'shaderModule' | 'pipelineLayout', id: number): string {
  return id === FOREIGN_ID ? `the ${kind} is of another device` : `there is no ${kind} of id ${id}`;
}

function definePipeline<K extends 'computePipeline' | 'renderPipeline'>(
  state: ContextState,
  requestId: number,
  kind: K,
  id: number,
  make: () => Promise<K extends 'computePipeline' ? GPUComputePipeline : GPURenderPipeline>,
): void {
  state.returns.expect();
  const attempt = async (): Promise<void> => {
    const pipeline = await make();
    state.define(kind, id, () => pipeline as never);
    state.returns.pipelineResult(requestId, 'success', '');
  };
  attempt().catch((error: unknown) => {
    const reason = error instanceof GPUPipelineError ? error.reason : 'validation';
    state.returns.pipelineResult(requestId, reason, messageOf(error));
  });
}
