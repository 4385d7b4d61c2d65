import { isProtocolError } from '@dxgwire/protocol';
import type { ContextData } from '@dxgwire/protocol/blobs';
import { returns, StreamWriter } from '@dxgwire/protocol/stream';
import type { BackendLog, ContextServices, ExecutionResult, Submission } from '../contract.ts';
import { type AllocationMemory, type WebgpuAllocation, writePieces } from './allocation.ts';
import type { ContextPort, GpuServer } from './gpu-server.ts';
import { ReturnRingWriter, saysDeviceLost } from './return-ring.ts';
import { type SubmissionBuilder, SubmissionFault } from './submission-builder.ts';
import type { Transfer } from './transfer-pool.ts';

/** Messages in return records, UTF-16 units: a quarter of the ring at three bytes a unit, within these. */
const MIN_MESSAGE_UNITS = 256;
const MAX_MESSAGE_UNITS = 16_384;

/** A submission under way. */
interface Running {
  readonly done: (result: ExecutionResult) => void;
  /** Memory that it reads from. */
  readonly transfers: readonly Transfer[] | null;
}

export interface ContextOptions {
  readonly server: GpuServer;
  readonly services: ContextServices;
  readonly data: ContextData;
  readonly memory: AllocationMemory;
  readonly builder: SubmissionBuilder;
  readonly log: BackendLog;
}

/** One context: a GPUDevice of the server, its submissions under way, and its return ring. */
export class WebgpuContext implements ContextPort {
  readonly id: number;
  readonly server: GpuServer;
  readonly services: ContextServices;
  private readonly data: ContextData;
  private readonly memory: AllocationMemory;
  private readonly builder: SubmissionBuilder;
  private readonly log: BackendLog;
  private readonly ring: ReturnRingWriter;
  private readonly running = new Map<number, Running>();
  private lastSequence = 0;
  /** Why it takes no more work. */
  private ended: ExecutionResult | null = null;
  private saidLost = false;
  private awaiting = false;
  private destroyed = false;

  constructor({ server, services, data, memory, builder, log }: ContextOptions) {
    this.server = server;
    this.services = services;
    this.data = data;
    this.memory = memory;
    this.builder = builder;
    this.log = log;
    this.ring = this.openRing();
    const ringBytes = this.findRing()?.lengthBytes ?? 0;
    const units = Math.floor(ringBytes / 4 / 3);
    this.id = server.addContext(this, Math.min(MAX_MESSAGE_UNITS, Math.max(MIN_MESSAGE_UNITS, units)));
  }

  private openRing(): ReturnRingWriter {
    const { findRing, memory, services, data } = this;
    return new ReturnRingWriter({
      get lengthBytes() {
        return findRing()?.lengthBytes ?? 0;
      },
      write: (offset, bytes) => {
        const ring = findRing();
        if (ring !== null) writePieces(memory.pieces(ring, offset, bytes.length), bytes);
      },
      signal: (totalLow, totalHigh) => {
        services.signalFence(data.returnFence, totalLow, totalHigh);
        if (data.returnEvent !== undefined) services.signalFence(data.returnEvent, 0, 0);
      },
    });
  }

  /** The ring's allocation; null when the guest has none (yet, or any more). */
  private readonly findRing = (): WebgpuAllocation | null => {
    const [low, high] = this.data.returnRing;
    const allocation = this.services.findAllocation(low, high)?.allocation as WebgpuAllocation | undefined;
    return allocation?.hasBytes === true ? allocation : null;
  };

  execute(submission: Submission, done: (result: ExecutionResult) => void): void {
    if (this.ended !== null) {
      done(this.ended);
      return;
    }
    this.lastSequence = (this.lastSequence + 1) >>> 0;
    const sequence = this.lastSequence;
    let transfers: readonly Transfer[] | null;
    try {
      transfers = this.builder.send(this, submission, sequence);
    } catch (error) {
      done(resultOf(error));
      return;
    }
    this.running.set(sequence, { done, transfers });
    this.server.countRunning(1);
  }

  onConsumed(total: number): void {
    this.ring.consume(total);
  }

  onDone(sequence: number, fault: string | null, owesAnswers: boolean): void {
    const running = this.running.get(sequence);
    if (owesAnswers) this.setAwaiting(true);
    if (this.running.delete(sequence)) this.server.countRunning(-1);
    if (this.destroyed && this.running.size === 0) this.server.forgetContext(this.id);
    if (running !== undefined) {
      finish(running, fault === null ? { kind: 'completed' } : { kind: 'fault', message: fault });
    }
  }

  onIdle(): void {
    this.setAwaiting(false);
  }

  /** Answers that are still to come keep the host running, as submissions do. */
  private setAwaiting(awaiting: boolean): void {
    if (awaiting === this.awaiting) return;
    this.awaiting = awaiting;
    this.server.countRunning(awaiting ? 1 : -1);
  }

  onReturns(records: Uint8Array): void {
    if (this.ended !== null || this.destroyed) return;
    this.saidLost ||= saysDeviceLost(records);
    if (this.ring.push(records)) return;
    const message = 'the guest does not read what its device returns';
    this.log.warn({ context: this.data.label }, message);
    this.ended = { kind: 'fault', message };
    this.server.destroyContext(this.id);
  }

  /** The server is gone, and the device with it. */
  lose(reason: string): void {
    if (this.ended?.kind === 'lost') return;
    this.ended = { kind: 'lost' };
    if (!this.saidLost && !this.destroyed) {
      this.saidLost = true;
      const writer = new StreamWriter(64);
      returns.deviceLost(writer, 'unknown', reason);
      this.ring.push(writer.view());
    }
    const running = [...this.running.values()];
    this.running.clear();
    this.server.countRunning(-running.length);
    this.setAwaiting(false);
    for (const one of running) finish(one, { kind: 'lost' });
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.setAwaiting(false);
    if (this.server.isGone) return;
    this.server.destroyContext(this.id);
    if (this.running.size === 0) this.server.forgetContext(this.id);
  }
}

function finish({ done, transfers }: Running, result: ExecutionResult): void {
  if (transfers !== null) for (const transfer of transfers) transfer.release();
  done(result);
}

function resultOf(error: unknown): ExecutionResult {
  if (error instanceof SubmissionFault && error.address !== null) {
    return { kind: 'page-fault', address: error.address };
  }
  if (error instanceof SubmissionFault || isProtocolError(error) || error instanceof RangeError) {
    return { kind: 'fault', message: error.message };
  }
  throw error;
}
