import { runMesh } from '../mesh-run.ts';
import { sharedMemoryUrl, startHost } from './host-service.ts';
import type { Comparison } from './report.ts';
import type { Estimate } from './sampling.ts';

const FRAMES = 6;
const ROUNDS = 3;

/** The steady frame of examples/mesh: every run in a process of its own, the ways in turns. */
export async function measure(progress: (text: string) => void): Promise<Comparison[]> {
  const webSocket = await startHost('ws://127.0.0.1:0');
  const sharedMemory = await startHost(sharedMemoryUrl());
  try {
    const ways = [
      { name: 'local Dawn', link: ['--local'] },
      { name: 'shared memory', link: ['--connect', sharedMemory.url] },
      { name: 'WebSocket', link: ['--connect', webSocket.url] },
      { name: 'in-process', link: ['--in-process'] },
    ];
    const times: number[][] = ways.map(() => []);
    for (let round = 0; round < ROUNDS; round++) {
      progress(`round ${round + 1} of ${ROUNDS}, ${FRAMES} frames each`);
      for (const [index, { link }] of ways.entries()) {
        times[index]?.push((await runMesh(link, FRAMES)).report.frameMs!);
      }
    }
    const estimates = ways.map(({ name }, index): Estimate => {
      const [low = 0, middle = 0, high = 0] = (times[index] ?? []).toSorted((a, b) => a - b);
      return {
        name,
        medianMs: middle,
        lowerQuartileMs: (low + middle) / 2,
        upperQuartileMs: (middle + high) / 2,
        samples: ROUNDS,
        countPerSample: FRAMES - 1,
      };
    });
    return [{ suite: 'mesh', case: 'mesh frame', baseline: 'local Dawn', estimates }];
  } finally {
    await sharedMemory.service.stop();
    await webSocket.service.stop();
  }
}
