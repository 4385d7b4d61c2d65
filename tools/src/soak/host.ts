import { readdirSync, readlinkSync } from 'node:fs';
import { createHost } from '@dxgwire/host';
import { createReferenceBackend } from '@dxgwire/host/backends';
import { listen } from '@dxgwire/transport/listen';

/** What the host of a soak run is told. */
export interface HostTask {
  readonly url: string;
  /** How long it keeps what a guest has after a broken network connection, milliseconds. */
  readonly leaseMs: number;
  /** Time after which the work of guests that are killed counts as hung, milliseconds. */
  readonly timeoutMs: number;
}

/** What the host process counts. All of `left` is zero when no guest is there. */
export interface HostCensus {
  readonly left: Readonly<Record<string, number>>;
  /** Open files of all kinds, and those of them that are sockets. */
  readonly files: number;
  readonly sockets: number;
  readonly timers: number;
  readonly heapBytes: number;
  readonly residentBytes: number;
}

export type FromHost =
  | { readonly type: 'listening'; readonly url: string }
  /** A guest has been let in. */
  | { readonly type: 'attached'; readonly name: string }
  /** Everything of a guest is gone. */
  | { readonly type: 'ended'; readonly name: string }
  | { readonly type: 'census'; readonly census: HostCensus }
  /** Something that must not happen in a host. */
  | { readonly type: 'failure'; readonly message: string };

export type ToHost = { readonly type: 'census' } | { readonly type: 'stop' };

const task = JSON.parse(process.argv[2] ?? '{}') as HostTask;
const send = (message: FromHost) => process.send?.(message);
process.on('uncaughtException', (error) => send({ type: 'failure', message: String(error.stack) }));
process.on('unhandledRejection', (error) =>
  send({ type: 'failure', message: String((error as Error)?.stack) }),
);

// Guests that hang the GPU on purpose are to be through with it soon; one that lives may be slow on a busy machine.
const hasty = createReferenceBackend({ timeoutMs: task.timeoutMs });
const patient = createReferenceBackend({ timeoutMs: 60_000 });
const hosts = [createHost({ backend: hasty }), createHost({ backend: patient })] as const;
let regions = 0;
let regionBytes = 0;
const listener = await listen(task.url, {
  leaseMs: task.leaseMs,
  guestMemoryBytes: 32 * 1024 * 1024,
  windowMegabytes: 4,
  onBus: (bus) => {
    const partition = hosts[bus.peerName.startsWith('victim') ? 0 : 1].attach(bus);
    send({ type: 'attached', name: bus.peerName });
    partition.ended.then(() => send({ type: 'ended', name: bus.peerName }));
  },
  allocateRegion: (length) => {
    regions += 1;
    regionBytes += length;
    const free = () => {
      regions -= 1;
      regionBytes -= length;
    };
    return { bytes: new Uint8Array(length), path: null, offset: 0, free };
  },
});

function countFiles(): { readonly files: number; readonly sockets: number } {
  const files = readdirSync('/proc/self/fd');
  const isSocket = (fd: string) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
    } catch {
      // The descriptor by which the folder itself was read.
      return false;
    }
  };
  return { files: files.length, sockets: files.filter(isSocket).length };
}

function census(): HostCensus {
  (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const left: Record<string, number> = {};
  for (const host of hosts) {
    for (const [kind, count] of Object.entries(host.census())) left[kind] = (left[kind] ?? 0) + count;
  }
  const used = [...hasty.opened, ...patient.opened].flatMap((adapter) =>
    [1, 2].map((segment) => adapter.usedBytes(segment)),
  );
  return {
    left: {
      ...left,
      'memory regions': regions,
      'bytes of memory regions': regionBytes,
      'bytes of video memory': used.reduce((sum, bytes) => sum + bytes, 0),
    },
    ...countFiles(),
    timers,
    heapBytes: heapUsed,
    residentBytes: rss,
  };
}

process.on('message', (message: ToHost) => {
  if (message.type === 'census') {
    // Sockets close at the end of a turn.
    setImmediate(() => setImmediate(() => send({ type: 'census', census: census() })));
    return;
  }
  listener
    .close()
    .then(() => Promise.all(hosts.map((host) => host.close())))
    .then(() => Promise.all([hasty.close(), patient.close()]))
    .then(() => process.disconnect());
});
// Whatever ends the runner ends its host.
process.once('disconnect', () => process.exit(0));
send({ type: 'listening', url: listener.url });
