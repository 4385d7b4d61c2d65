import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { describeTransportCompliance, type HostReport, serveCompliance } from '../compliance/index.ts';
import { attachGuestBus, attachHostBus, createSharedBus, type SharedBusOptions } from './worker.ts';

function fixtureWith(options: SharedBusOptions) {
  return {
    async open() {
      const ends = createSharedBus(options);
      const worker = new Worker(new URL(import.meta.url), {
        workerData: ends.host,
        transferList: [ends.host.port as never],
      });
      const exited = once(worker, 'exit');
      const report = once(worker, 'message').then(([message]) => message as HostReport);
      return {
        guest: attachGuestBus(ends.guest),
        report,
        async dispose() {
          // The worker ends by itself once its bus has: nothing may keep it alive.
          await exited;
        },
      };
    },
  };
}

if (isMainThread) {
  describeTransportCompliance('worker thread, Atomics.waitAsync', fixtureWith({}));
  describeTransportCompliance('worker thread, message port, no spin', {
    ...fixtureWith({ doorbell: 'message-port', spinMicroseconds: 0 }),
  });
} else {
  const report = await serveCompliance(attachHostBus(workerData));
  parentPort?.postMessage(report);
}
