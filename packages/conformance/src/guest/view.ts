import type { WireCommand } from '../wire/command.ts';
import { wireCommand } from '../wire/commands.ts';
import { EXTENDED_HEADER_BYTES, EXTENDED_VERSION } from '../wire/message.ts';
import { BringUpView } from './bring-up-view.ts';
import { noteAnswer, noteSent, readReply } from './lives.ts';
import { GuestMemoryView } from './memory-view.ts';
import { GuestObjects, longOf, wordOf } from './objects.ts';
import { type GuestEvent, type GuestPacket, isWhole } from './rule.ts';

const GLOBAL_CHANNEL = 1;
/** Entries of each kind that are kept of what a guest says: what is beyond is not judged, so that it fills no memory. */
const MOST_ENTRIES = 1 << 18;

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
export type Oddity =
  | 'a long answer'
  | 'a stray answer'
  | 'a late answer'
  | 'a stray event'
  | 'a strange message'
  | 'a message elsewhere'
  | 'a strange offer';

/** What has been seen of a guest so far: the ground on which rules decide. It believes nothing that the guest says. */
export class GuestView {
  readonly processes = new Set<number>();
  readonly endedProcesses = new Set<number>();
  readonly objects = new GuestObjects();
  readonly adapters = new Set<number>();
  /** LUIDs of virtual GPUs, from configuration space and from GetInternalAdapterInfo. */
  readonly luids = new Set<bigint>();
  version: number;
  ioBytes: bigint;
  isAsync = false;
  /** Answers to DdiGetStandardAllocationDriverData, and the sizes in them. */
  standardAnswers = 0;
  readonly standardSizes = new Set<string>();
  opened = 0;
  /** The message under way; null for one whose headers do not fit. */
  message: GuestMessage | null = null;
  #messages = 0;
  #turns = 0;
  /** Channels that were offered and are of no class that a guest knows. */
  readonly strangeChannels = new Set<number>();
  readonly memory = new GuestMemoryView();
  readonly bringUp = new BringUpView();
  readonly #oddities = new Map<Oddity, number>();
  readonly #ids = new Map<number, bigint>();
  readonly #pending = new Map<string, GuestMessage>();
  readonly #answered = new Set<string>();
  /** Whether each is of a wait. */
  readonly #events = new Map<bigint, boolean>();
  /** By process and hardware queue. */
  readonly #fenceIds = new Map<string, bigint>();

  constructor(version: number, ioBytes: bigint, luids: readonly bigint[] = []) {
    this.version = version;
    this.ioBytes = ioBytes;
    for (const luid of luids) this.luids.add(luid);
  }

  /** Turns in which the guest has said something since the kit last did this to it; undefined if it has not. */
  turnsSince(what: Oddity): number | undefined {
    const then = this.#oddities.get(what);
    return then === undefined ? undefined : this.#turns - then;
  }

  /** Bytes that the driver demands of the answer to a request that waits for one. */
  demanded(channel: number, id: bigint): number | undefined {
    const message = this.#pending.get(`${channel}/${id}`);
    if (message?.command === undefined || message.bodyBytes < message.command.fixedBytes) return undefined;
    return message.command.demand(message.view, message.at);
  }

  /** Whether an event is that of a wait: it comes once. */
  isOfWait(event: bigint): boolean {
    return this.#events.get(event) === true;
  }

  /** The id that the next request of a channel has to have; moves on. */
  lastId(channel: number): bigint {
    const id = (this.#ids.get(channel) ?? 0n) + 1n;
    this.#ids.set(channel, id);
    return id;
  }

  /** The virtual GPU that a message is for: its LUID, or its channel where messages do not say. */
  gpuOf({ extended, channel }: GuestMessage): bigint {
    if (extended !== null) return extended.luid;
    // On the global channel there is one virtual GPU only, where messages do not say which.
    const [own = channel] = this.bringUp.luidOfChannel.keys();
    return BigInt(channel === GLOBAL_CHANNEL ? own : channel);
  }

  /** Whether a process waits for the answer to a command that has this word at 28. */
  isAwaited(name: string, process: number, word: number): boolean {
    for (const message of this.#pending.values())
      if (message.command?.name === name && message.process === process && isWhole(message))
        if (wordOf(message, 28) === word) return true;
    return false;
  }

  answered(name: string): boolean {
    return this.#answered.has(name);
  }

  /** @returns false for an event id that was used before. */
  takeEvent(event: bigint, isOfWait: boolean): boolean {
    if (this.#events.has(event)) return false;
    if (this.#events.size < MOST_ENTRIES) this.#events.set(event, isOfWait);
    return true;
  }

  /** The fence id that a queue was given last; moves on. */
  takeFenceId(process: number, queue: number, id: bigint): bigint {
    const key = `${process}/${queue}`;
    const last = this.#fenceIds.get(key) ?? 0n;
    if (this.#fenceIds.size < MOST_ENTRIES || this.#fenceIds.has(key))
      this.#fenceIds.set(key, id > last ? id : last);
    return last;
  }

  /** Takes an event before the rules look at it. */
  begin(event: GuestEvent): void {
    this.message = null;
    if (event.kind === 'pciWrite') this.bringUp.writes += 1;
    else if (event.kind === 'open') this.opened += 1;
    else if (event.kind === 'oddity') {
      this.#oddities.set(event.what, this.#turns);
      if (event.channel !== undefined) this.strangeChannels.add(event.channel);
    } else if (event.kind === 'turn') this.#turns += 1;
    else if (event.kind === 'packet') this.message = this.#read(event);
  }

  /** Takes an event when the rules have looked at it. */
  end(event: GuestEvent): void {
    const { message } = this;
    if (event.kind === 'packet' && message !== null) {
      if (message.command?.name === 'DestroyProcess') {
        this.processes.delete(message.process);
        this.endedProcesses.add(message.process);
      }
      this.bringUp.noteSent(message, this.gpuOf(message));
      if (isWhole(message)) {
        noteSent(this.objects, message, this.gpuOf(message));
        if (message.command.name === 'SetIoSpaceRegion') {
          const start = longOf(message, 24);
          this.memory.ioSpace = { start, end: start + longOf(message, 32) };
        }
      }
      if (message.wantsAnswer) this.#pending.set(`${event.channel}/${event.id}`, message);
    } else if (event.kind === 'open') this.bringUp.opened(event.channel);
    else if (event.kind === 'closed') this.#close(event.channel);
    else if (event.kind === 'rescind') this.#loseGpu(event.channel);
    else if (event.kind === 'gpadl') this.memory.add(event.gpadl, event.lengthBytes ?? null);
    else if (event.kind === 'gpadlEnd') this.memory.remove(event.gpadl);
    else if (event.kind === 'answer') this.#learn(`${event.channel}/${event.id}`, event.bytes);
  }

  /** A channel that has ended: opened again, it counts from 1 again. */
  #close(channel: number): void {
    this.#ids.delete(channel);
    for (const key of this.#pending.keys()) if (key.startsWith(`${channel}/`)) this.#pending.delete(key);
    this.bringUp.closed(channel);
    this.#loseGpu(channel);
    if (channel !== GLOBAL_CHANNEL) return;
    this.isAsync = false;
    this.#events.clear();
  }

  /** Of what is on a virtual GPU whose channel has gone, or when the global one has, a guest need say nothing more. */
  #loseGpu(channel: number): void {
    const luid = this.bringUp.currentLuidOf(channel);
    for (const object of this.objects.all())
      if (channel === GLOBAL_CHANNEL || object.gpu === luid || object.gpu === BigInt(channel))
        object.wasAsked = true;
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
    if (!isWhole(message)) return;
    const reply = readReply(message, bytes);
    const { word, long } = reply;
    noteAnswer(this.objects, message, reply, this.gpuOf(message));
    this.bringUp.noteAnswer(message, this.gpuOf(message), name === 'GetInternalAdapterInfo' ? long(704) : 0n);
    if (name === 'SetExistingSysMemStore' && reply.isSuccess) {
      const user = this.objects.get(message.process, wordOf(message, 28));
      if (user !== undefined) this.memory.use(wordOf(message, 32), user);
    }
    if (name === 'DdiGetStandardAllocationDriverData' && reply.isSuccess) {
      this.standardAnswers += 1;
      this.standardSizes.add(`${word(4)}/${word(8)}`);
    } else if (name === 'CreateProcess') {
      this.processes.add(word(0));
      this.objects.endProcess(word(0));
      this.endedProcesses.delete(word(0));
    } else if (name === 'OpenAdapter') this.adapters.add(word(0));
    else if (name === 'GetInternalAdapterInfo') {
      this.isAsync = (word(12) & 0x40) !== 0;
      if (bytes.length >= 712) this.luids.add(long(704));
    } else if (name === 'CreateHwQueue') this.#fenceIds.delete(`${message.process}/${word(28)}`);
  }
}
