import { startDriver } from '@dxgwire/guest/kmt';
import { connect } from '@dxgwire/transport/connect';
import { SimRandom } from '../sim/sim-random.ts';
import { SimRig } from '../sim/sim-rig.ts';

/** What a guest that is to live is told. */
export interface SurvivorTask {
  readonly url: string;
  readonly name: string;
  readonly seed: number;
}

export type FromSurvivor =
  | { readonly type: 'ready' }
  /** Round trips since the last report, milliseconds. */
  | { readonly type: 'times'; readonly times: readonly number[] }
  | { readonly type: 'failure'; readonly message: string }
  | { readonly type: 'done' };

export type ToSurvivor = { readonly type: 'report' } | { readonly type: 'stop' };

const task = JSON.parse(process.argv[2] ?? '{}') as SurvivorTask;
const send = (message: FromSurvivor) => process.send?.(message);
const fail = (error: unknown) => send({ type: 'failure', message: String((error as Error).stack ?? error) });
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);

// Whatever ends the runner ends its guests.
process.once('disconnect', () => process.exit(0));

let isStopped = false;
let times: number[] = [];
process.on('message', (message: ToSurvivor) => {
  if (message.type === 'stop') {
    isStopped = true;
    return;
  }
  send({ type: 'times', times });
  times = [];
});

const random = new SimRandom(task.seed);
const bus = await connect(task.url, { name: task.name });
const driver = await startDriver(bus);
driver.onLost = (loss) => {
  if (!isStopped) fail(new Error(`${task.name} was lost: ${loss}`));
};
await driver.settled();
const user = await driver.openDevice({ comm: task.name });
const rig = new SimRig(
  user,
  bus.memory,
  random,
  {
    nowMs: () => performance.now(),
    after: (delayMs, callback) => {
      setTimeout(callback, delayMs);
    },
    violated: fail,
  },
  () => driver.loss !== null,
);
await rig.open(2);
send({ type: 'ready' });

const actions: readonly (() => Promise<void>)[] = [
  () => rig.submit(),
  () => rig.submit(),
  () => rig.signalFromCpu(),
  () => rig.signalFromGpu(),
  () => rig.waitOnGpu(),
  () => rig.createFence(),
  () => rig.destroyFence(),
  () => rig.allocate(),
  () => rig.free(),
  () => rig.evict(),
  () => rig.lock(),
];
const { adapters } = await user.enumAdapters3({ filter: 1n, adapterCount: 1 });
try {
  while (!isStopped) {
    await random.pick(actions)();
    rig.check(30_000);
    const startMs = performance.now();
    await user.queryVideoMemoryInfo({ adapter: adapters[0]!.adapterHandle, memorySegmentGroup: 0 });
    times.push(performance.now() - startMs);
    // Not more than a program would.
    await new Promise((resolve) => setTimeout(resolve, 1 + random.below(4)));
  }
  while (rig.owed > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await rig.drain();
  rig.check(30_000);
  await rig.close();
  await user.closeDevice();
  await driver.close();
  await bus.close();
  send({ type: 'done' });
} catch (error) {
  fail(error);
}
process.disconnect();
