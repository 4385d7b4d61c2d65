import type { TransportError } from '../errors.ts';
import type { ChannelOffer } from '../transport.ts';

/**
 * The seam between a bus and a virtual machine monitor (VMM). A VMM emulates VMBus and the PCI functions for its
 * guest anyway: it decodes the guest's channel messages, traps the accesses to configuration space, and delivers
 * interrupts. What concerns our channels it hands on by the calls below. All of it is numbers and bytes; nothing needs
 * the network or files.
 *
 * Channels are named by the `index` of their offer; the VMM keeps the way from its own channel ids (VMBus: child
 * relids) to it.
 */

/** Identity of the PCI function that belongs to a virtual GPU's channel. */
export interface PciIdentity {
  readonly vendorId: number;
  /** 0x008E virtual render device, 0x008A compute accelerator. */
  readonly deviceId: number;
}

/** What the host asks of the VMM. Each call may be answered at once, from within, or later. None may throw. */
export interface VmmHostCalls {
  /**
   * Offers a channel to the guest (VMBus message OfferChannel) and plugs in its PCI function, if it has one. When the
   * guest asks for the offers again (RequestOffers after an unload), the VMM repeats those that it was given.
   */
  offerChannel(offer: ChannelOffer, pciFunction: PciIdentity | null): void;
  /**
   * Takes a channel away (VMBus message RescindChannelOffer) and unplugs its PCI function. The host has let go of the
   * rings before.
   *
   * @param error - Why, when the host did not mean to: the guest broke the ring's format, or a limit.
   */
  rescindChannel(channel: number, error: Error | null): void;
  /** Interrupts the guest for a channel: there are packets, or there is room. May be coalesced. */
  ringDoorbell(channel: number): void;
  /** The host ended the bus; all channels were rescinded before. Not called after the VMM's own `end`. */
  busEnded?(error: Error | null): void;
}

/** What the VMM tells the host. Nothing throws, whatever the guest put into it: a refusal is a result. */
export interface VmmHostControl {
  /**
   * The guest described pages (VMBus messages GpadlHeader and GpadlBody). Answer GpadlCreated with status 0 for null.
   *
   * @param id - The guest's number for the list.
   * @param frames - Page-frame numbers (guest-physical address >> 12), in order. They are copied.
   * @returns why it was refused: a frame outside guest RAM or in an open channel's ring, too many pages or lists.
   */
  createGpadl(id: number, frames: ArrayLike<bigint>): TransportError | null;
  /**
   * The guest takes pages back (GpadlTeardown). Answer GpadlTornDown when the promise resolves: from then on nothing
   * here touches the pages. It never rejects, and resolves at once for a list that does not exist.
   */
  teardownGpadl(id: number): Promise<void>;
  /**
   * The guest opens a channel (OpenChannel). Answer OpenChannelResult with status 0 for null.
   *
   * @param ringGpadl - The list of both rings' pages; they need not be contiguous.
   * @param downstreamPageOffset - Page in that list at which the host's outbound ring starts.
   */
  openChannel(channel: number, ringGpadl: number, downstreamPageOffset: number): TransportError | null;
  /** The guest closes a channel (CloseChannel, which has no answer). Resolves when the host has let go of the rings. */
  closeChannel(channel: number): Promise<void>;
  /** The guest signals a channel (hypercall SignalEvent). Never does its work inside the call. */
  doorbell(channel: number): void;
  /** The guest reads a double word of configuration space. All ones where there is nothing. */
  readConfig32(channel: number, offset: number): number;
  /** The guest writes a double word of configuration space. */
  writeConfig32(channel: number, offset: number, value: number): void;
  /**
   * The guest's kernel lets go of everything at once (Unload: it crashed, or starts another kernel). Answer
   * UnloadResponse when the promise resolves. The offers stand.
   */
  unload(): Promise<void>;
  /**
   * The virtual machine is gone or is reset: powered off, or the VMM gave it up for `error`. No ring is touched any
   * more when this returns; other guest pages are free when the host's partition has ended.
   */
  end(error: Error | null): void;
}

/** What a guest's VMBus driver asks of its VMM, when {@link createVmmGuestBus} plays the guest. */
export interface VmmGuestCalls {
  /** GpadlHeader and GpadlBody messages. Answered by `gpadlCreated`. */
  createGpadl(id: number, frames: BigUint64Array): void;
  /** GpadlTeardown. Answered by `gpadlTornDown`. */
  teardownGpadl(id: number): void;
  /** OpenChannel. Answered by `channelOpened`. */
  openChannel(channel: number, ringGpadl: number, downstreamPageOffset: number): void;
  /** CloseChannel. Has no answer. */
  closeChannel(channel: number): void;
  /** Hypercall SignalEvent on a channel. */
  signalChannel(channel: number): void;
  /** Accesses to configuration space, which trap into the VMM. */
  readConfig32(channel: number, offset: number): number;
  writeConfig32(channel: number, offset: number, value: number): void;
  /** Unload: the guest's kernel is done with VMBus. Answered by `unloaded`. */
  unload(): void;
}

/** What the VMM delivers to a guest that {@link createVmmGuestBus} plays: VMBus messages and interrupts. */
export interface VmmGuestControl {
  /** OfferChannel, and the PCI function that shows up with it. */
  offerChannel(offer: ChannelOffer, pciFunction: PciIdentity | null): void;
  /** RescindChannelOffer. */
  rescindChannel(channel: number): void;
  gpadlCreated(id: number, isCreated: boolean): void;
  gpadlTornDown(id: number): void;
  channelOpened(channel: number, isOpen: boolean): void;
  /** UnloadResponse. */
  unloaded(): void;
  /** The channel's interrupt. */
  interrupt(channel: number): void;
  /** The machine stops: nothing of guest memory is used any more. */
  powerOff(): void;
}
