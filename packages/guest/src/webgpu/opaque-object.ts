import type { DeviceCore } from './device-core.ts';
import { CONSTRUCT, defineInterface, guardConstructor } from './interfaces.ts';
import { includeObjectBase, ObjectState, objectId } from './object-state.ts';
import type { Converter } from './webidl.ts';

/** An interface without members of its own beside `label`, and what this library needs of it. */
export interface OpaqueInterface {
  /** The interface object for programs. */
  readonly type: { readonly prototype: object; new (key: typeof CONSTRUCT, state: ObjectState): object };
  /** Makes an object with a new id; the id is given back when the program drops the object. */
  make(core: DeviceCore, device: object, label: string, id?: number): object;
  is(value: object): boolean;
  /** Converts a value of this interface type to the object's id. */
  readonly id: Converter<number>;
}

/** Defines an interface that is only a name for something in the backend. */
export function defineOpaqueObject(name: string): OpaqueInterface {
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
    id: objectId(name, is, stateOf),
    make(core, device, label, id = core.newId()) {
      const object = new type(CONSTRUCT, new ObjectState(core, device, id, label));
      core.track(object, id);
      return object;
    },
  };
}
