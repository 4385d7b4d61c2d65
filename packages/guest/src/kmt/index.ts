export {
  type AdapterSummary,
  type DriverOptions,
  type DriverStatistics,
  KmtDriver,
  type OpenDeviceOptions,
  startDriver,
} from './driver.ts';
export { CommandError, errnoName, isCommandError, unwrap } from './errors.ts';
export { EventLostError, KmtEvent } from './event.ts';
export { KmtProcess } from './process.ts';
export type * from './types.ts';
