import { once } from 'node:events';
import { createWriteStream, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { CaptureRecorder, tapGuestBus } from '@dxgwire/transport/capture';
import { connectWebSocket } from '@dxgwire/transport/websocket/node';
import { busEndpoint, PAYLOAD_BYTES } from './bus-echo.ts';
import { measureWebgpu } from './capture-webgpu.ts';
import { busyMs } from './costs.ts';
import { sharedMemoryUrl, startHost } from './host-service.ts';
import { KmtLoad } from './kmt-load.ts';
import type { Comparison } from './report.ts';
import { estimatesOf, type Samples, sample, takeSamples, type Way } from './sampling.ts';
import { temporaryFolder } from './temporary-folder.ts';

const OFF = 'capture off';
const ON = 'capture on';
/** What is demanded: less than 5 % of throughput. */
const TARGETS = { [ON]: { most: 1.05 } };
const IN_FLIGHT = 64;
/** Many short rounds: a difference of a few percent is to show on a machine that is not quiet. */
const ROUNDS = { samples: 41, sampleMs: 40 };
/**
 * Pairs of hosts, one of which records. How code is compiled and laid out differs from process to process by more than what
 * recording costs: so several are asked, each pair for fewer rounds.
 */
const PAIRS = 5;
/** Operations before the first sample: until then a new host's code is compiled, and slow in its own way. */
const WARM_UP = 5000;
const PAIR_ROUNDS = { samples: 10, sampleMs: 40, maxCount: 20_000 };

/** What recording costs: a host of the `dxgwire` command with `--capture`, and a bus alone. */
export async function measure(progress: (text: string) => void): Promise<Comparison[]> {
  const folder = temporaryFolder();
  try {
    const comparisons: Comparison[] = [];
    const urls: [string, () => string][] = [['WebSocket', () => 'ws://127.0.0.1:0']];
    if (process.platform === 'linux') urls.push(['shared memory', sharedMemoryUrl]);
    for (const [medium, url] of urls) {
      progress(`a host that records its guest, ${medium}`);
      comparisons.push(...(await compareHosts(medium, url, join(folder, 'host.dxgcap'))));
    }
    const [medium, url] = urls.at(-1)!;
    progress(`a WebGPU program, ${medium}`);
    const names = { off: OFF, on: ON };
    comparisons.push(...(await measureWebgpu(medium, url, join(folder, 'webgpu.dxgcap'), names, TARGETS)));
    progress('a bus alone, recorded at the guest');
    comparisons.push(...(await compareBuses(join(folder, 'bus.dxgcap'))));
    return comparisons;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What is asked of a host, by name. */
const CASES: readonly (readonly [string, (load: KmtLoad, count: number) => Promise<void>])[] = [
  ['a query and its answer', (load, count) => load.queries(count)],
  [`queries, ${IN_FLIGHT} in flight`, (load, count) => load.queriesInFlight(count, IN_FLIGHT)],
  ['submissions, no wait for each', (load, count) => load.submissions(count)],
];

async function compareHosts(medium: string, url: () => string, path: string): Promise<Comparison[]> {
  const times: Samples[][] = CASES.map(() => []);
  const busy: Samples[][] = CASES.map(() => []);
  for (let pair = 0; pair < PAIRS; pair += 1) {
    for (const [index, samples] of (await samplePair(url, path, pair % 2 === 1)).entries()) {
      times[index]!.push(samples.times);
      if (samples.busy !== null) busy[index]!.push(samples.busy);
    }
  }
  return CASES.flatMap(([what], index) => {
    const name = `host on ${medium}: ${what}`;
    const shared = { suite: 'capture', baseline: OFF } as const;
    const whole = { ...shared, case: name, estimates: estimatesOf(times[index]!), targets: TARGETS };
    if (busy[index]!.length === 0) return [whole];
    const processor = `${name}; processor time of the host`;
    return [whole, { ...shared, case: processor, estimates: estimatesOf(busy[index]!) }];
  });
}

/** Two new hosts, all cases. @param isSwapped whether the one that records starts first. */
async function samplePair(
  url: () => string,
  path: string,
  isSwapped: boolean,
): Promise<{ readonly times: Samples; readonly busy: Samples | null }[]> {
  const options = [
    [OFF, []],
    [ON, ['--capture', path]],
  ] as const;
  const hosts = new Map<string, Awaited<ReturnType<typeof startHost>>>();
  try {
    for (const [name, more] of isSwapped ? options.toReversed() : options) {
      hosts.set(name, await startHost(url(), ['--backend', 'null', ...more]));
    }
    const loads = new Map<string, KmtLoad>();
    for (const [name, host] of hosts) loads.set(name, await KmtLoad.open(host.url));
    const result: { times: Samples; busy: Samples | null }[] = [];
    for (const [, run] of CASES) {
      const busy: number[][] = [[], []];
      const ways = [OFF, ON].map((name, index): Way => {
        const { pid } = hosts.get(name)!.service;
        return {
          name,
          run: async (count) => {
            const before = busyMs(pid);
            const begin = performance.now();
            await run(loads.get(name)!, count);
            const elapsed = performance.now() - begin;
            const after = busyMs(pid);
            if (before !== null && after !== null) busy[index]!.push((after - before) / count);
            return elapsed;
          },
        };
      });
      for (const load of loads.values()) await run(load, WARM_UP);
      const times = await takeSamples(ways, PAIR_ROUNDS);
      // Before the rounds, ways are run until their length is known.
      const rounds = busy.map((each) => each.slice(-PAIR_ROUNDS.samples));
      const isWhole = rounds.every((each) => each.length === PAIR_ROUNDS.samples);
      result.push({ times, busy: isWhole ? { ...times, times: rounds } : null });
    }
    for (const load of loads.values()) await load.close();
    return result;
  } finally {
    await Promise.all([...hosts.values()].map(({ service }) => service.stop()));
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

type Run = (count: number) => Promise<number | undefined> | Promise<void>;

async function compare(name: string, off: Run, on: Run): Promise<Comparison> {
  const way = (label: string, run: Run): Way => ({
    name: label,
    run: async (count) => (await run(count)) ?? undefined,
  });
  return {
    suite: 'capture',
    case: name,
    baseline: OFF,
    estimates: await sample([way(OFF, off), way(ON, on)], { ...ROUNDS, maxCount: 20_000 }),
    targets: TARGETS,
  };
}
