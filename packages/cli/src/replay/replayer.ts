import { stat } from 'node:fs/promises';
import { createHost } from '@dxgwire/host';
import { Codec, PacketKind } from '@dxgwire/transport';
import type { CaptureHeader, CaptureRecord } from '@dxgwire/transport/capture';
import type { OpenBackend } from '../backend.ts';
import { ContentTape } from './content-tape.ts';
import { differenceOf, isOfClocksOnly } from './difference.ts';
import { MemoryExpectations } from './memory-expectations.ts';
import { RecordedAnswers } from './recorded-answers.ts';
import { type HostsEnd, ReplayBus, type SentPacket } from './replay-bus.ts';

type PacketRecord = CaptureRecord & { kind: 'packet' };

type MemoryRecord = CaptureRecord & {
  kind: 'memoryPublish' | 'windowPublish' | 'windowStore' | 'memoryBlockFree';
};

/** A record and its place in the capture, from 1. */
interface NumberedRecord {
  readonly at: number;
  readonly record: CaptureRecord;
}

/** What a replay found. */
export interface ReplayResult {
  /** Messages of the guest, answers and messages of the host that were compared. */
  readonly messages: number;
  readonly answers: number;
  readonly events: number;
  /** Bytes of guest memory and window that the host published, and that were compared. */
  readonly memoryBytes: number;
  /** Bytes of the guest's memory that the host was given where it read them, in a capture of a host's end. */
  readonly readBytes: number;
  /** Ranges that this host read and the recorded one did not: it went another way. */
  readonly unknownReads: number;
  /** The first difference, or null: all was equal. */
  readonly difference: string | null;
}

/** A capture that can be read more than once. */
export interface CaptureSource {
  readonly path: string;
  readonly header: CaptureHeader | null;
  records(): AsyncIterable<CaptureRecord>;
}

/** Most records that are taken together. */
const MOST_OF_TURN = 256;
const TWO_TO_32 = 4_294_967_296;
const MOST_WINDOW_MEGABYTES = 1024;

/** Whether it is what the host said, to be compared; it changes nothing here. */
function isOfHost(record: CaptureRecord): boolean {
  switch (record.kind) {
    case 'packet':
    case 'memoryPublish':
    case 'windowPublish':
      return record.direction === 'h2g';
    default:
      return record.kind === 'windowStore';
  }
}

function idOf({ idHigh, idLow }: PacketRecord): number {
  return idHigh * TWO_TO_32 + idLow;
}

/** Plays the guest of a capture to a fresh host. */
export class Replayer {
  readonly #open: OpenBackend;
  readonly #timeoutMs: number;
  readonly #answers = new Map<string, Uint8Array>();
  /** Requests in flight, as they were sent: answers are read by them. */
  readonly #requests = new Map<string, PacketRecord>();
  readonly #events: SentPacket[] = [];
  readonly #memory: MemoryExpectations;
  #bus: ReplayBus | null = null;
  #hostsEnd: HostsEnd | null = null;
  #wake: () => void = () => {};
  #counts = { messages: 0, answers: 0, events: 0 };
  #at = 0;

  constructor(open: OpenBackend, timeoutMs: number) {
    this.#open = open;
    this.#timeoutMs = timeoutMs;
    this.#memory = new MemoryExpectations(() => this.#bus!);
  }

  /** @throws Error (readable) for a capture that cannot be replayed. */
  async run(open: () => CaptureSource): Promise<ReplayResult> {
    const source = open();
    const records = source.records();
    const early: CaptureRecord[] = [];
    let host: ReturnType<typeof createHost> | null = null;
    let difference: string | null = null;
    let turn: NumberedRecord[] = [];
    let at = 0;
    try {
      for await (const record of records) {
        at += 1;
        if (record.kind === 'gap') {
          throw new Error(
            `record ${at} is a gap: ${record.records} records are missing; this capture cannot be replayed`,
          );
        }
        if (host === null && record.kind === 'offer') {
          early.push(record);
          continue;
        }
        host ??= await this.#attach(early, source.header!, open);
        if (turn.length > 0 && (turn[0]!.record.timeUs !== record.timeUs || turn.length === MOST_OF_TURN)) {
          difference = await this.#takeTurn(turn);
          if (difference !== null) break;
          turn = [];
        }
        turn.push({ at, record });
      }
      if (host === null) throw new Error('it holds nothing that a guest did');
      difference ??= await this.#takeTurn(turn);
      difference ??= await this.#memory.finish(() => this.#woken());
    } finally {
      await this.#bus?.close();
      await host?.close();
      this.#hostsEnd?.tape.close();
    }
    const { givenBytes: readBytes = 0, missing: unknownReads = 0 } = this.#hostsEnd?.tape ?? {};
    return { ...this.#counts, memoryBytes: this.#memory.compared, readBytes, unknownReads, difference };
  }

  async #attach(
    offers: readonly CaptureRecord[],
    header: CaptureHeader,
    open: () => CaptureSource,
  ): Promise<ReturnType<typeof createHost>> {
    // A capture's records come in packed form.
    if (header.codec !== 'dxgkrnl' && header.codec !== Codec.protobuf) {
      throw new Error(`its packets are of the codec "${header.codec}"; a replay reads packed and protobuf`);
    }
    if (offers.length === 0) {
      throw new Error(
        'it begins within a session (nothing is offered in it), as that of a connection that was made again: a replay needs the beginning',
      );
    }
    const global = offers.find((offer) => offer.kind === 'offer' && offer.mmioMegabytes > 0);
    const megabytes = global?.kind === 'offer' ? global.mmioMegabytes : 0;
    if (megabytes < 1 || megabytes > MOST_WINDOW_MEGABYTES) {
      throw new Error(
        `it offers a device window of ${megabytes} MiB; from 1 to ${MOST_WINDOW_MEGABYTES} can be`,
      );
    }
    const gpus = offers.filter((offer) => offer.kind === 'offer' && offer.mmioMegabytes === 0);
    const first = gpus[0];
    const guid = first?.kind === 'offer' && first.instanceGuid.length === 16 ? first.instanceGuid : null;
    const low =
      guid === null
        ? {}
        : { firstVgpuLuidLow: new DataView(guid.buffer, guid.byteOffset).getUint32(8, true) };
    const { adapters, backend } = this.#open;
    if (gpus.length > adapters.length) {
      throw new Error(
        `it has ${gpus.length} virtual GPUs; the ${backend.name} backend offers ${adapters.length}`,
      );
    }
    if (header.side === 'host') {
      const source = open();
      if (!(await stat(source.path)).isFile()) {
        throw new Error(
          "it was recorded at a host's end, and is read more than once, which a pipe cannot be: save it in a file",
        );
      }
      const answers = await RecordedAnswers.read(source.records());
      this.#hostsEnd = { answers, tape: new ContentTape(source.path) };
    }
    const host = createHost({ backend, ...low });
    this.#bus = new ReplayBus(
      megabytes,
      header.memory === 'mapped' ? 'mapped' : 'mirrored',
      {
        packet: (packet) => {
          if (packet.kind === PacketKind.completion) {
            this.#answers.set(`${packet.channel}/${packet.id}`, packet.bytes);
          } else this.#events.push(packet);
          this.#wake();
        },
        memoryPublished: (address, length) => {
          this.#memory.published(address, length);
          this.#wake();
        },
        windowPublished: (offset, length) => {
          this.#memory.windowPublished(offset, length);
          this.#wake();
        },
        windowStored: (offset) => {
          this.#memory.windowPublished(offset, 8);
          this.#wake();
        },
        fetched: () => this.#wake(),
      },
      // Where the guest's end was recorded, or both share the memory, it is always up to date.
      header.side !== 'link' && header.memory !== 'mirrored',
      this.#hostsEnd,
    );
    host.attach(this.#bus, { adapters: adapters.slice(0, Math.max(1, gpus.length)) });
    return host;
  }

  /**
   * Records of one turn of the event loop. The recorded host took the guest's packets of a turn one right behind the other,
   * and nothing that it had put off came between them: so does this one. What the host did is compared behind them.
   */
  async #takeTurn(turn: readonly NumberedRecord[]): Promise<string | null> {
    let next = 0;
    while (next < turn.length) {
      const hosts: NumberedRecord[] = [];
      for (; next < turn.length; next += 1) {
        const { at, record } = turn[next]!;
        if (isOfHost(record)) hosts.push({ at, record });
        else if (record.kind === 'packet') this.#feedPacket(record);
        else break;
      }
      const other = turn[next];
      next += 1;
      for (const { at, record } of other === undefined ? hosts : [...hosts, other]) {
        this.#at = at;
        const difference = await this.#take(record);
        if (difference !== null) return difference;
      }
    }
    return null;
  }

  #feedPacket(record: PacketRecord): void {
    this.#counts.messages += 1;
    if ((record.flags & 1) !== 0) {
      this.#requests.set(`${record.channel}/${idOf(record)}`, { ...record, bytes: record.bytes.slice() });
    }
    this.#bus!.feed(record);
  }

  async #take(record: CaptureRecord): Promise<string | null> {
    const bus = this.#bus!;
    switch (record.kind) {
      case 'packet':
        return await this.#compare(record);
      case 'memoryPublish':
      case 'windowPublish':
      case 'windowStore':
      case 'memoryBlockFree': {
        const wrong = await this.#takeMemory(record);
        return wrong === null ? null : this.#place(wrong);
      }
      case 'memoryAnswered':
        while (bus.fetches === 0) {
          if (!(await this.#woken()))
            return this.#place('the host did not ask for memory that the recorded host asked for');
        }
        bus.feed(record);
        return null;
      default:
        bus.feed(record);
        return null;
    }
  }

  /** @returns what is wrong, or null. */
  async #takeMemory(record: MemoryRecord): Promise<string | null> {
    const bus = this.#bus!;
    const woken = () => this.#woken();
    switch (record.kind) {
      case 'memoryPublish':
        if (record.direction === 'h2g') {
          return await this.#memory.expect(this.#at, record.offset, record.length, record.bytes, woken);
        }
        return (await this.#memory.beforeOverwrite(record.offset, record.length, woken)) ?? feed(bus, record);
      case 'windowPublish':
        if (record.direction === 'g2h') return feed(bus, record);
        return await this.#memory.expectWindow(this.#at, record.offset, record.length, record.bytes, woken);
      case 'windowStore': {
        const bytes = new Uint8Array(8);
        const view = new DataView(bytes.buffer);
        view.setUint32(0, record.low, true);
        view.setUint32(4, record.high, true);
        return await this.#memory.expectWindow(this.#at, record.offset, 8, bytes, woken);
      }
      default: {
        const { address } = record;
        const wrong = await this.#memory.beforeFree(address, bus.guestMemory.lengthAt(address), woken);
        return wrong ?? feed(bus, record);
      }
    }
  }

  async #compare(record: PacketRecord): Promise<string | null> {
    if (record.packetKind === PacketKind.completion) {
      const key = `${record.channel}/${idOf(record)}`;
      while (!this.#answers.has(key)) {
        if (!(await this.#woken())) return this.#missing(record, 'no answer came');
      }
      const bytes = this.#answers.get(key)!;
      this.#answers.delete(key);
      const request = this.#requests.get(key);
      this.#requests.delete(key);
      this.#counts.answers += 1;
      if (isSame(record.bytes, bytes) || isOfClocksOnly(request ?? null, record, bytes)) return null;
      return this.#place(differenceOf(request ?? null, record, bytes));
    }
    for (;;) {
      const index = this.#events.findIndex(
        ({ bytes, channel }) => channel === record.channel && isSame(record.bytes, bytes),
      );
      if (index >= 0) {
        this.#events.splice(index, 1);
        this.#counts.events += 1;
        return null;
      }
      if (await this.#woken()) continue;
      const other = this.#events.find(({ channel }) => channel === record.channel);
      return other === undefined
        ? this.#missing(record, 'the host did not send it')
        : this.#place(differenceOf(null, record, other.bytes));
    }
  }

  #missing(record: PacketRecord, what: string): string {
    const { error } = this.#bus!;
    const reason = error === null ? '' : ` (the host ended the link: ${error.message})`;
    return this.#place(`channel ${record.channel}, id ${idOf(record)}: ${what}${reason}`);
  }

  #place(what: string): string {
    return `record ${this.#at}: ${what}`;
  }

  /** Waits until the host does something. @returns false when it does nothing for too long. */
  #woken(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), this.#timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = () => {};
        resolve(true);
      };
    });
  }
}

function feed(bus: ReplayBus, record: CaptureRecord): null {
  bus.feed(record);
  return null;
}

/** Equal but for zeros that a ring adds to a multiple of 8. */
function isSame(recorded: Uint8Array, own: Uint8Array): boolean {
  const length = Math.max(recorded.length, own.length);
  if (recorded.length !== own.length && ((recorded.length + 7) & ~7) !== ((own.length + 7) & ~7))
    return false;
  for (let at = 0; at < length; at += 1) if ((recorded[at] ?? 0) !== (own[at] ?? 0)) return false;
  return true;
}
