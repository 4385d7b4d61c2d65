export type { HostClock } from './clock.ts';
export { CpuWaits, type CpuWaitsOptions } from './cpu-waits.ts';
export type { ExecutionQueue } from './execution-queue.ts';
export { ExecutionState } from './execution-state.ts';
export { FakeClock } from './fake-clock.ts';
export { Scheduler, type SchedulerLimits, type SchedulerOptions } from './scheduler.ts';
export type { SchedulerContext, SchedulerDevice } from './scheduler-device.ts';
export type { NodeStatistics, SchedulerProcess } from './scheduler-process.ts';
export { signalFromCpu } from './signal-from-cpu.ts';
export {
  createImplicitFence,
  createSyncObject,
  SyncKind,
  type SyncObject,
  SyncObjectInstance,
  type SyncObjectRequest,
} from './sync-object.ts';
