import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import type { Host } from '@dxgwire/host';
import { listen } from '@dxgwire/transport/listen';

/** Where the workers of a program reach a host that runs in the program's own process. */
export interface WorkersDoor {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Lets workers in over a socket that only this user can reach, in a folder that goes away with this process. It does not
 * keep the process alive.
 *
 * @returns null where there is no such socket: the workers then have no GPU.
 */
export async function openWorkersDoor(host: Host, adapters: readonly number[]): Promise<WorkersDoor | null> {
  if (process.platform === 'win32') return null;
  const folder = mkdtempSync(join(tmpdir(), 'dxgwire-workers-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  const end = () => {
    process.off('exit', remove);
    remove();
  };
  try {
    const listener = await listen(`unix:${join(folder, 'gpu.sock')}`, {
      onBus: (bus) => host.attach(bus, { adapters }),
    });
    listener.unref?.();
    return {
      url: listener.url,
      async close() {
        await listener.close();
        end();
      },
    };
  } catch {
    end();
    return null;
  }
}

/** Removes a door's folder when this process ends: a thread that opened it may not come to it. */
export function removeDoorAtExit(url: string): void {
  const folder = dirname(url.slice('unix:'.length));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
}
