import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { attachHostBus, type SharedBusDescriptor } from '../mock-vmbus/worker.ts';
import type { ConversationOptions } from './conversation-data.ts';
import { HostPart, type HostReport } from './host-part.ts';
import type { RingPlan } from './ring-plan.ts';
import type { HostThread } from './ring-scenario.ts';

interface Task {
  readonly id: number;
  readonly descriptor: SharedBusDescriptor<'host'>;
  readonly options: ConversationOptions & Pick<RingPlan, 'memory'>;
}

/** A thread that serves the host's end of many buses, one after the other or at once. */
export class ServingThread implements HostThread {
  readonly #worker = new Worker(new URL(import.meta.url));
  readonly #waiting = new Map<number, (report: HostReport) => void>();
  #next = 1;

  constructor() {
    this.#worker.on('message', ({ id, report }: { id: number; report: HostReport }) => {
      this.#waiting.get(id)?.(report);
      this.#waiting.delete(id);
    });
    // Whoever waits for a report keeps the process alive by its own deadline.
    this.#worker.unref();
  }

  serve(descriptor: Task['descriptor'], options: Task['options']): Promise<HostReport> {
    const id = this.#next;
    this.#next += 1;
    this.#worker.postMessage({ id, descriptor, options } satisfies Task, [descriptor.port as never]);
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  /** Ends the thread in the middle of whatever it serves. */
  async terminate(): Promise<void> {
    const exited = once(this.#worker, 'exit');
    await this.#worker.terminate();
    await exited;
  }
}

if (!isMainThread && parentPort !== null) {
  const port = parentPort;
  port.on('message', ({ id, descriptor, options: { memory, ...conversation } }: Task) => {
    const part = new HostPart({ ...conversation, ringFault: memory });
    part.serve(attachHostBus(descriptor));
    part.closed.then(() => port.postMessage({ id, report: part.report() }));
  });
}
