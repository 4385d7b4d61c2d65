export { withAgreedCodec } from './agreed-codec.ts';
export type * from './backends/contract.ts';
export { createHost, type Host, type HostOptions } from './host.ts';
export type { HostShare } from './host-shares.ts';
export { createSilentLog, type Log } from './log.ts';
export { DEFAULT_QUOTAS, type PartitionOptions, type Quotas } from './options.ts';
export type { Partition } from './partition.ts';
export { createLog, type LogLevel, type LogOptions } from './pino-log.ts';
export type { HostClock } from './scheduler/index.ts';
export {
  createSharedRegionAllocator,
  type SharedRegion,
  type SharedRegionAllocator,
} from './shared-region.ts';
export { systemClock } from './system-clock.ts';
