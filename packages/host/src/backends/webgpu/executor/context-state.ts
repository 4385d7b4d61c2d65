import { ProtocolError } from '@dxgwire/protocol';
import { BoundMemory } from './bound-memory.ts';
import { captured, ErrorScopes } from './error-scopes.ts';
import { InvalidObjects } from './invalid-objects.ts';
import type { MappedRange } from './mapped-range.ts';
import { type ObjectKind, type ObjectKinds, ObjectTable } from './object-table.ts';
import type { ReturnsWriter } from './returns-writer.ts';
import type { SubmissionData } from './submission-data.ts';

/** Anything that pass records go to. */
export type PassEncoder = GPURenderPassEncoder | GPUComputePassEncoder | GPURenderBundleEncoder;

/** Counts what a submission still waits for: the device, and the maps that it asked for. */
export class Ticket {
  pending = 1;
  private readonly onSettled: () => void;

  constructor(onSettled: () => void) {
    this.onSettled = onSettled;
  }

  settle(): void {
    this.pending -= 1;
    if (this.pending === 0) this.onSettled();
  }
}

/** What guests call an object of another device. No object ever has that id. */
export const FOREIGN_ID = 0xffff_fffe;

/** State of one GPUDevice as its stream is executed. */
export class ContextState {
  readonly device: GPUDevice;
  readonly queue: GPUQueue;
  readonly objects = new ObjectTable();
  readonly invalid: InvalidObjects;
  /** What stands for objects of other devices: using one is the error, as if it were named. */
  private readonly foreign: InvalidObjects;
  readonly scopes: ErrorScopes;
  readonly returns: ReturnsWriter;
  /** Ranges that are mapped, by the ids of their buffers. */
  readonly mappings = new Map<number, MappedRange>();
  /** Data of the submission that is being executed. */
  data: SubmissionData;
  encoder: GPUCommandEncoder | null = null;
  /** What the pass records of each kind go to; all are the same object or null. */
  computePass: GPUComputePassEncoder | null = null;
  renderPass: GPURenderPassEncoder | null = null;
  bundle: GPURenderBundleEncoder | null = null;
  /** True since work was given to the queue that nobody has waited for yet. */
  hasNewWork = false;
  /** Of the submission that is being executed. */
  ticket = new Ticket(() => {});
  /** The memory of buffers and textures, by allocation. */
  readonly memory = new BoundMemory();
  /** Objects that were dropped since the last garbage collection on their account. */
  droppedObjects = 0;
  private isLost = false;
  private lossExpected = false;

  constructor(device: GPUDevice, returns: ReturnsWriter, data: SubmissionData) {
    this.device = device;
    this.queue = device.queue;
    this.invalid = new InvalidObjects(device, 'invalid');
    this.foreign = new InvalidObjects(device, 'of another device');
    this.scopes = new ErrorScopes(device, returns);
    this.returns = returns;
    this.data = data;
    device.addEventListener('uncapturederror', (event) => {
      const { type, message } = captured(event.error);
      returns.uncapturedError(type, message);
    });
    void device.lost.then(({ reason, message }) => {
      returns.deviceLost(reason, message);
      if (this.lossExpected) returns.settle();
      this.lossExpected = false;
      this.isLost = true;
    });
  }

  /** The device is being destroyed: that it is lost will be said soon. */
  expectLoss(): void {
    if (this.isLost || this.lossExpected) return;
    this.lossExpected = true;
    this.returns.expect();
  }

  /** The object of that id; an invalid one and a validation error when there is none. */
  need<K extends ObjectKind>(kind: K, id: number): ObjectKinds[K] {
    const object = this.objects.get(id, kind);
    if (object !== undefined) return object;
    if (id === FOREIGN_ID) return this.foreign.get(kind);
    this.fail(`there is no ${kind} of id ${id}`);
    return this.invalid.get(kind);
  }

  /** As {@link need}; undefined for id 0. */
  optional<K extends ObjectKind>(kind: K, id: number): ObjectKinds[K] | undefined {
    return id === 0 ? undefined : this.need(kind, id);
  }

  /** Makes the object of an id. What Dawn throws becomes a validation error and an invalid object. */
  define<K extends ObjectKind>(kind: K, id: number, make: () => ObjectKinds[K]): void {
    if (id === 0) throw new ProtocolError('bad-stream', `a ${kind} cannot have the id 0`);
    let object: ObjectKinds[K];
    try {
      object = make();
    } catch (error) {
      this.fail(messageOf(error));
      object = this.invalid.get(kind);
    }
    this.objects.set(id, kind, object);
  }

  /** Drops an id. The object lives on as long as others need it, and until it is collected. */
  release(id: number): void {
    this.mappings.delete(id);
    if (this.objects.delete(id) !== undefined) this.droppedObjects += 1;
  }

  /** Frees the memory of a buffer, texture or query set. */
  destroy(id: number, kind: 'buffer' | 'texture' | 'querySet'): void {
    this.mappings.delete(id);
    const entry = this.objects.find(id);
    if (entry?.kind !== kind) return;
    const object = entry.object as GPUBuffer | GPUTexture | GPUQuerySet;
    object.destroy();
    if (kind !== 'querySet') this.memory.wasDestroyed(object as GPUBuffer | GPUTexture);
  }

  /** Raises a validation error. */
  fail(message: string): void {
    this.scopes.inject({ type: 'validation', message });
  }

  /** The pass that is open, of whatever kind. */
  pass(): PassEncoder {
    const pass = this.renderPass ?? this.computePass ?? this.bundle;
    if (pass === null) throw new Error('no pass is open');
    return pass;
  }

  /** A render pass or bundle. */
  drawing(): GPURenderPassEncoder | GPURenderBundleEncoder {
    const pass = this.renderPass ?? this.bundle;
    if (pass === null) throw new Error('no render pass or bundle is open');
    return pass;
  }

  setPass(pass: Partial<Pick<ContextState, 'computePass' | 'renderPass' | 'bundle'>>): void {
    this.computePass = pass.computePass ?? null;
    this.renderPass = pass.renderPass ?? null;
    this.bundle = pass.bundle ?? null;
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
