import type { Ticket } from './context-state.ts';

/**
 * Submissions that wait together are few enough to take about this long, milliseconds: a wait for many slow ones
 * would look like one that hangs.
 */
const GROUP_MS = 4;
const MAX_GROUP = 64;

/**
 * Waits for the device to be done with submissions. Each wait costs the device a fence of its own, several times what
 * a small submission costs, so submissions that come together and are quick share one.
 */
export class WorkWaits {
  private readonly queue: GPUQueue;
  private group: Ticket[] = [];
  private groupHasWork = false;
  private groupLimit = 1;
  /** The latest wait that has not ended; null when the device has nothing to do. */
  private latest: Promise<void> | null = null;
  private lastEndMs = 0;

  constructor(queue: GPUQueue) {
    this.queue = queue;
  }

  /** Settles a ticket when the device has done what was given to it so far. Call {@link flush} soon. */
  add(ticket: Ticket, hasNewWork: boolean): void {
    this.group.push(ticket);
    this.groupHasWork ||= hasNewWork;
    if (this.group.length >= this.groupLimit) this.flush();
  }

  /** Begins to wait for what was added. */
  flush(): void {
    const { group } = this;
    if (group.length === 0) return;
    this.group = [];
    if (this.groupHasWork) this.begin(group.length);
    this.groupHasWork = false;
    if (this.latest === null) settle(group);
    else void this.latest.then(() => settle(group));
  }

  private begin(count: number): void {
    const startMs = performance.now();
    const ended = (): void => {
      const nowMs = performance.now();
      const eachMs = (nowMs - Math.max(startMs, this.lastEndMs)) / count;
      this.lastEndMs = nowMs;
      this.groupLimit = Math.min(MAX_GROUP, Math.max(1, Math.floor(GROUP_MS / eachMs)));
      if (this.latest === wait) this.latest = null;
    };
    // It is fulfilled for a device that is lost, too.
    const wait = this.queue.onSubmittedWorkDone().then(ended, ended);
    this.latest = wait;
  }
}

function settle(tickets: readonly Ticket[]): void {
  for (const ticket of tickets) ticket.settle();
}
