/** VMBus interface versions: the one in use, the one assumed of a host that offers none, the oldest that is reported. */
export const InterfaceVersion = { current: 40, old: 27, lastCompatible: 16 } as const;

/** From this version on every guest message begins with the extended header, and QueryAdapterInfo answers a status. */
export const EXTENDED_HEADER_VERSION = 40;

/** Sizes and counts that no message exceeds. Those of the driver are from the facts file, `constants.limits`. */
export const Limits = {
  /** A whole guest packet with its extended header, or a whole reply, in bytes (DXG_MAX_VM_BUS_PACKET_SIZE). */
  maxMessageBytes: 131_072,
  /** A completion longer than this breaks the guest's ring reader, in bytes. */
  maxReplyBytes: 131_056,
  extendedHeaderBytes: 16,
  commandHeaderBytes: 24,
  /** Code units of a process's name, without the terminating zero (DXG_VM_PROCESS_NAME_LENGTH). */
  processNameLength: 260,
  /** Code units of a path (WIN_MAX_PATH). */
  pathLength: 260,
  /** D3DDDI_MAX_WRITTEN_PRIMARIES. */
  maxWrittenPrimaries: 16,
  /** Allocations in one CreateAllocation or DestroyAllocation (D3DKMT_CREATEALLOCATION_MAX). */
  maxCreateAllocations: 1024,
  /** Allocations in one MakeResident, Evict, OfferAllocations or ReclaimAllocations (D3DKMT_MAKERESIDENT_ALLOC_MAX). */
  maxResidencyAllocations: 10_240,
  /** D3DKMT_ADAPTERS_MAX, in EnumAdapters2. */
  maxAdapters: 64,
  /** In EnumAdapters3. */
  maxEnumAdapters3: 65_535,
  /** D3DDDI_MAX_BROADCAST_CONTEXT. */
  maxBroadcastContexts: 64,
  /** D3DDDI_MAX_OBJECT_WAITED_ON. */
  maxObjectsWaitedOn: 32,
  /** D3DDDI_MAX_OBJECT_SIGNALED. */
  maxObjectsSignaled: 32,
  maxHistoryBuffers: 1024,
  maxUpdateGpuVaOperations: 2048,
  maxShareObjects: 1,
  /** Page-frame numbers in one SetExistingSysMemPages. */
  maxPagesPerMessage: 15_867,
  /** Private driver data of one call, bytes. */
  maxPrivateDataBytes: 131_072,
  /** D3DDDI_MAXTESTBUFFERSIZE. */
  maxTestBufferBytes: 4096,
  /** D3DDDI_MAXTESTBUFFERPRIVATEDRIVERDATASIZE. */
  maxTestBufferPrivateDataBytes: 1024,
  /** One direction of a channel's ring, with its 4096-byte control page. */
  ringBytes: 262_144,
  pageBytes: 4096,
} as const;

/**
 * The PCI configuration block of a virtual GPU (facts file, `constants.pci`). Offsets in bytes; 32-bit accesses.
 * Offset 212 is two things: reads give the vGPU LUID (8 bytes), writes deliver the guest's capabilities.
 */
export const PciConfig = {
  vendorId: 0x1414,
  deviceIdVirtualRender: 0x008e,
  deviceIdComputeAccelerator: 0x008a,
  channelInstanceOffset: 192,
  interfaceVersionOffset: 208,
  vgpuLuidOffset: 212,
  guestCapsOffset: 212,
  hostCapsOffset: 220,
  /** Bytes of the block: 192 up to the end of the host's capabilities. */
  startOffset: 192,
  endOffset: 224,
} as const;

/** Type of the global channel's offer, in wire order (dde9cbc0-5060-4436-9448-ea1254a5d177). */
export const GLOBAL_CHANNEL_GUID: Uint8Array = Uint8Array.of(
  ...[0xc0, 0xcb, 0xe9, 0xdd, 0x60, 0x50, 0x36, 0x44, 0x94, 0x48, 0xea, 0x12, 0x54, 0xa5, 0xd1, 0x77],
);

/** Type of a virtual GPU channel's offer, in wire order (6e382d18-3336-4f4b-acc4-2b7703d4df4a). */
export const VGPU_CHANNEL_GUID: Uint8Array = Uint8Array.of(
  ...[0x18, 0x2d, 0x38, 0x6e, 0x36, 0x33, 0x4b, 0x4f, 0xac, 0xc4, 0x2b, 0x77, 0x03, 0xd4, 0xdf, 0x4a],
);

/** Numbers that the driver starts counting from. */
export const FirstValues = {
  /** Host-event ids: a counter that starts at 1 and is incremented before use. */
  eventId: 2n,
  /** Transaction ids of a channel. */
  transactionId: 1n,
  /** Adapter handles of a process, given out by the guest itself. */
  adapterHandle: 0x40000000,
} as const;

/** The IO space: guest-physical range through which the guest sees host memory (facts file, `constants.ioSpace`). */
export const IoSpace = { alignmentBytes: 65_536, pageBytes: 4096 } as const;
