import { type CONSTRUCT, defineInterface, guardConstructor, includeMixin } from './interfaces.ts';
import { domString, fail } from './webidl.ts';

/**
 * What is enabled with a feature. The sliced-3d features are none of these: the formats themselves must be asked for
 * by their own features.
 */
const impliedFeatures: Readonly<Record<string, readonly string[]>> = {
  'texture-formats-tier2': ['texture-formats-tier1', 'rg11b10ufloat-renderable'],
  'texture-formats-tier1': ['rg11b10ufloat-renderable'],
  'subgroup-size-control': ['subgroups'],
};

/** The features of a device: those asked for, those they imply, and the core ones unless its adapter is of compatibility level. */
export function deviceFeatures(
  adapter: ReadonlySet<string>,
  asked: readonly string[],
  isCompatibility: boolean,
): Set<string> {
  const features = new Set<string>();
  if (!isCompatibility && adapter.has('core-features-and-limits')) features.add('core-features-and-limits');
  for (const feature of asked) {
    features.add(feature);
    for (const implied of impliedFeatures[feature] ?? []) features.add(implied);
  }
  return features;
}

/** The members of `readonly setlike<DOMString>`, for one interface's own prototype. */
function setlike<T extends object>(itemsOf: (set: T) => ReadonlySet<string>): object {
  const members = {
    get size(): number {
      return itemsOf(this as unknown as T).size;
    },
    has(value: unknown): boolean {
      return itemsOf(this as unknown as T).has(domString(value));
    },
    entries(): IterableIterator<[string, string]> {
      return itemsOf(this as unknown as T).entries();
    },
    keys(): IterableIterator<string> {
      return itemsOf(this as unknown as T).keys();
    },
    values(): IterableIterator<string> {
      return itemsOf(this as unknown as T).values();
    },
    forEach(callback: (value: string, key: string, set: unknown) => void, thisArgument?: unknown): void {
      const items = itemsOf(this as unknown as T);
      if (typeof callback !== 'function') fail('forEach', 'the callback is not a function');
      for (const item of items) callback.call(thisArgument, item, item, this);
    },
  };
  return members;
}

/** Includes {@link setlike} in an interface: `keys` and the iterator are `values`, as WebIDL says. */
function defineSetlike<T extends object>(
  type: { readonly prototype: T } & (abstract new (...args: never[]) => T),
  name: string,
  itemsOf: (set: T) => ReadonlySet<string>,
): void {
  defineInterface(type, name);
  includeMixin(type, setlike(itemsOf));
  const { values } = type.prototype as unknown as ReadonlySet<string>;
  Object.defineProperty(type.prototype, Symbol.iterator, {
    value: values,
    writable: true,
    configurable: true,
  });
}

/** GPUSupportedFeatures: a read-only set of feature names. */
export class GPUSupportedFeatures {
  readonly #items: ReadonlySet<string>;
  constructor(key: typeof CONSTRUCT, items: ReadonlySet<string>) {
    guardConstructor(key, 'GPUSupportedFeatures');
    this.#items = items;
  }
  static {
    defineSetlike(GPUSupportedFeatures, 'GPUSupportedFeatures', (set: GPUSupportedFeatures) => set.#items);
  }
}

/** WGSLLanguageFeatures: a read-only set of names of WGSL language extensions. */
export class WGSLLanguageFeatures {
  readonly #items: ReadonlySet<string>;
  constructor(key: typeof CONSTRUCT, items: ReadonlySet<string>) {
    guardConstructor(key, 'WGSLLanguageFeatures');
    this.#items = items;
  }
  static {
    defineSetlike(WGSLLanguageFeatures, 'WGSLLanguageFeatures', (set: WGSLLanguageFeatures) => set.#items);
  }
}

/** What GPUAdapterInfo shows. */
export interface AdapterInfoValues {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  readonly subgroupMinSize: number;
  readonly subgroupMaxSize: number;
  readonly isFallbackAdapter: boolean;
}

/** GPUAdapterInfo: what the adapter is. */
export class GPUAdapterInfo {
  readonly #values: AdapterInfoValues;
  constructor(key: typeof CONSTRUCT, values: AdapterInfoValues) {
    guardConstructor(key, 'GPUAdapterInfo');
    this.#values = values;
  }
  get vendor(): string {
    return this.#values.vendor;
  }
  get architecture(): string {
    return this.#values.architecture;
  }
  get device(): string {
    return this.#values.device;
  }
  get description(): string {
    return this.#values.description;
  }
  get subgroupMinSize(): number {
    return this.#values.subgroupMinSize;
  }
  get subgroupMaxSize(): number {
    return this.#values.subgroupMaxSize;
  }
  get isFallbackAdapter(): boolean {
    return this.#values.isFallbackAdapter;
  }
}
defineInterface(GPUAdapterInfo, 'GPUAdapterInfo');
