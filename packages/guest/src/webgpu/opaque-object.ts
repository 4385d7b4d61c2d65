import type { DeviceCore } from './device-core.ts';
import { CONSTRUCT, defineInterface, guardConstructor } from './interfaces.ts';
import { includeObjectBase, ObjectState, objectId } from './object-state.ts';
import type { Converter } from './webidl.ts';

/** An interface without members of its own beside `label`, and what this library needs of it. */
export interface OpaqueInterface {
  /** The interface object for programs. */
  readonly type: { readonly prototype: object; new (key: typeof CONSTRUCT, state: ObjectState): object };
  /**
   * Makes an object with a new id; the id is given back when the program drops the object. What is `kept` lives as long
   * as it does.
   */
  make(core: DeviceCore, device: object, label: string, id?: number, kept?: object | null): object;
  is(value: object): boolean;
  /** Converts a value of this interface type to the object's id. */
  readonly id: Converter<number>;
}

/**
 * Defines an interface that is only a name for something in the backend.
 * @param hasMemory whether something that it keeps has memory.
 */
export function defineOpaqueObject(name: string, hasMemory = false): OpaqueInterface {
  let stateOf!: (object: object) => ObjectState;
  let is!: (value: object) => value is object;
  const type = class {
    readonly #state: ObjectState;
    constructor(key: typeof CONSTRUCT, state: ObjectState) {
      guardConstructor(key, name);
      this.#state = state;
    }
    static {
      stateOf = (object) => (object as InstanceType<typeof type>).#state;
      is = (value): value is object => #state in value;
    }
  };
  defineInterface(type, name);
  includeObjectBase(type, stateOf);
  return {
    type,
    is,
    id: objectId(name, is, stateOf, hasMemory),
    make(core, device, label, id = core.newId(), kept = null) {
      const state = new ObjectState(core, device, id, label);
      state.kept = kept;
      const object = new type(CONSTRUCT, state);
      core.track(object, id);
      return object;
    },
  };
}
