import type { BackendLog, ExecutionResult } from '../backends/contract.ts';
import { type ExecutionQueue, LostWork } from './execution-queue.ts';
import { ExecutionState } from './execution-state.ts';
import type { SchedulerDevice } from './scheduler-device.ts';

export interface LossCallbacks {
  /** A device is in error: its state is recorded, nothing of it has been released yet. Tell the guest. */
  readonly deviceStateChanged: (device: SchedulerDevice) => void;
  /** The same loss, after fences and waits were released. */
  readonly deviceLost?: (device: SchedulerDevice) => void;
}

/** What the loss of a device needs of the scheduler. */
export interface LossHost {
  /** Performs an action during which no queue goes on; afterwards all go on that have to. */
  whileStopped(action: () => void): void;
}

/** How devices are lost and work is given up, in the order of spec section 7.9. */
export class DeviceLoss {
  readonly #host: LossHost;
  readonly #log: BackendLog;
  readonly #callbacks: LossCallbacks;

  constructor(host: LossHost, log: BackendLog, callbacks: LossCallbacks) {
    this.#host = host;
    this.#log = log;
    this.#callbacks = callbacks;
  }

  /** Puts devices into error. The first error of a device stays. */
  lose(candidates: readonly SchedulerDevice[], state: ExecutionState, message: string): void {
    const devices = candidates.filter((device) => device.state === ExecutionState.active);
    if (devices.length === 0) return;
    for (const device of devices) {
      device.state = state;
      device.faultMessage = message;
    }
    for (const device of devices) {
      this.#log.warn({ state, message }, 'device lost');
      if (!device.closing) this.#callbacks.deviceStateChanged(device);
    }
    this.giveUpAll(devices);
    for (const device of devices) this.#callbacks.deviceLost?.(device);
  }

  /** A submission ended in another way than it should: its device is in error. */
  submissionFailed(device: SchedulerDevice, result: ExecutionResult): void {
    if (result.kind === 'page-fault') {
      device.faultAddress = result.address;
      const message = `page fault at GPU address 0x${result.address.toString(16)}`;
      this.lose([device], ExecutionState.dmaPageFault, message);
    } else if (result.kind === 'fault') {
      this.lose([device], ExecutionState.dmaFault, result.message);
    } else {
      this.lose([device], ExecutionState.reset, 'lost in a reset of the adapter');
    }
  }

  /** Drops all work of devices and releases their CPU waits. */
  giveUpAll(devices: readonly SchedulerDevice[]): void {
    const queues: ExecutionQueue[] = [];
    for (const device of devices) {
      for (const context of device.contexts) for (const queue of context.queues) queues.push(queue);
    }
    this.giveUp(queues, devices);
  }

  /** Drops all work of queues; then releases fences, then CPU waits, then what waited for the work to end. */
  giveUp(queues: readonly ExecutionQueue[], devices: readonly SchedulerDevice[]): void {
    this.#host.whileStopped(() => {
      const lost = new LostWork();
      for (const queue of queues) queue.abandon(lost);
      for (const object of lost.objects) object.loseSignals();
      for (const object of lost.objects) object.wakeWaiters();
      for (const event of lost.events) event();
      for (const device of devices) device.cpuWaits.releaseWaiter(device);
      for (const queue of queues) queue.settle();
    });
  }
}
