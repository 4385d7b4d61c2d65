import type { DeviceCore, Releasable } from './device-core.ts';
import { CONSTRUCT, defineInterface, guardConstructor } from './interfaces.ts';
import { includeObjectBase, ObjectState } from './object-state.ts';
import { describe, fail } from './webidl.ts';

/** What a command buffer has behind its interface. */
export class CommandBufferState extends ObjectState implements Releasable {
  /** After a submit, the backend knows its id no more. */
  submitted = false;
  /** The encoder's label when it was finished. */
  private readonly encoderLabel: string;

  constructor(core: DeviceCore, device: object, id: number, label: string, encoderLabel: string) {
    super(core, device, id, label);
    this.encoderLabel = encoderLabel;
  }

  /** As Dawn names it in messages. */
  get description(): string {
    const own = this.label === '' ? '' : ` "${this.label}"`;
    const from = this.encoderLabel === '' ? '' : ` from CommandEncoder "${this.encoderLabel}"`;
    return `[CommandBuffer${own}${from}]`;
  }

  released(): void {
    if (!this.submitted) this.core.release(this.id, null);
  }

  override labelChanged(): void {
    if (!this.submitted) super.labelChanged();
  }
}

let stateOf!: (commandBuffer: GPUCommandBuffer) => CommandBufferState;
let is!: (value: object) => value is GPUCommandBuffer;

/** GPUCommandBuffer */
export class GPUCommandBuffer {
  readonly #state: CommandBufferState;
  constructor(key: typeof CONSTRUCT, state: CommandBufferState) {
    guardConstructor(key, 'GPUCommandBuffer');
    this.#state = state;
  }
  static {
    stateOf = (commandBuffer) => commandBuffer.#state;
    is = (value): value is GPUCommandBuffer => #state in value;
  }
}
defineInterface(GPUCommandBuffer, 'GPUCommandBuffer');
includeObjectBase(GPUCommandBuffer, stateOf);

/** The state behind a value that must be a GPUCommandBuffer. */
export function commandBufferState(value: unknown, what: string): CommandBufferState {
  if (typeof value !== 'object' || value === null || !is(value)) {
    fail(what, `${describe(value)} is not a GPUCommandBuffer`);
  }
  return stateOf(value);
}

/** What GPUCommandEncoder.finish() returns. */
export function makeCommandBuffer(
  core: DeviceCore,
  device: object,
  id: number,
  label: string,
  encoderLabel: string,
  kept: object[],
): GPUCommandBuffer {
  const state = new CommandBufferState(core, device, id, label, encoderLabel);
  state.kept = kept;
  const commandBuffer = new GPUCommandBuffer(CONSTRUCT, state);
  core.track(commandBuffer, state);
  return commandBuffer;
}
