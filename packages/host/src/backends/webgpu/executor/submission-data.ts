/** What a stream needs that is not in it: asked for in the order of its records. */
export interface SubmissionData {
  /** For createBuffer and createTexture: size of the allocation that the record names, bytes; -1 when none is there. */
  allocationBytes(): number;
  /** The number of the allocation that {@link allocationBytes} spoke of last; 0 when none is there. */
  readonly allocation: number;
  /** For the records that read from GPU virtual addresses: the bytes, valid until the next call. */
  read(): Uint8Array;
  /** For mapAsync: where the bytes go; null when the record asks for no copy. */
  target(): WriteTarget | null;
}

/** Copying from addresses of this process's memory, where there are any. */
export interface AddressedMemory {
  addressOf(bytes: Uint8Array): bigint;
  /** Fills the target with what lies at an address. */
  copyFrom(target: Uint8Array, address: bigint): void;
}

/** Memory that is written when a map has succeeded: all of its bytes in order, then `finish`; or `cancel`. */
export interface WriteTarget {
  /** Where {@link writeFrom} can be called, else null. */
  readonly memory: AddressedMemory | null;
  /** `position` counts from the start of what was mapped. */
  write(position: number, bytes: Uint8Array): void;
  /** As {@link write}, of bytes that lie at an address. */
  writeFrom(position: number, address: bigint, lengthBytes: number): void;
  finish(): void;
  cancel(): void;
}
