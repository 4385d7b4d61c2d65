import { ops } from '@dxgwire/protocol/stream';
import { bufferState } from './buffer.ts';
import { bytesOf, contentsOf } from './buffer-source.ts';
import { INLINE_DATA_BYTES } from './buffer-state.ts';
import { type CommandBufferState, commandBufferState } from './command-buffer.ts';
import { texelCopyBufferLayout, texelCopyTextureInfo } from './command-descriptors.ts';
import type { DeviceCore } from './device-core.ts';
import { externalImageDestination, externalImageSource } from './external-image.ts';
import { extent3D } from './geometry.ts';
import { CONSTRUCT, defineInterface, guardConstructor } from './interfaces.ts';
import { FOREIGN_ID, includeObjectBase, ObjectState } from './object-state.ts';
import { writeImage, writeLargeBuffer, writeTexture } from './queue-writes.ts';
import { forEachItem, optionalU64, u64 } from './webidl.ts';

class QueueState extends ObjectState {
  /** The queue as Dawn's messages name it. */
  get description(): string {
    return this.label === '' ? '[Queue]' : `[Queue "${this.label}"]`;
  }

  override labelChanged(): void {
    ops.setQueueLabel(this.core.writer, this.label);
    this.core.outbox.changed();
  }
}

let stateOf!: (queue: GPUQueue) => QueueState;

/** GPUQueue */
export class GPUQueue {
  readonly #state: QueueState;
  constructor(key: typeof CONSTRUCT, state: QueueState) {
    guardConstructor(key, 'GPUQueue');
    this.#state = state;
  }
  submit(commandBuffers: Iterable<object>): undefined {
    const states: CommandBufferState[] = [];
    forEachItem(commandBuffers, 'commandBuffers', (item) => {
      states.push(commandBufferState(item, 'commandBuffers'));
    });
    submit(this.#state, states);
  }
  onSubmittedWorkDone(): Promise<undefined> {
    try {
      return workDone(this.#state.core);
    } catch (error) {
      return Promise.reject(error);
    }
  }
  writeBuffer(
    buffer: object,
    bufferOffset: number,
    data: BufferSource | SharedArrayBuffer,
    dataOffset = 0,
    size?: number,
  ): undefined {
    const { core, description } = this.#state;
    const target = bufferState(buffer, 'buffer');
    const offset = u64(bufferOffset, 'bufferOffset');
    const from = u64(dataOffset, 'dataOffset');
    const contents = contentsOf(data, 'data', from, optionalU64(size, 'size'));
    if (contents.length > INLINE_DATA_BYTES) {
      writeLargeBuffer(core, description, target, offset, contents);
      return;
    }
    ops.writeBuffer(core.writer, target.core === core ? target.id : FOREIGN_ID, offset, contents);
    core.outbox.changed();
  }
  writeTexture(
    destination: unknown,
    data: BufferSource | SharedArrayBuffer,
    dataLayout: unknown,
    size: unknown,
  ): undefined {
    const { core } = this.#state;
    const to = texelCopyTextureInfo(destination, 'destination', core);
    const bytes = bytesOf(data, 'data');
    const layout = texelCopyBufferLayout(dataLayout, 'dataLayout', core);
    const extent = extent3D(size, 'size');
    writeTexture(core, to, bytes, layout, extent);
  }
  copyExternalImageToTexture(source: unknown, destination: unknown, copySize: unknown): undefined {
    const { core, description } = this.#state;
    const { source: image, origin, flipY } = externalImageSource(source, 'source', core);
    const to = externalImageDestination(destination, 'destination', core);
    const size = extent3D(copySize, 'copySize');
    writeImage(core, description, { image, origin, flipY, destination: to, size });
  }
  static {
    stateOf = (queue) => queue.#state;
  }
}
defineInterface(GPUQueue, 'GPUQueue');
includeObjectBase(GPUQueue, stateOf);

/** The queue of a device. */
export function makeQueue(core: DeviceCore, device: object, label: string): GPUQueue {
  return new GPUQueue(CONSTRUCT, new QueueState(core, device, 0, label));
}

function submit({ core, description }: QueueState, states: readonly CommandBufferState[]): void {
  const problem = submissionProblem(states);
  if (problem === null) {
    ops.queueSubmit(
      core.writer,
      states.map((state) => (state.core === core ? state.id : FOREIGN_ID)),
    );
  } else {
    const names = states.map((state) => state.description).join(', ');
    core.injectError('validation', `${problem}\n - While calling ${description}.Submit([${names}])\n`);
  }
  for (const state of states) {
    if (state.submitted || state.core !== core) continue;
    state.submitted = true;
    state.kept = null;
    if (problem === null) core.reuseId(state.id);
    else core.release(state.id, null);
  }
  core.outbox.workAdded();
}

/** Why command buffers cannot be submitted, as far as only we know it. */
function submissionProblem(states: readonly CommandBufferState[]): string | null {
  const again = states.find((state) => state.submitted);
  if (again !== undefined) return `${again.description} cannot be submitted more than once.`;
  const twice = states.find((state, index) => states.indexOf(state) !== index);
  return twice === undefined ? null : `Submit contains duplicates of ${twice.description}.`;
}

function workDone(core: DeviceCore): Promise<undefined> {
  return core.ask<undefined, 'work'>(
    'work',
    (requestId) => ops.onSubmittedWorkDone(core.writer, requestId),
    (resolve) => ({ done: () => resolve(undefined), lost: () => resolve(undefined) }),
  );
}
