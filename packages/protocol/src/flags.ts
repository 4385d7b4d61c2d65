import { flagStruct, flagStruct64, flagWord } from './schema/scalars.ts';

/**
 * Flag words: structs that are nothing but bit-fields. A value is the whole word as a number (bigint when 64 bits wide);
 * the constants are masks. Widths are in bits, from bit 0 upwards.
 */

/** Field type of {@link CreateDeviceFlags}. */
export const createDeviceFlagsType = flagStruct(
  'd3dkmt_createdeviceflags',
  { legacyMode: 1, requestVSync: 1, disableGpuTimeout: 1, gdiDevice: 1, reserved: 28 },
  { valueMember: null, cNames: { requestVSync: 'request_vSync' } },
);
/** Flags of CreateDevice. */
export const CreateDeviceFlags = createDeviceFlagsType.masks;

/** Field type of {@link CreateContextFlags}. */
export const createContextFlagsType = flagStruct('d3dddi_createcontextflags', {
  nullRendering: 1,
  initialData: 1,
  disableGpuTimeout: 1,
  synchronizationOnly: 1,
  hwQueueSupported: 1,
  reserved: 27,
});
/** Flags of CreateContextVirtual. */
export const CreateContextFlags = createContextFlagsType.masks;

/** Field type of {@link CreateHwQueueFlags}. */
export const createHwQueueFlagsType = flagStruct('d3dddi_createhwqueueflags', {
  disableGpuTimeout: 1,
  reserved: 31,
});
/** Flags of CreateHwQueue. */
export const CreateHwQueueFlags = createHwQueueFlagsType.masks;

/** Field type of {@link EscapeFlags}. */
export const escapeFlagsType = flagStruct('d3dddi_escapeflags', {
  hardwareAccess: 1,
  deviceStatusQuery: 1,
  changeFrameLatency: 1,
  noAdapterSynchronization: 1,
  reserved: 1,
  virtualMachineData: 1,
  driverKnownEscape: 1,
  driverCommonEscape: 1,
  reserved2: 24,
});
/** Flags of Escape. */
export const EscapeFlags = escapeFlagsType.masks;

/** Field type of {@link FaultErrorCode}. */
export const faultErrorCodeType = flagStruct(
  'dxgk_fault_error_code',
  { isDeviceSpecificCode: 1, generalErrorCode: 31 },
  {
    valueMember: null,
    cTypes: { generalErrorCode: 'enum:dxgk_general_error_code' },
    otherReading: { isDeviceSpecificCodeReservedBit: 1, deviceSpecificCode: 31 },
  },
);
/** Fault code of a page fault: general, or specific to the device. */
export const FaultErrorCode = faultErrorCodeType.masks;

/** Field type of {@link DeviceResetState}. */
export const deviceResetStateType = flagStruct('d3dkmt_devicereset_state', {
  desktopSwitched: 1,
  reserved: 31,
});
/** Answer of GetDeviceState(reset). */
export const DeviceResetState = deviceResetStateType.masks;

/** Field type of {@link SyncObjectFlags}. */
export const syncObjectFlagsType = flagStruct('d3dddi_synchronizationobject_flags', {
  shared: 1,
  ntSecuritySharing: 1,
  crossAdapter: 1,
  topOfPipeline: 1,
  noSignal: 1,
  noWait: 1,
  noSignalMaxValueOnTdr: 1,
  noGpuAccess: 1,
  reserved: 23,
});
/** Flags of a sync object. */
export const SyncObjectFlags = syncObjectFlagsType.masks;

/** Field type of {@link SignalFlags}. */
export const signalFlagsType = flagStruct(
  'd3dddicb_signalflags',
  { signalAtSubmission: 1, enqueueCpuEvent: 1, allowFenceRewind: 1, reserved: 28, internal0: 1 },
  { cNames: { internal0: 'DXGK_SIGNAL_FLAG_INTERNAL0' } },
);
/** Flags of SignalSyncObject. */
export const SignalFlags = signalFlagsType.masks;

/** Field type of {@link WaitFromCpuFlags}. */
export const waitFromCpuFlagsType = flagStruct('d3dddi_waitforsynchronizationobjectfromcpu_flags', {
  waitAny: 1,
  reserved: 31,
});
/** Flags of WaitForSyncObjectFromCpu. */
export const WaitFromCpuFlags = waitFromCpuFlagsType.masks;

/** Field type of {@link SubmitCommandFlags}. */
export const submitCommandFlagsType = flagStruct(
  'd3dkmt_submitcommandflags',
  { nullRendering: 1, presentRedirected: 1, reserved: 30 },
  { valueMember: null },
);
/** Flags of SubmitCommand. */
export const SubmitCommandFlags = submitCommandFlagsType.masks;

/** Field type of {@link Lock2Flags}. */
export const lock2FlagsType = flagStruct('d3dddicb_lock2flags', { reserved: 32 });
/** Flags of Lock2; none is defined. */
export const Lock2Flags = lock2FlagsType.masks;

/** Field type of {@link CreateStandardAllocationFlags}. */
export const createStandardAllocationFlagsType = flagStruct('d3dkmt_createstandardallocationflags', {
  reserved: 32,
});
/** Flags of a standard allocation; none is defined. */
export const CreateStandardAllocationFlags = createStandardAllocationFlagsType.masks;

/** Field type of {@link CreateAllocationFlags}. */
export const createAllocationFlagsType = flagStruct('d3dkmt_createallocationflags', {
  createResource: 1,
  createShared: 1,
  nonSecure: 1,
  createProtected: 1,
  restrictSharedAccess: 1,
  existingSysmem: 1,
  ntSecuritySharing: 1,
  readOnly: 1,
  createWriteCombined: 1,
  createCached: 1,
  swapChainBackBuffer: 1,
  crossAdapter: 1,
  openCrossAdapter: 1,
  partialSharedCreation: 1,
  zeroed: 1,
  writeWatch: 1,
  standardAllocation: 1,
  existingSection: 1,
  reserved: 14,
});
/** Flags of CreateAllocation. */
export const CreateAllocationFlags = createAllocationFlagsType.masks;

/** Field type of {@link DestroyAllocationFlags}. */
export const destroyAllocationFlagsType = flagStruct('d3dddicb_destroyallocation2flags', {
  assumeNotInUse: 1,
  synchronousDestroy: 1,
  reserved: 29,
  systemUseOnly: 1,
});
/** Flags of DestroyAllocation. */
export const DestroyAllocationFlags = destroyAllocationFlagsType.masks;

/** Field type of {@link MakeResidentFlags}. */
export const makeResidentFlagsType = flagStruct('d3dddi_makeresident_flags', {
  cantTrimFurther: 1,
  mustSucceed: 1,
  reserved: 30,
});
/** Flags of MakeResident. */
export const MakeResidentFlags = makeResidentFlagsType.masks;

/** Field type of {@link EvictFlags}. */
export const evictFlagsType = flagStruct('d3dddi_evict_flags', {
  evictOnlyIfNecessary: 1,
  notWrittenTo: 1,
  reserved: 30,
});
/** Flags of Evict. */
export const EvictFlags = evictFlagsType.masks;

/** Field type of {@link GpuVaProtection}. */
export const gpuVaProtectionType = flagStruct64('d3dddigpuva_protection_type', {
  write: 1,
  execute: 1,
  zero: 1,
  noAccess: 1,
  systemUseOnly: 1,
  reserved: 59,
});
/** Protection of a GPU virtual address range (64 bits). */
export const GpuVaProtection = gpuVaProtectionType.masks;

/** Field type of {@link AdapterType}. */
export const adapterTypeType = flagStruct('d3dkmt_adaptertype', {
  renderSupported: 1,
  displaySupported: 1,
  softwareDevice: 1,
  postDevice: 1,
  hybridDiscrete: 1,
  hybridIntegrated: 1,
  indirectDisplayDevice: 1,
  paravirtualized: 1,
  acgSupported: 1,
  supportSetTimingsFromVidpn: 1,
  detachable: 1,
  computeOnly: 1,
  prototype: 1,
  reserved: 19,
});
/** Answer of QueryAdapterInfo(adapterType); the guest rewrites some bits of it. */
export const AdapterType = adapterTypeType.masks;

/** Field type of {@link GpuClockDataFlags}. */
export const gpuClockDataFlagsType = flagStruct(
  'dxgk_gpuclockdata_flags',
  { contextManagementProcessor: 1, reserved: 31 },
  { packed: true },
);
/** Flags of QueryClockCalibration. */
export const GpuClockDataFlags = gpuClockDataFlagsType.masks;

/** Field type of {@link UpdateAllocationPropertyFlags}. */
export const updateAllocationPropertyFlagsType = flagStruct('d3dddi_updateallocproperty_flags', {
  accessedPhysically: 1,
  reserved: 31,
});
/** Flags of UpdateAllocationProperty. */
export const UpdateAllocationPropertyFlags = updateAllocationPropertyFlagsType.masks;

/** Field type of {@link SegmentPreference}. */
export const segmentPreferenceType = flagStruct('d3dddi_segmentpreference', {
  segmentId0: 5,
  direction0: 1,
  segmentId1: 5,
  direction1: 1,
  segmentId2: 5,
  direction2: 1,
  segmentId3: 5,
  direction3: 1,
  segmentId4: 5,
  direction4: 1,
  reserved: 2,
});
/** Five preferred segments, each with a direction. */
export const SegmentPreference = segmentPreferenceType.masks;

/** Field type of {@link OfferFlags}. */
export const offerFlagsType = flagStruct('d3dkmt_offer_flags', {
  offerImmediately: 1,
  allowDecommit: 1,
  reserved: 30,
});
/** Flags of OfferAllocations. */
export const OfferFlags = offerFlagsType.masks;

/** Field type of {@link DeviceTypes}. */
export const deviceTypesType = flagStruct(
  'dxgk_device_types',
  {
    postDevice: 1,
    postDeviceCertain: 1,
    softwareDevice: 1,
    softGpuDevice: 1,
    warpDevice: 1,
    bddDevice: 1,
    supportMiracast: 1,
    mismatchedLda: 1,
    indirectDisplayDevice: 1,
    xboxOneDevice: 1,
    childIdSupportDwmClone: 1,
    childIdSupportDwmClone2: 1,
    hasInternalPanel: 1,
    rfxVgpuDevice: 1,
    virtualRenderDevice: 1,
    supportPreserveBootDisplay: 1,
    isUefiFrameBuffer: 1,
    removableDevice: 1,
    virtualMonitorDevice: 1,
  },
  { valueMember: null },
);
/** What kind of adapter the host has (GetInternalAdapterInfo). */
export const DeviceTypes = deviceTypesType.masks;

/** Field type of {@link AllocationReturnFlags}. */
export const allocationReturnFlagsType = flagStruct(
  'dxgkvmb_allocflags',
  {
    primary: 1,
    cddPrimary: 1,
    dodPrimary: 1,
    overlay: 1,
    reserved6: 1,
    capture: 1,
    reserved0: 4,
    reserved1: 1,
    existingSysmem: 1,
    stereo: 1,
    directFlip: 1,
    hardwareProtected: 1,
    reserved2: 1,
    reserved3: 1,
    reserved4: 1,
    protected: 1,
    cached: 1,
    independentPrimary: 1,
    reserved: 11,
  },
  { valueMember: 'flags', valueFirst: true },
);
/** What the host made of an allocation (CreateAllocation reply); the guest looks at `cached` only. */
export const AllocationReturnFlags = allocationReturnFlagsType.masks;

/** Field type of {@link AllocationInfoFlags}. */
export const allocationInfoFlagsType = flagStruct(
  'd3dddi_allocationinfo2.flags',
  { primary: 1, stereo: 1, overridePriority: 1, reserved: 29 },
  { union: true },
);
/** Flags of one allocation of CreateAllocation. */
export const AllocationInfoFlags = allocationInfoFlagsType.masks;

/** Field type of {@link UpdateGpuVaFlags}. */
export const updateGpuVaFlagsType = flagStruct(
  'd3dkmt_updategpuvirtualaddress.flags',
  { doNotWait: 1, reserved: 31 },
  { union: true },
);
/** Flags of UpdateGpuVirtualAddress. */
export const UpdateGpuVaFlags = updateGpuVaFlagsType.masks;

/** Field type of {@link EnumAdaptersFilter}. */
export const enumAdaptersFilterType = flagStruct64(
  'd3dkmt_enumadapters_filter',
  { includeComputeOnly: 1, includeDisplayOnly: 1, reserved: 62 },
  { union: true },
);
/** Filter of EnumAdapters3 (64 bits). */
export const EnumAdaptersFilter = enumAdaptersFilterType.masks;

/** Field type of {@link GuestCaps}. */
export const guestCapsType = flagStruct(
  'dxgk_vmbus_guestcaps',
  { wsl2: 1, reserved: 31 },
  { valueMember: 'guest_caps' },
);
/** What the guest can do, written to its PCI configuration space. */
export const GuestCaps = guestCapsType.masks;

/** Field type of {@link HostCaps}. */
export const hostCapsType = flagStruct(
  'dxgk_vmbus_hostcaps',
  { mapGuestMemory: 1, reserved: 31 },
  { valueMember: 'host_caps' },
);
/** What the host can do, read from PCI configuration space. */
export const HostCaps = hostCapsType.masks;

/** Field type of {@link FeatureResult}. */
export const featureResultType = flagWord('u16', {
  enabled: 1,
  knownFeature: 1,
  supportedByDriver: 1,
  supportedOnConfig: 1,
  reserved: 12,
});
/** Answer of IsFeatureEnabled: bits of `result.value`. */
export const FeatureResult = featureResultType.masks;

/** Field type of {@link AllocationPropertyMask}. */
export const allocationPropertyMaskType = flagWord(
  'u32',
  { setAccessedPhysically: 1, setSupportedSegmentSet: 1, setPreferredSegment: 1, reserved: 29 },
  { setSupportedSegmentSet: 'set_supported_segmentSet' },
);
/** Which properties UpdateAllocationProperty changes. */
export const AllocationPropertyMask = allocationPropertyMaskType.masks;

/** Field type of {@link AllocationListEntryFlags}. */
export const allocationListEntryFlagsType = flagWord('u32', {
  writeOperation: 1,
  doNotRetireInstance: 1,
  offerPriority: 3,
  reserved: 27,
});
/** Flags of an entry of an allocation list. */
export const AllocationListEntryFlags = allocationListEntryFlagsType.masks;

/** Field type of {@link PatchLocationSlot}. */
export const patchLocationSlotType = flagWord('u32', { slotId: 24, reserved: 8 });
/** Slot word of an entry of a patch location list. */
export const PatchLocationSlot = patchLocationSlotType.masks;
