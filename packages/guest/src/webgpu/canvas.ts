// biome-ignore-all lint/complexity/noArguments: WebIDL tells an argument that is missing from one that is undefined

import { type CanvasFrame, type GPUCanvasContext, makeCanvasContext } from './canvas-context.ts';
import { FrameClock } from './frame-clock.ts';
import { FrameReadbacks } from './frame-readbacks.ts';
import { domString, requireArguments, u64 } from './webidl.ts';

export interface CanvasOptions {
  /**
   * Called with each picture that a program has drawn, in order for each canvas. Without it nothing is read back.
   * `canvas` counts the canvases from 0 on, in the order in which they got their first context.
   */
  readonly onFrame?: (frame: CanvasFrame, canvas: number) => void;
  /** The frames that are on their way back, for whoever wants to wait for them. */
  readonly readbacks?: FrameReadbacks;
  /** Told of each frame as soon as it was drawn, before its contents are there. */
  readonly onPresent?: () => void;
}

/** What a program with a canvas finds in a browser, for one without a window: to be put on the global object. */
export interface CanvasGlobals {
  readonly OffscreenCanvas: new (width: number, height: number) => EventTarget;
  readonly requestAnimationFrame: (callback: (timeMs: number) => void) => number;
  readonly cancelAnimationFrame: (id: number) => void;
}

/**
 * Makes headless canvases: `new OffscreenCanvas(width, height).getContext('webgpu')` gives a context whose textures
 * last for one frame each. Works with the devices of any WebGPU implementation.
 */
export function createCanvasGlobals(options: CanvasOptions = {}): CanvasGlobals {
  const clock = new FrameClock();
  const { readbacks = new FrameReadbacks() } = options;
  let canvases = 0;

  class OffscreenCanvas extends EventTarget {
    #width: number;
    #height: number;
    #made: ReturnType<typeof makeCanvasContext> | null = null;
    constructor(width: number, height: number) {
      requireArguments(arguments.length, 2, 'OffscreenCanvas constructor');
      super();
      this.#width = u64(width, 'width');
      this.#height = u64(height, 'height');
    }
    get width(): number {
      return this.#width;
    }
    set width(value: number) {
      this.#width = u64(value, 'width');
      this.#made?.resized();
    }
    get height(): number {
      return this.#height;
    }
    set height(value: number) {
      this.#height = u64(value, 'height');
      this.#made?.resized();
    }
    /** A context for WebGPU; null for all others. */
    getContext(contextId: string): GPUCanvasContext | null {
      if (domString(contextId) !== 'webgpu') return null;
      this.#made ??= this.#makeContext();
      return this.#made.context;
    }
    #makeContext(): ReturnType<typeof makeCanvasContext> {
      const { onFrame, onPresent } = options;
      const number = canvases;
      canvases += 1;
      const size = { width: () => this.#width, height: () => this.#height };
      return makeCanvasContext({
        canvas: this,
        get width() {
          return size.width();
        },
        get height() {
          return size.height();
        },
        onFrame: onFrame === undefined ? null : (frame) => onFrame(frame, number),
        readbacks,
        presented: () => onPresent?.(),
        atFrameEnd: (callback) => clock.atEnd(callback),
      });
    }
  }
  Object.defineProperty(OffscreenCanvas.prototype, Symbol.toStringTag, {
    value: 'OffscreenCanvas',
    configurable: true,
  });
  const { requestAnimationFrame, cancelAnimationFrame } = clock;
  return { OffscreenCanvas, requestAnimationFrame, cancelAnimationFrame };
}
