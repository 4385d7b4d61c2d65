import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Socket } from 'node:net';
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
  /** From now on the link alone does not keep this process alive. */
  release(): void;
  /** Takes that back. */
  keep(): void;
  close(): Promise<void>;
}

/**
 * Connects to a host by URL.
 *
 * @throws UsageError when that is no URL of a host; CommandFailure when the host cannot be reached or refuses.
 */
export async function connectLink(url: string, token: string | undefined): Promise<Link> {
  const sockets = new Set<Socket>();
  // The bus does not show its socket; Node tells of each one that is made.
  const note = (message: unknown): void => {
    const { socket } = message as { socket?: unknown };
    if (socket instanceof Socket) sockets.add(socket);
  };
  subscribe('net.client.socket', note);
  try {
    const bus = await connect(url, {
      name: `dxgwire ${process.pid}`,
      ...(token === undefined ? {} : { token }),
    });
    return {
      bus,
      release() {
        for (const socket of sockets) socket.unref();
      },
      keep() {
        for (const socket of sockets) socket.ref();
      },
      close: () => bus.close(),
    };
  } catch (error) {
    if (isTransportError(error) && error.code === 'bad-url') {
      const example = `${CONNECT_SCHEMES[0]}://127.0.0.1:8774`;
      throw new UsageError(
        `--connect takes the URL that \`dxgwire host\` prints, like ${example}, not "${url}"`,
      );
    }
    const hint = token === undefined ? '; give its --token SECRET' : '';
    const refused = isTransportError(error) && error.code === 'refused' ? hint : '';
    throw new CommandFailure(`${describe(error)}${refused}`, { cause: error });
  } finally {
    unsubscribe('net.client.socket', note);
  }
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
    // Memory keeps no process alive; the backend sees to its GPU process.
    release() {},
    keep() {},
    async close() {
      await guest.close();
      await host.close();
      await backend.close();
    },
  };
}
