import { commands, EnumAdaptersFilter, Errno, Limits, ntStatusToErrno } from '@dxgwire/protocol';
import type { Adapter } from '../adapter.ts';
import { closeProcessAdapter } from '../teardown.ts';
import type * as Types from '../types/adapter.ts';
import type { KmtResult, Luid } from '../types/common.ts';
import { type Caller, outcome, refusal } from './caller.ts';

function sameLuid(a: Luid, b: Luid): boolean {
  return a.low >>> 0 === b.low >>> 0 && a.high >>> 0 === b.high >>> 0;
}

/** Opens adapters one after the other, as enumeration does. */
function openAll(caller: Caller, adapters: readonly Adapter[]): Types.AdapterInfo[] {
  return adapters.map((adapter) => ({
    adapterHandle: caller.process.openAdapter(adapter),
    adapterLuid: adapter.luid,
    numSources: 0,
    presentMoveRegionsPreferred: 0,
  }));
}

/** Ioctl 0x14: all adapters but compute-only ones; room is wanted for those as well. Nothing is sent. */
export async function enumAdapters2(
  caller: Caller,
  args: Types.EnumAdapters2Args,
): Promise<Types.EnumAdapters2Result> {
  const { adapters } = caller.driver;
  const refuse = (ret: number) => ({ ret, numAdapters: 0, adapters: [] });
  if (caller.refusal !== 0) return refuse(caller.refusal);
  if (args.numAdapters === undefined) return { ret: 0, numAdapters: adapters.length, adapters: [] };
  if (args.numAdapters < adapters.length) return refuse(-Errno.EOVERFLOW);
  if (args.numAdapters > Limits.maxAdapters) return refuse(-Errno.EINVAL);
  const shown = adapters.filter((adapter) => adapter.isActive && !adapter.isComputeOnly);
  const infos = openAll(caller, shown);
  return { ret: 0, numAdapters: infos.length, adapters: infos };
}

/**
 * Ioctl 0x3e. With too little room the driver reports success, the number of all adapters, and none of them; ours
 * closes again what it opened for that.
 */
export async function enumAdapters3(
  caller: Caller,
  args: Types.EnumAdapters3Args,
): Promise<Types.EnumAdapters3Result> {
  const { adapters } = caller.driver;
  const room = args.adapterCount ?? 0;
  if (caller.refusal !== 0) return { ret: caller.refusal, adapterCount: 0, adapters: [] };
  if (room === 0) return { ret: 0, adapterCount: adapters.length, adapters: [] };
  if (room > Limits.maxEnumAdapters3) return { ret: -Errno.EINVAL, adapterCount: 0, adapters: [] };
  const withComputeOnly = ((args.filter ?? 0n) & EnumAdaptersFilter.includeComputeOnly) !== 0n;
  const shown = adapters.filter((adapter) => adapter.isActive && (withComputeOnly || !adapter.isComputeOnly));
  const infos = openAll(caller, shown);
  if (infos.length <= room) return { ret: 0, adapterCount: infos.length, adapters: infos };
  for (const info of infos) await closeAdapter(caller, info);
  return { ret: 0, adapterCount: adapters.length, adapters: [] };
}

/** Ioctl 0x01. Nothing is sent. */
export async function openAdapterFromLuid(
  caller: Caller,
  args: Types.OpenAdapterFromLuidArgs,
): Promise<Types.OpenAdapterFromLuidResult> {
  if (caller.refusal !== 0) return { ret: caller.refusal, adapterHandle: 0 };
  const adapter = caller.driver.adapters.find(
    (candidate) => candidate.isActive && sameLuid(candidate.luid, args.adapterLuid),
  );
  if (adapter === undefined) return { ret: -Errno.EINVAL, adapterHandle: 0 };
  return { ret: 0, adapterHandle: caller.process.openAdapter(adapter) };
}

/** Ioctl 0x15. The last close of an adapter by the process destroys its devices there. */
export async function closeAdapter(caller: Caller, args: Types.CloseAdapterArgs): Promise<KmtResult> {
  if (caller.refusal !== 0) return { ret: caller.refusal };
  const { process } = caller;
  const adapter = process.adapterHandles.free(args.adapterHandle);
  if (adapter === null) return { ret: -Errno.EINVAL };
  const entry = process.closeAdapter(adapter);
  if (entry !== null) await closeProcessAdapter(entry);
  return { ret: 0 };
}

/** Query types whose first dword the driver rewrites: adapter type and its render twin. */
const ADAPTER_TYPE = 15;
const ADAPTER_TYPE_RENDER = 57;
const AdapterTypeBits = {
  displaySupported: 1 << 1,
  postDevice: 1 << 3,
  indirectDisplayDevice: 1 << 6,
  paravirtualized: 1 << 7,
  acgSupported: 1 << 8,
  supportSetTimingsFromVidPn: 1 << 9,
  computeOnly: 1 << 11,
} as const;

/** What the guest knows better than the host about an adapter's type. Data of fewer than 4 bytes is as if padded. */
function rewriteAdapterType(adapter: Adapter, data: Uint8Array): void {
  const bits = AdapterTypeBits;
  const cleared =
    bits.displaySupported |
    bits.postDevice |
    bits.indirectDisplayDevice |
    bits.acgSupported |
    bits.supportSetTimingsFromVidPn |
    bits.computeOnly;
  let type = 0;
  for (let index = 0; index < 4; index += 1) type |= (data[index] ?? 0) << (8 * index);
  type = (type & ~cleared) | bits.paravirtualized | (adapter.isComputeOnly ? bits.computeOnly : 0);
  for (let index = 0; index < Math.min(4, data.length); index += 1) data[index] = type >>> (8 * index);
}

/** Ioctl 0x09. */
export async function queryAdapterInfo(
  caller: Caller,
  args: Types.QueryAdapterInfoArgs,
): Promise<Types.QueryAdapterInfoResult> {
  const size = args.privateData.length;
  const refuse = (ret: number) => ({ ...refusal(caller, ret), privateData: new Uint8Array(0) });
  if (size > Limits.maxMessageBytes || size === 0) return refuse(-Errno.EINVAL);
  const adapter = caller.adapter(args.adapter);
  if (typeof adapter === 'number') return refuse(adapter);
  const body = { queryType: args.type, privateData: args.privateData };
  const { wire } = caller.driver;
  const answer = await wire.call(
    adapter,
    commands.queryAdapterInfo,
    caller.process.hostHandle,
    body,
    (reply) => ({
      ret: ntStatusToErrno(reply.status),
      privateData: reply.privateData.slice(),
    }),
  );
  if (answer.reply === null) return { ...outcome(answer), privateData: new Uint8Array(0) };
  const { ret, privateData } = answer.reply;
  if (ret < 0) return { ret, privateData: new Uint8Array(0) };
  if (args.type === ADAPTER_TYPE || args.type === ADAPTER_TYPE_RENDER)
    rewriteAdapterType(adapter, privateData);
  return { ret: 0, privateData };
}

/** Ioctl 0x0a. */
export async function queryVideoMemoryInfo(
  caller: Caller,
  args: Types.QueryVideoMemoryInfoArgs,
): Promise<Types.QueryVideoMemoryInfoResult> {
  const nothing = { budget: 0n, currentUsage: 0n, currentReservation: 0n, availableForReservation: 0n };
  if ((args.process ?? 0n) !== 0n) return { ret: -Errno.EINVAL, ...nothing };
  const adapter = caller.adapter(args.adapter);
  if (typeof adapter === 'number') return { ...refusal(caller, adapter), ...nothing };
  const body = {
    adapter: adapter.hostHandle,
    memorySegmentGroup: args.memorySegmentGroup ?? 0,
    physicalAdapterIndex: args.physicalAdapterIndex ?? 0,
  };
  const { wire } = caller.driver;
  const { hostHandle } = caller.process;
  const answer = await wire.call(adapter, commands.queryVideoMemoryInfo, hostHandle, body, (reply) => reply);
  const { reply } = answer;
  if (reply === null) return { ...outcome(answer), ...nothing };
  // Property by property: a spread of a second object takes V8 longer than all else of this call.
  return {
    ret: answer.ret,
    budget: reply.budget,
    currentUsage: reply.currentUsage,
    currentReservation: reply.currentReservation,
    availableForReservation: reply.availableForReservation,
  };
}

/** Ioctl 0x16. The message names neither process nor adapter: channel and header do. */
export async function changeVideoMemoryReservation(
  caller: Caller,
  args: Types.ChangeVideoMemoryReservationArgs,
): Promise<KmtResult> {
  if ((args.process ?? 0n) !== 0n) return { ret: -Errno.EINVAL };
  const adapter = caller.adapter(args.adapter);
  if (typeof adapter === 'number') return refusal(caller, adapter);
  const body = {
    args: {
      memorySegmentGroup: args.memorySegmentGroup ?? 0,
      reservation: args.reservation,
      physicalAdapterIndex: args.physicalAdapterIndex ?? 0,
    },
  };
  const { wire } = caller.driver;
  return wire.status(adapter, commands.changeVideoMemoryReservation, caller.process.hostHandle, body);
}

/** Ioctl 0x3d. The clock data are given out even with a failing status. */
export async function queryClockCalibration(
  caller: Caller,
  args: Types.QueryClockCalibrationArgs,
): Promise<Types.QueryClockCalibrationResult> {
  const nothing = { gpuFrequency: 0n, gpuClockCounter: 0n, cpuClockCounter: 0n, flags: 0 };
  const adapter = caller.adapter(args.adapter);
  if (typeof adapter === 'number') return { ...refusal(caller, adapter), ...nothing };
  const body = {
    args: {
      adapter: adapter.hostHandle,
      nodeOrdinal: args.nodeOrdinal ?? 0,
      physicalAdapterIndex: args.physicalAdapterIndex ?? 0,
    },
  };
  const { wire } = caller.driver;
  const { hostHandle } = caller.process;
  const answer = await wire.call(adapter, commands.queryClockCalibration, hostHandle, body, (reply) => reply);
  if (answer.reply === null) return { ...outcome(answer), ...nothing };
  return { ret: ntStatusToErrno(answer.reply.status), ...answer.reply.clockData };
}

const STATISTICS_RESULT_BYTES = 776;

/** Ioctl 0x43. A pid is translated to the host's process handle; an unknown LUID succeeds and changes nothing. */
export async function queryStatistics(
  caller: Caller,
  args: Types.QueryStatisticsArgs,
): Promise<Types.QueryStatisticsResult> {
  const given = new Uint8Array(STATISTICS_RESULT_BYTES);
  given.set((args.result ?? new Uint8Array(0)).subarray(0, STATISTICS_RESULT_BYTES));
  if (caller.refusal !== 0) return { ret: caller.refusal, result: given };
  const { driver } = caller;
  const pid = args.process ?? 0n;
  const process = pid === 0n ? caller.process : driver.processByPid(Number(pid));
  if (process === null) return { ret: -Errno.EINVAL, result: given };
  const adapter = driver.adapters.find((entry) => entry.isActive && sameLuid(entry.luid, args.adapterLuid));
  if (adapter === undefined) return { ret: 0, result: given };
  const body = {
    args: {
      type: args.type,
      adapterLuid: adapter.hostAdapterLuid,
      process: 0n,
      result: given,
      selector: args.selector ?? 0n,
    },
  };
  const { wire } = driver;
  const answer = await wire.call(adapter, commands.queryStatistics, process.hostHandle, body, (reply) => ({
    ret: ntStatusToErrno(reply.status),
    result: reply.result.slice(),
  }));
  if (answer.reply === null) return { ...outcome(answer), result: given };
  return answer.reply.ret < 0
    ? { ret: answer.reply.ret, result: given }
    : { ret: 0, result: answer.reply.result };
}

/** Ioctl 0x1f. */
export async function flushHeapTransitions(
  caller: Caller,
  args: Types.FlushHeapTransitionsArgs,
): Promise<KmtResult> {
  const adapter = caller.adapter(args.adapter);
  if (typeof adapter === 'number') return refusal(caller, adapter);
  const { wire } = caller.driver;
  const result = await wire.status(adapter, commands.flushHeapTransitions, caller.process.hostHandle, {});
  return result.ret > 0 ? { ret: 0 } : result;
}

/** Ioctl 0x49. Any status but 0 is a failure to the driver, also a positive one. */
export async function isFeatureEnabled(
  caller: Caller,
  args: Types.IsFeatureEnabledArgs,
): Promise<Types.IsFeatureEnabledResult> {
  const nothing = { result: 0, version: 0, enabled: false };
  const adapter = caller.adapter(args.adapter);
  if (typeof adapter === 'number') return { ...refusal(caller, adapter), ...nothing };
  const { wire } = caller.driver;
  const body = { featureId: args.featureId };
  const answer = await wire.call(adapter, commands.isFeatureEnabled, 0, body, (reply) => reply);
  if (answer.reply === null) return { ...outcome(answer), ...nothing };
  const ret = ntStatusToErrno(answer.reply.status);
  if (ret !== 0) return { ret, ...nothing };
  const { version, value } = answer.reply.result;
  return { ret, result: (version | (value << 16)) >>> 0, version, enabled: (value & 1) !== 0 };
}

/** Ioctl 0x48: pids of the processes that have the adapter open. Nothing is sent. */
export async function enumProcesses(
  caller: Caller,
  args: Types.EnumProcessesArgs,
): Promise<Types.EnumProcessesResult> {
  if (caller.refusal !== 0) return { ret: caller.refusal, bufferCount: 0, pids: [] };
  const adapter = caller.driver.adapters.find((entry) => sameLuid(entry.luid, args.adapterLuid));
  if (adapter === undefined) return { ret: -Errno.EINVAL, bufferCount: 0, pids: [] };
  const pids = adapter.processes.map((entry) => entry.process.pid);
  const room = args.bufferCount ?? 0;
  if (args.bufferCount === undefined || pids.length > room) {
    return { ret: -Errno.EOVERFLOW, bufferCount: pids.length, pids: [] };
  }
  return { ret: 0, bufferCount: pids.length, pids };
}
