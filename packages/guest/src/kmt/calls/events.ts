import type { Adapter } from '../adapter.ts';
import type { KmtEvent } from '../event.ts';
import type { HostEvent } from '../host-events.ts';
import type { KmtLoss } from '../types/common.ts';
import type { Caller } from './caller.ts';

/** A caller's event, registered under an id that the host signals. */
class RegisteredEvent implements HostEvent {
  readonly once: boolean;
  readonly adapter: Adapter;
  private readonly event: KmtEvent;

  constructor(event: KmtEvent, adapter: Adapter, once: boolean) {
    this.event = event;
    this.adapter = adapter;
    this.once = once;
  }

  signal(): void {
    this.event.signal();
  }

  abandon(loss: KmtLoss): void {
    this.event.abandon(loss);
  }
}

/** Registers a caller's event. @param once false for CPU-notification objects. @returns its id. */
export function registerEvent(caller: Caller, event: KmtEvent, adapter: Adapter, once = true): number {
  event.lost = null;
  event.descriptor ??= caller.driver.newDescriptor();
  return caller.driver.events.add(new RegisteredEvent(event, adapter, once));
}
