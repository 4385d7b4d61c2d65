import { isProtocolError } from '@dxgwire/protocol';
import { AllocationKind, type ContextData, decodeContextBlob } from '@dxgwire/protocol/blobs';
import { STREAM_VERSION } from '@dxgwire/protocol/stream';
import { now } from '@dxgwire/transport/timers';
import { requestedLengthBytes } from '../allocation-size.ts';
import type {
  AdapterEnvironment,
  AllocationRequest,
  AllocationResult,
  AllocationStorage,
  BackendAdapter,
  BackendAllocation,
  BackendContext,
  BackendDevice,
  ContextRequest,
  ExecutionResult,
  SegmentDescription,
  Submission,
} from '../contract.ts';
import { AllocationMemory, kindOf, WebgpuAllocation } from './allocation.ts';
import { WebgpuContext } from './context.ts';
import type { GpuServer } from './gpu-server.ts';
import type { Sharing } from './sharing.ts';
import { SubmissionBuilder } from './submission-builder.ts';
import { TransferPool } from './transfer-pool.ts';

/** Contexts of one guest on one GPU. Each is a device of Dawn's: half a megabyte of the GPU process before it has done anything. */
const MAX_CONTEXTS = 2048;

const NANOSECONDS_PER_MILLISECOND = 1_000_000;

/** A server that an adapter can use, and what it needs to know of its life. */
export interface AdapterServer extends GpuServer {
  /** Settles when its device is open and works; rejects with the reason why it does not. */
  readonly ready: Promise<unknown>;
  /** Called once when it is gone and nobody ended it: the reason, in words. */
  onDeath: ((reason: string) => void)[];
}

/** Where an adapter gets its server: a GPU process, or the page it is in. */
export interface ServerSource {
  /** A server to use; the same as before unless that is gone. */
  acquire(): AdapterServer;
  /** Ends the server that `acquire` gave, whatever it does. */
  kill(server: AdapterServer): Promise<void>;
  /** The adapter needs it no more. */
  release(server: AdapterServer): Promise<void>;
}

export interface AdapterOptions {
  readonly environment: AdapterEnvironment;
  readonly segments: readonly SegmentDescription[];
  readonly servers: ServerSource;
  /** Null where the servers see no memory of this process. */
  readonly sharing: Sharing | null;
  /** Called when it is closed: whoever keeps it lets go of it, and so of the memory of its guest. */
  readonly onClosed?: (adapter: WebgpuAdapter) => void;
}

/** One virtual GPU of one partition on the webgpu backend. */
export class WebgpuAdapter implements BackendAdapter {
  private readonly environment: AdapterEnvironment;
  private readonly segments: readonly SegmentDescription[];
  private readonly servers: ServerSource;
  private readonly sharing: Sharing | null;
  private readonly onClosed: (adapter: WebgpuAdapter) => void;
  private readonly memory: AllocationMemory;
  private readonly builder: SubmissionBuilder;
  private readonly pool: TransferPool | null;
  private readonly contexts = new Set<WebgpuContext>();
  private readonly allocations = new Set<WebgpuAllocation>();
  private server: AdapterServer | null = null;
  private resetting = false;
  private closed = false;

  constructor({ environment, segments, servers, sharing, onClosed }: AdapterOptions) {
    this.onClosed = onClosed ?? (() => {});
    this.environment = environment;
    this.segments = segments;
    this.servers = servers;
    this.sharing = sharing;
    const allocateRegion = sharing?.allocateRegion ?? null;
    const onFreed = (path: string): void => sharing?.regions.drop(path);
    this.memory = new AllocationMemory(environment.memory, environment.window, allocateRegion, onFreed);
    this.pool = allocateRegion === null ? null : new TransferPool(allocateRegion, onFreed);
    this.builder = new SubmissionBuilder(this.memory, sharing?.regions ?? null, this.pool);
  }

  /** Takes a server and waits until its device is open. @throws Error when it cannot be. */
  async open(): Promise<void> {
    await this.takeServer().ready;
  }

  private takeServer(): AdapterServer {
    if (this.server !== null && !this.server.isGone) return this.server;
    const server = this.servers.acquire();
    this.server = server;
    server.onDeath.push((reason) => this.lost(server, reason));
    return server;
  }

  /** The server ended by itself. */
  private lost(server: AdapterServer, reason: string): void {
    if (this.server !== server) return;
    this.server = null;
    this.environment.log.warn({ reason }, 'the GPU is lost');
    this.loseContexts(server, reason);
    if (!this.closed && !this.resetting) this.environment.onLost(reason);
  }

  private loseContexts(server: AdapterServer, reason: string): void {
    for (const context of [...this.contexts]) if (context.server === server) context.lose(reason);
  }

  createDevice(): BackendDevice {
    return {};
  }

  destroyDevice(_device: BackendDevice): void {}

  createAllocation(request: AllocationRequest): AllocationResult | { readonly refused: string } {
    const lengthBytes = requestedLengthBytes(request);
    if (typeof lengthBytes !== 'number') return lengthBytes;
    const kind = request.standardLengthBytes > 0 ? AllocationKind.bytes : kindOf(request.privateData);
    const allocation = new WebgpuAllocation(kind, lengthBytes, request.existingSystemMemory);
    if (!allocation.hasBytes && request.existingSystemMemory) {
      return { refused: 'a buffer or texture cannot have guest pages as its memory' };
    }
    this.allocations.add(allocation);
    return {
      allocation: allocation as BackendAllocation,
      lengthBytes,
      cached: true,
      segments: request.existingSystemMemory ? [] : this.segmentsFor(allocation),
    };
  }

  /** Plain bytes live in system memory, buffers and textures best in the device's own. */
  private segmentsFor(allocation: WebgpuAllocation): number[] {
    const ids = this.segments.map(({ id }) => id);
    return allocation.hasBytes ? ids.reverse() : ids;
  }

  destroyAllocation(token: BackendAllocation): void {
    const allocation = token as WebgpuAllocation;
    this.allocations.delete(allocation);
    this.memory.free(allocation);
  }

  setStorage(token: BackendAllocation, storage: AllocationStorage | null): boolean {
    const allocation = token as WebgpuAllocation;
    if (!allocation.hasBytes) return false;
    this.memory.move(allocation, storage);
    return true;
  }

  /** Dawn commits memory by itself when a resource is made; there is nothing to do before. */
  makeResident(_token: BackendAllocation, _segmentId: number): void {}

  /** Dawn gives no memory back while a resource lives: what is dropped is the buffer or texture itself. */
  evict(token: BackendAllocation, discard: boolean): void {
    const allocation = token as WebgpuAllocation;
    if (discard && allocation.storage === null) this.memory.free(allocation);
  }

  createContext(request: ContextRequest): BackendContext | { readonly refused: string } {
    if (this.contexts.size >= MAX_CONTEXTS) {
      return { refused: `a guest has at most ${MAX_CONTEXTS} contexts on one GPU` };
    }
    let data: ContextData;
    try {
      data = decodeContextBlob(request.privateData);
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      return { refused: error.message };
    }
    if (data.streamVersion !== STREAM_VERSION) {
      return {
        refused: `command stream of version ${data.streamVersion}, this host reads ${STREAM_VERSION}`,
      };
    }
    const context = new WebgpuContext({
      server: this.takeServer(),
      services: request.services,
      data,
      memory: this.memory,
      builder: this.builder,
      log: this.environment.log,
    });
    this.contexts.add(context);
    return context as BackendContext;
  }

  destroyContext(token: BackendContext): void {
    const context = token as WebgpuContext;
    this.contexts.delete(context);
    context.destroy();
  }

  execute(_nodeIndex: number, submission: Submission, done: (result: ExecutionResult) => void): void {
    (submission.context as WebgpuContext).execute(submission, done);
  }

  readClock(): bigint {
    return BigInt(Math.floor(now() * NANOSECONDS_PER_MILLISECOND));
  }

  async reset(): Promise<void> {
    const { server: current } = this;
    if (current === null) return;
    this.resetting = true;
    try {
      this.server = null;
      await this.servers.kill(current);
      this.loseContexts(current, 'the GPU was reset because work took too long');
    } finally {
      this.resetting = false;
    }
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    const { server: current } = this;
    for (const context of [...this.contexts]) {
      context.lose('the adapter was closed');
      context.destroy();
    }
    this.contexts.clear();
    for (const allocation of this.allocations) this.memory.freeBytes(allocation);
    this.allocations.clear();
    this.pool?.close();
    this.sharing?.regions.clear();
    this.server = null;
    if (current !== null) await this.servers.release(current);
    this.onClosed(this);
  }
}
