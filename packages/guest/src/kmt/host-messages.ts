import { commands } from '@dxgwire/protocol';
import type { Packet } from '@dxgwire/transport';
import type { KmtDriver } from './driver.ts';

const HEADER_BYTES = 24;
const SIGNAL_EVENT_BYTES = 48;
/** Offsets in messages from the host. */
const Offset = { commandType: 16, event: 24, guestPointer: 24, data32: 32, dataType: 40 } as const;

/** A packet that is no completion, on the global channel; the guest looks at the command type only. */
export function receiveHostMessage(driver: KmtDriver, packet: Packet): void {
  if (packet.length < HEADER_BYTES) {
    driver.counters.unexpectedPackets += 1;
    return;
  }
  switch (packet.view.getUint32(packet.offset + Offset.commandType, true)) {
    case commands.signalGuestEvent.id:
    case commands.signalGuestEventPassive.id:
      receiveSignal(driver, packet);
      break;
    case commands.setGuestData.id:
      receiveGuestData(driver, packet);
      break;
    case commands.sendWnfNotification.id:
      break;
    default:
      driver.counters.unexpectedPackets += 1;
  }
}

function receiveSignal(driver: KmtDriver, packet: Packet): void {
  const { length, offset, view } = packet;
  if (length < SIGNAL_EVENT_BYTES) {
    driver.counters.unexpectedPackets += 1;
    return;
  }
  const low = view.getUint32(offset + Offset.event, true);
  const high = view.getUint32(offset + Offset.event + 4, true);
  if (driver.events.signal(low, high)) driver.counters.eventsSignaled += 1;
  else driver.counters.eventsUnknown += 1;
}

/** The data are not stored: what is said is that devices should ask. */
function receiveGuestData(driver: KmtDriver, packet: Packet): void {
  const { length, offset, view } = packet;
  if (length < Offset.dataType + 4) {
    driver.counters.unexpectedPackets += 1;
    return;
  }
  const isDword = ((view.getUint32(offset + Offset.dataType, true) >>> 1) & 0xf) === 0;
  const isOurs = view.getBigUint64(offset + Offset.guestPointer, true) === driver.deviceStateCookie;
  if (isDword && isOurs && view.getUint32(offset + Offset.data32, true) !== 0) driver.deviceStateCounter += 1;
}
