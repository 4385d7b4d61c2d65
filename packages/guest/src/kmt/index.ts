export { KmtDriver, startDriver } from './driver.ts';
export type { AdapterSummary, DriverOptions, DriverStatistics, OpenDeviceOptions } from './driver-types.ts';
export { CommandError, errnoName, isCommandError, unwrap } from './errors.ts';
export { EventLostError, KmtEvent } from './event.ts';
export { KmtProcess } from './process.ts';
export type { CallOutcome, TraceCall } from './trace/calls.ts';
export {
  type ComparedPacket,
  compareTraces,
  describeDifference,
  TraceComparer,
  type TraceDifference,
  type TraceDifferenceKind,
} from './trace/compare.ts';
export {
  fromHex,
  guestPackets,
  packetOf,
  parseJsonLines,
  type TraceCookie,
  type TraceLine,
  type TracePacket,
  type TraceRange,
  toHex,
} from './trace/lines.ts';
export { TracePlayer } from './trace/player.ts';
export { type CallDifference, isCall, type ReplayReport, replayCalls } from './trace/replay.ts';
export type * from './types.ts';
