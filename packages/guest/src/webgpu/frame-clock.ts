import { now, setTimeout } from '@dxgwire/transport/timers';

/** Time between two frames, milliseconds. */
const FRAME_MS = 1000 / 60;

type FrameCallback = (timeMs: number) => void;

/**
 * What a browser's window has for animation: frames come at a steady rate while somebody asks for them. Within a frame
 * the callbacks of `requestAnimationFrame` run first, then what shall happen behind them, as when a page is drawn.
 */
export class FrameClock {
  private callbacks = new Map<number, FrameCallback>();
  /** Those of the frame that is being made, as far as they are still to come. */
  private running = new Map<number, FrameCallback>();
  private endings: (() => void)[] = [];
  private lastId = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private dueMs = 0;

  /** As `window.requestAnimationFrame`. */
  readonly requestAnimationFrame = (callback: FrameCallback): number => {
    if (typeof callback !== 'function')
      throw new TypeError('requestAnimationFrame: the callback is no function');
    this.lastId += 1;
    this.callbacks.set(this.lastId, callback);
    this.start();
    return this.lastId;
  };

  /** As `window.cancelAnimationFrame`. */
  readonly cancelAnimationFrame = (id: number): void => {
    this.callbacks.delete(id);
    this.running.delete(id);
  };

  /** Calls back once behind the callbacks of the next frame. */
  atEnd(callback: () => void): void {
    this.endings.push(callback);
    this.start();
  }

  private start(): void {
    if (this.timer !== undefined) return;
    const nowMs = now();
    this.dueMs = Math.max(nowMs, this.dueMs + FRAME_MS);
    this.timer = setTimeout(this.frame, this.dueMs - nowMs);
  }

  private readonly frame = (): void => {
    this.timer = undefined;
    const { callbacks } = this;
    this.callbacks = new Map();
    this.runAll(callbacks);
    const { endings } = this;
    this.endings = [];
    for (const end of endings) end();
  };

  /** Runs callbacks; one may cancel others that are still to come. What one throws does not stop the rest. */
  private runAll(callbacks: Map<number, FrameCallback>): void {
    const timeMs = now();
    this.running = callbacks;
    for (const [id, callback] of callbacks) {
      callbacks.delete(id);
      try {
        callback(timeMs);
      } catch (error) {
        setTimeout(() => {
          throw error;
        });
      }
    }
  }
}
