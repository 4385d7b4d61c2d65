import { isTransportError } from '@dxgwire/transport';
import type { ContextServices, PageWalk, Submission } from '../contract.ts';
import { type AllocationMemory, type Piece, type WebgpuAllocation, writePieces } from './allocation.ts';
import { HostFrame } from './frames.ts';
import type { GpuServer } from './gpu-server.ts';
import { INLINE_REGION, ZERO_REGION } from './process/access-words.ts';
import type { RegionNumbers } from './sharing.ts';
import { type StreamNeeds, scanStream } from './stream-scan.ts';
import { MIN_TRANSFER_BYTES, type Transfer, type TransferPool } from './transfer-pool.ts';

/** Where the stream of a submission lies: the first word of its private data. */
const StreamPlace = { inline: 0, atAddress: 1 } as const;
const PREFIX_BYTES = 8;

/** Largest stream of one submission, bytes. */
const MAX_STREAM_BYTES = 256 << 20;

/** Why a submission cannot be carried out. */
export class SubmissionFault extends Error {
  /** The address that could not be reached; null for anything else. */
  readonly address: bigint | null;

  constructor(message: string, address: bigint | null = null) {
    super(message);
    this.address = address;
  }
}

/** Part of a null mapping: reads as zero, takes writes without effect. */
interface Gap {
  readonly length: number;
}

/** Where mapped bytes go, and by which way. */
interface WriteTarget {
  readonly piece: Piece | null;
  /** Where the server writes them itself. */
  readonly shared: Piece['shared'];
  readonly transfer: Transfer | null;
  readonly length: number;
}

/** What the builder needs to know of the context. */
export interface SubmissionContext {
  readonly id: number;
  readonly server: GpuServer;
  readonly services: ContextServices;
  onConsumed(total: number): void;
}

/** Memory of the host's own for streams, used again and again. */
let scratch = new Uint8Array(1 << 16);

/**
 * Makes the frame of one submission: its stream, copied once and looked over as a copy that the guest cannot change,
 * and beside it where the memory is that its records speak of.
 */
export class SubmissionBuilder implements StreamNeeds {
  private readonly memory: AllocationMemory;
  private readonly regions: RegionNumbers | null;
  private readonly pool: TransferPool | null;
  private transfers: Transfer[] = [];
  private context!: SubmissionContext;
  private submission!: Submission;
  private readonly access: number[] = [];
  private readonly inline: Uint8Array[] = [];
  private inlineBytes = 0;
  private readonly writes: number[] = [];
  private lastBinding = 0;

  /** @param regions null, as `pool`, where there is no shared memory: then all bytes go in the frames. */
  constructor(memory: AllocationMemory, regions: RegionNumbers | null, pool: TransferPool | null) {
    this.memory = memory;
    this.pool = pool;
    this.regions = regions;
  }

  /**
   * Sends a submission to the GPU process.
   * @returns what to release when the submission has ended; null when nothing.
   * @throws SubmissionFault, or a ProtocolError of the stream's headers: nothing was sent then.
   */
  send(context: SubmissionContext, submission: Submission, sequence: number): readonly Transfer[] | null {
    this.context = context;
    this.submission = submission;
    this.access.length = 0;
    this.inline.length = 0;
    this.inlineBytes = 0;
    this.writes.length = 0;
    const lengthBytes = this.copyStream();
    try {
      scanStream(new Uint32Array(scratch.buffer, 0, lengthBytes >>> 2), this);
    } catch (error) {
      for (const write of this.writes) context.server.cancelWrite(write);
      for (const transfer of this.transfers.splice(0)) transfer.release();
      throw error;
    }
    this.writeFrame(sequence, lengthBytes);
    if (this.transfers.length === 0) return null;
    const { transfers } = this;
    this.transfers = [];
    return transfers;
  }

  private writeFrame(sequence: number, lengthBytes: number): void {
    const { batch } = this.context.server;
    batch.begin(HostFrame.submit);
    batch.word(this.context.id);
    batch.word(sequence);
    batch.word(lengthBytes);
    batch.word(this.access.length);
    batch.word(this.inlineBytes);
    batch.append(scratch.subarray(0, lengthBytes));
    for (const word of this.access) batch.word(word);
    for (const bytes of this.inline) batch.append(bytes);
    batch.end();
    this.context.server.flushSoon();
  }

  /** Copies the stream to the scratch memory. @returns its length, bytes. */
  private copyStream(): number {
    const { privateData, commandAddress, commandLengthBytes } = this.submission;
    if (privateData.length < PREFIX_BYTES) {
      throw new SubmissionFault(`private data of ${privateData.length} bytes, at least ${PREFIX_BYTES}`);
    }
    const view = new DataView(privateData.buffer, privateData.byteOffset, privateData.length);
    const place = view.getUint32(0, true);
    if (place === StreamPlace.inline) {
      const lengthBytes = view.getUint32(4, true);
      if (lengthBytes > privateData.length - PREFIX_BYTES) {
        throw new SubmissionFault(`stream of ${lengthBytes} bytes in private data of ${privateData.length}`);
      }
      this.requireStreamLength(lengthBytes);
      scratch.set(privateData.subarray(PREFIX_BYTES, PREFIX_BYTES + lengthBytes));
      return lengthBytes;
    }
    if (place !== StreamPlace.atAddress) throw new SubmissionFault(`stream at the unknown place ${place}`);
    this.requireStreamLength(commandLengthBytes);
    let position = 0;
    for (const piece of this.walk(commandAddress, commandLengthBytes, 'read')) {
      if ('view' in piece) {
        piece.noteRead?.();
        scratch.set(piece.view(), position);
      } else scratch.fill(0, position, position + piece.length);
      position += piece.length;
    }
    return commandLengthBytes;
  }

  private requireStreamLength(lengthBytes: number): void {
    if (lengthBytes % 4 !== 0 || lengthBytes > MAX_STREAM_BYTES) {
      throw new SubmissionFault(
        `stream of ${lengthBytes} bytes: a multiple of 4 up to ${MAX_STREAM_BYTES} is allowed`,
      );
    }
    if (lengthBytes > scratch.length) scratch = new Uint8Array(Math.max(lengthBytes, scratch.length * 2));
  }

  /** The memory behind a range of addresses; parts of a null mapping have a length only. */
  private walk(address: bigint, lengthBytes: number, access: 'read' | 'write'): (Piece | Gap)[] {
    if (lengthBytes === 0) return [];
    const walk: PageWalk = this.submission.walk(address, lengthBytes, access);
    if (!walk.ok) {
      throw new SubmissionFault(`page fault (${walk.reason})`, walk.faultAddress);
    }
    const pieces: (Piece | Gap)[] = [];
    for (const run of walk.runs) {
      if ('zero' in run) {
        pieces.push({ length: run.length });
        continue;
      }
      const allocation = run.view.allocation as WebgpuAllocation;
      if (!allocation.hasBytes) {
        throw new SubmissionFault(
          'the address belongs to a buffer or texture, which has no bytes here',
          address,
        );
      }
      pieces.push(...this.memory.pieces(allocation, run.offset, run.length));
    }
    return pieces;
  }

  allocation(runtimeHandleLow: number, runtimeHandleHigh: number): void {
    const allocation = this.bind(runtimeHandleLow, runtimeHandleHigh);
    if (allocation === null) {
      this.access.push(0, 0, 0);
      return;
    }
    const { lengthBytes } = allocation;
    this.access.push(allocation.binding!.number, lengthBytes >>> 0, Math.floor(lengthBytes / 2 ** 32));
  }

  /**
   * Takes an allocation for a buffer or texture; one of the same context that was made in it before gives way.
   * @returns null when there is none, or another context has it.
   */
  private bind(low: number, high: number): WebgpuAllocation | null {
    const { server, services, id } = this.context;
    const allocation = services.findAllocation(low, high)?.allocation as WebgpuAllocation | undefined;
    if (allocation === undefined || allocation.hasBytes) return null;
    const { binding } = allocation;
    if (binding !== null) return binding.server === server && binding.contextId === id ? allocation : null;
    this.lastBinding = (this.lastBinding + 1) >>> 0 || 1;
    allocation.binding = { server, contextId: id, number: this.lastBinding };
    return allocation;
  }

  read(addressLow: number, addressHigh: number, lengthBytes: number): void {
    const pieces = this.walk(joined(addressLow, addressHigh), lengthBytes, 'read');
    this.access.push(pieces.length);
    for (const piece of pieces) this.pushRead(piece);
  }

  write(addressLow: number, addressHigh: number, lengthBytes: number): void {
    if (addressLow === 0 && addressHigh === 0) {
      this.access.push(0);
      return;
    }
    const pieces = this.walk(joined(addressLow, addressHigh), lengthBytes, 'write');
    const targets = pieces.map((piece) => this.targetOf(piece));
    const write = this.context.server.addWrite((written, inline) => finishWrite(targets, written, inline));
    this.writes.push(write);
    this.access.push(write, pieces.length);
    for (const target of targets) this.pushWrite(target);
  }

  private pushRead(piece: Piece | Gap): void {
    if ('view' in piece) piece.noteRead?.();
    if (!('view' in piece)) {
      this.pushRun(ZERO_REGION, 0, piece.length);
    } else if (this.regions !== null && this.isShared(piece)) {
      this.pushShared(this.regions, piece.shared, piece.view(), piece.length);
    } else if (this.regions !== null && this.pool !== null && piece.length >= MIN_TRANSFER_BYTES) {
      const transfer = this.pool.acquire(piece.length);
      transfer.bytes.set(piece.view());
      this.transfers.push(transfer);
      this.pushShared(this.regions, transfer, transfer.bytes, piece.length);
    } else {
      this.pushRun(INLINE_REGION, this.inlineBytes, piece.length);
      this.inline.push(piece.view());
      this.inlineBytes += (piece.length + 3) & ~3;
    }
  }

  private isShared(piece: Piece): piece is Piece & { readonly shared: NonNullable<Piece['shared']> } {
    return piece.shared !== null && this.regions?.isMappable(piece.shared.path) === true;
  }

  private targetOf(piece: Piece | Gap): WriteTarget {
    if (!('view' in piece)) return { piece: null, shared: null, transfer: null, length: piece.length };
    const { length } = piece;
    const shared = this.isShared(piece) ? piece.shared : null;
    const transfers = shared === null && this.pool !== null && length >= MIN_TRANSFER_BYTES;
    return { piece, shared, transfer: transfers ? this.pool!.acquire(length) : null, length };
  }

  private pushWrite({ piece, shared, transfer, length }: WriteTarget): void {
    const { regions } = this;
    if (piece === null) this.pushRun(ZERO_REGION, 0, length);
    else if (regions !== null && shared !== null) this.pushShared(regions, shared, piece.view(), length);
    else if (regions !== null && transfer !== null)
      this.pushShared(regions, transfer, transfer.bytes, length);
    else this.pushRun(INLINE_REGION, 0, length);
  }

  private pushShared(
    regions: RegionNumbers,
    { path, offset }: { readonly path: string; readonly offset: number },
    bytes: Uint8Array,
    length: number,
  ): void {
    this.pushRun(regions.numberOf(this.context.server, path, bytes.buffer), offset, length);
  }

  private pushRun(region: number, offset: number, length: number): void {
    this.access.push(region, offset >>> 0, Math.floor(offset / 2 ** 32));
    this.access.push(length >>> 0, Math.floor(length / 2 ** 32));
  }

  consumed(total: number): void {
    this.context.onConsumed(total);
  }
}

/** Mapped bytes have been written, or not: what is not in place yet is put there, and the guest is told. */
function finishWrite(targets: readonly WriteTarget[], written: boolean, inline: readonly Uint8Array[]): void {
  let next = 0;
  for (const { piece, shared, transfer } of targets) {
    if (piece !== null && written) {
      const bytes = transfer?.bytes ?? (shared === null ? inline[next++]! : null);
      place(piece, bytes);
    }
    transfer?.release();
  }
}

/** Puts bytes into place, unless they are there already, and tells the guest. */
function place(piece: Piece, bytes: Uint8Array | null): void {
  try {
    if (bytes === null) piece.publish?.();
    else writePieces([piece], bytes);
  } catch (error) {
    // The guest has taken this memory back since it asked for the bytes, or is gone altogether: nobody wants them.
    if (!isTransportError(error)) throw error;
  }
}

function joined(low: number, high: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}
