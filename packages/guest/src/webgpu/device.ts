// biome-ignore-all lint/complexity/noArguments: WebIDL tells an argument that is missing from one that is undefined

import { ops, streamEnums } from '@dxgwire/protocol/stream';
import { createBindGroup, createBindGroupLayout } from './bind-group.ts';
import { createBuffer, type GPUBuffer } from './buffer.ts';
import { createCommandEncoder, type GPUCommandEncoder } from './command-encoder.ts';
import {
  createComputePipeline,
  createComputePipelineAsync,
  type GPUComputePipeline,
} from './compute-pipeline.ts';
import type { DeviceCore } from './device-core.ts';
import {
  GPUDeviceLostInfo,
  type GPUError,
  GPUUncapturedErrorEvent,
  makeError,
  operationError,
} from './errors.ts';
import { followEventTarget } from './event-methods.ts';
import { importExternalTexture } from './external-texture.ts';
import { type GPUAdapterInfo, GPUSupportedFeatures } from './features.ts';
import { CONSTRUCT, defineInterface, guardConstructor } from './interfaces.ts';
import { GPUSupportedLimits, type Limits } from './limits.ts';
import { includeObjectBase, ObjectState } from './object-state.ts';
import { createPipelineLayout } from './pipeline-layout.ts';
import { createQuerySet, type GPUQuerySet } from './query-set.ts';
import { type GPUQueue, makeQueue } from './queue.ts';
import { createRenderBundleEncoder, type GPURenderBundleEncoder } from './render-bundle.ts';
import {
  createRenderPipeline,
  createRenderPipelineAsync,
  type GPURenderPipeline,
} from './render-pipeline.ts';
import { createSampler } from './sampler.ts';
import { createShaderModule, type GPUShaderModule } from './shader-module.ts';
import { createTexture, type GPUTexture } from './texture.ts';
import { enumeration, requireArguments } from './webidl.ts';

const errorFilter = enumeration('GPUErrorFilter', streamEnums.errorFilter);

class DeviceState extends ObjectState {
  override labelChanged(): void {
    ops.setDeviceLabel(this.core.writer, this.label);
    this.core.outbox.changed();
  }
}

/** What a new GPUDevice shows. */
export interface DeviceInit {
  readonly core: DeviceCore;
  readonly label: string;
  readonly queueLabel: string;
  readonly features: ReadonlySet<string>;
  readonly limits: Limits;
  readonly adapterInfo: GPUAdapterInfo;
  /** Called with an error that neither a scope nor a listener took. */
  readonly report: (error: GPUError) => void;
}

type ErrorHandler = ((this: GPUDevice, event: GPUUncapturedErrorEvent) => unknown) | null;

let stateOf!: (device: GPUDevice) => DeviceState;
let dispatch!: (device: GPUDevice, error: GPUError) => boolean;

/** Of what a program may replace: what happens within a device does not pass through it. */
const {
  addEventListener: addListener,
  removeEventListener: removeListener,
  dispatchEvent: dispatchTo,
} = EventTarget.prototype;

/** GPUDevice */
export class GPUDevice extends EventTarget {
  readonly #state: DeviceState;
  readonly #features: GPUSupportedFeatures;
  readonly #limits: GPUSupportedLimits;
  readonly #adapterInfo: GPUAdapterInfo;
  readonly #queue: GPUQueue;
  readonly #lost: Promise<GPUDeviceLostInfo>;
  #handler: ErrorHandler = null;
  /** Returns what the handler does: Node makes an uncaught exception of a promise that is rejected. */
  readonly #callHandler = (event: Event): unknown => {
    if (typeof this.#handler !== 'function') return undefined;
    const result = this.#handler.call(this, event as GPUUncapturedErrorEvent);
    if (result === false) event.preventDefault();
    return result;
  };

  constructor(key: typeof CONSTRUCT, init: DeviceInit, lost: Promise<GPUDeviceLostInfo>) {
    guardConstructor(key, 'GPUDevice');
    super();
    this.#state = new DeviceState(init.core, this, 0, init.label);
    this.#features = new GPUSupportedFeatures(CONSTRUCT, init.features);
    this.#limits = new GPUSupportedLimits(CONSTRUCT, init.limits);
    this.#adapterInfo = init.adapterInfo;
    this.#queue = makeQueue(init.core, this, init.queueLabel);
    this.#lost = lost;
  }
  get features(): GPUSupportedFeatures {
    return this.#features;
  }
  get limits(): GPUSupportedLimits {
    return this.#limits;
  }
  get adapterInfo(): GPUAdapterInfo {
    return this.#adapterInfo;
  }
  get queue(): GPUQueue {
    return this.#queue;
  }
  get lost(): Promise<GPUDeviceLostInfo> {
    return this.#lost;
  }
  get onuncapturederror(): ErrorHandler {
    return this.#handler;
  }
  set onuncapturederror(handler: ErrorHandler) {
    this.#handler =
      typeof handler === 'function' || (typeof handler === 'object' && handler !== null) ? handler : null;
    // As the event handler attributes of HTML: its place among the listeners is that of its setting from null.
    if (this.#handler === null) removeListener.call(this, 'uncapturederror', this.#callHandler);
    else addListener.call(this, 'uncapturederror', this.#callHandler);
  }
  destroy(): undefined {
    this.#state.core.destroy();
  }
  createBuffer(descriptor: unknown): GPUBuffer {
    return createBuffer(this.#state.core, this, descriptor);
  }
  createTexture(descriptor: unknown): GPUTexture {
    return createTexture(this.#state.core, this, descriptor);
  }
  createSampler(descriptor: unknown = undefined): object {
    return createSampler(this.#state.core, this, descriptor);
  }
  importExternalTexture(descriptor: unknown): never {
    void this.#state;
    return importExternalTexture(descriptor);
  }
  createBindGroupLayout(descriptor: unknown): object {
    return createBindGroupLayout(this.#state.core, this, descriptor);
  }
  createPipelineLayout(descriptor: unknown): object {
    return createPipelineLayout(this.#state.core, this, descriptor);
  }
  createBindGroup(descriptor: unknown): object {
    return createBindGroup(this.#state.core, this, descriptor);
  }
  createShaderModule(descriptor: unknown): GPUShaderModule {
    return createShaderModule(this.#state.core, this, descriptor);
  }
  createComputePipeline(descriptor: unknown): GPUComputePipeline {
    return createComputePipeline(this.#state.core, this, descriptor);
  }
  createRenderPipeline(descriptor: unknown): GPURenderPipeline {
    return createRenderPipeline(this.#state.core, this, descriptor);
  }
  createComputePipelineAsync(descriptor: unknown): Promise<GPUComputePipeline> {
    try {
      return createComputePipelineAsync(this.#state.core, this, descriptor);
    } catch (error) {
      return Promise.reject(error);
    }
  }
  createRenderPipelineAsync(descriptor: unknown): Promise<GPURenderPipeline> {
    try {
      return createRenderPipelineAsync(this.#state.core, this, descriptor);
    } catch (error) {
      return Promise.reject(error);
    }
  }
  createCommandEncoder(descriptor: unknown = undefined): GPUCommandEncoder {
    return createCommandEncoder(this.#state.core, this, descriptor);
  }
  createRenderBundleEncoder(descriptor: unknown): GPURenderBundleEncoder {
    return createRenderBundleEncoder(this.#state.core, this, descriptor);
  }
  createQuerySet(descriptor: unknown): GPUQuerySet {
    return createQuerySet(this.#state.core, this, descriptor);
  }
  pushErrorScope(filter: GPUErrorFilter): undefined {
    const { core } = this.#state;
    requireArguments(arguments.length, 1, 'pushErrorScope');
    const type = errorFilter(filter, 'filter', null);
    ops.pushErrorScope(core.writer, type);
    core.outbox.changed();
  }
  popErrorScope(): Promise<GPUError | null> {
    try {
      return popErrorScope(this.#state.core);
    } catch (error) {
      return Promise.reject(error);
    }
  }
  static {
    stateOf = (device) => device.#state;
    dispatch = (device, error) => {
      const event = new GPUUncapturedErrorEvent('uncapturederror', { error, cancelable: true });
      return dispatchTo.call(device, event);
    };
  }
}
defineInterface(GPUDevice, 'GPUDevice');
followEventTarget(GPUDevice.prototype);
includeObjectBase(GPUDevice, stateOf);

function popErrorScope(core: DeviceCore): Promise<GPUError | null> {
  return core.ask<GPUError | null, 'scope'>(
    'scope',
    (requestId) => ops.popErrorScope(core.writer, requestId),
    (resolve, reject) => ({
      done: (status, type, message) => {
        if (status === 'empty-stack') reject(operationError('popErrorScope: there is no error scope to pop'));
        else resolve(status === 'error' ? makeError(type, message) : null);
      },
      lost: () => resolve(null),
    }),
  );
}

/** Devices that the program dropped without destroying them give everything back all the same. */
const dropped = new FinalizationRegistry<DeviceCore>((core) => core.destroy());

/** The GPUDevice over a core that is ready. */
export function makeDevice(init: DeviceInit): GPUDevice {
  const { core, report } = init;
  let resolveLost!: (info: GPUDeviceLostInfo) => void;
  const lost = new Promise<GPUDeviceLostInfo>((resolve) => {
    resolveLost = resolve;
  });
  const device = new GPUDevice(CONSTRUCT, init, lost);
  const reference = new WeakRef(device);
  core.events = {
    uncapturedError: (error) => {
      const target = reference.deref();
      if (target === undefined || dispatch(target, error)) report(error);
    },
    lost: (reason, message) => resolveLost(new GPUDeviceLostInfo(CONSTRUCT, reason, message)),
  };
  if (core.lost !== null) core.events.lost(core.lost.reason, core.lost.message);
  dropped.register(device, core);
  return device;
}
