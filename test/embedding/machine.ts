import type { Host, Partition, PartitionOptions } from '@dxgwire/host';
import type { ChannelOffer } from '@dxgwire/transport';
import {
  createVmmGuestBus,
  createVmmHostBus,
  type GuestRamBlock,
  type PciIdentity,
  type VmmGuestBus,
  type VmmGuestCalls,
  type VmmHostBus,
  type VmmHostCalls,
} from '@dxgwire/transport/vmm';

export const PAGE_BYTES = 4096;
const MEBIBYTE = 1 << 20;
/** Where the second, larger block of RAM lies: above 4 GiB, so that an address cut to 32 bits shows. */
export const HIGH_RAM_ADDRESS = 0x1_0000_0000;
const LOW_RAM_ADDRESS = 0x10_0000;

export interface MachineOptions extends PartitionOptions {
  readonly ringPages?: 'together' | 'apart';
  /** RAM that other threads may write. Default: plain memory. */
  readonly shared?: boolean;
  /** Where the larger block of RAM lies; default above 4 GiB. */
  readonly highAddress?: number;
}

/**
 * A VMM with one guest: RAM in two blocks, a device window, and what passes between the guest's VMBus driver and the
 * host. The two sides have nothing in common but bytes and these calls.
 */
export class Machine {
  readonly ram: readonly GuestRamBlock[];
  readonly window: Uint8Array;
  readonly hostBus: VmmHostBus;
  /** The kernel that runs in it now. */
  guest: VmmGuestBus;
  readonly partition: Partition;
  /** What the host asked of the VMM beside offers and doorbells, in order. */
  readonly told: string[] = [];
  /** Page lists that the guest made and the host took, by number, and the rings of each channel. */
  readonly gpadls = new Map<number, BigUint64Array>();
  readonly rings = new Map<number, number>();
  /** Calls across the boundary, by kind. */
  readonly counts: Record<string, number> = {};
  /** The offers that stand: a kernel that starts asks for them. */
  readonly #offers = new Map<number, [ChannelOffer, PciIdentity | null]>();
  readonly #ringPages: 'together' | 'apart';
  /** Called when the host rings the guest's bell, before the guest hears it. */
  onHostDoorbell: (() => void) | null = null;

  constructor(host: Host, options: MachineOptions = {}) {
    const {
      highAddress = HIGH_RAM_ADDRESS,
      ringPages = 'together',
      shared = false,
      ...partitionOptions
    } = options;
    const memory = (bytes: number) =>
      new Uint8Array(shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes));
    this.ram = [
      { address: LOW_RAM_ADDRESS, bytes: memory(2 * MEBIBYTE) },
      { address: highAddress, bytes: memory(16 * MEBIBYTE) },
    ];
    this.window = memory(8 * MEBIBYTE);
    const { ram: guestRam, window } = this;
    this.hostBus = createVmmHostBus({
      guestRam,
      window,
      calls: this.#hostCalls(),
      peerName: 'machine',
      retry: () => () => {},
    });
    this.#ringPages = ringPages;
    this.guest = createVmmGuestBus({ guestRam, window, calls: this.#guestCalls(), ringPages });
    this.partition = host.attach(this.hostBus, partitionOptions);
  }

  #count(kind: string): void {
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
  }

  #hostCalls(): VmmHostCalls {
    return {
      offerChannel: (offer, pci) => {
        this.#offers.set(offer.index, [offer, pci]);
        // The guest's side is made a little later than the host's.
        queueMicrotask(() => this.guest.offerChannel(offer, pci));
      },
      rescindChannel: (channel, error) => {
        this.#offers.delete(channel);
        this.told.push(error === null ? `rescind ${channel}` : `rescind ${channel}: ${error.name}`);
        this.guest.rescindChannel(channel);
      },
      ringDoorbell: (channel) => {
        this.#count('doorbells to the guest');
        this.onHostDoorbell?.();
        this.guest.interrupt(channel);
      },
      busEnded: (error) => this.told.push(error === null ? 'ended' : `ended: ${error.name}`),
    };
  }

  #guestCalls(): VmmGuestCalls {
    return {
      createGpadl: (id, frames) => {
        this.#count('page lists');
        const refusal = this.hostBus.createGpadl(id, frames);
        if (refusal === null) this.gpadls.set(id, frames.slice());
        this.guest.gpadlCreated(id, refusal === null);
      },
      teardownGpadl: (id) => {
        this.hostBus.teardownGpadl(id).then(() => {
          this.gpadls.delete(id);
          this.guest.gpadlTornDown(id);
        });
      },
      openChannel: (channel, gpadl, downstreamPageOffset) => {
        const refusal = this.hostBus.openChannel(channel, gpadl, downstreamPageOffset);
        if (refusal === null) this.rings.set(channel, gpadl);
        this.guest.channelOpened(channel, refusal === null);
      },
      closeChannel: (channel) => {
        this.rings.delete(channel);
        void this.hostBus.closeChannel(channel);
      },
      signalChannel: (channel) => {
        this.#count('doorbells to the host');
        this.hostBus.doorbell(channel);
      },
      readConfig32: (channel, offset) => this.hostBus.readConfig32(channel, offset),
      writeConfig32: (channel, offset, value) => this.hostBus.writeConfig32(channel, offset, value),
      unload: () => {
        this.hostBus.unload().then(() => this.guest.unloaded());
      },
    };
  }

  /** The bytes of a page, wherever it is in RAM. */
  page(frame: bigint): Uint8Array {
    const address = Number(frame) * PAGE_BYTES;
    const block = this.ram.find(
      ({ address: start, bytes }) => address >= start && address < start + bytes.length,
    );
    if (block === undefined) throw new Error(`frame ${frame} is not RAM`);
    return block.bytes.subarray(address - block.address, address - block.address + PAGE_BYTES);
  }

  /** The pages of a channel's rings in order: the guest's outbound ring, then the host's, each a header and data. */
  ringPages(channel: number): Uint8Array[] {
    const frames = this.gpadls.get(this.rings.get(channel) ?? -1) ?? new BigUint64Array(0);
    return Array.from(frames, (frame) => this.page(frame));
  }

  /** The header words of the guest's outbound ring of a channel (0) or of the host's (1). */
  ringHeader(channel: number, ring: 0 | 1): Uint32Array {
    const pages = this.ringPages(channel);
    const page = pages[ring === 0 ? 0 : pages.length / 2]!;
    return new Uint32Array(page.buffer, page.byteOffset, PAGE_BYTES / 4);
  }

  /** The kernel has died: another one starts in the same RAM, whatever is in it. */
  async restart(): Promise<void> {
    const { ram: guestRam, window } = this;
    this.guest.abort(new Error('kernel panic'));
    await settle();
    this.rings.clear();
    this.gpadls.clear();
    this.guest = createVmmGuestBus({
      guestRam,
      window,
      calls: this.#guestCalls(),
      ringPages: this.#ringPages,
    });
    for (const [offer, pci] of this.#offers.values()) this.guest.offerChannel(offer, pci);
  }

  /** Switches the machine off and waits until nothing of it is left in the host. */
  async powerOff(): Promise<void> {
    this.guest.powerOff();
    this.hostBus.end(null);
    await this.partition.ended;
  }
}

/** Lets everything that is due happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 8; turn += 1) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}
