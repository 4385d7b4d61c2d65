/**
 * Feature ids of IsFeatureEnabled. Those of the driver's headers come first; ours lie in a range of their own, so that
 * with all of them off a stock peer works.
 */
export const Feature = {
  hardwareScheduling: 0,
  pageBasedMemoryManager: 32,
  kernelModeTesting: 33,
  /** Submissions carry the WebGPU command stream of `@dxgwire/protocol/stream`. */
  webgpuCommandStream: 0x44580001,
  /** CreateAllocation honours `makeResident`: the allocation is resident once created, or creation fails. */
  createResident: 0x44580002,
  /** Runtime handles name allocations in submissions, so that creation need not be waited for. */
  pipelinedCreation: 0x44580003,
  /** Context data may name a CPU notification that is signalled whenever the return fence has risen. */
  returnEvents: 0x44580004,
} as const;
export type Feature = number;

/** Our features and (later) commands have numbers in this range. */
export const OwnRange = { first: 0x44580000, last: 0x4458ffff } as const;
