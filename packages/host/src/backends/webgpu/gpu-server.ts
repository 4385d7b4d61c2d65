import { FrameBatch, type FrameView, GpuFrame, HostFrame } from './frames.ts';
import { WriteOutcome } from './process/access-words.ts';

/** What a context hears of its server. */
export interface ContextPort {
  /** A submission has ended; `owesAnswers`: {@link onIdle} will say when its answers have come. */
  onDone(sequence: number, fault: string | null, owesAnswers: boolean): void;
  onIdle(): void;
  onReturns(records: Uint8Array): void;
}

/** A write of mapped bytes ended; `inline` has the bytes that the host must place itself. */
export type WriteEnd = (written: boolean, inline: readonly Uint8Array[]) => void;

/**
 * Whoever executes command streams, seen from the host: frames go there in batches and come back one by one. Where it
 * runs is up to the class that extends this one: a process of its own, or the host's own page.
 */
export abstract class GpuServer {
  readonly batch = new FrameBatch();
  private readonly contexts = new Map<number, ContextPort>();
  private readonly writes = new Map<number, WriteEnd>();
  private lastContextId = 0;
  private lastWriteId = 0;
  private lastRegionId = 0;

  /** True when it takes no more work. */
  abstract get isGone(): boolean;

  /** Sends what is in the batch behind all microtasks of this turn. */
  abstract flushSoon(): void;

  /** Something began or ended. */
  abstract countRunning(change: number): void;

  /** A frame has come. */
  protected onFrame(frame: FrameView): void {
    if (frame.kind === GpuFrame.wrote) {
      const writeId = frame.word();
      const written = frame.word() === WriteOutcome.written;
      const inline = Array.from({ length: frame.word() }, () => frame.data(frame.word()));
      const end = this.writes.get(writeId);
      this.writes.delete(writeId);
      end?.(written, inline);
      return;
    }
    const context = this.contexts.get(frame.word());
    if (frame.kind === GpuFrame.done) {
      const sequence = frame.word();
      const owesAnswers = frame.word() === 1;
      const isFault = frame.word() === 1;
      context?.onDone(sequence, isFault ? frame.text() : null, owesAnswers);
    } else if (frame.kind === GpuFrame.idle) {
      context?.onIdle();
    } else if (frame.kind === GpuFrame.returns) {
      context?.onReturns(frame.data(frame.word()));
    }
  }

  /** @returns the number under which the process knows the context. */
  addContext(port: ContextPort, maxMessageUnits: number): number {
    this.lastContextId += 1;
    this.contexts.set(this.lastContextId, port);
    this.batch.begin(HostFrame.createContext);
    this.batch.word(this.lastContextId);
    this.batch.word(maxMessageUnits);
    this.batch.end();
    this.flushSoon();
    return this.lastContextId;
  }

  /** Destroys the context in the process; its port hears of it until {@link forgetContext}. */
  destroyContext(id: number): void {
    this.batch.begin(HostFrame.destroyContext);
    this.batch.word(id);
    this.batch.end();
    this.flushSoon();
  }

  /** Frees the memory of the buffer or texture that a context has in an allocation. */
  freeMemory(contextId: number, allocation: number): void {
    this.batch.begin(HostFrame.freeMemory);
    this.batch.word(contextId);
    this.batch.word(allocation);
    this.batch.end();
    this.flushSoon();
  }

  forgetContext(id: number): void {
    this.contexts.delete(id);
  }

  /** A number for a write of mapped bytes; `end` is called once, also when the process ends. */
  addWrite(end: WriteEnd): number {
    this.lastWriteId += 1;
    this.writes.set(this.lastWriteId, end);
    return this.lastWriteId;
  }

  /** A write was not sent after all. */
  cancelWrite(id: number): void {
    const end = this.writes.get(id);
    this.writes.delete(id);
    end?.(false, []);
  }

  /** Tells the process to map a shared file. Not within an open frame. @returns its number there. */
  mapRegion(path: string, inode: number): number {
    this.lastRegionId += 1;
    this.batch.begin(HostFrame.mapRegion);
    this.batch.word(this.lastRegionId);
    this.batch.text(path);
    this.batch.text(String(inode));
    this.batch.end();
    this.flushSoon();
    return this.lastRegionId;
  }

  /** The file is going away: work sent before still finds it. */
  unmapRegion(id: number): void {
    this.batch.begin(HostFrame.unmapRegion);
    this.batch.word(id);
    this.batch.end();
    this.flushSoon();
  }

  protected endWrites(): void {
    for (const id of [...this.writes.keys()]) this.cancelWrite(id);
  }
}
