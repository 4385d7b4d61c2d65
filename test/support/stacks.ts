import { createGPU } from '@dxgwire/guest/webgpu';
import { createHost, createSharedRegionAllocator, type Host } from '@dxgwire/host';
import type { Backend } from '@dxgwire/host/backends';
import type { GuestBus } from '@dxgwire/transport';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';
import { connectSharedMemory, listenSharedMemory } from '@dxgwire/transport/shared-memory';
import { connectWebSocket, listenWebSocket } from '@dxgwire/transport/websocket/node';

/** A way to join a guest to a host; every end-to-end suite runs over each of them. */
export interface Link {
  readonly name: string;
  /** Makes a new guest bus whose other end is attached to the host. */
  connect(): Promise<GuestBus>;
  close(): Promise<void>;
}

export type LinkMaker = (host: Host) => Promise<Link>;

export const linkMakers: Record<string, LinkMaker> = {
  'in-process': async (host) => ({
    name: 'in-process',
    async connect() {
      const { guest, host: hostBus } = createInProcessBus({
        guestMemoryBytes: 128 << 20,
        windowMegabytes: 64,
      });
      host.attach(hostBus);
      return guest;
    },
    async close() {},
  }),
  websocket: async (host) => {
    const allocateRegion = createSharedRegionAllocator();
    const listener = await listenWebSocket({
      host: '127.0.0.1',
      port: 0,
      onHostBus: (bus) => host.attach(bus),
      ...(allocateRegion === null ? {} : { allocateRegion }),
    });
    return {
      name: 'websocket',
      connect: () => connectWebSocket(listener.url),
      close: () => listener.close(),
    };
  },
};

let sharedMemoryLinks = 0;

/** Not among the links that every suite runs over: it differs from the others in its memory only. */
export const sharedMemoryLink: LinkMaker = async (host) => {
  sharedMemoryLinks += 1;
  const url = `shm:test-${process.pid}-${sharedMemoryLinks}`;
  const listener = await listenSharedMemory(url, { onHostBus: (bus) => host.attach(bus) });
  return {
    name: 'shared memory',
    connect: () => connectSharedMemory(listener.url),
    close: () => listener.close(),
  };
};

/** A host with one backend and one link to it, torn down in the right order. */
export class Stack {
  readonly host: Host;
  readonly link: Link;
  readonly #backend: Backend;
  readonly #buses: GuestBus[] = [];

  private constructor(host: Host, link: Link, backend: Backend) {
    this.host = host;
    this.link = link;
    this.#backend = backend;
  }

  static async start(link: string | LinkMaker, backend: Backend): Promise<Stack> {
    const host = createHost({ backend });
    const maker = typeof link === 'string' ? linkMakers[link] : link;
    if (maker === undefined) throw new Error(`no link named ${link}`);
    return new Stack(host, await maker(host), backend);
  }

  async connect(): Promise<GuestBus> {
    const bus = await this.link.connect();
    this.#buses.push(bus);
    return bus;
  }

  /** A GPU of the projected kind, over a bus of its own. */
  createGPU() {
    return createGPU({ connect: () => this.connect() });
  }

  async close(): Promise<void> {
    for (const bus of this.#buses) await bus.close().catch(() => {});
    await this.link.close();
    await this.host.close();
    await this.#backend.close();
  }
}
