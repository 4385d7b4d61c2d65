import type { ReplayBus } from './replay-bus.ts';

interface Expectation {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Values that one place of the window had, oldest first, and how many of them were expected. */
interface History {
  readonly values: string[];
}

const COUNTER_BYTES = 8;
const MOST_VALUES = 65_536;

/**
 * What the recorded host published of guest memory and window, held against what this one publishes. This host may be
 * ahead: a publication counts as equal when its bytes were there at some time.
 */
export class MemoryExpectations {
  /** Bytes that were compared. */
  compared = 0;
  superseded = 0;
  readonly #bus: () => ReplayBus;
  #pending: Expectation[] = [];
  #pendingWindow: Expectation[] = [];
  readonly #histories = new Map<number, History>();

  constructor(bus: () => ReplayBus) {
    this.#bus = bus;
  }

  /** The recorded host published these bytes of guest memory; null: they were not kept. */
  expect(address: number, recorded: Uint8Array | null): void {
    if (recorded === null) return;
    const end = address + recorded.length;
    this.#pending = this.#pending.filter(({ bytes, offset }) => {
      const isCovered = offset < end && address < offset + bytes.length;
      if (isCovered) this.superseded += 1;
      return !isCovered;
    });
    if (this.#isThere(address, recorded)) this.compared += recorded.length;
    else this.#pending.push({ offset: address, bytes: recorded.slice() });
  }

  /** This host published guest memory. */
  published(_address: number, _length: number): void {
    this.#pending = this.#pending.filter(({ bytes, offset }) => {
      if (!this.#isThere(offset, bytes)) return true;
      this.compared += bytes.length;
      return false;
    });
  }

  /** This host published a part of the window. */
  windowPublished(offset: number, length: number): void {
    if (length === COUNTER_BYTES) {
      let history = this.#histories.get(offset);
      if (history === undefined) {
        history = { values: [] };
        this.#histories.set(offset, history);
      }
      history.values.push(keyOf(this.#bus().window.bytes.subarray(offset, offset + length)));
      if (history.values.length > MOST_VALUES) history.values.shift();
    }
    this.#pendingWindow = this.#pendingWindow.filter(({ bytes, offset: at }) => {
      if (!isEqual(this.#bus().window.bytes.subarray(at, at + bytes.length), bytes)) return true;
      this.compared += bytes.length;
      return false;
    });
  }

  /** @returns what is wrong, or null. `woken` waits for the host and says whether it did anything. */
  async expectWindow(
    offset: number,
    recorded: Uint8Array,
    woken: () => Promise<boolean>,
  ): Promise<string | null> {
    const { bytes } = this.#bus().window;
    if (offset + recorded.length > bytes.length)
      return `the window has no ${recorded.length} bytes at ${offset}`;
    const now = () => isEqual(bytes.subarray(offset, offset + recorded.length), recorded);
    if (recorded.length !== COUNTER_BYTES) {
      if (now()) this.compared += recorded.length;
      else this.#pendingWindow.push({ offset, bytes: recorded.slice() });
      return null;
    }
    const wanted = keyOf(recorded);
    for (;;) {
      const values = this.#histories.get(offset)?.values ?? [];
      const index = values.indexOf(wanted);
      if (index >= 0) values.splice(0, index + 1);
      if (index >= 0 || now()) {
        this.compared += recorded.length;
        return null;
      }
      if (!(await woken())) {
        return `window at ${hex(offset)}: recorded ${wanted}, now ${keyOf(bytes.subarray(offset, offset + COUNTER_BYTES))}`;
      }
    }
  }

  /** Memory is about to be overwritten or freed by the guest: what was expected there must be there by now. */
  async beforeOverwrite(
    address: number,
    length: number,
    woken: () => Promise<boolean>,
  ): Promise<string | null> {
    const end = address + Math.max(1, length);
    for (;;) {
      const open = this.#pending.find(({ bytes, offset }) => offset < end && address < offset + bytes.length);
      if (open === undefined) return null;
      if (!(await woken())) return this.#describe(open);
    }
  }

  /** The end: all that is expected must be there. */
  async finish(woken: () => Promise<boolean>): Promise<string | null> {
    for (;;) {
      const open = this.#pending[0];
      const window = this.#pendingWindow[0];
      if (open === undefined && window === undefined) return null;
      if (await woken()) continue;
      return open === undefined ? `window at ${hex(window!.offset)} differs` : this.#describe(open);
    }
  }

  #isThere(address: number, recorded: Uint8Array): boolean {
    const own = this.#bus().guestMemory.find(address, recorded.length);
    return own !== null && isEqual(own, recorded);
  }

  #describe({ bytes, offset }: Expectation): string {
    const own = this.#bus().guestMemory.find(offset, bytes.length);
    if (own === null) return `guest memory at ${hex(offset)}: the capture does not say that the guest has it`;
    const at = bytes.findIndex((byte, index) => byte !== own[index]);
    return `guest memory at ${hex(offset + at)}: recorded ${hex(bytes[at]!)}, now ${hex(own[at]!)}`;
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

function keyOf(bytes: Uint8Array): string {
  return hex(new DataView(bytes.buffer, bytes.byteOffset, COUNTER_BYTES).getBigUint64(0, true));
}

function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
