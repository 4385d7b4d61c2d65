/** The methods of EventTarget. */
const METHODS = ['addEventListener', 'removeEventListener', 'dispatchEvent'] as const;

/**
 * Has a prototype give EventTarget's methods as they are at the time, also when a program has put its own in their place and
 * then back what it found there: it sets them where it found none, and what is done to EventTarget later would not
 * reach its heirs any more. Dawn has own methods there for the same.
 */
export function followEventTarget(prototype: EventTarget): void {
  for (const name of METHODS) {
    let own: unknown;
    Object.defineProperty(prototype, name, {
      configurable: true,
      enumerable: true,
      get: () => own ?? EventTarget.prototype[name],
      set(this: object, value: unknown) {
        if (this === prototype) own = value === EventTarget.prototype[name] ? undefined : value;
        else
          Object.defineProperty(this, name, { value, configurable: true, enumerable: true, writable: true });
      },
    });
  }
}
