import { once } from 'node:events';
import { isMainThread, workerData } from 'node:worker_threads';
import { listen } from '@dxgwire/transport/listen';
import { attachHostBus } from '@dxgwire/transport/mock-vmbus/worker';
import { MEMORY_BUS_BYTES, serveMemoryBus } from './memory-bus.ts';

/** The other side of the suite `memory`: a thread, or a process that listens on the URL given. */

if (isMainThread) {
  const [, , url = ''] = process.argv;
  const gone = once(process, 'disconnect');
  const listener = await listen(url, {
    guestMemoryBytes: MEMORY_BUS_BYTES,
    windowMegabytes: 1,
    onBus: serveMemoryBus,
  });
  process.send?.({ listening: true });
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ busyMs: (user + system) / 1000 });
  });
  await gone;
  await listener.close();
} else {
  serveMemoryBus(attachHostBus(workerData));
}
