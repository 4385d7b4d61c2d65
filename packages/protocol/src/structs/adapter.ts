import { memorySegmentGroupType, queryStatisticsTypeType } from '../enums.ts';
import { featureResultType, gpuClockDataFlagsType } from '../flags.ts';
import { bits, group, named, unionShownAs } from '../schema/entries.ts';
import { luid } from '../schema/luid.ts';
import { bytes, handle, opaque, u16, u32, u64 } from '../schema/scalars.ts';
import { struct } from '../schema/struct.ts';

/** Structs of the adapter commands: copies of ioctl arguments, and parts of them. */

export const gpuClockData = struct(
  'dxgk_gpuclockdata',
  {
    gpuFrequency: u64,
    gpuClockCounter: u64,
    cpuClockCounter: u64,
    flags: gpuClockDataFlagsType,
  },
  { packed: true },
);

export const queryClockCalibrationArgs = struct(
  'd3dkmt_queryclockcalibration',
  {
    adapter: handle,
    nodeOrdinal: u32,
    physicalAdapterIndex: u32,
    clockData: gpuClockData,
  },
  { packed: true },
);

export const changeVideoMemoryReservationArgs = struct('d3dkmt_changevideomemoryreservation', {
  process: u64,
  adapter: handle,
  memorySegmentGroup: memorySegmentGroupType,
  reservation: u64,
  physicalAdapterIndex: u32,
});

export const queryStatisticsResult = struct(
  'd3dkmt_querystatistics_result',
  {
    size: bytes(776),
  },
  { packed: true },
);

export const queryStatisticsArgs = struct('d3dkmt_querystatistics', {
  whole: unionShownAs(
    {
      statistics: group({
        type: queryStatisticsTypeType,
        adapterLuid: luid,
        process: u64,
        result: opaque(queryStatisticsResult),
        // Not named in the driver's header: selects a segment, an engine and the like, as public headers have it.
        selector: named('(selector)', u64),
      }),
      size: bytes(808),
    },
    'statistics',
  ),
});

export const featureResult = struct('dxgk_isfeatureenabled_result', {
  version: u16,
  value: featureResultType,
});

export const featureDescriptor = struct('dxgk_feature_desc', {
  minSupportedVersion: u16,
  maxSupportedVersion: u16,
  supported: bits(u16, 1),
  virtualizationMode: bits(u16, 3),
  global: bits(u16, 1),
  driverFeature: bits(u16, 1),
  internal: bits(u16, 1),
  reserved: bits(u16, 9),
});
