import { dxgwirePath, type Service, startService } from '../child.ts';

/** A `dxgwire host` in a process of its own, and where it listens. */
export interface HostService {
  readonly service: Service;
  readonly url: string;
}

/** Starts a host that listens on this URL, with more options of `dxgwire host`. */
export async function startHost(listenUrl: string, options: readonly string[] = []): Promise<HostService> {
  const args = [dxgwirePath, 'host', '--listen', listenUrl, '--json', '--log', 'warn', ...options];
  const service = await startService(args);
  const { url } = JSON.parse(service.firstLine) as { url: string };
  return { service, url };
}

let lastNumber = 0;

/** A name of shared memory that no other host has. */
export function sharedMemoryUrl(): string {
  lastNumber += 1;
  return `shm:bench-${process.pid}-${lastNumber}`;
}
