import { MAX_PACKET_BYTES, PacketKind } from '../transport.ts';

/**
 * Link frames, little endian, whole frames in multiples of 8 bytes:
 *
 *     0  u32 size     header, payload, padding
 *     4  u16 channel  0 the link itself, 1 the global channel, 2.. virtual GPUs in the order of their offers
 *     6  u16 kind     {@link FrameKind}
 *     8  u64 id       transaction id; byte address for memory kinds, byte offset for window data
 *     16 u32 length   payload bytes without padding
 *     20 u32 flags    {@link FrameFlag}
 *     24 payload, zero padded
 */
export const FRAME_HEADER_BYTES = 24;

/** Channel number of the link itself. */
export const LINK_CHANNEL = 0;

/** Kinds of frames. Packets have VMBus's own numbers and belong to channels above 0, the rest to channel 0. */
export const FrameKind = {
  control: 1,
  windowData: 2,
  memoryRead: 3,
  memoryData: 4,
  ping: 5,
  pong: 6,
  /** `id`: bytes of frames received in this session, greetings, pings, pongs and confirmations apart. */
  confirm: 7,
  inBand: PacketKind.inBand,
  completion: PacketKind.completion,
} as const;

export const FrameFlag = {
  /** Packets: the sender wants a completion. */
  completionRequested: 1,
  /** Memory data: answers a memory read. */
  answer: 2,
  /** Memory data with `answer`: the read is answered in full. */
  last: 4,
} as const;

/** Largest payload of one memory or window data frame that is sent, bytes; longer ranges take several. */
export const MEMORY_CHUNK_BYTES = 64 * 1024;

/** Largest payload of a frame on channel 0, bytes. */
export const MAX_LINK_PAYLOAD_BYTES = 256 * 1024;

/** Largest whole frame, bytes. */
export const MAX_FRAME_BYTES = FRAME_HEADER_BYTES + MAX_LINK_PAYLOAD_BYTES;

/** Whole size of a frame with `payloadBytes` of payload. */
export function frameSize(payloadBytes: number): number {
  return FRAME_HEADER_BYTES + ((payloadBytes + 7) & ~7);
}

/** Largest payload that a frame of this channel may have. */
export function maxPayload(channel: number): number {
  return channel === LINK_CHANNEL ? MAX_LINK_PAYLOAD_BYTES : MAX_PACKET_BYTES;
}
