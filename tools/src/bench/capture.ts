import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { CaptureRecorder, tapGuestBus } from '@dxgwire/transport/capture';
import { connectWebSocket } from '@dxgwire/transport/websocket/node';
import { busEndpoint, PAYLOAD_BYTES } from './bus-echo.ts';
import { busyMs } from './costs.ts';
import { sharedMemoryUrl, startHost } from './host-service.ts';
import { KmtLoad } from './kmt-load.ts';
import type { Comparison } from './report.ts';
import { sample, type Way } from './sampling.ts';

const OFF = 'capture off';
const ON = 'capture on';
/** What is demanded: less than 5 % of throughput. */
const TARGETS = { [ON]: { most: 1.05 } };
const IN_FLIGHT = 64;
/** Many short rounds: a difference of a few percent is to show on a machine that is not quiet. */
const ROUNDS = { samples: 41, sampleMs: 40 };

/** What recording costs: a host of the `dxgwire` command with `--capture`, and a bus alone. */
export async function measure(progress: (text: string) => void): Promise<Comparison[]> {
  const folder = mkdtempSync(join(tmpdir(), 'dxgwire-bench-'));
  try {
    const comparisons: Comparison[] = [];
    const urls: [string, () => string][] = [['WebSocket', () => 'ws://127.0.0.1:0']];
    if (process.platform === 'linux') urls.push(['shared memory', sharedMemoryUrl]);
    for (const [medium, url] of urls) {
      progress(`a host that records its guest, ${medium}`);
      comparisons.push(...(await compareHosts(medium, url, join(folder, 'host.dxgcap'))));
    }
    progress('a bus alone, recorded at the guest');
    comparisons.push(...(await compareBuses(join(folder, 'bus.dxgcap'))));
    return comparisons;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function compareHosts(medium: string, url: () => string, path: string): Promise<Comparison[]> {
  const hosts = [
    await startHost(url(), ['--backend', 'null']),
    await startHost(url(), ['--backend', 'null', '--capture', path]),
  ];
  try {
    const off = await KmtLoad.open(hosts[0]!.url);
    const on = await KmtLoad.open(hosts[1]!.url);
    const cases: readonly (readonly [string, (load: KmtLoad, count: number) => Promise<void>])[] = [
      ['a query and its answer', (load, count) => load.queries(count)],
      [`queries, ${IN_FLIGHT} in flight`, (load, count) => load.queriesInFlight(count, IN_FLIGHT)],
      ['submissions, no wait for each', (load, count) => load.submissions(count)],
    ];
    const comparisons: Comparison[] = [];
    for (const [what, run] of cases) {
      const name = `host on ${medium}: ${what}`;
      comparisons.push(
        await compare(
          name,
          (count) => run(off, count),
          (count) => run(on, count),
        ),
      );
      const [offHost, onHost] = hosts.map(({ service }) => service.pid) as [number, number];
      if (busyMs(offHost) === null) continue;
      comparisons.push(
        await compare(
          `${name}; processor time of the host`,
          busy(offHost, (count) => run(off, count)),
          busy(onHost, (count) => run(on, count)),
          {},
        ),
      );
    }
    await off.close();
    await on.close();
    return comparisons;
  } finally {
    await Promise.all(hosts.map(({ service }) => service.stop()));
  }
}

/** The other extreme: packets that nobody looks at, as many as a bus carries. */
async function compareBuses(path: string): Promise<Comparison[]> {
  const worker = new Worker(new URL('./bus-worker.js', import.meta.url));
  const [{ busUrl }] = (await once(worker, 'message')) as [{ busUrl: string }];
  const file = createWriteStream(path);
  const recorder = new CaptureRecorder({
    write: (chunk) =>
      new Promise((resolve, reject) => {
        file.write(chunk, (error) => (error == null ? resolve() : reject(error)));
      }),
    close: async () => {
      file.end();
      await once(file, 'close');
    },
  });
  const plain = await connectWebSocket(busUrl);
  const tapped = tapGuestBus(await connectWebSocket(busUrl), recorder);
  const off = await busEndpoint(plain, () => plain.close());
  const on = await busEndpoint(tapped, () => tapped.close());
  const comparisons: Comparison[] = [];
  for (const kind of ['roundTrips', 'stream'] as const) {
    const what = kind === 'roundTrips' ? 'round trip' : 'message one way, streamed';
    const name = `WebSocket bus alone: ${what}, ${PAYLOAD_BYTES} B`;
    comparisons.push(
      await compare(
        name,
        (count) => off[kind](count),
        (count) => on[kind](count),
      ),
    );
  }
  await off.close();
  await on.close();
  await recorder.close();
  worker.postMessage({ close: true });
  await once(worker, 'exit');
  return comparisons;
}

/** The same, with the time for which a process had a processor as the time that counts. */
function busy(pid: number, run: (count: number) => Promise<void>): (count: number) => Promise<number> {
  return async (count) => {
    const before = busyMs(pid)!;
    await run(count);
    return busyMs(pid)! - before;
  };
}

type Run = (count: number) => Promise<number | undefined> | Promise<void>;

async function compare(
  name: string,
  off: Run,
  on: Run,
  targets: NonNullable<Comparison['targets']> = TARGETS,
): Promise<Comparison> {
  const way = (label: string, run: Run): Way => ({
    name: label,
    run: async (count) => (await run(count)) ?? undefined,
  });
  return {
    suite: 'capture',
    case: name,
    baseline: OFF,
    estimates: await sample([way(OFF, off), way(ON, on)], { ...ROUNDS, maxCount: 20_000 }),
    targets,
  };
}
