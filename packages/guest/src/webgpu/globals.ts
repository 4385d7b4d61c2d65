import { GPUAdapter } from './adapter.ts';
import { GPUBindGroup, GPUBindGroupLayout } from './bind-group.ts';
import { GPUBuffer } from './buffer.ts';
import { GPUCanvasContext } from './canvas-context.ts';
import { GPUCommandBuffer } from './command-buffer.ts';
import { GPUCommandEncoder } from './command-encoder.ts';
import { GPUComputePassEncoder } from './compute-pass.ts';
import { GPUComputePipeline } from './compute-pipeline.ts';
import { GPUBufferUsage, GPUColorWrite, GPUMapMode, GPUShaderStage, GPUTextureUsage } from './constants.ts';
import { GPUDevice } from './device.ts';
import {
  GPUDeviceLostInfo,
  GPUError,
  GPUInternalError,
  GPUOutOfMemoryError,
  GPUPipelineError,
  GPUUncapturedErrorEvent,
  GPUValidationError,
} from './errors.ts';
import { GPUExternalTexture } from './external-texture.ts';
import { GPUAdapterInfo, GPUSupportedFeatures, WGSLLanguageFeatures } from './features.ts';
import { GPU } from './gpu.ts';
import { GPUSupportedLimits } from './limits.ts';
import { GPUPipelineLayout } from './pipeline-layout.ts';
import { GPUQuerySet } from './query-set.ts';
import { GPUQueue } from './queue.ts';
import { GPURenderBundle, GPURenderBundleEncoder } from './render-bundle.ts';
import { GPURenderPassEncoder } from './render-pass.ts';
import { GPURenderPipeline } from './render-pipeline.ts';
import { GPUSampler } from './sampler.ts';
import { GPUCompilationInfo, GPUCompilationMessage, GPUShaderModule } from './shader-module.ts';
import { GPUTexture, GPUTextureView } from './texture.ts';

/** All interface objects and constants of the API by their names: `Object.assign(globalThis, globals)`. */
export const globals = {
  GPU,
  GPUAdapter,
  GPUAdapterInfo,
  GPUBindGroup,
  GPUBindGroupLayout,
  GPUBuffer,
  GPUBufferUsage,
  GPUCanvasContext,
  GPUColorWrite,
  GPUCommandBuffer,
  GPUCommandEncoder,
  GPUCompilationInfo,
  GPUCompilationMessage,
  GPUComputePassEncoder,
  GPUComputePipeline,
  GPUDevice,
  GPUDeviceLostInfo,
  GPUError,
  GPUExternalTexture,
  GPUInternalError,
  GPUMapMode,
  GPUOutOfMemoryError,
  GPUPipelineError,
  GPUPipelineLayout,
  GPUQuerySet,
  GPUQueue,
  GPURenderBundle,
  GPURenderBundleEncoder,
  GPURenderPassEncoder,
  GPURenderPipeline,
  GPUSampler,
  GPUShaderModule,
  GPUShaderStage,
  GPUSupportedFeatures,
  GPUSupportedLimits,
  GPUTexture,
  GPUTextureUsage,
  GPUTextureView,
  GPUUncapturedErrorEvent,
  GPUValidationError,
  WGSLLanguageFeatures,
} as const;
