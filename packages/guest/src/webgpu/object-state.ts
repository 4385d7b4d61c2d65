import { ops } from '@dxgwire/protocol/stream';
import type { DeviceCore } from './device-core.ts';
import { includeMixin } from './interfaces.ts';
import {
  type Converter,
  describe,
  fail,
  isObject,
  type Keepable,
  type ObjectScope,
  usvString,
} from './webidl.ts';

/** What every WebGPU object of a device has behind its interface: never visible to programs. */
export class ObjectState implements Keepable {
  readonly core: DeviceCore;
  /** The device's interface object: as long as one of its objects is in use, the device is. */
  readonly device: object;
  /** Its name in the command stream. */
  readonly id: number;
  label: string;
  keptBy = 0;
  /**
   * Interface objects that must live as long as this one does: the buffers of a bind group, for instance. The memory of
   * what the program has dropped is given back, and the backend's own object would be left without any.
   */
  kept: object | null = null;

  constructor(core: DeviceCore, device: object, id: number, label: string) {
    this.core = core;
    this.device = device;
    this.id = id;
    this.label = label;
  }

  /** Called when the program changes the label. */
  labelChanged(): void {
    ops.setLabel(this.core.outbox.writer, this.id, this.label);
    this.core.outbox.changed();
  }
}

// biome-ignore lint/complexity/noBannedTypes: any class, also one whose constructor is private to this library
type AnyClass = Function & { readonly prototype: object };

/** Includes the mixin GPUObjectBase in an interface: its `label`. */
export function includeObjectBase<T extends object>(
  type: AnyClass,
  stateOf: (object: T) => ObjectState,
): void {
  includeMixin(type, {
    get label(): string {
      return stateOf(this as unknown as T).label;
    },
    set label(value: string) {
      const state = stateOf(this as unknown as T);
      state.label = usvString(value);
      state.labelChanged();
    },
  });
}

/** Keeps the objects that a call names, for the object that the call makes. */
export class Keeper implements ObjectScope {
  readonly core: DeviceCore;
  readonly kept: object[] = [];

  constructor(core: DeviceCore) {
    this.core = core;
  }

  keep(object: object): void {
    this.kept.push(object);
  }
}

/**
 * The conversion to an interface type that gives the object's id. An object of another device gets an id that names
 * nothing: the backend then reports the validation error that the standard asks for.
 *
 * @param hasMemory whether it has memory, or something that it keeps has.
 */
export function objectId<T extends object>(
  name: string,
  is: (value: object) => value is T,
  stateOf: (object: T) => ObjectState,
  hasMemory = false,
): Converter<number> {
  return (value, what, scope) => {
    if (!isObject(value) || !is(value)) fail(what, `${describe(value)} is not a ${name}`);
    const state = stateOf(value);
    if (state.core !== scope?.core) return FOREIGN_ID;
    if (hasMemory) scope.keep(value, state);
    return state.id;
  };
}

/** An id that no object ever has: what another device's object is called in a stream. */
export const FOREIGN_ID = 0xffff_fffe;
