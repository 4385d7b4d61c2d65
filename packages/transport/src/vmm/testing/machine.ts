import type { ChannelOffer } from '../../transport.ts';
import type { VmmGuestCalls, VmmHostCalls } from '../calls.ts';
import { createVmmGuestBus, type VmmGuestBus } from '../guest-bus.ts';
import type { GuestRamBlock } from '../guest-ram.ts';
import { createVmmHostBus, type VmmHostBus } from '../host-bus.ts';

const MEBIBYTE = 1_048_576;

export interface TestMachineOptions {
  /** Default: 16 MiB at 1 MiB and 120 MiB at 4 GiB. */
  readonly guestRam?: readonly GuestRamBlock[];
  readonly windowMegabytes?: number;
  readonly ringPages?: 'together' | 'apart';
  /** Whether the VMM answers a message within the call or later. Default later. */
  readonly answers?: 'at once' | 'later';
}

/** A VMM reduced to what it passes on: each message of one side becomes a call of the other. */
export interface TestMachine {
  readonly host: VmmHostBus;
  readonly guest: VmmGuestBus;
  readonly guestRam: readonly GuestRamBlock[];
  readonly window: Uint8Array;
  /** What the host asked of the VMM, in words. */
  readonly told: string[];
  /** The offers that stand. */
  readonly offers: Map<number, ChannelOffer>;
}

export function createTestMachine(options: TestMachineOptions = {}): TestMachine {
  const guestRam = options.guestRam ?? [
    { address: MEBIBYTE, bytes: new Uint8Array(16 * MEBIBYTE) },
    { address: 0x1_0000_0000, bytes: new Uint8Array(new SharedArrayBuffer(120 * MEBIBYTE)) },
  ];
  const window = new Uint8Array((options.windowMegabytes ?? 64) * MEBIBYTE);
  const told: string[] = [];
  const offers = new Map<number, ChannelOffer>();
  const later = options.answers === 'at once' ? (answer: () => void) => answer() : queueMicrotask;

  const hostCalls: VmmHostCalls = {
    offerChannel(offer, pciFunction) {
      offers.set(offer.index, offer);
      later(() => guest.offerChannel(offer, pciFunction));
    },
    rescindChannel(channel, error) {
      told.push(error === null ? `rescind ${channel}` : `rescind ${channel}: ${error.message}`);
      offers.delete(channel);
      later(() => guest.rescindChannel(channel));
    },
    ringDoorbell: (channel) => guest.interrupt(channel),
    busEnded: (error) => told.push(error === null ? 'ended' : `ended: ${error.message}`),
  };
  const guestCalls: VmmGuestCalls = {
    createGpadl(id, frames) {
      const refusal = host.createGpadl(id, frames);
      later(() => guest.gpadlCreated(id, refusal === null));
    },
    teardownGpadl: (id) => void host.teardownGpadl(id).then(() => guest.gpadlTornDown(id)),
    openChannel(channel, ringGpadl, downstreamPageOffset) {
      const refusal = host.openChannel(channel, ringGpadl, downstreamPageOffset);
      later(() => guest.channelOpened(channel, refusal === null));
    },
    closeChannel: (channel) => void host.closeChannel(channel),
    signalChannel: (channel) => host.doorbell(channel),
    readConfig32: (channel, offset) => host.readConfig32(channel, offset),
    writeConfig32: (channel, offset, value) => host.writeConfig32(channel, offset, value),
    // A guest that lets go of VMBus switches its machine off here.
    unload() {
      void host.unload().then(() => {
        guest.unloaded();
        host.end(null);
      });
    },
  };
  const host = createVmmHostBus({ guestRam, window, calls: hostCalls, peerName: 'test machine' });
  const guest = createVmmGuestBus({
    guestRam,
    window,
    calls: guestCalls,
    ringPages: options.ringPages ?? 'together',
  });
  return { host, guest, guestRam, window, told, offers };
}
