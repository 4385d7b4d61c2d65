import { TransportError } from '@dxgwire/transport';

/** Most guest memory that a capture may make a replay hold, bytes. */
const MAX_BYTES = 4 * 2 ** 30;

interface Block {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** Guest memory as a capture describes it: blocks at the addresses that the guest had. */
export class ReplayMemory {
  #blocks: Block[] = [];
  #usedBytes = 0;

  /** @throws TransportError `limit` when the capture wants more than 4 GiB, `out-of-range` for what overlaps. */
  add(address: number, length: number): void {
    if (!Number.isSafeInteger(address + length) || length <= 0) {
      throw new TransportError('out-of-range', `a block of guest memory at ${address}, ${length} bytes long`);
    }
    if (this.#usedBytes + length > MAX_BYTES) {
      throw new TransportError('limit', `${length} more bytes of guest memory: a replay holds ${MAX_BYTES}`);
    }
    if (
      this.#blocks.some(
        (block) => address < block.address + block.bytes.length && block.address < address + length,
      )
    ) {
      throw new TransportError('out-of-range', `a block of guest memory at ${address} overlaps another`);
    }
    this.#usedBytes += length;
    this.#blocks.push({ address, bytes: new Uint8Array(length) });
  }

  /** Length of the block that begins there, 0 where none does. */
  lengthAt(address: number): number {
    return this.#blocks.find((block) => block.address === address)?.bytes.length ?? 0;
  }

  remove(address: number): void {
    const index = this.#blocks.findIndex((block) => block.address === address);
    if (index < 0) return;
    this.#usedBytes -= this.#blocks[index]!.bytes.length;
    this.#blocks.splice(index, 1);
  }

  /** The bytes of a range, or null where it is not all memory of one block. */
  find(address: number, length: number): Uint8Array | null {
    for (const block of this.#blocks) {
      const at = address - block.address;
      if (at >= 0 && at + length <= block.bytes.length) return block.bytes.subarray(at, at + length);
    }
    return null;
  }
}
