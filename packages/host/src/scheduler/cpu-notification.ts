import { SyncKind, SyncObject, type SyncObjectInstance } from './sync-object.ts';

/** Tells a guest process, by the event it named at creation, each time that it is signalled. */
export class CpuNotification extends SyncObject {
  readonly #notify: () => void;
  /** The instance made at creation. The event is its process', so others that open the object do not end it. */
  creator: SyncObjectInstance | null = null;

  constructor(notify: () => void) {
    super(SyncKind.cpuNotification);
    this.#notify = notify;
  }

  override isSatisfied(): boolean {
    return true;
  }

  override acquire(): void {}
  override addWaiter(): void {}

  override signal(): void {
    // The guest stops listening when it destroys the object, so nothing is sent after that.
    if (this.creator !== null && !this.creator.isClosed) this.#notify();
  }

  override loseSignals(): void {}
  override wakeWaiters(): void {}
}
