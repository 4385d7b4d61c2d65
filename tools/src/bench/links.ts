import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  GLOBAL_CHANNEL_INDEX,
  PACKET_FLAG_COMPLETION_REQUESTED,
  type Packet,
  PacketKind,
} from '@dxgwire/transport';
import { connect } from '@dxgwire/transport/connect';
import { Answers, BULK_BYTES, PAYLOAD_BYTES } from './bus-echo.ts';
import { bareEndpoint, type LinkEndpoint, runCalls } from './links-bare.ts';
import type { Comparison, Figure } from './report.ts';
import { sample, type Way } from './sampling.ts';
import { temporaryFolder } from './temporary-folder.ts';

const IN_FLIGHT = 64;
/** Calls a second with that many in flight that are demanded of every link. */
const DEMANDED_PER_SECOND = 1e6;
/** 0.8 x as fast as the bare medium. */
const DEMANDED_BULK = 1.25;

/** The guest's end of a link as an endpoint. */
export async function linkEndpoint(url: string): Promise<LinkEndpoint> {
  const bus = await connect(url);
  const channel = await bus.open(GLOBAL_CHANNEL_INDEX);
  const answers = new Answers();
  channel.onPacket = (packet: Packet) => {
    if (packet.kind === PacketKind.completion) answers.arrived();
  };
  const payload = new Uint8Array(PAYLOAD_BYTES);
  const send = () =>
    channel.send(PacketKind.inBand, 1, 0, PACKET_FLAG_COMPLETION_REQUESTED, payload, 0, PAYLOAD_BYTES);
  const block = bus.memory.allocate(BULK_BYTES);
  block.bytes.fill(7);
  return {
    calls: (count, inFlight) => runCalls(answers, count, inFlight, send),
    async bulk() {
      block.flush(0, BULK_BYTES);
      const answer = answers.expect(1);
      send();
      await answer;
    },
    close: () => bus.close(),
  };
}

interface Urls {
  readonly unix: string;
  readonly tcp: string;
  readonly ws: string;
}

const MEDIA = [
  { key: 'unix', medium: 'Unix socket', bare: 'bare socket', roundTrip: 1.3, calls: null },
  { key: 'tcp', medium: 'TCP', bare: 'bare socket', roundTrip: 1.3, calls: null },
  { key: 'ws', medium: 'WebSocket', bare: 'bare ws', roundTrip: 1.25, calls: 0.25 },
] as const;

async function startHost(folder: string): Promise<{ child: ChildProcess; bare: Urls; bus: Urls }> {
  const script = fileURLToPath(new URL('./links-host.js', import.meta.url));
  const child = fork(script, [folder, String(BULK_BYTES)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [urls] = (await once(child, 'message')) as [{ bare: Urls; bus: Urls }];
  return { child, ...urls };
}

async function compareMedium(
  { medium, bare: bareName, roundTrip, calls }: (typeof MEDIA)[number],
  bare: LinkEndpoint,
  bus: LinkEndpoint,
): Promise<Comparison[]> {
  const ways = (run: (endpoint: LinkEndpoint, count: number) => Promise<void>) =>
    [
      { name: bareName, endpoint: bare },
      { name: 'our link', endpoint: bus },
    ].map(
      ({ name, endpoint }): Way => ({
        name,
        run: async (count) => {
          await run(endpoint, count);
          return undefined;
        },
      }),
    );
  const common = { suite: 'links', baseline: bareName };
  return [
    {
      ...common,
      case: `${medium}: round trip, ${PAYLOAD_BYTES} B`,
      targets: { 'our link': { most: roundTrip } },
      estimates: await sample(
        ways((endpoint, count) => endpoint.calls(count, 1)),
        { samples: 15, sampleMs: 60 },
      ),
    },
    {
      ...common,
      case: `${medium}: a call, ${IN_FLIGHT} in flight`,
      ...(calls === null ? {} : { targets: { 'our link': { most: calls } } }),
      estimates: await sample(
        ways((endpoint, count) => endpoint.calls(count, IN_FLIGHT)),
        { samples: 15, sampleMs: 60 },
      ),
    },
    {
      ...common,
      case: `${medium}: ${BULK_BYTES >> 20} MiB one way`,
      bytes: BULK_BYTES,
      targets: { 'our link': { most: DEMANDED_BULK } },
      estimates: await sample(
        ways(async (endpoint, count) => {
          for (let i = 0; i < count; i += 1) await endpoint.bulk();
        }),
        { samples: 9, sampleMs: 1, maxCount: 1 },
      ),
    },
  ];
}

/** Byte-stream transports against the bare medium, the other side in another process. */
export async function measure(
  progress: (text: string) => void,
): Promise<{ comparisons: Comparison[]; figures: Figure[] }> {
  const folder = temporaryFolder();
  const { child, bare, bus } = await startHost(folder);
  const comparisons: Comparison[] = [];
  const figures: Figure[] = [];
  try {
    for (const each of MEDIA) {
      progress(each.medium);
      const bareEnd = await bareEndpoint(bare[each.key]);
      const busEnd = await linkEndpoint(bus[each.key]);
      const compared = await compareMedium(each, bareEnd, busEnd);
      comparisons.push(...compared);
      figures.push(callsPerSecond(each.medium, compared[1]));
      await bareEnd.close();
      await busEnd.close();
    }
  } finally {
    child.disconnect();
    await once(child, 'exit');
    rmSync(folder, { recursive: true, force: true });
  }
  return { comparisons, figures };
}

function callsPerSecond(medium: string, comparison: Comparison | undefined): Figure {
  const ours = comparison?.estimates.find(({ name }) => name === 'our link');
  return {
    suite: 'links',
    name: `${medium}: calls a second, ${IN_FLIGHT} in flight`,
    value: 1e-3 / (ours?.medianMs ?? Number.NaN),
    unit: 'M/s',
    target: { least: DEMANDED_PER_SECOND / 1e6 },
  };
}
