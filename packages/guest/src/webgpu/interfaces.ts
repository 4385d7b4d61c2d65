/**
 * What makes a class an interface in WebIDL's sense: no constructor for programs, enumerable members, a
 * `Symbol.toStringTag`, members from mixins on its own prototype. Prototypes stay patchable.
 */

/** Only this library holds it: the constructors of interfaces that programs cannot construct ask for it. */
export const CONSTRUCT: unique symbol = Symbol('construct');

/** Throws unless the caller is this library. */
export function guardConstructor(key: unknown, name: string): void {
  if (key !== CONSTRUCT) throw new TypeError(`Failed to construct '${name}': Illegal constructor`);
}

// biome-ignore lint/complexity/noBannedTypes: any class, also one whose constructor is private to this library
type AnyClass = Function & { readonly prototype: object };

/**
 * Makes a class look as WebIDL defines an interface object, also in a minified bundle. Call it once, behind the
 * class. `constructorLength` is the number of arguments that its constructor requires of programs.
 */
export function defineInterface(type: AnyClass, name: string, constructorLength = 0): void {
  Object.defineProperty(type, 'name', { value: name, configurable: true });
  Object.defineProperty(type, 'length', { value: constructorLength, configurable: true });
  for (const key of Object.getOwnPropertyNames(type.prototype)) {
    if (key === 'constructor') continue;
    const property = Object.getOwnPropertyDescriptor(type.prototype, key)!;
    Object.defineProperty(type.prototype, key, { ...property, enumerable: true });
  }
  Object.defineProperty(type.prototype, Symbol.toStringTag, { value: name, configurable: true });
}

/** Puts the methods and accessors of a mixin on an interface's prototype, enumerable as WebIDL's are. */
export function includeMixin(type: AnyClass, mixin: object): void {
  for (const [key, property] of Object.entries(Object.getOwnPropertyDescriptors(mixin))) {
    Object.defineProperty(type.prototype, key, { ...property, enumerable: true });
  }
}

/** A WebIDL namespace object with integer constants. */
export function defineNamespace<const C extends Readonly<Record<string, number>>>(
  name: string,
  constants: C,
): C {
  const namespace = {};
  for (const [key, value] of Object.entries(constants)) {
    Object.defineProperty(namespace, key, { value, enumerable: true });
  }
  Object.defineProperty(namespace, Symbol.toStringTag, { value: name, configurable: true });
  return namespace as C;
}
