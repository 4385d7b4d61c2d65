import { PacketKind } from '@dxgwire/transport';
import type { CaptureRecord } from '@dxgwire/transport/capture';
import { formatField } from '../commands/trace-fields.ts';
import { PacketReader, type ReadPacket } from '../commands/trace-packets.ts';

type PacketRecord = CaptureRecord & { kind: 'packet' };

/** The one answer that may differ: it tells the time. */
const CLOCK_COMMANDS = new Set(['QueryClockCalibration']);
const OLD_VERSION = 27;
const VERSION = 40;
const EXTENDED_HEADER_BYTES = 16;

function read(request: PacketRecord | null, record: PacketRecord, bytes: Uint8Array): ReadPacket {
  const source = request ?? record;
  const reader = new PacketReader(source.bytes[0] === EXTENDED_HEADER_BYTES ? VERSION : OLD_VERSION);
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
  if (request !== null) reader.read(packet(request, request.bytes));
  return reader.read(packet(record, bytes));
}

/** Whether an answer tells the time, and differs in nothing else. */
export function isOfClocksOnly(request: PacketRecord | null, record: PacketRecord, own: Uint8Array): boolean {
  if (request === null || record.bytes.length !== own.length) return false;
  return CLOCK_COMMANDS.has(read(request, record, own).command);
}

/** The first field in which an answer differs, in a line. */
export function differenceOf(request: PacketRecord | null, record: PacketRecord, own: Uint8Array): string {
  const recorded = read(request, record, record.bytes);
  const now = read(request, record, own);
  const where = `channel ${record.channel}, id ${record.idLow}, ${recorded.command}`;
  for (const field of recorded.fields) {
    const before = formatField(field, record.bytes);
    const other = now.fields.find(({ path }) => path === field.path);
    const after = other === undefined ? '(none)' : formatField(other, own);
    if (before !== after) return `${where}, ${field.path}: recorded ${before}, now ${after}`;
  }
  if (record.bytes.length !== own.length) {
    return `${where}: recorded ${record.bytes.length} bytes, now ${own.length}`;
  }
  const at = record.bytes.findIndex((byte, index) => byte !== own[index]);
  return `${where}, byte ${at}: recorded ${record.bytes[at]}, now ${own[at]}`;
}
