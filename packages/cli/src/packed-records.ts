import { isProtocolError, Limits } from '@dxgwire/protocol';
import {
  type PendingReply,
  protobufToEvent,
  protobufToReply,
  protobufToRequest,
} from '@dxgwire/protocol/protobuf';
import type { CaptureRecord } from '@dxgwire/transport/capture';
import { MOST_REQUESTS } from './commands/trace-packets.ts';

type PacketRecord = CaptureRecord & { kind: 'packet' };

const IN_BAND = 6;
const COMPLETION_REQUESTED = 1;

/** Packets of a link that speaks protobuf, in the packed form that all that shows, compares or replays them reads. */
export class PackedRecords {
  /** Requests that wait for their answer, by channel and transaction id. */
  readonly #pending = new Map<string, PendingReply | null>();
  readonly #space = new Uint8Array(Limits.maxMessageBytes);

  /** Any record; what is no envelope stays as it is. */
  packed(record: CaptureRecord): CaptureRecord {
    if (record.kind !== 'packet') return record;
    try {
      return { ...record, bytes: this.#space.slice(0, this.#convert(record)) };
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      return record;
    }
  }

  #convert({ bytes, channel, direction, flags, idHigh, idLow, packetKind }: PacketRecord): number {
    const key = `${channel}/${idHigh}/${idLow}`;
    if (direction === 'g2h') {
      // A copy: what is read of it stays until the answer comes, and the record's bytes do not.
      const { length, pending } = protobufToRequest(bytes.slice(), this.#space);
      if ((flags & COMPLETION_REQUESTED) !== 0) {
        this.#pending.set(key, pending);
        if (this.#pending.size > MOST_REQUESTS) this.#pending.delete(this.#pending.keys().next().value!);
      }
      return length;
    }
    if (packetKind === IN_BAND) return protobufToEvent(bytes, this.#space);
    const pending = this.#pending.get(key) ?? null;
    this.#pending.delete(key);
    return protobufToReply(pending, bytes, this.#space);
  }
}
