import { Feature } from '@dxgwire/protocol';
import { decodeAdapterCaps } from '@dxgwire/protocol/blobs';
import { ops, STREAM_VERSION } from '@dxgwire/protocol/stream';
import type { GuestBus } from '@dxgwire/transport';
import { clearInterval, clearTimeout, setInterval, setTimeout } from '@dxgwire/transport/timers';
import { type KmtDriver, type KmtProcess, startDriver, unwrap } from '../kmt/index.ts';
import type { AdapterInfo } from '../kmt/types/adapter.ts';
import type { AdapterSource } from './adapter.ts';
import {
  type AdapterChoice,
  type AdapterSelector,
  chooseAdapter,
  type FoundAdapter,
} from './adapter-choice.ts';
import { openKernel } from './bring-up.ts';
import { DeviceCore, type SharedCounters } from './device-core.ts';
import type { GPUError } from './errors.ts';

/** KMTQAITYPE_UMDRIVERPRIVATE */
const QUERY_DRIVER_PRIVATE = 0;

/** First guess for the size of the adapter's caps; the host says how much it needs when it is too small, bytes. */
const CAPS_BYTES = 16_384;

/** Most that a caps query may return: what QueryAdapterInfo carries, bytes. */
const MAX_CAPS_BYTES = 131_072;

/** How long to wait for a host that has let us in, but has not offered anything yet. Milliseconds. */
const OFFER_TIMEOUT_MS = 10_000;

/** Period of a timer that has nothing to do but to be there. Milliseconds. */
const KEEP_ALIVE_MS = 0x7fff_ffff;

export interface SessionOptions {
  readonly connect: () => Promise<GuestBus>;
  readonly adapter: AdapterSelector | undefined;
  readonly stagingLimitBytes: number;
  readonly returnRingBytes: number;
  readonly processName: string;
  /** Told of what a program cannot be told otherwise. */
  readonly log: (message: string) => void;
}

interface Link {
  readonly bus: GuestBus;
  readonly driver: KmtDriver;
  readonly process: KmtProcess;
  readonly adapters: readonly FoundAdapter[];
}

/** Numbers about what a GPU has done so far. They only grow. */
export interface Statistics {
  /** How often the driver had to wait for the host before it, or the program, could go on. */
  roundTrips: number;
  /** Submissions to hardware queues. */
  submissions: number;
}

/** Memory of one segment group of an adapter, as QueryVideoMemoryInfo tells a program of it. */
export interface VideoMemory {
  /** The adapter's name. */
  readonly adapter: string;
  /** `local`: the GPU's own memory; `non-local`: the system's, as far as it can reach it. */
  readonly group: 'local' | 'non-local';
  /** How much the program can have at all, bytes: a promise. */
  readonly budgetBytes: number;
  /** How much it has, bytes. */
  readonly usageBytes: number;
}

/** One connection to a host: everything behind a GPU object. */
export class Session {
  readonly languageFeatures = new Set<string>();
  preferredCanvasFormat: GPUTextureFormat = 'bgra8unorm';
  readonly statistics: Statistics = { roundTrips: 0, submissions: 0 };
  /** Called when the number of operations that the program may wait for becomes 0, or more than 0. */
  onPendingChange: ((pending: number) => void) | null = null;
  private readonly options: SessionOptions;
  private pendingCount = 0;
  private keepAlive: ReturnType<typeof setInterval> | undefined;
  private link: Promise<Link | null> | null = null;
  private readonly cores = new Set<DeviceCore>();
  /** Called when the last answer of a destroyed device is there. */
  private readonly endings = new Map<DeviceCore, () => void>();
  private closed = false;
  private readonly counters: SharedCounters = {
    begin: () => this.count(1),
    end: () => this.count(-1),
    statistics: this.statistics,
  };

  constructor(options: SessionOptions) {
    this.options = options;
  }

  /** Operations under way that the program may be waiting for; `device.lost` is none. */
  get pendingOperations(): number {
    return this.pendingCount;
  }

  /** An adapter, or null when there is none of that kind, or no host. */
  async requestAdapter(choice: AdapterChoice): Promise<AdapterSource | null> {
    if (this.closed) return null;
    this.counters.begin();
    try {
      this.link ??= this.connect();
      const link = await this.link;
      // Another try may find a host.
      if (link === null) this.link = null;
      // What is wrong with a link, or with a host without adapters, was said when it was made.
      if (link === null || link.adapters.length === 0) return null;
      const found = chooseAdapter(link.adapters, choice, this.options.adapter);
      if (typeof found !== 'string') return this.source(link, found);
      this.options.log(`no WebGPU adapter: ${found}`);
      return null;
    } finally {
      this.counters.end();
    }
  }

  async videoMemory(): Promise<VideoMemory[]> {
    const link = await this.link;
    const groups = ['local', 'non-local'] as const;
    const asked = (link?.adapters ?? []).flatMap(({ info, caps }) =>
      groups.map(async (group, memorySegmentGroup) => {
        const { adapterHandle: adapter } = info;
        const answer = await link!.process.queryVideoMemoryInfo({ adapter, memorySegmentGroup });
        if (answer.ret < 0 || answer.budget + answer.currentUsage === 0n) return [];
        const { description } = caps.info;
        const [budgetBytes, usageBytes] = [Number(answer.budget), Number(answer.currentUsage)];
        return [{ adapter: description, group, budgetBytes, usageBytes }];
      }),
    );
    return asked.length === 0 ? [] : (await this.wait(Promise.all(asked))).flat();
  }

  /** Resolves when the host has answered all that devices were asked to do so far; null: it has already. */
  settle(): Promise<void> | null {
    const waits: Promise<void>[] = [];
    for (const core of this.cores) {
      if (core.lost !== null) {
        waits.push(this.ended(core));
        continue;
      }
      core.outbox.flush();
      const { isBlocked, submissions } = core.outbox;
      if (isBlocked || submissions !== core.answeredSubmissions) waits.push(this.answered(core));
    }
    return waits.length === 0 ? null : Promise.all(waits).then(() => {});
  }

  /**
   * As {@link settle}, within this call: `wait` blocks until something may have come from the host, hands it in, and says
   * whether to go on. What is held back for want of memory is not waited for.
   */
  settleNow(wait: () => boolean): void {
    let owed = 0;
    const answered = (): void => {
      owed -= 1;
    };
    for (const core of this.cores) {
      if (core.lost === null) {
        core.outbox.flush();
        if (core.outbox.isBlocked || core.outbox.submissions === core.answeredSubmissions) continue;
        owed += 1;
        ops.pushErrorScope(core.writer, 'validation');
        ops.popErrorScope(core.writer, core.requests.add('scope', answered, answered));
        core.outbox.flush();
      }
      core.kernel.publish();
    }
    const isEnding = (): boolean => [...this.cores].some((core) => core.lost !== null);
    while ((owed > 0 || isEnding()) && wait());
  }

  /** Asks a device for something that it answers behind all that it was asked before. */
  private async answered(core: DeviceCore): Promise<void> {
    this.counters.begin();
    await new Promise<void>((resolve) => {
      ops.pushErrorScope(core.writer, 'validation');
      ops.popErrorScope(
        core.writer,
        core.requests.add('scope', () => resolve(), resolve),
      );
      core.outbox.flush();
    });
    core.answeredSubmissions = core.outbox.submissions;
    this.counters.end();
  }

  private ended(core: DeviceCore): Promise<void> {
    this.counters.begin();
    return new Promise<void>((resolve) => this.endings.set(core, resolve)).finally(() => this.counters.end());
  }

  /** Ends all devices and the link; silently: a program that has ended hears nothing of it. */
  async close(silently = false): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const core of [...this.cores]) {
      if (silently) core.events = null;
      core.destroy();
    }
    const link = await this.link;
    if (link === null || link === undefined) return;
    await link.process.closeDevice();
    await link.driver.close();
    await link.bus.close();
  }

  private count(change: 1 | -1): void {
    const before = this.pendingCount;
    this.pendingCount = before + change;
    if (before !== 0 && this.pendingCount !== 0) return;
    // In Node, a program that waits for one of our promises must not end: a timer keeps it alive.
    if (before === 0) this.keepAlive = setInterval(() => {}, KEEP_ALIVE_MS);
    else clearInterval(this.keepAlive);
    this.onPendingChange?.(this.pendingCount);
  }

  /** Counts a wait for the host, which is about to happen. */
  private wait<T>(answer: Promise<T>): Promise<T> {
    this.statistics.roundTrips += 1;
    return answer;
  }

  private async connect(): Promise<Link | null> {
    const { log, processName } = this.options;
    let bus: GuestBus | null = null;
    try {
      bus = await this.wait(this.options.connect());
      // What a program waits for comes as an event; of answers only the library hears, and its thread is the program's.
      const driver = await startDriver(bus, { looksForAnswers: false });
      if (bus.offers.length === 0) await this.wait(firstAdapter(driver));
      this.statistics.roundTrips += driver.statistics.completionsAwaited;
      const process = await this.wait(driver.openDevice({ comm: processName }));
      process.onPostFailure = () => {
        for (const core of this.cores) core.kernel.check();
      };
      driver.onLost = () => {
        this.link = null;
        if (driver.lossCause !== null) log(`the link to the host failed: ${driver.lossCause.message}`);
      };
      const { adapters } = unwrap(await process.enumAdapters3({ filter: 1n, adapterCount: 64 }));
      const found = await this.wait(Promise.all(adapters.map((info) => this.describe(process, info))));
      const usable = found.filter((adapter) => adapter !== null);
      this.learn(usable);
      if (usable.length === 0) log(`the host offers no adapter for WebGPU, of ${adapters.length} adapters`);
      return { bus, driver, process, adapters: usable };
    } catch (error) {
      log(`no WebGPU adapter: ${(error as Error).message}`);
      bus?.abort(error as Error);
      return null;
    }
  }

  private learn(adapters: readonly FoundAdapter[]): void {
    for (const { caps } of adapters) {
      for (const feature of caps.wgslLanguageFeatures) this.languageFeatures.add(feature);
    }
    const format = adapters[0]?.caps.preferredCanvasFormat;
    if (format !== undefined) this.preferredCanvasFormat = format as GPUTextureFormat;
  }

  /** Asks what an adapter can do; null when it is none of ours. */
  private async describe(process: KmtProcess, info: AdapterInfo): Promise<FoundAdapter | null> {
    const adapter = info.adapterHandle;
    const enabled = async (featureId: number): Promise<boolean> => {
      const { ret, enabled: isEnabled } = await process.isFeatureEnabled({ adapter, featureId });
      return ret >= 0 && isEnabled;
    };
    const [blob, returnEvents, ...features] = await Promise.all([
      this.queryCaps(process, adapter),
      enabled(Feature.returnEvents),
      enabled(Feature.webgpuCommandStream),
      enabled(Feature.pipelinedCreation),
      enabled(Feature.createResident),
    ]);
    if (blob === null || features.includes(false)) return null;
    const caps = decodeAdapterCaps(blob);
    if (caps.streamVersion !== STREAM_VERSION) {
      this.options.log(`adapter ${caps.info.description}: command stream version ${caps.streamVersion}`);
      return null;
    }
    return { info, caps, returnEvents };
  }

  private async queryCaps(process: KmtProcess, adapter: number): Promise<Uint8Array | null> {
    let lengthBytes = CAPS_BYTES;
    for (;;) {
      const privateData = new Uint8Array(lengthBytes);
      const answer = await process.queryAdapterInfo({ adapter, type: QUERY_DRIVER_PRIVATE, privateData });
      const bytes = answer.privateData;
      if (answer.ret < 0 || bytes.length < 4) return null;
      const needed = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
      if (needed === 0) return null;
      if (needed + 4 <= bytes.length) return bytes.subarray(4, 4 + needed);
      if (lengthBytes === MAX_CAPS_BYTES || needed + 4 > MAX_CAPS_BYTES) return null;
      this.statistics.roundTrips += 1;
      lengthBytes = needed + 4;
    }
  }

  private source(link: Link, adapter: FoundAdapter): AdapterSource {
    const { log, stagingLimitBytes, returnRingBytes } = this.options;
    return {
      caps: adapter.caps,
      report: (error: GPUError) => log(`uncaptured ${error.constructor.name}: ${error.message}`),
      openCore: async (label) => {
        this.counters.begin();
        try {
          const kernel = await openKernel({
            process: link.process,
            memory: link.bus.memory,
            adapter: adapter.info.adapterHandle,
            features: { createResident: true, returnEvents: adapter.returnEvents },
            label,
            returnRingBytes,
            wait: (answer) => this.wait(answer),
          });
          const core = new DeviceCore({ kernel, counters: this.counters, stagingLimitBytes });
          this.cores.add(core);
          core.onLost = () => {
            this.cores.delete(core);
            this.endings.get(core)?.();
            this.endings.delete(core);
          };
          return core;
        } finally {
          this.counters.end();
        }
      },
    };
  }
}

/** Resolves when an adapter was started, or when it is clear that none will be. */
function firstAdapter(driver: KmtDriver): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      driver.onAdapterChange = null;
      driver.onLost = null;
      resolve();
    };
    const timer = setTimeout(end, OFFER_TIMEOUT_MS);
    driver.onAdapterChange = end;
    driver.onLost = end;
  });
}
