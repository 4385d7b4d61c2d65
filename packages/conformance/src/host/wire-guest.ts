import {
  type Channel,
  GLOBAL_CHANNEL_INDEX,
  type GuestBus,
  type GuestMemoryBlock,
  PACKET_FLAG_COMPLETION_REQUESTED,
  type Packet,
  PacketKind,
} from '@dxgwire/transport';
import type { Coverage } from '../coverage.ts';
import { ConformanceFailure, demand, type Evidence, hex64 } from '../failure.ts';
import { queryAdapterInfo, queryAdapterInfoBefore40 } from '../wire/adapter-commands.ts';
import type { WireCommand } from '../wire/command.ts';
import { buildRequest, EXTENDED_VERSION, type Fields, headerOffset } from '../wire/message.ts';
import { hexLines, showRequest } from '../wire/show.ts';
import { createNtSharedObject } from '../wire/sync-commands.ts';
import type { Patience } from './patience.ts';
import { Reply } from './reply.ts';

const LEAST_EVENT_BYTES = 48;

export interface SendOptions {
  readonly process?: number;
  readonly gpu?: number;
  /** Channel to send on in place of the command's own. */
  readonly channel?: number;
  readonly luid?: bigint;
  /** Change the whole message before it goes out. */
  readonly change?: (bytes: Uint8Array) => Uint8Array;
  /** High half of the transaction id. */
  readonly idHigh?: number;
}

/** Messages of a host in one check, and breaches kept: more tell no more, and a host that floods must not fill memory. */
const MOST_MESSAGES = 65_536;
const MOST_BREACHES = 64;

/** One virtual GPU as the kit knows it. */
export interface SeenGpu {
  readonly channel: number;
  luid: bigint;
  adapterHandle: number;
  hostAdapterLuid: bigint;
}

/** A message from the host that nobody asked for. */
export interface HostMessage {
  readonly channel: number;
  readonly code: number;
  readonly bytes: Uint8Array;
  readonly order: number;
}

interface Waiter {
  readonly command: WireCommand;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
  readonly request: Uint8Array;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** The kit's guest: raw packets on a bus, and everything that came back. No driver of ours is in it. */
export class WireGuest {
  readonly bus: GuestBus;
  readonly gpus: SeenGpu[] = [];
  readonly messages: HostMessage[] = [];
  /** What the host did against the rules of packets, whatever was asked. */
  readonly breaches: ConformanceFailure[] = [];
  readonly patience: Patience;
  readonly coverage: Coverage;
  version = 27;
  ioStart = 0n;
  isAsync = false;
  /** Null after an orderly end, an error after another; undefined while the link lives. */
  closedBy: Error | null | undefined;
  readonly #channels = new Map<number, Channel>();
  readonly #pending = new Map<string, Waiter>();
  readonly #nextIds = new Map<number, number>();
  readonly #watchers = new Set<() => void>();
  readonly #gpadls = new Set<number>();
  readonly #blocks: GuestMemoryBlock[] = [];
  /** NT objects, which outlive their process. */
  readonly ntObjects = new Set<number>();
  #order = 0;
  #nextEvent = 2n;

  constructor(bus: GuestBus, patience: Patience, coverage: Coverage) {
    this.bus = bus;
    this.patience = patience;
    this.coverage = coverage;
    bus.onClose = (error) => {
      this.closedBy = error;
      const reason = error === null ? 'the host closed the link' : `the link ended: ${error.message}`;
      for (const waiter of this.#pending.values()) {
        clearTimeout(waiter.timer);
        waiter.reject(
          new ConformanceFailure(`${waiter.command.name} to be answered`, reason, [
            'sent:',
            ...showRequest(waiter.request, this.version),
          ]),
        );
      }
      this.#pending.clear();
      this.#wake();
    };
    bus.onOffer = () => this.#wake();
    bus.onPciFunction = () => this.#wake();
  }

  get isOpen(): boolean {
    return this.closedBy === undefined;
  }

  /** A fresh event id: from 2 upwards, as a Linux guest numbers them. */
  event(): bigint {
    this.#nextEvent += 1n;
    return this.#nextEvent - 1n;
  }

  async openChannel(index: number): Promise<void> {
    const channel = await this.patience.within(this.bus.open(index), `channel ${index} to open`);
    this.#channels.set(index, channel);
    channel.onPacket = (packet) => this.#receive(index, packet);
  }

  channelFor(command: WireCommand, gpu = 0): number {
    if (command.channel === 'global' || this.isAsync) return GLOBAL_CHANNEL_INDEX;
    return this.gpus[gpu]?.channel ?? GLOBAL_CHANNEL_INDEX;
  }

  /** The bytes of a message as {@link call} would send it. */
  build(
    command: WireCommand,
    fields: Fields,
    tail: readonly Uint8Array[],
    options: SendOptions,
    isAsync = false,
  ): Uint8Array {
    const luid = options.luid ?? this.gpus[options.gpu ?? 0]?.luid ?? 0n;
    const envelope = { version: this.version, process: options.process ?? 0, luid, isAsync };
    const bytes = buildRequest(command, envelope, fields, tail);
    return options.change?.(bytes) ?? bytes;
  }

  /** Sends a command and waits for its answer. @throws ConformanceFailure when none comes in time. */
  call(
    command: WireCommand,
    fields: Fields = {},
    tail: readonly Uint8Array[] = [],
    options: SendOptions = {},
  ): Promise<Reply> {
    const bytes = this.build(command, fields, tail, options);
    return this.sendBytes(command, bytes, options);
  }

  /** Sends a command whose answer nobody wants. */
  post(command: WireCommand, fields: Fields, tail: readonly Uint8Array[], options: SendOptions = {}): void {
    const bytes = this.build(command, fields, tail, options, true);
    this.coverage.send(command, bytes, headerOffset(this.version));
    const index = options.channel ?? this.channelFor(command, options.gpu);
    this.#channels.get(index)?.send(PacketKind.inBand, 0, 0, 0, bytes, 0, bytes.length);
  }

  sendBytes(asked: WireCommand, bytes: Uint8Array, options: SendOptions = {}): Promise<Reply> {
    const command = asked === queryAdapterInfo && !this.hasExtendedHeader ? queryAdapterInfoBefore40 : asked;
    const index = options.channel ?? this.channelFor(command, options.gpu);
    const channel = this.#channels.get(index);
    if (channel === undefined || !this.isOpen) {
      const gone = new ConformanceFailure(`a link to send ${command.name} on`, 'a link that has ended');
      return Promise.reject(gone);
    }
    const id = this.#nextIds.get(index) ?? 1;
    this.#nextIds.set(index, id + 1);
    this.coverage.send(command, bytes, headerOffset(this.version));
    const idHigh = options.idHigh ?? 0;
    return new Promise((resolve, reject) => {
      const key = `${index}/${id}/${idHigh}`;
      const timer = setTimeout(() => {
        this.#pending.delete(key);
        this.patience.vain += 1;
        const evidence = ['sent:', ...showRequest(bytes, this.version)];
        reject(new ConformanceFailure(`${command.name} to be answered`, this.#silence(), evidence));
      }, this.patience.timeoutMs);
      this.#pending.set(key, { command, resolve, reject, request: bytes, timer });
      try {
        channel.send(PacketKind.inBand, id, idHigh, PACKET_FLAG_COMPLETION_REQUESTED, bytes, 0, bytes.length);
      } catch (error) {
        clearTimeout(timer);
        this.#pending.delete(key);
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }

  #silence(): string {
    return `no answer within ${this.patience.timeoutMs} ms`;
  }

  #receive(channel: number, packet: Packet): void {
    const payload = packet.bytes.slice(packet.offset, packet.offset + packet.length);
    this.#order += 1;
    if (packet.kind === PacketKind.completion) this.#complete(channel, packet, payload);
    else this.#takeMessage(channel, packet, payload);
    this.#wake();
  }

  #complete(channel: number, packet: Packet, payload: Uint8Array): void {
    const key = `${channel}/${packet.idLow}/${packet.idHigh}`;
    const waiter = this.#pending.get(key);
    if (waiter === undefined) {
      const got = `a completion with id ${packet.idLow} on channel ${channel}`;
      this.#breach('completions only for requests that wait for one, once, on their channel', got, payload);
      return;
    }
    this.#pending.delete(key);
    clearTimeout(waiter.timer);
    if (packet.flags !== 0) this.#breach('completions without flags', `flags ${packet.flags}`, payload);
    this.coverage.answer(waiter.command);
    const place = { channel, order: this.#order, version: this.version };
    if (waiter.command === createNtSharedObject && payload.length >= 4)
      this.ntObjects.add(new DataView(payload.buffer).getUint32(0, true));
    waiter.resolve(new Reply(waiter.command, waiter.request, payload, place, this.coverage));
  }

  #takeMessage(channel: number, packet: Packet, payload: Uint8Array): void {
    const view = new DataView(payload.buffer);
    const code = payload.length >= 20 ? view.getUint32(16, true) : -1;
    if (channel !== GLOBAL_CHANNEL_INDEX)
      this.#breach('messages of the host on the global channel only', `one on channel ${channel}`, payload);
    if (packet.flags !== 0 || packet.kind !== PacketKind.inBand)
      this.#breach('in-band messages that want no completion', `flags ${packet.flags}`, payload);
    if (payload.length < LEAST_EVENT_BYTES)
      this.#breach('messages of 48 bytes or more', `${payload.length} bytes`, payload);
    else if (view.getUint8(12) !== 2)
      this.#breach('channel type 2 in a message of the host', String(view.getUint8(12)), payload);
    if (this.messages.length === MOST_MESSAGES) {
      const got = `${MOST_MESSAGES} that nobody had asked for`;
      this.#breach('messages of the host for what a guest waits for', got, payload);
      this.abandon(new Error('the host floods this link'));
    }
    if (this.messages.length < MOST_MESSAGES)
      this.messages.push({ channel, code, bytes: payload, order: this.#order });
  }

  #breach(expected: string, got: string, payload: Uint8Array): void {
    if (this.breaches.length >= MOST_BREACHES) return;
    const breach = new ConformanceFailure(expected, got, ['came:', ...hexLines(payload)]);
    breach.stage = 'packets';
    this.breaches.push(breach);
  }

  #wake(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** Resolves when `isSo` holds: asked after everything that arrives. @throws ConformanceFailure in time. */
  async until(
    isSo: () => boolean,
    expected: string,
    evidence: () => readonly string[] = () => [],
  ): Promise<void> {
    if (isSo() || (await this.#comesTrue(isSo))) return;
    // Thrown here and not by the timer: its stack says which check has waited.
    const got = this.isOpen ? `nothing of it within ${this.patience.timeoutMs} ms` : 'the end of the link';
    throw new ConformanceFailure(expected, got, evidence());
  }

  /** Resolves with false when it does not in time, or the link has ended. */
  #comesTrue(isSo: () => boolean): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (isTrue: boolean): void => {
        clearTimeout(timer);
        this.#watchers.delete(watcher);
        resolve(isTrue);
      };
      const watcher = (): void => {
        if (isSo()) finish(true);
        else if (!this.isOpen) finish(false);
      };
      const timer = setTimeout(() => {
        this.patience.vain += 1;
        finish(false);
      }, this.patience.timeoutMs);
      this.#watchers.add(watcher);
    });
  }

  /** How many times an event was signalled. */
  signalled(event: bigint): number {
    return this.#eventMessages(event).length;
  }

  #eventMessages(event: bigint): HostMessage[] {
    return this.messages.filter(
      ({ code, bytes }) =>
        (code === 0 || code === 3) &&
        bytes.length >= LEAST_EVENT_BYTES &&
        new DataView(bytes.buffer).getBigUint64(24, true) === event,
    );
  }

  /** Waits for an event. */
  async untilEvent(event: bigint, why: string): Promise<HostMessage> {
    await this.until(() => this.signalled(event) > 0, `SignalGuestEvent ${event} (${why})`);
    return this.#eventMessages(event)[0] as HostMessage;
  }

  /** Notifications of a device's state by its cookie. */
  notifications(cookie: bigint): { readonly data: number; readonly order: number; readonly bits: number }[] {
    const found = [];
    for (const { code, bytes, order } of this.messages) {
      if (code !== 2 || bytes.length < LEAST_EVENT_BYTES) continue;
      const view = new DataView(bytes.buffer);
      if (view.getBigUint64(24, true) !== cookie) continue;
      found.push({ data: view.getUint32(32, true), bits: view.getUint32(40, true), order });
    }
    return found;
  }

  /** Offset in the window of an address that the host gave. @throws ConformanceFailure outside of the IO space. */
  windowOffset(address: bigint, lengthBytes: number, what: string, evidence: Evidence): number {
    const size = BigInt(this.bus.window.lengthBytes);
    const end = this.ioStart + size - BigInt(lengthBytes);
    const isInside = address >= this.ioStart && address < end;
    const expected = `${what} inside the IO space, its last page excepted (${hex64(this.ioStart)} up to ${hex64(end)})`;
    demand(isInside, expected, hex64(address), evidence);
    demand(address % 4096n === 0n, `${what} at the start of a page`, hex64(address), evidence);
    return Number(address - this.ioStart);
  }

  /** The value of a fence page now. */
  fenceAt(address: bigint): bigint {
    return this.bus.window.loadU64(Number(address - this.ioStart));
  }

  /** Writes a fence's page, as any program of a guest can that has it mapped. */
  writeFence(address: bigint, value: bigint): void {
    const { window } = this.bus;
    const offset = Number(address - this.ioStart);
    const bytes = window.view(offset, 8);
    new DataView(bytes.buffer, bytes.byteOffset, 8).setBigUint64(0, value, true);
    window.flush(offset, 8);
  }

  get hasExtendedHeader(): boolean {
    return this.version >= EXTENDED_VERSION;
  }

  /** Memory of this guest until {@link freeMemory}. */
  allocateMemory(lengthBytes: number): GuestMemoryBlock {
    const block = this.bus.memory.allocate(lengthBytes);
    this.#blocks.push(block);
    return block;
  }

  /** Shares memory by a GPADL. */
  async shareMemory(address: number, length: number): Promise<number> {
    const work = this.bus.createGpadl([{ address, length }]);
    const gpadl = await this.patience.within(work, 'a GPADL to be taken');
    this.#gpadls.add(gpadl);
    return gpadl;
  }

  takeBack(gpadl: number): Promise<void> {
    this.#gpadls.delete(gpadl);
    return this.bus.teardownGpadl(gpadl);
  }

  /** Takes all memory back, once nothing of the host uses it. */
  async freeMemory(): Promise<void> {
    for (const gpadl of [...this.#gpadls])
      await this.patience.within(this.takeBack(gpadl), 'the GPADL to be torn down');
    for (const block of this.#blocks.splice(0)) this.bus.memory.free(block);
  }

  /** Ends the link: in order where the host does its part in time. */
  async close(): Promise<void> {
    if (!this.isOpen) return;
    await this.patience
      .within(this.bus.close(), 'the link to end')
      .catch((error: unknown) => this.abandon(error));
  }

  /** Ends the link at once. Whatever waits on it fails. */
  abandon(reason: unknown): void {
    if (this.isOpen) this.bus.abort(reason instanceof Error ? reason : new Error(String(reason)));
  }
}
