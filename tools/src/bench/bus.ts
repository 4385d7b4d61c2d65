import { once } from 'node:events';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';
import { attachGuestBus, createSharedBus } from '@dxgwire/transport/mock-vmbus/worker';
import { connectWebSocket } from '@dxgwire/transport/websocket/node';
import { WebSocket } from 'ws';
import { Answers, BULK_BYTES, busEndpoint, type Endpoint, echoHost, PAYLOAD_BYTES } from './bus-echo.ts';
import type { Comparison } from './report.ts';
import { comlinkCalls, grpcCalls } from './rpc-echo.ts';
import { sample, type Way } from './sampling.ts';

/** Bulk data on a bare medium goes in messages of this size: one of 64 MiB would be slower. */
const BULK_PIECE_BYTES = 1 << 20;

/** Guest RAM of the buses in memory: a bulk block and their rings. */
const GUEST_MEMORY_BYTES = BULK_BYTES + (8 << 20);

/** Any medium that sends byte arrays and says when one came, as an endpoint. */
function rawEndpoint(
  send: (bytes: Uint8Array) => void,
  onMessage: (arrived: () => void) => void,
  close: () => Promise<void>,
): Endpoint {
  const answers = new Answers();
  const silent = new Uint8Array(PAYLOAD_BYTES);
  const asking = new Uint8Array(PAYLOAD_BYTES).fill(1, 0, 1);
  // With a buffer of its own: a message port copies all of a view's buffer.
  const piece = new Uint8Array(BULK_PIECE_BYTES);
  answers.next = () => send(asking);
  onMessage(answers.arrived);
  return {
    async roundTrips(count) {
      const all = answers.expect(count);
      send(asking);
      await all;
    },
    async stream(count) {
      const last = answers.expect(1);
      for (let i = 1; i < count; i++) send(silent);
      send(asking);
      await last;
    },
    async bulk(count) {
      for (let i = 0; i < count; i++) {
        for (let sent = 0; sent < BULK_BYTES; sent += BULK_PIECE_BYTES) send(piece);
        const answer = answers.expect(1);
        send(asking);
        await answer;
      }
    },
    close,
  };
}

function portEndpoint(port: MessagePort): Endpoint {
  return rawEndpoint(
    (bytes) => port.postMessage(bytes),
    (arrived) => port.on('message', arrived),
    async () => port.close(),
  );
}

async function socketEndpoint(url: string): Promise<Endpoint> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, 'open');
  return rawEndpoint(
    (bytes) => socket.send(bytes),
    (arrived) => socket.on('message', arrived),
    async () => {
      socket.close();
      await once(socket, 'close');
    },
  );
}

/** Both ends of a MessageChannel in this thread: what a message costs when nothing crosses threads. */
function sameThreadPort(): Endpoint {
  const { port1, port2 } = new MessageChannel();
  port2.on('message', (message: Uint8Array) => {
    if (message[0] === 1) port2.postMessage(message);
  });
  return portEndpoint(port1);
}

async function inProcess(): Promise<Endpoint> {
  const { guest, host } = createInProcessBus({ guestMemoryBytes: GUEST_MEMORY_BYTES, windowMegabytes: 1 });
  echoHost(host);
  return await busEndpoint(guest, () => guest.close());
}

/** Rings in memory that both threads see. */
async function betweenThreads(worker: Worker): Promise<Endpoint> {
  const { guest, host } = createSharedBus({ guestMemoryBytes: GUEST_MEMORY_BYTES, windowMegabytes: 1 });
  worker.postMessage({ host }, [host.port as unknown as MessagePort]);
  const bus = attachGuestBus(guest);
  return await busEndpoint(bus, () => bus.close());
}

interface Pair {
  readonly medium: string;
  readonly bare: { readonly name: string; readonly endpoint: Endpoint };
  readonly bus: { readonly name: string; readonly endpoint: Endpoint };
  /** Another library's call of the same size, beside the round trips. */
  readonly other?: { readonly way: Way; readonly close: () => void };
}

/** What is demanded over a bare medium that another program would use, by kind of traffic. */
const WEB_SOCKET_TARGETS = { roundTrips: 1.25, stream: 0.25, bulk: 1 / 0.8 } as const;

async function comparePair({ medium, bare, bus, other }: Pair): Promise<Comparison[]> {
  const run = (endpoint: Endpoint, kind: keyof Omit<Endpoint, 'close'>): Way['run'] => {
    return async (count) => {
      await endpoint[kind](count);
      return undefined;
    };
  };
  const ways = (kind: keyof Omit<Endpoint, 'close'>) =>
    [bare, bus].map(({ name, endpoint }): Way => ({ name, run: run(endpoint, kind) }));
  const targets = (kind: keyof typeof WEB_SOCKET_TARGETS) =>
    bare.name === 'raw ws' ? { targets: { [bus.name]: { most: WEB_SOCKET_TARGETS[kind] } } } : {};
  return [
    {
      suite: 'bus',
      case: `${medium}: round trip, ${PAYLOAD_BYTES} B`,
      baseline: bare.name,
      estimates: await sample([...ways('roundTrips'), ...(other === undefined ? [] : [other.way])], {
        samples: 11,
        sampleMs: 60,
      }),
      ...(other === undefined ? {} : { others: [other.way.name] }),
      ...targets('roundTrips'),
    },
    {
      suite: 'bus',
      case: `${medium}: message one way, ${PAYLOAD_BYTES} B, streamed`,
      baseline: bare.name,
      // More would only measure how much memory a queue may take.
      estimates: await sample(ways('stream'), { samples: 11, sampleMs: 60, maxCount: 20_000 }),
      ...targets('stream'),
    },
    {
      suite: 'bus',
      case: `${medium}: ${BULK_BYTES >> 20} MiB one way`,
      baseline: bare.name,
      bytes: BULK_BYTES,
      estimates: await sample(ways('bulk'), { samples: 5, sampleMs: 1, maxCount: 1 }),
      ...targets('bulk'),
    },
  ];
}

/** Each transport against the bare medium: what our framing, rings and completions cost on top. */
export async function measure(progress: (text: string) => void): Promise<Comparison[]> {
  const worker = new Worker(new URL('./bus-worker.js', import.meta.url));
  const [{ rawUrl, busUrl, grpcAddress }] = (await once(worker, 'message')) as [
    { rawUrl: string; busUrl: string; grpcAddress: string },
  ];
  const { port1, port2 } = new MessageChannel();
  worker.postMessage({ raw: port2 }, [port2]);
  const called = new MessageChannel();
  worker.postMessage({ comlink: called.port2 }, [called.port2]);
  const pairs: Pair[] = [
    {
      medium: 'one thread',
      bare: { name: 'MessagePort', endpoint: sameThreadPort() },
      bus: { name: 'in-process bus', endpoint: await inProcess() },
    },
    {
      medium: 'memory, two threads',
      bare: { name: 'MessagePort', endpoint: portEndpoint(port1) },
      bus: { name: 'worker bus', endpoint: await betweenThreads(worker) },
      other: comlinkCalls('comlink over MessagePort', called.port1),
    },
    {
      medium: 'WebSocket, two threads',
      bare: { name: 'raw ws', endpoint: await socketEndpoint(rawUrl) },
      bus: {
        name: 'WebSocket bus',
        endpoint: await connectWebSocket(busUrl).then((bus) => busEndpoint(bus, () => bus.close())),
      },
      other: grpcCalls('@grpc/grpc-js unary call', grpcAddress),
    },
  ];
  const comparisons: Comparison[] = [];
  for (const pair of pairs) {
    progress(pair.medium);
    comparisons.push(...(await comparePair(pair)));
    await pair.bare.endpoint.close();
    await pair.bus.endpoint.close();
    pair.other?.close();
  }
  worker.postMessage({ close: true });
  await once(worker, 'exit');
  return comparisons;
}
