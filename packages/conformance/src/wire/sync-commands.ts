import { global, vgpu } from './command.ts';

/** Synchronisation, submission, sharing: sections 4.11 to 4.14 of the description. */

const STATUS = { reply: 'status@0 status', demand: 4 } as const;

export const createSyncObject = vgpu(8, 'CreateSyncObject', {
  section: '4.11',
  bytes: 128,
  request:
    'device@24 h, reserved@28 u32, type@32 u32, flags@36 u32, value@40 u64, value_low@40 u32, value_high@44 u32, fence_cpu_virtual_address@48 ptr, fence_gpu_virtual_address@56 u64, engine_affinity@64 u32, shared_handle@104 h, sync_object@112 h, reserved1@116 u32, client_hint@120 u32',
  reply:
    'sync_object@0 h, global_sync_object@4 h, fence_gpu_va@8 u64, fence_storage_address@16 u64, fence_storage_offset@24 u32',
  demand: 32,
  failure: 'short',
});

export const destroySyncObject = global(1003, 'DestroySyncObject', {
  section: '4.11',
  bytes: 32,
  request: 'sync_object@24 h',
  ...STATUS,
});

export const openSyncObject = global(1002, 'OpenSyncObject', {
  section: '4.11',
  bytes: 40,
  request: 'device@24 h, global_sync_object@28 h, engine_affinity@32 u32, flags@36 u32',
  reply: 'sync_object@0 h, status@4 status, gpu_virtual_address@8 u64, guest_cpu_physical_address@16 u64',
  demand: 24,
});

export const signalSyncObject = vgpu(26, 'SignalSyncObject', {
  section: '4.11',
  bytes: 56,
  request:
    'object_count@24 u32, flags@28 u32, context_count@32 u32, fence_value@40 u64, device@48 h, cpu_event_handle@48 u64',
  ...STATUS,
  oneWay: true,
});

export const waitForSyncObjectFromGpu = vgpu(25, 'WaitForSyncObjectFromGpu', {
  section: '4.11',
  bytes: 40,
  request: 'context@24 h, object_count@28 u32, legacy_fence_object@32 bool',
  ...STATUS,
  oneWay: true,
});

export const waitForSyncObjectFromCpu = vgpu(22, 'WaitForSyncObjectFromCpu', {
  section: '4.11',
  bytes: 56,
  request:
    'device@24 h, object_count@28 u32, flags@32 u32, guest_event_pointer@40 u64, dereference_event@48 bool',
  ...STATUS,
});

export const submitCommand = vgpu(20, 'SubmitCommand', {
  section: '4.12',
  bytes: 408,
  request:
    'command_buffer@24 u64, command_length@32 u32, flags@36 u32, present_history_token@40 u64, broadcast_context_count@48 u32, broadcast_context@52 h[64], reserved@308 u32, priv_drv_data@312 ptr, priv_drv_data_size@320 u32, num_primaries@324 u32, written_primaries@328 h[16], num_history_buffers@392 u32, reserved1@396 u32, history_buffer_array@400 ptr',
  ...STATUS,
  oneWay: true,
});

export const submitCommandToHwQueue = vgpu(52, 'SubmitCommandToHwQueue', {
  section: '4.12',
  bytes: 80,
  request:
    'hwqueue@24 h, hwqueue_progress_fence_id@32 u64, command_buffer@40 u64, command_length@48 u32, priv_drv_data_size@52 u32, priv_drv_data@56 ptr, num_primaries@64 u32, written_primaries@72 ptr',
  ...STATUS,
  oneWay: true,
});

export const createNtSharedObject = global(1004, 'CreateNtSharedObject', {
  section: '4.13',
  bytes: 32,
  request: 'object@24 h',
  reply: 'shared_handle@0 h',
  demand: 4,
  failure: 'zero-handle',
});

export const destroyNtSharedObject = global(1005, 'DestroyNtSharedObject', {
  section: '4.13',
  bytes: 32,
  request: 'shared_handle@24 h',
  ...STATUS,
  process: 'zero',
});

export const shareObjectWithHost = global(1021, 'ShareObjectWithHost', {
  section: '4.14',
  bytes: 40,
  request: 'device_handle@24 h, object_handle@28 h, reserved@32 u64',
  reply: 'status@0 status, alignment@4 u32, vail_nt_handle@8 u64',
  demand: 16,
});
