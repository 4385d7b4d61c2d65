import type { BackendAdapter, BackendLog, ExecutionResult } from '../backends/contract.ts';
import type { HostClock } from './clock.ts';
import type { EngineNode } from './engine-node.ts';
import { ExecutionState } from './execution-state.ts';
import type { QueueItem } from './queue-item.ts';
import type { SchedulerDevice } from './scheduler-device.ts';

const LOST: ExecutionResult = { kind: 'lost' };

/** What the recovery needs of the scheduler. */
export interface RecoveryHost {
  readonly adapter: BackendAdapter;
  readonly clock: HostClock;
  readonly timeoutMs: number;
  readonly nodes: readonly EngineNode[];
  run(): void;
  markDeviceError(device: SchedulerDevice, state: ExecutionState, message: string): void;
  adapterLost(reason: string, state: ExecutionState): void;
}

/**
 * What happens when work does not end (WDDM: time-out detection and recovery): its device is hung, the backend is
 * reset, and whatever else ran is lost as the backend says. A backend that does not come back is gone for good.
 */
export class ResetRecovery {
  readonly #host: RecoveryHost;
  readonly #log: BackendLog;
  readonly #resetTimeoutMs: number;
  #resetting = false;
  #failed = false;
  #resets = 0;
  #cancelTimer: (() => void) | null = null;

  constructor(host: RecoveryHost, log: BackendLog, resetTimeoutMs: number) {
    this.#host = host;
    this.#log = log;
    this.#resetTimeoutMs = resetTimeoutMs;
  }

  get isResetting(): boolean {
    return this.#resetting;
  }

  get resets(): number {
    return this.#resets;
  }

  timedOut(item: QueueItem): void {
    // Another node's reset ends this submission too.
    if (this.#resetting) return;
    const { adapter, clock, timeoutMs } = this.#host;
    this.#resets += 1;
    this.#resetting = true;
    const message = `a submission ran for more than ${timeoutMs} ms`;
    this.#log.warn({ node: item.node?.description.name, timeoutMs }, message);
    this.#host.markDeviceError(item.queue!.context.device, ExecutionState.hung, message);
    this.#cancelTimer = clock.setTimer(this.#resetTimeoutMs, () => {
      this.#fail(`the backend's reset took more than ${this.#resetTimeoutMs} ms`);
    });
    adapter.reset().then(
      () => this.#end(),
      (error: unknown) => this.#fail(`the backend's reset failed: ${String(error)}`),
    );
  }

  close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #end(): void {
    if (this.#failed) return;
    this.close();
    this.#endAll();
    this.#resetting = false;
    this.#host.run();
  }

  #fail(reason: string): void {
    if (this.#failed) return;
    this.#failed = true;
    this.close();
    this.#host.adapterLost(reason, ExecutionState.stopped);
    // Nothing is started any more, so a `done` that comes late after all finds nothing.
    this.#endAll();
  }

  /** What the backend should have ended. */
  #endAll(): void {
    for (const node of this.#host.nodes) {
      for (let item = node.oldest; item !== null; item = node.oldest) {
        this.#log.error({ node: node.description.name }, 'the backend did not end a submission in its reset');
        node.ended(item, LOST);
      }
    }
  }
}
