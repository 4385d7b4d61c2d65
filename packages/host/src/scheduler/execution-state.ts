/** WDDM execution state of a device (GetDeviceState). Anything but `active` is final. */
export const ExecutionState = {
  active: 1,
  reset: 2,
  hung: 3,
  stopped: 4,
  outOfMemory: 5,
  dmaFault: 6,
  dmaPageFault: 7,
} as const;
export type ExecutionState = (typeof ExecutionState)[keyof typeof ExecutionState];
