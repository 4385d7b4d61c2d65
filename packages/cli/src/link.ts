import { createHost, createSharedRegionAllocator, createSilentLog } from '@dxgwire/host';
import type { GuestBus } from '@dxgwire/transport';
import { isTransportError } from '@dxgwire/transport';
import { CONNECT_SCHEMES, connect } from '@dxgwire/transport/connect';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';
import { type BackendName, openBackend } from './backend.ts';
import { CommandFailure, describe, UsageError } from './errors.ts';

/** A guest's bus, and all that has to end with it. */
export interface Link {
  readonly bus: GuestBus;
  close(): Promise<void>;
}

/**
 * Connects to a host by URL.
 *
 * @throws UsageError when that is no URL of a host; CommandFailure when the host cannot be reached or refuses.
 */
export async function connectLink(url: string, token: string | undefined): Promise<Link> {
  try {
    const bus = await connect(url, {
      name: `dxgwire ${process.pid}`,
      ...(token === undefined ? {} : { token }),
    });
    return { bus, close: () => bus.close() };
  } catch (error) {
    if (isTransportError(error) && error.code === 'bad-url') {
      const example = `${CONNECT_SCHEMES[0]}://127.0.0.1:8774`;
      throw new UsageError(
        `--connect takes the URL that \`dxgwire host\` prints, like ${example}, not "${url}"`,
      );
    }
    const hint = token === undefined ? '; give its --token SECRET' : '';
    const refused = isTransportError(error) && error.code === 'refused' ? hint : '';
    const what = describe(error);
    const place = what.includes(new URL(url).host) ? '' : `cannot connect to ${withoutSecrets(url)}: `;
    throw new CommandFailure(`${place}${what}${refused}${doubtOf(error)}`, { cause: error });
  }
}

/** What answers in another way than a host does, may be none. */
function doubtOf(error: unknown): string {
  const isStrange = isTransportError(error) && ['bad-frame', 'peer-closed', 'time-out'].includes(error.code);
  return isStrange ? '. Is that a dxgwire host?' : '';
}

/** A URL fit for an error message: without a password or a token. */
function withoutSecrets(text: string): string {
  const url = new URL(text);
  url.password = '';
  url.search = '';
  return url.href;
}

/** Guest RAM of an in-process link, bytes. Committed by the system as it is touched. */
const GUEST_MEMORY_BYTES = 1 << 30;

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
  return {
    bus: guest,
    async close() {
      await guest.close();
      await host.close();
      await backend.close();
    },
  };
}
