import { GPUTextureUsage } from './constants.ts';
import type { FrameReadbacks } from './frame-readbacks.ts';
import { CONSTRUCT, defineInterface, guardConstructor } from './interfaces.ts';
import { textureFormat } from './texture.ts';
import {
  dictionary,
  enumeration,
  fail,
  isObject,
  required,
  sequence,
  u32,
  withDefault,
  withEmpty,
} from './webidl.ts';

/** Formats that a canvas can have. */
const CANVAS_FORMATS = ['bgra8unorm', 'rgba8unorm', 'rgba16float'];

const configurationOf = dictionary('GPUCanvasConfiguration', {
  device: required(canvasDevice),
  format: required(textureFormat),
  usage: withDefault(u32, GPUTextureUsage.RENDER_ATTACHMENT),
  viewFormats: withEmpty(sequence(textureFormat), () => []),
  colorSpace: withDefault(enumeration('PredefinedColorSpace', ['srgb', 'display-p3']), 'srgb'),
  toneMapping: withEmpty(
    dictionary('GPUCanvasToneMapping', {
      mode: withDefault(enumeration('GPUCanvasToneMappingMode', ['standard', 'extended']), 'standard'),
    }),
    () => ({}),
  ),
  alphaMode: withDefault(enumeration('GPUCanvasAlphaMode', ['opaque', 'premultiplied']), 'opaque'),
});

type Configuration = ReturnType<typeof configurationOf>;

/** A device of any implementation: nothing but the standard's own interface is used. */
function canvasDevice(value: unknown, what: string): GPUDevice {
  if (!isObject(value) || typeof (value as GPUDevice).createTexture !== 'function')
    fail(what, 'not a GPUDevice');
  return value as GPUDevice;
}

/** A picture that a program has drawn on its canvas. */
export interface CanvasFrame {
  /** Counts the frames of its canvas from 0 on. */
  readonly index: number;
  readonly width: number;
  readonly height: number;
  readonly format: 'bgra8unorm' | 'rgba8unorm' | 'rgba16float';
  readonly alphaMode: GPUCanvasAlphaMode;
  readonly colorSpace: PredefinedColorSpace;
  /** Texels of the format, rows from the top, tightly packed. */
  readonly data: Uint8Array;
}

/** What a context needs to know of its canvas. */
export interface CanvasPort {
  readonly canvas: object;
  readonly width: number;
  readonly height: number;
  /** Takes what was drawn; null when nobody looks: then nothing is read back. */
  readonly onFrame: ((frame: CanvasFrame) => void) | null;
  readonly readbacks: FrameReadbacks;
  /** Told once for each frame, as soon as it is drawn. */
  presented(): void;
  /** Calls back at the end of the frame that is being drawn. */
  atFrameEnd(callback: () => void): void;
}

class ContextState {
  readonly port: CanvasPort;
  configuration: Configuration | null = null;
  private texture: GPUTexture | null = null;
  private frames = 0;

  constructor(port: CanvasPort) {
    this.port = port;
  }

  configure(configuration: Configuration | null): void {
    this.drop();
    this.configuration = configuration;
  }

  /** What no texture can be is an error of the device at once, not only when there is one. */
  validate(): void {
    const { configuration, port } = this;
    if (configuration === null) return;
    const most = configuration.device.limits.maxTextureDimension2D;
    // What is neither too small nor too large stands for all such sizes, and costs nothing.
    const [width = 0, height = 0] = [port.width, port.height].map((size) =>
      size > most ? size : Math.min(1, size),
    );
    createTexture(configuration, width, height, false).destroy();
  }

  /** The canvas has another size, or shows nothing any more. */
  drop(): void {
    this.texture?.destroy();
    this.texture = null;
  }

  current(): GPUTexture {
    const { configuration, port } = this;
    if (configuration === null) {
      throw new DOMException('getCurrentTexture: the canvas is not configured', 'InvalidStateError');
    }
    if (this.texture !== null) return this.texture;
    const texture = createTexture(configuration, port.width, port.height, port.onFrame !== null);
    this.texture = texture;
    port.atFrameEnd(() => {
      if (this.texture !== texture) return;
      this.texture = null;
      this.present(texture, configuration);
    });
    return texture;
  }

  /** Shows a texture: hands out its contents, and ends it. */
  private present(texture: GPUTexture, configuration: Configuration): void {
    const { onFrame } = this.port;
    const index = this.frames;
    this.frames += 1;
    if (onFrame !== null) {
      const { width, height } = texture;
      const { alphaMode, colorSpace } = configuration;
      const format = configuration.format as CanvasFrame['format'];
      this.port.readbacks.read(configuration.device, texture, (data) => {
        onFrame({ index, width, height, format, alphaMode, colorSpace, data });
      });
    }
    texture.destroy();
    this.port.presented();
  }
}

function createTexture(
  { device, format, usage, viewFormats }: Configuration,
  width: number,
  height: number,
  isRead: boolean,
): GPUTexture {
  return device.createTexture({
    label: 'canvas',
    size: [width, height],
    format,
    usage: isRead ? usage | GPUTextureUsage.COPY_SRC : usage,
    viewFormats,
  });
}

let stateOf!: (context: GPUCanvasContext) => ContextState;

/** GPUCanvasContext */
export class GPUCanvasContext {
  readonly #state: ContextState;
  constructor(key: typeof CONSTRUCT, state: ContextState) {
    guardConstructor(key, 'GPUCanvasContext');
    this.#state = state;
  }
  get canvas(): object {
    return this.#state.port.canvas;
  }
  configure(configuration: unknown): undefined {
    const state = this.#state;
    const given = configurationOf(configuration, 'configuration', null);
    if (!CANVAS_FORMATS.includes(given.format)) {
      fail(
        'GPUCanvasConfiguration.format',
        `a canvas cannot be ${given.format}, but ${CANVAS_FORMATS.join(', ')}`,
      );
    }
    if ((given.usage & GPUTextureUsage.TRANSIENT_ATTACHMENT) !== 0)
      fail('GPUCanvasConfiguration.usage', 'a canvas is no transient attachment');
    state.configure(given);
    state.validate();
  }
  unconfigure(): undefined {
    this.#state.configure(null);
  }
  getConfiguration(): Configuration | null {
    const { configuration } = this.#state;
    if (configuration === null) return null;
    const { viewFormats, toneMapping } = configuration;
    return { ...configuration, viewFormats: [...viewFormats], toneMapping: { ...toneMapping } };
  }
  getCurrentTexture(): GPUTexture {
    return this.#state.current();
  }
  static {
    stateOf = (context) => context.#state;
  }
}
defineInterface(GPUCanvasContext, 'GPUCanvasContext');

/** The context of a canvas, and what its canvas calls when its size was set. */
export function makeCanvasContext(port: CanvasPort): {
  readonly context: GPUCanvasContext;
  readonly resized: () => void;
} {
  const context = new GPUCanvasContext(CONSTRUCT, new ContextState(port));
  return { context, resized: () => stateOf(context).drop() };
}
