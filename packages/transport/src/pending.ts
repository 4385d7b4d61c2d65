import type { TransportError } from './errors.ts';

/** Promises that wait for an answer, by number. Each settles exactly once. */
export class Pending<Value> {
  readonly #waiting = new Map<
    number,
    { readonly resolve: (value: Value) => void; readonly reject: (error: TransportError) => void }
  >();

  get size(): number {
    return this.#waiting.size;
  }

  has(id: number): boolean {
    return this.#waiting.has(id);
  }

  add(id: number): Promise<Value> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
  }

  resolve(id: number, value: Value): void {
    const entry = this.#waiting.get(id);
    this.#waiting.delete(id);
    entry?.resolve(value);
  }

  reject(id: number, error: TransportError): void {
    const entry = this.#waiting.get(id);
    this.#waiting.delete(id);
    entry?.reject(error);
  }

  rejectAll(error: TransportError): void {
    const entries = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const entry of entries) entry.reject(error);
  }
}
