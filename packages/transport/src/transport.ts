/**
 * The bus contract: what joins one guest to one host, whatever the medium.
 *
 * A bus carries ordered packets on channels, lets the host read and write pages that the guest shares
 * (guest memory), and shows the guest the host's memory (the device window). Memory and window exist in two
 * kinds: *mapped*, where both sides see the same bytes, and *mirrored*, where a side pushes ranges that it
 * changed, in order with its packets, so that a fence value never arrives before the data it announces.
 * Code above this contract calls `flush`/`publish` always; on a mapped bus they cost nothing.
 */

/** VMBus packet types used by dxgkrnl (hyperv.h: VM_PKT_DATA_INBAND, VM_PKT_COMP). */
export const PacketKind = { inBand: 6, completion: 11 } as const;
export type PacketKind = (typeof PacketKind)[keyof typeof PacketKind];

/** Packet flag: the sender wants a completion with the same transaction id. */
export const PACKET_FLAG_COMPLETION_REQUESTED = 1;

/**
 * Packet flag for the sender's own bus, never carried: the packet says nothing about memory that was flushed or
 * published before it, so it need not wait for it. Where memory is mapped it means nothing.
 */
export const PACKET_FLAG_ANNOUNCES_NOTHING = 0x100;
/**
 * Packet flag for the sender's own bus, never carried: nobody waits for the completion, so that no thread has to look out for it. Where
 * no thread does, it means nothing.
 */
export const PACKET_FLAG_UNHURRIED = 0x200;
/** Those flags that a packet carries to the other side. */
export const CARRIED_PACKET_FLAGS = 0xff;

/** Largest payload of one packet, bytes (DXG_MAX_VM_BUS_PACKET_SIZE). */
export const MAX_PACKET_BYTES = 131_072;

/**
 * Largest payload that a host may send, bytes: header and payload of a VMBus packet must fit the Linux driver's copy
 * buffer of 131,072 bytes. All media keep to it.
 */
export const MAX_HOST_PACKET_BYTES = MAX_PACKET_BYTES - 16;

/** Page size of guest memory and of the device window, bytes. */
export const PAGE_BYTES = 4096;

/** Index of the global channel; virtual GPUs follow from 2 in the order of their offers. */
export const GLOBAL_CHANNEL_INDEX = 1;

/**
 * A packet as handed to `onPacket`. The object and the bytes are reused: they are valid during the call only.
 * The bytes are a private copy, never memory that the peer can still change.
 */
export interface Packet {
  kind: PacketKind;
  /** Low and high half of the 64-bit transaction id. */
  idLow: number;
  idHigh: number;
  /** Bit 0: completion requested. */
  flags: number;
  /** Payload: `bytes[offset .. offset + length)`; `view` covers the same buffer as `bytes`. */
  bytes: Uint8Array;
  view: DataView;
  offset: number;
  /** Payload length, bytes; some media round it up to a multiple of 8. */
  length: number;
}

/** An ordered, reliable, message-preserving pipe in both directions. */
export interface Channel {
  readonly index: number;
  readonly isOpen: boolean;
  /**
   * Queues one packet; the payload is copied before the call returns. Packets sent in one turn of the event
   * loop are published together at its end, or at once by `flush`.
   *
   * A packet arrives after the packets sent before it on its channel, and after memory that was flushed or published
   * before it, unless `flags` has {@link PACKET_FLAG_ANNOUNCES_NOTHING}. Channels keep no order among each other.
   *
   * @returns false when the queue is above its high-water mark: stop until `onDrain`. The packet was taken.
   * @throws TransportError `closed`; `too-large` above {@link MAX_PACKET_BYTES}, on the host's side above
   * {@link MAX_HOST_PACKET_BYTES}; `limit` when a caller goes on long after false: the packet was not taken.
   */
  send(
    kind: PacketKind,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean;
  /** Publishes what `send` queued now, without waiting for the end of the turn. */
  flush(): void;
  /**
   * Hands what has come by now to `onPacket`, within the call, and publishes what that sends: the fastest way for a
   * thread that has nothing else to do. Call it again and again; the other side rings no bell meanwhile. What is not a
   * packet, the end of the channel among it, still comes by the event loop: give it a turn now and then. Left out where
   * packets come by the event loop only.
   *
   * @returns how many packets that were; 0 within `onPacket`.
   */
  poll?(): number;
  /**
   * While a packet is handled: whether more is known to have come behind it. Left out where that is not known. With nothing more, the
   * other side may be waiting for an answer to this one.
   */
  readonly hasMore?: boolean;
  /** Called for each packet in order. Set before the channel is opened, or packets wait until it is set. */
  onPacket: ((packet: Packet) => void) | null;
  /** Called when the queue has fallen below its low-water mark after `send` returned false. */
  onDrain: (() => void) | null;
  /**
   * Called exactly once: with null after an orderly close from either side, else with what went wrong. A channel that
   * has ended before this is set tells it then; so does a bus.
   */
  onClose: ((error: Error | null) => void) | null;
  /** Flushes, then closes. */
  close(): Promise<void>;
  /** Closes at once without flushing; the peer sees an error. */
  abort(error: Error): void;
}

/** What the host offers for one channel. GUIDs are 16 raw bytes. */
export interface ChannelOffer {
  readonly index: number;
  /** HV_GPUP_DXGK_GLOBAL_GUID or HV_GPUP_DXGK_VGPU_GUID. */
  readonly classGuid: Uint8Array;
  /** For a virtual GPU, bytes 0..7 are the LUID that the guest shows to its programs. */
  readonly instanceGuid: Uint8Array;
  /** Size of the device window in MiB; non-zero on the global channel only. */
  readonly mmioMegabytes: number;
}

/**
 * The PCI function of a virtual GPU: device-specific configuration space, aligned 32-bit accesses.
 * Writes are posted: the host sees them in order, before what the guest opens or creates afterwards, and on a
 * mirrored bus in order with packets too. Where rings carry packets, nothing orders the two, as on Hyper-V.
 */
export interface PciFunction {
  /** Index of the virtual GPU's channel. */
  readonly channelIndex: number;
  readonly vendorId: number;
  /** 0x008E virtual render device, 0x008A compute accelerator. */
  readonly deviceId: number;
  readConfig32(offset: number): number;
  writeConfig32(offset: number, value: number): void;
}

/** A run of guest-physical memory: both page aligned, bytes. Below 2^53, so a number is exact. */
export interface PageRange {
  readonly address: number;
  readonly length: number;
}

/** Guest side of guest memory: the memory that the guest can share with its host. */
export interface GuestMemory {
  readonly kind: 'mapped' | 'mirrored';
  /**
   * Takes a page-aligned, zeroed, contiguous run of guest-physical memory.
   * @throws TransportError `no-memory` when the guest's memory or the host's quota is used up.
   */
  allocate(lengthBytes: number): GuestMemoryBlock;
  /** Gives a block back. The host must have been told first (its allocation destroyed). */
  free(block: GuestMemoryBlock): void;
}

/** A block of guest memory, seen by the guest. */
export interface GuestMemoryBlock extends PageRange {
  /** The guest's own bytes, `length` of them. What the host writes appears here. */
  readonly bytes: Uint8Array;
  /**
   * Tells the host about bytes changed through `bytes`. In order with packets. Mapped: nothing to do. A mirrored
   * range above 64 KiB may be read as late as it is sent: changes made meanwhile may show early.
   */
  flush(offset: number, length: number): void;
  /**
   * Makes the host see `source` at `offset` with as few copies as the medium allows. On a mirrored bus the
   * guest's own `bytes` may keep their old content there.
   */
  write(offset: number, source: Uint8Array): void;
  /**
   * Lends part of `bytes` as an ArrayBuffer of its own, for somebody who must lose it at a certain moment. What is written
   * there the host is told of by `flush`. While it is lent the memory stays as it is, whatever ends: the block is
   * given to nobody else, nor is its memory taken away with the bus. Left out where memory cannot be lent; null for no
   * bytes, and when the bus has ended.
   */
  lend?(offset: number, length: number): Loan | null;
}

/** Part of a block in other hands. */
export interface Loan {
  /**
   * The bytes. Held weakly: undefined when nobody has them any more, and the loan is over with that. So keep it where the
   * loan shall last.
   */
  readonly buffer: ArrayBuffer | undefined;
  /**
   * Ends the loan: the ArrayBuffer is detached. Safe to call again.
   * @returns false when somebody has moved the bytes into another ArrayBuffer, and so has them still: nothing may
   *   be kept there any more.
   */
  takeBack(): boolean;
}

/** Host side of guest memory. Every range is checked: `ranges outside guest memory` give a TransportError. */
export interface HostGuestMemory {
  readonly kind: 'mapped' | 'mirrored';
  /** The ranges behind a GPADL, in order, or null when there is none of that number. */
  gpadl(id: number): readonly PageRange[] | null;
  /** True when all of the range is memory that the guest may share. */
  contains(address: number, length: number): boolean;
  /**
   * The bytes of a range. Mapped: the guest's own bytes, which it may change at any time. Mirrored: the host's
   * copy, current as of what the guest flushed.
   * @throws TransportError `out-of-range`.
   */
  view(address: number, length: number): Uint8Array;
  /**
   * Brings a mirrored range up to date with the guest's bytes, also those that it did not flush.
   * Mapped: resolves at once.
   */
  fetch(address: number, length: number): Promise<void>;
  /** Tells the guest about bytes that the host changed through `view`. In order with packets. */
  publish(address: number, length: number): void;
  /**
   * Called before bytes are read that the guest may have changed without a packet's word, by the host or by another
   * process with which it shares them. No bus needs to know; left out, except where somebody records.
   */
  noteRead?(address: number, length: number): void;
  /**
   * A file that another process can map to see the same bytes as `view`, or null when there is none.
   * `offset` is the range's place in the file, bytes.
   */
  shareable(address: number, length: number): { readonly path: string; readonly offset: number } | null;
}

/** Guest side of the device window: the host's memory as the guest sees it. Offsets are in bytes from its start. */
export interface GuestWindow {
  readonly kind: 'mapped' | 'mirrored';
  readonly lengthBytes: number;
  /** A view of host memory. Mirrored: the guest's copy, updated when the host publishes. */
  view(offset: number, length: number): Uint8Array;
  /** Tells the host about bytes that the guest changed. In order with packets. Mapped: nothing to do. */
  flush(offset: number, length: number): void;
  /** Reads an aligned 64-bit value that the host publishes with one store; low half in the result's bits 0..31. */
  loadU64(offset: number): bigint;
}

/** Host side of the device window. */
export interface HostWindow {
  readonly kind: 'mapped' | 'mirrored';
  readonly lengthBytes: number;
  readonly bytes: Uint8Array;
  /** Makes changed bytes visible to the guest, in order with packets. Mapped: nothing to do. */
  publish(offset: number, length: number): void;
  /** Stores an aligned 64-bit value with one store (mapped) and publishes it. */
  storeU64(offset: number, low: number, high: number): void;
  /** As {@link HostGuestMemory.noteRead}: bytes of the window that the guest may have changed. */
  noteRead?(offset: number, length: number): void;
  /** As {@link HostGuestMemory.shareable}, for the whole window. */
  shareable(): { readonly path: string; readonly offset: number } | null;
}

/** Counters of one side of a bus; they only grow. Bytes count what the medium carries, headers included. */
export interface BusStatistics {
  packetsSent: number;
  packetsReceived: number;
  bytesSent: number;
  bytesReceived: number;
  /** Bytes of guest memory and device window pushed and received by a mirrored bus. */
  memoryBytesSent: number;
  memoryBytesReceived: number;
}

/**
 * How commands are written into packets: `packed`, as dxgkrnl does, or `protobuf`, for peers in other languages. A bus
 * carries either; what was agreed with the other side is for those who write and read the packets.
 */
export const Codec = { packed: 'packed', protobuf: 'protobuf' } as const;
export type Codec = (typeof Codec)[keyof typeof Codec];

/** What an end of a bus whose memory both sides see offers a thread that belongs to it. */
export interface PolledEnd {
  /** As {@link Channel.poll}, for all open channels of this end. */
  poll(): number;
  /**
   * Blocks this thread until the other side has sent something, or has closed something, or the time is over. Poll
   * after it; when that finds nothing, give the event loop a turn, because channels open and close there, and because the
   * death of the other side shows there only. A page's own thread must not block, a Node process's may.
   *
   * @returns false when the time was over first; between processes that may be sooner than `timeoutMs`, where a heartbeat is due.
   */
  sleep(timeoutMs: number): boolean;
}

/** Whether the thread of this end of a bus can poll it and sleep on it: between threads, and between processes that share memory. */
export function isPolledEnd<Bus extends GuestBus | HostBus>(bus: Bus): bus is Bus & PolledEnd {
  const { poll, sleep } = bus as Partial<PolledEnd>;
  return typeof poll === 'function' && typeof sleep === 'function';
}

/** The guest's end of a bus. */
export interface GuestBus {
  /** A short name of the medium for people: `in-process`, `websocket`, ... */
  readonly transport: string;
  /** The {@link Codec} agreed with the host; left out: `packed`, the only one where rings carry packets. */
  readonly codec?: string;
  /** Offers so far, in order. */
  readonly offers: readonly ChannelOffer[];
  /** PCI functions so far, one for each virtual GPU. */
  readonly pciFunctions: readonly PciFunction[];
  readonly memory: GuestMemory;
  readonly window: GuestWindow;
  readonly statistics: Readonly<BusStatistics>;
  /** Called for offers and functions that come later. */
  onOffer: ((offer: ChannelOffer) => void) | null;
  onPciFunction: ((pciFunction: PciFunction) => void) | null;
  /** The host took a channel away; its channel object closes as well. */
  onRescind: ((channelIndex: number) => void) | null;
  /** Called exactly once when the whole bus ends; null after an orderly close. */
  onClose: ((error: Error | null) => void) | null;
  /** See {@link HostBus.onInterruption}. */
  onInterruption?: ((isInterrupted: boolean) => void) | null;
  open(channelIndex: number): Promise<Channel>;
  /** Describes pages to the host (VMBus: GPADL header and body messages). Resolves when the host has them. */
  createGpadl(ranges: readonly PageRange[]): Promise<number>;
  /** Resolves when the host says that it let go of the pages. */
  teardownGpadl(id: number): Promise<void>;
  /**
   * Sends what waits, blocks this thread until something comes from the host, and hands it in: for the end of a process,
   * which has no turn left. Left out where memory is shared ({@link isPolledEnd}) or where no thread can wait.
   *
   * @returns false when the time was over first.
   * @throws TransportError when the connection is gone, or one that no thread can wait for (TLS).
   */
  receiveNow?(timeoutMs: number): boolean;
  /**
   * Whether an open bus keeps a Node process alive, as for a socket: it does until `unref`. Media that never keep
   * one alive, and platforms without the notion, leave these out.
   */
  ref?(): void;
  unref?(): void;
  close(): Promise<void>;
  abort(error: Error): void;
}

/** What a host offers on its end of a bus. */
export interface HostOfferOptions {
  readonly classGuid: Uint8Array;
  readonly instanceGuid: Uint8Array;
  readonly mmioMegabytes: number;
  /** Present for a virtual GPU. */
  readonly pci?: {
    readonly vendorId: number;
    readonly deviceId: number;
    /** 256 bytes of configuration space as the guest reads it. */
    readonly config: Uint8Array;
    /**
     * A write by the guest. It does not change what is read unless this call changes `config`: the guest has a copy,
     * which is renewed after each call.
     */
    readonly onWrite: (offset: number, value: number) => void;
  };
}

/** The host's end of a bus. */
export interface HostBus {
  readonly transport: string;
  /** The peer's own name for itself, for logs. */
  readonly peerName: string;
  /** See {@link GuestBus.codec}. */
  readonly codec?: string;
  readonly memory: HostGuestMemory;
  readonly window: HostWindow;
  readonly statistics: Readonly<BusStatistics>;
  /** Offers a channel: the global one first. Offers made before `start` travel with the welcome. */
  offer(options: HostOfferOptions): ChannelOffer;
  /** Lets the guest in. Handlers must be set before. */
  start(): void;
  /** Takes a channel away. */
  rescind(channelIndex: number): void;
  /** The guest opened a channel. Set `onPacket` on it before returning. */
  onChannelOpen: ((channel: Channel) => void) | null;
  /**
   * The guest tears a GPADL down. The guest is told that it is gone when the returned promise settles.
   * Null: told at once.
   */
  onGpadlTeardown: ((id: number) => Promise<void> | void) | null;
  onClose: ((error: Error | null) => void) | null;
  /**
   * Media that outlive a broken connection call this: with true when one is lost and the bus waits for the next, with
   * false when it goes on, nothing lost. Meanwhile what is sent waits. Should none come, `onClose` follows.
   */
  onInterruption?: ((isInterrupted: boolean) => void) | null;
  close(): Promise<void>;
  abort(error: Error): void;
}
