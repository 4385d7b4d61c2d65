import { readFileSync } from 'node:fs';
import {
  type CommandDef,
  commandById,
  commands,
  createCommandHeader,
  decodeHeader,
  decodeReply,
  EXTENDED_HEADER_VERSION,
  encodeRequest,
  Limits,
  minimumReplyBytes,
} from '@dxgwire/protocol';
import { GLOBAL_CHANNEL_INDEX, PAGE_BYTES, type PageRange } from '@dxgwire/transport';
import type { RawGuest } from './raw-guest.ts';

/** One line of a recorded trace (its README explains the format). */
interface TraceLine {
  readonly seq: number;
  readonly channel: number;
  readonly dir: 'g2h' | 'h2g';
  readonly type: 'inband' | 'completion' | 'bus' | 'mark';
  readonly id: number;
  readonly name: string;
  readonly len: number;
  readonly hex: string;
  readonly zeros?: number;
  readonly reply_min?: number;
  readonly detail: string;
  readonly ioctl: string;
}

/** What the host answered to one recorded request. */
export interface ReplayedAnswer {
  readonly seq: number;
  readonly name: string;
  /** Bytes of the answer, and how many the driver demanded. */
  readonly length: number;
  readonly demanded: number;
  /** NTSTATUS of the answer and of the recorded one; null where the command has none. */
  readonly status: number | null;
  readonly recordedStatus: number | null;
}

const RECORDED_VERSION = 40;
/** The recorded host's adapter; an object of a process has the same number. */
const RECORDED_ADAPTER = 0x4000_0a00;
/** Recorded handles from here on are the VM's (processes, NT and global handles), not of one process. */
const FIRST_VM_HANDLE = 0x8000_0000;
/** `process` of the command header behind the extended header. */
const PROCESS_OFFSET = 24;
/** UpdateGpuVirtualAddress: its operations, from the body's start. */
const UPDATE_OPERATIONS_OFFSET = 32;
const UPDATE_OPERATION_BYTES = 64;
/** Commands whose body begins with an adapter's handle. */
const namesAdapter = new Set([
  'Escape',
  'QueryVideoMemoryInfo',
  'QueryClockCalibration',
  'FreeGpuVirtualAddress',
  'ReserveGpuVirtualAddress',
  'CloseAdapter',
]);
/** A handle of the recorded host: objects 0x4…, processes 0x8…, NT and global ones 0xC… and 0xD…, small index. */
function looksLikeHandle(value: number): boolean {
  return (value & 0x3f) === 0 && (value & 0x0fff_0000) === 0 && value >= 0x4000_0000;
}

function bytesOf(line: TraceLine): Uint8Array {
  const bytes = new Uint8Array(line.hex.length / 2 + (line.zeros ?? 0));
  for (let i = 0; i < line.hex.length / 2; i += 1)
    bytes[i] = Number.parseInt(line.hex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

export function readTrace(path: string | URL): TraceLine[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as TraceLine);
}

/**
 * Feeds the guest's packets of a recorded trace into a host, in the interface version, message mode and page mode of
 * the guest that is given. Handles and addresses that the recorded host gave are replaced by those of this one.
 */
export class TraceReplay {
  readonly answers: ReplayedAnswer[] = [];
  readonly #guest: RawGuest;
  readonly #lines: readonly TraceLine[];
  readonly #completions = new Map<string, TraceLine>();
  /** By the recorded process (0: names that are the VM's): its handles, and ours instead. */
  readonly #handles = new Map<number, Map<number, number>>();
  readonly #addresses = new Map<bigint, bigint>();
  readonly #gpadls = new Map<number, { readonly id: number; readonly ranges: PageRange[] }>();
  /** Give pages as lists of frame numbers instead of GPADLs. */
  readonly #usesPageLists: boolean;

  constructor(guest: RawGuest, lines: readonly TraceLine[], usesPageLists: boolean) {
    this.#guest = guest;
    this.#lines = lines;
    this.#usesPageLists = usesPageLists;
    for (const line of lines) {
      if (line.type === 'completion') this.#completions.set(`${line.channel}/${line.id}`, line);
    }
  }

  async run(): Promise<void> {
    await this.#guest.negotiate();
    await this.#guest.openChannelsOnly();
    for (const line of this.#lines) {
      if (line.type === 'bus') await this.#replayBus(line);
      else if (line.type === 'inband' && line.dir === 'g2h') await this.#replayPacket(line);
      // What the host does by itself happens between the guest's calls, as it did in the recording.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #replayBus(line: TraceLine): Promise<void> {
    const { bus } = this.#guest;
    const created = /^gpadl 0x([0-9a-f]+) bytes \d+ pfns ([\d,]+)$/.exec(line.detail);
    if (line.name === 'GpadlCreate' && created !== null) {
      const ranges = created[2]!.split(',').map(() => {
        const { address, length } = bus.memory.allocate(PAGE_BYTES);
        return { address, length };
      });
      const id = this.#usesPageLists ? 0 : await bus.createGpadl(ranges);
      this.#gpadls.set(Number.parseInt(created[1]!, 16), { id, ranges });
    }
    const torn = /^gpadl 0x([0-9a-f]+)$/.exec(line.detail);
    if (line.name === 'GpadlTeardown' && torn !== null && !this.#usesPageLists) {
      await bus.teardownGpadl(this.#gpadls.get(Number.parseInt(torn[1]!, 16))!.id);
    }
  }

  async #replayPacket(line: TraceLine): Promise<void> {
    const recorded = bytesOf(line);
    const view = new DataView(recorded.buffer);
    const header = createCommandHeader();
    decodeHeader(view, 0, recorded.length, RECORDED_VERSION, header);
    const isVgpu = header.channelType === 0;
    const def = commandById(isVgpu ? 'vgpu' : 'global', header.commandType)!;
    const request = def.request!.decode(view, header.bodyOffset, header.bodyLength) as object;
    // This scenario's own escape, which only its own host understands.
    if (def.name === 'Escape' && line.hex.includes('48415348')) return;
    const bytes = this.#translate(def, recorded, header.commandOffset);
    const isOneWay = def.oneWay === 'when-async' && this.#guest.gpus[0]!.isAsync;
    const channel = isVgpu && !this.#guest.isRoutedGlobally(def) ? line.channel : GLOBAL_CHANNEL_INDEX;
    if (isOneWay) {
      new DataView(bytes.buffer, bytes.byteOffset).setUint32(this.#headerOffset + 12, 0x100, true);
      this.#guest.sendBytesOneWay(channel, bytes);
      return;
    }
    const payload = await this.#guest.sendBytes(channel, bytes);
    this.#compare(line, def, request, payload);
  }

  get #headerOffset(): number {
    return this.#guest.version >= EXTENDED_HEADER_VERSION ? Limits.extendedHeaderBytes : 0;
  }

  /** The recorded packet as this guest would send it. */
  #translate(def: CommandDef, recorded: Uint8Array, commandOffset: number): Uint8Array {
    const bytes = recorded.slice();
    const view = new DataView(bytes.buffer);
    const { luid, hostAdapterLuid } = this.#guest.gpus[0]!;
    if (def.channel === 'vgpu') {
      view.setUint32(8, luid.low, true);
      view.setUint32(12, luid.high, true);
    }
    const body = commandOffset + Limits.commandHeaderBytes;
    const process = view.getUint32(commandOffset + 8, true);
    const isAdapter = namesAdapter.has(def.name) && view.getUint32(body, true) === RECORDED_ADAPTER;
    for (let offset = commandOffset + 8; offset + 4 <= bytes.length; offset += 4) {
      const recordedHandle = view.getUint32(offset, true);
      const known =
        this.#handles.get(process)?.get(recordedHandle) ?? this.#handles.get(0)?.get(recordedHandle);
      if (known !== undefined) view.setUint32(offset, known, true);
    }
    if (isAdapter) view.setUint32(body, this.#guest.gpus[0]!.adapterHandle, true);
    if (def.name === 'QueryStatistics') {
      view.setUint32(body + 4, hostAdapterLuid.low, true);
      view.setUint32(body + 8, hostAdapterLuid.high, true);
    }
    if (def.name === 'MapGpuVirtualAddress' || def.name === 'FreeGpuVirtualAddress') {
      this.#translateAddress(view, body + 8);
    }
    if (def.name === 'UpdateGpuVirtualAddress') {
      const first = body + UPDATE_OPERATIONS_OFFSET;
      for (let at = first; at + UPDATE_OPERATION_BYTES <= bytes.length; at += UPDATE_OPERATION_BYTES) {
        this.#translateAddress(view, at + 8);
      }
    }
    if (def.name === 'SetExistingSysMemStore') return this.#translatePages(view, body, bytes);
    return this.#cutHeader(bytes);
  }

  #translateAddress(view: DataView, offset: number): void {
    const address = view.getBigUint64(offset, true);
    view.setBigUint64(offset, this.#addresses.get(address) ?? address, true);
  }

  #translatePages(view: DataView, body: number, bytes: Uint8Array): Uint8Array {
    const { id, ranges } = this.#gpadls.get(view.getUint32(body + 8, true))!;
    view.setUint32(body + 8, id, true);
    if (!this.#usesPageLists) return this.#cutHeader(bytes);
    const { gpus, version } = this.#guest;
    const message = new DataView(new ArrayBuffer(Limits.maxMessageBytes));
    const header = {
      version,
      process: view.getUint32(body - 16, true),
      vgpuLuid: gpus[0]!.luid,
      async: false,
    };
    const request = {
      device: view.getUint32(body, true),
      allocation: view.getUint32(body + 4, true),
      pfns: ranges.map(({ address }) => BigInt(address / PAGE_BYTES)),
    };
    const length = encodeRequest(commands.setExistingSysMemPages, header, request, message, 0);
    return new Uint8Array(message.buffer, 0, length);
  }

  #cutHeader(bytes: Uint8Array): Uint8Array {
    return this.#headerOffset === 0 ? bytes.slice(Limits.extendedHeaderBytes) : bytes;
  }

  #compare(line: TraceLine, def: CommandDef, request: object, payload: Uint8Array): void {
    const recorded = this.#completions.get(`${line.channel}/${line.id}`)!;
    const demanded = minimumReplyBytes(def, this.#guest.version, request);
    const base = { seq: line.seq, name: line.name, length: payload.length, demanded };
    if (payload.length < demanded) {
      this.answers.push({ ...base, status: null, recordedStatus: null });
      return;
    }
    const theirs = this.#decode(def, RECORDED_VERSION, bytesOf(recorded), request);
    const ours = this.#decode(def, this.#guest.version, payload, request);
    const process = new DataView(bytesOf(line).buffer).getUint32(PROCESS_OFFSET, true);
    if (def.name !== 'OpenAdapter') this.#learn(process, theirs, ours);
    if (typeof theirs['virtualAddress'] === 'bigint') {
      this.#addresses.set(theirs['virtualAddress'], ours['virtualAddress'] as bigint);
    }
    if (def.name === 'OpenAdapter') this.#guest.gpus[0]!.adapterHandle = ours['hostAdapterHandle'] as number;
    if (def.name === 'GetInternalAdapterInfo') this.#guest.learnAdapter(0, ours as never);
    const statusIn = (reply: Record<string, unknown>) =>
      typeof reply['status'] === 'number' ? reply['status'] : null;
    this.answers.push({ ...base, status: statusIn(ours), recordedStatus: statusIn(theirs) });
  }

  #decode(def: CommandDef, version: number, payload: Uint8Array, request: object): Record<string, unknown> {
    const padded = new Uint8Array((payload.length + 7) & ~7);
    padded.set(payload);
    const view = new DataView(padded.buffer);
    return decodeReply(def, version, view, 0, padded.length, request) as Record<string, unknown>;
  }

  /** Notes which of our handles stand where the recorded host had its own. */
  #learn(process: number, theirs: unknown, ours: unknown): void {
    if (typeof theirs === 'number' && typeof ours === 'number') {
      if (looksLikeHandle(theirs)) this.#learnHandle(theirs < FIRST_VM_HANDLE ? process : 0, theirs, ours);
    } else if (theirs !== null && typeof theirs === 'object' && ours !== null && typeof ours === 'object') {
      if (theirs instanceof Uint8Array) return;
      for (const [key, value] of Object.entries(theirs))
        this.#learn(process, value, (ours as Record<string, unknown>)[key]);
    }
  }

  #learnHandle(process: number, theirs: number, ours: number): void {
    const known = this.#handles.get(process);
    if (known === undefined) this.#handles.set(process, new Map([[theirs, ours]]));
    else known.set(theirs, ours);
  }
}
