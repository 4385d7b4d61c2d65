import { ops } from '@dxgwire/protocol/stream';
import { BufferState } from './buffer-state.ts';
import { GPUBufferUsage } from './constants.ts';
import type { DeviceCore } from './device-core.ts';
import { CONSTRUCT, defineInterface, guardConstructor } from './interfaces.ts';
import { NO_MEMORY } from './kernel.ts';
import { includeObjectBase, objectId } from './object-state.ts';
import {
  boolean,
  dictionary,
  fail,
  labelMember,
  optionalU64,
  required,
  u32,
  u64,
  withDefault,
} from './webidl.ts';

let stateOf!: (buffer: GPUBuffer) => BufferState;
let is!: (value: object) => value is GPUBuffer;

/** GPUBuffer */
export class GPUBuffer {
  readonly #state: BufferState;
  constructor(key: typeof CONSTRUCT, state: BufferState) {
    guardConstructor(key, 'GPUBuffer');
    this.#state = state;
  }
  get size(): number {
    return this.#state.size;
  }
  get usage(): number {
    return this.#state.usage;
  }
  get mapState(): GPUBufferMapState {
    return this.#state.mapState;
  }
  mapAsync(mode: number, offset = 0, size?: number): Promise<undefined> {
    try {
      const state = this.#state;
      const modeFlags = u32(mode, 'mode');
      const start = u64(offset, 'offset');
      const length = optionalU64(size, 'size');
      return state.mapAsync(modeFlags, start, length);
    } catch (error) {
      return Promise.reject(error);
    }
  }
  getMappedRange(offset = 0, size?: number): ArrayBuffer {
    const state = this.#state;
    const start = u64(offset, 'offset');
    const length = optionalU64(size, 'size') ?? Math.max(0, state.size - start);
    return state.mappedRange(this, start, length);
  }
  unmap(): undefined {
    this.#state.unmap();
  }
  destroy(): undefined {
    this.#state.destroy();
  }
  static {
    stateOf = (buffer) => buffer.#state;
    is = (value): value is GPUBuffer => #state in value;
  }
}
defineInterface(GPUBuffer, 'GPUBuffer');
includeObjectBase(GPUBuffer, stateOf);

export const isBuffer = is;
export const bufferId = objectId('GPUBuffer', is, stateOf, true);

/** The state behind a value that must be a GPUBuffer. */
export function bufferState(value: unknown, what: string): BufferState {
  if (typeof value !== 'object' || value === null || !is(value)) fail(what, 'is not a GPUBuffer');
  return stateOf(value);
}

const bufferDescriptor = dictionary(
  'GPUBufferDescriptor',
  { size: required(u64), usage: required(u32), mappedAtCreation: withDefault(boolean, false) },
  labelMember,
);

const ALL_USAGES = 0x3ff;

/** False when the backend will refuse the descriptor anyway: then no memory is asked for. */
function isPlausible(size: number, usage: number, maxBufferSize: number): boolean {
  const { MAP_READ, MAP_WRITE, COPY_SRC, COPY_DST } = GPUBufferUsage;
  if (usage === 0 || usage > ALL_USAGES || size > maxBufferSize) return false;
  if ((usage & MAP_READ) !== 0 && (usage & ~(MAP_READ | COPY_DST)) !== 0) return false;
  return (usage & MAP_WRITE) === 0 || (usage & ~(MAP_WRITE | COPY_SRC)) === 0;
}

/**
 * GPUDevice.createBuffer()
 * @throws RangeError when it shall be mapped and its size is no multiple of 4, or too large to be mapped.
 */
export function createBuffer(core: DeviceCore, device: object, descriptor: unknown): GPUBuffer {
  const { size, usage, mappedAtCreation, label } = bufferDescriptor(descriptor, 'GPUBufferDescriptor', core);
  if (mappedAtCreation && size % 4 !== 0) {
    throw new RangeError(`createBuffer: size ${size} is no multiple of 4, which mappedAtCreation asks for`);
  }
  const state = new BufferState(core, device, core.newId(), label);
  state.size = size;
  state.usage = usage;
  if (mappedAtCreation) state.mapAtCreation();
  state.isInvalid = !isPlausible(size, usage, core.limits['maxBufferSize'] ?? 0);
  if (core.lost === null && !state.isInvalid) {
    // An empty buffer has memory too: the backend takes it as a sign that the host has agreed.
    state.memory = core.createMemory('buffer', Math.max(size, 4));
  }
  const { runtimeHandleLow, runtimeHandleHigh } = state.memory;
  ops.createBuffer(
    core.writer,
    state.id,
    runtimeHandleLow,
    runtimeHandleHigh,
    size,
    usage,
    mappedAtCreation,
    label,
  );
  core.outbox.changed();
  if ((usage & GPUBufferUsage.MAP_READ) !== 0) core.expectDownload(size);
  else if (state.memory !== NO_MEMORY) state.expectWrites();
  const buffer = new GPUBuffer(CONSTRUCT, state);
  core.track(buffer, state);
  return buffer;
}
