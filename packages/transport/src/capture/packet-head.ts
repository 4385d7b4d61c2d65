import { Pack, TWO_TO_32 } from './message-pack.ts';
import { RecordKind } from './records.ts';

/** Most bytes of a packet's record before its payload, padding included. */
export const MAX_PACKET_HEAD_BYTES = 40;

/**
 * Writes what stands before the length of any packet's payload, byte by byte. Numbers are written longer than they need be where that
 * brings the payload to a multiple of 8.
 *
 * @returns where the length goes.
 */
export function packPacketHead(
  out: Uint8Array,
  view: DataView,
  start: number,
  timeUs: number,
  way: number,
  channel: number,
  kind: number,
  idLow: number,
  idHigh: number,
  flags: number,
  length: number,
): number {
  const isShortTime = timeUs < TWO_TO_32;
  let padding = 0;
  let isLongId = idHigh >= 0x80;
  const lengthBytes = length < 0x100 ? 2 : length < 0x10000 ? 3 : 5;
  padding = -(start + 19 + (isShortTime ? 0 : 4) + (isLongId ? 5 : 1) + lengthBytes) & 7;
  if (!isLongId && padding >= 4) {
    isLongId = true;
    padding -= 4;
  }
  let at = start;
  out[at++] = Pack.arrayOf9;
  out[at++] = RecordKind.packet;
  if (isShortTime) {
    out[at] = Pack.uint32;
    view.setUint32(at + 1, timeUs);
    at += 5;
  } else {
    out[at] = Pack.float64;
    view.setFloat64(at + 1, timeUs);
    at += 9;
  }
  out[at++] = way;
  if ((padding & 2) === 0) {
    out[at] = Pack.uint16;
    view.setUint16(at + 1, channel);
    at += 3;
  } else {
    out[at] = Pack.uint32;
    view.setUint32(at + 1, channel);
    at += 5;
  }
  out[at++] = kind;
  out[at] = Pack.uint32;
  view.setUint32(at + 1, idLow);
  at += 5;
  if (isLongId) {
    out[at] = Pack.uint32;
    view.setUint32(at + 1, idHigh);
    at += 5;
  } else out[at++] = idHigh;
  if ((padding & 1) === 0) {
    out[at++] = Pack.uint8;
  } else {
    out[at++] = Pack.uint16;
    out[at++] = 0;
  }
  out[at++] = flags;
  return at;
}
