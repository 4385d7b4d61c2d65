import type { CaptureRecord } from '@dxgwire/transport/capture';
import { formatField } from '../commands/trace-fields.ts';
import { MOST_REQUESTS, PacketReader, type ReadPacket } from '../commands/trace-packets.ts';

type PacketRecord = CaptureRecord & { kind: 'packet' };

const IN_BAND = 6;
const MEBIBYTE = 1 << 20;
const COUNTER_BYTES = 8;
const GUEST = 1;
/** Kinds of tracks, as processes of the trace. */
const Track = { calls: 1, queues: 2, waits: 3, link: 4 } as const;

/** Work that a queue was given, until its fence says that it is done. */
interface Work {
  readonly fence: bigint;
  readonly sinceUs: number;
}

/** A hardware queue. Its handle alone is no name: each process counts its own. */
interface Queue {
  readonly tid: number;
  readonly name: string;
  /** In order. */
  readonly work: Work[];
}

/**
 * A capture as trace events (JSON array): calls until their answer; for each hardware queue its work from submission
 * until its progress fence; waits from the call until their event; each fence of the window as a counter.
 */
export class ChromeTrace {
  readonly #reader = new PacketReader();
  #isFirst = true;
  #windowBytes = 0;
  #lastUs = 0;
  readonly #calls = new Map<
    string,
    { readonly name: string; readonly sinceUs: number; readonly process: string }
  >();
  /** By process and handle. */
  readonly #queues = new Map<string, Queue>();
  /** By where their progress fence lies in the window. */
  readonly #queueOfFence = new Map<number, Queue>();
  #lastTid = 0;
  readonly #waits = new Map<
    string,
    { readonly sinceUs: number; readonly lane: number; readonly name: string }
  >();

  begin(): string {
    const names = Object.entries(Track).map(([name, pid]) =>
      this.#event({ ph: 'M', name: 'process_name', pid, tid: 0, args: { name } }),
    );
    return `[\n${names.join('')}`;
  }

  add(record: CaptureRecord): string | null {
    const ts = record.timeUs;
    if (ts > this.#lastUs) this.#lastUs = ts;
    switch (record.kind) {
      case 'packet':
        return record.direction === 'g2h' || record.packetKind !== IN_BAND
          ? this.#packet(record)
          : this.#hostMessage(record);
      case 'offer':
        this.#windowBytes = Math.max(this.#windowBytes, record.mmioMegabytes * MEBIBYTE);
        return null;
      case 'windowStore':
        return this.#fence(ts, record.offset, (BigInt(record.high) << 32n) | BigInt(record.low));
      case 'windowPublish': {
        const { bytes, direction, length, offset } = record;
        if (bytes === null || length !== COUNTER_BYTES || direction === 'g2h') return null;
        return this.#fence(
          ts,
          offset,
          new DataView(bytes.buffer, bytes.byteOffset, length).getBigUint64(0, true),
        );
      }
      case 'memoryPublish':
        return this.#instant(
          ts,
          Track.link,
          record.direction === 'g2h' ? 1 : 2,
          `memory, ${record.length} bytes`,
        );
      case 'gap':
        return this.#instant(ts, Track.link, 3, `gap: ${record.records} records missing`);
      case 'interruption':
        return this.#instant(ts, Track.link, 3, record.isInterrupted ? 'connection lost' : 'connection back');
      default:
        return null;
    }
  }

  /** What never came to its end is a bar up to the last record: it may be what one is looking for. */
  end(): string {
    let text = '';
    for (const key of this.#calls.keys()) text += this.#unanswered(key);
    // Of queues whose fence is not known no end could be seen.
    for (const { tid, work } of new Set(this.#queueOfFence.values())) {
      for (const { fence, sinceUs } of work) {
        const name = `work ${fence} (not done)`;
        text += this.#bar('work', name, Track.queues, tid, `${tid}/${fence}`, sinceUs, this.#lastUs);
      }
    }
    for (const [key, { lane, name, sinceUs }] of this.#waits)
      text += this.#bar(
        'wait',
        `${name} (no event)`,
        Track.waits,
        lane,
        `${key}@${sinceUs}`,
        sinceUs,
        this.#lastUs,
      );
    return `${text}${this.#event({ ph: 'M', name: 'trace_end', pid: Track.link, tid: 0, args: {} })}\n]\n`;
  }

  /** A call whose answer has not come so far. */
  #unanswered(key: string): string {
    const { name, sinceUs } = this.#calls.get(key)!;
    const tid = Number(key.slice(0, key.indexOf('/')));
    const id = `${key}@${sinceUs}`;
    return this.#bar('call', `${name} (no answer)`, Track.calls, tid, id, sinceUs, this.#lastUs);
  }

  #packet(record: PacketRecord): string {
    const read = this.#read(record);
    const key = `${record.channel}/${idOf(record)}`;
    if (record.packetKind === IN_BAND) {
      if ((record.flags & GUEST) !== 0) {
        const process = fieldOf(read, record.bytes, 'header.process') ?? '';
        this.#calls.set(key, { name: read.command, sinceUs: record.timeUs, process });
      }
      // What is kept does not grow with the recording.
      let lost = '';
      if (this.#calls.size > MOST_REQUESTS) {
        const oldest = this.#calls.keys().next().value!;
        lost = this.#unanswered(oldest);
        this.#calls.delete(oldest);
      }
      return `${lost}${this.#request(record, read)}`;
    }
    const call = this.#calls.get(key);
    this.#calls.delete(key);
    if (call === undefined) return '';
    const { name, process, sinceUs } = call;
    const learnt = read.command === 'CreateHwQueue' ? this.#learnQueue(record, read, process) : '';
    return `${learnt}${this.#bar('call', name, Track.calls, record.channel, `${key}@${sinceUs}`, sinceUs, record.timeUs)}`;
  }

  #request(record: PacketRecord, read: ReadPacket): string {
    const field = (path: string) => fieldOf(read, record.bytes, path);
    if (read.command === 'SubmitCommandToHwQueue') {
      const handle = field('args.hwqueue') ?? '0x0';
      const fence = BigInt(field('args.hwqueueProgressFenceId') ?? 0);
      const queue = this.#queues.get(queueKey(field('header.process') ?? '', handle));
      queue?.work.push({ fence, sinceUs: record.timeUs });
      return this.#instant(record.timeUs, Track.queues, queue?.tid ?? Number(handle), `submit ${fence}`);
    }
    if (read.command === 'WaitForSyncObjectFromCpu') {
      const event = String(BigInt(field('guestEventPointer') ?? 0));
      const name = `wait for ${field('fenceValues') ?? '?'} of ${field('objects') ?? '?'}`;
      this.#waits.set(event, { sinceUs: record.timeUs, lane: record.channel, name });
      return '';
    }
    if (read.command === 'WaitForSyncObjectFromGpu' || read.command === 'SignalSyncObject') {
      const queue = Number(field('context') ?? 0);
      return this.#instant(
        record.timeUs,
        Track.queues,
        queue,
        `${read.command} ${field('fenceValues') ?? ''}`,
      );
    }
    return '';
  }

  /** A message of the host: an event that ends a wait. */
  #hostMessage(record: PacketRecord): string {
    const read = this.#read(record);
    const event = fieldOf(read, record.bytes, 'event');
    const key = event === undefined ? '' : String(BigInt(event));
    const wait = this.#waits.get(key);
    if (wait === undefined) return this.#instant(record.timeUs, Track.waits, record.channel, read.command);
    this.#waits.delete(key);
    const { lane, name, sinceUs } = wait;
    return this.#bar('wait', name, Track.waits, lane, `${key}@${sinceUs}`, sinceUs, record.timeUs);
  }

  /** A queue of this handle that was there before is gone. */
  #learnQueue(record: PacketRecord, read: ReadPacket, process: string): string {
    const address = fieldOf(read, record.bytes, 'hwqueueProgressFenceCpuva');
    const handle = fieldOf(read, record.bytes, 'hwqueue');
    if (address === undefined || handle === undefined || this.#windowBytes === 0) return '';
    this.#lastTid += 1;
    const queue = { tid: this.#lastTid, name: `queue ${handle} of process ${process}`, work: [] };
    this.#queues.set(queueKey(process, handle), queue);
    this.#queueOfFence.set(Number(BigInt(address) % BigInt(this.#windowBytes)), queue);
    const { name, tid } = queue;
    return this.#event({ ph: 'M', name: 'thread_name', pid: Track.queues, tid, args: { name } });
  }

  #fence(ts: number, offset: number, value: bigint): string {
    const queue = this.#queueOfFence.get(offset);
    const name = queue === undefined ? `fence at 0x${offset.toString(16)}` : `fence of ${queue.name}`;
    let text = this.#event({ ph: 'C', ts, name, pid: Track.queues, tid: 0, args: { value: Number(value) } });
    if (queue === undefined) return text;
    const { tid, work } = queue;
    const first = work.findIndex(({ fence }) => fence > value);
    for (const { fence, sinceUs } of work.splice(0, first < 0 ? work.length : first)) {
      text += this.#bar('work', `work ${fence}`, Track.queues, tid, `${tid}/${fence}`, sinceUs, ts);
    }
    return text;
  }

  #bar(
    cat: string,
    name: string,
    pid: number,
    tid: number,
    id: string,
    fromUs: number,
    toUs: number,
  ): string {
    const base = { cat, name, pid, tid, id };
    return this.#event({ ph: 'b', ts: fromUs, ...base }) + this.#event({ ph: 'e', ts: toUs, ...base });
  }

  #instant(ts: number, pid: number, tid: number, name: string): string {
    return this.#event({ ph: 'i', ts, pid, tid, name, s: 't' });
  }

  #event(event: object): string {
    const text = `${this.#isFirst ? '' : ',\n'}${JSON.stringify(event)}`;
    this.#isFirst = false;
    return text;
  }

  #read(record: PacketRecord): ReadPacket {
    const packet = {
      seq: 0,
      channel: record.channel,
      isFromGuest: record.direction === 'g2h',
      isCompletion: record.packetKind !== IN_BAND,
      id: record.idLow,
      name: 'answer',
      bytes: record.bytes,
      opaque: [],
      cookies: [],
      step: 0,
    };
    return this.#reader.read(packet, idOf(record));
  }
}

function queueKey(process: string, handle: string): string {
  return `${process}/${handle}`;
}

function idOf({ idHigh, idLow }: PacketRecord): bigint {
  return (BigInt(idHigh) << 32n) | BigInt(idLow);
}

function fieldOf(read: ReadPacket, bytes: Uint8Array, path: string): string | undefined {
  const field = read.fields.find((each) => each.path === path);
  const text = field === undefined ? undefined : formatField(field, bytes);
  return text === undefined || text.startsWith('(') ? undefined : text;
}
