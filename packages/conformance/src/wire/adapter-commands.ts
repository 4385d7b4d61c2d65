import { global, vgpu, type WireCommand, word } from './command.ts';
import { layout } from './layout.ts';

/** Adapter, process, device, context: sections 1.6, 4.4 to 4.7 of the description. */

export const setIoSpaceRegion = global(1010, 'SetIoSpaceRegion', {
  section: '1.5',
  bytes: 48,
  request: 'start@24 u64, length@32 u64, shared_page_gpadl@40 u32',
  reply: 'status@0 status',
  demand: 4,
  process: 'zero',
});

export const openAdapter = vgpu(14, 'OpenAdapter', {
  section: '1.6',
  bytes: 40,
  request:
    'vmbus_interface_version@24 u32, vmbus_last_compatible_interface_version@28 u32, guest_adapter_luid@32 luid',
  reply:
    'host_adapter_handle@0 h, status@4 status, vmbus_interface_version@8 u32, vmbus_last_compatible_interface_version@12 u32',
  demand: 16,
  process: 'zero',
});

export const closeAdapter = vgpu(15, 'CloseAdapter', {
  section: '4.4',
  bytes: 32,
  request: 'host_handle@24 h',
  reply: '',
  demand: 0,
  failure: 'any',
  process: 'zero',
});

export const getInternalAdapterInfo = vgpu(36, 'GetInternalAdapterInfo', {
  section: '1.6',
  bytes: 24,
  request: '',
  reply:
    'device_types@0 u32, driver_store_copy_mode@4 u32, driver_ddi_version@8 u32, flags@12 u32, host_adapter_luid@16 luid, device_description@24 u16[80], device_instance_id@184 u16[260], host_vgpu_luid@704 luid',
  // The LUID came with interface version 40, as did the header before commands.
  demand: (_, at) => (at > 0 ? 712 : 704),
  failure: 'short',
  process: 'zero',
});

export const queryAdapterInfo = vgpu(2, 'QueryAdapterInfo', {
  section: '4.4',
  bytes: 32,
  request: 'query_type@24 u32, private_data_size@28 u32',
  reply: 'status@0 status, private_data@4 u8',
  demand: (request, at) => 4 + word(request, at, 28),
});

/** As it was before interface version 40: no status, a failure is a short answer. */
export const queryAdapterInfoBefore40: WireCommand = {
  ...queryAdapterInfo,
  reply: layout('private_data@0 u8'),
  demand: (request, at) => word(request, at, 28),
  failure: 'short',
  statusOffset: null,
};

export const queryClockCalibration = vgpu(62, 'QueryClockCalibration', {
  section: '4.4',
  bytes: 64,
  request: 'adapter@24 h, node_ordinal@28 u32, physical_adapter_index@32 u32, clock_data@36 u8[28]',
  reply:
    'status@0 status, gpu_frequency@4 u64, gpu_clock_counter@12 u64, cpu_clock_counter@20 u64, flags@28 u32',
  demand: 32,
});

export const flushHeapTransitions = vgpu(37, 'FlushHeapTransitions', {
  section: '4.4',
  bytes: 24,
  request: '',
  reply: 'status@0 status',
  demand: 4,
});

const FEATURE_REPLY =
  'status@0 status, min_supported_version@4 u16, max_supported_version@6 u16, descriptor_bits@8 u16, version@10 u16, result_bits@12 u16';

export const isFeatureEnabled = vgpu(68, 'IsFeatureEnabled', {
  section: '4.4',
  bytes: 32,
  request: 'feature_id@24 u32',
  reply: FEATURE_REPLY,
  demand: 16,
  process: 'zero',
});

export const isFeatureEnabledGlobal = global(1022, 'IsFeatureEnabledGlobal', {
  section: '4.1',
  bytes: 32,
  request: 'feature_id@24 u32',
  reply: FEATURE_REPLY,
  demand: 16,
  process: 'zero',
});

export const queryStatistics = vgpu(48, 'QueryStatistics', {
  section: '4.4',
  bytes: 832,
  request: 'type@24 u32, adapter_luid@28 luid, process@40 u64, result@48 u8[776], selector@824 u64',
  reply: 'status@0 status, reserved@4 u32, result@8 u8[776]',
  demand: 784,
  process: 'target',
});

export const queryVideoMemoryInfo = vgpu(21, 'QueryVideoMemoryInfo', {
  section: '4.4',
  bytes: 40,
  request: 'adapter@24 h, memory_segment_group@28 u32, physical_adapter_index@32 u32',
  reply: 'budget@0 u64, current_usage@8 u64, current_reservation@16 u64, available_for_reservation@24 u64',
  demand: 32,
  failure: 'short',
});

export const changeVideoMemoryReservation = vgpu(49, 'ChangeVideoMemoryReservation', {
  section: '4.4',
  bytes: 56,
  request:
    'process@24 u64, adapter@32 h, memory_segment_group@36 u32, reservation@40 u64, physical_adapter_index@48 u32',
  reply: 'status@0 status',
  demand: 4,
});

export const escapeCommand = vgpu(13, 'Escape', {
  section: '4.4',
  bytes: 48,
  request: 'adapter@24 h, device@28 h, type@32 u32, flags@36 u32, priv_drv_data_size@40 u32, context@44 h',
  reply: 'priv_drv_data@0 u8',
  demand: (request, at) => word(request, at, 40),
  failure: 'short',
});

export const createProcess = global(1000, 'CreateProcess', {
  section: '4.5',
  bytes: 568,
  request: 'process@24 ptr, process_id@32 u64, process_name@40 u16[261], flags@562 u8',
  reply: 'hprocess@0 h',
  demand: 4,
  failure: 'zero-handle',
  process: 'zero',
});

export const destroyProcess = global(1001, 'DestroyProcess', {
  section: '4.5',
  bytes: 24,
  request: '',
  reply: 'status@0 status',
  demand: 4,
  process: 'target',
});

export const createDevice = vgpu(0, 'CreateDevice', {
  section: '4.6',
  bytes: 40,
  request: 'flags@24 u32, cdd_device@28 bool, error_code@32 ptr',
  reply: 'device@0 h',
  demand: 4,
  failure: 'zero-handle',
});

export const destroyDevice = vgpu(1, 'DestroyDevice', {
  section: '4.6',
  bytes: 32,
  request: 'device@24 h',
  reply: 'status@0 status',
  demand: 4,
});

export const flushDevice = vgpu(42, 'FlushDevice', {
  section: '4.6',
  bytes: 32,
  request: 'device@24 h, reason@28 u32',
  reply: 'status@0 status',
  demand: 4,
});

export const getDeviceState = vgpu(28, 'GetDeviceState', {
  section: '4.6',
  bytes: 80,
  request: 'device@24 h, state_type@28 u32, state@32 u8[48]',
  reply:
    'device@0 h, state_type@4 u32, execution_state@8 u32, reset_state@8 u32, page_fault@8 u8[32], status@56 status',
  demand: 64,
});

export const markDeviceAsError = vgpu(29, 'MarkDeviceAsError', {
  section: '4.6',
  bytes: 32,
  request: 'device@24 h, reason@28 u32',
  reply: 'status@0 status',
  demand: 4,
});

export const createContextVirtual = vgpu(6, 'CreateContextVirtual', {
  section: '4.7',
  bytes: 52,
  request:
    'context@24 h, device@28 h, node_ordinal@32 u32, engine_affinity@36 u32, flags@40 u32, client_hint@44 u32, priv_drv_data_size@48 u32',
  reply:
    'header@0 u8[24], context@24 h, device@28 h, node_ordinal@32 u32, engine_affinity@36 u32, flags@40 u32, client_hint@44 u32, priv_drv_data_size@48 u32, priv_drv_data@52 u8',
  demand: (request, at) => 55 + word(request, at, 48),
  failure: 'zero-handle',
});

export const destroyContext = vgpu(7, 'DestroyContext', {
  section: '4.7',
  bytes: 32,
  request: 'context@24 h',
  reply: 'status@0 status',
  demand: 4,
});

export const createHwQueue = vgpu(50, 'CreateHwQueue', {
  section: '4.7',
  bytes: 68,
  request:
    'status@24 u32, hwqueue@28 h, hwqueue_progress_fence@32 h, hwqueue_progress_fence_cpuva@40 ptr, hwqueue_progress_fence_gpuva@48 u64, context@56 h, flags@60 u32, priv_drv_data_size@64 u32',
  reply:
    'header@0 u8[24], status@24 status, hwqueue@28 h, hwqueue_progress_fence@32 h, hwqueue_progress_fence_cpuva@40 ptr, hwqueue_progress_fence_gpuva@48 u64, context@56 h, flags@60 u32, priv_drv_data_size@64 u32, priv_drv_data@68 u8',
  demand: (request, at) => {
    const size = word(request, at, 64);
    return size === 0 ? 72 : 71 + size;
  },
});

export const destroyHwQueue = vgpu(51, 'DestroyHwQueue', {
  section: '4.7',
  bytes: 32,
  request: 'hwqueue@24 h',
  reply: 'status@0 status',
  demand: 4,
});

export const setContextSchedulingPriority = vgpu(33, 'SetContextSchedulingPriority', {
  section: '4.7',
  bytes: 40,
  request: 'context@24 h, priority@28 i32, in_process@32 bool',
  reply: 'status@0 status',
  demand: 4,
});

export const getContextSchedulingPriority = vgpu(61, 'GetContextSchedulingPriority', {
  section: '4.7',
  bytes: 32,
  request: 'context@24 h, in_process@28 bool',
  reply: 'status@0 status, priority@4 i32',
  demand: 8,
});
