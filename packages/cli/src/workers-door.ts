import { randomBytes } from 'node:crypto';
import type { Host } from '@dxgwire/host';
import { listen } from '@dxgwire/transport/listen';

/** Where the workers, and the processes, of a program reach a host that runs in the program's own process. */
export interface WorkersDoor {
  /** With the token that lets them in. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Lets them in over a socket of the loopback, with a token that nobody else knows: unlike a socket in a folder it leaves
 * nothing behind, however the process ends. It does not keep the process alive.
 *
 * @returns null where there is no such socket: then they have no GPU.
 */
export async function openWorkersDoor(host: Host, adapters: readonly number[]): Promise<WorkersDoor | null> {
  const token = randomBytes(24).toString('base64url');
  try {
    const listener = await listen('tcp:127.0.0.1:0', {
      token,
      // Both ends are on this machine: a connection breaks only with its process.
      leaseMs: 0,
      onBus: (bus) => host.attach(bus, { adapters }),
    });
    listener.unref?.();
    return { url: `${listener.url}?token=${token}`, close: () => listener.close() };
  } catch {
    return null;
  }
}
