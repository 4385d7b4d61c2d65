import { MAX_OPCODE, returnOps } from '@dxgwire/protocol/stream';

/** Records that wait for room in the ring, bytes: a guest that never reads may not fill the host's memory. */
const MAX_WAITING_BYTES = 8 << 20;

/** Where the ring's bytes are, and how its reader is told. */
export interface RingPort {
  /** Length of the ring, bytes; 0 when there is none any more. */
  readonly lengthBytes: number;
  /** Writes and tells the guest; within the ring's length. */
  write(offset: number, bytes: Uint8Array): void;
  /** The number of bytes ever written, as two u32. */
  signal(totalLow: number, totalHigh: number): void;
}

/** The writer's end of a return ring: keeps records in order, and each in one piece. */
export class ReturnRingWriter {
  /** Bytes ever written, padding included, and read by the guest. */
  private written = 0;
  private consumed = 0;
  private waiting: Uint8Array[] = [];
  private waitingBytes = 0;
  private readonly port: RingPort;

  constructor(port: RingPort) {
    this.port = port;
  }

  /**
   * Writes records, or keeps them until there is room.
   * @param records whole records; copied.
   * @returns false when more wait than may: the guest does not read.
   */
  push(records: Uint8Array): boolean {
    let rest = records;
    if (this.waiting.length === 0) {
      const done = this.writeSome(records);
      if (done > 0) this.announce();
      rest = records.subarray(done);
    }
    if (rest.length === 0) return true;
    this.waiting.push(rest.slice());
    this.waitingBytes += rest.length;
    return this.waitingBytes <= MAX_WAITING_BYTES;
  }

  /** The guest says how much it has read: more than it said before, and not more than was written. */
  consume(total: number): void {
    if (total <= this.consumed || total > this.written) return;
    this.consumed = total;
    let wrote = false;
    while (this.waiting.length > 0) {
      const first = this.waiting[0]!;
      const done = this.writeSome(first);
      this.waitingBytes -= done;
      wrote ||= done > 0;
      if (done < first.length) {
        this.waiting[0] = first.subarray(done);
        break;
      }
      this.waiting.shift();
    }
    if (wrote) this.announce();
  }

  private announce(): void {
    this.port.signal(this.written % 2 ** 32, Math.floor(this.written / 2 ** 32));
  }

  /** Writes as many whole records as there is room for. @returns bytes of `records` that were taken. */
  private writeSome(records: Uint8Array): number {
    const { lengthBytes } = this.port;
    const view = new DataView(records.buffer, records.byteOffset, records.length);
    let position = 0;
    while (position < records.length) {
      const recordBytes = (view.getUint32(position, true) >>> 10) * 4;
      // What is longer than half of the ring might never find its place beside the padding before it: dropped. In a
      // ring of fair size no record is so long, since messages are cut.
      if (recordBytes <= lengthBytes / 2) {
        if (!this.writeOne(records.subarray(position, position + recordBytes), lengthBytes)) break;
      }
      position += recordBytes;
    }
    return position;
  }

  private writeOne(record: Uint8Array, lengthBytes: number): boolean {
    const place = this.written % lengthBytes;
    const untilEnd = lengthBytes - place;
    const padding = record.length > untilEnd ? untilEnd : 0;
    if (this.written - this.consumed + padding + record.length > lengthBytes) return false;
    if (padding > 0) {
      const header = new Uint8Array(4);
      const words = padding >>> 2;
      new DataView(header.buffer).setUint32(0, ((words << 10) | returnOps.skip.opcode) >>> 0, true);
      this.port.write(place, header);
      this.written += padding;
    }
    this.port.write(padding > 0 ? 0 : place, record);
    this.written += record.length;
    return true;
  }
}

/** Whether one of these records says that the device is lost. */
export function saysDeviceLost(records: Uint8Array): boolean {
  const view = new DataView(records.buffer, records.byteOffset, records.length);
  for (let position = 0; position < records.length; ) {
    const header = view.getUint32(position, true);
    if ((header & MAX_OPCODE) === returnOps.deviceLost.opcode) return true;
    position += (header >>> 10) * 4;
  }
  return false;
}
