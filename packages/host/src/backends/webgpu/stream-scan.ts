import { fieldWordOffset, type Op, streamOps, walkRecords } from '@dxgwire/protocol/stream';

/** What the host has to do for the records of a stream, in the order of the records. */
export interface StreamNeeds {
  /** createBuffer, createTexture. */
  allocation(runtimeHandleLow: number, runtimeHandleHigh: number): void;
  /** A record that reads from a GPU virtual address. */
  read(addressLow: number, addressHigh: number, lengthBytes: number): void;
  /** mapAsync. Address 0: no copy. */
  write(addressLow: number, addressHigh: number, lengthBytes: number): void;
  consumed(total: number): void;
}

type Visit = (u32: Uint32Array, position: number, needs: StreamNeeds) => void;

interface Interest {
  /** Least length of the record's fields, words: shorter ones are left to the decoder to refuse. */
  readonly words: number;
  readonly visit: Visit;
}

const interests: (Interest | undefined)[] = [];

function sizeAt(u32: Uint32Array, position: number): number {
  return u32[position]! + u32[position + 1]! * 0x1_0000_0000;
}

function reads(op: Op): void {
  const address = fieldWordOffset(op, 'gpuVaLow');
  const size = fieldWordOffset(op, 'size');
  interests[op.opcode] = {
    words: Math.max(address, size) + 2,
    visit: (u32, at, needs) => needs.read(u32[at + address]!, u32[at + address + 1]!, sizeAt(u32, at + size)),
  };
}

function allocates(op: Op): void {
  const handle = fieldWordOffset(op, 'runtimeHandleLow');
  interests[op.opcode] = {
    words: handle + 2,
    visit: (u32, at, needs) => needs.allocation(u32[at + handle]!, u32[at + handle + 1]!),
  };
}

reads(streamOps.writeBufferFrom);
reads(streamOps.writeTextureFrom);
reads(streamOps.writeMappedFrom);
allocates(streamOps.createBuffer);
allocates(streamOps.createTexture);

const mapAddress = fieldWordOffset(streamOps.mapAsync, 'gpuVaLow');
const mapSize = fieldWordOffset(streamOps.mapAsync, 'size');
interests[streamOps.mapAsync.opcode] = {
  words: mapAddress + 2,
  visit: (u32, at, needs) =>
    needs.write(u32[at + mapAddress]!, u32[at + mapAddress + 1]!, sizeAt(u32, at + mapSize)),
};
interests[streamOps.returnsConsumed.opcode] = {
  words: 2,
  visit: (u32, at, needs) => needs.consumed(sizeAt(u32, at)),
};

/**
 * Looks over a stream for the few records that need the host: memory at GPU virtual addresses, allocations, the
 * return ring. Headers only; the fields of all other records are checked by whoever executes them.
 *
 * @throws ProtocolError `bad-stream` when a header does not fit.
 */
export function scanStream(u32: Uint32Array, needs: StreamNeeds): void {
  walkRecords(u32, (opcode, position, end) => {
    const interest = interests[opcode];
    if (interest !== undefined && end - position >= interest.words) interest.visit(u32, position, needs);
  });
}
