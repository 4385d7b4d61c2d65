export { replyAnnouncesMemory, requestAnnouncesMemory } from './announcements.ts';
export { type Accessor, type AccessorBase, accessor } from './codec/accessor.ts';
export type { DecodeContext, MessageCodec } from './codec/codec.ts';
export { type PairCodec, type Pairs, pairCodec } from './codec/pairs.ts';
export {
  EXTENDED_HEADER_VERSION,
  FirstValues,
  GLOBAL_CHANNEL_GUID,
  InterfaceVersion,
  IoSpace,
  Limits,
  PciConfig,
  VGPU_CHANNEL_GUID,
} from './constants.ts';
export {
  enumerations,
  flagStructs,
  type NamedEnumeration,
  type NamedFlagStruct,
} from './description.ts';
export {
  AllocationResidencyStatus,
  ClientHint,
  D3dDdiFormat,
  DeviceErrorReason,
  DeviceExecutionState,
  DeviceStateType,
  DxgkFeatureId,
  EscapeType,
  FlushDeviceReason,
  GdiSurfaceType,
  GeneralErrorCode,
  GpuVaReservationType,
  HandleEntryType,
  HostEventType,
  KnownEscapeType,
  MemorySegmentGroup,
  OfferPriority,
  PageFaultFlags,
  PagingQueuePriority,
  QueryAdapterInfoType,
  QueryStatisticsType,
  ReclaimResult,
  RenderPipelineStage,
  SetGuestDataType,
  StandardAllocationDriverType,
  StandardAllocationType,
  SyncObjectType,
  UpdateGpuVaOperationType,
} from './enums.ts';
export { isProtocolError, ProtocolError, type ProtocolErrorCode } from './errors.ts';
export { Feature, OwnRange } from './features.ts';
export {
  AdapterType,
  AllocationInfoFlags,
  AllocationListEntryFlags,
  AllocationPropertyMask,
  AllocationReturnFlags,
  CreateAllocationFlags,
  CreateContextFlags,
  CreateDeviceFlags,
  CreateHwQueueFlags,
  CreateStandardAllocationFlags,
  DestroyAllocationFlags,
  DeviceResetState,
  DeviceTypes,
  EnumAdaptersFilter,
  EscapeFlags,
  EvictFlags,
  FaultErrorCode,
  FeatureResult,
  GpuClockDataFlags,
  GpuVaProtection,
  GuestCaps,
  HostCaps,
  Lock2Flags,
  MakeResidentFlags,
  OfferFlags,
  PatchLocationSlot,
  SegmentPreference,
  SignalFlags,
  SubmitCommandFlags,
  SyncObjectFlags,
  UpdateAllocationPropertyFlags,
  UpdateGpuVaFlags,
  WaitFromCpuFlags,
} from './flags.ts';
export {
  describeHandle,
  HandleLayout,
  handleIndex,
  handleInstance,
  handleUnique,
  makeHandle,
} from './handles.ts';
export {
  type CommandHeader,
  channelOf,
  createCommandHeader,
  decodeHeader,
  decodeHostHeader,
  headerBytes,
  type RequestHeader,
  writeCommandHeader,
  writeExtendedHeader,
} from './header.ts';
export { type Ioctl, ioctls } from './ioctls/table.ts';
export {
  decodeReply,
  encodeFailureReply,
  encodeHostMessage,
  encodeReply,
  encodeRequest,
  minimumReplyBytes,
  requestSize,
} from './message.ts';
export { payloads } from './payloads.ts';
export { type CommandName, commandById, commandFamilies, commands } from './registry.ts';
export type {
  CommandChannel,
  CommandDef,
  FailureConvention,
  ReplyInput,
  ReplyLength,
  ReplyOf,
  ReplyVariant,
  RequestInput,
  RequestOf,
} from './schema/command.ts';
export type { Luid } from './schema/luid.ts';
export {
  CommandChannelType,
  type CountRule,
  extendedHeader,
  type Message,
  type Tail,
  type Trailing,
} from './schema/message.ts';
export type {
  BitPlacement,
  ChoiceNode,
  ChoiceRule,
  DataType,
  Enumeration,
  FieldNode,
  FlagBit,
  FlagStruct,
  Member,
  ScalarType,
  StructType,
  ValueNode,
} from './schema/types.ts';
export {
  describeNtStatus,
  Errno,
  ioctlResultToNtStatus,
  isFailure,
  NtStatus,
  ntStatusToErrno,
} from './status.ts';
