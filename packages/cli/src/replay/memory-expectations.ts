import { PublicationLog } from './publication-log.ts';
import type { ReplayBus } from './replay-bus.ts';

interface Expectation {
  /** Number of the record. */
  readonly record: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Waits for the host. @returns whether it did anything. */
type Woken = () => Promise<boolean>;

const COUNTER_BYTES = 8;
/** Values of one fence that this host may be ahead. */
const MOST_VALUES = 65_536;
/** Recorded publications that may wait for this host's, bytes. */
const MOST_PENDING_BYTES = 256 << 20;
/** Copies of this host's publications where the capture has kept none of the recorded ones, bytes. */
const MOST_UNCOMPARED_BYTES = 256 << 20;

/** One memory: what the recorded host published of it against what this one publishes. */
class MemorySpace {
  readonly log = new PublicationLog();
  pending: Expectation[] = [];
  pendingBytes = 0;
  #hasGaps = false;

  /** Compares what waits, in order: one that overlaps an earlier one has to wait for it. @returns bytes compared. */
  compare(): number {
    const open: Expectation[] = [];
    let compared = 0;
    for (const expectation of this.pending) {
      const { bytes, offset } = expectation;
      const isBlocked = open.some((other) => overlaps(other, offset, bytes.length));
      if (!isBlocked && this.log.take(offset, bytes)) compared += bytes.length;
      else open.push(expectation);
    }
    this.pending = open;
    this.pendingBytes -= compared;
    return compared;
  }

  published(offset: number, bytes: Uint8Array): void {
    if (this.#hasGaps && this.log.keptBytes > MOST_UNCOMPARED_BYTES) return;
    this.log.add(offset, bytes);
  }

  /** The recorded host published bytes that the capture has not kept. */
  skip(offset: number, length: number): void {
    this.#hasGaps = true;
    this.log.skip(offset, length);
  }
}

/**
 * What the recorded host published of guest memory and window, held against what this one publishes: every publication,
 * in order, also those that later ones cover. This host may be ahead.
 */
export class MemoryExpectations {
  /** Bytes that were compared. */
  compared = 0;
  readonly #bus: () => ReplayBus;
  readonly #memory = new MemorySpace();
  readonly #window = new MemorySpace();
  /** Values that one place of the window had, oldest first. */
  readonly #histories = new Map<number, string[]>();

  constructor(bus: () => ReplayBus) {
    this.#bus = bus;
  }

  /** The recorded host published these bytes of guest memory; null: they were not kept. @returns what is wrong, or null. */
  expect(
    record: number,
    address: number,
    length: number,
    recorded: Uint8Array | null,
    woken: Woken,
  ): Promise<string | null> {
    return this.#expect(this.#memory, { record, offset: address, length, recorded }, woken);
  }

  /** This host published guest memory. */
  published(address: number, length: number): void {
    const bytes = this.#bus().guestMemory.find(address, length);
    if (bytes !== null) this.#memory.published(address, bytes);
    this.compared += this.#memory.compare();
  }

  /** This host published a part of the window. */
  windowPublished(offset: number, length: number): void {
    const bytes = this.#bus().window.bytes.subarray(offset, offset + length);
    if (length === COUNTER_BYTES) {
      const values = this.#histories.get(offset) ?? [];
      this.#histories.set(offset, values);
      values.push(keyOf(bytes));
      if (values.length > MOST_VALUES) values.shift();
      return;
    }
    this.#window.published(offset, bytes);
    this.compared += this.#window.compare();
  }

  /** As {@link expect}, of the window. A fence must have its value before anything else is compared. */
  async expectWindow(
    record: number,
    offset: number,
    length: number,
    recorded: Uint8Array | null,
    woken: Woken,
  ): Promise<string | null> {
    const { bytes } = this.#bus().window;
    if (offset + length > bytes.length) return `the window has no ${length} bytes at ${offset}`;
    if (length !== COUNTER_BYTES || recorded === null) {
      return await this.#expect(this.#window, { record, offset, length, recorded }, woken);
    }
    const wanted = keyOf(recorded);
    for (;;) {
      const values = this.#histories.get(offset) ?? [];
      const index = values.indexOf(wanted);
      // The value itself stays: it is what is there now. Eight bytes may also be the end of something longer.
      if (index >= 0 || this.#window.log.take(offset, recorded)) {
        values.splice(0, Math.max(0, index));
        this.compared += length;
        return null;
      }
      if (!(await woken())) {
        const now = keyOf(bytes.subarray(offset, offset + COUNTER_BYTES));
        return `window at ${hex(offset)}: recorded ${wanted}, now ${now}`;
      }
    }
  }

  /** Memory is about to be overwritten by the guest: what was expected there must have been there by now. */
  async beforeOverwrite(address: number, length: number, woken: Woken): Promise<string | null> {
    for (;;) {
      const open = this.#memory.pending.find((each) => overlaps(each, address, length));
      if (open === undefined) return null;
      if (!(await woken())) return this.#describe(this.#memory, open);
    }
  }

  /** As {@link beforeOverwrite}, of memory that the guest gives back. */
  async beforeFree(address: number, length: number, woken: Woken): Promise<string | null> {
    const wrong = await this.beforeOverwrite(address, length, woken);
    this.#memory.log.forget(address, length);
    return wrong;
  }

  /** The end: all that is expected must have been there. */
  async finish(woken: Woken): Promise<string | null> {
    for (;;) {
      const space = this.#memory.pending.length > 0 ? this.#memory : this.#window;
      const [open] = space.pending;
      if (open === undefined) return null;
      if (!(await woken())) return this.#describe(space, open);
    }
  }

  async #expect(
    space: MemorySpace,
    expectation: {
      readonly record: number;
      readonly offset: number;
      readonly length: number;
      readonly recorded: Uint8Array | null;
    },
    woken: Woken,
  ): Promise<string | null> {
    const { length, offset, record, recorded } = expectation;
    if (recorded === null) {
      space.skip(offset, length);
      return null;
    }
    space.pending.push({ record, offset, bytes: recorded.slice() });
    space.pendingBytes += length;
    this.compared += space.compare();
    while (space.pendingBytes > MOST_PENDING_BYTES) {
      const [open] = space.pending;
      if (!(await woken())) return this.#describe(space, open!);
    }
    return null;
  }

  #describe(space: MemorySpace, { bytes, offset, record }: Expectation): string {
    const isMemory = space === this.#memory;
    const name = isMemory ? 'guest memory' : 'window';
    if (isMemory && this.#bus().guestMemory.find(offset, bytes.length) === null) {
      return `guest memory at ${hex(offset)}: the capture does not say that the guest has it`;
    }
    const own = space.log.newest(offset, bytes.length);
    const at = bytes.findIndex((byte, index) => byte !== own[index]);
    // Where the newest bytes are the same, earlier ones were not.
    const place = at < 0 ? offset : offset + at;
    const now = at < 0 ? 'never so in its turn' : own[at] === undefined ? 'not published' : hex(own[at]!);
    return `${name} at ${hex(place)} (published in record ${record}): recorded ${hex(bytes[Math.max(0, at)]!)}, now ${now}`;
  }
}

function overlaps({ bytes, offset }: Expectation, start: number, length: number): boolean {
  return offset < start + Math.max(1, length) && start < offset + bytes.length;
}

function keyOf(bytes: Uint8Array): string {
  return hex(new DataView(bytes.buffer, bytes.byteOffset, COUNTER_BYTES).getBigUint64(0, true));
}

function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
