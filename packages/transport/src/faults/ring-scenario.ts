import { systemClock } from '../clock.ts';
import { TransportError } from '../errors.ts';
import type { GuestMessage, HostMessage } from '../mock-vmbus/control.ts';
import { VmbusGuest } from '../mock-vmbus/guest-bus.ts';
import { VmbusHost } from '../mock-vmbus/host-bus.ts';
import { GUEST_RAM_ADDRESS } from '../mock-vmbus/in-process.ts';
import { MappedWindow } from '../mock-vmbus/mapped-window.ts';
import { attachGuestBus, createSharedBus, type SharedBusDescriptor } from '../mock-vmbus/worker.ts';
import type { GuestBus } from '../transport.ts';
import type { ConversationOptions } from './conversation-data.ts';
import { withDeadline } from './deadline.ts';
import { FaultyMailboxes } from './faulty-mailbox.ts';
import { GuestPart, type Outcome } from './guest-part.ts';
import { HostPart, type HostReport } from './host-part.ts';
import type { RingPlan } from './ring-plan.ts';
import { judgeScenario } from './verdict.ts';

const RAM_BYTES = 1024 * 1024;
const WINDOW_BYTES = 1024 * 1024;
/** When a program gives up, and when a scenario must be over, milliseconds. */
const PATIENCE_MS = 3000;
const DEADLINE_MS = 30_000;
const MAX_QUEUED_BYTES = 1024 * 1024;

export interface RingScenarioResult {
  readonly outcome: Outcome | null;
  readonly wrong: readonly string[];
  readonly elapsedMs: number;
}

const vanished = () => new TransportError('peer-closed', 'the other end is gone');

/** Lets the guest talk until it is done, or has waited long enough. */
async function talk(part: GuestPart, guest: GuestBus): Promise<Outcome | null> {
  const cancel = systemClock.setTimer(
    () => part.giveUp(new TransportError('time-out', 'the program has waited long enough')),
    PATIENCE_MS,
  );
  const outcome = await withDeadline(part.run(guest), DEADLINE_MS);
  cancel();
  return outcome;
}

/** One guest and one host on this thread, joined by rings. */
export async function runInProcessScenario(
  plan: RingPlan,
  conversation: Partial<ConversationOptions> = {},
): Promise<RingScenarioResult> {
  const startMs = performance.now();
  const options = { ...conversation, seed: plan.seed };
  const mailboxes = new FaultyMailboxes(systemClock, plan, () => {
    guest.peerVanished(vanished());
    host.peerVanished(vanished());
  });
  const ram = { bytes: new Uint8Array(RAM_BYTES), baseAddress: GUEST_RAM_ADDRESS, file: null };
  let links = 2;
  const link = (to: 'guest' | 'host') => ({
    post: (message: unknown) => mailboxes.post(to, message),
    doorbell: (channel: number) => mailboxes.bell(to, channel),
    close: () => {
      links -= 1;
    },
  });
  const shared = {
    transport: 'in-process',
    threads: 'one',
    maxQueuedBytes: MAX_QUEUED_BYTES,
    ram,
    window: new MappedWindow(new Uint8Array(WINDOW_BYTES), null),
  } as const;
  const guest = new VmbusGuest({ ...shared, link: link('host') });
  const host = new VmbusHost({ ...shared, link: link('guest'), peerName: 'guest' });
  mailboxes.ends = {
    guest: {
      deliver: (message) => guest.receive(message as HostMessage),
      ring: (channel) => guest.doorbell(channel),
    },
    host: {
      deliver: (message) => host.receive(message as GuestMessage),
      ring: (channel) => host.doorbell(channel),
    },
  };
  const hostPart = new HostPart({ ...options, ringFault: plan.memory });
  const guestPart = new GuestPart(options);
  hostPart.serve(host);
  const outcome = await talk(guestPart, guest);
  // Whoever runs both sees to it that nobody stays behind.
  if (plan.gone !== null || outcome?.kind === 'failed') host.peerVanished(vanished());
  await withDeadline(hostPart.closed, DEADLINE_MS);
  mailboxes.stop();
  const census = { links, timers: mailboxes.timerCount };
  const mayCorrupt = plan.memory !== null;
  const wrong = judgeScenario(mayCorrupt, outcome, guestPart, hostPart.report(), census);
  return { outcome, wrong, elapsedMs: performance.now() - startMs };
}

/** Carries a host's end to the thread that serves it, and brings the report back. */
export interface HostThread {
  serve(
    descriptor: SharedBusDescriptor<'host'>,
    options: ConversationOptions & Pick<RingPlan, 'memory'>,
  ): Promise<HostReport>;
}

/** A guest on this thread and a host on another, joined by rings; what is beside the rings goes through this thread. */
export async function runThreadScenario(
  plan: RingPlan,
  thread: HostThread,
  conversation: Partial<ConversationOptions> = {},
): Promise<RingScenarioResult> {
  const startMs = performance.now();
  const options = { ...conversation, seed: plan.seed };
  // Doorbells by Atomics cannot be lost: there the bells of the plan have nothing to do.
  const doorbell = plan.bells === null && plan.seed % 2 === 0 ? 'wait-async' : 'message-port';
  const ends = createSharedBus({
    guestMemoryBytes: RAM_BYTES,
    windowMegabytes: 1,
    maxQueuedBytes: MAX_QUEUED_BYTES,
    doorbell,
    spinMicroseconds: plan.seed % 3 === 0 ? 50 : 0,
    closeTimeoutMs: PATIENCE_MS,
  });
  const relay = new PortRelay(plan, ends.guest.port, ends.host.port);
  const report = thread.serve({ ...ends.host, port: relay.hostPort }, { ...options, memory: plan.memory });
  const guest = attachGuestBus({ ...ends.guest, port: relay.guestPort });
  const guestPart = new GuestPart(options);
  const outcome = await talk(guestPart, guest);
  if (plan.gone !== null || outcome?.kind === 'failed') relay.close();
  const hostReport = await withDeadline(report, DEADLINE_MS);
  relay.close();
  const census = { timers: relay.timerCount };
  const wrong = judgeScenario(plan.memory !== null, outcome, guestPart, hostReport, census);
  return { outcome, wrong, elapsedMs: performance.now() - startMs };
}

/** Stands between two ports. */
class PortRelay {
  readonly guestPort: MessagePort;
  readonly hostPort: MessagePort;
  readonly #mailboxes: FaultyMailboxes;
  readonly #ports: readonly MessagePort[];

  constructor(plan: RingPlan, guestEnd: MessagePort, hostEnd: MessagePort) {
    this.#mailboxes = new FaultyMailboxes(systemClock, plan, () => this.close());
    // The two given ports are joined to each other already: new ones take their place.
    guestEnd.close();
    hostEnd.close();
    const toGuest = new MessageChannel();
    const toHost = new MessageChannel();
    this.guestPort = toGuest.port2;
    this.hostPort = toHost.port2;
    this.#ports = [toGuest.port1, toHost.port1];
    const end = (port: MessagePort) => ({
      deliver: (message: unknown) => port.postMessage(message),
      ring: () => port.postMessage({ type: 'bell' }),
    });
    this.#mailboxes.ends = { guest: end(toGuest.port1), host: end(toHost.port1) };
    this.#relay(toGuest.port1, 'host');
    this.#relay(toHost.port1, 'guest');
  }

  #relay(port: MessagePort, to: 'guest' | 'host'): void {
    port.onmessage = ({ data }: MessageEvent) => {
      if ((data as { type?: unknown }).type === 'bell') this.#mailboxes.bell(to, 0);
      else this.#mailboxes.post(to, data);
    };
    // An end that has closed its port has said what it had to say; that still gets through.
    port.addEventListener('close', () => {
      systemClock.setTimer(() => this.close(), 50);
    });
  }

  get timerCount(): number {
    return this.#mailboxes.timerCount;
  }

  close(): void {
    this.#mailboxes.stop();
    for (const port of this.#ports) port.close();
  }
}
