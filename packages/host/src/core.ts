/**
 * The host without anything of Node: what a VMM or a page embeds. Logs go to a logger of the embedding program's.
 */
export { withAgreedCodec } from './agreed-codec.ts';
export type * from './backends/contract.ts';
export { createHost, type Host, type HostOptions } from './host.ts';
export type { HostShare } from './host-shares.ts';
export { createSilentLog, type Log } from './log.ts';
export { DEFAULT_QUOTAS, type PartitionOptions, type Quotas } from './options.ts';
export type { Partition } from './partition.ts';
export type { HostClock } from './scheduler/index.ts';
export { systemClock } from './system-clock.ts';
