import { connect } from '../connect.ts';
import { TransportError } from '../errors.ts';
import { type ListenOptions, listen } from '../listen.ts';
import type { GuestBus } from '../transport.ts';
import type { ConversationOptions } from './conversation-data.ts';
import { withDeadline } from './deadline.ts';
import { createFaultProxy, type FaultProxy, type ProxyAddress } from './fault-proxy.ts';
import type { Framing } from './framing.ts';
import { GuestPart, type Outcome } from './guest-part.ts';
import { HostPart } from './host-part.ts';
import type { FaultPlan } from './plan.ts';
import type { RingFault } from './ring-plan.ts';
import { judgeScenario, mayCorrupt } from './verdict.ts';

export type SocketTransport = 'tcp' | 'unix' | 'websocket' | 'shared-memory';

export interface SocketScenarioOptions extends Partial<ConversationOptions> {
  readonly transport: SocketTransport;
  /** A folder for sockets with a name. */
  readonly folder: string;
  /** What becomes of the memory that both sides see, over shared memory. */
  readonly ringFault?: RingFault | null;
  /** When the program gives up that hears nothing, milliseconds. Default 12,000. */
  readonly patienceMs?: number;
}

export interface SocketScenarioResult {
  readonly outcome: Outcome | null;
  readonly wrong: readonly string[];
  readonly connections: number;
  readonly elapsedMs: number;
}

/** Short, so that many scenarios pass in a short time; long enough that a busy machine does not miss a beat. */
const HEARTBEAT_MS = 700;
const HANDSHAKE_TIMEOUT_MS = 3000;
const LEASE_MS = 2500;
/** When a program gives up, and when a scenario must be over, milliseconds. */
const PATIENCE_MS = 12_000;
const DEADLINE_MS = 45_000;

const FRAMINGS: Readonly<Record<SocketTransport, Framing>> = {
  tcp: 'link',
  unix: 'link',
  websocket: 'websocket',
  'shared-memory': 'shared-memory',
};

let names = 0;

/** Where the host is to listen, and where the guest is to connect. */
function addresses({ transport, folder }: SocketScenarioOptions) {
  names += 1;
  const path = `${folder}/${names}`;
  switch (transport) {
    case 'tcp':
      return { hostUrl: 'tcp:127.0.0.1:0', near: undefined };
    case 'websocket':
      return { hostUrl: 'ws://127.0.0.1:0', near: undefined };
    case 'unix':
      return { hostUrl: `unix:${path}h`, near: { path: `${path}g` }, target: { path: `${path}h` } };
    case 'shared-memory':
      return { hostUrl: `shm:${path}h`, near: { path: `${path}g` }, target: { path: `${path}h` } };
  }
}

function guestUrl(transport: SocketTransport, address: ProxyAddress): string {
  if ('path' in address) return `${transport === 'unix' ? 'unix' : 'shm'}:${address.path}`;
  return transport === 'tcp' ? `tcp:127.0.0.1:${address.port}` : `ws://127.0.0.1:${address.port}`;
}

/** One guest and one host with real sockets and a proxy with faults between them. */
export async function runSocketScenario(
  plan: FaultPlan,
  options: SocketScenarioOptions,
): Promise<SocketScenarioResult> {
  const { ringFault = null } = options;
  const host = new HostPart({ ...options, seed: plan.seed, ringFault });
  const { hostUrl, near, target } = addresses(options);
  let regions = 0;
  const settings: ListenOptions = {
    onBus: (bus) => host.serve(bus),
    windowMegabytes: 1,
    guestMemoryBytes: 2 * 1024 * 1024,
    heartbeatMs: HEARTBEAT_MS,
    handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
    ...(options.transport === 'tcp' || options.transport === 'websocket' ? { leaseMs: LEASE_MS } : {}),
    allocateRegion: (length) => {
      regions += 1;
      const free = () => {
        regions -= 1;
      };
      return { bytes: new Uint8Array(length), path: null, offset: 0, free };
    },
  };
  const listener = await listen(hostUrl, settings);
  const proxy = await createFaultProxy({
    target: target ?? { port: listener.port },
    ...(near === undefined ? {} : { listen: near }),
    plan,
    framing: FRAMINGS[options.transport],
  });
  const startMs = performance.now();
  const guest: { part: GuestPart | null } = { part: null };
  const url = guestUrl(options.transport, proxy.address);
  const outcome = await withDeadline(
    converse(url, { ...options, seed: plan.seed }, guest, options.patienceMs ?? PATIENCE_MS).then(
      async (value) => {
        // A host whose guest is gone keeps its things for the lease, then ends as well.
        if (host.bus !== null) await host.closed;
        return value;
      },
    ),
    DEADLINE_MS,
  );
  const elapsedMs = performance.now() - startMs;
  const open = await closeAll(proxy, listener);
  const census = { 'memory regions': regions, ...open };
  const wrong = judgeScenario(
    mayCorrupt(plan) || ringFault !== null,
    outcome,
    guest.part,
    host.report(),
    census,
  );
  if (host.bus === null && guest.part !== null) wrong.push('the guest has a bus, but the host has none');
  return { outcome, wrong, connections: proxy.connections, elapsedMs };
}

async function converse(
  url: string,
  conversation: ConversationOptions,
  guest: { part: GuestPart | null },
  patienceMs: number,
): Promise<Outcome> {
  let bus: GuestBus;
  try {
    bus = await connect(url, { connectTimeoutMs: HANDSHAKE_TIMEOUT_MS });
  } catch (error) {
    return { kind: 'failed', error: error as Error };
  }
  const part = new GuestPart(conversation);
  guest.part = part;
  const patience = setTimeout(
    () => part.giveUp(new TransportError('time-out', 'the program has waited long enough')),
    patienceMs,
  );
  const outcome = await part.run(bus);
  clearTimeout(patience);
  return outcome;
}

/** @returns what is still open when both have closed. */
async function closeAll(proxy: FaultProxy, listener: { close(): Promise<void> }) {
  const listeners =
    (await withDeadline(
      listener.close().then(() => 0),
      DEADLINE_MS,
    )) ?? 1;
  await proxy.close();
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  return { listeners, 'sockets of the proxy': proxy.openSockets };
}
