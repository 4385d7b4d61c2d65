import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dxgwirePath } from './child.ts';

/** Every transport that the demo knows: by whom the host is run, and how the program reaches it. */
export const DEMO_TRANSPORTS = ['websocket', 'in-process', 'worker', 'shm', 'unix', 'tcp', 'stdio'] as const;
export type DemoTransport = (typeof DEMO_TRANSPORTS)[number];

/** What the demo runs over unless told otherwise. */
export const DEFAULT_TRANSPORTS: readonly DemoTransport[] = ['websocket', 'in-process'];

/** A way to run the program. */
export interface Way {
  readonly name: string;
  /** Options of `dxgwire run`. */
  readonly link: readonly string[];
}

/**
 * Reads a list such as `websocket,shm`; `all` stands for every transport.
 *
 * @throws Error that names what it does not know.
 */
export function parseTransports(text: string): readonly DemoTransport[] {
  if (text === 'all') return DEMO_TRANSPORTS;
  const names = [...new Set(text.split(','))];
  for (const name of names) {
    if (!(DEMO_TRANSPORTS as readonly string[]).includes(name)) {
      throw new Error(`--transport takes ${DEMO_TRANSPORTS.join(', ')} or all, not "${name}"`);
    }
  }
  return names as DemoTransport[];
}

/** Where a host in a process of its own listens, or null when the program's own command starts the host. */
export function listenUrlOf(transport: DemoTransport): string | null {
  const unique = `dxgwire-demo-${process.pid}`;
  switch (transport) {
    case 'websocket':
      return 'ws://127.0.0.1:0';
    case 'tcp':
      return 'tcp:127.0.0.1:0';
    case 'unix':
      return `unix:${join(tmpdir(), `${unique}.sock`)}`;
    case 'shm':
      return `shm:${unique}`;
    default:
      return null;
  }
}

/** @param url what the host says it listens on; null where it is not there yet. */
export function wayOf(transport: DemoTransport, url: string | null): Way {
  if (url !== null) return { name: `over ${transport} (${url})`, link: ['--connect', url] };
  switch (transport) {
    case 'worker':
      return { name: 'with a host in a worker thread', link: ['--in-worker'] };
    case 'stdio': {
      const host = `"${process.execPath}" "${dxgwirePath}" host --listen stdio: --log warn`;
      return { name: 'over standard input and output', link: ['--connect', `stdio:${host}`] };
    }
    default:
      return { name: 'over the in-process bus', link: ['--in-process'] };
  }
}
