import { enumeration } from './schema/scalars.ts';

/**
 * Enumerations of the protocol: for each a constant object, its number type, and the description that messages use.
 * The facts file's constants come first; those marked as from libdxg or public documentation follow.
 */

/** Where an allocation is. */
export const AllocationResidencyStatus = {
  residentInGpuMemory: 1,
  residentInSharedMemory: 2,
  notResident: 3,
} as const;
export type AllocationResidencyStatus = number;
/** Field type of {@link AllocationResidencyStatus} (enum d3dkmt_allocationresidencystatus). */
export const allocationResidencyStatusType = enumeration(
  'd3dkmt_allocationresidencystatus',
  AllocationResidencyStatus,
);

/** What kind of program a context belongs to. */
export const ClientHint = {
  unknown: 0,
  openGl: 1,
  cdd: 2,
  dx7: 7,
  dx8: 8,
  dx9: 9,
  dx10: 10,
  // Not in the driver's headers; the numbering that user-mode code (libdxg, public headers) uses.
  openCl: 3,
  vulkan: 4,
  cuda: 5,
  dx11: 11,
  dx12: 12,
  dx9On12: 13,
  dx11On12: 14,
  mediaEncode: 15,
  glOn12: 16,
  clOn12: 17,
  directMlTensorFlow: 18,
  oneApiLevelZero: 19,
} as const;
export type ClientHint = number;
/** Field type of {@link ClientHint} (enum d3dkmt_clienthint). */
export const clientHintType = enumeration('d3dkmt_clienthint', ClientHint, 7);

/** Surface format; the Linux driver knows none. */
export const D3dDdiFormat = {
  unknown: 0,
} as const;
export type D3dDdiFormat = number;
/** Field type of {@link D3dDdiFormat} (enum d3dddiformat). */
export const d3dDdiFormatType = enumeration('d3dddiformat', D3dDdiFormat);

/** Why a device is marked as in error. */
export const DeviceErrorReason = {
  generic: 0x80000000,
  driverError: 0x80000006,
} as const;
export type DeviceErrorReason = number;
/** Field type of {@link DeviceErrorReason} (enum d3dkmt_device_error_reason). */
export const deviceErrorReasonType = enumeration('d3dkmt_device_error_reason', DeviceErrorReason);

/** Execution state of a device. */
export const DeviceExecutionState = {
  active: 1,
  reset: 2,
  hung: 3,
  stopped: 4,
  errorOutOfMemory: 5,
  errorDmaFault: 6,
  errorDmaPageFault: 7,
} as const;
export type DeviceExecutionState = number;
/** Field type of {@link DeviceExecutionState} (enum d3dkmt_deviceexecution_state). */
export const deviceExecutionStateType = enumeration('d3dkmt_deviceexecution_state', DeviceExecutionState);

/** What GetDeviceState asks for. */
export const DeviceStateType = {
  execution: 1,
  present: 2,
  reset: 3,
  presentDwm: 4,
  pageFault: 5,
  presentQueue: 6,
} as const;
export type DeviceStateType = number;
/** Field type of {@link DeviceStateType} (enum d3dkmt_devicestate_type). */
export const deviceStateTypeType = enumeration('d3dkmt_devicestate_type', DeviceStateType);

/** Features of the driver that IsFeatureEnabled asks about. */
export const DxgkFeatureId = {
  hwSch: 0,
  pageBasedMemoryManager: 32,
  kernelModeTesting: 33,
  max: 34,
} as const;
export type DxgkFeatureId = number;
/** Field type of {@link DxgkFeatureId} (enum dxgk_feature_id). */
export const dxgkFeatureIdType = enumeration('dxgk_feature_id', DxgkFeatureId);

/** Whom an escape is for. */
export const EscapeType = {
  driverPrivate: 0,
  vidMm: 1,
  vidSch: 3,
  device: 4,
  drtTest: 8,
} as const;
export type EscapeType = number;
/** Field type of {@link EscapeType} (enum d3dkmt_escapetype). */
export const escapeTypeType = enumeration('d3dkmt_escapetype', EscapeType);

/** Why a device is flushed. */
export const FlushDeviceReason = {
  deviceTerminate: 4,
} as const;
export type FlushDeviceReason = number;
/** Field type of {@link FlushDeviceReason} (enum dxgdevice_flushschedulerreason). */
export const flushDeviceReasonType = enumeration('dxgdevice_flushschedulerreason', FlushDeviceReason);

/** Kind of a GDI surface. */
export const GdiSurfaceType = {
  invalid: 0,
  texture: 1,
  stagingCpuVisible: 2,
  staging: 3,
  lookupTable: 4,
  existingSysMem: 5,
  textureCpuVisible: 6,
  textureCrossAdapter: 7,
  textureCpuVisibleCrossAdapter: 8,
} as const;
export type GdiSurfaceType = number;
/** Field type of {@link GdiSurfaceType} (enum d3dkmdt_gdisurfacetype). */
export const gdiSurfaceTypeType = enumeration('d3dkmdt_gdisurfacetype', GdiSurfaceType);

/** Kind of a GPU fault. */
export const GeneralErrorCode = {
  pageFault: 0,
  invalidInstruction: 1,
} as const;
export type GeneralErrorCode = number;
/** Field type of {@link GeneralErrorCode} (enum dxgk_general_error_code). */
export const generalErrorCodeType = enumeration('dxgk_general_error_code', GeneralErrorCode);

/** What a reserved GPU virtual address range does before it is mapped. */
export const GpuVaReservationType = {
  noAccess: 0,
  zero: 1,
  noCommit: 2,
} as const;
export type GpuVaReservationType = number;
/** Field type of {@link GpuVaReservationType} (enum d3dddigpuva_reservation_type). */
export const gpuVaReservationTypeType = enumeration('d3dddigpuva_reservation_type', GpuVaReservationType);

/** What an entry of the guest handle table holds. */
export const HandleEntryType = {
  free: 0,
  adapter: 1,
  sharedResource: 2,
  device: 3,
  resource: 4,
  allocation: 5,
  overlay: 6,
  context: 7,
  syncObject: 8,
  keyedMutex: 9,
  pagingQueue: 10,
  deviceSyncObject: 11,
  process: 12,
  sharedVmObject: 13,
  protectedSession: 14,
  hwQueue: 15,
  remoteBundleObject: 16,
  compositionSurfaceObject: 17,
  compositionSurfaceProxy: 18,
  trackedWorkload: 19,
  limit: 31,
  monitoredFence: 32,
} as const;
export type HandleEntryType = number;
/** Field type of {@link HandleEntryType} (enum hmgrentry_type). */
export const handleEntryTypeType = enumeration('hmgrentry_type', HandleEntryType);

/** What a guest event stands for, inside the guest. */
export const HostEventType = {
  cpuEvent: 1,
  dmaFence: 2,
} as const;
export type HostEventType = number;
/** Field type of {@link HostEventType} (enum dxghosteventtype). */
export const hostEventTypeType = enumeration('dxghosteventtype', HostEventType);

/** Private escapes that the driver knows: first dword of the data. */
export const KnownEscapeType = {
  translateAllocationHandle: 0,
  translateResourceHandle: 1,
  cpuEventUsage: 2,
  buildTestCommandBuffer: 3,
} as const;
export type KnownEscapeType = number;
/** Field type of {@link KnownEscapeType} (enum d3dddi_knownescapetype). */
export const knownEscapeTypeType = enumeration('d3dddi_knownescapetype', KnownEscapeType);

/** The GPU's own memory, or system memory that it can reach. */
export const MemorySegmentGroup = {
  local: 0,
  nonLocal: 1,
} as const;
export type MemorySegmentGroup = number;
/** Field type of {@link MemorySegmentGroup} (enum d3dkmt_memory_segment_group). */
export const memorySegmentGroupType = enumeration('d3dkmt_memory_segment_group', MemorySegmentGroup);

/** How readily offered memory is taken. */
export const OfferPriority = {
  low: 1,
  normal: 2,
  high: 3,
  auto: 4,
} as const;
export type OfferPriority = number;
/** Field type of {@link OfferPriority} (enum d3dkmt_offer_priority). */
export const offerPriorityType = enumeration('d3dkmt_offer_priority', OfferPriority);

/** What a GPU page fault was (bits). */
export const PageFaultFlags = {
  write: 1,
  fenceInvalid: 2,
  adapterResetRequired: 4,
  engineResetRequired: 8,
  fatalHardwareError: 16,
  iommu: 32,
  hwContextValid: 64,
  processHandleValid: 128,
} as const;
export type PageFaultFlags = number;
/** Field type of {@link PageFaultFlags} (enum dxgk_page_fault_flags). */
export const pageFaultFlagsType = enumeration('dxgk_page_fault_flags', PageFaultFlags);

/** Priority of a paging queue (signed). */
export const PagingQueuePriority = {
  belowNormal: -1,
  normal: 0,
  aboveNormal: 1,
} as const;
export type PagingQueuePriority = number;
/** Field type of {@link PagingQueuePriority} (enum d3dddi_pagingqueue_priority). */
export const pagingQueuePriorityType = enumeration('d3dddi_pagingqueue_priority', PagingQueuePriority);

/** What QueryAdapterInfo asks for. */
export const QueryAdapterInfoType = {
  umDriverPrivate: 0,
  adapterType: 15,
  adapterTypeRender: 57,
  // Not in the driver's headers; the numbering that user-mode code (libdxg, public headers) uses.
  umDriverFileName: 1,
  umOpenGlInfo: 2,
  segmentSizes: 3,
  adapterGuid: 4,
  adapterAddress: 6,
  adapterRegistryInfo: 8,
  virtualAddressInfo: 12,
  driverVersion: 13,
  wddm12Caps: 17,
  umdDriverVersion: 18,
  wddm13Caps: 22,
  wddm20Caps: 24,
  nodeMetadata: 25,
  physicalAdapterCount: 30,
  physicalAdapterDeviceIds: 31,
  driverCapsExtension: 32,
  gpuMmuCaps: 34,
  segmentGroupSizes: 42,
  queryRegistry: 48,
  kmdDriverVersion: 49,
  adapterUniqueGuid: 60,
  nodePerfData: 61,
  adapterPerfData: 62,
  adapterPerfDataCaps: 63,
  gpuVersion: 64,
  driverDescription: 65,
  driverDescriptionRender: 66,
  paravirtualizationCaps: 68,
  serviceName: 69,
  wddm27Caps: 70,
  trackedWorkloadSupport: 72,
  hybridDisplayListDll: 73,
  wddm29Caps: 75,
  crossAdapterSupport: 76,
  wddm30Caps: 77,
} as const;
export type QueryAdapterInfoType = number;
/** Field type of {@link QueryAdapterInfoType} (enum kmtqueryadapterinfotype). */
export const queryAdapterInfoTypeType = enumeration('kmtqueryadapterinfotype', QueryAdapterInfoType, 3);

/** What QueryStatistics asks for. */
export const QueryStatisticsType = {
  adapter: 0,
  process: 1,
  processAdapter: 2,
  segment: 3,
  processSegment: 4,
  node: 5,
  processNode: 6,
  vidPnSource: 7,
  processVidPnSource: 8,
  processSegmentGroup: 9,
  physicalAdapter: 10,
} as const;
export type QueryStatisticsType = number;
/** Field type of {@link QueryStatisticsType} (enum d3dkmt_querystatistics_type). */
export const queryStatisticsTypeType = enumeration('d3dkmt_querystatistics_type', QueryStatisticsType);

/** What became of an offered allocation. */
export const ReclaimResult = {
  ok: 0,
  discarded: 1,
  notCommitted: 2,
} as const;
export type ReclaimResult = number;
/** Field type of {@link ReclaimResult} (enum d3dddi_reclaim_result). */
export const reclaimResultType = enumeration('d3dddi_reclaim_result', ReclaimResult);

/** Pipeline stage that faulted. */
export const RenderPipelineStage = {
  unknown: 0,
  inputAssembler: 1,
  vertexShader: 2,
  geometryShader: 3,
  streamOutput: 4,
  rasterizer: 5,
  pixelShader: 6,
  outputMerger: 7,
} as const;
export type RenderPipelineStage = number;
/** Field type of {@link RenderPipelineStage} (enum dxgk_render_pipeline_stage). */
export const renderPipelineStageType = enumeration('dxgk_render_pipeline_stage', RenderPipelineStage);

/** Which part of the data of SetGuestData counts. */
export const SetGuestDataType = {
  dword: 0,
  uint64: 1,
} as const;
export type SetGuestDataType = number;
/** Field type of {@link SetGuestDataType} (enum set_guestdata_type). */
export const setGuestDataTypeType = enumeration('set_guestdata_type', SetGuestDataType);

/** Kind of a standard allocation towards the display driver (DdiGetStandardAllocationDriverData). */
export const StandardAllocationDriverType = {
  sharedPrimarySurface: 1,
  shadowSurface: 2,
  stagingSurface: 3,
  gdiSurface: 4,
} as const;
export type StandardAllocationDriverType = number;
/** Field type of {@link StandardAllocationDriverType} (enum d3dkmdt_standardallocationtype). */
export const standardAllocationDriverTypeType = enumeration(
  'd3dkmdt_standardallocationtype',
  StandardAllocationDriverType,
);

/** Kind of a standard allocation towards the user. */
export const StandardAllocationType = {
  existingHeap: 1,
  crossAdapter: 2,
} as const;
export type StandardAllocationType = number;
/** Field type of {@link StandardAllocationType} (enum d3dkmt_standardallocationtype). */
export const standardAllocationTypeType = enumeration(
  'd3dkmt_standardallocationtype',
  StandardAllocationType,
);

/** Kind of a sync object. */
export const SyncObjectType = {
  mutex: 1,
  semaphore: 2,
  fence: 3,
  cpuNotification: 4,
  monitoredFence: 5,
  periodicMonitoredFence: 6,
  typeLimit: 7,
} as const;
export type SyncObjectType = number;
/** Field type of {@link SyncObjectType} (enum d3dddi_synchronizationobject_type). */
export const syncObjectTypeType = enumeration('d3dddi_synchronizationobject_type', SyncObjectType);

/** Kind of one operation of UpdateGpuVirtualAddress. */
export const UpdateGpuVaOperationType = {
  map: 0,
  unmap: 1,
  copy: 2,
  mapProtect: 3,
} as const;
export type UpdateGpuVaOperationType = number;
/** Field type of {@link UpdateGpuVaOperationType} (enum d3dddi_updategpuvirtualaddress_operation_type). */
export const updateGpuVaOperationTypeType = enumeration(
  'd3dddi_updategpuvirtualaddress_operation_type',
  UpdateGpuVaOperationType,
);
