import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { CaptureRecorder, tapGuestBus } from '@dxgwire/transport/capture';
import { connectWebSocket } from '@dxgwire/transport/websocket/node';
import { busEndpoint, PAYLOAD_BYTES } from './bus-echo.ts';
import type { Comparison } from './report.ts';
import { sample, type Way } from './sampling.ts';

/** What recording the guest's end of a WebSocket bus into a file costs: round trips, and messages one way. */
export async function measure(progress: (text: string) => void): Promise<Comparison[]> {
  progress('WebSocket bus, recorded at the guest into a file');
  const folder = mkdtempSync(join(tmpdir(), 'dxgwire-bench-'));
  const worker = new Worker(new URL('./bus-worker.js', import.meta.url));
  const [{ busUrl }] = (await once(worker, 'message')) as [{ busUrl: string }];
  const file = createWriteStream(join(folder, 'bench.dxgcap'));
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
    const ways = [
      { name: 'capture off', endpoint: off },
      { name: 'capture on', endpoint: on },
    ].map(({ endpoint, name }): Way => {
      return {
        name,
        async run(count) {
          await endpoint[kind](count);
          return undefined;
        },
      };
    });
    const what = kind === 'roundTrips' ? 'round trip' : 'message one way, streamed';
    comparisons.push({
      suite: 'capture',
      case: `WebSocket bus: ${what}, ${PAYLOAD_BYTES} B`,
      baseline: 'capture off',
      estimates: await sample(ways, { samples: 15, sampleMs: 60, maxCount: 20_000 }),
      targets: { 'capture on': { most: 1.05 } },
    });
  }
  await off.close();
  await on.close();
  await recorder.close();
  worker.postMessage({ close: true });
  await once(worker, 'exit');
  rmSync(folder, { recursive: true, force: true });
  return comparisons;
}
