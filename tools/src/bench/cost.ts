import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { GuestBus } from '@dxgwire/transport';
import { connect } from '@dxgwire/transport/connect';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';
import { connectWebSocket } from '@dxgwire/transport/websocket/node';
import { dxgwirePath, startService } from '../child.ts';
import { BULK_BYTES, busEndpoint, echoHost } from './bus-echo.ts';
import { countCopiedBytes, heapBytesPerOperation, ownResidentBytes } from './costs.ts';
import { sharedMemoryUrl } from './host-service.ts';
import type { Comparison, Figure } from './report.ts';
import { temporaryFolder } from './temporary-folder.ts';

const GUEST_MEMORY_BYTES = BULK_BYTES + (8 << 20);
/** Few enough that a stretch takes under 1 MiB of heap on every bus. */
const MESSAGES = 500;
const FIRST_GUESTS = 64;
const IDLE_GUESTS = 160;

/** What messages and bytes cost in memory on each bus, in the thread of the guest; and what an idle guest costs a host. */
export async function measure(
  progress: (text: string) => void,
): Promise<{ comparisons: Comparison[]; figures: Figure[] }> {
  const figures: Figure[] = [];
  progress('in-process bus');
  const { guest, host } = createInProcessBus({ guestMemoryBytes: GUEST_MEMORY_BYTES, windowMegabytes: 1 });
  echoHost(host);
  figures.push(...(await costOf('in-process bus, both ends', guest)));
  progress('WebSocket bus');
  const worker = new Worker(new URL('./bus-worker.js', import.meta.url));
  const [{ busUrl }] = (await once(worker, 'message')) as [{ busUrl: string }];
  figures.push(...(await costOf("WebSocket bus, guest's end", await connectWebSocket(busUrl))));
  worker.postMessage({ close: true });
  await once(worker, 'exit');
  const folder = temporaryFolder();
  const links = [
    ['WebSocket', 'ws://127.0.0.1:0'],
    ['TCP', 'tcp:127.0.0.1:0'],
    ['a Unix socket', `unix:${folder}/idle.sock`],
    ['shared memory, beside its rings', sharedMemoryUrl()],
  ] as const;
  try {
    for (const [medium, listenUrl] of links) {
      progress(`${IDLE_GUESTS} idle guests of a host over ${medium}`);
      figures.push(...(await idleGuests(medium, listenUrl)));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { comparisons: [], figures };
}

async function costOf(name: string, bus: GuestBus): Promise<Figure[]> {
  const endpoint = await busEndpoint(bus, () => bus.close());
  const roundTrip = await heapBytesPerOperation((count) => endpoint.roundTrips(count), MESSAGES);
  const stream = await heapBytesPerOperation((count) => endpoint.stream(count), MESSAGES);
  await endpoint.bulk(1);
  const before = bus.statistics.bytesSent;
  const copied = await countCopiedBytes(() => endpoint.bulk(1));
  const carried = bus.statistics.bytesSent - before;
  await endpoint.close();
  const figure = (what: string, value: number, unit: string): Figure => ({
    suite: 'cost',
    name: `${name}: ${what}`,
    value,
    unit,
  });
  return [
    figure('heap taken by a round trip', roundTrip, 'B'),
    figure('heap taken by a message one way, streamed', stream, 'B'),
    figure(`copies of a byte, ${BULK_BYTES >> 20} MiB one way`, copied / BULK_BYTES, 'copies'),
    figure(
      `bytes that the link carries for a byte, ${BULK_BYTES >> 20} MiB one way`,
      carried / BULK_BYTES,
      'B',
    ),
  ];
}

/** Growth of a host process by guests that are connected and do nothing. */
async function idleGuests(medium: string, listenUrl: string): Promise<Figure[]> {
  const host = ['host', '--listen', listenUrl, '--backend', 'null', '--json', '--log', 'warn'];
  const service = await startService([dxgwirePath, ...host]);
  const buses: GuestBus[] = [];
  try {
    const { url } = JSON.parse(service.firstLine) as { url: string };
    const add = async (count: number) => {
      for (let each = 0; each < count; each += 1) buses.push(await connect(url));
    };
    // The first guests also pay for code that is compiled and heap that is taken in steps.
    await add(FIRST_GUESTS);
    const before = ownResidentBytes(service.pid);
    await add(IDLE_GUESTS);
    const after = ownResidentBytes(service.pid);
    if (before === null || after === null) return [];
    const value = Math.max(0, after - before) / IDLE_GUESTS / 1024;
    const name = `memory of a host for each idle guest over ${medium}`;
    return [{ suite: 'cost', name, value, unit: 'KiB', target: { most: 256 } }];
  } finally {
    await Promise.all(buses.map((bus) => bus.close()));
    await service.stop();
  }
}
