/**
 * The protobuf form of every message, for peers in other languages: the same values as the packed form has, in the
 * schema that `dxgwire.proto` prints.
 */
export {
  type ChannelPacket,
  type LinkSide,
  type PacketChannel,
  protobufChannel,
  protobufGuestBus,
  protobufHostBus,
} from './channel.ts';
export {
  decodeEnvelope,
  type Envelope,
  type EnvelopeHeader,
  encodeEnvelope,
  MAX_ENVELOPE_BYTES,
  type ProtobufCodec,
  protobufCodec,
} from './codec.ts';
export { fieldNumbers, protoText } from './proto-text.ts';
export {
  type ProtoBody,
  type ProtoField,
  type ProtoKind,
  type ProtoMessage,
  protoBodies,
  protoStructs,
} from './schema.ts';
export {
  eventToProtobuf,
  type PendingReply,
  protobufToEvent,
  protobufToReply,
  protobufToRequest,
  replyToProtobuf,
  requestToProtobuf,
  type TranscodedRequest,
} from './transcode.ts';
