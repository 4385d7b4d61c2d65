import { type CONSTRUCT, defineInterface, guardConstructor } from './interfaces.ts';

/** Limits of the standard: default value and class. An alignment is better when it is lower. */
const LIMITS = {
  maxTextureDimension1D: 8192,
  maxTextureDimension2D: 8192,
  maxTextureDimension3D: 2048,
  maxTextureArrayLayers: 256,
  maxBindGroups: 4,
  maxBindGroupsPlusVertexBuffers: 24,
  maxImmediateSize: 64,
  maxBindingsPerBindGroup: 1000,
  maxDynamicUniformBuffersPerPipelineLayout: 8,
  maxDynamicStorageBuffersPerPipelineLayout: 4,
  maxSampledTexturesPerShaderStage: 16,
  maxSamplersPerShaderStage: 16,
  maxStorageBuffersPerShaderStage: 8,
  maxStorageBuffersInVertexStage: 8,
  maxStorageBuffersInFragmentStage: 8,
  maxStorageTexturesPerShaderStage: 4,
  maxStorageTexturesInVertexStage: 4,
  maxStorageTexturesInFragmentStage: 4,
  maxUniformBuffersPerShaderStage: 12,
  maxUniformBufferBindingSize: 65_536,
  maxStorageBufferBindingSize: 134_217_728,
  minUniformBufferOffsetAlignment: 256,
  minStorageBufferOffsetAlignment: 256,
  maxVertexBuffers: 8,
  maxBufferSize: 268_435_456,
  maxVertexAttributes: 16,
  maxVertexBufferArrayStride: 2048,
  maxInterStageShaderVariables: 16,
  maxColorAttachments: 8,
  maxColorAttachmentBytesPerSample: 32,
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupSizeY: 256,
  maxComputeWorkgroupSizeZ: 64,
  maxComputeWorkgroupsPerDimension: 65_535,
} as const;

/** Defaults of an adapter in compatibility mode, where they differ. */
const COMPATIBILITY_LIMITS: Partial<Record<LimitName, number>> = {
  maxTextureDimension1D: 4096,
  maxTextureDimension2D: 4096,
  maxStorageBuffersInVertexStage: 0,
  maxStorageBuffersInFragmentStage: 4,
  maxStorageTexturesInVertexStage: 0,
  maxUniformBufferBindingSize: 16_384,
  maxInterStageShaderVariables: 15,
  maxColorAttachments: 4,
  maxComputeInvocationsPerWorkgroup: 128,
  maxComputeWorkgroupSizeX: 128,
  maxComputeWorkgroupSizeY: 128,
};

export type LimitName = keyof typeof LIMITS;
export type Limits = Record<LimitName, number>;

/** The names of all limits, in the standard's order. */
export const limitNames = Object.keys(LIMITS) as readonly LimitName[];

const alignments = new Set<string>(['minUniformBufferOffsetAlignment', 'minStorageBufferOffsetAlignment']);

/** The default limits of a device: with or without `core-features-and-limits`. */
export function defaultLimits(core: boolean): Limits {
  return core ? { ...LIMITS } : { ...LIMITS, ...COMPATIBILITY_LIMITS };
}

/** True when `a` allows more than `b`. */
function better(name: string, a: number, b: number): boolean {
  return alignments.has(name) ? a < b : a > b;
}

/**
 * The limits of a device: the defaults, or what was asked for where that is better.
 * @returns a message instead when the adapter cannot grant what was asked for.
 */
export function deviceLimits(
  adapter: Limits,
  asked: readonly (readonly [string, number | undefined])[],
  core: boolean,
): Limits | string {
  const limits = defaultLimits(core);
  for (const [name, value] of asked) {
    if (value === undefined) continue;
    if (!Object.hasOwn(LIMITS, name)) return `${JSON.stringify(name)} is not the name of a limit`;
    const key = name as LimitName;
    if (better(key, value, adapter[key])) {
      return `required limit ${key} = ${value} is better than the adapter's ${adapter[key]}`;
    }
    if (alignments.has(key) && (value >= 2 ** 32 || value === 0 || (value & (value - 1)) !== 0)) {
      return `required limit ${key} = ${value} is not a power of 2 below 2^32`;
    }
    if (better(key, value, limits[key])) limits[key] = value;
  }
  normalizeStageLimits(limits, 'Buffers', core);
  normalizeStageLimits(limits, 'Textures', core);
  return limits;
}

/** "A new device" of the standard: the limit for all stages and those for one stage agree. */
function normalizeStageLimits(limits: Limits, kind: 'Buffers' | 'Textures', core: boolean): void {
  const all = `maxStorage${kind}PerShaderStage` as const;
  const vertex = `maxStorage${kind}InVertexStage` as const;
  const fragment = `maxStorage${kind}InFragmentStage` as const;
  limits[all] = Math.max(limits[all], limits[vertex], limits[fragment]);
  if (core) {
    limits[vertex] = limits[all];
    limits[fragment] = limits[all];
  }
}

/** GPUSupportedLimits: the limits of an adapter or a device. */
export class GPUSupportedLimits {
  readonly #limits: Readonly<Limits>;
  constructor(key: typeof CONSTRUCT, limits: Readonly<Limits>) {
    guardConstructor(key, 'GPUSupportedLimits');
    this.#limits = limits;
  }
  static {
    for (const name of limitNames) {
      Object.defineProperty(GPUSupportedLimits.prototype, name, {
        get(this: GPUSupportedLimits) {
          return this.#limits[name];
        },
        configurable: true,
        enumerable: true,
      });
    }
  }
}
defineInterface(GPUSupportedLimits, 'GPUSupportedLimits');
