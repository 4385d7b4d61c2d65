import type {
  errorScopeStatus,
  mapStatus,
  OpArguments,
  pipelineStatus,
  returnOps,
} from '@dxgwire/protocol/stream';

type DeviceResult = OpArguments<(typeof returnOps)['deviceResult']>[0];
type CompilationInfo = OpArguments<(typeof returnOps)['compilationInfo']>[0];

/** How each kind of request is completed. */
export interface RequestCallbacks {
  device: (result: DeviceResult) => void;
  map: (status: (typeof mapStatus)[number], message: string) => void;
  scope: (status: (typeof errorScopeStatus)[number], type: GPUErrorFilter, message: string) => void;
  pipeline: (status: (typeof pipelineStatus)[number], message: string) => void;
  compilation: (info: CompilationInfo) => void;
  work: () => void;
}

export type RequestKind = keyof RequestCallbacks;

interface Entry<K extends RequestKind = RequestKind> {
  readonly kind: K;
  readonly done: RequestCallbacks[K];
  /** The device is gone: what the standard says of this kind then. */
  readonly lost: () => void;
}

/** Requests whose answer will come through the return ring, by their ids. */
export class Requests {
  private readonly pending = new Map<number, Entry>();
  private last = 0;

  get size(): number {
    return this.pending.size;
  }

  /** @returns the id that the answer will carry. */
  add<K extends RequestKind>(kind: K, done: RequestCallbacks[K], lost: () => void): number {
    do {
      this.last = (this.last + 1) >>> 0;
    } while (this.last === 0 || this.pending.has(this.last));
    this.pending.set(this.last, { kind, done, lost });
    return this.last;
  }

  /**
   * The callback for an answer, which is then no longer expected.
   * @throws RangeError when no such request is pending.
   */
  take<K extends RequestKind>(kind: K, id: number): RequestCallbacks[K] {
    const entry = this.pending.get(id);
    if (entry === undefined || entry.kind !== kind) {
      throw new RangeError(`answer to ${kind} request ${id}, which was not made`);
    }
    this.pending.delete(id);
    return entry.done as RequestCallbacks[K];
  }

  /** A request that was not sent after all. */
  forget(id: number): void {
    this.pending.delete(id);
  }

  /** Ends all of them in the order in which they were made. */
  loseAll(): void {
    const entries = [...this.pending.values()];
    this.pending.clear();
    for (const { lost } of entries) lost();
  }
}
