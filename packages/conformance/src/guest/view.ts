import type { WireCommand } from '../wire/command.ts';
import { wireCommand } from '../wire/commands.ts';
import { EXTENDED_HEADER_BYTES, EXTENDED_VERSION } from '../wire/message.ts';
import { GuestMemoryView } from './memory-view.ts';
import type { GuestEvent, GuestPacket } from './rule.ts';

/** A message of a guest with its headers read. */
export interface GuestMessage {
  readonly channel: number;
  readonly wantsAnswer: boolean;
  readonly extended: { readonly offset: number; readonly reserved: number; readonly luid: bigint } | null;
  /** Where the command header begins in `view`. */
  readonly at: number;
  readonly view: DataView;
  /** Bytes from the command header on. */
  readonly bodyBytes: number;
  readonly commandId: bigint;
  readonly process: number;
  readonly info: number;
  readonly channelType: number;
  readonly code: number;
  readonly padding: number;
  readonly command: WireCommand | undefined;
  /** Its place among all messages, from 1. */
  readonly count: number;
}

/** What the kit does to a guest that it has to bear. */
export type Oddity = 'a long answer' | 'a stray event' | 'a strange message' | 'a strange offer';

/** What has been seen of a guest so far: the ground on which rules decide. It believes nothing that the guest says. */
export class GuestView {
  readonly processes = new Set<number>();
  readonly endedProcesses = new Set<number>();
  readonly handles = new Set<number>();
  readonly globalHandles = new Set<number>();
  readonly ntHandles = new Set<number>();
  readonly adapters = new Set<number>();
  /** LUIDs of virtual GPUs, from configuration space and from GetInternalAdapterInfo. */
  readonly luids = new Set<bigint>();
  version: number;
  ioBytes: bigint;
  isAsync = false;
  pciWrites = 0;
  opened = 0;
  /** The message under way; null for one whose headers do not fit. */
  message: GuestMessage | null = null;
  #messages = 0;
  /** Channels that were offered and are of no class that a guest knows. */
  readonly strangeChannels = new Set<number>();
  readonly memory = new GuestMemoryView();
  readonly #oddities = new Map<Oddity, number>();
  readonly #ids = new Map<number, bigint>();
  readonly #steps = new Map<bigint, number>();
  readonly #pending = new Map<string, GuestMessage>();
  readonly #answered = new Set<string>();
  readonly #events = new Set<bigint>();
  /** By process and hardware queue. */
  readonly #fenceIds = new Map<string, bigint>();

  constructor(version: number, ioBytes: bigint, luids: readonly bigint[] = []) {
    this.version = version;
    this.ioBytes = ioBytes;
    for (const luid of luids) this.luids.add(luid);
  }

  /** Messages of the guest since the kit last did this to it; undefined if it has not. */
  messagesSince(what: Oddity): number | undefined {
    const then = this.#oddities.get(what);
    return then === undefined ? undefined : this.#messages - then;
  }

  /** Bytes that the driver demands of the answer to a request that waits for one. */
  demanded(channel: number, id: bigint): number | undefined {
    const message = this.#pending.get(`${channel}/${id}`);
    if (message?.command === undefined || message.bodyBytes < message.command.fixedBytes) return undefined;
    return message.command.demand(message.view, message.at);
  }

  /** Whether an event is that of a wait: it comes once. */
  isOfWait(event: bigint): boolean {
    return this.#events.has(event);
  }

  /** The id that the next request of a channel has to have; moves on. */
  lastId(channel: number): bigint {
    const id = (this.#ids.get(channel) ?? 0n) + 1n;
    this.#ids.set(channel, id);
    return id;
  }

  answered(name: string): boolean {
    return this.#answered.has(name);
  }

  /** @returns false for an event id that was used before. */
  takeEvent(event: bigint): boolean {
    if (this.#events.has(event)) return false;
    this.#events.add(event);
    return true;
  }

  /** The fence id that a queue was given last; moves on. */
  takeFenceId(process: number, queue: number, id: bigint): bigint {
    const key = `${process}/${queue}`;
    const last = this.#fenceIds.get(key) ?? 0n;
    this.#fenceIds.set(key, id > last ? id : last);
    return last;
  }

  /** Rule of the order OpenAdapter, GetInternalAdapterInfo, anything. */
  bringUpStep(gpu: bigint, name: string): string | null {
    // GetInternalAdapterInfo may give the virtual GPU another LUID: with one open, the next is known.
    const step = this.#steps.get(gpu) ?? (this.#answered.has('GetInternalAdapterInfo') ? 2 : 0);
    if (name === 'OpenAdapter') {
      this.#steps.set(gpu, 1);
      return null;
    }
    if (step === 0) return `${name} before OpenAdapter`;
    if (name === 'GetInternalAdapterInfo') {
      this.#steps.set(gpu, 2);
      return null;
    }
    return step === 2 || name === 'CloseAdapter' ? null : `${name} before GetInternalAdapterInfo`;
  }

  /** Takes an event before the rules look at it. */
  begin(event: GuestEvent): void {
    this.message = null;
    if (event.kind === 'pciWrite') this.pciWrites += 1;
    else if (event.kind === 'open') this.opened += 1;
    else if (event.kind === 'oddity') {
      this.#oddities.set(event.what, this.#messages);
      if (event.channel !== undefined) this.strangeChannels.add(event.channel);
    } else if (event.kind === 'packet') this.message = this.#read(event);
  }

  /** Takes an event when the rules have looked at it. */
  end(event: GuestEvent): void {
    const { message } = this;
    if (event.kind === 'packet' && message !== null) {
      if (message.command?.name === 'DestroyProcess') {
        this.processes.delete(message.process);
        this.endedProcesses.add(message.process);
      }
      if (message.wantsAnswer) this.#pending.set(`${event.channel}/${event.id}`, message);
    } else if (event.kind === 'gpadl') this.memory.add(event.gpadl);
    else if (event.kind === 'gpadlEnd') this.memory.remove(event.gpadl);
    else if (event.kind === 'answer') this.#learn(`${event.channel}/${event.id}`, event.bytes);
  }

  #read({ bytes, channel, flags }: GuestPacket): GuestMessage | null {
    const hasExtended = this.version >= EXTENDED_VERSION;
    const at = hasExtended ? EXTENDED_HEADER_BYTES : 0;
    if (bytes.length < at + 24) return null;
    this.#messages += 1;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const info = view.getUint32(at + 12, true);
    const code = view.getUint32(at + 16, true);
    const channelType = info & 0xff;
    const extended = hasExtended
      ? {
          offset: view.getUint32(0, true),
          reserved: view.getUint32(4, true),
          luid: view.getBigUint64(8, true),
        }
      : null;
    return {
      channel,
      wantsAnswer: (flags & 1) !== 0,
      extended,
      at,
      view,
      bodyBytes: bytes.length - at,
      commandId: view.getBigUint64(at, true),
      process: view.getUint32(at + 8, true),
      info,
      channelType,
      code,
      padding: view.getUint32(at + 20, true),
      command: channelType > 1 ? undefined : wireCommand(channelType === 0 ? 'vgpu' : 'global', code),
      count: this.#messages,
    };
  }

  /** What an answer gave the guest to use. */
  #learn(key: string, bytes: Uint8Array): void {
    const message = this.#pending.get(key);
    this.#pending.delete(key);
    if (message?.command === undefined) return;
    const { name } = message.command;
    this.#answered.add(name);
    this.memory.answered(message);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const word = (offset: number): number => (bytes.length >= offset + 4 ? view.getUint32(offset, true) : 0);
    const long = (offset: number): bigint =>
      bytes.length >= offset + 8 ? view.getBigUint64(offset, true) : 0n;
    if (name === 'CreateProcess') {
      this.processes.add(word(0));
      this.endedProcesses.delete(word(0));
    } else if (name === 'OpenAdapter') this.adapters.add(word(0));
    else if (name === 'GetInternalAdapterInfo') {
      this.isAsync = (word(12) & 0x40) !== 0;
      if (bytes.length >= 712) this.luids.add(long(704));
    } else if (name === 'CreateNtSharedObject') this.ntHandles.add(word(0));
    else if (name === 'CreateSyncObject') this.globalHandles.add(word(4));
    else if (name === 'CreateContextVirtual') this.handles.add(word(24));
    else if (name === 'CreateHwQueue') {
      this.handles.add(word(28));
      this.#fenceIds.delete(`${message.process}/${word(28)}`);
    } else if (name === 'CreateDevice' || name === 'CreatePagingQueue') this.handles.add(word(0));
  }
}
