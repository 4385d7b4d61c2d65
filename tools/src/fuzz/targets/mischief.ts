/** What a hostile host does at some message: what, where, with which number. */
export interface Mischief {
  readonly what: number;
  readonly place: number;
  readonly value: number;
}

const STEP_BYTES = 8;
/** The number of a message that stands for the time before the first. */
const BEFORE = 0xff;
const NOTHING: readonly Mischief[] = [];

/** Eight bytes for each: number of the message, what, place (16 bits), value (32 bits). */
export class MischiefList {
  readonly #byMessage = new Map<number, Mischief[]>();

  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + STEP_BYTES <= bytes.length; at += STEP_BYTES) {
      const number = view.getUint8(at) === BEFORE ? -1 : view.getUint8(at);
      const step = {
        what: view.getUint8(at + 1),
        place: view.getUint16(at + 2, true),
        value: view.getUint32(at + 4, true),
      };
      const known = this.#byMessage.get(number);
      if (known === undefined) this.#byMessage.set(number, [step]);
      else known.push(step);
    }
  }

  /** What happens at the message of this number; -1: before the first one. */
  at(number: number): readonly Mischief[] {
    return this.#byMessage.get(number) ?? NOTHING;
  }
}
