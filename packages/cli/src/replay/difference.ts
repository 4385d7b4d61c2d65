import { QueryStatisticsType } from '@dxgwire/protocol';
import { PacketKind } from '@dxgwire/transport';
import type { CaptureRecord } from '@dxgwire/transport/capture';
import { formatField } from '../commands/trace-fields.ts';
import { PacketReader, type ReadPacket } from '../commands/trace-packets.ts';

type PacketRecord = CaptureRecord & { kind: 'packet' };

/** What was asked and what was answered, by the command table. */
interface ReadPair {
  readonly asked: ReadPacket | null;
  readonly answered: ReadPacket;
}

function read(request: PacketRecord | null, record: PacketRecord, bytes: Uint8Array): ReadPair {
  const reader = new PacketReader();
  const packet = (of: PacketRecord, payload: Uint8Array) => ({
    seq: 0,
    channel: of.channel,
    isFromGuest: of.direction === 'g2h',
    isCompletion: of.packetKind === PacketKind.completion,
    id: 1,
    name: 'answer',
    bytes: payload,
    opaque: [],
    cookies: [],
    step: 0,
  });
  const asked = request === null ? null : reader.read(packet(request, request.bytes));
  return { asked, answered: reader.read(packet(record, bytes)) };
}

interface Range {
  readonly offset: number;
  readonly lengthBytes: number;
}

function isWithin(ranges: readonly Range[], at: number): boolean {
  return ranges.some(({ lengthBytes, offset }) => at >= offset && at < offset + lengthBytes);
}

/** The bytes of an answer that tell the time: no two hosts agree on them, nor one host with itself. */
function clocksOf({ answered, asked }: ReadPair): readonly Range[] {
  const fields = (...paths: readonly string[]) => answered.fields.filter(({ path }) => paths.includes(path));
  switch (answered.command) {
    case 'QueryClockCalibration':
      return fields('clockData.gpuClockCounter', 'clockData.cpuClockCounter');
    case 'QueryStatistics': {
      const type = asked?.fields.find(({ path }) => path === 'args.type');
      if (asked === null || type === undefined) return [];
      const { bytes } = asked.packet;
      const asks = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(type.offset, true);
      if (asks !== QueryStatisticsType.node && asks !== QueryStatisticsType.processNode) return [];
      // D3DKMT_QUERYSTATISTICS_*NODE_INFORMATION begin with the time for which the node ran.
      return fields('result').map(({ offset }) => ({ offset, lengthBytes: 8 }));
    }
    default:
      return [];
  }
}

/** Whether an answer tells the time, and differs in no other bytes. */
export function isOfClocksOnly(request: PacketRecord | null, record: PacketRecord, own: Uint8Array): boolean {
  if (request === null || record.bytes.length !== own.length) return false;
  const clocks = clocksOf(read(request, record, own));
  if (clocks.length === 0) return false;
  return own.every((byte, at) => byte === record.bytes[at] || isWithin(clocks, at));
}

/** The first field in which an answer differs, in a line; those that tell the time are passed over. */
export function differenceOf(request: PacketRecord | null, record: PacketRecord, own: Uint8Array): string {
  const pair = read(request, record, record.bytes);
  const clocks = clocksOf(pair);
  const recorded = pair.answered;
  const now = read(request, record, own).answered;
  const where = `channel ${record.channel}, id ${record.idLow}, ${recorded.command}`;
  for (const field of recorded.fields) {
    if (clocks.includes(field)) continue;
    const before = formatField(field, record.bytes);
    const other = now.fields.find(({ path }) => path === field.path);
    const after = other === undefined ? '(none)' : formatField(other, own);
    if (before !== after) return `${where}, ${field.path}: recorded ${before}, now ${after}`;
  }
  if (record.bytes.length !== own.length) {
    return `${where}: recorded ${record.bytes.length} bytes, now ${own.length}`;
  }
  const at = record.bytes.findIndex((byte, index) => byte !== own[index] && !isWithin(clocks, index));
  return `${where}, byte ${at}: recorded ${record.bytes[at]}, now ${own[at]}`;
}
