import { Limits } from '@dxgwire/protocol';
import { AllocationKind, encodeAllocationData } from '@dxgwire/protocol/blobs';
import type { GuestMemory, GuestMemoryBlock } from '@dxgwire/transport';
import { queueMicrotask } from '@dxgwire/transport/timers';
import { KmtEvent, type KmtProcess } from '../kmt/index.ts';
import type { FenceView, KmtLoss } from '../kmt/types/common.ts';
import type { DeviceKernel, KernelListener, Memory, MemoryKind } from './kernel.ts';
import type { StagingBlock, StagingRegion } from './staging.ts';

const PAGE_BYTES = 4096;

/** D3DKMT_DEVICESTATE_EXECUTION, and its value for a device that works. */
const STATE_EXECUTION = 1;
const EXECUTION_ACTIVE = 1;

/** D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE.Write */
const PROTECTION_WRITE = 1n;

/** What a fence becomes when its device is lost. */
const LARGEST_VALUE = 0xffff_ffff_ffff_ffffn;

/** Driver-private data of a submission whose stream lies at a GPU virtual address: kind 1, and nothing more. */
const STREAM_AT_ADDRESS = new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]);

/** Our additions that the host has. */
export interface AdapterFeatures {
  /** An allocation is resident once it was created. */
  readonly createResident: boolean;
  /** A context's CPU notification is signalled when there are answers. */
  readonly returnEvents: boolean;
}

/** A CPU-notification object, and the event that it signals. */
export interface ReturnEvent {
  readonly object: number;
  readonly event: KmtEvent;
}

export interface KernelOptions {
  readonly process: KmtProcess;
  readonly memory: GuestMemory;
  readonly adapter: number;
  readonly features: AdapterFeatures;
  readonly label: string;
  readonly returnRingBytes: number;
  /** Counts a wait for the host. */
  readonly wait: <T>(answer: Promise<T>) => Promise<T>;
}

/** Handles of everything that a device is made of. */
export interface KernelHandles {
  readonly device: number;
  readonly pagingQueue: number;
  readonly pagingFence: number;
  readonly context: number;
  readonly queue: number;
  readonly progressFence: number;
  readonly progressView: FenceView;
  readonly returnFence: number;
  readonly returnView: FenceView;
  /** Null where the host has no such thing: then the guest waits for the return fence again and again. */
  readonly returnEvent: ReturnEvent | null;
  readonly returnRing: Uint8Array;
  readonly ringAllocation: number;
}

/** Memory whose allocation was asked for. */
class KmtMemory implements Memory {
  readonly kind: MemoryKind;
  readonly lengthBytes: number;
  readonly runtimeHandleLow: number;
  readonly runtimeHandleHigh: number;
  /** 0 until the host has answered, and for good when it refused. */
  allocation = 0;
  destroyed = false;

  constructor(kind: MemoryKind, lengthBytes: number, low: number, high: number) {
    this.kind = kind;
    this.lengthBytes = lengthBytes;
    this.runtimeHandleLow = low;
    this.runtimeHandleHigh = high;
  }
}

/** A device's context, queue and memory, over the D3DKMT calls. */
export class KmtKernel implements DeviceKernel {
  listener: KernelListener | null = null;
  private readonly options: KernelOptions;
  private readonly handles: KernelHandles;
  /** 1 is the return ring's. */
  private lastRuntimeHandle = 1;
  private doomed: number[] = [];
  /** Allocation data (see the blobs of the protocol), written anew for each creation: it is copied at once. */
  private readonly allocationData = new Uint32Array(4);
  private readonly allocationBytes = new Uint8Array(this.allocationData.buffer);
  private readonly blocks = new Set<GuestMemoryBlock>();
  /** Bytes of answers that the listener was told of. */
  private consumed = 0n;
  private closed = false;

  constructor(options: KernelOptions, handles: KernelHandles) {
    this.options = options;
    this.handles = handles;
  }

  get returnRing(): Uint8Array {
    return this.handles.returnRing;
  }

  listen(consumed: number): void {
    if (this.closed) return;
    const { returnFence, returnEvent } = this.handles;
    this.consumed = BigInt(consumed);
    if (returnEvent === null) {
      this.waitFor(returnFence, this.consumed + 1n, () => {
        if (this.hear()) this.listen(Number(this.consumed));
        else void this.findLoss();
      });
      return;
    }
    returnEvent.event.onSignal = () => void this.hear();
    returnEvent.event.onLost = (loss) => this.unreachable(loss);
    // Not for answers: only for the end of the device, which sets its fences to their largest value.
    this.waitFor(returnFence, LARGEST_VALUE, () => void this.findLoss());
  }

  /** Tells of answers that have come. @returns false when none have. */
  private hear(): boolean {
    if (this.closed) return false;
    const { returnView, returnRing } = this.handles;
    const total = returnView.value();
    // A device that is lost has the largest value there, which says nothing of answers.
    if (total <= this.consumed || total - this.consumed > BigInt(returnRing.length)) return false;
    this.consumed = total;
    this.listener?.returnsWritten(Number(total));
    return true;
  }

  submit(privateData: Uint8Array, fence: number): void {
    const ret = this.options.process.postSubmitCommandToHwQueue({
      hwqueue: this.handles.queue,
      hwqueueProgressFenceId: BigInt(fence),
      privDrvData: privateData,
    });
    if (ret < 0) this.refused(ret);
  }

  submitFrom(region: StagingRegion, lengthBytes: number, fence: number): void {
    const ret = this.options.process.postSubmitCommandToHwQueue({
      hwqueue: this.handles.queue,
      hwqueueProgressFenceId: BigInt(fence),
      commandBuffer: region.block.gpuVa + BigInt(region.offset),
      commandLength: lengthBytes,
      privDrvData: STREAM_AT_ADDRESS,
    });
    if (ret < 0) this.refused(ret);
  }

  publish(): void {
    if (!this.closed) this.options.process.flushPosts();
  }

  completed(): number {
    return Number(this.handles.progressView.value());
  }

  whenCompleted(fence: number, callback: () => void): void {
    if (this.closed || this.completed() >= fence) queueMicrotask(callback);
    else this.waitFor(this.handles.progressFence, BigInt(fence), callback);
  }

  async createStagingBlock(lengthBytes: number): Promise<StagingBlock | null> {
    const { process, memory, features } = this.options;
    const { device, pagingQueue } = this.handles;
    let block: GuestMemoryBlock;
    try {
      block = memory.allocate(lengthBytes);
    } catch {
      // The guest's memory or the quota is used up: the caller goes on without.
      return null;
    }
    this.blocks.add(block);
    const made = await process.createAllocation({
      device,
      makeResident: features.createResident,
      allocationInfo: [
        {
          sysmem: { block, offset: 0, length: lengthBytes },
          privDrvData: encodeAllocationData({ lengthBytes, kind: AllocationKind.bytes }),
        },
      ],
    });
    const allocation = made.ret < 0 ? 0 : (made.allocationInfo[0]?.allocation ?? 0);
    if (allocation === 0) {
      this.freeBlock(block);
      return null;
    }
    const mapped = await process.mapGpuVirtualAddress({
      pagingQueue,
      allocation,
      sizeInPages: BigInt(Math.ceil(lengthBytes / PAGE_BYTES)),
      protection: PROTECTION_WRITE,
    });
    if (mapped.ret < 0) {
      this.destroyBlock(block, allocation);
      return null;
    }
    this.orderAfterPaging(mapped.pagingFenceValue);
    const gpuVa = mapped.virtualAddress;
    return {
      memory: block,
      gpuVa,
      dispose: () => {
        if (this.closed) return;
        void process.freeGpuVirtualAddress({
          adapter: this.options.adapter,
          baseAddress: gpuVa,
          size: BigInt(block.length),
        });
        this.destroyBlock(block, allocation);
      },
    };
  }

  createMemory(kind: MemoryKind, lengthBytes: number): Memory {
    const { process, features } = this.options;
    this.lastRuntimeHandle += 1;
    const handle = this.lastRuntimeHandle;
    const memory = new KmtMemory(kind, lengthBytes, handle % 2 ** 32, Math.floor(handle / 2 ** 32));
    const { allocationData, allocationBytes: privDrvData } = this;
    allocationData[0] = lengthBytes % 2 ** 32;
    allocationData[1] = Math.floor(lengthBytes / 2 ** 32);
    allocationData[2] = AllocationKind[kind];
    void process
      .createAllocation({
        device: this.handles.device,
        makeResident: features.createResident,
        privateRuntimeResourceHandle: BigInt(handle),
        allocationInfo: [{ privDrvData }],
      })
      .then(({ ret, allocationInfo }) => {
        const made = allocationInfo[0];
        // A refusal shows in the stream: the backend finds no memory under the handle, and says so in its place.
        if (ret < 0 || made === undefined) return;
        memory.allocation = made.allocation;
        if (memory.destroyed) this.doom(memory.allocation);
      });
    return memory;
  }

  destroyMemory(memory: Memory): void {
    if (!(memory instanceof KmtMemory) || memory.destroyed) return;
    memory.destroyed = true;
    if (memory.allocation !== 0) this.doom(memory.allocation);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    const { process, memory } = this.options;
    const { device, ringAllocation, returnEvent } = this.handles;
    // A lock that ends with its device lets the host keep the window's pages: the guest might still look at them.
    void process.unlock2({ device, allocation: ringAllocation });
    // It is the process's, and does not go with the device.
    if (returnEvent !== null) void process.destroySynchronizationObject({ syncObject: returnEvent.object });
    void process.destroyDevice({ device }).then(() => {
      for (const block of this.blocks) memory.free(block);
      this.blocks.clear();
    });
  }

  check(): void {
    void this.findLoss();
  }

  /** A submission was refused here: what comes after it would not mean what the program meant. */
  private refused(ret: number): void {
    queueMicrotask(() => this.listener?.kernelLost(`A submission was refused (error ${ret}).`));
  }

  /** A message of this device may have failed: asks what became of the device. */
  private async findLoss(): Promise<void> {
    if (this.closed) return;
    const { ret, executionState } = await this.options.process.getDeviceState({
      device: this.handles.device,
      stateType: STATE_EXECUTION,
    });
    if (this.closed) return;
    const why = ret < 0 ? `error ${ret}` : `execution state ${executionState}`;
    if (ret < 0 || executionState !== EXECUTION_ACTIVE) {
      this.listener?.kernelLost(`The host says that the device is lost (${why}).`);
    } else {
      this.listener?.kernelLost('The host refused a message, or ended the wait for its answers.');
    }
  }

  /** Calls back once when a fence has reached a value. */
  private waitFor(object: number, value: bigint, callback: () => void): void {
    const event = new KmtEvent(callback);
    event.onLost = (loss) => this.unreachable(loss);
    void this.options.process
      .waitForSynchronizationObjectFromCpu({
        device: this.handles.device,
        objects: [object],
        fenceValues: [value],
        asyncEvent: event,
      })
      .then(({ ret }) => {
        if (ret < 0) void this.findLoss();
      });
  }

  private unreachable(loss: KmtLoss): void {
    this.listener?.kernelLost(`The connection to the host is gone (${loss}).`);
  }

  /** Makes the queue wait, on the GPU's side, for page tables that are still being changed. */
  private orderAfterPaging(fenceValue: bigint): void {
    if (fenceValue === 0n) return;
    this.options.process.postSubmitWaitForSyncObjectsToHwQueue({
      hwqueue: this.handles.queue,
      objects: [this.handles.pagingFence],
      fenceValues: [fenceValue],
    });
  }

  private destroyBlock(block: GuestMemoryBlock, allocation: number): void {
    void this.options.process
      .destroyAllocation2({ device: this.handles.device, allocations: [allocation] })
      .then(() => this.freeBlock(block));
  }

  private freeBlock(block: GuestMemoryBlock): void {
    if (this.blocks.delete(block)) this.options.memory.free(block);
  }

  /** Destroys an allocation together with the others of this turn, as many at once as a call takes. */
  private doom(allocation: number): void {
    this.doomed.push(allocation);
    if (this.doomed.length > 1) return;
    queueMicrotask(() => {
      const allocations = this.doomed;
      this.doomed = [];
      if (this.closed) return;
      const { device } = this.handles;
      for (let start = 0; start < allocations.length; start += Limits.maxCreateAllocations) {
        const some = allocations.slice(start, start + Limits.maxCreateAllocations);
        void this.options.process.destroyAllocation2({ device, allocations: some });
      }
    });
  }
}
