import { decodeReturns, ops, type ReturnHandlers, StreamWriter } from '@dxgwire/protocol/stream';
import { queueMicrotask, runNextTurn } from '@dxgwire/transport/timers';
import { type GPUError, makeError } from './errors.ts';
import { Garbage } from './garbage.ts';
import { type DeviceKernel, type Memory, type MemoryKind, NO_MEMORY } from './kernel.ts';
import { Outbox } from './outbox.ts';
import { type RequestCallbacks, type RequestKind, Requests } from './requests.ts';
import { ReturnRing } from './return-ring.ts';
import { SpareMemory } from './spare-memory.ts';
import { StagingHeap, type StagingRegion } from './staging.ts';
import { WrittenMemory } from './written-memory.ts';

/** Writers of finished encoders that are kept for the next ones, and the largest that is. */
const SPARE_WRITERS = 16;
const SPARE_WRITER_WORDS = 1 << 20;

/** Why a device is lost that the program destroyed, in Dawn's words. */
const DESTROYED = 'device was destroyed';

/** Most ids in a record of released objects: it must fit a packet with ease, for larger ones need memory. */
const RELEASED_TOGETHER = 4096;

/** Counters and switches that all devices of a GPU share. */
export interface SharedCounters {
  /** A wait for the host begins that the program may be waiting for. */
  begin(): void;
  end(): void;
  readonly statistics: { roundTrips: number; submissions: number };
}

/** What tells the program of things that happen by themselves. */
export interface DeviceEvents {
  uncapturedError(error: GPUError): void;
  lost(reason: GPUDeviceLostReason, message: string): void;
}

export interface DeviceCoreOptions {
  readonly kernel: DeviceKernel;
  readonly counters: SharedCounters;
  /** Staging memory does not grow beyond this, bytes. */
  readonly stagingLimitBytes: number;
}

/** What an encoder records aside until it is finished. */
export interface EncoderLog {
  readonly serial: number;
  readonly writer: StreamWriter;
}

/** A mapping or a pending map that ends when the device is destroyed. */
export interface Mappable {
  unmap(): void;
  /** Takes what the program reads into memory of its own; null where that cannot be, else what is free with that. */
  leaveRegion(): StagingRegion | null;
  /** The staging memory goes away: keep what the program may still look at. */
  keepData(): void;
}

/** Everything of a device that programs do not see. */
export class DeviceCore {
  readonly kernel: DeviceKernel;
  readonly heap: StagingHeap;
  readonly outbox: Outbox;
  readonly writtenMemory: WrittenMemory;
  readonly requests = new Requests();
  readonly counters: SharedCounters;
  /** Buffers that are mapped, or about to be. */
  readonly mapped = new Set<Mappable>();
  features: ReadonlySet<string> = new Set();
  limits: Readonly<Record<string, number>> = {};
  events: DeviceEvents | null = null;
  /** Called when the device is lost, after everything was settled. */
  onLost: (() => void) | null = null;
  /** Why the device is lost; null while it is not. */
  lost: { readonly reason: GPUDeviceLostReason; readonly message: string } | null = null;
  /** How many submissions the host is known to have answered: all that it had to say of them was read. */
  answeredSubmissions = 0;
  private readonly spareMemory = new SpareMemory();
  private readonly garbage = new Garbage();
  private readonly ring: ReturnRing;
  private lastId = 0;
  private readonly freeIds: number[] = [];
  private encoderSerial = 0;
  private readonly spareWriters: StreamWriter[] = [];
  private readonly openEncoders = new Set<EncoderLog>();
  private readonly released: {
    readonly id: number;
    readonly memory: Memory | null;
    readonly serial: number;
  }[] = [];
  private releaseScheduled = false;
  /** True since {@link end}: nothing comes from the host any more. */
  private ended = false;
  /** The backend has said that the device is lost. */
  private isGone = false;
  /** What was asked of a destroyed device whose last answers are still to come: answered behind them. */
  private late: (() => void)[] = [];
  private readonly registry = new FinalizationRegistry<number | Releasable>((held) => this.collected(held));

  constructor({ kernel, counters, stagingLimitBytes }: DeviceCoreOptions) {
    this.kernel = kernel;
    this.counters = counters;
    this.heap = new StagingHeap({
      createBlock: (lengthBytes) => kernel.createStagingBlock(lengthBytes),
      limitBytes: stagingLimitBytes,
    });
    this.outbox = new Outbox(
      {
        submit: (privateData, fence) => {
          counters.statistics.submissions += 1;
          kernel.submit(privateData, fence);
        },
        submitFrom: (region, lengthBytes, fence) => {
          counters.statistics.submissions += 1;
          kernel.submitFrom(region, lengthBytes, fence);
        },
        publish: () => kernel.publish(),
        completed: () => kernel.completed(),
        whenCompleted: (fence, callback) => kernel.whenCompleted(fence, callback),
        schedule: (callback) => queueMicrotask(callback),
        beforeFlush: () => this.acknowledge(),
        makeRoom: () => this.makeRoom(),
      },
      this.heap,
    );
    this.writtenMemory = new WrittenMemory(this, stagingLimitBytes / 2);
    this.ring = new ReturnRing(kernel.returnRing);
    kernel.listener = {
      returnsWritten: (total) => this.readReturns(total),
      kernelLost: (message) => this.lose('unknown', message),
    };
    kernel.listen(0);
  }

  /** A device as the scope of conversions. */
  get core(): this {
    return this;
  }

  /** What a call of the device itself names is needed during the call only. */
  keep(): void {}

  /** Where records are written; call `outbox.changed()` behind them. */
  get writer(): StreamWriter {
    return this.outbox.writer;
  }

  /** A name for a new object in the command stream. */
  newId(): number {
    const id = this.freeIds.pop();
    if (id !== undefined) return id;
    this.lastId += 1;
    return this.lastId;
  }

  /** An id names nothing any more in the backend: the next object may have it. */
  reuseId(id: number): void {
    this.freeIds.push(id);
  }

  /** Arranges that an object's id is given back when the program has dropped its interface object. */
  track(object: object, held: number | Releasable): void {
    this.registry.register(object, held);
    this.garbage.objectMade();
  }

  /** Registers an encoder that records aside: what it names must live until it has finished or is dropped. */
  openEncoder(): EncoderLog {
    this.encoderSerial += 1;
    const log = { serial: this.encoderSerial, writer: this.spareWriters.pop() ?? new StreamWriter() };
    this.openEncoders.add(log);
    return log;
  }

  /** The encoder's records were taken, or will never be. */
  closeEncoder(log: EncoderLog): void {
    if (!this.openEncoders.delete(log)) return;
    if (this.released.length > 0) this.scheduleReleases();
    const { writer } = log;
    writer.reset();
    if (this.spareWriters.length < SPARE_WRITERS && writer.capacity <= SPARE_WRITER_WORDS) {
      this.spareWriters.push(writer);
    }
  }

  /** The program will not name this id again; its memory, if any, goes with it. */
  release(id: number, memory: Memory | null): void {
    this.released.push({ id, memory, serial: this.encoderSerial });
    this.scheduleReleases();
  }

  /** Memory for a buffer or texture. */
  createMemory(kind: MemoryKind, lengthBytes: number): Memory {
    return this.spareMemory.take(kind, lengthBytes) ?? this.kernel.createMemory(kind, lengthBytes);
  }

  /** Gives memory back after all that was recorded so far, at the object's explicit end. */
  destroyMemory(memory: Memory): void {
    if (memory === NO_MEMORY) return;
    const spare = this.spareMemory.add(memory);
    this.outbox.afterSubmission(() => {
      if (this.spareMemory.remove(spare)) this.kernel.destroyMemory(memory);
    });
  }

  /**
   * Makes a promise that an answer from the host settles. `send` records the request with its id; `done` and `lost`
   * settle the promise.
   */
  ask<T, K extends RequestKind>(
    kind: K,
    send: (requestId: number) => void,
    settle: (
      resolve: (value: T) => void,
      reject: (error: unknown) => void,
    ) => {
      done: RequestCallbacks[K];
      lost: () => void;
    },
  ): Promise<T> {
    const { counters } = this;
    return new Promise<T>((resolvePromise, rejectPromise) => {
      let settled = false;
      const finish = (): void => {
        if (settled) return;
        settled = true;
        counters.end();
      };
      const resolve = (value: T): void => {
        finish();
        resolvePromise(value);
      };
      const reject = (error: unknown): void => {
        finish();
        rejectPromise(error);
      };
      counters.begin();
      const { done, lost } = settle(resolve, reject);
      if (this.lost !== null) {
        // Behind the call, and not within this turn: a program that asks for ever lets others have theirs, as with Dawn.
        if (this.ended) runNextTurn(lost);
        else this.late.push(lost);
        return;
      }
      const requestId = this.requests.add(kind, done, lost);
      try {
        send(requestId);
      } catch (error) {
        // Longer than a record can be: nothing was sent, and no answer will come.
        this.requests.forget(requestId);
        reject(error);
        return;
      }
      counters.statistics.roundTrips += 1;
      this.outbox.changed();
    });
  }

  /** Ends the device, once: `lost` of the device resolves, and everything that waits is settled. */
  lose(reason: GPUDeviceLostReason, message: string): void {
    if (this.lost === null) {
      this.lost = { reason, message };
      for (const buffer of this.mapped) buffer.keepData();
      this.events?.lost(reason, message);
    }
    this.end();
  }

  /**
   * Unmaps all buffers and loses the device: GPUDevice.destroy(). What was asked before is still answered, with what
   * the device found, so it ends when the last answer is there.
   */
  destroy(): void {
    if (this.lost !== null) return;
    this.events?.lost('destroyed', DESTROYED);
    for (const buffer of [...this.mapped]) buffer.unmap();
    this.mapped.clear();
    ops.destroyDevice(this.outbox.writer);
    this.outbox.seal();
    this.lost = { reason: 'destroyed', message: DESTROYED };
  }

  /** Nothing comes from the host any more: settles what waits, and gives everything back. */
  private end(): void {
    if (this.ended) return;
    this.ended = true;
    this.outbox.close();
    this.heap.close();
    this.kernel.close();
    this.requests.loseAll();
    const { late } = this;
    this.late = [];
    for (const lost of late) lost();
    this.released.length = 0;
    this.openEncoders.clear();
    this.onLost?.();
  }

  /** Gives staging memory back that the program or a pending map held. */
  freeRegion(region: StagingRegion): void {
    if (this.ended) return;
    this.heap.free(region);
    if (this.outbox.isBlocked) this.outbox.drain();
  }

  /** There is no more staging memory: what a buffer that is mapped for reading has of it is copied out. One at a time. */
  private makeRoom(): boolean {
    for (const buffer of this.mapped) {
      const region = buffer.leaveRegion();
      if (region === null) continue;
      this.heap.free(region);
      return true;
    }
    return false;
  }

  /** The program reads what is in a region. */
  holdRegion(region: StagingRegion): void {
    if (this.ended) return;
    this.heap.hold(region);
    // It may wait for more before it lets go of any: what still waits for room when it has had its turn looks for other memory.
    if (this.outbox.isBlocked) runNextTurn(() => this.outbox.drain());
  }

  /** A buffer of this size will be read back: sees to memory for it early, so that nothing waits then. */
  expectDownload(lengthBytes: number): void {
    const { heap, outbox } = this;
    if (lengthBytes === 0 || heap.couldHold(lengthBytes) || !heap.canGrow(lengthBytes)) return;
    void heap.grow(lengthBytes).then(() => outbox.drain());
  }

  /** Raises an error that the driver found by itself, in its place among those of the backend. */
  injectError(type: GPUErrorFilter, message: string): void {
    ops.injectError(this.outbox.writer, type, message);
    this.outbox.changed();
  }

  private collected(held: number | Releasable): void {
    this.garbage.objectGone();
    if (typeof held === 'number') this.release(held, null);
    else held.released();
  }

  private scheduleReleases(): void {
    if (this.releaseScheduled || this.lost !== null) return;
    this.releaseScheduled = true;
    queueMicrotask(() => {
      this.releaseScheduled = false;
      this.sendReleases();
    });
  }

  /** Sends the releases that no open encoder can be in the way of: those made before it was opened. */
  private sendReleases(): void {
    if (this.lost !== null) return;
    const [oldest] = this.openEncoders;
    const barrier = oldest === undefined ? Number.POSITIVE_INFINITY : oldest.serial;
    const { released } = this;
    let count = 0;
    while (count < released.length && released[count]!.serial < barrier) count += 1;
    if (count === 0) return;
    const gone = released.splice(0, count);
    const ids = gone.map(({ id }) => id);
    for (let start = 0; start < ids.length; start += RELEASED_TOGETHER) {
      ops.releaseObjects(this.outbox.writer, ids.slice(start, start + RELEASED_TOGETHER));
    }
    for (const id of ids) this.freeIds.push(id);
    const memories = gone.flatMap(({ memory }) => (memory === null ? [] : [memory]));
    if (memories.length === 0) {
      this.outbox.changed();
    } else {
      this.outbox.afterSubmission(() => {
        for (const memory of memories) this.kernel.destroyMemory(memory);
      });
    }
  }

  private readReturns(total: number): void {
    if (this.ended) return;
    try {
      const bytes = this.ring.take(total);
      decodeReturns(bytes, this.handlers);
    } catch (error) {
      this.lose('unknown', `The host sent what cannot be read: ${(error as Error).message}`);
    }
    if (this.lost !== null) {
      // A destroyed device: its loss comes in the midst of its last answers. It can acknowledge nothing any more, so
      // more than the ring holds cannot come.
      if ((this.isGone && this.requests.size === 0) || this.ring.acknowledgementIsDue) this.end();
    } else if (this.ring.acknowledgementIsDue) {
      this.acknowledge();
      this.outbox.changed();
    }
  }

  /** Tells the backend how far the return ring was read, where that is news. */
  private acknowledge(): void {
    const { ring } = this;
    if (!ring.acknowledgementIsNews) return;
    ops.returnsConsumed(this.outbox.writer, ring.consumed % 2 ** 32, Math.floor(ring.consumed / 2 ** 32));
    ring.acknowledge();
  }

  private readonly handlers: ReturnHandlers = {
    skip: () => {},
    deviceResult: (result) => {
      this.answeredSubmissions = this.outbox.submissions;
      this.requests.take('device', result.requestId)(result);
    },
    mapResult: (id, status, message) => this.requests.take('map', id)(status, message),
    errorScopeResult: (id, status, type, message) => this.requests.take('scope', id)(status, type, message),
    pipelineResult: (id, status, message) => this.requests.take('pipeline', id)(status, message),
    compilationInfo: (info) => this.requests.take('compilation', info.requestId)(info),
    workDone: (id) => this.requests.take('work', id)(),
    uncapturedError: (type, message) => this.events?.uncapturedError(makeError(type, message)),
    deviceLost: (reason, message) => {
      this.isGone = true;
      if (this.lost === null) this.lose(reason, message);
    },
  };
}

/** An object whose end needs more than giving its id back. Must not refer to the interface object. */
export interface Releasable {
  released(): void;
}
