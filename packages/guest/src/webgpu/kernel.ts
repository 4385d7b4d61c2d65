import type { StagingBlock, StagingRegion } from './staging.ts';

/** What memory can be for. */
export type MemoryKind = 'buffer' | 'texture';

/** Memory of one buffer or texture: an allocation whose reply may still be under way. */
export interface Memory {
  readonly kind: MemoryKind;
  /** As it was asked for, bytes. */
  readonly lengthBytes: number;
  /** The name by which the command stream speaks of it: two u32. 0:0 means none. */
  readonly runtimeHandleLow: number;
  readonly runtimeHandleHigh: number;
}

/** What an object has that needs no memory, or whose creation is known to fail. */
export const NO_MEMORY: Memory = {
  kind: 'buffer',
  lengthBytes: 0,
  runtimeHandleLow: 0,
  runtimeHandleHigh: 0,
};

/** How a device hears of what comes back. */
export interface KernelListener {
  /** The return ring has grown: `total` bytes were ever written. */
  returnsWritten(total: number): void;
  /** Nothing will come any more. */
  kernelLost(message: string): void;
}

/** What a device needs of the D3DKMT calls: one context with one hardware queue, and what belongs to it. */
export interface DeviceKernel {
  /** The bytes of the return ring. */
  readonly returnRing: Uint8Array;
  /** Set before {@link listen}. */
  listener: KernelListener | null;
  /** Begins to wait for returns, for `total` bytes and more than that. */
  listen(consumed: number): void;
  /** Submits a stream with its prefix as driver-private data; copied before it returns. */
  submit(privateData: Uint8Array, fence: number): void;
  /** Submits a stream at a GPU virtual address. */
  submitFrom(region: StagingRegion, lengthBytes: number, fence: number): void;
  /** Shows the host at once what was submitted, and not only at the end of the turn. */
  publish(): void;
  /** The progress fence's value; no message. */
  completed(): number;
  /** Calls back once when the progress fence has reached a value, or the device is gone. */
  whenCompleted(fence: number, callback: () => void): void;
  createStagingBlock(lengthBytes: number): Promise<StagingBlock | null>;
  /** Asks for memory and does not wait for the answer. */
  createMemory(kind: MemoryKind, lengthBytes: number): Memory;
  /** Gives memory back once the answer to its creation is there. */
  destroyMemory(memory: Memory): void;
  /** Something was refused that belonged to some device of the program: finds out whether to this one. */
  check(): void;
  /** Ends everything at once. Safe to call more than once. */
  close(): void;
}
