import { ContextExecutor } from '../executor/context-executor.ts';
import { type FrameBatch, type FrameView, GpuFrame, HostFrame } from '../frames.ts';
import { WriteOutcome } from './access-words.ts';
import { FrameData, type Regions, type SendWrote } from './frame-data.ts';

/** Carries out the host's frames, and writes the answers. */
export class ProcessServer {
  private readonly gpu: GPU;
  private readonly batch: FrameBatch;
  private readonly send: () => void;
  private readonly contexts = new Map<number, ContextExecutor>();
  private readonly regions: Regions;

  /** @param send is called after frames were written to the batch. */
  constructor(gpu: GPU, regions: Regions, batch: FrameBatch, send: () => void) {
    this.gpu = gpu;
    this.regions = regions;
    this.batch = batch;
    this.send = send;
  }

  readonly onFrame = (frame: FrameView): void => {
    switch (frame.kind) {
      case HostFrame.submit:
        this.submit(frame);
        break;
      case HostFrame.mapRegion:
        this.regions.map(frame.word(), frame.text(), Number(frame.text()));
        break;
      case HostFrame.unmapRegion:
        this.regions.unmap(frame.word());
        break;
      case HostFrame.createContext:
        this.createContext(frame.word(), frame.word());
        break;
      case HostFrame.freeMemory:
        this.contexts.get(frame.word())?.freeMemory(frame.word());
        break;
      case HostFrame.destroyContext: {
        const id = frame.word();
        this.contexts.get(id)?.destroy();
        this.contexts.delete(id);
        break;
      }
      default:
        throw new RangeError(`frame of unknown kind ${frame.kind} from the host`);
    }
  };

  /** To be called when all frames that came together were handled. */
  endTurn(): void {
    for (const context of this.contexts.values()) {
      context.endTurn();
      context.collectDropped(() => globalThis.gc?.());
    }
  }

  /** Drops all contexts with their devices. */
  close(): void {
    for (const context of this.contexts.values()) context.destroy();
    this.contexts.clear();
  }

  private createContext(id: number, maxMessageUnits: number): void {
    const { batch } = this;
    const executor = new ContextExecutor({
      requestAdapter: (featureLevel) => this.gpu.requestAdapter({ featureLevel }),
      maxMessageUnits,
      answersSent: () => {
        batch.begin(GpuFrame.idle);
        batch.word(id);
        batch.end();
        this.send();
      },
      sendReturns: (records) => {
        batch.begin(GpuFrame.returns);
        batch.word(id);
        batch.word(records.length);
        batch.append(records);
        batch.end();
        this.send();
      },
    });
    this.contexts.set(id, executor);
  }

  private submit(frame: FrameView): void {
    const contextId = frame.word();
    const sequence = frame.word();
    const streamBytes = frame.word();
    const accessWords = frame.word();
    const inlineBytes = frame.word();
    const stream = frame.data(streamBytes);
    const data = new FrameData(
      this.regions,
      this.sendWrote,
      frame.words(accessWords),
      frame.data(inlineBytes),
    );
    const end = (fault: string | null): void => this.sendDone(contextId, sequence, fault);
    const context = this.contexts.get(contextId);
    if (context === undefined) end('its context is gone');
    else context.submit(stream, data, () => data.copy(), end);
  }

  private sendDone(contextId: number, sequence: number, fault: string | null): void {
    const { batch } = this;
    batch.begin(GpuFrame.done);
    batch.word(contextId);
    batch.word(sequence);
    batch.word(this.contexts.get(contextId)?.noteAnswers() === true ? 1 : 0);
    batch.word(fault === null ? 0 : 1);
    batch.text(fault ?? '');
    batch.end();
    this.send();
  }

  private readonly sendWrote: SendWrote = (writeId, written, inline) => {
    const { batch } = this;
    batch.begin(GpuFrame.wrote);
    batch.word(writeId);
    batch.word(written ? WriteOutcome.written : WriteOutcome.none);
    batch.word(inline.length);
    for (const piece of inline) {
      batch.word(piece.length);
      batch.append(piece);
    }
    batch.end();
    this.send();
  };
}
