/* The dxgkrnl command set in packed form: little endian, the layouts of Linux dxgkrnl on x86-64. Generated from
 * the command table (tools/src/generate-c-header.ts); do not edit. Structures have the names of the driver with
 * dxgwire_ before them. A message is its structure, then its lists, packed. Needs C11 or C++11 with unnamed
 * structs. */
#ifndef DXGWIRE_PROTOCOL_H
#define DXGWIRE_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define DXGWIRE_ASSERT(condition) static_assert(condition, #condition)
#else
#define DXGWIRE_ASSERT(condition) _Static_assert(condition, #condition)
#endif

/* Versions and limits. */

#define DXGWIRE_VERSION_CURRENT                          40u
#define DXGWIRE_VERSION_OLD                              27u
#define DXGWIRE_VERSION_LAST_COMPATIBLE                  16u
#define DXGWIRE_LIMIT_MAX_MESSAGE_BYTES                  0x20000u
#define DXGWIRE_LIMIT_MAX_REPLY_BYTES                    0x1fff0u
#define DXGWIRE_LIMIT_EXTENDED_HEADER_BYTES              16u
#define DXGWIRE_LIMIT_COMMAND_HEADER_BYTES               24u
#define DXGWIRE_LIMIT_PROCESS_NAME_LENGTH                260u
#define DXGWIRE_LIMIT_PATH_LENGTH                        260u
#define DXGWIRE_LIMIT_MAX_WRITTEN_PRIMARIES              16u
#define DXGWIRE_LIMIT_MAX_CREATE_ALLOCATIONS             1024u
#define DXGWIRE_LIMIT_MAX_RESIDENCY_ALLOCATIONS          10240u
#define DXGWIRE_LIMIT_MAX_ADAPTERS                       64u
#define DXGWIRE_LIMIT_MAX_ENUM_ADAPTERS3                 65535u
#define DXGWIRE_LIMIT_MAX_BROADCAST_CONTEXTS             64u
#define DXGWIRE_LIMIT_MAX_OBJECTS_WAITED_ON              32u
#define DXGWIRE_LIMIT_MAX_OBJECTS_SIGNALED               32u
#define DXGWIRE_LIMIT_MAX_HISTORY_BUFFERS                1024u
#define DXGWIRE_LIMIT_MAX_UPDATE_GPU_VA_OPERATIONS       2048u
#define DXGWIRE_LIMIT_MAX_SHARE_OBJECTS                  1u
#define DXGWIRE_LIMIT_MAX_PAGES_PER_MESSAGE              15867u
#define DXGWIRE_LIMIT_MAX_PRIVATE_DATA_BYTES             0x20000u
#define DXGWIRE_LIMIT_MAX_TEST_BUFFER_BYTES              4096u
#define DXGWIRE_LIMIT_MAX_TEST_BUFFER_PRIVATE_DATA_BYTES 1024u
#define DXGWIRE_LIMIT_RING_BYTES                         0x40000u
#define DXGWIRE_LIMIT_PAGE_BYTES                         4096u

/* Enumerations. */

/* enum d3dkmt_allocationresidencystatus */
#define DXGWIRE_ALLOCATION_RESIDENCY_STATUS_RESIDENT_IN_GPU_MEMORY    1u
#define DXGWIRE_ALLOCATION_RESIDENCY_STATUS_RESIDENT_IN_SHARED_MEMORY 2u
#define DXGWIRE_ALLOCATION_RESIDENCY_STATUS_NOT_RESIDENT              3u

/* enum d3dkmt_clienthint */
#define DXGWIRE_CLIENT_HINT_UNKNOWN               0u
#define DXGWIRE_CLIENT_HINT_OPEN_GL               1u
#define DXGWIRE_CLIENT_HINT_CDD                   2u
#define DXGWIRE_CLIENT_HINT_DX7                   7u
#define DXGWIRE_CLIENT_HINT_DX8                   8u
#define DXGWIRE_CLIENT_HINT_DX9                   9u
#define DXGWIRE_CLIENT_HINT_DX10                  10u
#define DXGWIRE_CLIENT_HINT_OPEN_CL               3u
#define DXGWIRE_CLIENT_HINT_VULKAN                4u
#define DXGWIRE_CLIENT_HINT_CUDA                  5u
#define DXGWIRE_CLIENT_HINT_DX11                  11u
#define DXGWIRE_CLIENT_HINT_DX12                  12u
#define DXGWIRE_CLIENT_HINT_DX9_ON12              13u
#define DXGWIRE_CLIENT_HINT_DX11_ON12             14u
#define DXGWIRE_CLIENT_HINT_MEDIA_ENCODE          15u
#define DXGWIRE_CLIENT_HINT_GL_ON12               16u
#define DXGWIRE_CLIENT_HINT_CL_ON12               17u
#define DXGWIRE_CLIENT_HINT_DIRECT_ML_TENSOR_FLOW 18u
#define DXGWIRE_CLIENT_HINT_ONE_API_LEVEL_ZERO    19u

/* enum d3dddiformat */
#define DXGWIRE_D3D_DDI_FORMAT_UNKNOWN 0u

/* enum d3dkmt_device_error_reason */
#define DXGWIRE_DEVICE_ERROR_REASON_GENERIC      0x80000000u
#define DXGWIRE_DEVICE_ERROR_REASON_DRIVER_ERROR 0x80000006u

/* enum d3dkmt_deviceexecution_state */
#define DXGWIRE_DEVICE_EXECUTION_STATE_ACTIVE               1u
#define DXGWIRE_DEVICE_EXECUTION_STATE_RESET                2u
#define DXGWIRE_DEVICE_EXECUTION_STATE_HUNG                 3u
#define DXGWIRE_DEVICE_EXECUTION_STATE_STOPPED              4u
#define DXGWIRE_DEVICE_EXECUTION_STATE_ERROR_OUT_OF_MEMORY  5u
#define DXGWIRE_DEVICE_EXECUTION_STATE_ERROR_DMA_FAULT      6u
#define DXGWIRE_DEVICE_EXECUTION_STATE_ERROR_DMA_PAGE_FAULT 7u

/* enum d3dkmt_devicestate_type */
#define DXGWIRE_DEVICE_STATE_TYPE_EXECUTION     1u
#define DXGWIRE_DEVICE_STATE_TYPE_PRESENT       2u
#define DXGWIRE_DEVICE_STATE_TYPE_RESET         3u
#define DXGWIRE_DEVICE_STATE_TYPE_PRESENT_DWM   4u
#define DXGWIRE_DEVICE_STATE_TYPE_PAGE_FAULT    5u
#define DXGWIRE_DEVICE_STATE_TYPE_PRESENT_QUEUE 6u

/* enum dxgk_feature_id */
#define DXGWIRE_DXGK_FEATURE_ID_HW_SCH                    0u
#define DXGWIRE_DXGK_FEATURE_ID_PAGE_BASED_MEMORY_MANAGER 32u
#define DXGWIRE_DXGK_FEATURE_ID_KERNEL_MODE_TESTING       33u
#define DXGWIRE_DXGK_FEATURE_ID_MAX                       34u

/* enum d3dkmt_escapetype */
#define DXGWIRE_ESCAPE_TYPE_DRIVER_PRIVATE 0u
#define DXGWIRE_ESCAPE_TYPE_VID_MM         1u
#define DXGWIRE_ESCAPE_TYPE_VID_SCH        3u
#define DXGWIRE_ESCAPE_TYPE_DEVICE         4u
#define DXGWIRE_ESCAPE_TYPE_DRT_TEST       8u

/* enum dxgdevice_flushschedulerreason */
#define DXGWIRE_FLUSH_DEVICE_REASON_DEVICE_TERMINATE 4u

/* enum d3dkmdt_gdisurfacetype */
#define DXGWIRE_GDI_SURFACE_TYPE_INVALID                           0u
#define DXGWIRE_GDI_SURFACE_TYPE_TEXTURE                           1u
#define DXGWIRE_GDI_SURFACE_TYPE_STAGING_CPU_VISIBLE               2u
#define DXGWIRE_GDI_SURFACE_TYPE_STAGING                           3u
#define DXGWIRE_GDI_SURFACE_TYPE_LOOKUP_TABLE                      4u
#define DXGWIRE_GDI_SURFACE_TYPE_EXISTING_SYS_MEM                  5u
#define DXGWIRE_GDI_SURFACE_TYPE_TEXTURE_CPU_VISIBLE               6u
#define DXGWIRE_GDI_SURFACE_TYPE_TEXTURE_CROSS_ADAPTER             7u
#define DXGWIRE_GDI_SURFACE_TYPE_TEXTURE_CPU_VISIBLE_CROSS_ADAPTER 8u

/* enum dxgk_general_error_code */
#define DXGWIRE_GENERAL_ERROR_CODE_PAGE_FAULT          0u
#define DXGWIRE_GENERAL_ERROR_CODE_INVALID_INSTRUCTION 1u

/* enum d3dddigpuva_reservation_type */
#define DXGWIRE_GPU_VA_RESERVATION_TYPE_NO_ACCESS 0u
#define DXGWIRE_GPU_VA_RESERVATION_TYPE_ZERO      1u
#define DXGWIRE_GPU_VA_RESERVATION_TYPE_NO_COMMIT 2u

/* enum hmgrentry_type */
#define DXGWIRE_HANDLE_ENTRY_TYPE_FREE                       0u
#define DXGWIRE_HANDLE_ENTRY_TYPE_ADAPTER                    1u
#define DXGWIRE_HANDLE_ENTRY_TYPE_SHARED_RESOURCE            2u
#define DXGWIRE_HANDLE_ENTRY_TYPE_DEVICE                     3u
#define DXGWIRE_HANDLE_ENTRY_TYPE_RESOURCE                   4u
#define DXGWIRE_HANDLE_ENTRY_TYPE_ALLOCATION                 5u
#define DXGWIRE_HANDLE_ENTRY_TYPE_OVERLAY                    6u
#define DXGWIRE_HANDLE_ENTRY_TYPE_CONTEXT                    7u
#define DXGWIRE_HANDLE_ENTRY_TYPE_SYNC_OBJECT                8u
#define DXGWIRE_HANDLE_ENTRY_TYPE_KEYED_MUTEX                9u
#define DXGWIRE_HANDLE_ENTRY_TYPE_PAGING_QUEUE               10u
#define DXGWIRE_HANDLE_ENTRY_TYPE_DEVICE_SYNC_OBJECT         11u
#define DXGWIRE_HANDLE_ENTRY_TYPE_PROCESS                    12u
#define DXGWIRE_HANDLE_ENTRY_TYPE_SHARED_VM_OBJECT           13u
#define DXGWIRE_HANDLE_ENTRY_TYPE_PROTECTED_SESSION          14u
#define DXGWIRE_HANDLE_ENTRY_TYPE_HW_QUEUE                   15u
#define DXGWIRE_HANDLE_ENTRY_TYPE_REMOTE_BUNDLE_OBJECT       16u
#define DXGWIRE_HANDLE_ENTRY_TYPE_COMPOSITION_SURFACE_OBJECT 17u
#define DXGWIRE_HANDLE_ENTRY_TYPE_COMPOSITION_SURFACE_PROXY  18u
#define DXGWIRE_HANDLE_ENTRY_TYPE_TRACKED_WORKLOAD           19u
#define DXGWIRE_HANDLE_ENTRY_TYPE_LIMIT                      31u
#define DXGWIRE_HANDLE_ENTRY_TYPE_MONITORED_FENCE            32u

/* enum dxghosteventtype */
#define DXGWIRE_HOST_EVENT_TYPE_CPU_EVENT 1u
#define DXGWIRE_HOST_EVENT_TYPE_DMA_FENCE 2u

/* enum d3dddi_knownescapetype */
#define DXGWIRE_KNOWN_ESCAPE_TYPE_TRANSLATE_ALLOCATION_HANDLE 0u
#define DXGWIRE_KNOWN_ESCAPE_TYPE_TRANSLATE_RESOURCE_HANDLE   1u
#define DXGWIRE_KNOWN_ESCAPE_TYPE_CPU_EVENT_USAGE             2u
#define DXGWIRE_KNOWN_ESCAPE_TYPE_BUILD_TEST_COMMAND_BUFFER   3u

/* enum d3dkmt_memory_segment_group */
#define DXGWIRE_MEMORY_SEGMENT_GROUP_LOCAL     0u
#define DXGWIRE_MEMORY_SEGMENT_GROUP_NON_LOCAL 1u

/* enum d3dkmt_offer_priority */
#define DXGWIRE_OFFER_PRIORITY_LOW    1u
#define DXGWIRE_OFFER_PRIORITY_NORMAL 2u
#define DXGWIRE_OFFER_PRIORITY_HIGH   3u
#define DXGWIRE_OFFER_PRIORITY_AUTO   4u

/* enum dxgk_page_fault_flags */
#define DXGWIRE_PAGE_FAULT_FLAGS_WRITE                  1u
#define DXGWIRE_PAGE_FAULT_FLAGS_FENCE_INVALID          2u
#define DXGWIRE_PAGE_FAULT_FLAGS_ADAPTER_RESET_REQUIRED 4u
#define DXGWIRE_PAGE_FAULT_FLAGS_ENGINE_RESET_REQUIRED  8u
#define DXGWIRE_PAGE_FAULT_FLAGS_FATAL_HARDWARE_ERROR   16u
#define DXGWIRE_PAGE_FAULT_FLAGS_IOMMU                  32u
#define DXGWIRE_PAGE_FAULT_FLAGS_HW_CONTEXT_VALID       64u
#define DXGWIRE_PAGE_FAULT_FLAGS_PROCESS_HANDLE_VALID   128u

/* enum d3dddi_pagingqueue_priority */
#define DXGWIRE_PAGING_QUEUE_PRIORITY_BELOW_NORMAL (-1)
#define DXGWIRE_PAGING_QUEUE_PRIORITY_NORMAL       0u
#define DXGWIRE_PAGING_QUEUE_PRIORITY_ABOVE_NORMAL 1u

/* enum kmtqueryadapterinfotype */
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_UM_DRIVER_PRIVATE           0u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_ADAPTER_TYPE                15u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_ADAPTER_TYPE_RENDER         57u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_UM_DRIVER_FILE_NAME         1u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_UM_OPEN_GL_INFO             2u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_SEGMENT_SIZES               3u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_ADAPTER_GUID                4u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_ADAPTER_ADDRESS             6u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_ADAPTER_REGISTRY_INFO       8u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_VIRTUAL_ADDRESS_INFO        12u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_DRIVER_VERSION              13u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_WDDM12_CAPS                 17u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_UMD_DRIVER_VERSION          18u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_WDDM13_CAPS                 22u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_WDDM20_CAPS                 24u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_NODE_METADATA               25u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_PHYSICAL_ADAPTER_COUNT      30u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_PHYSICAL_ADAPTER_DEVICE_IDS 31u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_DRIVER_CAPS_EXTENSION       32u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_GPU_MMU_CAPS                34u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_SEGMENT_GROUP_SIZES         42u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_QUERY_REGISTRY              48u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_KMD_DRIVER_VERSION          49u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_ADAPTER_UNIQUE_GUID         60u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_NODE_PERF_DATA              61u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_ADAPTER_PERF_DATA           62u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_ADAPTER_PERF_DATA_CAPS      63u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_GPU_VERSION                 64u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_DRIVER_DESCRIPTION          65u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_DRIVER_DESCRIPTION_RENDER   66u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_PARAVIRTUALIZATION_CAPS     68u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_SERVICE_NAME                69u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_WDDM27_CAPS                 70u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_TRACKED_WORKLOAD_SUPPORT    72u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_HYBRID_DISPLAY_LIST_DLL     73u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_WDDM29_CAPS                 75u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_CROSS_ADAPTER_SUPPORT       76u
#define DXGWIRE_QUERY_ADAPTER_INFO_TYPE_WDDM30_CAPS                 77u

/* enum d3dkmt_querystatistics_type */
#define DXGWIRE_QUERY_STATISTICS_TYPE_ADAPTER               0u
#define DXGWIRE_QUERY_STATISTICS_TYPE_PROCESS               1u
#define DXGWIRE_QUERY_STATISTICS_TYPE_PROCESS_ADAPTER       2u
#define DXGWIRE_QUERY_STATISTICS_TYPE_SEGMENT               3u
#define DXGWIRE_QUERY_STATISTICS_TYPE_PROCESS_SEGMENT       4u
#define DXGWIRE_QUERY_STATISTICS_TYPE_NODE                  5u
#define DXGWIRE_QUERY_STATISTICS_TYPE_PROCESS_NODE          6u
#define DXGWIRE_QUERY_STATISTICS_TYPE_VID_PN_SOURCE         7u
#define DXGWIRE_QUERY_STATISTICS_TYPE_PROCESS_VID_PN_SOURCE 8u
#define DXGWIRE_QUERY_STATISTICS_TYPE_PROCESS_SEGMENT_GROUP 9u
#define DXGWIRE_QUERY_STATISTICS_TYPE_PHYSICAL_ADAPTER      10u

/* enum d3dddi_reclaim_result */
#define DXGWIRE_RECLAIM_RESULT_OK            0u
#define DXGWIRE_RECLAIM_RESULT_DISCARDED     1u
#define DXGWIRE_RECLAIM_RESULT_NOT_COMMITTED 2u

/* enum dxgk_render_pipeline_stage */
#define DXGWIRE_RENDER_PIPELINE_STAGE_UNKNOWN         0u
#define DXGWIRE_RENDER_PIPELINE_STAGE_INPUT_ASSEMBLER 1u
#define DXGWIRE_RENDER_PIPELINE_STAGE_VERTEX_SHADER   2u
#define DXGWIRE_RENDER_PIPELINE_STAGE_GEOMETRY_SHADER 3u
#define DXGWIRE_RENDER_PIPELINE_STAGE_STREAM_OUTPUT   4u
#define DXGWIRE_RENDER_PIPELINE_STAGE_RASTERIZER      5u
#define DXGWIRE_RENDER_PIPELINE_STAGE_PIXEL_SHADER    6u
#define DXGWIRE_RENDER_PIPELINE_STAGE_OUTPUT_MERGER   7u

/* enum set_guestdata_type */
#define DXGWIRE_SET_GUEST_DATA_TYPE_DWORD  0u
#define DXGWIRE_SET_GUEST_DATA_TYPE_UINT64 1u

/* enum d3dkmdt_standardallocationtype */
#define DXGWIRE_STANDARD_ALLOCATION_DRIVER_TYPE_SHARED_PRIMARY_SURFACE 1u
#define DXGWIRE_STANDARD_ALLOCATION_DRIVER_TYPE_SHADOW_SURFACE         2u
#define DXGWIRE_STANDARD_ALLOCATION_DRIVER_TYPE_STAGING_SURFACE        3u
#define DXGWIRE_STANDARD_ALLOCATION_DRIVER_TYPE_GDI_SURFACE            4u

/* enum d3dkmt_standardallocationtype */
#define DXGWIRE_STANDARD_ALLOCATION_TYPE_EXISTING_HEAP 1u
#define DXGWIRE_STANDARD_ALLOCATION_TYPE_CROSS_ADAPTER 2u

/* enum d3dddi_synchronizationobject_type */
#define DXGWIRE_SYNC_OBJECT_TYPE_MUTEX                    1u
#define DXGWIRE_SYNC_OBJECT_TYPE_SEMAPHORE                2u
#define DXGWIRE_SYNC_OBJECT_TYPE_FENCE                    3u
#define DXGWIRE_SYNC_OBJECT_TYPE_CPU_NOTIFICATION         4u
#define DXGWIRE_SYNC_OBJECT_TYPE_MONITORED_FENCE          5u
#define DXGWIRE_SYNC_OBJECT_TYPE_PERIODIC_MONITORED_FENCE 6u
#define DXGWIRE_SYNC_OBJECT_TYPE_TYPE_LIMIT               7u

/* enum d3dddi_updategpuvirtualaddress_operation_type */
#define DXGWIRE_UPDATE_GPU_VA_OPERATION_TYPE_MAP         0u
#define DXGWIRE_UPDATE_GPU_VA_OPERATION_TYPE_UNMAP       1u
#define DXGWIRE_UPDATE_GPU_VA_OPERATION_TYPE_COPY        2u
#define DXGWIRE_UPDATE_GPU_VA_OPERATION_TYPE_MAP_PROTECT 3u

/* enum dxgkvmb_commandchanneltype */
#define DXGWIRE_COMMAND_CHANNEL_TYPE_VGPU_TO_HOST 0u
#define DXGWIRE_COMMAND_CHANNEL_TYPE_VM_TO_HOST   1u
#define DXGWIRE_COMMAND_CHANNEL_TYPE_HOST_TO_VM   2u

/* Flag words. */

/* d3dkmt_adaptertype, 4 bytes */
#define DXGWIRE_ADAPTER_TYPE_RENDER_SUPPORTED               1u
#define DXGWIRE_ADAPTER_TYPE_DISPLAY_SUPPORTED              2u
#define DXGWIRE_ADAPTER_TYPE_SOFTWARE_DEVICE                4u
#define DXGWIRE_ADAPTER_TYPE_POST_DEVICE                    8u
#define DXGWIRE_ADAPTER_TYPE_HYBRID_DISCRETE                16u
#define DXGWIRE_ADAPTER_TYPE_HYBRID_INTEGRATED              32u
#define DXGWIRE_ADAPTER_TYPE_INDIRECT_DISPLAY_DEVICE        64u
#define DXGWIRE_ADAPTER_TYPE_PARAVIRTUALIZED                128u
#define DXGWIRE_ADAPTER_TYPE_ACG_SUPPORTED                  256u
#define DXGWIRE_ADAPTER_TYPE_SUPPORT_SET_TIMINGS_FROM_VIDPN 512u
#define DXGWIRE_ADAPTER_TYPE_DETACHABLE                     1024u
#define DXGWIRE_ADAPTER_TYPE_COMPUTE_ONLY                   2048u
#define DXGWIRE_ADAPTER_TYPE_PROTOTYPE                      4096u
#define DXGWIRE_ADAPTER_TYPE_RESERVED                       0xffffe000u

/* d3dddi_allocationinfo2.flags, 4 bytes */
#define DXGWIRE_ALLOCATION_INFO_FLAGS_PRIMARY           1u
#define DXGWIRE_ALLOCATION_INFO_FLAGS_STEREO            2u
#define DXGWIRE_ALLOCATION_INFO_FLAGS_OVERRIDE_PRIORITY 4u
#define DXGWIRE_ALLOCATION_INFO_FLAGS_RESERVED          0xfffffff8u

/* AllocationListEntryFlags, 4 bytes */
#define DXGWIRE_ALLOCATION_LIST_ENTRY_FLAGS_WRITE_OPERATION        1u
#define DXGWIRE_ALLOCATION_LIST_ENTRY_FLAGS_DO_NOT_RETIRE_INSTANCE 2u
#define DXGWIRE_ALLOCATION_LIST_ENTRY_FLAGS_OFFER_PRIORITY         28u
#define DXGWIRE_ALLOCATION_LIST_ENTRY_FLAGS_RESERVED               0xffffffe0u

/* AllocationPropertyMask, 4 bytes */
#define DXGWIRE_ALLOCATION_PROPERTY_MASK_SET_ACCESSED_PHYSICALLY   1u
#define DXGWIRE_ALLOCATION_PROPERTY_MASK_SET_SUPPORTED_SEGMENT_SET 2u
#define DXGWIRE_ALLOCATION_PROPERTY_MASK_SET_PREFERRED_SEGMENT     4u
#define DXGWIRE_ALLOCATION_PROPERTY_MASK_RESERVED                  0xfffffff8u

/* dxgkvmb_allocflags, 4 bytes */
#define DXGWIRE_ALLOCATION_RETURN_FLAGS_PRIMARY             1u
#define DXGWIRE_ALLOCATION_RETURN_FLAGS_CDD_PRIMARY         2u
#define DXGWIRE_ALLOCATION_RETURN_FLAGS_DOD_PRIMARY         4u
#define DXGWIRE_ALLOCATION_RETURN_FLAGS_OVERLAY             8u
#define DXGWIRE_ALLOCATION_RETURN_FLAGS_RESERVED6           16u
#define DXGWIRE_ALLOCATION_RETURN_FLAGS_CAPTURE             32u
#define DXGWIRE_ALLOCATION_RETURN_FLAGS_RESERVED0           960u
#define DXGWIRE_ALLOCATION_RETURN_FLAGS_RESERVED1           1024u
#define DXGWIRE_ALLOCATION_RETURN_FLAGS_EXISTING_SYSMEM     2048u
#define DXGWIRE_ALLOCATION_RETURN_FLAGS_STEREO              4096u
#define DXGWIRE_ALLOCATION_RETURN_FLAGS_DIRECT_FLIP         8192u
#define DXGWIRE_ALLOCATION_RETURN_FLAGS_HARDWARE_PROTECTED  16384u
#define DXGWIRE_ALLOCATION_RETURN_FLAGS_RESERVED2           32768u
#define DXGWIRE_ALLOCATION_RETURN_FLAGS_RESERVED3           0x10000u
#define DXGWIRE_ALLOCATION_RETURN_FLAGS_RESERVED4           0x20000u
#define DXGWIRE_ALLOCATION_RETURN_FLAGS_PROTECTED           0x40000u
#define DXGWIRE_ALLOCATION_RETURN_FLAGS_CACHED              0x80000u
#define DXGWIRE_ALLOCATION_RETURN_FLAGS_INDEPENDENT_PRIMARY 0x100000u
#define DXGWIRE_ALLOCATION_RETURN_FLAGS_RESERVED            0xffe00000u

/* d3dkmt_createallocationflags, 4 bytes */
#define DXGWIRE_CREATE_ALLOCATION_FLAGS_CREATE_RESOURCE         1u
#define DXGWIRE_CREATE_ALLOCATION_FLAGS_CREATE_SHARED           2u
#define DXGWIRE_CREATE_ALLOCATION_FLAGS_NON_SECURE              4u
#define DXGWIRE_CREATE_ALLOCATION_FLAGS_CREATE_PROTECTED        8u
#define DXGWIRE_CREATE_ALLOCATION_FLAGS_RESTRICT_SHARED_ACCESS  16u
#define DXGWIRE_CREATE_ALLOCATION_FLAGS_EXISTING_SYSMEM         32u
#define DXGWIRE_CREATE_ALLOCATION_FLAGS_NT_SECURITY_SHARING     64u
#define DXGWIRE_CREATE_ALLOCATION_FLAGS_READ_ONLY               128u
#define DXGWIRE_CREATE_ALLOCATION_FLAGS_CREATE_WRITE_COMBINED   256u
#define DXGWIRE_CREATE_ALLOCATION_FLAGS_CREATE_CACHED           512u
#define DXGWIRE_CREATE_ALLOCATION_FLAGS_SWAP_CHAIN_BACK_BUFFER  1024u
#define DXGWIRE_CREATE_ALLOCATION_FLAGS_CROSS_ADAPTER           2048u
#define DXGWIRE_CREATE_ALLOCATION_FLAGS_OPEN_CROSS_ADAPTER      4096u
#define DXGWIRE_CREATE_ALLOCATION_FLAGS_PARTIAL_SHARED_CREATION 8192u
#define DXGWIRE_CREATE_ALLOCATION_FLAGS_ZEROED                  16384u
#define DXGWIRE_CREATE_ALLOCATION_FLAGS_WRITE_WATCH             32768u
#define DXGWIRE_CREATE_ALLOCATION_FLAGS_STANDARD_ALLOCATION     0x10000u
#define DXGWIRE_CREATE_ALLOCATION_FLAGS_EXISTING_SECTION        0x20000u
#define DXGWIRE_CREATE_ALLOCATION_FLAGS_RESERVED                0xfffc0000u

/* d3dddi_createcontextflags, 4 bytes */
#define DXGWIRE_CREATE_CONTEXT_FLAGS_NULL_RENDERING       1u
#define DXGWIRE_CREATE_CONTEXT_FLAGS_INITIAL_DATA         2u
#define DXGWIRE_CREATE_CONTEXT_FLAGS_DISABLE_GPU_TIMEOUT  4u
#define DXGWIRE_CREATE_CONTEXT_FLAGS_SYNCHRONIZATION_ONLY 8u
#define DXGWIRE_CREATE_CONTEXT_FLAGS_HW_QUEUE_SUPPORTED   16u
#define DXGWIRE_CREATE_CONTEXT_FLAGS_RESERVED             0xffffffe0u

/* d3dkmt_createdeviceflags, 4 bytes */
#define DXGWIRE_CREATE_DEVICE_FLAGS_LEGACY_MODE         1u
#define DXGWIRE_CREATE_DEVICE_FLAGS_REQUEST_VSYNC       2u
#define DXGWIRE_CREATE_DEVICE_FLAGS_DISABLE_GPU_TIMEOUT 4u
#define DXGWIRE_CREATE_DEVICE_FLAGS_GDI_DEVICE          8u
#define DXGWIRE_CREATE_DEVICE_FLAGS_RESERVED            0xfffffff0u

/* d3dddi_createhwqueueflags, 4 bytes */
#define DXGWIRE_CREATE_HW_QUEUE_FLAGS_DISABLE_GPU_TIMEOUT 1u
#define DXGWIRE_CREATE_HW_QUEUE_FLAGS_RESERVED            0xfffffffeu

/* d3dkmt_createstandardallocationflags, 4 bytes */
#define DXGWIRE_CREATE_STANDARD_ALLOCATION_FLAGS_RESERVED 0xffffffffu

/* d3dddicb_destroyallocation2flags, 4 bytes */
#define DXGWIRE_DESTROY_ALLOCATION_FLAGS_ASSUME_NOT_IN_USE   1u
#define DXGWIRE_DESTROY_ALLOCATION_FLAGS_SYNCHRONOUS_DESTROY 2u
#define DXGWIRE_DESTROY_ALLOCATION_FLAGS_RESERVED            0x7ffffffcu
#define DXGWIRE_DESTROY_ALLOCATION_FLAGS_SYSTEM_USE_ONLY     0x80000000u

/* d3dkmt_devicereset_state, 4 bytes */
#define DXGWIRE_DEVICE_RESET_STATE_DESKTOP_SWITCHED 1u
#define DXGWIRE_DEVICE_RESET_STATE_RESERVED         0xfffffffeu

/* dxgk_device_types, 4 bytes */
#define DXGWIRE_DEVICE_TYPES_POST_DEVICE                   1u
#define DXGWIRE_DEVICE_TYPES_POST_DEVICE_CERTAIN           2u
#define DXGWIRE_DEVICE_TYPES_SOFTWARE_DEVICE               4u
#define DXGWIRE_DEVICE_TYPES_SOFT_GPU_DEVICE               8u
#define DXGWIRE_DEVICE_TYPES_WARP_DEVICE                   16u
#define DXGWIRE_DEVICE_TYPES_BDD_DEVICE                    32u
#define DXGWIRE_DEVICE_TYPES_SUPPORT_MIRACAST              64u
#define DXGWIRE_DEVICE_TYPES_MISMATCHED_LDA                128u
#define DXGWIRE_DEVICE_TYPES_INDIRECT_DISPLAY_DEVICE       256u
#define DXGWIRE_DEVICE_TYPES_XBOX_ONE_DEVICE               512u
#define DXGWIRE_DEVICE_TYPES_CHILD_ID_SUPPORT_DWM_CLONE    1024u
#define DXGWIRE_DEVICE_TYPES_CHILD_ID_SUPPORT_DWM_CLONE2   2048u
#define DXGWIRE_DEVICE_TYPES_HAS_INTERNAL_PANEL            4096u
#define DXGWIRE_DEVICE_TYPES_RFX_VGPU_DEVICE               8192u
#define DXGWIRE_DEVICE_TYPES_VIRTUAL_RENDER_DEVICE         16384u
#define DXGWIRE_DEVICE_TYPES_SUPPORT_PRESERVE_BOOT_DISPLAY 32768u
#define DXGWIRE_DEVICE_TYPES_IS_UEFI_FRAME_BUFFER          0x10000u
#define DXGWIRE_DEVICE_TYPES_REMOVABLE_DEVICE              0x20000u
#define DXGWIRE_DEVICE_TYPES_VIRTUAL_MONITOR_DEVICE        0x40000u

/* d3dkmt_enumadapters_filter, 8 bytes */
#define DXGWIRE_ENUM_ADAPTERS_FILTER_INCLUDE_COMPUTE_ONLY 0x1ull
#define DXGWIRE_ENUM_ADAPTERS_FILTER_INCLUDE_DISPLAY_ONLY 0x2ull
#define DXGWIRE_ENUM_ADAPTERS_FILTER_RESERVED             0xfffffffffffffffcull

/* d3dddi_escapeflags, 4 bytes */
#define DXGWIRE_ESCAPE_FLAGS_HARDWARE_ACCESS            1u
#define DXGWIRE_ESCAPE_FLAGS_DEVICE_STATUS_QUERY        2u
#define DXGWIRE_ESCAPE_FLAGS_CHANGE_FRAME_LATENCY       4u
#define DXGWIRE_ESCAPE_FLAGS_NO_ADAPTER_SYNCHRONIZATION 8u
#define DXGWIRE_ESCAPE_FLAGS_RESERVED                   16u
#define DXGWIRE_ESCAPE_FLAGS_VIRTUAL_MACHINE_DATA       32u
#define DXGWIRE_ESCAPE_FLAGS_DRIVER_KNOWN_ESCAPE        64u
#define DXGWIRE_ESCAPE_FLAGS_DRIVER_COMMON_ESCAPE       128u
#define DXGWIRE_ESCAPE_FLAGS_RESERVED2                  0xffffff00u

/* d3dddi_evict_flags, 4 bytes */
#define DXGWIRE_EVICT_FLAGS_EVICT_ONLY_IF_NECESSARY 1u
#define DXGWIRE_EVICT_FLAGS_NOT_WRITTEN_TO          2u
#define DXGWIRE_EVICT_FLAGS_RESERVED                0xfffffffcu

/* dxgk_fault_error_code, 4 bytes */
#define DXGWIRE_FAULT_ERROR_CODE_IS_DEVICE_SPECIFIC_CODE 1u
#define DXGWIRE_FAULT_ERROR_CODE_GENERAL_ERROR_CODE      0xfffffffeu

/* FeatureResult, 2 bytes */
#define DXGWIRE_FEATURE_RESULT_ENABLED             1u
#define DXGWIRE_FEATURE_RESULT_KNOWN_FEATURE       2u
#define DXGWIRE_FEATURE_RESULT_SUPPORTED_BY_DRIVER 4u
#define DXGWIRE_FEATURE_RESULT_SUPPORTED_ON_CONFIG 8u
#define DXGWIRE_FEATURE_RESULT_RESERVED            65520u

/* dxgk_gpuclockdata_flags, 4 bytes */
#define DXGWIRE_GPU_CLOCK_DATA_FLAGS_CONTEXT_MANAGEMENT_PROCESSOR 1u
#define DXGWIRE_GPU_CLOCK_DATA_FLAGS_RESERVED                     0xfffffffeu

/* d3dddigpuva_protection_type, 8 bytes */
#define DXGWIRE_GPU_VA_PROTECTION_WRITE           0x1ull
#define DXGWIRE_GPU_VA_PROTECTION_EXECUTE         0x2ull
#define DXGWIRE_GPU_VA_PROTECTION_ZERO            0x4ull
#define DXGWIRE_GPU_VA_PROTECTION_NO_ACCESS       0x8ull
#define DXGWIRE_GPU_VA_PROTECTION_SYSTEM_USE_ONLY 0x10ull
#define DXGWIRE_GPU_VA_PROTECTION_RESERVED        0xffffffffffffffe0ull

/* dxgk_vmbus_guestcaps, 4 bytes */
#define DXGWIRE_GUEST_CAPS_WSL2     1u
#define DXGWIRE_GUEST_CAPS_RESERVED 0xfffffffeu

/* dxgk_vmbus_hostcaps, 4 bytes */
#define DXGWIRE_HOST_CAPS_MAP_GUEST_MEMORY 1u
#define DXGWIRE_HOST_CAPS_RESERVED         0xfffffffeu

/* d3dddicb_lock2flags, 4 bytes */
#define DXGWIRE_LOCK2_FLAGS_RESERVED 0xffffffffu

/* d3dddi_makeresident_flags, 4 bytes */
#define DXGWIRE_MAKE_RESIDENT_FLAGS_CANT_TRIM_FURTHER 1u
#define DXGWIRE_MAKE_RESIDENT_FLAGS_MUST_SUCCEED      2u
#define DXGWIRE_MAKE_RESIDENT_FLAGS_RESERVED          0xfffffffcu

/* d3dkmt_offer_flags, 4 bytes */
#define DXGWIRE_OFFER_FLAGS_OFFER_IMMEDIATELY 1u
#define DXGWIRE_OFFER_FLAGS_ALLOW_DECOMMIT    2u
#define DXGWIRE_OFFER_FLAGS_RESERVED          0xfffffffcu

/* PatchLocationSlot, 4 bytes */
#define DXGWIRE_PATCH_LOCATION_SLOT_SLOT_ID  0xffffffu
#define DXGWIRE_PATCH_LOCATION_SLOT_RESERVED 0xff000000u

/* d3dddi_segmentpreference, 4 bytes */
#define DXGWIRE_SEGMENT_PREFERENCE_SEGMENT_ID0 31u
#define DXGWIRE_SEGMENT_PREFERENCE_DIRECTION0  32u
#define DXGWIRE_SEGMENT_PREFERENCE_SEGMENT_ID1 1984u
#define DXGWIRE_SEGMENT_PREFERENCE_DIRECTION1  2048u
#define DXGWIRE_SEGMENT_PREFERENCE_SEGMENT_ID2 0x1f000u
#define DXGWIRE_SEGMENT_PREFERENCE_DIRECTION2  0x20000u
#define DXGWIRE_SEGMENT_PREFERENCE_SEGMENT_ID3 0x7c0000u
#define DXGWIRE_SEGMENT_PREFERENCE_DIRECTION3  0x800000u
#define DXGWIRE_SEGMENT_PREFERENCE_SEGMENT_ID4 0x1f000000u
#define DXGWIRE_SEGMENT_PREFERENCE_DIRECTION4  0x20000000u
#define DXGWIRE_SEGMENT_PREFERENCE_RESERVED    0xc0000000u

/* d3dddicb_signalflags, 4 bytes */
#define DXGWIRE_SIGNAL_FLAGS_SIGNAL_AT_SUBMISSION 1u
#define DXGWIRE_SIGNAL_FLAGS_ENQUEUE_CPU_EVENT    2u
#define DXGWIRE_SIGNAL_FLAGS_ALLOW_FENCE_REWIND   4u
#define DXGWIRE_SIGNAL_FLAGS_RESERVED             0x7ffffff8u
#define DXGWIRE_SIGNAL_FLAGS_INTERNAL0            0x80000000u

/* d3dkmt_submitcommandflags, 4 bytes */
#define DXGWIRE_SUBMIT_COMMAND_FLAGS_NULL_RENDERING     1u
#define DXGWIRE_SUBMIT_COMMAND_FLAGS_PRESENT_REDIRECTED 2u
#define DXGWIRE_SUBMIT_COMMAND_FLAGS_RESERVED           0xfffffffcu

/* d3dddi_synchronizationobject_flags, 4 bytes */
#define DXGWIRE_SYNC_OBJECT_FLAGS_SHARED                     1u
#define DXGWIRE_SYNC_OBJECT_FLAGS_NT_SECURITY_SHARING        2u
#define DXGWIRE_SYNC_OBJECT_FLAGS_CROSS_ADAPTER              4u
#define DXGWIRE_SYNC_OBJECT_FLAGS_TOP_OF_PIPELINE            8u
#define DXGWIRE_SYNC_OBJECT_FLAGS_NO_SIGNAL                  16u
#define DXGWIRE_SYNC_OBJECT_FLAGS_NO_WAIT                    32u
#define DXGWIRE_SYNC_OBJECT_FLAGS_NO_SIGNAL_MAX_VALUE_ON_TDR 64u
#define DXGWIRE_SYNC_OBJECT_FLAGS_NO_GPU_ACCESS              128u
#define DXGWIRE_SYNC_OBJECT_FLAGS_RESERVED                   0x7fffff00u

/* d3dddi_updateallocproperty_flags, 4 bytes */
#define DXGWIRE_UPDATE_ALLOCATION_PROPERTY_FLAGS_ACCESSED_PHYSICALLY 1u
#define DXGWIRE_UPDATE_ALLOCATION_PROPERTY_FLAGS_RESERVED            0xfffffffeu

/* d3dkmt_updategpuvirtualaddress.flags, 4 bytes */
#define DXGWIRE_UPDATE_GPU_VA_FLAGS_DO_NOT_WAIT 1u
#define DXGWIRE_UPDATE_GPU_VA_FLAGS_RESERVED    0xfffffffeu

/* d3dddi_waitforsynchronizationobjectfromcpu_flags, 4 bytes */
#define DXGWIRE_WAIT_FROM_CPU_FLAGS_WAIT_ANY 1u
#define DXGWIRE_WAIT_FROM_CPU_FLAGS_RESERVED 0xfffffffeu

/* Structures. */

struct dxgwire_winluid {
  uint32_t a;
  uint32_t b;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_winluid) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_winluid, a) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_winluid, b) == 4);
#define DXGWIRE_WINLUID_SIZE     8u
#define DXGWIRE_WINLUID_A_OFFSET 0u
#define DXGWIRE_WINLUID_B_OFFSET 4u

struct dxgwire_dxgvmb_ext_header {
  uint32_t command_offset;
  uint32_t reserved;
  struct dxgwire_winluid vgpu_luid;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgvmb_ext_header) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgvmb_ext_header, command_offset) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgvmb_ext_header, reserved) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgvmb_ext_header, vgpu_luid) == 8);
#define DXGWIRE_DXGVMB_EXT_HEADER_SIZE                  16u
#define DXGWIRE_DXGVMB_EXT_HEADER_COMMAND_OFFSET_OFFSET 0u
#define DXGWIRE_DXGVMB_EXT_HEADER_RESERVED_OFFSET       4u
#define DXGWIRE_DXGVMB_EXT_HEADER_VGPU_LUID_OFFSET      8u

struct dxgwire_dxgkvmb_command_vgpu_to_host {
  uint64_t command_id;
  uint32_t process; /* handle */
  uint32_t channel_type : 8;
  uint32_t async_msg : 1;
  uint32_t reserved : 23;
  uint32_t command_type; /* enum dxgkvmb_commandtype */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_vgpu_to_host) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_vgpu_to_host, command_id) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_vgpu_to_host, process) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_vgpu_to_host, command_type) == 16);
#define DXGWIRE_DXGKVMB_COMMAND_VGPU_TO_HOST_SIZE                24u
#define DXGWIRE_DXGKVMB_COMMAND_VGPU_TO_HOST_COMMAND_ID_OFFSET   0u
#define DXGWIRE_DXGKVMB_COMMAND_VGPU_TO_HOST_PROCESS_OFFSET      8u
#define DXGWIRE_DXGKVMB_COMMAND_VGPU_TO_HOST_CHANNEL_TYPE_SHIFT  0u
#define DXGWIRE_DXGKVMB_COMMAND_VGPU_TO_HOST_CHANNEL_TYPE_MASK   255u
#define DXGWIRE_DXGKVMB_COMMAND_VGPU_TO_HOST_ASYNC_MSG_SHIFT     8u
#define DXGWIRE_DXGKVMB_COMMAND_VGPU_TO_HOST_ASYNC_MSG_MASK      1u
#define DXGWIRE_DXGKVMB_COMMAND_VGPU_TO_HOST_RESERVED_SHIFT      9u
#define DXGWIRE_DXGKVMB_COMMAND_VGPU_TO_HOST_RESERVED_MASK       0x7fffffu
#define DXGWIRE_DXGKVMB_COMMAND_VGPU_TO_HOST_COMMAND_TYPE_OFFSET 16u

struct dxgwire_d3dkmt_changevideomemoryreservation {
  uint64_t process;
  uint32_t adapter; /* handle */
  uint32_t memory_segment_group; /* enum d3dkmt_memory_segment_group */
  uint64_t reservation;
  uint32_t physical_adapter_index;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dkmt_changevideomemoryreservation) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_changevideomemoryreservation, process) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_changevideomemoryreservation, adapter) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_changevideomemoryreservation, memory_segment_group) == 12);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_changevideomemoryreservation, reservation) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_changevideomemoryreservation, physical_adapter_index) == 24);
#define DXGWIRE_D3DKMT_CHANGEVIDEOMEMORYRESERVATION_SIZE                          32u
#define DXGWIRE_D3DKMT_CHANGEVIDEOMEMORYRESERVATION_PROCESS_OFFSET                0u
#define DXGWIRE_D3DKMT_CHANGEVIDEOMEMORYRESERVATION_ADAPTER_OFFSET                8u
#define DXGWIRE_D3DKMT_CHANGEVIDEOMEMORYRESERVATION_MEMORY_SEGMENT_GROUP_OFFSET   12u
#define DXGWIRE_D3DKMT_CHANGEVIDEOMEMORYRESERVATION_RESERVATION_OFFSET            16u
#define DXGWIRE_D3DKMT_CHANGEVIDEOMEMORYRESERVATION_PHYSICAL_ADAPTER_INDEX_OFFSET 24u

struct dxgwire_dxgkvmb_command_changevideomemoryreservation {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  struct dxgwire_d3dkmt_changevideomemoryreservation args;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_changevideomemoryreservation) == 56);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_changevideomemoryreservation, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_changevideomemoryreservation, args) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_CHANGEVIDEOMEMORYRESERVATION_SIZE        56u
#define DXGWIRE_DXGKVMB_COMMAND_CHANGEVIDEOMEMORYRESERVATION_HDR_OFFSET  0u
#define DXGWIRE_DXGKVMB_COMMAND_CHANGEVIDEOMEMORYRESERVATION_ARGS_OFFSET 24u

struct dxgwire_dxgkvmb_command_closeadapter {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t host_handle; /* handle */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_closeadapter) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_closeadapter, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_closeadapter, host_handle) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_CLOSEADAPTER_SIZE               32u
#define DXGWIRE_DXGKVMB_COMMAND_CLOSEADAPTER_HDR_OFFSET         0u
#define DXGWIRE_DXGKVMB_COMMAND_CLOSEADAPTER_HOST_HANDLE_OFFSET 24u

struct dxgwire_dxgkvmb_command_escape {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t adapter; /* handle */
  uint32_t device; /* handle */
  uint32_t type; /* enum d3dkmt_escapetype */
  uint32_t flags; /* flags: d3dddi_escapeflags */
  uint32_t priv_drv_data_size;
  uint32_t context; /* handle */
  uint8_t priv_drv_data[1];
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_escape) == 56);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_escape, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_escape, adapter) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_escape, device) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_escape, type) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_escape, flags) == 36);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_escape, priv_drv_data_size) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_escape, context) == 44);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_escape, priv_drv_data) == 48);
#define DXGWIRE_DXGKVMB_COMMAND_ESCAPE_SIZE                      56u
#define DXGWIRE_DXGKVMB_COMMAND_ESCAPE_HDR_OFFSET                0u
#define DXGWIRE_DXGKVMB_COMMAND_ESCAPE_ADAPTER_OFFSET            24u
#define DXGWIRE_DXGKVMB_COMMAND_ESCAPE_DEVICE_OFFSET             28u
#define DXGWIRE_DXGKVMB_COMMAND_ESCAPE_TYPE_OFFSET               32u
#define DXGWIRE_DXGKVMB_COMMAND_ESCAPE_FLAGS_OFFSET              36u
#define DXGWIRE_DXGKVMB_COMMAND_ESCAPE_PRIV_DRV_DATA_SIZE_OFFSET 40u
#define DXGWIRE_DXGKVMB_COMMAND_ESCAPE_CONTEXT_OFFSET            44u
#define DXGWIRE_DXGKVMB_COMMAND_ESCAPE_PRIV_DRV_DATA_OFFSET      48u

struct dxgwire_dxgkvmb_command_flushheaptransitions {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_flushheaptransitions) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_flushheaptransitions, hdr) == 0);
#define DXGWIRE_DXGKVMB_COMMAND_FLUSHHEAPTRANSITIONS_SIZE       24u
#define DXGWIRE_DXGKVMB_COMMAND_FLUSHHEAPTRANSITIONS_HDR_OFFSET 0u

struct dxgwire_dxgkvmb_command_getinternaladapterinfo {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_getinternaladapterinfo) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getinternaladapterinfo, hdr) == 0);
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_SIZE       24u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_HDR_OFFSET 0u

struct dxgwire_dxgkvmb_command_getinternaladapterinfo_return {
  uint32_t device_types; /* flags: dxgk_device_types */
  uint32_t driver_store_copy_mode;
  uint32_t driver_ddi_version;
  uint32_t secure_virtual_machine : 1;
  uint32_t virtual_machine_reset : 1;
  uint32_t is_vail_supported : 1;
  uint32_t hw_sch_enabled : 1;
  uint32_t hw_sch_capable : 1;
  uint32_t va_backed_vm : 1;
  uint32_t async_msg_enabled : 1;
  uint32_t hw_support_state : 2;
  uint32_t reserved : 23;
  struct dxgwire_winluid host_adapter_luid;
  uint16_t device_description[80];
  uint16_t device_instance_id[260];
  struct dxgwire_winluid host_vgpu_luid;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_getinternaladapterinfo_return) == 712);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getinternaladapterinfo_return, device_types) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getinternaladapterinfo_return, driver_store_copy_mode) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getinternaladapterinfo_return, driver_ddi_version) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getinternaladapterinfo_return, host_adapter_luid) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getinternaladapterinfo_return, device_description) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getinternaladapterinfo_return, device_instance_id) == 184);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getinternaladapterinfo_return, host_vgpu_luid) == 704);
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_SIZE                          712u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_DEVICE_TYPES_OFFSET           0u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_DRIVER_STORE_COPY_MODE_OFFSET 4u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_DRIVER_DDI_VERSION_OFFSET     8u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_SECURE_VIRTUAL_MACHINE_SHIFT  0u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_SECURE_VIRTUAL_MACHINE_MASK   1u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_VIRTUAL_MACHINE_RESET_SHIFT   1u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_VIRTUAL_MACHINE_RESET_MASK    1u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_IS_VAIL_SUPPORTED_SHIFT       2u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_IS_VAIL_SUPPORTED_MASK        1u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_HW_SCH_ENABLED_SHIFT          3u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_HW_SCH_ENABLED_MASK           1u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_HW_SCH_CAPABLE_SHIFT          4u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_HW_SCH_CAPABLE_MASK           1u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_VA_BACKED_VM_SHIFT            5u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_VA_BACKED_VM_MASK             1u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_ASYNC_MSG_ENABLED_SHIFT       6u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_ASYNC_MSG_ENABLED_MASK        1u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_HW_SUPPORT_STATE_SHIFT        7u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_HW_SUPPORT_STATE_MASK         3u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_RESERVED_SHIFT                9u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_RESERVED_MASK                 0x7fffffu
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_HOST_ADAPTER_LUID_OFFSET      16u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_DEVICE_DESCRIPTION_OFFSET     24u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_DEVICE_INSTANCE_ID_OFFSET     184u
#define DXGWIRE_DXGKVMB_COMMAND_GETINTERNALADAPTERINFO_RETURN_HOST_VGPU_LUID_OFFSET         704u

struct dxgwire_dxgkvmb_command_isfeatureenabled {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t feature_id; /* enum dxgk_feature_id */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_isfeatureenabled) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_isfeatureenabled, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_isfeatureenabled, feature_id) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_ISFEATUREENABLED_SIZE              32u
#define DXGWIRE_DXGKVMB_COMMAND_ISFEATUREENABLED_HDR_OFFSET        0u
#define DXGWIRE_DXGKVMB_COMMAND_ISFEATUREENABLED_FEATURE_ID_OFFSET 24u

struct dxgwire_dxgk_feature_desc {
  uint16_t min_supported_version;
  uint16_t max_supported_version;
  uint16_t supported : 1;
  uint16_t virtualization_mode : 3;
  uint16_t global : 1;
  uint16_t driver_feature : 1;
  uint16_t internal : 1;
  uint16_t reserved : 9;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgk_feature_desc) == 6);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgk_feature_desc, min_supported_version) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgk_feature_desc, max_supported_version) == 2);
#define DXGWIRE_DXGK_FEATURE_DESC_SIZE                         6u
#define DXGWIRE_DXGK_FEATURE_DESC_MIN_SUPPORTED_VERSION_OFFSET 0u
#define DXGWIRE_DXGK_FEATURE_DESC_MAX_SUPPORTED_VERSION_OFFSET 2u
#define DXGWIRE_DXGK_FEATURE_DESC_SUPPORTED_SHIFT              0u
#define DXGWIRE_DXGK_FEATURE_DESC_SUPPORTED_MASK               1u
#define DXGWIRE_DXGK_FEATURE_DESC_VIRTUALIZATION_MODE_SHIFT    1u
#define DXGWIRE_DXGK_FEATURE_DESC_VIRTUALIZATION_MODE_MASK     7u
#define DXGWIRE_DXGK_FEATURE_DESC_GLOBAL_SHIFT                 4u
#define DXGWIRE_DXGK_FEATURE_DESC_GLOBAL_MASK                  1u
#define DXGWIRE_DXGK_FEATURE_DESC_DRIVER_FEATURE_SHIFT         5u
#define DXGWIRE_DXGK_FEATURE_DESC_DRIVER_FEATURE_MASK          1u
#define DXGWIRE_DXGK_FEATURE_DESC_INTERNAL_SHIFT               6u
#define DXGWIRE_DXGK_FEATURE_DESC_INTERNAL_MASK                1u
#define DXGWIRE_DXGK_FEATURE_DESC_RESERVED_SHIFT               7u
#define DXGWIRE_DXGK_FEATURE_DESC_RESERVED_MASK                511u

struct dxgwire_dxgk_isfeatureenabled_result {
  uint16_t version;
  union {
    struct {
      uint16_t enabled : 1;
      uint16_t known_feature : 1;
      uint16_t supported_by_driver : 1;
      uint16_t supported_on_config : 1;
      uint16_t reserved : 12;
    };
    uint16_t value;
  };
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgk_isfeatureenabled_result) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgk_isfeatureenabled_result, version) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgk_isfeatureenabled_result, value) == 2);
#define DXGWIRE_DXGK_ISFEATUREENABLED_RESULT_SIZE                      4u
#define DXGWIRE_DXGK_ISFEATUREENABLED_RESULT_VERSION_OFFSET            0u
#define DXGWIRE_DXGK_ISFEATUREENABLED_RESULT_ENABLED_SHIFT             0u
#define DXGWIRE_DXGK_ISFEATUREENABLED_RESULT_ENABLED_MASK              1u
#define DXGWIRE_DXGK_ISFEATUREENABLED_RESULT_KNOWN_FEATURE_SHIFT       1u
#define DXGWIRE_DXGK_ISFEATUREENABLED_RESULT_KNOWN_FEATURE_MASK        1u
#define DXGWIRE_DXGK_ISFEATUREENABLED_RESULT_SUPPORTED_BY_DRIVER_SHIFT 2u
#define DXGWIRE_DXGK_ISFEATUREENABLED_RESULT_SUPPORTED_BY_DRIVER_MASK  1u
#define DXGWIRE_DXGK_ISFEATUREENABLED_RESULT_SUPPORTED_ON_CONFIG_SHIFT 3u
#define DXGWIRE_DXGK_ISFEATUREENABLED_RESULT_SUPPORTED_ON_CONFIG_MASK  1u
#define DXGWIRE_DXGK_ISFEATUREENABLED_RESULT_RESERVED_SHIFT            4u
#define DXGWIRE_DXGK_ISFEATUREENABLED_RESULT_RESERVED_MASK             4095u
#define DXGWIRE_DXGK_ISFEATUREENABLED_RESULT_VALUE_OFFSET              2u

struct dxgwire_dxgkvmb_command_isfeatureenabled_return {
  uint32_t status; /* NTSTATUS */
  struct dxgwire_dxgk_feature_desc descriptor;
  struct dxgwire_dxgk_isfeatureenabled_result result;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_isfeatureenabled_return) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_isfeatureenabled_return, status) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_isfeatureenabled_return, descriptor) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_isfeatureenabled_return, result) == 10);
#define DXGWIRE_DXGKVMB_COMMAND_ISFEATUREENABLED_RETURN_SIZE              16u
#define DXGWIRE_DXGKVMB_COMMAND_ISFEATUREENABLED_RETURN_STATUS_OFFSET     0u
#define DXGWIRE_DXGKVMB_COMMAND_ISFEATUREENABLED_RETURN_DESCRIPTOR_OFFSET 4u
#define DXGWIRE_DXGKVMB_COMMAND_ISFEATUREENABLED_RETURN_RESULT_OFFSET     10u

struct dxgwire_dxgkvmb_command_vm_to_host {
  uint64_t command_id;
  uint32_t process; /* handle */
  uint32_t channel_type; /* enum dxgkvmb_commandchanneltype */
  uint32_t command_type; /* enum dxgkvmb_commandtype_global */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_vm_to_host) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_vm_to_host, command_id) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_vm_to_host, process) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_vm_to_host, channel_type) == 12);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_vm_to_host, command_type) == 16);
#define DXGWIRE_DXGKVMB_COMMAND_VM_TO_HOST_SIZE                24u
#define DXGWIRE_DXGKVMB_COMMAND_VM_TO_HOST_COMMAND_ID_OFFSET   0u
#define DXGWIRE_DXGKVMB_COMMAND_VM_TO_HOST_PROCESS_OFFSET      8u
#define DXGWIRE_DXGKVMB_COMMAND_VM_TO_HOST_CHANNEL_TYPE_OFFSET 12u
#define DXGWIRE_DXGKVMB_COMMAND_VM_TO_HOST_COMMAND_TYPE_OFFSET 16u

struct dxgwire_dxgkvmb_command_isfeatureenabled_gbl {
  struct dxgwire_dxgkvmb_command_vm_to_host hdr;
  uint32_t feature_id; /* enum dxgk_feature_id */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_isfeatureenabled_gbl) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_isfeatureenabled_gbl, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_isfeatureenabled_gbl, feature_id) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_ISFEATUREENABLED_GBL_SIZE              32u
#define DXGWIRE_DXGKVMB_COMMAND_ISFEATUREENABLED_GBL_HDR_OFFSET        0u
#define DXGWIRE_DXGKVMB_COMMAND_ISFEATUREENABLED_GBL_FEATURE_ID_OFFSET 24u

struct dxgwire_dxgkvmb_command_openadapter {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t vmbus_interface_version;
  uint32_t vmbus_last_compatible_interface_version;
  struct dxgwire_winluid guest_adapter_luid;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_openadapter) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_openadapter, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_openadapter, vmbus_interface_version) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_openadapter, vmbus_last_compatible_interface_version) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_openadapter, guest_adapter_luid) == 32);
#define DXGWIRE_DXGKVMB_COMMAND_OPENADAPTER_SIZE                                           40u
#define DXGWIRE_DXGKVMB_COMMAND_OPENADAPTER_HDR_OFFSET                                     0u
#define DXGWIRE_DXGKVMB_COMMAND_OPENADAPTER_VMBUS_INTERFACE_VERSION_OFFSET                 24u
#define DXGWIRE_DXGKVMB_COMMAND_OPENADAPTER_VMBUS_LAST_COMPATIBLE_INTERFACE_VERSION_OFFSET 28u
#define DXGWIRE_DXGKVMB_COMMAND_OPENADAPTER_GUEST_ADAPTER_LUID_OFFSET                      32u

struct dxgwire_dxgkvmb_command_openadapter_return {
  uint32_t host_adapter_handle; /* handle */
  uint32_t status; /* NTSTATUS */
  uint32_t vmbus_interface_version;
  uint32_t vmbus_last_compatible_interface_version;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_openadapter_return) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_openadapter_return, host_adapter_handle) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_openadapter_return, status) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_openadapter_return, vmbus_interface_version) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_openadapter_return, vmbus_last_compatible_interface_version) == 12);
#define DXGWIRE_DXGKVMB_COMMAND_OPENADAPTER_RETURN_SIZE                                           16u
#define DXGWIRE_DXGKVMB_COMMAND_OPENADAPTER_RETURN_HOST_ADAPTER_HANDLE_OFFSET                     0u
#define DXGWIRE_DXGKVMB_COMMAND_OPENADAPTER_RETURN_STATUS_OFFSET                                  4u
#define DXGWIRE_DXGKVMB_COMMAND_OPENADAPTER_RETURN_VMBUS_INTERFACE_VERSION_OFFSET                 8u
#define DXGWIRE_DXGKVMB_COMMAND_OPENADAPTER_RETURN_VMBUS_LAST_COMPATIBLE_INTERFACE_VERSION_OFFSET 12u

struct dxgwire_dxgkvmb_command_queryadapterinfo {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t query_type; /* enum kmtqueryadapterinfotype */
  uint32_t private_data_size;
  uint8_t private_data[1];
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_queryadapterinfo) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_queryadapterinfo, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_queryadapterinfo, query_type) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_queryadapterinfo, private_data_size) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_queryadapterinfo, private_data) == 32);
#define DXGWIRE_DXGKVMB_COMMAND_QUERYADAPTERINFO_SIZE                     40u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYADAPTERINFO_HDR_OFFSET               0u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYADAPTERINFO_QUERY_TYPE_OFFSET        24u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYADAPTERINFO_PRIVATE_DATA_SIZE_OFFSET 28u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYADAPTERINFO_PRIVATE_DATA_OFFSET      32u

struct dxgwire_dxgkvmb_command_queryadapterinfo_return {
  uint32_t status; /* NTSTATUS */
  uint8_t private_data[1];
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_queryadapterinfo_return) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_queryadapterinfo_return, status) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_queryadapterinfo_return, private_data) == 4);
#define DXGWIRE_DXGKVMB_COMMAND_QUERYADAPTERINFO_RETURN_SIZE                8u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYADAPTERINFO_RETURN_STATUS_OFFSET       0u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYADAPTERINFO_RETURN_PRIVATE_DATA_OFFSET 4u

#pragma pack(push, 1)
struct dxgwire_dxgk_gpuclockdata {
  uint64_t gpu_frequency;
  uint64_t gpu_clock_counter;
  uint64_t cpu_clock_counter;
  uint32_t flags; /* flags: dxgk_gpuclockdata_flags */
};
#pragma pack(pop)
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgk_gpuclockdata) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgk_gpuclockdata, gpu_frequency) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgk_gpuclockdata, gpu_clock_counter) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgk_gpuclockdata, cpu_clock_counter) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgk_gpuclockdata, flags) == 24);
#define DXGWIRE_DXGK_GPUCLOCKDATA_SIZE                     28u
#define DXGWIRE_DXGK_GPUCLOCKDATA_GPU_FREQUENCY_OFFSET     0u
#define DXGWIRE_DXGK_GPUCLOCKDATA_GPU_CLOCK_COUNTER_OFFSET 8u
#define DXGWIRE_DXGK_GPUCLOCKDATA_CPU_CLOCK_COUNTER_OFFSET 16u
#define DXGWIRE_DXGK_GPUCLOCKDATA_FLAGS_OFFSET             24u

#pragma pack(push, 1)
struct dxgwire_d3dkmt_queryclockcalibration {
  uint32_t adapter; /* handle */
  uint32_t node_ordinal;
  uint32_t physical_adapter_index;
  struct dxgwire_dxgk_gpuclockdata clock_data;
};
#pragma pack(pop)
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dkmt_queryclockcalibration) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_queryclockcalibration, adapter) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_queryclockcalibration, node_ordinal) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_queryclockcalibration, physical_adapter_index) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_queryclockcalibration, clock_data) == 12);
#define DXGWIRE_D3DKMT_QUERYCLOCKCALIBRATION_SIZE                          40u
#define DXGWIRE_D3DKMT_QUERYCLOCKCALIBRATION_ADAPTER_OFFSET                0u
#define DXGWIRE_D3DKMT_QUERYCLOCKCALIBRATION_NODE_ORDINAL_OFFSET           4u
#define DXGWIRE_D3DKMT_QUERYCLOCKCALIBRATION_PHYSICAL_ADAPTER_INDEX_OFFSET 8u
#define DXGWIRE_D3DKMT_QUERYCLOCKCALIBRATION_CLOCK_DATA_OFFSET             12u

struct dxgwire_dxgkvmb_command_queryclockcalibration {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  struct dxgwire_d3dkmt_queryclockcalibration args;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_queryclockcalibration) == 64);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_queryclockcalibration, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_queryclockcalibration, args) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_QUERYCLOCKCALIBRATION_SIZE        64u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYCLOCKCALIBRATION_HDR_OFFSET  0u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYCLOCKCALIBRATION_ARGS_OFFSET 24u

struct dxgwire_dxgkvmb_command_queryclockcalibration_return {
  uint32_t status; /* NTSTATUS */
  struct dxgwire_dxgk_gpuclockdata clock_data;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_queryclockcalibration_return) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_queryclockcalibration_return, status) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_queryclockcalibration_return, clock_data) == 4);
#define DXGWIRE_DXGKVMB_COMMAND_QUERYCLOCKCALIBRATION_RETURN_SIZE              32u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYCLOCKCALIBRATION_RETURN_STATUS_OFFSET     0u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYCLOCKCALIBRATION_RETURN_CLOCK_DATA_OFFSET 4u

#pragma pack(push, 1)
struct dxgwire_d3dkmt_querystatistics_result {
  uint8_t size[776];
};
#pragma pack(pop)
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dkmt_querystatistics_result) == 776);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_querystatistics_result, size) == 0);
#define DXGWIRE_D3DKMT_QUERYSTATISTICS_RESULT_SIZE        776u
#define DXGWIRE_D3DKMT_QUERYSTATISTICS_RESULT_SIZE_OFFSET 0u

struct dxgwire_d3dkmt_querystatistics {
  union {
    struct {
      uint32_t type; /* enum d3dkmt_querystatistics_type */
      struct dxgwire_winluid adapter_luid;
      uint64_t process;
      struct dxgwire_d3dkmt_querystatistics_result result;
      uint64_t selector;
    };
    uint8_t size[808];
  };
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dkmt_querystatistics) == 808);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_querystatistics, type) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_querystatistics, adapter_luid) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_querystatistics, process) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_querystatistics, result) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_querystatistics, selector) == 800);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_querystatistics, size) == 0);
#define DXGWIRE_D3DKMT_QUERYSTATISTICS_SIZE                808u
#define DXGWIRE_D3DKMT_QUERYSTATISTICS_TYPE_OFFSET         0u
#define DXGWIRE_D3DKMT_QUERYSTATISTICS_ADAPTER_LUID_OFFSET 4u
#define DXGWIRE_D3DKMT_QUERYSTATISTICS_PROCESS_OFFSET      16u
#define DXGWIRE_D3DKMT_QUERYSTATISTICS_RESULT_OFFSET       24u
#define DXGWIRE_D3DKMT_QUERYSTATISTICS_SELECTOR_OFFSET     800u
#define DXGWIRE_D3DKMT_QUERYSTATISTICS_SIZE_OFFSET         0u

struct dxgwire_dxgkvmb_command_querystatistics {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  struct dxgwire_d3dkmt_querystatistics args;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_querystatistics) == 832);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_querystatistics, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_querystatistics, args) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_QUERYSTATISTICS_SIZE        832u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYSTATISTICS_HDR_OFFSET  0u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYSTATISTICS_ARGS_OFFSET 24u

struct dxgwire_dxgkvmb_command_querystatistics_return {
  uint32_t status; /* NTSTATUS */
  uint32_t reserved;
  struct dxgwire_d3dkmt_querystatistics_result result;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_querystatistics_return) == 784);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_querystatistics_return, status) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_querystatistics_return, reserved) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_querystatistics_return, result) == 8);
#define DXGWIRE_DXGKVMB_COMMAND_QUERYSTATISTICS_RETURN_SIZE            784u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYSTATISTICS_RETURN_STATUS_OFFSET   0u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYSTATISTICS_RETURN_RESERVED_OFFSET 4u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYSTATISTICS_RETURN_RESULT_OFFSET   8u

struct dxgwire_dxgkvmb_command_queryvideomemoryinfo {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t adapter; /* handle */
  uint32_t memory_segment_group; /* enum d3dkmt_memory_segment_group */
  uint32_t physical_adapter_index;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_queryvideomemoryinfo) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_queryvideomemoryinfo, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_queryvideomemoryinfo, adapter) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_queryvideomemoryinfo, memory_segment_group) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_queryvideomemoryinfo, physical_adapter_index) == 32);
#define DXGWIRE_DXGKVMB_COMMAND_QUERYVIDEOMEMORYINFO_SIZE                          40u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYVIDEOMEMORYINFO_HDR_OFFSET                    0u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYVIDEOMEMORYINFO_ADAPTER_OFFSET                24u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYVIDEOMEMORYINFO_MEMORY_SEGMENT_GROUP_OFFSET   28u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYVIDEOMEMORYINFO_PHYSICAL_ADAPTER_INDEX_OFFSET 32u

struct dxgwire_dxgkvmb_command_queryvideomemoryinfo_return {
  uint64_t budget;
  uint64_t current_usage;
  uint64_t current_reservation;
  uint64_t available_for_reservation;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_queryvideomemoryinfo_return) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_queryvideomemoryinfo_return, budget) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_queryvideomemoryinfo_return, current_usage) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_queryvideomemoryinfo_return, current_reservation) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_queryvideomemoryinfo_return, available_for_reservation) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_QUERYVIDEOMEMORYINFO_RETURN_SIZE                             32u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYVIDEOMEMORYINFO_RETURN_BUDGET_OFFSET                    0u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYVIDEOMEMORYINFO_RETURN_CURRENT_USAGE_OFFSET             8u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYVIDEOMEMORYINFO_RETURN_CURRENT_RESERVATION_OFFSET       16u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYVIDEOMEMORYINFO_RETURN_AVAILABLE_FOR_RESERVATION_OFFSET 24u

struct dxgwire_dxgkvmb_command_setiospaceregion {
  struct dxgwire_dxgkvmb_command_vm_to_host hdr;
  uint64_t start;
  uint64_t length;
  uint32_t shared_page_gpadl;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_setiospaceregion) == 48);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setiospaceregion, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setiospaceregion, start) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setiospaceregion, length) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setiospaceregion, shared_page_gpadl) == 40);
#define DXGWIRE_DXGKVMB_COMMAND_SETIOSPACEREGION_SIZE                     48u
#define DXGWIRE_DXGKVMB_COMMAND_SETIOSPACEREGION_HDR_OFFSET               0u
#define DXGWIRE_DXGKVMB_COMMAND_SETIOSPACEREGION_START_OFFSET             24u
#define DXGWIRE_DXGKVMB_COMMAND_SETIOSPACEREGION_LENGTH_OFFSET            32u
#define DXGWIRE_DXGKVMB_COMMAND_SETIOSPACEREGION_SHARED_PAGE_GPADL_OFFSET 40u

struct dxgwire_dxgkvmb_command_createprocess {
  struct dxgwire_dxgkvmb_command_vm_to_host hdr;
  uint64_t process; /* address of one side, an opaque token to the other */
  uint64_t process_id;
  uint16_t process_name[261];
  uint8_t csrss_process : 1;
  uint8_t dwm_process : 1;
  uint8_t wow64_process : 1;
  uint8_t linux_process : 1;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_createprocess) == 568);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createprocess, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createprocess, process) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createprocess, process_id) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createprocess, process_name) == 40);
#define DXGWIRE_DXGKVMB_COMMAND_CREATEPROCESS_SIZE                568u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEPROCESS_HDR_OFFSET          0u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEPROCESS_PROCESS_OFFSET      24u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEPROCESS_PROCESS_ID_OFFSET   32u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEPROCESS_PROCESS_NAME_OFFSET 40u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEPROCESS_CSRSS_PROCESS_SHIFT 0u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEPROCESS_CSRSS_PROCESS_MASK  1u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEPROCESS_DWM_PROCESS_SHIFT   1u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEPROCESS_DWM_PROCESS_MASK    1u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEPROCESS_WOW64_PROCESS_SHIFT 2u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEPROCESS_WOW64_PROCESS_MASK  1u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEPROCESS_LINUX_PROCESS_SHIFT 3u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEPROCESS_LINUX_PROCESS_MASK  1u

struct dxgwire_dxgkvmb_command_createprocess_return {
  uint32_t hprocess; /* handle */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_createprocess_return) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createprocess_return, hprocess) == 0);
#define DXGWIRE_DXGKVMB_COMMAND_CREATEPROCESS_RETURN_SIZE            4u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEPROCESS_RETURN_HPROCESS_OFFSET 0u

struct dxgwire_dxgkvmb_command_destroyprocess {
  struct dxgwire_dxgkvmb_command_vm_to_host hdr;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_destroyprocess) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_destroyprocess, hdr) == 0);
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYPROCESS_SIZE       24u
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYPROCESS_HDR_OFFSET 0u

struct dxgwire_dxgkvmb_command_createdevice {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t flags; /* flags: d3dkmt_createdeviceflags */
  uint8_t cdd_device; /* 0 or 1 */
  uint64_t error_code; /* address of one side, an opaque token to the other */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_createdevice) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createdevice, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createdevice, flags) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createdevice, cdd_device) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createdevice, error_code) == 32);
#define DXGWIRE_DXGKVMB_COMMAND_CREATEDEVICE_SIZE              40u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEDEVICE_HDR_OFFSET        0u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEDEVICE_FLAGS_OFFSET      24u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEDEVICE_CDD_DEVICE_OFFSET 28u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEDEVICE_ERROR_CODE_OFFSET 32u

struct dxgwire_dxgkvmb_command_createdevice_return {
  uint32_t device; /* handle */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_createdevice_return) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createdevice_return, device) == 0);
#define DXGWIRE_DXGKVMB_COMMAND_CREATEDEVICE_RETURN_SIZE          4u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEDEVICE_RETURN_DEVICE_OFFSET 0u

struct dxgwire_dxgkvmb_command_destroydevice {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t device; /* handle */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_destroydevice) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_destroydevice, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_destroydevice, device) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYDEVICE_SIZE          32u
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYDEVICE_HDR_OFFSET    0u
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYDEVICE_DEVICE_OFFSET 24u

struct dxgwire_dxgkvmb_command_flushdevice {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t device; /* handle */
  uint32_t reason; /* enum dxgdevice_flushschedulerreason */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_flushdevice) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_flushdevice, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_flushdevice, device) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_flushdevice, reason) == 28);
#define DXGWIRE_DXGKVMB_COMMAND_FLUSHDEVICE_SIZE          32u
#define DXGWIRE_DXGKVMB_COMMAND_FLUSHDEVICE_HDR_OFFSET    0u
#define DXGWIRE_DXGKVMB_COMMAND_FLUSHDEVICE_DEVICE_OFFSET 24u
#define DXGWIRE_DXGKVMB_COMMAND_FLUSHDEVICE_REASON_OFFSET 28u

struct dxgwire_d3dkmt_devicepagefault_state {
  uint64_t faulted_primitive_api_sequence_number;
  uint32_t faulted_pipeline_stage; /* enum dxgk_render_pipeline_stage */
  uint32_t faulted_bind_table_entry;
  uint32_t page_fault_flags; /* enum dxgk_page_fault_flags */
  uint32_t fault_error_code; /* flags: dxgk_fault_error_code */
  uint64_t faulted_virtual_address;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dkmt_devicepagefault_state) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_devicepagefault_state, faulted_primitive_api_sequence_number) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_devicepagefault_state, faulted_pipeline_stage) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_devicepagefault_state, faulted_bind_table_entry) == 12);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_devicepagefault_state, page_fault_flags) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_devicepagefault_state, fault_error_code) == 20);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_devicepagefault_state, faulted_virtual_address) == 24);
#define DXGWIRE_D3DKMT_DEVICEPAGEFAULT_STATE_SIZE                                         32u
#define DXGWIRE_D3DKMT_DEVICEPAGEFAULT_STATE_FAULTED_PRIMITIVE_API_SEQUENCE_NUMBER_OFFSET 0u
#define DXGWIRE_D3DKMT_DEVICEPAGEFAULT_STATE_FAULTED_PIPELINE_STAGE_OFFSET                8u
#define DXGWIRE_D3DKMT_DEVICEPAGEFAULT_STATE_FAULTED_BIND_TABLE_ENTRY_OFFSET              12u
#define DXGWIRE_D3DKMT_DEVICEPAGEFAULT_STATE_PAGE_FAULT_FLAGS_OFFSET                      16u
#define DXGWIRE_D3DKMT_DEVICEPAGEFAULT_STATE_FAULT_ERROR_CODE_OFFSET                      20u
#define DXGWIRE_D3DKMT_DEVICEPAGEFAULT_STATE_FAULTED_VIRTUAL_ADDRESS_OFFSET               24u

struct dxgwire_d3dkmt_getdevicestate {
  uint32_t device; /* handle */
  uint32_t state_type; /* enum d3dkmt_devicestate_type */
  union {
    uint32_t execution_state; /* enum d3dkmt_deviceexecution_state */
    uint32_t reset_state; /* flags: d3dkmt_devicereset_state */
    struct dxgwire_d3dkmt_devicepagefault_state page_fault_state;
    uint8_t alignment[48];
  };
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dkmt_getdevicestate) == 56);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_getdevicestate, device) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_getdevicestate, state_type) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_getdevicestate, execution_state) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_getdevicestate, reset_state) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_getdevicestate, page_fault_state) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_getdevicestate, alignment) == 8);
#define DXGWIRE_D3DKMT_GETDEVICESTATE_SIZE                    56u
#define DXGWIRE_D3DKMT_GETDEVICESTATE_DEVICE_OFFSET           0u
#define DXGWIRE_D3DKMT_GETDEVICESTATE_STATE_TYPE_OFFSET       4u
#define DXGWIRE_D3DKMT_GETDEVICESTATE_EXECUTION_STATE_OFFSET  8u
#define DXGWIRE_D3DKMT_GETDEVICESTATE_RESET_STATE_OFFSET      8u
#define DXGWIRE_D3DKMT_GETDEVICESTATE_PAGE_FAULT_STATE_OFFSET 8u
#define DXGWIRE_D3DKMT_GETDEVICESTATE_ALIGNMENT_OFFSET        8u

struct dxgwire_dxgkvmb_command_getdevicestate {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  struct dxgwire_d3dkmt_getdevicestate args;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_getdevicestate) == 80);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getdevicestate, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getdevicestate, args) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_GETDEVICESTATE_SIZE        80u
#define DXGWIRE_DXGKVMB_COMMAND_GETDEVICESTATE_HDR_OFFSET  0u
#define DXGWIRE_DXGKVMB_COMMAND_GETDEVICESTATE_ARGS_OFFSET 24u

struct dxgwire_dxgkvmb_command_getdevicestate_return {
  struct dxgwire_d3dkmt_getdevicestate args;
  uint32_t status; /* NTSTATUS */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_getdevicestate_return) == 64);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getdevicestate_return, args) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getdevicestate_return, status) == 56);
#define DXGWIRE_DXGKVMB_COMMAND_GETDEVICESTATE_RETURN_SIZE          64u
#define DXGWIRE_DXGKVMB_COMMAND_GETDEVICESTATE_RETURN_ARGS_OFFSET   0u
#define DXGWIRE_DXGKVMB_COMMAND_GETDEVICESTATE_RETURN_STATUS_OFFSET 56u

struct dxgwire_d3dkmt_markdeviceaserror {
  uint32_t device; /* handle */
  uint32_t reason; /* enum d3dkmt_device_error_reason */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dkmt_markdeviceaserror) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_markdeviceaserror, device) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_markdeviceaserror, reason) == 4);
#define DXGWIRE_D3DKMT_MARKDEVICEASERROR_SIZE          8u
#define DXGWIRE_D3DKMT_MARKDEVICEASERROR_DEVICE_OFFSET 0u
#define DXGWIRE_D3DKMT_MARKDEVICEASERROR_REASON_OFFSET 4u

struct dxgwire_dxgkvmb_command_markdeviceaserror {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  struct dxgwire_d3dkmt_markdeviceaserror args;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_markdeviceaserror) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_markdeviceaserror, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_markdeviceaserror, args) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_MARKDEVICEASERROR_SIZE        32u
#define DXGWIRE_DXGKVMB_COMMAND_MARKDEVICEASERROR_HDR_OFFSET  0u
#define DXGWIRE_DXGKVMB_COMMAND_MARKDEVICEASERROR_ARGS_OFFSET 24u

struct dxgwire_dxgkvmb_command_createcontextvirtual {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t context; /* handle */
  uint32_t device; /* handle */
  uint32_t node_ordinal;
  uint32_t engine_affinity;
  uint32_t flags; /* flags: d3dddi_createcontextflags */
  uint32_t client_hint; /* enum d3dkmt_clienthint */
  uint32_t priv_drv_data_size;
  uint8_t priv_drv_data[1];
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_createcontextvirtual) == 56);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createcontextvirtual, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createcontextvirtual, context) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createcontextvirtual, device) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createcontextvirtual, node_ordinal) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createcontextvirtual, engine_affinity) == 36);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createcontextvirtual, flags) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createcontextvirtual, client_hint) == 44);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createcontextvirtual, priv_drv_data_size) == 48);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createcontextvirtual, priv_drv_data) == 52);
#define DXGWIRE_DXGKVMB_COMMAND_CREATECONTEXTVIRTUAL_SIZE                      56u
#define DXGWIRE_DXGKVMB_COMMAND_CREATECONTEXTVIRTUAL_HDR_OFFSET                0u
#define DXGWIRE_DXGKVMB_COMMAND_CREATECONTEXTVIRTUAL_CONTEXT_OFFSET            24u
#define DXGWIRE_DXGKVMB_COMMAND_CREATECONTEXTVIRTUAL_DEVICE_OFFSET             28u
#define DXGWIRE_DXGKVMB_COMMAND_CREATECONTEXTVIRTUAL_NODE_ORDINAL_OFFSET       32u
#define DXGWIRE_DXGKVMB_COMMAND_CREATECONTEXTVIRTUAL_ENGINE_AFFINITY_OFFSET    36u
#define DXGWIRE_DXGKVMB_COMMAND_CREATECONTEXTVIRTUAL_FLAGS_OFFSET              40u
#define DXGWIRE_DXGKVMB_COMMAND_CREATECONTEXTVIRTUAL_CLIENT_HINT_OFFSET        44u
#define DXGWIRE_DXGKVMB_COMMAND_CREATECONTEXTVIRTUAL_PRIV_DRV_DATA_SIZE_OFFSET 48u
#define DXGWIRE_DXGKVMB_COMMAND_CREATECONTEXTVIRTUAL_PRIV_DRV_DATA_OFFSET      52u

struct dxgwire_dxgkvmb_command_createhwqueue {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t status; /* NTSTATUS */
  uint32_t hwqueue; /* handle */
  uint32_t hwqueue_progress_fence; /* handle */
  uint64_t hwqueue_progress_fence_cpuva; /* address of one side, an opaque token to the other */
  uint64_t hwqueue_progress_fence_gpuva;
  uint32_t context; /* handle */
  uint32_t flags; /* flags: d3dddi_createhwqueueflags */
  uint32_t priv_drv_data_size;
  uint8_t priv_drv_data[1];
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_createhwqueue) == 72);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createhwqueue, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createhwqueue, status) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createhwqueue, hwqueue) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createhwqueue, hwqueue_progress_fence) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createhwqueue, hwqueue_progress_fence_cpuva) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createhwqueue, hwqueue_progress_fence_gpuva) == 48);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createhwqueue, context) == 56);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createhwqueue, flags) == 60);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createhwqueue, priv_drv_data_size) == 64);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createhwqueue, priv_drv_data) == 68);
#define DXGWIRE_DXGKVMB_COMMAND_CREATEHWQUEUE_SIZE                                72u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEHWQUEUE_HDR_OFFSET                          0u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEHWQUEUE_STATUS_OFFSET                       24u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEHWQUEUE_HWQUEUE_OFFSET                      28u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEHWQUEUE_HWQUEUE_PROGRESS_FENCE_OFFSET       32u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEHWQUEUE_HWQUEUE_PROGRESS_FENCE_CPUVA_OFFSET 40u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEHWQUEUE_HWQUEUE_PROGRESS_FENCE_GPUVA_OFFSET 48u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEHWQUEUE_CONTEXT_OFFSET                      56u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEHWQUEUE_FLAGS_OFFSET                        60u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEHWQUEUE_PRIV_DRV_DATA_SIZE_OFFSET           64u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEHWQUEUE_PRIV_DRV_DATA_OFFSET                68u

struct dxgwire_dxgkvmb_command_destroycontext {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t context; /* handle */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_destroycontext) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_destroycontext, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_destroycontext, context) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYCONTEXT_SIZE           32u
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYCONTEXT_HDR_OFFSET     0u
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYCONTEXT_CONTEXT_OFFSET 24u

struct dxgwire_dxgkvmb_command_destroyhwqueue {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t hwqueue; /* handle */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_destroyhwqueue) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_destroyhwqueue, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_destroyhwqueue, hwqueue) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYHWQUEUE_SIZE           32u
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYHWQUEUE_HDR_OFFSET     0u
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYHWQUEUE_HWQUEUE_OFFSET 24u

struct dxgwire_dxgkvmb_command_getcontextschedulingpriority {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t context; /* handle */
  uint8_t in_process; /* 0 or 1 */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_getcontextschedulingpriority) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getcontextschedulingpriority, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getcontextschedulingpriority, context) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getcontextschedulingpriority, in_process) == 28);
#define DXGWIRE_DXGKVMB_COMMAND_GETCONTEXTSCHEDULINGPRIORITY_SIZE              32u
#define DXGWIRE_DXGKVMB_COMMAND_GETCONTEXTSCHEDULINGPRIORITY_HDR_OFFSET        0u
#define DXGWIRE_DXGKVMB_COMMAND_GETCONTEXTSCHEDULINGPRIORITY_CONTEXT_OFFSET    24u
#define DXGWIRE_DXGKVMB_COMMAND_GETCONTEXTSCHEDULINGPRIORITY_IN_PROCESS_OFFSET 28u

struct dxgwire_dxgkvmb_command_getcontextschedulingpriority_return {
  uint32_t status; /* NTSTATUS */
  int32_t priority;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_getcontextschedulingpriority_return) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getcontextschedulingpriority_return, status) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getcontextschedulingpriority_return, priority) == 4);
#define DXGWIRE_DXGKVMB_COMMAND_GETCONTEXTSCHEDULINGPRIORITY_RETURN_SIZE            8u
#define DXGWIRE_DXGKVMB_COMMAND_GETCONTEXTSCHEDULINGPRIORITY_RETURN_STATUS_OFFSET   0u
#define DXGWIRE_DXGKVMB_COMMAND_GETCONTEXTSCHEDULINGPRIORITY_RETURN_PRIORITY_OFFSET 4u

struct dxgwire_dxgkvmb_command_setcontextschedulingpriority2 {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t context; /* handle */
  int32_t priority;
  uint8_t in_process; /* 0 or 1 */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_setcontextschedulingpriority2) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setcontextschedulingpriority2, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setcontextschedulingpriority2, context) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setcontextschedulingpriority2, priority) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setcontextschedulingpriority2, in_process) == 32);
#define DXGWIRE_DXGKVMB_COMMAND_SETCONTEXTSCHEDULINGPRIORITY2_SIZE              40u
#define DXGWIRE_DXGKVMB_COMMAND_SETCONTEXTSCHEDULINGPRIORITY2_HDR_OFFSET        0u
#define DXGWIRE_DXGKVMB_COMMAND_SETCONTEXTSCHEDULINGPRIORITY2_CONTEXT_OFFSET    24u
#define DXGWIRE_DXGKVMB_COMMAND_SETCONTEXTSCHEDULINGPRIORITY2_PRIORITY_OFFSET   28u
#define DXGWIRE_DXGKVMB_COMMAND_SETCONTEXTSCHEDULINGPRIORITY2_IN_PROCESS_OFFSET 32u

struct dxgwire_dxgkvmb_command_createallocation {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t device; /* handle */
  uint32_t resource; /* handle */
  uint32_t private_runtime_data_size;
  uint32_t priv_drv_data_size;
  uint32_t alloc_count;
  uint32_t flags; /* flags: d3dkmt_createallocationflags */
  uint64_t private_runtime_resource_handle;
  uint8_t make_resident; /* 0 or 1 */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_createallocation) == 64);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createallocation, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createallocation, device) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createallocation, resource) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createallocation, private_runtime_data_size) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createallocation, priv_drv_data_size) == 36);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createallocation, alloc_count) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createallocation, flags) == 44);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createallocation, private_runtime_resource_handle) == 48);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createallocation, make_resident) == 56);
#define DXGWIRE_DXGKVMB_COMMAND_CREATEALLOCATION_SIZE                                   64u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEALLOCATION_HDR_OFFSET                             0u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEALLOCATION_DEVICE_OFFSET                          24u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEALLOCATION_RESOURCE_OFFSET                        28u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEALLOCATION_PRIVATE_RUNTIME_DATA_SIZE_OFFSET       32u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEALLOCATION_PRIV_DRV_DATA_SIZE_OFFSET              36u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEALLOCATION_ALLOC_COUNT_OFFSET                     40u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEALLOCATION_FLAGS_OFFSET                           44u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEALLOCATION_PRIVATE_RUNTIME_RESOURCE_HANDLE_OFFSET 48u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEALLOCATION_MAKE_RESIDENT_OFFSET                   56u

struct dxgwire_dxgkvmb_command_createallocation_allocinfo {
  uint32_t flags;
  uint32_t priv_drv_data_size;
  uint32_t vidpn_source_id;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_createallocation_allocinfo) == 12);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createallocation_allocinfo, flags) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createallocation_allocinfo, priv_drv_data_size) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createallocation_allocinfo, vidpn_source_id) == 8);
#define DXGWIRE_DXGKVMB_COMMAND_CREATEALLOCATION_ALLOCINFO_SIZE                      12u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEALLOCATION_ALLOCINFO_FLAGS_OFFSET              0u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEALLOCATION_ALLOCINFO_PRIV_DRV_DATA_SIZE_OFFSET 4u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEALLOCATION_ALLOCINFO_VIDPN_SOURCE_ID_OFFSET    8u

struct dxgwire_d3dddi_rational {
  uint32_t numerator;
  uint32_t denominator;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dddi_rational) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_rational, numerator) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_rational, denominator) == 4);
#define DXGWIRE_D3DDDI_RATIONAL_SIZE               8u
#define DXGWIRE_D3DDDI_RATIONAL_NUMERATOR_OFFSET   0u
#define DXGWIRE_D3DDDI_RATIONAL_DENOMINATOR_OFFSET 4u

struct dxgwire_dxgkarg_describeallocation {
  uint64_t allocation;
  uint32_t width;
  uint32_t height;
  uint32_t format;
  uint32_t multisample_method;
  struct dxgwire_d3dddi_rational refresh_rate;
  uint32_t private_driver_attribute;
  uint32_t flags;
  uint32_t rotation;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkarg_describeallocation) == 48);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkarg_describeallocation, allocation) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkarg_describeallocation, width) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkarg_describeallocation, height) == 12);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkarg_describeallocation, format) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkarg_describeallocation, multisample_method) == 20);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkarg_describeallocation, refresh_rate) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkarg_describeallocation, private_driver_attribute) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkarg_describeallocation, flags) == 36);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkarg_describeallocation, rotation) == 40);
#define DXGWIRE_DXGKARG_DESCRIBEALLOCATION_SIZE                            48u
#define DXGWIRE_DXGKARG_DESCRIBEALLOCATION_ALLOCATION_OFFSET               0u
#define DXGWIRE_DXGKARG_DESCRIBEALLOCATION_WIDTH_OFFSET                    8u
#define DXGWIRE_DXGKARG_DESCRIBEALLOCATION_HEIGHT_OFFSET                   12u
#define DXGWIRE_DXGKARG_DESCRIBEALLOCATION_FORMAT_OFFSET                   16u
#define DXGWIRE_DXGKARG_DESCRIBEALLOCATION_MULTISAMPLE_METHOD_OFFSET       20u
#define DXGWIRE_DXGKARG_DESCRIBEALLOCATION_REFRESH_RATE_OFFSET             24u
#define DXGWIRE_DXGKARG_DESCRIBEALLOCATION_PRIVATE_DRIVER_ATTRIBUTE_OFFSET 32u
#define DXGWIRE_DXGKARG_DESCRIBEALLOCATION_FLAGS_OFFSET                    36u
#define DXGWIRE_DXGKARG_DESCRIBEALLOCATION_ROTATION_OFFSET                 40u

struct dxgwire_dxgkvmb_command_allocinfo_return {
  uint32_t allocation; /* handle */
  uint32_t priv_drv_data_size;
  uint32_t allocation_flags; /* flags: dxgkvmb_allocflags */
  uint64_t allocation_size;
  struct dxgwire_dxgkarg_describeallocation driver_info;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_allocinfo_return) == 72);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_allocinfo_return, allocation) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_allocinfo_return, priv_drv_data_size) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_allocinfo_return, allocation_flags) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_allocinfo_return, allocation_size) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_allocinfo_return, driver_info) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_ALLOCINFO_RETURN_SIZE                      72u
#define DXGWIRE_DXGKVMB_COMMAND_ALLOCINFO_RETURN_ALLOCATION_OFFSET         0u
#define DXGWIRE_DXGKVMB_COMMAND_ALLOCINFO_RETURN_PRIV_DRV_DATA_SIZE_OFFSET 4u
#define DXGWIRE_DXGKVMB_COMMAND_ALLOCINFO_RETURN_ALLOCATION_FLAGS_OFFSET   8u
#define DXGWIRE_DXGKVMB_COMMAND_ALLOCINFO_RETURN_ALLOCATION_SIZE_OFFSET    16u
#define DXGWIRE_DXGKVMB_COMMAND_ALLOCINFO_RETURN_DRIVER_INFO_OFFSET        24u

struct dxgwire_dxgkvmb_command_createallocation_return {
  uint32_t flags; /* flags: d3dkmt_createallocationflags */
  uint32_t resource; /* handle */
  uint32_t global_share; /* handle */
  uint32_t vgpu_flags;
  struct dxgwire_dxgkvmb_command_allocinfo_return allocation_info[1];
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_createallocation_return) == 88);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createallocation_return, flags) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createallocation_return, resource) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createallocation_return, global_share) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createallocation_return, vgpu_flags) == 12);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createallocation_return, allocation_info) == 16);
#define DXGWIRE_DXGKVMB_COMMAND_CREATEALLOCATION_RETURN_SIZE                   88u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEALLOCATION_RETURN_FLAGS_OFFSET           0u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEALLOCATION_RETURN_RESOURCE_OFFSET        4u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEALLOCATION_RETURN_GLOBAL_SHARE_OFFSET    8u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEALLOCATION_RETURN_VGPU_FLAGS_OFFSET      12u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEALLOCATION_RETURN_ALLOCATION_INFO_OFFSET 16u

struct dxgwire_d3dkmdt_sharedprimarysurfacedata {
  uint32_t width;
  uint32_t height;
  uint32_t format; /* enum d3dddiformat */
  struct dxgwire_d3dddi_rational refresh_rate;
  uint32_t vidpn_source_id;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dkmdt_sharedprimarysurfacedata) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmdt_sharedprimarysurfacedata, width) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmdt_sharedprimarysurfacedata, height) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmdt_sharedprimarysurfacedata, format) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmdt_sharedprimarysurfacedata, refresh_rate) == 12);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmdt_sharedprimarysurfacedata, vidpn_source_id) == 20);
#define DXGWIRE_D3DKMDT_SHAREDPRIMARYSURFACEDATA_SIZE                   24u
#define DXGWIRE_D3DKMDT_SHAREDPRIMARYSURFACEDATA_WIDTH_OFFSET           0u
#define DXGWIRE_D3DKMDT_SHAREDPRIMARYSURFACEDATA_HEIGHT_OFFSET          4u
#define DXGWIRE_D3DKMDT_SHAREDPRIMARYSURFACEDATA_FORMAT_OFFSET          8u
#define DXGWIRE_D3DKMDT_SHAREDPRIMARYSURFACEDATA_REFRESH_RATE_OFFSET    12u
#define DXGWIRE_D3DKMDT_SHAREDPRIMARYSURFACEDATA_VIDPN_SOURCE_ID_OFFSET 20u

struct dxgwire_d3dkmdt_shadowsurfacedata {
  uint32_t width;
  uint32_t height;
  uint32_t format; /* enum d3dddiformat */
  uint32_t pitch;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dkmdt_shadowsurfacedata) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmdt_shadowsurfacedata, width) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmdt_shadowsurfacedata, height) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmdt_shadowsurfacedata, format) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmdt_shadowsurfacedata, pitch) == 12);
#define DXGWIRE_D3DKMDT_SHADOWSURFACEDATA_SIZE          16u
#define DXGWIRE_D3DKMDT_SHADOWSURFACEDATA_WIDTH_OFFSET  0u
#define DXGWIRE_D3DKMDT_SHADOWSURFACEDATA_HEIGHT_OFFSET 4u
#define DXGWIRE_D3DKMDT_SHADOWSURFACEDATA_FORMAT_OFFSET 8u
#define DXGWIRE_D3DKMDT_SHADOWSURFACEDATA_PITCH_OFFSET  12u

struct dxgwire_d3dkmdt_stagingsurfacedata {
  uint32_t width;
  uint32_t height;
  uint32_t pitch;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dkmdt_stagingsurfacedata) == 12);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmdt_stagingsurfacedata, width) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmdt_stagingsurfacedata, height) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmdt_stagingsurfacedata, pitch) == 8);
#define DXGWIRE_D3DKMDT_STAGINGSURFACEDATA_SIZE          12u
#define DXGWIRE_D3DKMDT_STAGINGSURFACEDATA_WIDTH_OFFSET  0u
#define DXGWIRE_D3DKMDT_STAGINGSURFACEDATA_HEIGHT_OFFSET 4u
#define DXGWIRE_D3DKMDT_STAGINGSURFACEDATA_PITCH_OFFSET  8u

struct dxgwire_d3dkmdt_gdisurfacedata {
  uint32_t width;
  uint32_t height;
  uint32_t format;
  uint32_t type; /* enum d3dkmdt_gdisurfacetype */
  uint32_t flags;
  uint32_t pitch;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dkmdt_gdisurfacedata) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmdt_gdisurfacedata, width) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmdt_gdisurfacedata, height) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmdt_gdisurfacedata, format) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmdt_gdisurfacedata, type) == 12);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmdt_gdisurfacedata, flags) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmdt_gdisurfacedata, pitch) == 20);
#define DXGWIRE_D3DKMDT_GDISURFACEDATA_SIZE          24u
#define DXGWIRE_D3DKMDT_GDISURFACEDATA_WIDTH_OFFSET  0u
#define DXGWIRE_D3DKMDT_GDISURFACEDATA_HEIGHT_OFFSET 4u
#define DXGWIRE_D3DKMDT_GDISURFACEDATA_FORMAT_OFFSET 8u
#define DXGWIRE_D3DKMDT_GDISURFACEDATA_TYPE_OFFSET   12u
#define DXGWIRE_D3DKMDT_GDISURFACEDATA_FLAGS_OFFSET  16u
#define DXGWIRE_D3DKMDT_GDISURFACEDATA_PITCH_OFFSET  20u

struct dxgwire_dxgkvmb_command_getstandardallocprivdata {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t alloc_type; /* enum d3dkmdt_standardallocationtype */
  uint32_t priv_driver_data_size;
  uint32_t priv_driver_resource_size;
  uint32_t physical_adapter_index;
  union {
    struct dxgwire_d3dkmdt_sharedprimarysurfacedata primary;
    struct dxgwire_d3dkmdt_shadowsurfacedata shadow;
    struct dxgwire_d3dkmdt_stagingsurfacedata staging;
    struct dxgwire_d3dkmdt_gdisurfacedata gdi_surface;
  };
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_getstandardallocprivdata) == 64);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getstandardallocprivdata, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getstandardallocprivdata, alloc_type) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getstandardallocprivdata, priv_driver_data_size) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getstandardallocprivdata, priv_driver_resource_size) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getstandardallocprivdata, physical_adapter_index) == 36);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getstandardallocprivdata, primary) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getstandardallocprivdata, shadow) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getstandardallocprivdata, staging) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getstandardallocprivdata, gdi_surface) == 40);
#define DXGWIRE_DXGKVMB_COMMAND_GETSTANDARDALLOCPRIVDATA_SIZE                             64u
#define DXGWIRE_DXGKVMB_COMMAND_GETSTANDARDALLOCPRIVDATA_HDR_OFFSET                       0u
#define DXGWIRE_DXGKVMB_COMMAND_GETSTANDARDALLOCPRIVDATA_ALLOC_TYPE_OFFSET                24u
#define DXGWIRE_DXGKVMB_COMMAND_GETSTANDARDALLOCPRIVDATA_PRIV_DRIVER_DATA_SIZE_OFFSET     28u
#define DXGWIRE_DXGKVMB_COMMAND_GETSTANDARDALLOCPRIVDATA_PRIV_DRIVER_RESOURCE_SIZE_OFFSET 32u
#define DXGWIRE_DXGKVMB_COMMAND_GETSTANDARDALLOCPRIVDATA_PHYSICAL_ADAPTER_INDEX_OFFSET    36u
#define DXGWIRE_DXGKVMB_COMMAND_GETSTANDARDALLOCPRIVDATA_PRIMARY_OFFSET                   40u
#define DXGWIRE_DXGKVMB_COMMAND_GETSTANDARDALLOCPRIVDATA_SHADOW_OFFSET                    40u
#define DXGWIRE_DXGKVMB_COMMAND_GETSTANDARDALLOCPRIVDATA_STAGING_OFFSET                   40u
#define DXGWIRE_DXGKVMB_COMMAND_GETSTANDARDALLOCPRIVDATA_GDI_SURFACE_OFFSET               40u

struct dxgwire_dxgkvmb_command_getstandardallocprivdata_return {
  uint32_t status; /* NTSTATUS */
  uint32_t priv_driver_data_size;
  uint32_t priv_driver_resource_size;
  union {
    struct dxgwire_d3dkmdt_sharedprimarysurfacedata primary;
    struct dxgwire_d3dkmdt_shadowsurfacedata shadow;
    struct dxgwire_d3dkmdt_stagingsurfacedata staging;
    struct dxgwire_d3dkmdt_gdisurfacedata gdi_surface;
  };
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_getstandardallocprivdata_return) == 36);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getstandardallocprivdata_return, status) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getstandardallocprivdata_return, priv_driver_data_size) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getstandardallocprivdata_return, priv_driver_resource_size) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getstandardallocprivdata_return, primary) == 12);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getstandardallocprivdata_return, shadow) == 12);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getstandardallocprivdata_return, staging) == 12);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getstandardallocprivdata_return, gdi_surface) == 12);
#define DXGWIRE_DXGKVMB_COMMAND_GETSTANDARDALLOCPRIVDATA_RETURN_SIZE                             36u
#define DXGWIRE_DXGKVMB_COMMAND_GETSTANDARDALLOCPRIVDATA_RETURN_STATUS_OFFSET                    0u
#define DXGWIRE_DXGKVMB_COMMAND_GETSTANDARDALLOCPRIVDATA_RETURN_PRIV_DRIVER_DATA_SIZE_OFFSET     4u
#define DXGWIRE_DXGKVMB_COMMAND_GETSTANDARDALLOCPRIVDATA_RETURN_PRIV_DRIVER_RESOURCE_SIZE_OFFSET 8u
#define DXGWIRE_DXGKVMB_COMMAND_GETSTANDARDALLOCPRIVDATA_RETURN_PRIMARY_OFFSET                   12u
#define DXGWIRE_DXGKVMB_COMMAND_GETSTANDARDALLOCPRIVDATA_RETURN_SHADOW_OFFSET                    12u
#define DXGWIRE_DXGKVMB_COMMAND_GETSTANDARDALLOCPRIVDATA_RETURN_STAGING_OFFSET                   12u
#define DXGWIRE_DXGKVMB_COMMAND_GETSTANDARDALLOCPRIVDATA_RETURN_GDI_SURFACE_OFFSET               12u

struct dxgwire_dxgkvmb_command_destroyallocation {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t device; /* handle */
  uint32_t resource; /* handle */
  uint32_t alloc_count;
  uint32_t flags; /* flags: d3dddicb_destroyallocation2flags */
  uint32_t allocations[1]; /* handle */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_destroyallocation) == 48);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_destroyallocation, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_destroyallocation, device) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_destroyallocation, resource) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_destroyallocation, alloc_count) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_destroyallocation, flags) == 36);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_destroyallocation, allocations) == 40);
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYALLOCATION_SIZE               48u
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYALLOCATION_HDR_OFFSET         0u
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYALLOCATION_DEVICE_OFFSET      24u
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYALLOCATION_RESOURCE_OFFSET    28u
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYALLOCATION_ALLOC_COUNT_OFFSET 32u
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYALLOCATION_FLAGS_OFFSET       36u
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYALLOCATION_ALLOCATIONS_OFFSET 40u

struct dxgwire_dxgkvmb_command_getallocationpriority {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t device; /* handle */
  uint32_t resource; /* handle */
  uint32_t allocation_count;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_getallocationpriority) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getallocationpriority, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getallocationpriority, device) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getallocationpriority, resource) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getallocationpriority, allocation_count) == 32);
#define DXGWIRE_DXGKVMB_COMMAND_GETALLOCATIONPRIORITY_SIZE                    40u
#define DXGWIRE_DXGKVMB_COMMAND_GETALLOCATIONPRIORITY_HDR_OFFSET              0u
#define DXGWIRE_DXGKVMB_COMMAND_GETALLOCATIONPRIORITY_DEVICE_OFFSET           24u
#define DXGWIRE_DXGKVMB_COMMAND_GETALLOCATIONPRIORITY_RESOURCE_OFFSET         28u
#define DXGWIRE_DXGKVMB_COMMAND_GETALLOCATIONPRIORITY_ALLOCATION_COUNT_OFFSET 32u

struct dxgwire_dxgkvmb_command_getallocationpriority_return {
  uint32_t status; /* NTSTATUS */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_getallocationpriority_return) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_getallocationpriority_return, status) == 0);
#define DXGWIRE_DXGKVMB_COMMAND_GETALLOCATIONPRIORITY_RETURN_SIZE          4u
#define DXGWIRE_DXGKVMB_COMMAND_GETALLOCATIONPRIORITY_RETURN_STATUS_OFFSET 0u

struct dxgwire_dxgkvmb_command_invalidatecache {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t device; /* handle */
  uint32_t allocation; /* handle */
  uint64_t offset;
  uint64_t length;
  uint64_t reserved;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_invalidatecache) == 56);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_invalidatecache, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_invalidatecache, device) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_invalidatecache, allocation) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_invalidatecache, offset) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_invalidatecache, length) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_invalidatecache, reserved) == 48);
#define DXGWIRE_DXGKVMB_COMMAND_INVALIDATECACHE_SIZE              56u
#define DXGWIRE_DXGKVMB_COMMAND_INVALIDATECACHE_HDR_OFFSET        0u
#define DXGWIRE_DXGKVMB_COMMAND_INVALIDATECACHE_DEVICE_OFFSET     24u
#define DXGWIRE_DXGKVMB_COMMAND_INVALIDATECACHE_ALLOCATION_OFFSET 28u
#define DXGWIRE_DXGKVMB_COMMAND_INVALIDATECACHE_OFFSET_OFFSET     32u
#define DXGWIRE_DXGKVMB_COMMAND_INVALIDATECACHE_LENGTH_OFFSET     40u
#define DXGWIRE_DXGKVMB_COMMAND_INVALIDATECACHE_RESERVED_OFFSET   48u

struct dxgwire_d3dkmt_lock2 {
  uint32_t device; /* handle */
  uint32_t allocation; /* handle */
  uint32_t flags; /* flags: d3dddicb_lock2flags */
  uint32_t reserved;
  uint64_t data; /* address of one side, an opaque token to the other */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dkmt_lock2) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_lock2, device) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_lock2, allocation) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_lock2, flags) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_lock2, reserved) == 12);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_lock2, data) == 16);
#define DXGWIRE_D3DKMT_LOCK2_SIZE              24u
#define DXGWIRE_D3DKMT_LOCK2_DEVICE_OFFSET     0u
#define DXGWIRE_D3DKMT_LOCK2_ALLOCATION_OFFSET 4u
#define DXGWIRE_D3DKMT_LOCK2_FLAGS_OFFSET      8u
#define DXGWIRE_D3DKMT_LOCK2_RESERVED_OFFSET   12u
#define DXGWIRE_D3DKMT_LOCK2_DATA_OFFSET       16u

struct dxgwire_dxgkvmb_command_lock2 {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  struct dxgwire_d3dkmt_lock2 args;
  uint8_t use_legacy_lock; /* 0 or 1 */
  uint32_t flags;
  uint32_t priv_drv_data;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_lock2) == 64);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_lock2, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_lock2, args) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_lock2, use_legacy_lock) == 48);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_lock2, flags) == 52);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_lock2, priv_drv_data) == 56);
#define DXGWIRE_DXGKVMB_COMMAND_LOCK2_SIZE                   64u
#define DXGWIRE_DXGKVMB_COMMAND_LOCK2_HDR_OFFSET             0u
#define DXGWIRE_DXGKVMB_COMMAND_LOCK2_ARGS_OFFSET            24u
#define DXGWIRE_DXGKVMB_COMMAND_LOCK2_USE_LEGACY_LOCK_OFFSET 48u
#define DXGWIRE_DXGKVMB_COMMAND_LOCK2_FLAGS_OFFSET           52u
#define DXGWIRE_DXGKVMB_COMMAND_LOCK2_PRIV_DRV_DATA_OFFSET   56u

struct dxgwire_dxgkvmb_command_lock2_return {
  uint32_t status; /* NTSTATUS */
  uint64_t cpu_visible_buffer_offset; /* address of one side, an opaque token to the other */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_lock2_return) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_lock2_return, status) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_lock2_return, cpu_visible_buffer_offset) == 8);
#define DXGWIRE_DXGKVMB_COMMAND_LOCK2_RETURN_SIZE                             16u
#define DXGWIRE_DXGKVMB_COMMAND_LOCK2_RETURN_STATUS_OFFSET                    0u
#define DXGWIRE_DXGKVMB_COMMAND_LOCK2_RETURN_CPU_VISIBLE_BUFFER_OFFSET_OFFSET 8u

struct dxgwire_d3dkmt_queryallocationresidency {
  uint32_t device; /* handle */
  uint32_t resource; /* handle */
  uint64_t allocations; /* address of one side, an opaque token to the other */
  uint32_t allocation_count;
  uint32_t reserved;
  uint64_t residency_status; /* address of one side, an opaque token to the other */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dkmt_queryallocationresidency) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_queryallocationresidency, device) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_queryallocationresidency, resource) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_queryallocationresidency, allocations) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_queryallocationresidency, allocation_count) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_queryallocationresidency, reserved) == 20);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_queryallocationresidency, residency_status) == 24);
#define DXGWIRE_D3DKMT_QUERYALLOCATIONRESIDENCY_SIZE                    32u
#define DXGWIRE_D3DKMT_QUERYALLOCATIONRESIDENCY_DEVICE_OFFSET           0u
#define DXGWIRE_D3DKMT_QUERYALLOCATIONRESIDENCY_RESOURCE_OFFSET         4u
#define DXGWIRE_D3DKMT_QUERYALLOCATIONRESIDENCY_ALLOCATIONS_OFFSET      8u
#define DXGWIRE_D3DKMT_QUERYALLOCATIONRESIDENCY_ALLOCATION_COUNT_OFFSET 16u
#define DXGWIRE_D3DKMT_QUERYALLOCATIONRESIDENCY_RESERVED_OFFSET         20u
#define DXGWIRE_D3DKMT_QUERYALLOCATIONRESIDENCY_RESIDENCY_STATUS_OFFSET 24u

struct dxgwire_dxgkvmb_command_queryallocationresidency {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  struct dxgwire_d3dkmt_queryallocationresidency args;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_queryallocationresidency) == 56);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_queryallocationresidency, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_queryallocationresidency, args) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_QUERYALLOCATIONRESIDENCY_SIZE        56u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYALLOCATIONRESIDENCY_HDR_OFFSET  0u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYALLOCATIONRESIDENCY_ARGS_OFFSET 24u

struct dxgwire_dxgkvmb_command_queryallocationresidency_return {
  uint32_t status; /* NTSTATUS */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_queryallocationresidency_return) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_queryallocationresidency_return, status) == 0);
#define DXGWIRE_DXGKVMB_COMMAND_QUERYALLOCATIONRESIDENCY_RETURN_SIZE          4u
#define DXGWIRE_DXGKVMB_COMMAND_QUERYALLOCATIONRESIDENCY_RETURN_STATUS_OFFSET 0u

struct dxgwire_dxgkvmb_command_setallocationpriority {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t device; /* handle */
  uint32_t resource; /* handle */
  uint32_t allocation_count;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_setallocationpriority) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setallocationpriority, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setallocationpriority, device) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setallocationpriority, resource) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setallocationpriority, allocation_count) == 32);
#define DXGWIRE_DXGKVMB_COMMAND_SETALLOCATIONPRIORITY_SIZE                    40u
#define DXGWIRE_DXGKVMB_COMMAND_SETALLOCATIONPRIORITY_HDR_OFFSET              0u
#define DXGWIRE_DXGKVMB_COMMAND_SETALLOCATIONPRIORITY_DEVICE_OFFSET           24u
#define DXGWIRE_DXGKVMB_COMMAND_SETALLOCATIONPRIORITY_RESOURCE_OFFSET         28u
#define DXGWIRE_DXGKVMB_COMMAND_SETALLOCATIONPRIORITY_ALLOCATION_COUNT_OFFSET 32u

struct dxgwire_dxgkvmb_command_setexistingsysmempages {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t device; /* handle */
  uint32_t allocation; /* handle */
  uint32_t num_pages;
  uint32_t alloc_offset_in_pages;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_setexistingsysmempages) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setexistingsysmempages, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setexistingsysmempages, device) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setexistingsysmempages, allocation) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setexistingsysmempages, num_pages) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setexistingsysmempages, alloc_offset_in_pages) == 36);
#define DXGWIRE_DXGKVMB_COMMAND_SETEXISTINGSYSMEMPAGES_SIZE                         40u
#define DXGWIRE_DXGKVMB_COMMAND_SETEXISTINGSYSMEMPAGES_HDR_OFFSET                   0u
#define DXGWIRE_DXGKVMB_COMMAND_SETEXISTINGSYSMEMPAGES_DEVICE_OFFSET                24u
#define DXGWIRE_DXGKVMB_COMMAND_SETEXISTINGSYSMEMPAGES_ALLOCATION_OFFSET            28u
#define DXGWIRE_DXGKVMB_COMMAND_SETEXISTINGSYSMEMPAGES_NUM_PAGES_OFFSET             32u
#define DXGWIRE_DXGKVMB_COMMAND_SETEXISTINGSYSMEMPAGES_ALLOC_OFFSET_IN_PAGES_OFFSET 36u

struct dxgwire_dxgkvmb_command_setexistingsysmemstore {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t device; /* handle */
  uint32_t allocation; /* handle */
  uint32_t gpadl;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_setexistingsysmemstore) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setexistingsysmemstore, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setexistingsysmemstore, device) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setexistingsysmemstore, allocation) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setexistingsysmemstore, gpadl) == 32);
#define DXGWIRE_DXGKVMB_COMMAND_SETEXISTINGSYSMEMSTORE_SIZE              40u
#define DXGWIRE_DXGKVMB_COMMAND_SETEXISTINGSYSMEMSTORE_HDR_OFFSET        0u
#define DXGWIRE_DXGKVMB_COMMAND_SETEXISTINGSYSMEMSTORE_DEVICE_OFFSET     24u
#define DXGWIRE_DXGKVMB_COMMAND_SETEXISTINGSYSMEMSTORE_ALLOCATION_OFFSET 28u
#define DXGWIRE_DXGKVMB_COMMAND_SETEXISTINGSYSMEMSTORE_GPADL_OFFSET      32u

struct dxgwire_d3dkmt_unlock2 {
  uint32_t device; /* handle */
  uint32_t allocation; /* handle */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dkmt_unlock2) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_unlock2, device) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_unlock2, allocation) == 4);
#define DXGWIRE_D3DKMT_UNLOCK2_SIZE              8u
#define DXGWIRE_D3DKMT_UNLOCK2_DEVICE_OFFSET     0u
#define DXGWIRE_D3DKMT_UNLOCK2_ALLOCATION_OFFSET 4u

struct dxgwire_dxgkvmb_command_unlock2 {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  struct dxgwire_d3dkmt_unlock2 args;
  uint8_t use_legacy_unlock; /* 0 or 1 */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_unlock2) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_unlock2, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_unlock2, args) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_unlock2, use_legacy_unlock) == 32);
#define DXGWIRE_DXGKVMB_COMMAND_UNLOCK2_SIZE                     40u
#define DXGWIRE_DXGKVMB_COMMAND_UNLOCK2_HDR_OFFSET               0u
#define DXGWIRE_DXGKVMB_COMMAND_UNLOCK2_ARGS_OFFSET              24u
#define DXGWIRE_DXGKVMB_COMMAND_UNLOCK2_USE_LEGACY_UNLOCK_OFFSET 32u

struct dxgwire_d3dddi_updateallocproperty {
  uint32_t paging_queue; /* handle */
  uint32_t allocation; /* handle */
  uint32_t supported_segment_set;
  uint32_t preferred_segment; /* flags: d3dddi_segmentpreference */
  uint32_t flags; /* flags: d3dddi_updateallocproperty_flags */
  uint64_t paging_fence_value;
  union {
    struct {
      uint32_t set_accessed_physically : 1;
      uint32_t set_supported_segmentSet : 1;
      uint32_t set_preferred_segment : 1;
      uint32_t reserved : 29;
    };
    uint32_t property_mask_value;
  };
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dddi_updateallocproperty) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updateallocproperty, paging_queue) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updateallocproperty, allocation) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updateallocproperty, supported_segment_set) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updateallocproperty, preferred_segment) == 12);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updateallocproperty, flags) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updateallocproperty, paging_fence_value) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updateallocproperty, property_mask_value) == 32);
#define DXGWIRE_D3DDDI_UPDATEALLOCPROPERTY_SIZE                           40u
#define DXGWIRE_D3DDDI_UPDATEALLOCPROPERTY_PAGING_QUEUE_OFFSET            0u
#define DXGWIRE_D3DDDI_UPDATEALLOCPROPERTY_ALLOCATION_OFFSET              4u
#define DXGWIRE_D3DDDI_UPDATEALLOCPROPERTY_SUPPORTED_SEGMENT_SET_OFFSET   8u
#define DXGWIRE_D3DDDI_UPDATEALLOCPROPERTY_PREFERRED_SEGMENT_OFFSET       12u
#define DXGWIRE_D3DDDI_UPDATEALLOCPROPERTY_FLAGS_OFFSET                   16u
#define DXGWIRE_D3DDDI_UPDATEALLOCPROPERTY_PAGING_FENCE_VALUE_OFFSET      24u
#define DXGWIRE_D3DDDI_UPDATEALLOCPROPERTY_SET_ACCESSED_PHYSICALLY_SHIFT  0u
#define DXGWIRE_D3DDDI_UPDATEALLOCPROPERTY_SET_ACCESSED_PHYSICALLY_MASK   1u
#define DXGWIRE_D3DDDI_UPDATEALLOCPROPERTY_SET_SUPPORTED_SEGMENTSET_SHIFT 1u
#define DXGWIRE_D3DDDI_UPDATEALLOCPROPERTY_SET_SUPPORTED_SEGMENTSET_MASK  1u
#define DXGWIRE_D3DDDI_UPDATEALLOCPROPERTY_SET_PREFERRED_SEGMENT_SHIFT    2u
#define DXGWIRE_D3DDDI_UPDATEALLOCPROPERTY_SET_PREFERRED_SEGMENT_MASK     1u
#define DXGWIRE_D3DDDI_UPDATEALLOCPROPERTY_RESERVED_SHIFT                 3u
#define DXGWIRE_D3DDDI_UPDATEALLOCPROPERTY_RESERVED_MASK                  0x1fffffffu
#define DXGWIRE_D3DDDI_UPDATEALLOCPROPERTY_PROPERTY_MASK_VALUE_OFFSET     32u

struct dxgwire_dxgkvmb_command_updateallocationproperty {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  struct dxgwire_d3dddi_updateallocproperty args;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_updateallocationproperty) == 64);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_updateallocationproperty, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_updateallocationproperty, args) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_UPDATEALLOCATIONPROPERTY_SIZE        64u
#define DXGWIRE_DXGKVMB_COMMAND_UPDATEALLOCATIONPROPERTY_HDR_OFFSET  0u
#define DXGWIRE_DXGKVMB_COMMAND_UPDATEALLOCATIONPROPERTY_ARGS_OFFSET 24u

struct dxgwire_dxgkvmb_command_updateallocationproperty_return {
  uint64_t paging_fence_value;
  uint32_t status; /* NTSTATUS */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_updateallocationproperty_return) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_updateallocationproperty_return, paging_fence_value) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_updateallocationproperty_return, status) == 8);
#define DXGWIRE_DXGKVMB_COMMAND_UPDATEALLOCATIONPROPERTY_RETURN_SIZE                      16u
#define DXGWIRE_DXGKVMB_COMMAND_UPDATEALLOCATIONPROPERTY_RETURN_PAGING_FENCE_VALUE_OFFSET 0u
#define DXGWIRE_DXGKVMB_COMMAND_UPDATEALLOCATIONPROPERTY_RETURN_STATUS_OFFSET             8u

struct dxgwire_d3dkmt_createpagingqueue {
  uint32_t device; /* handle */
  int32_t priority; /* enum d3dddi_pagingqueue_priority */
  uint32_t paging_queue; /* handle */
  uint32_t sync_object; /* handle */
  uint64_t fence_cpu_virtual_address; /* address of one side, an opaque token to the other */
  uint32_t physical_adapter_index;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dkmt_createpagingqueue) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_createpagingqueue, device) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_createpagingqueue, priority) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_createpagingqueue, paging_queue) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_createpagingqueue, sync_object) == 12);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_createpagingqueue, fence_cpu_virtual_address) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_createpagingqueue, physical_adapter_index) == 24);
#define DXGWIRE_D3DKMT_CREATEPAGINGQUEUE_SIZE                             32u
#define DXGWIRE_D3DKMT_CREATEPAGINGQUEUE_DEVICE_OFFSET                    0u
#define DXGWIRE_D3DKMT_CREATEPAGINGQUEUE_PRIORITY_OFFSET                  4u
#define DXGWIRE_D3DKMT_CREATEPAGINGQUEUE_PAGING_QUEUE_OFFSET              8u
#define DXGWIRE_D3DKMT_CREATEPAGINGQUEUE_SYNC_OBJECT_OFFSET               12u
#define DXGWIRE_D3DKMT_CREATEPAGINGQUEUE_FENCE_CPU_VIRTUAL_ADDRESS_OFFSET 16u
#define DXGWIRE_D3DKMT_CREATEPAGINGQUEUE_PHYSICAL_ADAPTER_INDEX_OFFSET    24u

struct dxgwire_dxgkvmb_command_createpagingqueue {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  struct dxgwire_d3dkmt_createpagingqueue args;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_createpagingqueue) == 56);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createpagingqueue, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createpagingqueue, args) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_CREATEPAGINGQUEUE_SIZE        56u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEPAGINGQUEUE_HDR_OFFSET  0u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEPAGINGQUEUE_ARGS_OFFSET 24u

struct dxgwire_dxgkvmb_command_createpagingqueue_return {
  uint32_t paging_queue; /* handle */
  uint32_t sync_object; /* handle */
  uint64_t fence_storage_physical_address;
  uint64_t fence_storage_offset;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_createpagingqueue_return) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createpagingqueue_return, paging_queue) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createpagingqueue_return, sync_object) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createpagingqueue_return, fence_storage_physical_address) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createpagingqueue_return, fence_storage_offset) == 16);
#define DXGWIRE_DXGKVMB_COMMAND_CREATEPAGINGQUEUE_RETURN_SIZE                                  24u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEPAGINGQUEUE_RETURN_PAGING_QUEUE_OFFSET                   0u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEPAGINGQUEUE_RETURN_SYNC_OBJECT_OFFSET                    4u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEPAGINGQUEUE_RETURN_FENCE_STORAGE_PHYSICAL_ADDRESS_OFFSET 8u
#define DXGWIRE_DXGKVMB_COMMAND_CREATEPAGINGQUEUE_RETURN_FENCE_STORAGE_OFFSET_OFFSET           16u

struct dxgwire_dxgkvmb_command_destroypagingqueue {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t paging_queue; /* handle */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_destroypagingqueue) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_destroypagingqueue, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_destroypagingqueue, paging_queue) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYPAGINGQUEUE_SIZE                32u
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYPAGINGQUEUE_HDR_OFFSET          0u
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYPAGINGQUEUE_PAGING_QUEUE_OFFSET 24u

struct dxgwire_dxgkvmb_command_evict {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t device; /* handle */
  uint32_t flags; /* flags: d3dddi_evict_flags */
  uint32_t alloc_count;
  uint32_t allocations[1]; /* handle */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_evict) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_evict, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_evict, device) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_evict, flags) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_evict, alloc_count) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_evict, allocations) == 36);
#define DXGWIRE_DXGKVMB_COMMAND_EVICT_SIZE               40u
#define DXGWIRE_DXGKVMB_COMMAND_EVICT_HDR_OFFSET         0u
#define DXGWIRE_DXGKVMB_COMMAND_EVICT_DEVICE_OFFSET      24u
#define DXGWIRE_DXGKVMB_COMMAND_EVICT_FLAGS_OFFSET       28u
#define DXGWIRE_DXGKVMB_COMMAND_EVICT_ALLOC_COUNT_OFFSET 32u
#define DXGWIRE_DXGKVMB_COMMAND_EVICT_ALLOCATIONS_OFFSET 36u

struct dxgwire_dxgkvmb_command_evict_return {
  uint64_t num_bytes_to_trim;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_evict_return) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_evict_return, num_bytes_to_trim) == 0);
#define DXGWIRE_DXGKVMB_COMMAND_EVICT_RETURN_SIZE                     8u
#define DXGWIRE_DXGKVMB_COMMAND_EVICT_RETURN_NUM_BYTES_TO_TRIM_OFFSET 0u

struct dxgwire_dxgkvmb_command_makeresident {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t device; /* handle */
  uint32_t paging_queue; /* handle */
  uint32_t flags; /* flags: d3dddi_makeresident_flags */
  uint32_t alloc_count;
  uint32_t allocations[1]; /* handle */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_makeresident) == 48);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_makeresident, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_makeresident, device) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_makeresident, paging_queue) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_makeresident, flags) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_makeresident, alloc_count) == 36);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_makeresident, allocations) == 40);
#define DXGWIRE_DXGKVMB_COMMAND_MAKERESIDENT_SIZE                48u
#define DXGWIRE_DXGKVMB_COMMAND_MAKERESIDENT_HDR_OFFSET          0u
#define DXGWIRE_DXGKVMB_COMMAND_MAKERESIDENT_DEVICE_OFFSET       24u
#define DXGWIRE_DXGKVMB_COMMAND_MAKERESIDENT_PAGING_QUEUE_OFFSET 28u
#define DXGWIRE_DXGKVMB_COMMAND_MAKERESIDENT_FLAGS_OFFSET        32u
#define DXGWIRE_DXGKVMB_COMMAND_MAKERESIDENT_ALLOC_COUNT_OFFSET  36u
#define DXGWIRE_DXGKVMB_COMMAND_MAKERESIDENT_ALLOCATIONS_OFFSET  40u

struct dxgwire_dxgkvmb_command_makeresident_return {
  uint64_t paging_fence_value;
  uint64_t num_bytes_to_trim;
  uint32_t status; /* NTSTATUS */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_makeresident_return) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_makeresident_return, paging_fence_value) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_makeresident_return, num_bytes_to_trim) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_makeresident_return, status) == 16);
#define DXGWIRE_DXGKVMB_COMMAND_MAKERESIDENT_RETURN_SIZE                      24u
#define DXGWIRE_DXGKVMB_COMMAND_MAKERESIDENT_RETURN_PAGING_FENCE_VALUE_OFFSET 0u
#define DXGWIRE_DXGKVMB_COMMAND_MAKERESIDENT_RETURN_NUM_BYTES_TO_TRIM_OFFSET  8u
#define DXGWIRE_DXGKVMB_COMMAND_MAKERESIDENT_RETURN_STATUS_OFFSET             16u

struct dxgwire_dxgkvmb_command_offerallocations {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t device; /* handle */
  uint32_t allocation_count;
  uint32_t priority; /* enum d3dkmt_offer_priority */
  uint32_t flags; /* flags: d3dkmt_offer_flags */
  uint8_t resources; /* 0 or 1 */
  uint32_t allocations[1]; /* handle */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_offerallocations) == 48);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_offerallocations, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_offerallocations, device) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_offerallocations, allocation_count) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_offerallocations, priority) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_offerallocations, flags) == 36);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_offerallocations, resources) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_offerallocations, allocations) == 44);
#define DXGWIRE_DXGKVMB_COMMAND_OFFERALLOCATIONS_SIZE                    48u
#define DXGWIRE_DXGKVMB_COMMAND_OFFERALLOCATIONS_HDR_OFFSET              0u
#define DXGWIRE_DXGKVMB_COMMAND_OFFERALLOCATIONS_DEVICE_OFFSET           24u
#define DXGWIRE_DXGKVMB_COMMAND_OFFERALLOCATIONS_ALLOCATION_COUNT_OFFSET 28u
#define DXGWIRE_DXGKVMB_COMMAND_OFFERALLOCATIONS_PRIORITY_OFFSET         32u
#define DXGWIRE_DXGKVMB_COMMAND_OFFERALLOCATIONS_FLAGS_OFFSET            36u
#define DXGWIRE_DXGKVMB_COMMAND_OFFERALLOCATIONS_RESOURCES_OFFSET        40u
#define DXGWIRE_DXGKVMB_COMMAND_OFFERALLOCATIONS_ALLOCATIONS_OFFSET      44u

struct dxgwire_dxgkvmb_command_reclaimallocations {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t device; /* handle */
  uint32_t paging_queue; /* handle */
  uint32_t allocation_count;
  uint8_t resources; /* 0 or 1 */
  uint8_t write_results; /* 0 or 1 */
  uint32_t allocations[1]; /* handle */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_reclaimallocations) == 48);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_reclaimallocations, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_reclaimallocations, device) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_reclaimallocations, paging_queue) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_reclaimallocations, allocation_count) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_reclaimallocations, resources) == 36);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_reclaimallocations, write_results) == 37);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_reclaimallocations, allocations) == 40);
#define DXGWIRE_DXGKVMB_COMMAND_RECLAIMALLOCATIONS_SIZE                    48u
#define DXGWIRE_DXGKVMB_COMMAND_RECLAIMALLOCATIONS_HDR_OFFSET              0u
#define DXGWIRE_DXGKVMB_COMMAND_RECLAIMALLOCATIONS_DEVICE_OFFSET           24u
#define DXGWIRE_DXGKVMB_COMMAND_RECLAIMALLOCATIONS_PAGING_QUEUE_OFFSET     28u
#define DXGWIRE_DXGKVMB_COMMAND_RECLAIMALLOCATIONS_ALLOCATION_COUNT_OFFSET 32u
#define DXGWIRE_DXGKVMB_COMMAND_RECLAIMALLOCATIONS_RESOURCES_OFFSET        36u
#define DXGWIRE_DXGKVMB_COMMAND_RECLAIMALLOCATIONS_WRITE_RESULTS_OFFSET    37u
#define DXGWIRE_DXGKVMB_COMMAND_RECLAIMALLOCATIONS_ALLOCATIONS_OFFSET      40u

struct dxgwire_dxgkvmb_command_reclaimallocations_return {
  uint64_t paging_fence_value;
  uint32_t status; /* NTSTATUS */
  uint32_t discarded[1]; /* enum d3dddi_reclaim_result */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_reclaimallocations_return) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_reclaimallocations_return, paging_fence_value) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_reclaimallocations_return, status) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_reclaimallocations_return, discarded) == 12);
#define DXGWIRE_DXGKVMB_COMMAND_RECLAIMALLOCATIONS_RETURN_SIZE                      16u
#define DXGWIRE_DXGKVMB_COMMAND_RECLAIMALLOCATIONS_RETURN_PAGING_FENCE_VALUE_OFFSET 0u
#define DXGWIRE_DXGKVMB_COMMAND_RECLAIMALLOCATIONS_RETURN_STATUS_OFFSET             8u
#define DXGWIRE_DXGKVMB_COMMAND_RECLAIMALLOCATIONS_RETURN_DISCARDED_OFFSET          12u

struct dxgwire_d3dkmt_freegpuvirtualaddress {
  uint32_t adapter; /* handle */
  uint32_t reserved;
  uint64_t base_address;
  uint64_t size;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dkmt_freegpuvirtualaddress) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_freegpuvirtualaddress, adapter) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_freegpuvirtualaddress, reserved) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_freegpuvirtualaddress, base_address) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_freegpuvirtualaddress, size) == 16);
#define DXGWIRE_D3DKMT_FREEGPUVIRTUALADDRESS_SIZE                24u
#define DXGWIRE_D3DKMT_FREEGPUVIRTUALADDRESS_ADAPTER_OFFSET      0u
#define DXGWIRE_D3DKMT_FREEGPUVIRTUALADDRESS_RESERVED_OFFSET     4u
#define DXGWIRE_D3DKMT_FREEGPUVIRTUALADDRESS_BASE_ADDRESS_OFFSET 8u
#define DXGWIRE_D3DKMT_FREEGPUVIRTUALADDRESS_SIZE_OFFSET         16u

struct dxgwire_dxgkvmb_command_freegpuvirtualaddress {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  struct dxgwire_d3dkmt_freegpuvirtualaddress args;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_freegpuvirtualaddress) == 48);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_freegpuvirtualaddress, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_freegpuvirtualaddress, args) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_FREEGPUVIRTUALADDRESS_SIZE        48u
#define DXGWIRE_DXGKVMB_COMMAND_FREEGPUVIRTUALADDRESS_HDR_OFFSET  0u
#define DXGWIRE_DXGKVMB_COMMAND_FREEGPUVIRTUALADDRESS_ARGS_OFFSET 24u

struct dxgwire_d3dddi_mapgpuvirtualaddress {
  uint32_t paging_queue; /* handle */
  uint64_t base_address;
  uint64_t minimum_address;
  uint64_t maximum_address;
  uint32_t allocation; /* handle */
  uint64_t offset_in_pages;
  uint64_t size_in_pages;
  uint64_t protection; /* flags: d3dddigpuva_protection_type */
  uint64_t driver_protection;
  uint32_t reserved0;
  uint64_t reserved1;
  uint64_t virtual_address;
  uint64_t paging_fence_value;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dddi_mapgpuvirtualaddress) == 104);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_mapgpuvirtualaddress, paging_queue) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_mapgpuvirtualaddress, base_address) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_mapgpuvirtualaddress, minimum_address) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_mapgpuvirtualaddress, maximum_address) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_mapgpuvirtualaddress, allocation) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_mapgpuvirtualaddress, offset_in_pages) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_mapgpuvirtualaddress, size_in_pages) == 48);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_mapgpuvirtualaddress, protection) == 56);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_mapgpuvirtualaddress, driver_protection) == 64);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_mapgpuvirtualaddress, reserved0) == 72);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_mapgpuvirtualaddress, reserved1) == 80);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_mapgpuvirtualaddress, virtual_address) == 88);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_mapgpuvirtualaddress, paging_fence_value) == 96);
#define DXGWIRE_D3DDDI_MAPGPUVIRTUALADDRESS_SIZE                      104u
#define DXGWIRE_D3DDDI_MAPGPUVIRTUALADDRESS_PAGING_QUEUE_OFFSET       0u
#define DXGWIRE_D3DDDI_MAPGPUVIRTUALADDRESS_BASE_ADDRESS_OFFSET       8u
#define DXGWIRE_D3DDDI_MAPGPUVIRTUALADDRESS_MINIMUM_ADDRESS_OFFSET    16u
#define DXGWIRE_D3DDDI_MAPGPUVIRTUALADDRESS_MAXIMUM_ADDRESS_OFFSET    24u
#define DXGWIRE_D3DDDI_MAPGPUVIRTUALADDRESS_ALLOCATION_OFFSET         32u
#define DXGWIRE_D3DDDI_MAPGPUVIRTUALADDRESS_OFFSET_IN_PAGES_OFFSET    40u
#define DXGWIRE_D3DDDI_MAPGPUVIRTUALADDRESS_SIZE_IN_PAGES_OFFSET      48u
#define DXGWIRE_D3DDDI_MAPGPUVIRTUALADDRESS_PROTECTION_OFFSET         56u
#define DXGWIRE_D3DDDI_MAPGPUVIRTUALADDRESS_DRIVER_PROTECTION_OFFSET  64u
#define DXGWIRE_D3DDDI_MAPGPUVIRTUALADDRESS_RESERVED0_OFFSET          72u
#define DXGWIRE_D3DDDI_MAPGPUVIRTUALADDRESS_RESERVED1_OFFSET          80u
#define DXGWIRE_D3DDDI_MAPGPUVIRTUALADDRESS_VIRTUAL_ADDRESS_OFFSET    88u
#define DXGWIRE_D3DDDI_MAPGPUVIRTUALADDRESS_PAGING_FENCE_VALUE_OFFSET 96u

struct dxgwire_dxgkvmb_command_mapgpuvirtualaddress {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  struct dxgwire_d3dddi_mapgpuvirtualaddress args;
  uint32_t device; /* handle */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_mapgpuvirtualaddress) == 136);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_mapgpuvirtualaddress, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_mapgpuvirtualaddress, args) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_mapgpuvirtualaddress, device) == 128);
#define DXGWIRE_DXGKVMB_COMMAND_MAPGPUVIRTUALADDRESS_SIZE          136u
#define DXGWIRE_DXGKVMB_COMMAND_MAPGPUVIRTUALADDRESS_HDR_OFFSET    0u
#define DXGWIRE_DXGKVMB_COMMAND_MAPGPUVIRTUALADDRESS_ARGS_OFFSET   24u
#define DXGWIRE_DXGKVMB_COMMAND_MAPGPUVIRTUALADDRESS_DEVICE_OFFSET 128u

struct dxgwire_dxgkvmb_command_mapgpuvirtualaddress_return {
  uint64_t virtual_address;
  uint64_t paging_fence_value;
  uint32_t status; /* NTSTATUS */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_mapgpuvirtualaddress_return) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_mapgpuvirtualaddress_return, virtual_address) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_mapgpuvirtualaddress_return, paging_fence_value) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_mapgpuvirtualaddress_return, status) == 16);
#define DXGWIRE_DXGKVMB_COMMAND_MAPGPUVIRTUALADDRESS_RETURN_SIZE                      24u
#define DXGWIRE_DXGKVMB_COMMAND_MAPGPUVIRTUALADDRESS_RETURN_VIRTUAL_ADDRESS_OFFSET    0u
#define DXGWIRE_DXGKVMB_COMMAND_MAPGPUVIRTUALADDRESS_RETURN_PAGING_FENCE_VALUE_OFFSET 8u
#define DXGWIRE_DXGKVMB_COMMAND_MAPGPUVIRTUALADDRESS_RETURN_STATUS_OFFSET             16u

struct dxgwire_d3dddi_reservegpuvirtualaddress {
  uint32_t adapter; /* handle */
  uint64_t base_address;
  uint64_t minimum_address;
  uint64_t maximum_address;
  uint64_t size;
  uint32_t reservation_type; /* enum d3dddigpuva_reservation_type */
  uint64_t driver_protection;
  uint64_t virtual_address;
  uint64_t paging_fence_value;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dddi_reservegpuvirtualaddress) == 72);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_reservegpuvirtualaddress, adapter) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_reservegpuvirtualaddress, base_address) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_reservegpuvirtualaddress, minimum_address) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_reservegpuvirtualaddress, maximum_address) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_reservegpuvirtualaddress, size) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_reservegpuvirtualaddress, reservation_type) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_reservegpuvirtualaddress, driver_protection) == 48);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_reservegpuvirtualaddress, virtual_address) == 56);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_reservegpuvirtualaddress, paging_fence_value) == 64);
#define DXGWIRE_D3DDDI_RESERVEGPUVIRTUALADDRESS_SIZE                      72u
#define DXGWIRE_D3DDDI_RESERVEGPUVIRTUALADDRESS_ADAPTER_OFFSET            0u
#define DXGWIRE_D3DDDI_RESERVEGPUVIRTUALADDRESS_BASE_ADDRESS_OFFSET       8u
#define DXGWIRE_D3DDDI_RESERVEGPUVIRTUALADDRESS_MINIMUM_ADDRESS_OFFSET    16u
#define DXGWIRE_D3DDDI_RESERVEGPUVIRTUALADDRESS_MAXIMUM_ADDRESS_OFFSET    24u
#define DXGWIRE_D3DDDI_RESERVEGPUVIRTUALADDRESS_SIZE_OFFSET               32u
#define DXGWIRE_D3DDDI_RESERVEGPUVIRTUALADDRESS_RESERVATION_TYPE_OFFSET   40u
#define DXGWIRE_D3DDDI_RESERVEGPUVIRTUALADDRESS_DRIVER_PROTECTION_OFFSET  48u
#define DXGWIRE_D3DDDI_RESERVEGPUVIRTUALADDRESS_VIRTUAL_ADDRESS_OFFSET    56u
#define DXGWIRE_D3DDDI_RESERVEGPUVIRTUALADDRESS_PAGING_FENCE_VALUE_OFFSET 64u

struct dxgwire_dxgkvmb_command_reservegpuvirtualaddress {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  struct dxgwire_d3dddi_reservegpuvirtualaddress args;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_reservegpuvirtualaddress) == 96);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_reservegpuvirtualaddress, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_reservegpuvirtualaddress, args) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_RESERVEGPUVIRTUALADDRESS_SIZE        96u
#define DXGWIRE_DXGKVMB_COMMAND_RESERVEGPUVIRTUALADDRESS_HDR_OFFSET  0u
#define DXGWIRE_DXGKVMB_COMMAND_RESERVEGPUVIRTUALADDRESS_ARGS_OFFSET 24u

struct dxgwire_dxgkvmb_command_reservegpuvirtualaddress_return {
  uint64_t virtual_address;
  uint64_t paging_fence_value;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_reservegpuvirtualaddress_return) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_reservegpuvirtualaddress_return, virtual_address) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_reservegpuvirtualaddress_return, paging_fence_value) == 8);
#define DXGWIRE_DXGKVMB_COMMAND_RESERVEGPUVIRTUALADDRESS_RETURN_SIZE                      16u
#define DXGWIRE_DXGKVMB_COMMAND_RESERVEGPUVIRTUALADDRESS_RETURN_VIRTUAL_ADDRESS_OFFSET    0u
#define DXGWIRE_DXGKVMB_COMMAND_RESERVEGPUVIRTUALADDRESS_RETURN_PAGING_FENCE_VALUE_OFFSET 8u

struct dxgwire_d3dddi_updategpuvirtualaddress_operation_map {
  uint64_t base_address;
  uint64_t size;
  uint32_t allocation; /* handle */
  uint64_t allocation_offset;
  uint64_t allocation_size;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation_map) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation_map, base_address) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation_map, size) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation_map, allocation) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation_map, allocation_offset) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation_map, allocation_size) == 32);
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_MAP_SIZE                     40u
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_MAP_BASE_ADDRESS_OFFSET      0u
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_MAP_SIZE_OFFSET              8u
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_MAP_ALLOCATION_OFFSET        16u
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_MAP_ALLOCATION_OFFSET_OFFSET 24u
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_MAP_ALLOCATION_SIZE_OFFSET   32u

struct dxgwire_d3dddi_updategpuvirtualaddress_operation_map_protect {
  uint64_t base_address;
  uint64_t size;
  uint32_t allocation; /* handle */
  uint64_t allocation_offset;
  uint64_t allocation_size;
  uint64_t protection; /* flags: d3dddigpuva_protection_type */
  uint64_t driver_protection;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation_map_protect) == 56);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation_map_protect, base_address) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation_map_protect, size) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation_map_protect, allocation) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation_map_protect, allocation_offset) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation_map_protect, allocation_size) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation_map_protect, protection) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation_map_protect, driver_protection) == 48);
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_MAP_PROTECT_SIZE                     56u
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_MAP_PROTECT_BASE_ADDRESS_OFFSET      0u
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_MAP_PROTECT_SIZE_OFFSET              8u
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_MAP_PROTECT_ALLOCATION_OFFSET        16u
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_MAP_PROTECT_ALLOCATION_OFFSET_OFFSET 24u
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_MAP_PROTECT_ALLOCATION_SIZE_OFFSET   32u
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_MAP_PROTECT_PROTECTION_OFFSET        40u
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_MAP_PROTECT_DRIVER_PROTECTION_OFFSET 48u

struct dxgwire_d3dddi_updategpuvirtualaddress_operation_unmap {
  uint64_t base_address;
  uint64_t size;
  uint64_t protection; /* flags: d3dddigpuva_protection_type */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation_unmap) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation_unmap, base_address) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation_unmap, size) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation_unmap, protection) == 16);
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_UNMAP_SIZE                24u
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_UNMAP_BASE_ADDRESS_OFFSET 0u
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_UNMAP_SIZE_OFFSET         8u
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_UNMAP_PROTECTION_OFFSET   16u

struct dxgwire_d3dddi_updategpuvirtualaddress_operation_copy {
  uint64_t source_address;
  uint64_t size;
  uint64_t dest_address;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation_copy) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation_copy, source_address) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation_copy, size) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation_copy, dest_address) == 16);
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_COPY_SIZE                  24u
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_COPY_SOURCE_ADDRESS_OFFSET 0u
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_COPY_SIZE_OFFSET           8u
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_COPY_DEST_ADDRESS_OFFSET   16u

struct dxgwire_d3dddi_updategpuvirtualaddress_operation {
  uint32_t operation; /* enum d3dddi_updategpuvirtualaddress_operation_type */
  union {
    struct dxgwire_d3dddi_updategpuvirtualaddress_operation_map map;
    struct dxgwire_d3dddi_updategpuvirtualaddress_operation_map_protect map_protect;
    struct dxgwire_d3dddi_updategpuvirtualaddress_operation_unmap unmap;
    struct dxgwire_d3dddi_updategpuvirtualaddress_operation_copy copy;
  };
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation) == 64);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation, operation) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation, map) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation, map_protect) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation, unmap) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_updategpuvirtualaddress_operation, copy) == 8);
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_SIZE               64u
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_OPERATION_OFFSET   0u
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_MAP_OFFSET         8u
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_MAP_PROTECT_OFFSET 8u
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_UNMAP_OFFSET       8u
#define DXGWIRE_D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_COPY_OFFSET        8u

struct dxgwire_dxgkvmb_command_updategpuvirtualaddress {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint64_t fence_value;
  uint32_t device; /* handle */
  uint32_t context; /* handle */
  uint32_t fence_object; /* handle */
  uint32_t num_operations;
  uint32_t flags;
  struct dxgwire_d3dddi_updategpuvirtualaddress_operation operations[1];
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_updategpuvirtualaddress) == 120);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_updategpuvirtualaddress, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_updategpuvirtualaddress, fence_value) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_updategpuvirtualaddress, device) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_updategpuvirtualaddress, context) == 36);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_updategpuvirtualaddress, fence_object) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_updategpuvirtualaddress, num_operations) == 44);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_updategpuvirtualaddress, flags) == 48);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_updategpuvirtualaddress, operations) == 56);
#define DXGWIRE_DXGKVMB_COMMAND_UPDATEGPUVIRTUALADDRESS_SIZE                  120u
#define DXGWIRE_DXGKVMB_COMMAND_UPDATEGPUVIRTUALADDRESS_HDR_OFFSET            0u
#define DXGWIRE_DXGKVMB_COMMAND_UPDATEGPUVIRTUALADDRESS_FENCE_VALUE_OFFSET    24u
#define DXGWIRE_DXGKVMB_COMMAND_UPDATEGPUVIRTUALADDRESS_DEVICE_OFFSET         32u
#define DXGWIRE_DXGKVMB_COMMAND_UPDATEGPUVIRTUALADDRESS_CONTEXT_OFFSET        36u
#define DXGWIRE_DXGKVMB_COMMAND_UPDATEGPUVIRTUALADDRESS_FENCE_OBJECT_OFFSET   40u
#define DXGWIRE_DXGKVMB_COMMAND_UPDATEGPUVIRTUALADDRESS_NUM_OPERATIONS_OFFSET 44u
#define DXGWIRE_DXGKVMB_COMMAND_UPDATEGPUVIRTUALADDRESS_FLAGS_OFFSET          48u
#define DXGWIRE_DXGKVMB_COMMAND_UPDATEGPUVIRTUALADDRESS_OPERATIONS_OFFSET     56u

struct dxgwire_d3dddi_synchronizationobjectinfo2_synchronization_mutex {
  uint32_t initial_state;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dddi_synchronizationobjectinfo2_synchronization_mutex) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2_synchronization_mutex, initial_state) == 0);
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_SYNCHRONIZATION_MUTEX_SIZE                 4u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_SYNCHRONIZATION_MUTEX_INITIAL_STATE_OFFSET 0u

struct dxgwire_d3dddi_synchronizationobjectinfo2_semaphore {
  uint32_t max_count;
  uint32_t initial_count;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dddi_synchronizationobjectinfo2_semaphore) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2_semaphore, max_count) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2_semaphore, initial_count) == 4);
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_SEMAPHORE_SIZE                 8u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_SEMAPHORE_MAX_COUNT_OFFSET     0u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_SEMAPHORE_INITIAL_COUNT_OFFSET 4u

struct dxgwire_d3dddi_synchronizationobjectinfo2_fence {
  uint64_t fence_value;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dddi_synchronizationobjectinfo2_fence) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2_fence, fence_value) == 0);
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_FENCE_SIZE               8u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_FENCE_FENCE_VALUE_OFFSET 0u

struct dxgwire_d3dddi_synchronizationobjectinfo2_cpu_notification {
  uint64_t event;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dddi_synchronizationobjectinfo2_cpu_notification) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2_cpu_notification, event) == 0);
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_CPU_NOTIFICATION_SIZE         8u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_CPU_NOTIFICATION_EVENT_OFFSET 0u

struct dxgwire_d3dddi_synchronizationobjectinfo2_monitored_fence {
  uint64_t initial_fence_value;
  uint64_t fence_cpu_virtual_address; /* address of one side, an opaque token to the other */
  uint64_t fence_gpu_virtual_address;
  uint32_t engine_affinity;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dddi_synchronizationobjectinfo2_monitored_fence) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2_monitored_fence, initial_fence_value) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2_monitored_fence, fence_cpu_virtual_address) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2_monitored_fence, fence_gpu_virtual_address) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2_monitored_fence, engine_affinity) == 24);
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_MONITORED_FENCE_SIZE                             32u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_MONITORED_FENCE_INITIAL_FENCE_VALUE_OFFSET       0u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_MONITORED_FENCE_FENCE_CPU_VIRTUAL_ADDRESS_OFFSET 8u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_MONITORED_FENCE_FENCE_GPU_VIRTUAL_ADDRESS_OFFSET 16u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_MONITORED_FENCE_ENGINE_AFFINITY_OFFSET           24u

struct dxgwire_d3dddi_synchronizationobjectinfo2_periodic_monitored_fence {
  uint32_t adapter; /* handle */
  uint32_t vidpn_target_id;
  uint64_t time;
  uint64_t fence_cpu_virtual_address; /* address of one side, an opaque token to the other */
  uint64_t fence_gpu_virtual_address;
  uint32_t engine_affinity;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dddi_synchronizationobjectinfo2_periodic_monitored_fence) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2_periodic_monitored_fence, adapter) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2_periodic_monitored_fence, vidpn_target_id) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2_periodic_monitored_fence, time) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2_periodic_monitored_fence, fence_cpu_virtual_address) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2_periodic_monitored_fence, fence_gpu_virtual_address) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2_periodic_monitored_fence, engine_affinity) == 32);
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_PERIODIC_MONITORED_FENCE_SIZE                             40u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_PERIODIC_MONITORED_FENCE_ADAPTER_OFFSET                   0u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_PERIODIC_MONITORED_FENCE_VIDPN_TARGET_ID_OFFSET           4u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_PERIODIC_MONITORED_FENCE_TIME_OFFSET                      8u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_PERIODIC_MONITORED_FENCE_FENCE_CPU_VIRTUAL_ADDRESS_OFFSET 16u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_PERIODIC_MONITORED_FENCE_FENCE_GPU_VIRTUAL_ADDRESS_OFFSET 24u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_PERIODIC_MONITORED_FENCE_ENGINE_AFFINITY_OFFSET           32u

struct dxgwire_d3dddi_synchronizationobjectinfo2_reserved {
  uint64_t reserved[8];
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dddi_synchronizationobjectinfo2_reserved) == 64);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2_reserved, reserved) == 0);
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_RESERVED_SIZE            64u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_RESERVED_RESERVED_OFFSET 0u

struct dxgwire_d3dddi_synchronizationobjectinfo2 {
  uint32_t type; /* enum d3dddi_synchronizationobject_type */
  uint32_t flags; /* flags: d3dddi_synchronizationobject_flags */
  union {
    struct dxgwire_d3dddi_synchronizationobjectinfo2_synchronization_mutex synchronization_mutex;
    struct dxgwire_d3dddi_synchronizationobjectinfo2_semaphore semaphore;
    struct dxgwire_d3dddi_synchronizationobjectinfo2_fence fence;
    struct dxgwire_d3dddi_synchronizationobjectinfo2_cpu_notification cpu_notification;
    struct dxgwire_d3dddi_synchronizationobjectinfo2_monitored_fence monitored_fence;
    struct dxgwire_d3dddi_synchronizationobjectinfo2_periodic_monitored_fence periodic_monitored_fence;
    struct dxgwire_d3dddi_synchronizationobjectinfo2_reserved reserved;
  };
  uint32_t shared_handle; /* handle */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dddi_synchronizationobjectinfo2) == 80);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2, type) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2, flags) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2, synchronization_mutex) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2, semaphore) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2, fence) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2, cpu_notification) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2, monitored_fence) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2, periodic_monitored_fence) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2, reserved) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dddi_synchronizationobjectinfo2, shared_handle) == 72);
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_SIZE                            80u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_TYPE_OFFSET                     0u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_FLAGS_OFFSET                    4u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_SYNCHRONIZATION_MUTEX_OFFSET    8u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_SEMAPHORE_OFFSET                8u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_FENCE_OFFSET                    8u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_CPU_NOTIFICATION_OFFSET         8u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_MONITORED_FENCE_OFFSET          8u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_PERIODIC_MONITORED_FENCE_OFFSET 8u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_RESERVED_OFFSET                 8u
#define DXGWIRE_D3DDDI_SYNCHRONIZATIONOBJECTINFO2_SHARED_HANDLE_OFFSET            72u

struct dxgwire_d3dkmt_createsynchronizationobject2 {
  uint32_t device; /* handle */
  uint32_t reserved;
  struct dxgwire_d3dddi_synchronizationobjectinfo2 info;
  uint32_t sync_object; /* handle */
  uint32_t reserved1;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dkmt_createsynchronizationobject2) == 96);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_createsynchronizationobject2, device) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_createsynchronizationobject2, reserved) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_createsynchronizationobject2, info) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_createsynchronizationobject2, sync_object) == 88);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_createsynchronizationobject2, reserved1) == 92);
#define DXGWIRE_D3DKMT_CREATESYNCHRONIZATIONOBJECT2_SIZE               96u
#define DXGWIRE_D3DKMT_CREATESYNCHRONIZATIONOBJECT2_DEVICE_OFFSET      0u
#define DXGWIRE_D3DKMT_CREATESYNCHRONIZATIONOBJECT2_RESERVED_OFFSET    4u
#define DXGWIRE_D3DKMT_CREATESYNCHRONIZATIONOBJECT2_INFO_OFFSET        8u
#define DXGWIRE_D3DKMT_CREATESYNCHRONIZATIONOBJECT2_SYNC_OBJECT_OFFSET 88u
#define DXGWIRE_D3DKMT_CREATESYNCHRONIZATIONOBJECT2_RESERVED1_OFFSET   92u

struct dxgwire_dxgkvmb_command_createsyncobject {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  struct dxgwire_d3dkmt_createsynchronizationobject2 args;
  uint32_t client_hint;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_createsyncobject) == 128);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createsyncobject, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createsyncobject, args) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createsyncobject, client_hint) == 120);
#define DXGWIRE_DXGKVMB_COMMAND_CREATESYNCOBJECT_SIZE               128u
#define DXGWIRE_DXGKVMB_COMMAND_CREATESYNCOBJECT_HDR_OFFSET         0u
#define DXGWIRE_DXGKVMB_COMMAND_CREATESYNCOBJECT_ARGS_OFFSET        24u
#define DXGWIRE_DXGKVMB_COMMAND_CREATESYNCOBJECT_CLIENT_HINT_OFFSET 120u

struct dxgwire_dxgkvmb_command_createsyncobject_return {
  uint32_t sync_object; /* handle */
  uint32_t global_sync_object; /* handle */
  uint64_t fence_gpu_va;
  uint64_t fence_storage_address;
  uint32_t fence_storage_offset;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_createsyncobject_return) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createsyncobject_return, sync_object) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createsyncobject_return, global_sync_object) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createsyncobject_return, fence_gpu_va) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createsyncobject_return, fence_storage_address) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createsyncobject_return, fence_storage_offset) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_CREATESYNCOBJECT_RETURN_SIZE                         32u
#define DXGWIRE_DXGKVMB_COMMAND_CREATESYNCOBJECT_RETURN_SYNC_OBJECT_OFFSET           0u
#define DXGWIRE_DXGKVMB_COMMAND_CREATESYNCOBJECT_RETURN_GLOBAL_SYNC_OBJECT_OFFSET    4u
#define DXGWIRE_DXGKVMB_COMMAND_CREATESYNCOBJECT_RETURN_FENCE_GPU_VA_OFFSET          8u
#define DXGWIRE_DXGKVMB_COMMAND_CREATESYNCOBJECT_RETURN_FENCE_STORAGE_ADDRESS_OFFSET 16u
#define DXGWIRE_DXGKVMB_COMMAND_CREATESYNCOBJECT_RETURN_FENCE_STORAGE_OFFSET_OFFSET  24u

struct dxgwire_dxgkvmb_command_destroysyncobject {
  struct dxgwire_dxgkvmb_command_vm_to_host hdr;
  uint32_t sync_object; /* handle */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_destroysyncobject) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_destroysyncobject, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_destroysyncobject, sync_object) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYSYNCOBJECT_SIZE               32u
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYSYNCOBJECT_HDR_OFFSET         0u
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYSYNCOBJECT_SYNC_OBJECT_OFFSET 24u

struct dxgwire_dxgkvmb_command_signalsyncobject {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t object_count;
  uint32_t flags; /* flags: d3dddicb_signalflags */
  uint32_t context_count;
  uint64_t fence_value;
  union {
    uint64_t cpu_event_handle;
    uint32_t device; /* handle */
  };
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_signalsyncobject) == 56);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_signalsyncobject, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_signalsyncobject, object_count) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_signalsyncobject, flags) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_signalsyncobject, context_count) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_signalsyncobject, fence_value) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_signalsyncobject, cpu_event_handle) == 48);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_signalsyncobject, device) == 48);
#define DXGWIRE_DXGKVMB_COMMAND_SIGNALSYNCOBJECT_SIZE                    56u
#define DXGWIRE_DXGKVMB_COMMAND_SIGNALSYNCOBJECT_HDR_OFFSET              0u
#define DXGWIRE_DXGKVMB_COMMAND_SIGNALSYNCOBJECT_OBJECT_COUNT_OFFSET     24u
#define DXGWIRE_DXGKVMB_COMMAND_SIGNALSYNCOBJECT_FLAGS_OFFSET            28u
#define DXGWIRE_DXGKVMB_COMMAND_SIGNALSYNCOBJECT_CONTEXT_COUNT_OFFSET    32u
#define DXGWIRE_DXGKVMB_COMMAND_SIGNALSYNCOBJECT_FENCE_VALUE_OFFSET      40u
#define DXGWIRE_DXGKVMB_COMMAND_SIGNALSYNCOBJECT_CPU_EVENT_HANDLE_OFFSET 48u
#define DXGWIRE_DXGKVMB_COMMAND_SIGNALSYNCOBJECT_DEVICE_OFFSET           48u

struct dxgwire_dxgkvmb_command_waitforsyncobjectfromcpu {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t device; /* handle */
  uint32_t object_count;
  uint32_t flags; /* flags: d3dddi_waitforsynchronizationobjectfromcpu_flags */
  uint64_t guest_event_pointer;
  uint8_t dereference_event; /* 0 or 1 */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_waitforsyncobjectfromcpu) == 56);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_waitforsyncobjectfromcpu, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_waitforsyncobjectfromcpu, device) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_waitforsyncobjectfromcpu, object_count) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_waitforsyncobjectfromcpu, flags) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_waitforsyncobjectfromcpu, guest_event_pointer) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_waitforsyncobjectfromcpu, dereference_event) == 48);
#define DXGWIRE_DXGKVMB_COMMAND_WAITFORSYNCOBJECTFROMCPU_SIZE                       56u
#define DXGWIRE_DXGKVMB_COMMAND_WAITFORSYNCOBJECTFROMCPU_HDR_OFFSET                 0u
#define DXGWIRE_DXGKVMB_COMMAND_WAITFORSYNCOBJECTFROMCPU_DEVICE_OFFSET              24u
#define DXGWIRE_DXGKVMB_COMMAND_WAITFORSYNCOBJECTFROMCPU_OBJECT_COUNT_OFFSET        28u
#define DXGWIRE_DXGKVMB_COMMAND_WAITFORSYNCOBJECTFROMCPU_FLAGS_OFFSET               32u
#define DXGWIRE_DXGKVMB_COMMAND_WAITFORSYNCOBJECTFROMCPU_GUEST_EVENT_POINTER_OFFSET 40u
#define DXGWIRE_DXGKVMB_COMMAND_WAITFORSYNCOBJECTFROMCPU_DEREFERENCE_EVENT_OFFSET   48u

struct dxgwire_dxgkvmb_command_waitforsyncobjectfromgpu {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t context; /* handle */
  uint32_t object_count;
  uint8_t legacy_fence_object; /* 0 or 1 */
  uint64_t fence_values[1];
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_waitforsyncobjectfromgpu) == 48);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_waitforsyncobjectfromgpu, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_waitforsyncobjectfromgpu, context) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_waitforsyncobjectfromgpu, object_count) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_waitforsyncobjectfromgpu, legacy_fence_object) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_waitforsyncobjectfromgpu, fence_values) == 40);
#define DXGWIRE_DXGKVMB_COMMAND_WAITFORSYNCOBJECTFROMGPU_SIZE                       48u
#define DXGWIRE_DXGKVMB_COMMAND_WAITFORSYNCOBJECTFROMGPU_HDR_OFFSET                 0u
#define DXGWIRE_DXGKVMB_COMMAND_WAITFORSYNCOBJECTFROMGPU_CONTEXT_OFFSET             24u
#define DXGWIRE_DXGKVMB_COMMAND_WAITFORSYNCOBJECTFROMGPU_OBJECT_COUNT_OFFSET        28u
#define DXGWIRE_DXGKVMB_COMMAND_WAITFORSYNCOBJECTFROMGPU_LEGACY_FENCE_OBJECT_OFFSET 32u
#define DXGWIRE_DXGKVMB_COMMAND_WAITFORSYNCOBJECTFROMGPU_FENCE_VALUES_OFFSET        40u

struct dxgwire_d3dkmt_submitcommand {
  uint64_t command_buffer;
  uint32_t command_length;
  uint32_t flags; /* flags: d3dkmt_submitcommandflags */
  uint64_t present_history_token;
  uint32_t broadcast_context_count;
  uint32_t broadcast_context[64]; /* handle */
  uint32_t reserved;
  uint64_t priv_drv_data; /* address of one side, an opaque token to the other */
  uint32_t priv_drv_data_size;
  uint32_t num_primaries;
  uint32_t written_primaries[16]; /* handle */
  uint32_t num_history_buffers;
  uint32_t reserved1;
  uint64_t history_buffer_array; /* address of one side, an opaque token to the other */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dkmt_submitcommand) == 384);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_submitcommand, command_buffer) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_submitcommand, command_length) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_submitcommand, flags) == 12);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_submitcommand, present_history_token) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_submitcommand, broadcast_context_count) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_submitcommand, broadcast_context) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_submitcommand, reserved) == 284);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_submitcommand, priv_drv_data) == 288);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_submitcommand, priv_drv_data_size) == 296);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_submitcommand, num_primaries) == 300);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_submitcommand, written_primaries) == 304);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_submitcommand, num_history_buffers) == 368);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_submitcommand, reserved1) == 372);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_submitcommand, history_buffer_array) == 376);
#define DXGWIRE_D3DKMT_SUBMITCOMMAND_SIZE                           384u
#define DXGWIRE_D3DKMT_SUBMITCOMMAND_COMMAND_BUFFER_OFFSET          0u
#define DXGWIRE_D3DKMT_SUBMITCOMMAND_COMMAND_LENGTH_OFFSET          8u
#define DXGWIRE_D3DKMT_SUBMITCOMMAND_FLAGS_OFFSET                   12u
#define DXGWIRE_D3DKMT_SUBMITCOMMAND_PRESENT_HISTORY_TOKEN_OFFSET   16u
#define DXGWIRE_D3DKMT_SUBMITCOMMAND_BROADCAST_CONTEXT_COUNT_OFFSET 24u
#define DXGWIRE_D3DKMT_SUBMITCOMMAND_BROADCAST_CONTEXT_OFFSET       28u
#define DXGWIRE_D3DKMT_SUBMITCOMMAND_RESERVED_OFFSET                284u
#define DXGWIRE_D3DKMT_SUBMITCOMMAND_PRIV_DRV_DATA_OFFSET           288u
#define DXGWIRE_D3DKMT_SUBMITCOMMAND_PRIV_DRV_DATA_SIZE_OFFSET      296u
#define DXGWIRE_D3DKMT_SUBMITCOMMAND_NUM_PRIMARIES_OFFSET           300u
#define DXGWIRE_D3DKMT_SUBMITCOMMAND_WRITTEN_PRIMARIES_OFFSET       304u
#define DXGWIRE_D3DKMT_SUBMITCOMMAND_NUM_HISTORY_BUFFERS_OFFSET     368u
#define DXGWIRE_D3DKMT_SUBMITCOMMAND_RESERVED1_OFFSET               372u
#define DXGWIRE_D3DKMT_SUBMITCOMMAND_HISTORY_BUFFER_ARRAY_OFFSET    376u

struct dxgwire_dxgkvmb_command_submitcommand {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  struct dxgwire_d3dkmt_submitcommand args;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_submitcommand) == 408);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_submitcommand, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_submitcommand, args) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_SUBMITCOMMAND_SIZE        408u
#define DXGWIRE_DXGKVMB_COMMAND_SUBMITCOMMAND_HDR_OFFSET  0u
#define DXGWIRE_DXGKVMB_COMMAND_SUBMITCOMMAND_ARGS_OFFSET 24u

struct dxgwire_d3dkmt_submitcommandtohwqueue {
  uint32_t hwqueue; /* handle */
  uint32_t reserved;
  uint64_t hwqueue_progress_fence_id;
  uint64_t command_buffer;
  uint32_t command_length;
  uint32_t priv_drv_data_size;
  uint64_t priv_drv_data; /* address of one side, an opaque token to the other */
  uint32_t num_primaries;
  uint32_t reserved1;
  uint64_t written_primaries; /* address of one side, an opaque token to the other */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_d3dkmt_submitcommandtohwqueue) == 56);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_submitcommandtohwqueue, hwqueue) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_submitcommandtohwqueue, reserved) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_submitcommandtohwqueue, hwqueue_progress_fence_id) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_submitcommandtohwqueue, command_buffer) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_submitcommandtohwqueue, command_length) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_submitcommandtohwqueue, priv_drv_data_size) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_submitcommandtohwqueue, priv_drv_data) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_submitcommandtohwqueue, num_primaries) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_submitcommandtohwqueue, reserved1) == 44);
DXGWIRE_ASSERT(offsetof(struct dxgwire_d3dkmt_submitcommandtohwqueue, written_primaries) == 48);
#define DXGWIRE_D3DKMT_SUBMITCOMMANDTOHWQUEUE_SIZE                             56u
#define DXGWIRE_D3DKMT_SUBMITCOMMANDTOHWQUEUE_HWQUEUE_OFFSET                   0u
#define DXGWIRE_D3DKMT_SUBMITCOMMANDTOHWQUEUE_RESERVED_OFFSET                  4u
#define DXGWIRE_D3DKMT_SUBMITCOMMANDTOHWQUEUE_HWQUEUE_PROGRESS_FENCE_ID_OFFSET 8u
#define DXGWIRE_D3DKMT_SUBMITCOMMANDTOHWQUEUE_COMMAND_BUFFER_OFFSET            16u
#define DXGWIRE_D3DKMT_SUBMITCOMMANDTOHWQUEUE_COMMAND_LENGTH_OFFSET            24u
#define DXGWIRE_D3DKMT_SUBMITCOMMANDTOHWQUEUE_PRIV_DRV_DATA_SIZE_OFFSET        28u
#define DXGWIRE_D3DKMT_SUBMITCOMMANDTOHWQUEUE_PRIV_DRV_DATA_OFFSET             32u
#define DXGWIRE_D3DKMT_SUBMITCOMMANDTOHWQUEUE_NUM_PRIMARIES_OFFSET             40u
#define DXGWIRE_D3DKMT_SUBMITCOMMANDTOHWQUEUE_RESERVED1_OFFSET                 44u
#define DXGWIRE_D3DKMT_SUBMITCOMMANDTOHWQUEUE_WRITTEN_PRIMARIES_OFFSET         48u

struct dxgwire_dxgkvmb_command_submitcommandtohwqueue {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  struct dxgwire_d3dkmt_submitcommandtohwqueue args;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_submitcommandtohwqueue) == 80);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_submitcommandtohwqueue, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_submitcommandtohwqueue, args) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_SUBMITCOMMANDTOHWQUEUE_SIZE        80u
#define DXGWIRE_DXGKVMB_COMMAND_SUBMITCOMMANDTOHWQUEUE_HDR_OFFSET  0u
#define DXGWIRE_DXGKVMB_COMMAND_SUBMITCOMMANDTOHWQUEUE_ARGS_OFFSET 24u

struct dxgwire_dxgkvmb_command_createntsharedobject {
  struct dxgwire_dxgkvmb_command_vm_to_host hdr;
  uint32_t object; /* handle */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_createntsharedobject) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createntsharedobject, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_createntsharedobject, object) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_CREATENTSHAREDOBJECT_SIZE          32u
#define DXGWIRE_DXGKVMB_COMMAND_CREATENTSHAREDOBJECT_HDR_OFFSET    0u
#define DXGWIRE_DXGKVMB_COMMAND_CREATENTSHAREDOBJECT_OBJECT_OFFSET 24u

struct dxgwire_dxgkvmb_command_destroyntsharedobject {
  struct dxgwire_dxgkvmb_command_vm_to_host hdr;
  uint32_t shared_handle; /* handle */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_destroyntsharedobject) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_destroyntsharedobject, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_destroyntsharedobject, shared_handle) == 24);
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYNTSHAREDOBJECT_SIZE                 32u
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYNTSHAREDOBJECT_HDR_OFFSET           0u
#define DXGWIRE_DXGKVMB_COMMAND_DESTROYNTSHAREDOBJECT_SHARED_HANDLE_OFFSET 24u

struct dxgwire_dxgkvmb_command_openresource {
  struct dxgwire_dxgkvmb_command_vgpu_to_host hdr;
  uint32_t device; /* handle */
  uint8_t nt_security_sharing; /* 0 or 1 */
  uint32_t global_share; /* handle */
  uint32_t allocation_count;
  uint32_t total_priv_drv_data_size;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_openresource) == 48);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_openresource, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_openresource, device) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_openresource, nt_security_sharing) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_openresource, global_share) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_openresource, allocation_count) == 36);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_openresource, total_priv_drv_data_size) == 40);
#define DXGWIRE_DXGKVMB_COMMAND_OPENRESOURCE_SIZE                            48u
#define DXGWIRE_DXGKVMB_COMMAND_OPENRESOURCE_HDR_OFFSET                      0u
#define DXGWIRE_DXGKVMB_COMMAND_OPENRESOURCE_DEVICE_OFFSET                   24u
#define DXGWIRE_DXGKVMB_COMMAND_OPENRESOURCE_NT_SECURITY_SHARING_OFFSET      28u
#define DXGWIRE_DXGKVMB_COMMAND_OPENRESOURCE_GLOBAL_SHARE_OFFSET             32u
#define DXGWIRE_DXGKVMB_COMMAND_OPENRESOURCE_ALLOCATION_COUNT_OFFSET         36u
#define DXGWIRE_DXGKVMB_COMMAND_OPENRESOURCE_TOTAL_PRIV_DRV_DATA_SIZE_OFFSET 40u

struct dxgwire_dxgkvmb_command_openresource_return {
  uint32_t resource; /* handle */
  uint32_t status; /* NTSTATUS */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_openresource_return) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_openresource_return, resource) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_openresource_return, status) == 4);
#define DXGWIRE_DXGKVMB_COMMAND_OPENRESOURCE_RETURN_SIZE            8u
#define DXGWIRE_DXGKVMB_COMMAND_OPENRESOURCE_RETURN_RESOURCE_OFFSET 0u
#define DXGWIRE_DXGKVMB_COMMAND_OPENRESOURCE_RETURN_STATUS_OFFSET   4u

struct dxgwire_dxgkvmb_command_opensyncobject {
  struct dxgwire_dxgkvmb_command_vm_to_host hdr;
  uint32_t device; /* handle */
  uint32_t global_sync_object; /* handle */
  uint32_t engine_affinity;
  uint32_t flags; /* flags: d3dddi_synchronizationobject_flags */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_opensyncobject) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_opensyncobject, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_opensyncobject, device) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_opensyncobject, global_sync_object) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_opensyncobject, engine_affinity) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_opensyncobject, flags) == 36);
#define DXGWIRE_DXGKVMB_COMMAND_OPENSYNCOBJECT_SIZE                      40u
#define DXGWIRE_DXGKVMB_COMMAND_OPENSYNCOBJECT_HDR_OFFSET                0u
#define DXGWIRE_DXGKVMB_COMMAND_OPENSYNCOBJECT_DEVICE_OFFSET             24u
#define DXGWIRE_DXGKVMB_COMMAND_OPENSYNCOBJECT_GLOBAL_SYNC_OBJECT_OFFSET 28u
#define DXGWIRE_DXGKVMB_COMMAND_OPENSYNCOBJECT_ENGINE_AFFINITY_OFFSET    32u
#define DXGWIRE_DXGKVMB_COMMAND_OPENSYNCOBJECT_FLAGS_OFFSET              36u

struct dxgwire_dxgkvmb_command_opensyncobject_return {
  uint32_t sync_object; /* handle */
  uint32_t status; /* NTSTATUS */
  uint64_t gpu_virtual_address;
  uint64_t guest_cpu_physical_address;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_opensyncobject_return) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_opensyncobject_return, sync_object) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_opensyncobject_return, status) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_opensyncobject_return, gpu_virtual_address) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_opensyncobject_return, guest_cpu_physical_address) == 16);
#define DXGWIRE_DXGKVMB_COMMAND_OPENSYNCOBJECT_RETURN_SIZE                              24u
#define DXGWIRE_DXGKVMB_COMMAND_OPENSYNCOBJECT_RETURN_SYNC_OBJECT_OFFSET                0u
#define DXGWIRE_DXGKVMB_COMMAND_OPENSYNCOBJECT_RETURN_STATUS_OFFSET                     4u
#define DXGWIRE_DXGKVMB_COMMAND_OPENSYNCOBJECT_RETURN_GPU_VIRTUAL_ADDRESS_OFFSET        8u
#define DXGWIRE_DXGKVMB_COMMAND_OPENSYNCOBJECT_RETURN_GUEST_CPU_PHYSICAL_ADDRESS_OFFSET 16u

struct dxgwire_dxgkvmb_command_shareobjectwithhost {
  struct dxgwire_dxgkvmb_command_vm_to_host hdr;
  uint32_t device_handle; /* handle */
  uint32_t object_handle; /* handle */
  uint64_t reserved;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_shareobjectwithhost) == 40);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_shareobjectwithhost, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_shareobjectwithhost, device_handle) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_shareobjectwithhost, object_handle) == 28);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_shareobjectwithhost, reserved) == 32);
#define DXGWIRE_DXGKVMB_COMMAND_SHAREOBJECTWITHHOST_SIZE                 40u
#define DXGWIRE_DXGKVMB_COMMAND_SHAREOBJECTWITHHOST_HDR_OFFSET           0u
#define DXGWIRE_DXGKVMB_COMMAND_SHAREOBJECTWITHHOST_DEVICE_HANDLE_OFFSET 24u
#define DXGWIRE_DXGKVMB_COMMAND_SHAREOBJECTWITHHOST_OBJECT_HANDLE_OFFSET 28u
#define DXGWIRE_DXGKVMB_COMMAND_SHAREOBJECTWITHHOST_RESERVED_OFFSET      32u

struct dxgwire_dxgkvmb_command_shareobjectwithhost_return {
  uint32_t status; /* NTSTATUS */
  uint32_t alignment;
  uint64_t vail_nt_handle;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_shareobjectwithhost_return) == 16);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_shareobjectwithhost_return, status) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_shareobjectwithhost_return, alignment) == 4);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_shareobjectwithhost_return, vail_nt_handle) == 8);
#define DXGWIRE_DXGKVMB_COMMAND_SHAREOBJECTWITHHOST_RETURN_SIZE                  16u
#define DXGWIRE_DXGKVMB_COMMAND_SHAREOBJECTWITHHOST_RETURN_STATUS_OFFSET         0u
#define DXGWIRE_DXGKVMB_COMMAND_SHAREOBJECTWITHHOST_RETURN_ALIGNMENT_OFFSET      4u
#define DXGWIRE_DXGKVMB_COMMAND_SHAREOBJECTWITHHOST_RETURN_VAIL_NT_HANDLE_OFFSET 8u

struct dxgwire_dxgkvmb_command_host_to_vm {
  uint64_t command_id;
  uint32_t process; /* handle */
  uint32_t channel_type : 8;
  uint32_t async_msg : 1;
  uint32_t reserved : 23;
  uint32_t command_type; /* enum dxgkvmb_commandtype_host_to_vm */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_host_to_vm) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_host_to_vm, command_id) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_host_to_vm, process) == 8);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_host_to_vm, command_type) == 16);
#define DXGWIRE_DXGKVMB_COMMAND_HOST_TO_VM_SIZE                24u
#define DXGWIRE_DXGKVMB_COMMAND_HOST_TO_VM_COMMAND_ID_OFFSET   0u
#define DXGWIRE_DXGKVMB_COMMAND_HOST_TO_VM_PROCESS_OFFSET      8u
#define DXGWIRE_DXGKVMB_COMMAND_HOST_TO_VM_CHANNEL_TYPE_SHIFT  0u
#define DXGWIRE_DXGKVMB_COMMAND_HOST_TO_VM_CHANNEL_TYPE_MASK   255u
#define DXGWIRE_DXGKVMB_COMMAND_HOST_TO_VM_ASYNC_MSG_SHIFT     8u
#define DXGWIRE_DXGKVMB_COMMAND_HOST_TO_VM_ASYNC_MSG_MASK      1u
#define DXGWIRE_DXGKVMB_COMMAND_HOST_TO_VM_RESERVED_SHIFT      9u
#define DXGWIRE_DXGKVMB_COMMAND_HOST_TO_VM_RESERVED_MASK       0x7fffffu
#define DXGWIRE_DXGKVMB_COMMAND_HOST_TO_VM_COMMAND_TYPE_OFFSET 16u

struct dxgwire_dxgkvmb_command_setguestdata {
  struct dxgwire_dxgkvmb_command_host_to_vm hdr;
  uint64_t guest_pointer; /* address of one side, an opaque token to the other */
  union {
    uint64_t data64;
    uint32_t data32;
  };
  uint32_t dereference : 1;
  uint32_t data_type : 4;
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_setguestdata) == 48);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setguestdata, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setguestdata, guest_pointer) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setguestdata, data64) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_setguestdata, data32) == 32);
#define DXGWIRE_DXGKVMB_COMMAND_SETGUESTDATA_SIZE                 48u
#define DXGWIRE_DXGKVMB_COMMAND_SETGUESTDATA_HDR_OFFSET           0u
#define DXGWIRE_DXGKVMB_COMMAND_SETGUESTDATA_GUEST_POINTER_OFFSET 24u
#define DXGWIRE_DXGKVMB_COMMAND_SETGUESTDATA_DATA64_OFFSET        32u
#define DXGWIRE_DXGKVMB_COMMAND_SETGUESTDATA_DATA32_OFFSET        32u
#define DXGWIRE_DXGKVMB_COMMAND_SETGUESTDATA_DEREFERENCE_SHIFT    0u
#define DXGWIRE_DXGKVMB_COMMAND_SETGUESTDATA_DEREFERENCE_MASK     1u
#define DXGWIRE_DXGKVMB_COMMAND_SETGUESTDATA_DATA_TYPE_SHIFT      1u
#define DXGWIRE_DXGKVMB_COMMAND_SETGUESTDATA_DATA_TYPE_MASK       15u

struct dxgwire_dxgkvmb_command_signalguestevent {
  struct dxgwire_dxgkvmb_command_host_to_vm hdr;
  uint64_t event;
  uint64_t process_id;
  uint8_t dereference_event; /* 0 or 1 */
};
DXGWIRE_ASSERT(sizeof(struct dxgwire_dxgkvmb_command_signalguestevent) == 48);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_signalguestevent, hdr) == 0);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_signalguestevent, event) == 24);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_signalguestevent, process_id) == 32);
DXGWIRE_ASSERT(offsetof(struct dxgwire_dxgkvmb_command_signalguestevent, dereference_event) == 40);
#define DXGWIRE_DXGKVMB_COMMAND_SIGNALGUESTEVENT_SIZE                     48u
#define DXGWIRE_DXGKVMB_COMMAND_SIGNALGUESTEVENT_HDR_OFFSET               0u
#define DXGWIRE_DXGKVMB_COMMAND_SIGNALGUESTEVENT_EVENT_OFFSET             24u
#define DXGWIRE_DXGKVMB_COMMAND_SIGNALGUESTEVENT_PROCESS_ID_OFFSET        32u
#define DXGWIRE_DXGKVMB_COMMAND_SIGNALGUESTEVENT_DEREFERENCE_EVENT_OFFSET 40u

/* Commands. */

/* AdapterStop: Numbered only: stops an adapter. */
#define DXGWIRE_VGPU_CMD_ADAPTER_STOP 30u

/* ChangeVideoMemoryReservation: Changes how much memory of a segment group is reserved for the process. request:
 * struct dxgwire_dxgkvmb_command_changevideomemoryreservation. reply: (one NTSTATUS). */
#define DXGWIRE_VGPU_CMD_CHANGE_VIDEO_MEMORY_RESERVATION            49u
#define DXGWIRE_CHANGE_VIDEO_MEMORY_RESERVATION_REQUEST_FIXED_BYTES 56u
#define DXGWIRE_CHANGE_VIDEO_MEMORY_RESERVATION_REPLY_FIXED_BYTES   4u

/* CloseAdapter: Last command to a virtual GPU: the host destroys everything on it. request: struct
 * dxgwire_dxgkvmb_command_closeadapter. reply: (nothing). */
#define DXGWIRE_VGPU_CMD_CLOSE_ADAPTER            15u
#define DXGWIRE_CLOSE_ADAPTER_REQUEST_FIXED_BYTES 32u
#define DXGWIRE_CLOSE_ADAPTER_REPLY_FIXED_BYTES   0u

/* DdiGetNodeMetadata: Numbered only: asks the display driver about an engine. */
#define DXGWIRE_VGPU_CMD_DDI_GET_NODE_METADATA 44u

/* DdiQueryAdapterInfo: Numbered only: asks the display driver about itself. */
#define DXGWIRE_VGPU_CMD_DDI_QUERY_ADAPTER_INFO 3u

/* Escape: Carries private data to the driver and back. request: struct dxgwire_dxgkvmb_command_escape, then
 * privDrvData (1 bytes each). reply: (raw bytes), then privDrvData (1 bytes each). */
#define DXGWIRE_VGPU_CMD_ESCAPE            13u
#define DXGWIRE_ESCAPE_REQUEST_FIXED_BYTES 48u
#define DXGWIRE_ESCAPE_REPLY_FIXED_BYTES   0u

/* FlushAdapter: Numbered only: flushes an adapter. */
#define DXGWIRE_VGPU_CMD_FLUSH_ADAPTER 43u

/* FlushHeapTransitions: Finishes pending moves of memory between heaps. request: struct
 * dxgwire_dxgkvmb_command_flushheaptransitions. reply: (one NTSTATUS). */
#define DXGWIRE_VGPU_CMD_FLUSH_HEAP_TRANSITIONS            37u
#define DXGWIRE_FLUSH_HEAP_TRANSITIONS_REQUEST_FIXED_BYTES 24u
#define DXGWIRE_FLUSH_HEAP_TRANSITIONS_REPLY_FIXED_BYTES   4u

/* GetDriverStoreFile: Numbered only: asks for a file of the driver store. */
#define DXGWIRE_VGPU_CMD_GET_DRIVER_STORE_FILE 53u

/* GetInternalAdapterInfo: Asks what the adapter is, its LUIDs and names, and whether messages may be asynchronous.
 * request: struct dxgwire_dxgkvmb_command_getinternaladapterinfo. reply: struct
 * dxgwire_dxgkvmb_command_getinternaladapterinfo_return. */
#define DXGWIRE_VGPU_CMD_GET_INTERNAL_ADAPTER_INFO            36u
#define DXGWIRE_GET_INTERNAL_ADAPTER_INFO_REQUEST_FIXED_BYTES 24u
#define DXGWIRE_GET_INTERNAL_ADAPTER_INFO_REPLY_FIXED_BYTES   712u

/* GetNextHardlink: Numbered only: asks for the next link of a driver store file. */
#define DXGWIRE_VGPU_CMD_GET_NEXT_HARDLINK 55u

/* IsFeatureEnabled: Asks whether a feature is enabled, and in which version. request: struct
 * dxgwire_dxgkvmb_command_isfeatureenabled. reply: struct dxgwire_dxgkvmb_command_isfeatureenabled_return. */
#define DXGWIRE_VGPU_CMD_IS_FEATURE_ENABLED            68u
#define DXGWIRE_IS_FEATURE_ENABLED_REQUEST_FIXED_BYTES 32u
#define DXGWIRE_IS_FEATURE_ENABLED_REPLY_FIXED_BYTES   16u

/* IsFeatureEnabledGlobal: Asks whether a feature is enabled, without an adapter; the Linux driver has the code but
 * never runs it. request: struct dxgwire_dxgkvmb_command_isfeatureenabled_gbl. reply: struct
 * dxgwire_dxgkvmb_command_isfeatureenabled_return. */
#define DXGWIRE_GLOBAL_CMD_IS_FEATURE_ENABLED_GLOBAL          1022u
#define DXGWIRE_IS_FEATURE_ENABLED_GLOBAL_REQUEST_FIXED_BYTES 32u
#define DXGWIRE_IS_FEATURE_ENABLED_GLOBAL_REPLY_FIXED_BYTES   16u

/* LogEvent: Numbered only: logs an event. */
#define DXGWIRE_VGPU_CMD_LOG_EVENT 65u

/* OpenAdapter: First command to a virtual GPU: agrees on versions and gets the host adapter handle. request:
 * struct dxgwire_dxgkvmb_command_openadapter. reply: struct dxgwire_dxgkvmb_command_openadapter_return. */
#define DXGWIRE_VGPU_CMD_OPEN_ADAPTER            14u
#define DXGWIRE_OPEN_ADAPTER_REQUEST_FIXED_BYTES 40u
#define DXGWIRE_OPEN_ADAPTER_REPLY_FIXED_BYTES   16u

/* QueryAdapterInfo: Asks for one of many descriptions of the adapter; the bytes sent travel to the host and come
 * back replaced. request: struct dxgwire_dxgkvmb_command_queryadapterinfo, then privateData (1 bytes each). reply:
 * struct dxgwire_dxgkvmb_command_queryadapterinfo_return, then privateData (1 bytes each). */
#define DXGWIRE_VGPU_CMD_QUERY_ADAPTER_INFO            2u
#define DXGWIRE_QUERY_ADAPTER_INFO_REQUEST_FIXED_BYTES 32u
#define DXGWIRE_QUERY_ADAPTER_INFO_REPLY_FIXED_BYTES   4u

/* QueryClockCalibration: Reads the GPU and CPU clocks of an engine at one moment. request: struct
 * dxgwire_dxgkvmb_command_queryclockcalibration. reply: struct
 * dxgwire_dxgkvmb_command_queryclockcalibration_return. */
#define DXGWIRE_VGPU_CMD_QUERY_CLOCK_CALIBRATION            62u
#define DXGWIRE_QUERY_CLOCK_CALIBRATION_REQUEST_FIXED_BYTES 64u
#define DXGWIRE_QUERY_CLOCK_CALIBRATION_REPLY_FIXED_BYTES   32u

/* QueryEtwSession: Numbered only: asks about a tracing session. */
#define DXGWIRE_GLOBAL_CMD_QUERY_ETW_SESSION 1009u

/* QueryStatistics: Asks for counters of the adapter, a process, a segment or an engine. request: struct
 * dxgwire_dxgkvmb_command_querystatistics. reply: struct dxgwire_dxgkvmb_command_querystatistics_return. */
#define DXGWIRE_VGPU_CMD_QUERY_STATISTICS            48u
#define DXGWIRE_QUERY_STATISTICS_REQUEST_FIXED_BYTES 832u
#define DXGWIRE_QUERY_STATISTICS_REPLY_FIXED_BYTES   784u

/* QueryVideoMemoryInfo: Asks how much memory of a segment group the process may use and uses. request: struct
 * dxgwire_dxgkvmb_command_queryvideomemoryinfo. reply: struct dxgwire_dxgkvmb_command_queryvideomemoryinfo_return. */
#define DXGWIRE_VGPU_CMD_QUERY_VIDEO_MEMORY_INFO            21u
#define DXGWIRE_QUERY_VIDEO_MEMORY_INFO_REQUEST_FIXED_BYTES 40u
#define DXGWIRE_QUERY_VIDEO_MEMORY_INFO_REPLY_FIXED_BYTES   32u

/* ReadDriverStoreFile: Numbered only: reads a file of the driver store. */
#define DXGWIRE_VGPU_CMD_READ_DRIVER_STORE_FILE 54u

/* SetIoSpaceRegion: Tells where in guest-physical memory the guest put the IO space. request: struct
 * dxgwire_dxgkvmb_command_setiospaceregion. reply: (one NTSTATUS). */
#define DXGWIRE_GLOBAL_CMD_SET_IO_SPACE_REGION          1010u
#define DXGWIRE_SET_IO_SPACE_REGION_REQUEST_FIXED_BYTES 48u
#define DXGWIRE_SET_IO_SPACE_REGION_REPLY_FIXED_BYTES   4u

/* CompleteTransaction: Numbered only: completes a transaction. */
#define DXGWIRE_GLOBAL_CMD_COMPLETE_TRANSACTION 1011u

/* CreateProcess: Announces a guest process, when it first opens the driver. request: struct
 * dxgwire_dxgkvmb_command_createprocess. reply: struct dxgwire_dxgkvmb_command_createprocess_return. */
#define DXGWIRE_GLOBAL_CMD_CREATE_PROCESS          1000u
#define DXGWIRE_CREATE_PROCESS_REQUEST_FIXED_BYTES 568u
#define DXGWIRE_CREATE_PROCESS_REPLY_FIXED_BYTES   4u

/* DestroyProcess: Destroys everything of a guest process that has ended or closed the driver. request: struct
 * dxgwire_dxgkvmb_command_destroyprocess. reply: (one NTSTATUS). */
#define DXGWIRE_GLOBAL_CMD_DESTROY_PROCESS          1001u
#define DXGWIRE_DESTROY_PROCESS_REQUEST_FIXED_BYTES 24u
#define DXGWIRE_DESTROY_PROCESS_REPLY_FIXED_BYTES   4u

/* NotifyProcessFreeze: Numbered only: says that a process is frozen. */
#define DXGWIRE_GLOBAL_CMD_NOTIFY_PROCESS_FREEZE 1007u

/* NotifyProcessThaw: Numbered only: says that a process runs again. */
#define DXGWIRE_GLOBAL_CMD_NOTIFY_PROCESS_THAW 1008u

/* CreateDevice: Makes a device: the owner of contexts, allocations and queues of one process on one virtual GPU.
 * request: struct dxgwire_dxgkvmb_command_createdevice. reply: struct dxgwire_dxgkvmb_command_createdevice_return. */
#define DXGWIRE_VGPU_CMD_CREATE_DEVICE            0u
#define DXGWIRE_CREATE_DEVICE_REQUEST_FIXED_BYTES 40u
#define DXGWIRE_CREATE_DEVICE_REPLY_FIXED_BYTES   4u

/* DestroyDevice: Destroys a device with everything that it owns; contexts and queues go without messages of their
 * own. request: struct dxgwire_dxgkvmb_command_destroydevice. reply: (one NTSTATUS). */
#define DXGWIRE_VGPU_CMD_DESTROY_DEVICE            1u
#define DXGWIRE_DESTROY_DEVICE_REQUEST_FIXED_BYTES 32u
#define DXGWIRE_DESTROY_DEVICE_REPLY_FIXED_BYTES   4u

/* FlushDevice: Says that a device is about to be destroyed with its process: queued work need not finish. request:
 * struct dxgwire_dxgkvmb_command_flushdevice. reply: (one NTSTATUS). */
#define DXGWIRE_VGPU_CMD_FLUSH_DEVICE            42u
#define DXGWIRE_FLUSH_DEVICE_REQUEST_FIXED_BYTES 32u
#define DXGWIRE_FLUSH_DEVICE_REPLY_FIXED_BYTES   4u

/* GetDeviceState: Asks whether a device still executes, and why not. request: struct
 * dxgwire_dxgkvmb_command_getdevicestate. reply: struct dxgwire_dxgkvmb_command_getdevicestate_return. */
#define DXGWIRE_VGPU_CMD_GET_DEVICE_STATE            28u
#define DXGWIRE_GET_DEVICE_STATE_REQUEST_FIXED_BYTES 80u
#define DXGWIRE_GET_DEVICE_STATE_REPLY_FIXED_BYTES   64u

/* MarkDeviceAsError: Puts a device into the error state. request: struct
 * dxgwire_dxgkvmb_command_markdeviceaserror. reply: (one NTSTATUS). */
#define DXGWIRE_VGPU_CMD_MARK_DEVICE_AS_ERROR            29u
#define DXGWIRE_MARK_DEVICE_AS_ERROR_REQUEST_FIXED_BYTES 32u
#define DXGWIRE_MARK_DEVICE_AS_ERROR_REPLY_FIXED_BYTES   4u

/* CreateContextVirtual: Makes a context: an ordered queue of work on one engine, with GPU virtual addresses.
 * request: struct dxgwire_dxgkvmb_command_createcontextvirtual, then privDrvData (1 bytes each). reply: struct
 * dxgwire_dxgkvmb_command_createcontextvirtual, then privDrvData (1 bytes each). */
#define DXGWIRE_VGPU_CMD_CREATE_CONTEXT_VIRTUAL            6u
#define DXGWIRE_CREATE_CONTEXT_VIRTUAL_REQUEST_FIXED_BYTES 52u
#define DXGWIRE_CREATE_CONTEXT_VIRTUAL_REPLY_FIXED_BYTES   52u

/* CreateHwQueue: Makes a hardware queue of a context, with a progress fence. request: struct
 * dxgwire_dxgkvmb_command_createhwqueue, then privDrvData (1 bytes each). reply: struct
 * dxgwire_dxgkvmb_command_createhwqueue, then privDrvData (1 bytes each). */
#define DXGWIRE_VGPU_CMD_CREATE_HW_QUEUE            50u
#define DXGWIRE_CREATE_HW_QUEUE_REQUEST_FIXED_BYTES 68u
#define DXGWIRE_CREATE_HW_QUEUE_REPLY_FIXED_BYTES   68u

/* DestroyContext: Destroys a context together with its hardware queues and their progress fences. request: struct
 * dxgwire_dxgkvmb_command_destroycontext. reply: (one NTSTATUS). */
#define DXGWIRE_VGPU_CMD_DESTROY_CONTEXT            7u
#define DXGWIRE_DESTROY_CONTEXT_REQUEST_FIXED_BYTES 32u
#define DXGWIRE_DESTROY_CONTEXT_REPLY_FIXED_BYTES   4u

/* DestroyHwQueue: Destroys a hardware queue and its progress fence. request: struct
 * dxgwire_dxgkvmb_command_destroyhwqueue. reply: (one NTSTATUS). */
#define DXGWIRE_VGPU_CMD_DESTROY_HW_QUEUE            51u
#define DXGWIRE_DESTROY_HW_QUEUE_REQUEST_FIXED_BYTES 32u
#define DXGWIRE_DESTROY_HW_QUEUE_REPLY_FIXED_BYTES   4u

/* GetContextSchedulingPriority: Asks for the priority of a context, among all processes or in its own. request:
 * struct dxgwire_dxgkvmb_command_getcontextschedulingpriority. reply: struct
 * dxgwire_dxgkvmb_command_getcontextschedulingpriority_return. */
#define DXGWIRE_VGPU_CMD_GET_CONTEXT_SCHEDULING_PRIORITY            61u
#define DXGWIRE_GET_CONTEXT_SCHEDULING_PRIORITY_REQUEST_FIXED_BYTES 32u
#define DXGWIRE_GET_CONTEXT_SCHEDULING_PRIORITY_REPLY_FIXED_BYTES   8u

/* SetContextSchedulingPriority: Sets the priority of a context, among all processes or in its own. request: struct
 * dxgwire_dxgkvmb_command_setcontextschedulingpriority2. reply: (one NTSTATUS). */
#define DXGWIRE_VGPU_CMD_SET_CONTEXT_SCHEDULING_PRIORITY            33u
#define DXGWIRE_SET_CONTEXT_SCHEDULING_PRIORITY_REQUEST_FIXED_BYTES 40u
#define DXGWIRE_SET_CONTEXT_SCHEDULING_PRIORITY_REPLY_FIXED_BYTES   4u

/* CreateAllocation: Makes allocations, alone or in a new or existing resource, with private data for the driver in
 * and out. request: struct dxgwire_dxgkvmb_command_createallocation, then allocInfo (12 bytes each),
 * privateRuntimeData (1 bytes each), privDrvData (1 bytes each). reply: struct
 * dxgwire_dxgkvmb_command_createallocation_return, then allocationInfo (72 bytes each). */
#define DXGWIRE_VGPU_CMD_CREATE_ALLOCATION            4u
#define DXGWIRE_CREATE_ALLOCATION_REQUEST_FIXED_BYTES 64u
#define DXGWIRE_CREATE_ALLOCATION_REPLY_FIXED_BYTES   16u

/* DdiGetStandardAllocationDriverData: Asks which private data a standard allocation has: first the sizes, then the
 * bytes. request: struct dxgwire_dxgkvmb_command_getstandardallocprivdata. reply: struct
 * dxgwire_dxgkvmb_command_getstandardallocprivdata_return, then allocPrivData (1 bytes each), resourcePrivData (1
 * bytes each). */
#define DXGWIRE_VGPU_CMD_DDI_GET_STANDARD_ALLOCATION_DRIVER_DATA            39u
#define DXGWIRE_DDI_GET_STANDARD_ALLOCATION_DRIVER_DATA_REQUEST_FIXED_BYTES 64u
#define DXGWIRE_DDI_GET_STANDARD_ALLOCATION_DRIVER_DATA_REPLY_FIXED_BYTES   36u

/* DestroyAllocation: Destroys allocations by handle, or a resource with all of its allocations. request: struct
 * dxgwire_dxgkvmb_command_destroyallocation, then allocations (4 bytes each). reply: (one NTSTATUS). */
#define DXGWIRE_VGPU_CMD_DESTROY_ALLOCATION            5u
#define DXGWIRE_DESTROY_ALLOCATION_REQUEST_FIXED_BYTES 40u
#define DXGWIRE_DESTROY_ALLOCATION_REPLY_FIXED_BYTES   4u

/* GetAllocationPriority: Asks for residency priorities of allocations, or of a resource. request: struct
 * dxgwire_dxgkvmb_command_getallocationpriority, then allocations (4 bytes each). reply: struct
 * dxgwire_dxgkvmb_command_getallocationpriority_return, then priorities (4 bytes each). */
#define DXGWIRE_VGPU_CMD_GET_ALLOCATION_PRIORITY            60u
#define DXGWIRE_GET_ALLOCATION_PRIORITY_REQUEST_FIXED_BYTES 40u
#define DXGWIRE_GET_ALLOCATION_PRIORITY_REPLY_FIXED_BYTES   4u

/* InvalidateCache: Makes CPU caches and the GPU agree about a range of an allocation. request: struct
 * dxgwire_dxgkvmb_command_invalidatecache. reply: (one NTSTATUS). */
#define DXGWIRE_VGPU_CMD_INVALIDATE_CACHE            67u
#define DXGWIRE_INVALIDATE_CACHE_REQUEST_FIXED_BYTES 56u
#define DXGWIRE_INVALIDATE_CACHE_REPLY_FIXED_BYTES   4u

/* Lock2: Makes the storage of an allocation visible in the IO space. request: struct
 * dxgwire_dxgkvmb_command_lock2. reply: struct dxgwire_dxgkvmb_command_lock2_return. */
#define DXGWIRE_VGPU_CMD_LOCK2            23u
#define DXGWIRE_LOCK2_REQUEST_FIXED_BYTES 64u
#define DXGWIRE_LOCK2_REPLY_FIXED_BYTES   16u

/* QueryAllocationResidency: Asks where allocations, or the allocations of a resource, are. request: struct
 * dxgwire_dxgkvmb_command_queryallocationresidency, then allocations (4 bytes each). reply: struct
 * dxgwire_dxgkvmb_command_queryallocationresidency_return, then residencyStatus (4 bytes each). */
#define DXGWIRE_VGPU_CMD_QUERY_ALLOCATION_RESIDENCY            41u
#define DXGWIRE_QUERY_ALLOCATION_RESIDENCY_REQUEST_FIXED_BYTES 56u
#define DXGWIRE_QUERY_ALLOCATION_RESIDENCY_REPLY_FIXED_BYTES   4u

/* SetAllocationPriority: Sets residency priorities of allocations, or of a resource. request: struct
 * dxgwire_dxgkvmb_command_setallocationpriority, then allocations (4 bytes each), priorities (4 bytes each).
 * reply: (one NTSTATUS). */
#define DXGWIRE_VGPU_CMD_SET_ALLOCATION_PRIORITY            59u
#define DXGWIRE_SET_ALLOCATION_PRIORITY_REQUEST_FIXED_BYTES 40u
#define DXGWIRE_SET_ALLOCATION_PRIORITY_REPLY_FIXED_BYTES   4u

/* SetExistingSysMemPages: Gives guest memory as the storage of an allocation, as a list of page-frame numbers.
 * request: struct dxgwire_dxgkvmb_command_setexistingsysmempages, then pfns (8 bytes each). reply: (one NTSTATUS). */
#define DXGWIRE_VGPU_CMD_SET_EXISTING_SYS_MEM_PAGES            66u
#define DXGWIRE_SET_EXISTING_SYS_MEM_PAGES_REQUEST_FIXED_BYTES 40u
#define DXGWIRE_SET_EXISTING_SYS_MEM_PAGES_REPLY_FIXED_BYTES   4u

/* SetExistingSysMemStore: Gives guest memory as the storage of an allocation, by GPADL. request: struct
 * dxgwire_dxgkvmb_command_setexistingsysmemstore. reply: (one NTSTATUS). */
#define DXGWIRE_VGPU_CMD_SET_EXISTING_SYS_MEM_STORE            45u
#define DXGWIRE_SET_EXISTING_SYS_MEM_STORE_REQUEST_FIXED_BYTES 40u
#define DXGWIRE_SET_EXISTING_SYS_MEM_STORE_REPLY_FIXED_BYTES   4u

/* Unlock2: Ends the visibility that Lock2 gave. request: struct dxgwire_dxgkvmb_command_unlock2. reply: (one
 * NTSTATUS). */
#define DXGWIRE_VGPU_CMD_UNLOCK2            24u
#define DXGWIRE_UNLOCK2_REQUEST_FIXED_BYTES 40u
#define DXGWIRE_UNLOCK2_REPLY_FIXED_BYTES   4u

/* UpdateAllocationProperty: Changes which memory segments an allocation may be in and prefers. request: struct
 * dxgwire_dxgkvmb_command_updateallocationproperty. reply: struct
 * dxgwire_dxgkvmb_command_updateallocationproperty_return. */
#define DXGWIRE_VGPU_CMD_UPDATE_ALLOCATION_PROPERTY            56u
#define DXGWIRE_UPDATE_ALLOCATION_PROPERTY_REQUEST_FIXED_BYTES 64u
#define DXGWIRE_UPDATE_ALLOCATION_PROPERTY_REPLY_FIXED_BYTES   16u

/* CreatePagingQueue: Makes a paging queue and the monitored fence that counts its finished operations. request:
 * struct dxgwire_dxgkvmb_command_createpagingqueue. reply: struct
 * dxgwire_dxgkvmb_command_createpagingqueue_return. */
#define DXGWIRE_VGPU_CMD_CREATE_PAGING_QUEUE            9u
#define DXGWIRE_CREATE_PAGING_QUEUE_REQUEST_FIXED_BYTES 56u
#define DXGWIRE_CREATE_PAGING_QUEUE_REPLY_FIXED_BYTES   24u

/* DestroyPagingQueue: Destroys a paging queue and its fence. request: struct
 * dxgwire_dxgkvmb_command_destroypagingqueue. reply: (nothing). */
#define DXGWIRE_VGPU_CMD_DESTROY_PAGING_QUEUE            10u
#define DXGWIRE_DESTROY_PAGING_QUEUE_REQUEST_FIXED_BYTES 32u
#define DXGWIRE_DESTROY_PAGING_QUEUE_REPLY_FIXED_BYTES   0u

/* Evict: Takes back one MakeResident of each allocation. request: struct dxgwire_dxgkvmb_command_evict, then
 * allocations (4 bytes each). reply: struct dxgwire_dxgkvmb_command_evict_return. */
#define DXGWIRE_VGPU_CMD_EVICT            12u
#define DXGWIRE_EVICT_REQUEST_FIXED_BYTES 36u
#define DXGWIRE_EVICT_REPLY_FIXED_BYTES   8u

/* MakeResident: Puts allocations into GPU memory, now or when the paging fence reaches the value returned.
 * request: struct dxgwire_dxgkvmb_command_makeresident, then allocations (4 bytes each). reply: struct
 * dxgwire_dxgkvmb_command_makeresident_return. */
#define DXGWIRE_VGPU_CMD_MAKE_RESIDENT            11u
#define DXGWIRE_MAKE_RESIDENT_REQUEST_FIXED_BYTES 40u
#define DXGWIRE_MAKE_RESIDENT_REPLY_FIXED_BYTES   24u

/* OfferAllocations: Says that contents of allocations or resources may be thrown away. request: struct
 * dxgwire_dxgkvmb_command_offerallocations, then allocations (4 bytes each). reply: (one NTSTATUS). */
#define DXGWIRE_VGPU_CMD_OFFER_ALLOCATIONS            57u
#define DXGWIRE_OFFER_ALLOCATIONS_REQUEST_FIXED_BYTES 44u
#define DXGWIRE_OFFER_ALLOCATIONS_REPLY_FIXED_BYTES   4u

/* ReclaimAllocations: Takes offered allocations or resources back, and asks whether their contents are still
 * there. request: struct dxgwire_dxgkvmb_command_reclaimallocations, then allocations (4 bytes each). reply:
 * struct dxgwire_dxgkvmb_command_reclaimallocations_return, then discarded (4 bytes each). */
#define DXGWIRE_VGPU_CMD_RECLAIM_ALLOCATIONS            58u
#define DXGWIRE_RECLAIM_ALLOCATIONS_REQUEST_FIXED_BYTES 40u
#define DXGWIRE_RECLAIM_ALLOCATIONS_REPLY_FIXED_BYTES   12u

/* FreeGpuVirtualAddress: Gives back a range of GPU virtual addresses. request: struct
 * dxgwire_dxgkvmb_command_freegpuvirtualaddress. reply: (one NTSTATUS). */
#define DXGWIRE_VGPU_CMD_FREE_GPU_VIRTUAL_ADDRESS            16u
#define DXGWIRE_FREE_GPU_VIRTUAL_ADDRESS_REQUEST_FIXED_BYTES 48u
#define DXGWIRE_FREE_GPU_VIRTUAL_ADDRESS_REPLY_FIXED_BYTES   4u

/* MapGpuVirtualAddress: Maps pages of an allocation (or nothing) at GPU virtual addresses, in the order of a
 * paging queue. request: struct dxgwire_dxgkvmb_command_mapgpuvirtualaddress. reply: struct
 * dxgwire_dxgkvmb_command_mapgpuvirtualaddress_return. */
#define DXGWIRE_VGPU_CMD_MAP_GPU_VIRTUAL_ADDRESS            17u
#define DXGWIRE_MAP_GPU_VIRTUAL_ADDRESS_REQUEST_FIXED_BYTES 136u
#define DXGWIRE_MAP_GPU_VIRTUAL_ADDRESS_REPLY_FIXED_BYTES   24u

/* ReserveGpuVirtualAddress: Reserves a range of GPU virtual addresses. request: struct
 * dxgwire_dxgkvmb_command_reservegpuvirtualaddress. reply: struct
 * dxgwire_dxgkvmb_command_reservegpuvirtualaddress_return. */
#define DXGWIRE_VGPU_CMD_RESERVE_GPU_VIRTUAL_ADDRESS            18u
#define DXGWIRE_RESERVE_GPU_VIRTUAL_ADDRESS_REQUEST_FIXED_BYTES 96u
#define DXGWIRE_RESERVE_GPU_VIRTUAL_ADDRESS_REPLY_FIXED_BYTES   16u

/* UpdateGpuVirtualAddress: Changes many mappings at once, in the order of a context. request: struct
 * dxgwire_dxgkvmb_command_updategpuvirtualaddress, then operations (64 bytes each). reply: (one NTSTATUS). */
#define DXGWIRE_VGPU_CMD_UPDATE_GPU_VIRTUAL_ADDRESS            19u
#define DXGWIRE_UPDATE_GPU_VIRTUAL_ADDRESS_REQUEST_FIXED_BYTES 56u
#define DXGWIRE_UPDATE_GPU_VIRTUAL_ADDRESS_REPLY_FIXED_BYTES   4u

/* CreateSyncObject: Makes a sync object of one of six kinds; fences of the monitored kinds get a page of the IO
 * space. request: struct dxgwire_dxgkvmb_command_createsyncobject. reply: struct
 * dxgwire_dxgkvmb_command_createsyncobject_return. */
#define DXGWIRE_VGPU_CMD_CREATE_SYNC_OBJECT            8u
#define DXGWIRE_CREATE_SYNC_OBJECT_REQUEST_FIXED_BYTES 128u
#define DXGWIRE_CREATE_SYNC_OBJECT_REPLY_FIXED_BYTES   32u

/* DestroySyncObject: Destroys a sync object of this process; waits that are queued to the GPU go on. request:
 * struct dxgwire_dxgkvmb_command_destroysyncobject. reply: (one NTSTATUS). */
#define DXGWIRE_GLOBAL_CMD_DESTROY_SYNC_OBJECT          1003u
#define DXGWIRE_DESTROY_SYNC_OBJECT_REQUEST_FIXED_BYTES 32u
#define DXGWIRE_DESTROY_SYNC_OBJECT_REPLY_FIXED_BYTES   4u

/* IsSyncObjectSignaled: Numbered only: asks whether a sync object is signalled. */
#define DXGWIRE_VGPU_CMD_IS_SYNC_OBJECT_SIGNALED 46u

/* SignalFence: Numbered only: signals a fence. */
#define DXGWIRE_GLOBAL_CMD_SIGNAL_FENCE 1006u

/* SignalFenceNtSharedByRef: Numbered only: signals a shared fence by reference. */
#define DXGWIRE_VGPU_CMD_SIGNAL_FENCE_NT_SHARED_BY_REF 27u

/* SignalSyncObject: Signals sync objects at once (from the CPU), or when earlier work of contexts or hardware
 * queues is done. request: struct dxgwire_dxgkvmb_command_signalsyncobject, then objects (4 bytes each), contexts
 * (4 bytes each), fenceValues (8 bytes each). reply: (one NTSTATUS). */
#define DXGWIRE_VGPU_CMD_SIGNAL_SYNC_OBJECT            26u
#define DXGWIRE_SIGNAL_SYNC_OBJECT_REQUEST_FIXED_BYTES 56u
#define DXGWIRE_SIGNAL_SYNC_OBJECT_REPLY_FIXED_BYTES   4u

/* WaitForSyncObjectFromCpu: Registers a CPU wait; the answer says that it is queued, a guest event that it is
 * over. request: struct dxgwire_dxgkvmb_command_waitforsyncobjectfromcpu, then objects (4 bytes each), fenceValues
 * (8 bytes each). reply: (one NTSTATUS). */
#define DXGWIRE_VGPU_CMD_WAIT_FOR_SYNC_OBJECT_FROM_CPU            22u
#define DXGWIRE_WAIT_FOR_SYNC_OBJECT_FROM_CPU_REQUEST_FIXED_BYTES 56u
#define DXGWIRE_WAIT_FOR_SYNC_OBJECT_FROM_CPU_REPLY_FIXED_BYTES   4u

/* WaitForSyncObjectFromGpu: Queues a wait to a context or hardware queue: later work waits for the fences.
 * request: struct dxgwire_dxgkvmb_command_waitforsyncobjectfromgpu, then fenceValues (8 bytes each), objects (4
 * bytes each). reply: (one NTSTATUS). */
#define DXGWIRE_VGPU_CMD_WAIT_FOR_SYNC_OBJECT_FROM_GPU            25u
#define DXGWIRE_WAIT_FOR_SYNC_OBJECT_FROM_GPU_REQUEST_FIXED_BYTES 40u
#define DXGWIRE_WAIT_FOR_SYNC_OBJECT_FROM_GPU_REPLY_FIXED_BYTES   4u

/* Blt: Numbered only: copies between primaries. */
#define DXGWIRE_VGPU_CMD_BLT 38u

/* CddGdiCommand: Numbered only: runs a GDI command of the display driver. */
#define DXGWIRE_VGPU_CMD_CDD_GDI_COMMAND 40u

/* CddSyncGpuAccess: Numbered only: waits for GPU access of the display driver. */
#define DXGWIRE_VGPU_CMD_CDD_SYNC_GPU_ACCESS 47u

/* PresentHistoryToken: Numbered only: hands over a present history token. */
#define DXGWIRE_VGPU_CMD_PRESENT_HISTORY_TOKEN 34u

/* SetQueuedLimit: Numbered only: limits queued presents. */
#define DXGWIRE_VGPU_CMD_SET_QUEUED_LIMIT 31u

/* SetRedirectedFlipFenceValue: Numbered only: sets the fence value of a redirected flip. */
#define DXGWIRE_VGPU_CMD_SET_REDIRECTED_FLIP_FENCE_VALUE 35u

/* SubmitCommand: Queues a command buffer to one or more contexts. request: struct
 * dxgwire_dxgkvmb_command_submitcommand, then historyBuffers (4 bytes each), privDrvData (1 bytes each). reply:
 * (one NTSTATUS). */
#define DXGWIRE_VGPU_CMD_SUBMIT_COMMAND            20u
#define DXGWIRE_SUBMIT_COMMAND_REQUEST_FIXED_BYTES 408u
#define DXGWIRE_SUBMIT_COMMAND_REPLY_FIXED_BYTES   4u

/* SubmitCommandToHwQueue: Queues a command buffer to a hardware queue; its progress fence then reaches the value
 * given. request: struct dxgwire_dxgkvmb_command_submitcommandtohwqueue, then writtenPrimaries (4 bytes each),
 * privDrvData (1 bytes each). reply: (one NTSTATUS). */
#define DXGWIRE_VGPU_CMD_SUBMIT_COMMAND_TO_HW_QUEUE            52u
#define DXGWIRE_SUBMIT_COMMAND_TO_HW_QUEUE_REQUEST_FIXED_BYTES 80u
#define DXGWIRE_SUBMIT_COMMAND_TO_HW_QUEUE_REPLY_FIXED_BYTES   4u

/* CreateNtSharedObject: Makes an NT handle for a resource or sync object. request: struct
 * dxgwire_dxgkvmb_command_createntsharedobject. reply: (bare handle). */
#define DXGWIRE_GLOBAL_CMD_CREATE_NT_SHARED_OBJECT          1004u
#define DXGWIRE_CREATE_NT_SHARED_OBJECT_REQUEST_FIXED_BYTES 32u
#define DXGWIRE_CREATE_NT_SHARED_OBJECT_REPLY_FIXED_BYTES   4u

/* DestroyNtSharedObject: Destroys an NT handle, when the last file descriptor for it is closed. request: struct
 * dxgwire_dxgkvmb_command_destroyntsharedobject. reply: (one NTSTATUS). */
#define DXGWIRE_GLOBAL_CMD_DESTROY_NT_SHARED_OBJECT          1005u
#define DXGWIRE_DESTROY_NT_SHARED_OBJECT_REQUEST_FIXED_BYTES 32u
#define DXGWIRE_DESTROY_NT_SHARED_OBJECT_REPLY_FIXED_BYTES   4u

/* OpenResource: Opens a shared resource in this process by its NT handle. request: struct
 * dxgwire_dxgkvmb_command_openresource. reply: struct dxgwire_dxgkvmb_command_openresource_return, then
 * allocations (4 bytes each). */
#define DXGWIRE_VGPU_CMD_OPEN_RESOURCE            32u
#define DXGWIRE_OPEN_RESOURCE_REQUEST_FIXED_BYTES 48u
#define DXGWIRE_OPEN_RESOURCE_REPLY_FIXED_BYTES   8u

/* OpenSyncObject: Opens a shared sync object in this process by its global handle. request: struct
 * dxgwire_dxgkvmb_command_opensyncobject. reply: struct dxgwire_dxgkvmb_command_opensyncobject_return. */
#define DXGWIRE_GLOBAL_CMD_OPEN_SYNC_OBJECT          1002u
#define DXGWIRE_OPEN_SYNC_OBJECT_REQUEST_FIXED_BYTES 40u
#define DXGWIRE_OPEN_SYNC_OBJECT_REPLY_FIXED_BYTES   24u

/* QueryResourceInfo: Numbered only: asks about a shared resource. */
#define DXGWIRE_VGPU_CMD_QUERY_RESOURCE_INFO 64u

/* ShareObjectWithHost: Makes an opaque value by which a program on the host can open an object. request: struct
 * dxgwire_dxgkvmb_command_shareobjectwithhost. reply: struct dxgwire_dxgkvmb_command_shareobjectwithhost_return. */
#define DXGWIRE_GLOBAL_CMD_SHARE_OBJECT_WITH_HOST          1021u
#define DXGWIRE_SHARE_OBJECT_WITH_HOST_REQUEST_FIXED_BYTES 40u
#define DXGWIRE_SHARE_OBJECT_WITH_HOST_REPLY_FIXED_BYTES   16u

/* PropagatePresentHistoryToken: Numbered only: a guest logs it as unexpected. */
#define DXGWIRE_HOST_CMD_PROPAGATE_PRESENT_HISTORY_TOKEN 1u

/* SendWnfNotification: Numbered only: a guest ignores it. */
#define DXGWIRE_HOST_CMD_SEND_WNF_NOTIFICATION 4u

/* SetGuestData: Tells the guest that the state of a device may have changed. event: struct
 * dxgwire_dxgkvmb_command_setguestdata. */
#define DXGWIRE_HOST_CMD_SET_GUEST_DATA          2u
#define DXGWIRE_SET_GUEST_DATA_EVENT_FIXED_BYTES 48u

/* SignalGuestEvent: Wakes the waiter that registered the event id. event: struct
 * dxgwire_dxgkvmb_command_signalguestevent. */
#define DXGWIRE_HOST_CMD_SIGNAL_GUEST_EVENT          0u
#define DXGWIRE_SIGNAL_GUEST_EVENT_EVENT_FIXED_BYTES 48u

/* SignalGuestEventPassive: Wakes the waiter that registered the event id, as SignalGuestEvent does. event: struct
 * dxgwire_dxgkvmb_command_signalguestevent. */
#define DXGWIRE_HOST_CMD_SIGNAL_GUEST_EVENT_PASSIVE          3u
#define DXGWIRE_SIGNAL_GUEST_EVENT_PASSIVE_EVENT_FIXED_BYTES 48u

#endif
