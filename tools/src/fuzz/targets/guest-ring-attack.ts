import {
  isTransportError,
  PACKET_FLAG_COMPLETION_REQUESTED,
  PAGE_BYTES,
  PacketKind,
} from '@dxgwire/transport';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';
import { RingHeader } from '@dxgwire/transport/testing';

/** The first block of a guest's RAM: its outbound ring, then the host's, 64 pages each. */
const RINGS_ADDRESS = 0x1_0000_0000;
const RING_BYTES = 64 * PAGE_BYTES;
const STEP_BYTES = 6;
const GUID = new Uint8Array(16);

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * A guest on rings whose host writes into them what it likes, a step at a time: six bytes say what, where and which
 * number; after some of them the guest looks.
 */
export async function attackRings(steps: Uint8Array, options: number): Promise<void> {
  const { guest, host } = createInProcessBus({
    guestMemoryBytes: 2 * RING_BYTES + (4 << 12),
    windowMegabytes: 1,
  });
  host.onChannelOpen = (channel) => {
    if ((options & 1) === 0) channel.onPacket = () => {};
  };
  host.offer({ classGuid: GUID, instanceGuid: GUID, mmioMegabytes: 1 });
  host.start();
  host.onClose = () => {};
  const ends: (Error | null)[] = [];
  const busEnds: (Error | null)[] = [];
  guest.onClose = (error) => busEnds.push(error);
  await nextTurn();
  const channel = await guest.open(1);
  channel.onClose = (error) => ends.push(error);
  channel.onPacket = ({ bytes, length, offset }) => {
    if (offset + length > bytes.length) throw new Error(`a packet of ${length} bytes at ${offset}`);
  };
  const rings = host.memory.view(RINGS_ADDRESS, 2 * RING_BYTES);
  const words = new DataView(rings.buffer, rings.byteOffset, rings.length);
  const payload = new Uint8Array(4096);
  for (let at = 0; at + STEP_BYTES <= steps.length; at += STEP_BYTES) {
    const what = steps[at]!;
    const place = steps[at + 1]! | (steps[at + 2]! << 8);
    const value = steps[at + 3]! | (steps[at + 4]! << 8) | (steps[at + 5]! << 16);
    const ring = what & 1 ? RING_BYTES : 0;
    if ((what & 0x30) === 0) {
      const fields = [
        RingHeader.writeIndex,
        RingHeader.readIndex,
        RingHeader.pendingSendSize,
        RingHeader.featureBits,
      ];
      words.setUint32(ring + 4 * fields[place & 3]!, (what & 2 ? value * 8 : value) >>> 0, true);
    } else if ((what & 0x30) === 0x10) {
      words.setUint32(ring + PAGE_BYTES + 4 * (place % 512), value | ((what & 0xc) << 22), true);
    } else if (channel.isOpen) {
      try {
        const flags = what & 2 ? PACKET_FLAG_COMPLETION_REQUESTED : 0;
        channel.send(PacketKind.inBand, value, 0, flags, payload, 0, place & 0xfff);
      } catch (error) {
        if (!isTransportError(error)) throw error;
      }
    }
    if ((what & 0xc0) === 0xc0) await nextTurn();
  }
  channel.poll?.();
  await nextTurn();
  host.abort(new Error('enough'));
  guest.abort(new Error('enough'));
  await nextTurn();
  if (ends.length !== 1 || busEnds.length !== 1)
    throw new Error(`ends: ${ends.length} channels, ${busEnds.length} buses`);
}
