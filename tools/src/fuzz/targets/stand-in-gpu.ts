/**
 * A WebGPU implementation that does nothing: every call is taken, numbers that WebIDL would refuse are refused, and
 * buffers have bytes. With it the executor of command streams runs in this process, where its coverage can be seen.
 */

/** Buffers have real bytes up to this size; a longer range is refused as if memory were short. */
const MAX_BUFFER_BYTES = 1 << 20;

class StandInError {
  readonly message: string;
  constructor(message = '') {
    this.message = message;
  }
}

/** What the executor tells errors apart by, where nothing else has brought them. */
function defineErrors(): void {
  const names = ['GPUValidationError', 'GPUOutOfMemoryError', 'GPUInternalError', 'GPUPipelineError'];
  const scope = globalThis as Record<string, unknown>;
  for (const name of names) scope[name] ??= class extends StandInError {};
}

/** As WebIDL's EnforceRange does. */
function checkNumbers(values: readonly unknown[], depth = 0): void {
  for (const value of values) {
    if (typeof value === 'number' && (Number.isNaN(value) || Math.abs(value) > 2 ** 53))
      throw new TypeError(`${value} is out of range`);
    if (depth < 4 && typeof value === 'object' && value !== null && !ArrayBuffer.isView(value))
      checkNumbers(Array.isArray(value) ? value : Object.values(value), depth + 1);
  }
}

type Members = Record<string, unknown>;

/** An object with these members; any other is a method, which gives an object where its name says that it makes one. */
function standIn(members: Members): Members {
  const made = new Map<string, unknown>();
  return new Proxy(members, {
    get(target, key) {
      if (key in target) return Reflect.get(target, key);
      if (typeof key === 'symbol' || key === 'then') return undefined;
      const known = made.get(key);
      if (known !== undefined) return known;
      const makes = /^(create|begin|get|finish)/.test(key);
      const method = (...values: unknown[]): unknown => {
        checkNumbers(values);
        const result = makes ? standIn({ label: '' }) : undefined;
        return key.endsWith('Async') ? Promise.resolve(result) : result;
      };
      made.set(key, method);
      return method;
    },
  });
}

function buffer(descriptor: GPUBufferDescriptor): Members {
  checkNumbers([descriptor]);
  const bytes = new ArrayBuffer(Math.min(descriptor.size, MAX_BUFFER_BYTES));
  let isMapped = descriptor.mappedAtCreation === true;
  return standIn({
    bytes,
    label: descriptor.label,
    size: descriptor.size,
    usage: descriptor.usage,
    mapAsync: async (_mode: number, offset = 0, size = descriptor.size - offset) => {
      if (isMapped || offset + size > bytes.byteLength) throw new DOMException('not so', 'OperationError');
      isMapped = true;
    },
    getMappedRange: (offset = 0, size = Math.max(0, bytes.byteLength - offset)) => {
      if (!isMapped || offset + size > bytes.byteLength) throw new DOMException('not so', 'OperationError');
      return bytes.slice(offset, offset + size);
    },
    unmap: () => {
      isMapped = false;
    },
  });
}

function copy(from: Members, to: Members, at: readonly [number, number, number]): void {
  const source = new Uint8Array(from['bytes'] as ArrayBuffer);
  const target = new Uint8Array(to['bytes'] as ArrayBuffer);
  target.set(source.subarray(at[0], at[0] + Math.max(0, Math.min(at[2], target.length - at[1]))), at[1]);
}

function encoder(): Members {
  return standIn({
    copyBufferToBuffer: (from: Members, at: number, to: Members, toAt: number, size: number) => {
      if (at >= 0 && toAt >= 0 && toAt < (to['bytes'] as ArrayBuffer).byteLength)
        copy(from, to, [at, toAt, size]);
    },
  });
}

function queue(): Members {
  return standIn({
    label: '',
    onSubmittedWorkDone: async () => undefined,
    writeBuffer: (to: Members, offset: number, data: Uint8Array) => {
      const bytes = new Uint8Array(to['bytes'] as ArrayBuffer);
      const words = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      if (offset + words.length <= bytes.length) bytes.set(words, offset);
    },
  });
}

function device(features: Iterable<string>): Members {
  let lose: (value: object) => void = () => {};
  const lost = new Promise<object>((resolve) => {
    lose = resolve;
  });
  return standIn({
    features: new Set(features),
    limits,
    lost,
    queue: queue(),
    addEventListener: () => {},
    createBuffer: buffer,
    createCommandEncoder: encoder,
    createTexture: (descriptor: GPUTextureDescriptor) => {
      checkNumbers([descriptor]);
      return standIn({ ...descriptor, mipLevelCount: descriptor.mipLevelCount ?? 1 });
    },
    createShaderModule: () => standIn({ getCompilationInfo: async () => ({ messages: [] }) }),
    destroy: () => lose({ reason: 'destroyed', message: '' }),
    popErrorScope: async () => null,
  });
}

const limits = { maxBufferSize: 2 ** 28, maxTextureDimension2D: 8192, maxBindGroups: 4 };

/** Names of features that streams ask for. */
const features = ['core-features-and-limits', 'timestamp-query'];

const info = {
  vendor: 'none',
  architecture: '',
  device: '',
  description: 'stand-in',
  isFallbackAdapter: true,
};

export function createStandInGpu(): GPU {
  defineErrors();
  const adapter = {
    features: new Set(features),
    limits,
    info,
    requestDevice: async (descriptor?: GPUDeviceDescriptor) => device(descriptor?.requiredFeatures ?? []),
  };
  const gpu = {
    wgslLanguageFeatures: new Set<string>(),
    getPreferredCanvasFormat: () => 'bgra8unorm',
    requestAdapter: async () => adapter,
  };
  return gpu as unknown as GPU;
}
