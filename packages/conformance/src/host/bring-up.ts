import type { GuestBus } from '@dxgwire/transport';
import type { Coverage } from '../coverage.ts';
import * as wire from '../wire/adapter-commands.ts';
import { EXTENDED_VERSION } from '../wire/message.ts';
import type { Patience } from './patience.ts';
import { WireGuest } from './wire-guest.ts';

/** Where the kit places the IO space: above 64 GiB, so that an address cut to 32 bits shows. */
export const IO_START = 0x10_0000_0000n;
const MEBIBYTE = 1_048_576n;

export const PCI = { instance: 192, version: 208, luid: 212, caps: 212, hostCaps: 220 } as const;

/** Waits until the host has offered a global channel, and a channel and a function for a virtual GPU. */
export async function untilOffered(guest: WireGuest): Promise<void> {
  const { bus } = guest;
  await guest.until(
    () =>
      bus.offers.some(({ mmioMegabytes }) => mmioMegabytes > 0) &&
      bus.pciFunctions.length > 0 &&
      bus.pciFunctions.every(({ channelIndex }) => bus.offers.some(({ index }) => index === channelIndex)),
    'a global channel with IO space, and a channel for each PCI function, to be offered',
  );
}

/** Negotiates as a driver does (section 1.2), with the first function. */
export function negotiate(guest: WireGuest): void {
  const { bus } = guest;
  const first = bus.pciFunctions[0];
  if (first === undefined) return;
  first.writeConfig32(PCI.caps, 1);
  const offered = first.readConfig32(PCI.version);
  guest.version = offered === 0 ? 27 : Math.min(offered, EXTENDED_VERSION);
  if (offered >= EXTENDED_VERSION) first.writeConfig32(PCI.version, EXTENDED_VERSION);
  for (const pci of bus.pciFunctions) {
    const low = BigInt(pci.readConfig32(PCI.luid));
    const high = BigInt(pci.readConfig32(PCI.luid + 4));
    const luid = guest.hasExtendedHeader ? low | (high << 32n) : 0n;
    guest.gpus.push({ channel: pci.channelIndex, luid, adapterHandle: 0, hostAdapterLuid: 0n });
  }
}

/** Brings a link up as a driver does, up to and with GetInternalAdapterInfo of each adapter. */
export async function bringUp(bus: GuestBus, patience: Patience, coverage: Coverage): Promise<WireGuest> {
  const guest = new WireGuest(bus, patience, coverage);
  await untilOffered(guest);
  negotiate(guest);
  for (const { index } of bus.offers) await guest.openChannel(index);
  const megabytes = BigInt(bus.offers.find(({ mmioMegabytes }) => mmioMegabytes > 0)?.mmioMegabytes ?? 0);
  guest.ioStart = IO_START;
  (await guest.call(wire.setIoSpaceRegion, { start: IO_START, length: megabytes * MEBIBYTE })).ok();
  for (const [gpu, seen] of guest.gpus.entries()) {
    const versions = { vmbus_interface_version: guest.version, vmbus_last_compatible_interface_version: 16 };
    const opened = (await guest.call(wire.openAdapter, versions, [], { gpu })).ok();
    seen.adapterHandle = opened.number('host_adapter_handle');
    const info = (await guest.call(wire.getInternalAdapterInfo, {}, [], { gpu })).ok();
    seen.hostAdapterLuid = info.long('host_adapter_luid');
    if (guest.hasExtendedHeader) seen.luid = info.long('host_vgpu_luid');
    guest.isAsync = (info.number('flags') & 0x40) !== 0;
  }
  return guest;
}
