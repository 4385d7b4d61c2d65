import { ops, streamEnums } from '@dxgwire/protocol/stream';
import type { DeviceCore } from './device-core.ts';
import { CONSTRUCT, defineInterface, guardConstructor } from './interfaces.ts';
import { includeObjectBase, ObjectState, objectId } from './object-state.ts';
import { dictionary, enumeration, labelMember, required, u32 } from './webidl.ts';

class QuerySetState extends ObjectState {
  type: GPUQueryType = 'occlusion';
  count = 0;
}

let stateOf!: (querySet: GPUQuerySet) => QuerySetState;
let isQuerySet!: (value: object) => value is GPUQuerySet;

/** GPUQuerySet */
export class GPUQuerySet {
  readonly #state: QuerySetState;
  constructor(key: typeof CONSTRUCT, state: QuerySetState) {
    guardConstructor(key, 'GPUQuerySet');
    this.#state = state;
  }
  destroy(): undefined {
    const { core, id } = this.#state;
    ops.destroyQuerySet(core.writer, id);
    core.outbox.changed();
  }
  get type(): GPUQueryType {
    return this.#state.type;
  }
  get count(): number {
    return this.#state.count;
  }
  static {
    stateOf = (querySet) => querySet.#state;
    isQuerySet = (value): value is GPUQuerySet => #state in value;
  }
}
defineInterface(GPUQuerySet, 'GPUQuerySet');
includeObjectBase(GPUQuerySet, stateOf);

export const querySetId = objectId('GPUQuerySet', isQuerySet, stateOf);

const querySetDescriptor = dictionary(
  'GPUQuerySetDescriptor',
  { type: required(enumeration('GPUQueryType', streamEnums.queryType)), count: required(u32) },
  labelMember,
);

/**
 * GPUDevice.createQuerySet()
 * @throws TypeError for timestamps on a device without `timestamp-query`.
 */
export function createQuerySet(core: DeviceCore, device: object, descriptor: unknown): GPUQuerySet {
  const { type, count, label } = querySetDescriptor(descriptor, 'GPUQuerySetDescriptor', core);
  if (type === 'timestamp' && !core.features.has('timestamp-query')) {
    throw new TypeError('timestamp queries require the feature timestamp-query, which the device lacks');
  }
  const state = new QuerySetState(core, device, core.newId(), label);
  state.type = type;
  state.count = count;
  ops.createQuerySet(core.writer, state.id, type, count, label);
  core.outbox.changed();
  const querySet = new GPUQuerySet(CONSTRUCT, state);
  core.track(querySet, state.id);
  return querySet;
}
