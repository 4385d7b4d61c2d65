import { EXTENDED_HEADER_VERSION } from '../constants.ts';
import {
  dxgkFeatureIdType,
  escapeTypeType,
  memorySegmentGroupType,
  queryAdapterInfoTypeType,
} from '../enums.ts';
import { deviceTypesType, escapeFlagsType } from '../flags.ts';
import { globalCommand, numbered, vgpuCommand } from '../schema/command.ts';
import { bits, overlay, tailCount } from '../schema/entries.ts';
import { luid } from '../schema/luid.ts';
import { byRequest, data, globalRequest, reply, spare, vgpuRequest } from '../schema/message.ts';
import { handle, ntstatus, opaque, text, u8, u32, u64 } from '../schema/scalars.ts';
import { NtStatus } from '../status.ts';
import {
  changeVideoMemoryReservationArgs,
  featureDescriptor,
  featureResult,
  gpuClockData,
  queryClockCalibrationArgs,
  queryStatisticsArgs,
  queryStatisticsResult,
} from '../structs/adapter.ts';
import { emptyReply, statusReply } from './common.ts';

/** Adapter commands: bring-up, queries, memory budgets, clocks, statistics, escapes and features. */

interface PrivateData {
  readonly privateData?: Uint8Array | undefined;
}

function privateBytes(request: PrivateData): number {
  return request.privateData?.length ?? 0;
}

const queryAdapterInfoOldReply = reply(
  '(raw bytes)',
  {},
  { privateData: data(byRequest('privateDataSize of the request', privateBytes)) },
);

export const queryAdapterInfo = vgpuCommand({
  name: 'QueryAdapterInfo',
  id: 2,
  summary:
    'Asks for one of many descriptions of the adapter; the bytes sent travel to the host and come back replaced.',
  notes: [
    'The data of the reply begin at byte 4: they are not aligned for 64-bit reads.',
    'For types 15 and 57 the guest rewrites the first word: it sets `paravirtualized` and clears the display bits.',
  ],
  request: vgpuRequest(
    'dxgkvmb_command_queryadapterinfo',
    {
      queryType: queryAdapterInfoTypeType,
      privateDataSize: tailCount(u32),
      privateData: overlay(u8),
    },
    { privateData: data('privateDataSize') },
    { tailsAt: 32, trailing: spare(7) },
  ),
  reply: reply(
    'dxgkvmb_command_queryadapterinfo_return',
    {
      status: ntstatus,
      privateData: overlay(u8),
    },
    { privateData: data(byRequest('privateDataSize of the request', privateBytes)) },
    { tailsAt: 4 },
  ),
  replyLength: {
    text: '4 + privateDataSize (below version 40: privateDataSize)',
    of: (request: PrivateData) => 4 + privateBytes(request),
  },
  replyVariants: [
    {
      below: EXTENDED_HEADER_VERSION,
      reply: queryAdapterInfoOldReply,
      failure: 'short-reply',
      length: { text: 'privateDataSize', of: privateBytes },
      complete: (value: { privateData: Uint8Array }) => ({ status: NtStatus.success, ...value }),
    },
  ],
  failure: 'status',
  calls: ['QueryAdapterInfo'],
  limits: { privateDataSize: '1..131072' },
});

export const ddiQueryAdapterInfo = numbered(
  'vgpu',
  3,
  'DdiQueryAdapterInfo',
  'Numbered only: asks the display driver about itself.',
);

interface EscapeData {
  readonly privDrvData?: Uint8Array | undefined;
}

function escapeBytes(request: EscapeData): number {
  return request.privDrvData?.length ?? 0;
}

const escapeCommand = vgpuCommand({
  name: 'Escape',
  id: 13,
  summary: 'Carries private data to the driver and back.',
  notes: [
    'A failure must be an empty reply: with 8 bytes or fewer demanded, a bare status would be taken for data.',
  ],
  request: vgpuRequest(
    'dxgkvmb_command_escape',
    {
      adapter: handle,
      device: handle,
      type: escapeTypeType,
      flags: escapeFlagsType,
      privDrvDataSize: tailCount(u32),
      context: handle,
      privDrvData: overlay(u8),
    },
    { privDrvData: data('privDrvDataSize') },
    { tailsAt: 48, trailing: spare(7) },
  ),
  reply: reply(
    '(raw bytes)',
    {},
    { privDrvData: data(byRequest('privDrvDataSize of the request', escapeBytes)) },
  ),
  replyLength: { text: 'privDrvDataSize', of: escapeBytes },
  failure: 'short-reply',
  calls: ['Escape'],
  limits: { privDrvDataSize: '0..131072' },
});

// `escape` is also the name of a global function, which is not to be shadowed here.
export { escapeCommand as escape };

export const openAdapter = vgpuCommand({
  name: 'OpenAdapter',
  id: 14,
  summary: 'First command to a virtual GPU: agrees on versions and gets the host adapter handle.',
  notes: ['`guestAdapterLuid` is always zero.', 'A negative status leaves the adapter stopped for good.'],
  headerProcess: 'zero',
  request: vgpuRequest('dxgkvmb_command_openadapter', {
    vmbusInterfaceVersion: u32,
    vmbusLastCompatibleInterfaceVersion: u32,
    guestAdapterLuid: luid,
  }),
  reply: reply('dxgkvmb_command_openadapter_return', {
    hostAdapterHandle: handle,
    status: ntstatus,
    vmbusInterfaceVersion: u32,
    vmbusLastCompatibleInterfaceVersion: u32,
  }),
  failure: 'status',
});

export const closeAdapter = vgpuCommand({
  name: 'CloseAdapter',
  id: 15,
  summary: 'Last command to a virtual GPU: the host destroys everything on it.',
  notes: ['Sent when the driver lets the adapter go, not when a process closes it. Any completion will do.'],
  headerProcess: 'zero',
  request: vgpuRequest('dxgkvmb_command_closeadapter', { hostHandle: handle }),
  reply: emptyReply,
  failure: 'none',
});

export const queryVideoMemoryInfo = vgpuCommand({
  name: 'QueryVideoMemoryInfo',
  id: 21,
  summary: 'Asks how much memory of a segment group the process may use and uses.',
  request: vgpuRequest('dxgkvmb_command_queryvideomemoryinfo', {
    adapter: handle,
    memorySegmentGroup: memorySegmentGroupType,
    physicalAdapterIndex: u32,
  }),
  reply: reply('dxgkvmb_command_queryvideomemoryinfo_return', {
    budget: u64,
    currentUsage: u64,
    currentReservation: u64,
    availableForReservation: u64,
  }),
  failure: 'short-reply',
  calls: ['QueryVideoMemoryInfo'],
});

export const adapterStop = numbered('vgpu', 30, 'AdapterStop', 'Numbered only: stops an adapter.');

const internalAdapterInfo = {
  deviceTypes: deviceTypesType,
  driverStoreCopyMode: u32,
  driverDdiVersion: u32,
  secureVirtualMachine: bits(u32, 1),
  virtualMachineReset: bits(u32, 1),
  isVailSupported: bits(u32, 1),
  hwSchEnabled: bits(u32, 1),
  hwSchCapable: bits(u32, 1),
  vaBackedVm: bits(u32, 1),
  asyncMsgEnabled: bits(u32, 1),
  hwSupportState: bits(u32, 2),
  reserved: bits(u32, 23),
  hostAdapterLuid: luid,
  deviceDescription: text(80),
  deviceInstanceId: text(260),
};

export const getInternalAdapterInfo = vgpuCommand({
  name: 'GetInternalAdapterInfo',
  id: 36,
  summary: 'Asks what the adapter is, its LUIDs and names, and whether messages may be asynchronous.',
  notes: [
    '`hostVgpuLuid` replaces the LUID of the configuration space in every later extended header: a zero here stays.',
    '`asyncMsgEnabled` is one switch of the whole driver, set or cleared by the last answer: while set, all vGPU commands of all adapters travel on the global channel.',
  ],
  headerProcess: 'zero',
  request: vgpuRequest('dxgkvmb_command_getinternaladapterinfo', {}),
  reply: reply('dxgkvmb_command_getinternaladapterinfo_return', {
    ...internalAdapterInfo,
    hostVgpuLuid: luid,
  }),
  replyVariants: [
    {
      below: EXTENDED_HEADER_VERSION,
      reply: reply(
        '(dxgkvmb_command_getinternaladapterinfo_return without its last member)',
        internalAdapterInfo,
      ),
      failure: 'short-reply',
      complete: (value: object) => ({ ...value, hostVgpuLuid: { low: 0, high: 0 } }),
    },
  ],
  failure: 'short-reply',
});

export const flushHeapTransitions = vgpuCommand({
  name: 'FlushHeapTransitions',
  id: 37,
  summary: 'Finishes pending moves of memory between heaps.',
  request: vgpuRequest('dxgkvmb_command_flushheaptransitions', {}),
  reply: statusReply,
  failure: 'status',
  calls: ['FlushHeapTransitions'],
});

export const flushAdapter = numbered('vgpu', 43, 'FlushAdapter', 'Numbered only: flushes an adapter.');

export const ddiGetNodeMetadata = numbered(
  'vgpu',
  44,
  'DdiGetNodeMetadata',
  'Numbered only: asks the display driver about an engine.',
);

export const queryStatistics = vgpuCommand({
  name: 'QueryStatistics',
  id: 48,
  summary: 'Asks for counters of the adapter, a process, a segment or an engine.',
  notes: [
    '`adapterLuid` is the LUID that GetInternalAdapterInfo gave, not that of the virtual GPU.',
    '`process` in the body is 0; the header names the process asked about.',
    '`result` of the request means nothing.',
  ],
  headerProcess: 'target',
  request: vgpuRequest('dxgkvmb_command_querystatistics', { args: queryStatisticsArgs }),
  reply: reply('dxgkvmb_command_querystatistics_return', {
    status: ntstatus,
    reserved: u32,
    result: opaque(queryStatisticsResult),
  }),
  failure: 'status',
  calls: ['QueryStatistics'],
});

export const changeVideoMemoryReservation = vgpuCommand({
  name: 'ChangeVideoMemoryReservation',
  id: 49,
  summary: 'Changes how much memory of a segment group is reserved for the process.',
  notes: ['`process` and `adapter` are 0: the adapter follows from the channel or the LUID.'],
  request: vgpuRequest('dxgkvmb_command_changevideomemoryreservation', {
    args: changeVideoMemoryReservationArgs,
  }),
  reply: statusReply,
  failure: 'status',
  calls: ['ChangeVideoMemoryReservation'],
});

export const getDriverStoreFile = numbered(
  'vgpu',
  53,
  'GetDriverStoreFile',
  'Numbered only: asks for a file of the driver store.',
);

export const readDriverStoreFile = numbered(
  'vgpu',
  54,
  'ReadDriverStoreFile',
  'Numbered only: reads a file of the driver store.',
);

export const getNextHardlink = numbered(
  'vgpu',
  55,
  'GetNextHardlink',
  'Numbered only: asks for the next link of a driver store file.',
);

export const queryClockCalibration = vgpuCommand({
  name: 'QueryClockCalibration',
  id: 62,
  summary: 'Reads the GPU and CPU clocks of an engine at one moment.',
  notes: [
    'Request and reply are packed: 64-bit numbers lie at multiples of 4. `clockData` of the request means nothing.',
  ],
  request: vgpuRequest('dxgkvmb_command_queryclockcalibration', { args: queryClockCalibrationArgs }),
  reply: reply('dxgkvmb_command_queryclockcalibration_return', {
    status: ntstatus,
    clockData: gpuClockData,
  }),
  failure: 'status',
  calls: ['QueryClockCalibration'],
});

export const logEvent = numbered('vgpu', 65, 'LogEvent', 'Numbered only: logs an event.');

export const isFeatureEnabled = vgpuCommand({
  name: 'IsFeatureEnabled',
  id: 68,
  summary: 'Asks whether a feature is enabled, and in which version.',
  headerProcess: 'zero',
  request: vgpuRequest('dxgkvmb_command_isfeatureenabled', { featureId: dxgkFeatureIdType }),
  reply: reply('dxgkvmb_command_isfeatureenabled_return', {
    status: ntstatus,
    descriptor: featureDescriptor,
    result: featureResult,
  }),
  failure: 'status',
  calls: ['IsFeatureEnabled'],
});

export const queryEtwSession = numbered(
  'global',
  1009,
  'QueryEtwSession',
  'Numbered only: asks about a tracing session.',
);

export const setIoSpaceRegion = globalCommand({
  name: 'SetIoSpaceRegion',
  id: 1010,
  summary: 'Tells where in guest-physical memory the guest put the IO space.',
  notes: [
    'Any status but exactly 0, PENDING too, takes the whole driver down.',
    'Addresses that the host returns later are absolute guest-physical addresses in this range. The last page of it cannot be used.',
  ],
  headerProcess: 'zero',
  request: globalRequest('dxgkvmb_command_setiospaceregion', {
    start: u64,
    length: u64,
    sharedPageGpadl: u32,
  }),
  reply: statusReply,
  failure: 'status',
});

export const isFeatureEnabledGlobal = globalCommand({
  name: 'IsFeatureEnabledGlobal',
  id: 1022,
  summary:
    'Asks whether a feature is enabled, without an adapter; the Linux driver has the code but never runs it.',
  headerProcess: 'zero',
  request: globalRequest('dxgkvmb_command_isfeatureenabled_gbl', { featureId: dxgkFeatureIdType }),
  reply: reply('dxgkvmb_command_isfeatureenabled_return', {
    status: ntstatus,
    descriptor: featureDescriptor,
    result: featureResult,
  }),
  failure: 'status',
});
