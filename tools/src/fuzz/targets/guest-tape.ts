import type { Partition } from '@dxgwire/host';
import type { FakeClock } from '@dxgwire/host/testing';
import {
  commands,
  encodeRequest,
  headerBytes,
  isFailure,
  PciConfig,
  type RequestHeader,
  writeCommandHeader,
  writeExtendedHeader,
} from '@dxgwire/protocol';
import { PACKET_FLAG_COMPLETION_REQUESTED, PacketKind } from '@dxgwire/transport';
import { FakeHostBus } from './fake-bus.ts';
import { type HandleKind, type MessagePlan, planNamed, plans, type Slot } from './message-plan.ts';

const WINDOW_START = 0x10_0000_0000n;
const EDGES = [
  0, 1, 2, 3, 4, 8, 16, 31, 32, 33, 64, 4095, 4096, 8192, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
];
/** What most sequences begin with, so that later commands have something to be about. */
const OPENING = [
  'CreateDevice',
  'CreateContextVirtual',
  'CreateHwQueue',
  'CreateAllocation',
  'CreatePagingQueue',
  'CreateSyncObject',
].map(planNamed);
/** These end most of what the others work on. */
const RARE = new Set([
  'DestroyProcess',
  'DestroyDevice',
  'CloseAdapter',
  'SetIoSpaceRegion',
  'MarkDeviceAsError',
]);
const destroyProcess = planNamed('DestroyProcess');
const MAX_COMMANDS = 32;

/** Reads an input byte by byte; past its end all is 0. */
class Tape {
  bytes: Uint8Array = new Uint8Array(0);
  at = 0;

  get isOver(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    return this.bytes[this.at++] ?? 0;
  }

  word(): number {
    return (this.byte() | (this.byte() << 8) | (this.byte() << 16) | (this.byte() << 24)) >>> 0;
  }
}

type Pool = Partial<Record<HandleKind, number[]>>;

/** A guest whose commands a tape of bytes decides. It keeps the handles that it was given, also those that are dead. */
export class GuestTape {
  readonly bus: FakeHostBus;
  /** Commands of the last sequence that succeeded, as far as their answers say so. */
  successes = 0;
  /** An adapter may have been closed, now or later: objects of every process go with it. */
  isSpent = false;
  readonly #tape = new Tape();
  #pool: Pool = {};
  /** Handles of sequences before, and of a process that lives on. */
  readonly #stale: number[] = [0];
  readonly #foreign: Pool = {};
  readonly #luids: { low: number; high: number }[] = [];
  #version = 27;
  #process = 0;
  readonly #alive = new Set<number>();
  /** NT handles: they belong to the guest as a whole, and outlive the process that made them. */
  readonly #shared = new Set<number>();
  #waiting: MessagePlan | null = null;
  #unanswered = 0;

  constructor() {
    this.bus = new FakeHostBus((kind, id, bytes, offset, length) => {
      if (kind !== PacketKind.completion) return;
      if (length % 8 !== 0) throw new Error(`an answer of ${length} bytes`);
      if (id !== 0) this.#unanswered -= 1;
      const plan = this.#waiting;
      if (plan !== null) this.#learn(plan, new DataView(bytes.buffer, bytes.byteOffset + offset, length));
    });
  }

  get isBroken(): boolean {
    return this.bus.ended !== undefined;
  }

  /** As a driver does it: version, IO space, adapters, and a process that outlives all sequences. */
  async bringUp(partition: Partition, version: 27 | 40): Promise<void> {
    await Promise.all(partition.gpus.map((gpu) => gpu.open()));
    const pci = this.bus.offers[1]!.pci!;
    pci.onWrite(PciConfig.guestCapsOffset, 1);
    if (version === 40) pci.onWrite(PciConfig.interfaceVersionOffset, version);
    this.#version = version;
    for (const { identity } of partition.gpus) this.#luids.push(identity.vgpuLuid);
    this.#send(commands.setIoSpaceRegion, {
      start: WINDOW_START,
      length: BigInt(this.bus.window.lengthBytes),
    });
    for (const gpu of [0, 1]) {
      const versions = { vmbusInterfaceVersion: version, vmbusLastCompatibleInterfaceVersion: 16 };
      this.#send(commands.openAdapter, versions, gpu);
    }
    this.#begin();
    for (const plan of OPENING) this.#command(plan, 0);
    Object.assign(this.#foreign, this.#pool);
    // Nobody shall end the process that lives on.
    delete this.#foreign.process;
    this.#alive.clear();
  }

  /** A command with given fields. */
  #send(def: (typeof commands)[keyof typeof commands], body: object, gpu = 0): void {
    const header: RequestHeader = {
      version: this.#version,
      process: this.#process,
      vgpuLuid: this.#luids[gpu]!,
      async: false,
    };
    const { packet } = this.bus;
    packet.length = encodeRequest(def as never, header, body as never, packet.view, 0);
    this.#deliver(planNamed(def.name), gpu, true);
  }

  #deliver(plan: MessagePlan, gpu: number, wantsAnswer: boolean): void {
    const { packet } = this.bus;
    packet.flags = wantsAnswer ? PACKET_FLAG_COMPLETION_REQUESTED : 0;
    packet.idLow = wantsAnswer ? 1 : 0;
    if (wantsAnswer) this.#unanswered += 1;
    this.#waiting = plan;
    this.bus.deliver(plan.isGlobal ? 1 : 2 + gpu);
    this.#waiting = null;
  }

  /** Keeps the handles that an answer gave. */
  #learn(plan: MessagePlan, view: DataView): void {
    const { statusOffset } = plan.def;
    const isSuccess =
      statusOffset === null ||
      view.byteLength < statusOffset + 4 ||
      !isFailure(view.getUint32(statusOffset, true));
    if (!isSuccess) return;
    this.successes += 1;
    for (const { kind, offset } of plan.made) {
      if (offset + 4 > view.byteLength) continue;
      const handle = view.getUint32(offset, true);
      if (handle === 0) continue;
      if (kind === 'process') {
        this.#process = handle;
        this.#alive.add(handle);
      } else if (kind === 'nt') this.#shared.add(handle);
      const list = this.#pool[kind] ?? [];
      this.#pool[kind] = list;
      if (list.length < 64) list.push(handle);
    }
  }

  #begin(): void {
    this.successes = 0;
    this.#pool = {};
    this.#send(commands.createProcess, {});
  }

  /** Plays a tape. @returns how many commands it made. */
  play(input: Uint8Array): number {
    const tape = this.#tape;
    tape.bytes = input;
    tape.at = 0;
    this.#begin();
    let count = 1;
    const opening = tape.byte();
    if ((opening & 7) !== 7) {
      for (const plan of OPENING) this.#command(plan, opening & 8 ? 1 : 0);
      count += OPENING.length;
    }
    while (!tape.isOver && !this.isBroken && count < MAX_COMMANDS) {
      const choice = tape.byte();
      const plan = plans[choice % plans.length]!;
      const isRare = RARE.has(plan.def.name) && (tape.byte() & 7) !== 0;
      this.#fill(isRare ? plans[(choice * 7) % plans.length]! : plan);
      count += 1;
    }
    return count;
  }

  /** A command that should work: right handles, everything else zero but what it needs. */
  #command(plan: MessagePlan, gpu: number): void {
    const { name } = plan.def;
    const device = this.#pool.device?.at(-1) ?? 0;
    const context = this.#pool.context?.at(-1) ?? 0;
    if (name === 'CreateAllocation') {
      const privDrvData = new Uint8Array(8);
      privDrvData[1] = 0x20;
      this.#send(
        commands.createAllocation,
        { device, allocInfo: [{ privDrvData }, { privDrvData }], flags: 0x43 },
        gpu,
      );
    } else if (name === 'CreateSyncObject') {
      const info = { type: 5, flags: 3, monitoredFence: { initialFenceValue: 0n } };
      this.#send(commands.createSyncObject, { args: { device, info } }, gpu);
    } else if (name === 'CreatePagingQueue')
      this.#send(commands.createPagingQueue, { args: { device } }, gpu);
    else if (name === 'CreateHwQueue') this.#send(commands.createHwQueue, { context }, gpu);
    else if (name === 'CreateContextVirtual') {
      this.#send(commands.createContextVirtual, { device, flags: 0x10 }, gpu);
    } else this.#send(commands.createDevice, { errorCode: 1n }, gpu);
  }

  /** One command, its fields as the tape says. */
  #fill(plan: MessagePlan): void {
    const tape = this.#tape;
    const { bytes, view } = this.bus.packet;
    const how = tape.byte();
    const start = headerBytes(this.#version);
    const gpu = how & 1;
    bytes.fill(0, 0, start + plan.fixedBytes);
    const counts = new Map<string, number>();
    for (const slot of plan.slots) this.#slot(slot, start, counts);
    let end = start + plan.fixedBytes;
    const owned = new Map<string, number>();
    let ownedBytes = 0;
    const tailCounts: number[] = [];
    for (const tail of plan.tails) {
      const stated =
        tail.count === null ? tape.byte() & 3 : Math.max(counts.get(tail.count) ?? 0, tail.least);
      const count = tail.like === null ? Math.min(stated, 34) : (how & 1) * tailCounts[tail.like]!;
      tailCounts.push(count);
      const length = count * tail.elementBytes;
      bytes.fill(0, end, end + length);
      for (let at = end; at < end + length && tail.slots.length > 0; at += tail.elementBytes) {
        owned.clear();
        for (const slot of tail.slots) this.#slot(slot, at, owned);
        for (const bytesOfOne of owned.values()) ownedBytes += Math.min(bytesOfOne, 64);
      }
      end += length;
    }
    const isExact = plan.tails.some(({ like }) => like !== null);
    const spare = ownedBytes + (isExact ? 0 : how & 16 ? 64 : 16);
    bytes.fill(0, end, end + spare);
    end += spare;
    // Seldom cut short: that ends the link.
    if ((how & 0xe0) === 0xe0 && tape.byte() === 1) end = Math.max(0, end - tape.byte());
    this.#header(plan, how, gpu);
    this.bus.packet.length = end;
    // What nobody was told the handle of could not be ended.
    const isNamed = plan.made.some(({ kind }) => kind === 'process' || kind === 'nt');
    if (plan.def.name === 'CloseAdapter') this.isSpent = true;
    const wantsAnswer = (how & 12) !== 4 || isNamed;
    this.#deliver(plan, how & 2 ? gpu : gpu ^ 1, wantsAnswer);
    if (bytes.length !== view.byteLength) throw new Error('the packet changed');
  }

  #header(plan: MessagePlan, how: number, gpu: number): void {
    const { view } = this.bus.packet;
    let at = 0;
    if (this.#version >= 40) {
      const { low, high } = this.#luids[gpu]!;
      writeExtendedHeader(view, 0, low, (how & 0x78) === 0x78 ? high + 1 : high);
      at = 16;
    }
    const { id, headerProcess } = plan.def;
    const caller = headerProcess === 'zero' ? 0 : this.#process;
    const process = (how & 0x70) === 0x70 ? this.#handle('process') : caller;
    writeCommandHeader(view, at, plan.isGlobal ? 1 : 0, id, process, (how & 12) === 4);
  }

  #slot(slot: Slot, base: number, counts: Map<string, number>): void {
    const { view } = this.bus.packet;
    const at = base + slot.offset;
    switch (slot.what) {
      case 'handle':
        view.setUint32(at, this.#handle(slot.kind), true);
        break;
      case 'count': {
        const choice = this.#tape.byte();
        const count = choice < 200 ? choice & 3 : choice < 255 ? choice & 31 : this.#edge();
        counts.set(slot.key, count);
        view.setUint32(at, count, true);
        break;
      }
      case 'word':
        view.setUint32(at, this.#word(slot.choices), true);
        break;
      case 'long':
        this.#long(at);
        break;
      default:
        view.setUint8(at, this.#tape.byte() & 1);
    }
  }

  /** Mostly a handle of the right kind; sometimes of a wrong one, of a dead object, of another process, or none. */
  #handle(kind: HandleKind): number {
    const tape = this.#tape;
    const choice = tape.byte();
    const from = (list: readonly number[] | undefined): number => list?.[tape.byte() % list.length] ?? 0;
    if (choice < 176) {
      const known = this.#pool[kind];
      if (known !== undefined) return known[choice % known.length]!;
      return kind === 'any' ? this.#anyOf(this.#pool) : 0;
    }
    if (choice < 200) return this.#anyOf(this.#pool);
    if (choice < 216) return from(this.#stale);
    if (choice < 232) return from(this.#foreign[kind]);
    if (choice < 240) return this.#anyOf(this.#foreign);
    if (choice < 252) return 0;
    return tape.word();
  }

  #anyOf(pool: Pool): number {
    const lists = Object.values(pool);
    if (lists.length === 0) return 0;
    const list = lists[this.#tape.byte() % lists.length]!;
    return list[this.#tape.byte() % list.length]!;
  }

  #edge(): number {
    return EDGES[this.#tape.byte() % EDGES.length]!;
  }

  #word(choices: readonly number[]): number {
    const choice = this.#tape.byte();
    if (choice < 96) return 0;
    if (choice < 200 && choices.length > 0) {
      const one = choices[choice % choices.length]!;
      return choice & 1 ? one : one | choices[this.#tape.byte() % choices.length]!;
    }
    return choice < 240 ? this.#edge() : this.#tape.word();
  }

  #long(at: number): void {
    const { view } = this.bus.packet;
    const choice = this.#tape.byte();
    view.setUint32(at, choice < 96 ? 0 : choice < 160 ? (choice & 31) * 4096 : this.#edge(), true);
    view.setUint32(at + 4, choice > 240 ? this.#edge() : choice > 224 ? 0x10 : 0, true);
  }

  /** Submits a stream to the newest hardware queue. */
  submit(stream: Uint8Array): void {
    this.#begin();
    for (const plan of OPENING) this.#command(plan, 0);
    const hwqueue = this.#pool.hwqueue?.at(-1) ?? 0;
    const privDrvData = new Uint8Array(8 + stream.length);
    new DataView(privDrvData.buffer).setUint32(4, stream.length, true);
    privDrvData.set(stream, 8);
    const args = { hwqueue, hwqueueProgressFenceId: 1n, privDrvDataSize: privDrvData.length };
    this.#send(commands.submitCommandToHwQueue, { args, privDrvData });
  }

  /** Ends the processes of the sequence; resolves when the host has let go of everything of theirs. */
  async endSequence(clock: FakeClock): Promise<void> {
    for (const list of Object.values(this.#pool)) this.#remember(list);
    const { packet } = this.bus;
    for (const process of this.#alive) {
      if (this.isBroken) break;
      const start = headerBytes(this.#version);
      packet.bytes.fill(0, 0, start + 64);
      if (this.#version >= 40) writeExtendedHeader(packet.view, 0, 0, 0);
      writeCommandHeader(packet.view, start - 24, 1, destroyProcess.def.id, process, false);
      packet.length = start + destroyProcess.fixedBytes;
      this.#deliver(destroyProcess, 0, true);
    }
    this.#alive.clear();
    this.#process = 0;
    for (const sharedHandle of this.#shared) {
      if (!this.isBroken) this.#send(commands.destroyNtSharedObject, { sharedHandle });
    }
    this.#shared.clear();
    // Work that ends by itself takes turns; work that a time-out ends takes virtual time.
    for (let turn = 0; turn < 8 && this.#unanswered > 0 && !this.isBroken; turn += 1) await Promise.resolve();
    for (let turn = 0; turn < 50 && this.#unanswered > 0 && !this.isBroken; turn += 1) {
      clock.advance(turn < 10 ? 0 : 2000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (this.#unanswered > 0 && !this.isBroken)
      throw new Error(`${this.#unanswered} commands were never answered`);
    this.#unanswered = 0;
  }

  #remember(list: readonly number[]): void {
    for (const handle of list) {
      if (this.#stale.length < 256) this.#stale.push(handle);
      else this.#stale[handle & 0xff] = handle;
    }
  }
}
