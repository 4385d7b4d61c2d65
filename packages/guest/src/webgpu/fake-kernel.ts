import {
  decodeStream,
  returns,
  type StreamHandlers,
  type StreamOpName,
  StreamWriter,
} from '@dxgwire/protocol/stream';
import type { Loan } from '@dxgwire/transport';
import type { DeviceKernel, KernelListener, Memory, MemoryKind } from './kernel.ts';
import type { StagingBlock, StagingRegion } from './staging.ts';

/** A record as it was submitted. Bytes are copies. */
export interface SubmittedRecord {
  readonly op: StreamOpName;
  // biome-ignore lint/suspicious/noExplicitAny: the arguments of any op, for assertions
  readonly args: any[];
}

export interface FakeKernelOptions {
  readonly returnRingBytes?: number;
  /** Whether guest memory can be had for staging. Default true. */
  readonly staging?: boolean;
  /** Most blocks of it. Default: any number. */
  readonly stagingBlocks?: number;
  /** Whether that memory can be lent. Default false. */
  readonly lending?: boolean;
  /** Called with each record when it is submitted. */
  readonly onRecord?: (record: SubmittedRecord) => void;
}

/**
 * No ArrayBuffer here can be part of another one: what is lent is copied out, and copied back when it is taken.
 */
function lendingOf(bytes: Uint8Array): (offset: number, length: number) => Loan | null {
  return (offset, length) => {
    const buffer = bytes.slice(offset, offset + length).buffer;
    let isMoved = false;
    return {
      buffer,
      takeBack() {
        isMoved ||= buffer.byteLength === 0;
        if (!isMoved) bytes.set(new Uint8Array(structuredClone(buffer, { transfer: [buffer] })), offset);
        return !isMoved;
      },
    };
  };
}

/** A kernel without a host: for tests of this folder. It decodes what is submitted, and answers when told to. */
export class FakeKernel implements DeviceKernel {
  readonly returnRing: Uint8Array;
  listener: KernelListener | null = null;
  readonly records: SubmittedRecord[] = [];
  readonly submissions: { readonly fence: number; readonly lengthBytes: number }[] = [];
  readonly createdMemory: { readonly kind: string; readonly lengthBytes: number }[] = [];
  readonly destroyedMemory: Memory[] = [];
  closed = false;
  private readonly options: FakeKernelOptions;
  private readonly blocks: { readonly va: number; readonly bytes: Uint8Array }[] = [];
  private nextVa = 0x1_0000_0000;
  private handles = 0;
  private total = 0;
  /** How many submissions there were at each {@link publish}. */
  readonly published: number[] = [];
  private fence = 0;
  private readonly waiters: { readonly fence: number; readonly callback: () => void }[] = [];

  constructor(options: FakeKernelOptions = {}) {
    this.options = options;
    this.returnRing = new Uint8Array(options.returnRingBytes ?? 4096);
  }

  listen(): void {}

  submit(privateData: Uint8Array, fence: number): void {
    const view = new DataView(privateData.buffer, privateData.byteOffset, privateData.length);
    const length = view.getUint32(4, true);
    if (view.getUint32(0, true) !== 0 || length !== privateData.length - 8) {
      throw new Error(`private data say ${length} of ${privateData.length} bytes`);
    }
    if (privateData.length > 131_000) throw new Error(`${privateData.length} bytes in one submission`);
    this.decode(privateData.slice(8), fence);
  }

  submitFrom(region: StagingRegion, lengthBytes: number, fence: number): void {
    this.decode(this.memoryAt(region.gpuVaLow, region.gpuVaHigh, lengthBytes).slice(), fence);
  }

  publish(): void {
    this.published.push(this.submissions.length);
  }

  completed(): number {
    return this.fence;
  }

  whenCompleted(fence: number, callback: () => void): void {
    this.waiters.push({ fence, callback });
  }

  async createStagingBlock(lengthBytes: number): Promise<StagingBlock | null> {
    const { staging = true, stagingBlocks = Number.POSITIVE_INFINITY } = this.options;
    if (!staging || this.blocks.length >= stagingBlocks) return null;
    const bytes = new Uint8Array(lengthBytes);
    const va = this.nextVa;
    this.nextVa += lengthBytes + 65_536;
    const block = { va, bytes };
    this.blocks.push(block);
    return {
      memory: {
        bytes,
        length: lengthBytes,
        write: (offset, source) => bytes.set(source, offset),
        flush: () => {},
        ...(this.options.lending === true ? { lend: lendingOf(bytes) } : {}),
      },
      gpuVa: BigInt(va),
      dispose: () => this.blocks.splice(this.blocks.indexOf(block), 1),
    };
  }

  createMemory(kind: MemoryKind, lengthBytes: number): Memory {
    this.createdMemory.push({ kind, lengthBytes });
    this.handles += 1;
    return { kind, lengthBytes, runtimeHandleLow: this.handles, runtimeHandleHigh: 0 };
  }

  destroyMemory(memory: Memory): void {
    this.destroyedMemory.push(memory);
  }

  check(): void {}

  close(): void {
    this.closed = true;
  }

  /** The bytes at a GPU virtual address, as the backend sees them. */
  memoryAt(low: number, high: number, lengthBytes: number): Uint8Array {
    const address = high * 2 ** 32 + low;
    const block = this.blocks.find(
      ({ va, bytes }) => address >= va && address + lengthBytes <= va + bytes.length,
    );
    if (block === undefined) throw new Error(`no memory at ${address}, ${lengthBytes} bytes`);
    return block.bytes.subarray(address - block.va, address - block.va + lengthBytes);
  }

  /** Staging blocks that are there. */
  get blockCount(): number {
    return this.blocks.length;
  }

  /** Says that the GPU has come this far. */
  complete(fence: number): void {
    this.fence = fence;
    const due = this.waiters.filter((waiter) => waiter.fence <= fence);
    for (const waiter of due) this.waiters.splice(this.waiters.indexOf(waiter), 1);
    for (const { callback } of due) callback();
  }

  get isWaitedFor(): boolean {
    return this.waiters.length > 0;
  }

  /** Writes records into the return ring and tells the driver. */
  answer(write: (writer: StreamWriter) => void): void {
    const writer = new StreamWriter();
    write(writer);
    const bytes = writer.view();
    const left = this.returnRing.length - (this.total % this.returnRing.length);
    if (left < bytes.length) {
      const skip = new StreamWriter();
      returns.skip(skip, left / 4 - 1);
      this.append(skip.view());
    }
    this.append(bytes);
    this.listener?.returnsWritten(this.total);
  }

  /** Records of one kind, arguments only. */
  // biome-ignore lint/suspicious/noExplicitAny: the arguments of any op, for assertions
  argumentsOf(op: StreamOpName): any[][] {
    return this.records.filter((record) => record.op === op).map(({ args }) => args);
  }

  private append(bytes: Uint8Array): void {
    this.returnRing.set(bytes, this.total % this.returnRing.length);
    this.total += bytes.length;
  }

  private decode(stream: Uint8Array, fence: number): void {
    this.submissions.push({ fence, lengthBytes: stream.length });
    const record = (op: StreamOpName, args: unknown[]): void => {
      const copies = args.map((value) => (ArrayBuffer.isView(value) ? (value as Uint8Array).slice() : value));
      const entry = { op, args: copies };
      this.records.push(entry);
      this.options.onRecord?.(entry);
    };
    const handlers = new Proxy(
      {},
      {
        get:
          (_target, op) =>
          (...args: unknown[]) =>
            record(op as StreamOpName, args),
      },
    );
    decodeStream(stream, handlers as StreamHandlers);
  }
}
