/**
 * Command format of the reference backend.
 *
 * A submission's private data says where the commands are:
 *
 *     0  u32 kind      0: they follow in the private data; 1: in GPU virtual memory, as the submission says
 *     4  u32 length    kind 0: bytes of commands
 *     8  commands      kind 0
 *
 * Without private data they are in GPU virtual memory; a submission without either does nothing.
 *
 * Commands are records, one after another; all numbers little endian:
 *
 *     0  u32 operation
 *     4  u32 length    of the whole record, bytes, a multiple of 8
 *     8  fields
 *
 *     0 end            nothing after it is looked at
 *     1 copy           u64 source, u64 destination, u64 length: as if all was read before anything is written
 *     2 fill           u64 destination, u64 length (a multiple of 4), u32 value, u32 0
 *     3 timestamp      u64 destination: writes the node's clock, u64
 *     4 present        u64 source, u32 width, u32 height, u32 pitch in bytes, u32 0: RGBA, 8 bits each
 *     5 hang           does not end but by a reset
 *     6 fault          the commands are not valid (WDDM: DMA fault)
 *     7 signal fence   u32 handle, u32 0, u64 value: a monitored fence of the process, through the host's services
 *
 * Addresses are GPU virtual addresses; access to what is not mapped, not resident or not allowed is a page fault.
 */
export const ReferenceOperation = {
  end: 0,
  copy: 1,
  fill: 2,
  timestamp: 3,
  present: 4,
  hang: 5,
  fault: 6,
  signalFence: 7,
} as const;

/** Length of each operation's record, bytes. */
export const RECORD_BYTES: readonly number[] = [8, 32, 32, 16, 32, 8, 8, 24];

/** Bytes before the commands in a submission's private data. */
export const PRIVATE_HEADER_BYTES = 8;

/** Writes commands for the reference backend. */
export class ReferenceEncoder {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  copy(source: bigint, destination: bigint, lengthBytes: bigint): this {
    const at = this.#record(ReferenceOperation.copy);
    this.#view.setBigUint64(at + 8, source, true);
    this.#view.setBigUint64(at + 16, destination, true);
    this.#view.setBigUint64(at + 24, lengthBytes, true);
    return this;
  }

  /** @param value 32 bits, repeated. */
  fill(destination: bigint, lengthBytes: bigint, value: number): this {
    const at = this.#record(ReferenceOperation.fill);
    this.#view.setBigUint64(at + 8, destination, true);
    this.#view.setBigUint64(at + 16, lengthBytes, true);
    this.#view.setUint32(at + 24, value, true);
    return this;
  }

  timestamp(destination: bigint): this {
    const at = this.#record(ReferenceOperation.timestamp);
    this.#view.setBigUint64(at + 8, destination, true);
    return this;
  }

  present(source: bigint, width: number, height: number, pitchBytes: number): this {
    const at = this.#record(ReferenceOperation.present);
    this.#view.setBigUint64(at + 8, source, true);
    this.#view.setUint32(at + 16, width, true);
    this.#view.setUint32(at + 20, height, true);
    this.#view.setUint32(at + 24, pitchBytes, true);
    return this;
  }

  hang(): this {
    this.#record(ReferenceOperation.hang);
    return this;
  }

  fault(): this {
    this.#record(ReferenceOperation.fault);
    return this;
  }

  signalFence(handle: number, value: bigint): this {
    const at = this.#record(ReferenceOperation.signalFence);
    this.#view.setUint32(at + 8, handle, true);
    this.#view.setBigUint64(at + 16, value, true);
    return this;
  }

  /** The commands, for GPU virtual memory. */
  commands(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Private data with the commands in it. */
  privateData(): Uint8Array {
    const data = new Uint8Array(PRIVATE_HEADER_BYTES + this.#length);
    new DataView(data.buffer).setUint32(4, this.#length, true);
    data.set(this.#bytes.subarray(0, this.#length), PRIVATE_HEADER_BYTES);
    return data;
  }

  #record(operation: number): number {
    const lengthBytes = RECORD_BYTES[operation]!;
    const at = this.#length;
    this.#length += lengthBytes;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(2 * this.#bytes.length);
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#bytes.fill(0, at, this.#length);
    this.#view.setUint32(at, operation, true);
    this.#view.setUint32(at + 4, lengthBytes, true);
    return at;
  }
}

/** Private data that sends a submission to its commands in GPU virtual memory. */
export function commandsInMemory(): Uint8Array {
  const data = new Uint8Array(PRIVATE_HEADER_BYTES);
  new DataView(data.buffer).setUint32(0, 1, true);
  return data;
}
