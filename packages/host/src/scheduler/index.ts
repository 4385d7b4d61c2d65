import type { HostWindow } from '@dxgwire/transport';
import type { AdapterDescription, BackendAdapter, BackendContext, BackendLog } from '../backends/contract.ts';
import type { DeviceWork, PageWalker, WorkSnapshot } from '../memory/device-work.ts';
import type { QueuedOperation } from '../memory/index.ts';
import type { HostClock } from './clock.ts';

export type { HostClock } from './clock.ts';

export const ExecutionState = {
  active: 1,
  reset: 2,
  hung: 3,
  stopped: 4,
  outOfMemory: 5,
  dmaFault: 6,
  dmaPageFault: 7,
} as const;

export interface SyncObjectRequest {
  readonly type: number;
  readonly flags: number;
  readonly mutexInitialState?: number;
  readonly semaphoreMaxCount?: number;
  readonly semaphoreInitialCount?: number;
  readonly fenceValue?: bigint;
  readonly notify?: () => void;
}

export declare class SyncObject {
  readonly type: number;
  readonly isMonitored: boolean;
  /** Fences: the current value. Others: 0. */
  readonly value: bigint;
}

export declare class SyncObjectInstance {
  readonly object: SyncObject;
  readonly noSignal: boolean;
  readonly noWait: boolean;
  readonly noGpuAccess: boolean;
  readonly windowOffset: number;
  open(flags: number, windowOffset: number): SyncObjectInstance;
  close(): void;
}

export declare function createSyncObject(
  request: SyncObjectRequest,
  window: HostWindow,
  windowOffset: number,
): SyncObjectInstance | null;

export declare function createImplicitFence(window: HostWindow, windowOffset: number): SyncObjectInstance;

export declare function signalFromCpu(
  instances: readonly SyncObjectInstance[],
  values: ArrayLike<bigint> | null,
  legacyValue: bigint,
  flags: number,
): number;

export declare class CpuWaits {
  constructor(options: { signalEvent: (event: bigint) => void; maxWaits?: number });
  readonly pending: number;
  wait(
    waiter: object,
    instances: readonly SyncObjectInstance[],
    values: ArrayLike<bigint>,
    any: boolean,
    event: bigint,
  ): number;
  releaseWaiter(waiter: object): void;
  releaseAll(): void;
}

export interface SchedulerOptions {
  readonly adapter: BackendAdapter;
  readonly description: AdapterDescription;
  readonly clock: HostClock;
  readonly log: BackendLog;
  readonly limits?: { readonly queueItems?: number };
  readonly callbacks: {
    readonly deviceStateChanged: (device: SchedulerDevice) => void;
    readonly deviceLost?: (device: SchedulerDevice) => void;
  };
}

export interface NodeStatistics {
  runningMs: number;
  submissions: number;
  completed: number;
}

export declare class SchedulerProcess {
  readonly scheduler: Scheduler;
}

export declare class SchedulerDevice implements DeviceWork {
  readonly process: SchedulerProcess;
  readonly owner: object;
  readonly state: number;
  readonly faultAddress: bigint;
  readonly faultMessage: string;
  snapshot(): WorkSnapshot | null;
  runningSnapshot(): WorkSnapshot | null;
  hold(): void;
  release(): void;
}

export declare class SchedulerContext {
  readonly device: SchedulerDevice;
  readonly nodeIndex: number;
  readonly priority: number;
  readonly inProcessPriority: number;
  readonly hardwareQueues: boolean;
  readonly queue: ExecutionQueue | null;
}

export declare class ExecutionQueue {
  readonly context: SchedulerContext;
  readonly progressFence: SyncObjectInstance | null;
}

export declare class Scheduler {
  constructor(options: SchedulerOptions);
  createProcess(): SchedulerProcess;
  createDevice(
    process: SchedulerProcess,
    options: { readonly pageWalker: PageWalker; readonly owner: object; readonly cpuWaits: CpuWaits },
  ): SchedulerDevice;
  createContext(
    device: SchedulerDevice,
    options: {
      readonly nodeIndex: number;
      readonly backendContext: BackendContext;
      readonly hardwareQueues: boolean;
    },
  ): SchedulerContext;
  createHardwareQueue(context: SchedulerContext, progressFence: SyncObjectInstance): ExecutionQueue;
  destroyQueue(queue: ExecutionQueue, done?: () => void): void;
  destroyContext(context: SchedulerContext, done?: () => void): void;
  flushDevice(device: SchedulerDevice): void;
  destroyDevice(device: SchedulerDevice, done: () => void): void;
  markDeviceError(device: SchedulerDevice, state: number): void;
  adapterLost(reason: string, state?: number): void;
  setContextPriority(context: SchedulerContext, priority: number): number;
  setInProcessPriority(context: SchedulerContext, priority: number): number;
  submit(
    queue: ExecutionQueue,
    bytes: Uint8Array,
    offset: number,
    length: number,
    commandAddress: bigint,
    commandLengthBytes: number,
    progressFenceId: bigint,
  ): number;
  waitFromGpu(
    queue: ExecutionQueue,
    instances: readonly SyncObjectInstance[],
    values: ArrayLike<bigint>,
    legacy: boolean,
  ): number;
  signalFromGpu(
    queues: readonly ExecutionQueue[],
    instances: readonly SyncObjectInstance[],
    values: ArrayLike<bigint> | null,
    legacyValue: bigint,
    flags: number,
    event: (() => void) | null,
  ): number;
  update(
    queue: ExecutionQueue,
    operation: QueuedOperation,
    fence: SyncObjectInstance | null,
    fenceValue: bigint,
    doNotWait: boolean,
  ): number;
  nodeStatistics(nodeIndex: number): NodeStatistics;
  processStatistics(process: SchedulerProcess, nodeIndex: number): NodeStatistics;
  idle(): boolean;
  close(): void;
  census(): Record<string, number>;
}
