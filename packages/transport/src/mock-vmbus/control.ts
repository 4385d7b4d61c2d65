import type { PeerReason } from '../errors.ts';
import type { ChannelOffer, PageRange } from '../transport.ts';

/**
 * What the two ends tell each other beside the rings: VMBus's channel messages and the PCI function, as plain
 * data. In process they are handed over directly, between threads they are posted; a VMM makes them from its own
 * VMBus and PCI emulation. They arrive in the order in which they were posted.
 */
export type GuestMessage =
  | {
      readonly type: 'open';
      readonly channel: number;
      /** GPADL of both rings: the guest's outbound ring first. */
      readonly gpadl: number;
      /** Page in that GPADL at which the host's outbound ring starts. */
      readonly downstreamPageOffset: number;
    }
  | { readonly type: 'close'; readonly channel: number; readonly reason: PeerReason | null }
  | { readonly type: 'gpadl'; readonly gpadl: number; readonly ranges: readonly PageRange[] }
  | { readonly type: 'gpadl-teardown'; readonly gpadl: number }
  | { readonly type: 'pci-write'; readonly channel: number; readonly offset: number; readonly value: number }
  | { readonly type: 'end'; readonly reason: PeerReason | null };

export interface PciDescription {
  readonly vendorId: number;
  readonly deviceId: number;
  readonly config: Uint8Array;
}

export type HostMessage =
  | { readonly type: 'offer'; readonly offer: ChannelOffer; readonly pci: PciDescription | null }
  | { readonly type: 'rescind'; readonly channel: number }
  | { readonly type: 'opened'; readonly channel: number; readonly reason: PeerReason | null }
  | { readonly type: 'close'; readonly channel: number; readonly reason: PeerReason | null }
  | { readonly type: 'gpadl-created'; readonly gpadl: number; readonly reason: PeerReason | null }
  | { readonly type: 'gpadl-torn-down'; readonly gpadl: number }
  | { readonly type: 'pci-config'; readonly channel: number; readonly config: Uint8Array }
  | { readonly type: 'end'; readonly reason: PeerReason | null };

/** The way to the other end of a bus, as one end sees it. */
export interface BusLink<Message> {
  /** Posts a control message. Delivered later, in order. */
  post(message: Message): void;
  /** Rings the other end's doorbell of a channel. May be coalesced; harmless when there is nothing to do. */
  doorbell(channel: number): void;
  /** Both ends are done: nothing is posted any more. */
  close(): void;
}

/** Pages of one channel's rings: 64 for each direction, a header page and 63 data pages (vmbus-ring.md §1). */
export const RING_PAGES = 64;
