import process from 'node:process';
import { createHost, createSharedRegionAllocator, createSilentLog } from '@dxgwire/host';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';
import { type BackendName, openBackend } from './backend.ts';
import { GUEST_MEMORY_BYTES, type Link } from './link.ts';
import { openWorkersDoor } from './workers-door.ts';

/**
 * Starts a host in this process and joins it by rings in memory.
 *
 * @throws CommandFailure when its backend does not start.
 */
export async function inProcessLink(backendName: BackendName): Promise<Link> {
  const log = createSilentLog();
  const { backend, adapters } = await openBackend(backendName, undefined, log);
  const host = createHost({ backend, log });
  const allocateRegion = createSharedRegionAllocator();
  const { guest, host: hostBus } = createInProcessBus({
    guestMemoryBytes: GUEST_MEMORY_BYTES,
    peerName: `dxgwire ${process.pid}`,
    ...(allocateRegion === null ? {} : { allocateRegion }),
  });
  host.attach(hostBus, { adapters });
  const door = await openWorkersDoor(host, adapters);
  return {
    bus: guest,
    workersUrl: door?.url ?? null,
    needsFarewell: false,
    async close() {
      await guest.close();
      await door?.close();
      await host.close();
      await backend.close();
    },
  };
}
