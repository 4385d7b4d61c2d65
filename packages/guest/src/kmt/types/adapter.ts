import type { KmtResult, Luid } from './common.ts';

/** struct d3dkmt_adapterinfo. */
export interface AdapterInfo {
  readonly adapterHandle: number;
  readonly adapterLuid: Luid;
  readonly numSources: number;
  readonly presentMoveRegionsPreferred: number;
}

export interface EnumAdapters2Args {
  /** Room for adapters in the caller's buffer; left out = no buffer: only the number is asked for. */
  readonly numAdapters?: number;
}
export interface EnumAdapters2Result extends KmtResult {
  readonly numAdapters: number;
  /** Every adapter listed was opened: close each handle. */
  readonly adapters: readonly AdapterInfo[];
}

export interface EnumAdapters3Args {
  /** Bit 0: include compute-only adapters; bit 1: include display-only ones. */
  readonly filter?: bigint;
  /** Room for adapters in the caller's buffer; left out = no buffer: only the number is asked for. */
  readonly adapterCount?: number;
}
export interface EnumAdapters3Result extends KmtResult {
  readonly adapterCount: number;
  readonly adapters: readonly AdapterInfo[];
}

export interface OpenAdapterFromLuidArgs {
  readonly adapterLuid: Luid;
}
export interface OpenAdapterFromLuidResult extends KmtResult {
  readonly adapterHandle: number;
}

export interface CloseAdapterArgs {
  readonly adapterHandle: number;
}

export interface QueryAdapterInfoArgs {
  readonly adapter: number;
  /** KMTQUERYADAPTERINFOTYPE. */
  readonly type: number;
  /** In and out: what it holds travels to the host. 1 to 131,072 bytes. */
  readonly privateData: Uint8Array;
}
export interface QueryAdapterInfoResult extends KmtResult {
  /** As many bytes as were passed in; empty when the call failed. */
  readonly privateData: Uint8Array;
}

export interface QueryVideoMemoryInfoArgs {
  readonly adapter: number;
  /** 0 local, 1 non-local. */
  readonly memorySegmentGroup?: number;
  readonly physicalAdapterIndex?: number;
  /** Must be 0: asking about other processes is refused. */
  readonly process?: bigint;
}
/** All values in bytes. */
export interface QueryVideoMemoryInfoResult extends KmtResult {
  readonly budget: bigint;
  readonly currentUsage: bigint;
  readonly currentReservation: bigint;
  readonly availableForReservation: bigint;
}

export interface ChangeVideoMemoryReservationArgs {
  readonly adapter: number;
  readonly memorySegmentGroup?: number;
  /** Bytes. */
  readonly reservation: bigint;
  readonly physicalAdapterIndex?: number;
  /** Must be 0. */
  readonly process?: bigint;
}

export interface QueryClockCalibrationArgs {
  readonly adapter: number;
  readonly nodeOrdinal?: number;
  readonly physicalAdapterIndex?: number;
}
export interface QueryClockCalibrationResult extends KmtResult {
  /** Ticks a second. */
  readonly gpuFrequency: bigint;
  readonly gpuClockCounter: bigint;
  readonly cpuClockCounter: bigint;
  /** Bit 0: the clock is that of a context-management processor. */
  readonly flags: number;
}

export interface QueryStatisticsArgs {
  /** D3DKMT_QUERYSTATISTICS_TYPE. */
  readonly type: number;
  readonly adapterLuid: Luid;
  /** Pid of the process asked about; 0 = the caller. */
  readonly process?: bigint;
  /** What the result area holds on entry (it travels): at most 776 bytes. */
  readonly result?: Uint8Array;
  /** The selector behind the result (segment, node ...). */
  readonly selector?: bigint;
}
export interface QueryStatisticsResult extends KmtResult {
  /** 776 bytes, laid out by `type`; what was passed in when the LUID names no adapter. */
  readonly result: Uint8Array;
}

export interface FlushHeapTransitionsArgs {
  readonly adapter: number;
}

export interface EscapeArgs {
  readonly adapter: number;
  readonly device?: number;
  readonly context?: number;
  /** D3DKMT_ESCAPETYPE: 0 driver-private. */
  readonly type?: number;
  readonly flags?: number;
  /** In and out, at most 131,072 bytes. */
  readonly privDrvData?: Uint8Array;
}
export interface EscapeResult extends KmtResult {
  readonly privDrvData: Uint8Array;
  /** What a build-test-command-buffer escape (type 0, driver-known, first dword 3) brought for its two buffers. */
  readonly dmaBuffer?: Uint8Array;
  readonly dmaBufferPrivData?: Uint8Array;
}

export interface IsFeatureEnabledArgs {
  readonly adapter: number;
  readonly featureId: number;
}
export interface IsFeatureEnabledResult extends KmtResult {
  /** Version in bits 0..15; above: enabled (16), known (17), supported by driver (18), supported on config (19). */
  readonly result: number;
  readonly version: number;
  readonly enabled: boolean;
}

export interface EnumProcessesArgs {
  readonly adapterLuid: Luid;
  /** Room in the caller's buffer, entries; 0 or left out: only the number is asked for. */
  readonly bufferCount?: number;
}
export interface EnumProcessesResult extends KmtResult {
  readonly bufferCount: number;
  readonly pids: readonly number[];
}
