import type { GuestBus } from '@dxgwire/transport';
import type { AdapterSelector } from './adapter-choice.ts';
import { connectUrl, type LinkOptions } from './connect.ts';
import { GPU as GPUInterface } from './gpu.ts';
import { CONSTRUCT } from './interfaces.ts';
import { Session, type Statistics, type VideoMemory } from './session.ts';

export type { AdapterSelector } from './adapter-choice.ts';
export { type CanvasGlobals, type CanvasOptions, createCanvasGlobals } from './canvas.ts';
export type { CanvasFrame } from './canvas-context.ts';
export type { LinkOptions } from './connect.ts';
export { FrameReadbacks } from './frame-readbacks.ts';
export { globals } from './globals.ts';
export type { Statistics, VideoMemory } from './session.ts';
export { type TextureExtent, textureSizeBytes } from './texture-formats.ts';

export interface CreateGPUOptions {
  /** The host: a URL, a bus that is connected already, or what makes one when it is first needed. */
  readonly connect: string | GuestBus | (() => Promise<GuestBus>);
  /** What a link made from a URL needs beside it. */
  readonly link?: LinkOptions;
  /** Which adapter of the host: its index, LUID (`high:low` in hexadecimal) or a part of its name. Default: the best. */
  readonly adapter?: AdapterSelector;
  /** Staging memory of a device does not grow beyond this, bytes. Default 256 MiB. */
  readonly stagingLimitBytes?: number;
  /** Size of a device's return ring: a multiple of 4096 bytes. Default 256 KiB. */
  readonly returnRingBytes?: number;
  /** Name of the program, as the host's statistics show it. */
  readonly processName?: string;
  /** Told why there is no adapter, and of errors that nothing else took. Default `console.warn`. */
  readonly log?: (message: string) => void;
}

/** What our `GPU` has beside the standard's members. */
export interface RemoteGPU {
  /** Ends all devices and the link. Silently: `device.lost` does not resolve, for a program that is over. */
  close(options?: { readonly silently?: boolean }): Promise<void>;
  /** Resolves when the host has answered what was asked of it so far, with its errors; null: it has already. */
  settle(): Promise<void> | null;
  /** As {@link RemoteGPU.settle}, within this call: `wait` blocks until something may have come, hands it in, and says whether to go on. */
  settleNow(wait: () => boolean): void;
  readonly statistics: Readonly<Statistics>;
  /** What each adapter of the host has of memory for this program, as it says now; empty before the first adapter. */
  videoMemory(): Promise<VideoMemory[]>;
  /** Operations under way that the program may be waiting for: all promises but `device.lost`. */
  readonly pendingOperations: number;
  /** Called when `pendingOperations` becomes 0, or more than 0. */
  onPendingChange: ((pending: number) => void) | null;
}

const DEFAULT_STAGING_LIMIT_BYTES = 256 * 1024 * 1024;
const DEFAULT_RETURN_RING_BYTES = 256 * 1024;

/**
 * A `GPU` as the WebGPU standard defines it, whose adapters are those of a host. It is there at once; the link is
 * made by the first `requestAdapter`, which gives null when there is no host, and says why to `log`.
 *
 * @throws TypeError for a `connect` that is none of what it may be; RangeError for a `returnRingBytes` that is no size of one.
 */
export function createGPU(options: CreateGPUOptions): GPU & RemoteGPU {
  const { connect, link = {}, log = (message) => console.warn(message) } = options;
  const returnRingBytes = options.returnRingBytes ?? DEFAULT_RETURN_RING_BYTES;
  if (typeof connect !== 'string' && typeof connect !== 'function' && typeof connect?.open !== 'function') {
    throw new TypeError(`connect is no URL, bus or function that makes a bus: ${String(connect)}`);
  }
  if (returnRingBytes < 4096 || returnRingBytes % 4096 !== 0) {
    throw new RangeError(`returnRingBytes ${returnRingBytes} is not a positive multiple of 4096`);
  }
  const session = new Session({
    connect: connector(connect, link),
    adapter: options.adapter,
    stagingLimitBytes: options.stagingLimitBytes ?? DEFAULT_STAGING_LIMIT_BYTES,
    returnRingBytes,
    processName: options.processName ?? 'webgpu',
    log,
  });
  return new RemoteGPUInterface(session) as unknown as GPU & RemoteGPU;
}

/** A `GPU` with our own members: behind the standard's prototype, for an object of an interface has none of its own. */
class RemoteGPUInterface extends GPUInterface {
  readonly #session: Session;
  constructor(session: Session) {
    super(CONSTRUCT, session);
    this.#session = session;
  }
  static {
    // To the program it is a GPU.
    delete (RemoteGPUInterface.prototype as { constructor?: unknown }).constructor;
  }
  get statistics(): Readonly<Statistics> {
    return this.#session.statistics;
  }
  get pendingOperations(): number {
    return this.#session.pendingOperations;
  }
  get onPendingChange(): RemoteGPU['onPendingChange'] {
    return this.#session.onPendingChange;
  }
  set onPendingChange(callback) {
    this.#session.onPendingChange = callback;
  }
  close(options: { readonly silently?: boolean } = {}): Promise<void> {
    return this.#session.close(options.silently);
  }
  settle(): Promise<void> | null {
    return this.#session.settle();
  }
  settleNow(wait: () => boolean): void {
    this.#session.settleNow(wait);
  }
  videoMemory(): Promise<VideoMemory[]> {
    return this.#session.videoMemory();
  }
}

function connector(connect: CreateGPUOptions['connect'], link: LinkOptions): () => Promise<GuestBus> {
  if (typeof connect === 'string') return () => connectUrl(connect, link);
  if (typeof connect === 'function') return connect;
  return () => Promise.resolve(connect);
}
