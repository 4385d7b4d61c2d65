import { Buffer } from 'node:buffer';
import type { CaptureRecord } from '@dxgwire/transport/capture';

/** Link type for private use (LINKTYPE_USER0). */
const LINK_TYPE = 147;
/** What stands before each packet: direction, packet kind, channel, flags, transaction id. */
export const PSEUDO_HEADER_BYTES = 16;
const TWO_TO_32 = 4_294_967_296;

/**
 * Packets in the pcapng format: one interface, microseconds. Each begins with a header of ours, little endian:
 *
 *     0 u8 direction (0 to the host, 1 to the guest)   1 u8 kind (6 in-band, 11 completion)
 *     2 u16 channel   4 u32 flags   8 u64 transaction id
 */
export class PcapngWriter {
  #startUs = 0;

  begin(startedAt: number): Uint8Array {
    this.#startUs = Math.round(startedAt) * 1000;
    const section = block(0x0a0d_0d0a, 16, (view) => {
      view.setUint32(0, 0x1a2b_3c4d, true);
      view.setUint16(4, 1, true);
      view.setBigUint64(8, 0xffff_ffff_ffff_ffffn, true);
    });
    const device = block(1, 8, (view) => {
      view.setUint16(0, LINK_TYPE, true);
    });
    return Buffer.concat([section, device]);
  }

  add(record: CaptureRecord): Uint8Array | null {
    if (record.kind !== 'packet') return null;
    const { bytes, channel, direction, flags, idHigh, idLow, packetKind } = record;
    const length = PSEUDO_HEADER_BYTES + bytes.length;
    return block(6, 20 + length, (view, target) => {
      // Below 2^53 until the year 2255.
      const time = this.#startUs + record.timeUs;
      view.setUint32(4, Math.floor(time / TWO_TO_32), true);
      view.setUint32(8, time % TWO_TO_32, true);
      view.setUint32(12, length, true);
      view.setUint32(16, length, true);
      view.setUint8(20, direction === 'g2h' ? 0 : 1);
      view.setUint8(21, packetKind);
      view.setUint16(22, channel, true);
      view.setUint32(24, flags, true);
      view.setUint32(28, idLow, true);
      view.setUint32(32, idHigh, true);
      target.set(bytes, 36);
    });
  }

  end(): Uint8Array {
    return new Uint8Array(0);
  }
}

function block(
  type: number,
  bodyBytes: number,
  fill: (view: DataView, body: Uint8Array) => void,
): Uint8Array {
  const padded = (bodyBytes + 3) & ~3;
  const bytes = new Uint8Array(12 + padded);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, bytes.length, true);
  fill(new DataView(bytes.buffer, 8, padded), bytes.subarray(8, 8 + padded));
  view.setUint32(8 + padded, bytes.length, true);
  return bytes;
}
