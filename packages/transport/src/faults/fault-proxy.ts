import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import { type Clock, systemClock } from '../clock.ts';
import { FaultPipe } from './fault-pipe.ts';
import type { Framing } from './framing.ts';
import { type ConnectionPlan, type DirectionPlan, type FaultPlan, PERFECT_CONNECTION } from './plan.ts';

/** Where a proxy listens or connects to: a port of this machine or the path of a Unix socket. */
export type ProxyAddress = { readonly port: number } | { readonly path: string };

export interface FaultProxyOptions {
  /** Where the host listens. */
  readonly target: ProxyAddress;
  /** Where guests are to connect. Default: a free port of this machine. */
  readonly listen?: ProxyAddress;
  readonly plan: FaultPlan;
  readonly framing: Framing;
  readonly clock?: Clock;
}

/** Something between a guest and its host: real sockets on both sides, faults between. */
export interface FaultProxy {
  readonly address: ProxyAddress;
  /** Connections that guests have made or tried to make. */
  readonly connections: number;
  /** Sockets that are open. */
  readonly openSockets: number;
  /** Cuts everything and stops listening. */
  close(): Promise<void>;
}

const HOST = '127.0.0.1';

/** Both directions of one connection through the proxy. */
class ProxiedConnection {
  readonly #near: Socket;
  readonly #far: Socket;
  readonly #pipes: FaultPipe[] = [];
  #isCut = false;

  constructor(near: Socket, far: Socket, plan: ConnectionPlan, options: FaultProxyOptions, seed: number) {
    this.#near = near;
    this.#far = far;
    this.#pump(near, far, plan.toHost, options, seed);
    this.#pump(far, near, plan.toGuest, options, seed + 1);
  }

  #pump(from: Socket, to: Socket, plan: DirectionPlan, options: FaultProxyOptions, seed: number): void {
    const pipe: FaultPipe = new FaultPipe({
      clock: options.clock ?? systemClock,
      seed,
      framing: options.framing,
      plan,
      reader: {
        bytes: (bytes) => {
          // Pieces of one turn lie together before the other side of this process can read: one call for all of them.
          if (to.writableCorked === 0) {
            to.cork();
            queueMicrotask(() => to.uncork());
          }
          return to.write(bytes.slice());
        },
        ended: () => to.end(),
      },
      onRoom: () => from.resume(),
      onCut: () => this.cut(),
      onStall: (forMs) => {
        for (const entry of this.#pipes) entry.stall(forMs);
      },
    });
    this.#pipes.push(pipe);
    from.on('data', (bytes: Uint8Array) => {
      pipe.write(bytes);
      if (!pipe.hasRoom) from.pause();
    });
    to.on('drain', () => pipe.resume());
    from.on('end', () => pipe.end());
    from.on('error', () => this.cut());
    from.on('close', () => {
      if (!from.readableEnded || to.destroyed) this.cut();
    });
  }

  cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    for (const pipe of this.#pipes) pipe.stop();
    this.#near.destroy();
    this.#far.destroy();
  }
}

class Forwarder implements FaultProxy {
  connections = 0;
  readonly #options: FaultProxyOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: FaultProxyOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => this.#accept(near));
  }

  get openSockets(): number {
    return this.#sockets.size;
  }

  get address(): ProxyAddress {
    const { listen } = this.#options;
    return listen !== undefined && 'path' in listen
      ? listen
      : { port: (this.#server.address() as AddressInfo).port };
  }

  async listen(): Promise<void> {
    const { listen = { port: 0 } } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      if ('path' in listen) this.#server.listen(listen.path, resolve);
      else this.#server.listen(listen.port, HOST, resolve);
    });
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
  }

  #accept(near: Socket): void {
    const { plan, target } = this.#options;
    const next =
      this.connections < plan.connections.length ? plan.connections[this.connections] : PERFECT_CONNECTION;
    this.connections += 1;
    this.#keep(near);
    if (next === null || next === undefined) {
      near.on('error', () => {});
      near.destroy();
      return;
    }
    const where = 'path' in target ? { path: target.path } : { host: HOST, port: target.port, noDelay: true };
    const far = createConnection({ ...where, allowHalfOpen: true });
    this.#keep(far);
    new ProxiedConnection(near, far, next, this.#options, plan.seed * 31 + this.connections);
  }

  async close(): Promise<void> {
    const stopped = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const socket of this.#sockets) socket.destroy();
    await stopped;
  }
}

/**
 * Listens for guests and passes their connections on to a host, each with the faults of its place in the plan. Works
 * below any link over TCP or Unix sockets, WebSockets and shared memory's socket included: give the guest the proxy's
 * address instead of the host's.
 */
export async function createFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const proxy = new Forwarder(options);
  await proxy.listen();
  return proxy;
}
