import type { AdapterServer } from '../adapter.ts';
import { FrameBatch, readBatch } from '../frames.ts';
import { GpuServer } from '../gpu-server.ts';
import type { Regions } from '../process/frame-data.ts';
import { ProcessServer } from '../process/process-server.ts';

/** There is no other process, and so no memory to share with one. */
const NO_REGIONS: Regions = {
  map() {},
  unmap() {},
  memory: null,
  view(id) {
    throw new Error(`there is no region ${id} in a page`);
  },
};

/**
 * A server in the host's own page or thread. Frames pass from hand to hand, at the end of the turn and not within the
 * host's own calls. It cannot end a shader that hangs: that is up to the browser, which then takes the device away.
 */
export class PageServer extends GpuServer implements AdapterServer {
  readonly ready: Promise<unknown> = Promise.resolve();
  onDeath: ((reason: string) => void)[] = [];
  private readonly server: ProcessServer;
  private readonly toHost = new FrameBatch();
  private scheduled = false;
  private answering = false;
  private gone = false;

  constructor(gpu: GPU) {
    super();
    this.server = new ProcessServer(gpu, NO_REGIONS, this.toHost, () => this.answerSoon());
  }

  get isGone(): boolean {
    return this.gone;
  }

  flushSoon(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      if (this.gone) return;
      const taken = this.batch.take();
      readBatch(taken, this.server.onFrame);
      this.server.endTurn();
      this.batch.recycle(taken);
    });
  }

  private answerSoon(): void {
    if (this.answering) return;
    this.answering = true;
    queueMicrotask(() => {
      this.answering = false;
      if (this.gone) return;
      const taken = this.toHost.take();
      readBatch(taken, (frame) => this.onFrame(frame));
      this.toHost.recycle(taken);
    });
  }

  /** A page lives as long as it does. */
  countRunning(): void {}

  /** Drops every device; nothing is answered any more. */
  end(): void {
    if (this.gone) return;
    this.gone = true;
    this.onDeath = [];
    this.server.close();
    this.endWrites();
  }
}
