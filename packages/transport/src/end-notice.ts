type EndHandler = (error: Error | null) => void;

/**
 * Tells of the end of a bus or channel exactly once, also whoever asks only afterwards: one that comes by a promise may
 * have ended by the time its owner can set a handler.
 */
export class EndNotice {
  readonly #defer: (callback: () => void) => void;
  #handler: EndHandler | null = null;
  /** The end that nobody has been told of yet. */
  #untold: { readonly error: Error | null } | null = null;

  /** @param defer - Runs a callback at the end of the turn. */
  constructor(defer: (callback: () => void) => void) {
    this.#defer = defer;
  }

  get handler(): EndHandler | null {
    return this.#handler;
  }

  set handler(handler: EndHandler | null) {
    this.#handler = handler;
    if (handler === null || this.#untold === null) return;
    const { error } = this.#untold;
    this.#untold = null;
    this.#defer(() => handler(error));
  }

  /** It has ended. Called once. */
  tell(error: Error | null): void {
    if (this.#handler === null) this.#untold = { error };
    else this.#handler(error);
  }
}
