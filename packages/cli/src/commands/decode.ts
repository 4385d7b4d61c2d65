import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import process from 'node:process';
import { PciConfig } from '@dxgwire/protocol';
import type { CaptureRecord } from '@dxgwire/transport/capture';
import { CaptureFile } from '../capture-file.ts';
import { createReadProgress } from '../capture-progress.ts';
import { type Command, parseOptions } from '../command.ts';
import { ExitCode, UsageError } from '../errors.ts';
import { printable } from '../text.ts';
import { formatField } from './trace-fields.ts';
import { PacketReader, type ReadPacket } from './trace-packets.ts';

const OPTIONS = {
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const HELP = `dxgwire decode: shows a capture

Usage: dxgwire decode FILE [options]

One line for each thing that happened: milliseconds since the start, direction (-> to the host, <- to the guest),
channel, transaction id, command, its first fields. A file that was cut off is shown as far as it goes.

Options:
  --json    a line of JSON for each, with all fields
  --help    this text
`;

export const decode: Command = {
  name: 'decode',
  help: HELP,
  async run(args) {
    const { positionals, values } = parseOptions('decode', args, OPTIONS);
    if (values.help === true) {
      process.stdout.write(HELP);
      return ExitCode.success;
    }
    const [path] = positionals;
    if (path === undefined || positionals.length > 1) {
      throw new UsageError(`decode takes one file, not ${positionals.length}; see \`dxgwire decode --help\``);
    }
    try {
      const progress = createReadProgress(process.stdout.isTTY === true);
      await print(new CaptureFile(path, progress), values.json === true);
    } catch (error) {
      // What is wrong with standard output is said, where it is to be, by who watches it.
      if (error !== process.stdout.errored) throw error;
    }
    return ExitCode.success;
  },
};

/** Lines that are written together. */
const WRITE_CHARACTERS = 1 << 15;

async function print(file: CaptureFile, json: boolean): Promise<void> {
  const decoder = new CaptureDecoder();
  let isFirst = true;
  const headLine = () => {
    if (!isFirst || file.header === null) return;
    isFirst = false;
    const { codec, link, side, startedAt } = file.header;
    const text = `${link}, ${codec}, recorded ${side === 'link' ? 'on the way' : `at the ${side}'s end`} from ${new Date(startedAt).toISOString()}`;
    process.stdout.write(`${json ? JSON.stringify(file.header) : printable(text)}\n`);
  };
  let text = '';
  const write = async () => {
    const isRoomy = process.stdout.write(text);
    text = '';
    // Of one that has ended no other event comes.
    if (process.stdout.errored !== null) throw process.stdout.errored;
    if (!isRoomy) await once(process.stdout, 'drain');
  };
  for await (const batch of file.batches()) {
    headLine();
    for (const record of batch) {
      text += `${json ? JSON.stringify(decoder.toJson(record)) : decoder.toText(record)}\n`;
      if (text.length >= WRITE_CHARACTERS) await write();
    }
    await write();
  }
  headLine();
  if (file.tailBytes > 0) {
    process.stderr.write(
      `dxgwire: ${file.path} was cut off: its last ${file.tailBytes} bytes are no record\n`,
    );
  }
}

const IN_BAND = 6;
const SHOWN_FIELDS = 6;

/** Reads records in order: an answer is read by its request. */
export class CaptureDecoder {
  readonly #reader = new PacketReader();
  #seq = 0;

  /** One line. */
  toText(record: CaptureRecord): string {
    return printable(this.#describe(record));
  }

  #describe(record: CaptureRecord): string {
    const time = `${(record.timeUs / 1000).toFixed(3).padStart(11)}`;
    if (record.kind !== 'packet') return `${time}      ${describeOther(record)}`;
    const read = this.#read(record);
    const arrow = record.direction === 'g2h' ? '->' : '<-';
    const id = record.flags === 0 && record.packetKind === IN_BAND ? 'no id' : `id ${idOf(record)}`;
    const name = record.packetKind === IN_BAND ? read.command : `${read.command} answered`;
    const note = read.problem === null ? '' : ` (${read.problem})`;
    const fields = keyFields(read);
    const shown = fields.length === 0 ? '' : `: ${fields.join(', ')}`;
    return `${time}  ${arrow}  ch ${record.channel}  ${id}  ${name}, ${record.bytes.length} bytes${note}${shown}`;
  }

  toJson(record: CaptureRecord): object {
    if (record.kind !== 'packet') return this.#plain(record);
    const { bytes, channel, direction, flags, packetKind, timeUs } = record;
    const { command, fields, problem } = this.#read(record);
    return {
      timeUs,
      kind: packetKind === IN_BAND ? 'message' : 'completion',
      direction,
      channel,
      id: String(idOf(record)),
      flags,
      command,
      lengthBytes: bytes.length,
      ...(problem === null ? {} : { problem }),
      fields: Object.fromEntries(fields.map((field) => [field.path, formatField(field, bytes, Infinity)])),
    };
  }

  #plain(record: CaptureRecord): object {
    return Object.fromEntries(
      Object.entries(record).map(([key, value]) => [
        key,
        value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
      ]),
    );
  }

  #read(record: CaptureRecord & { kind: 'packet' }): ReadPacket {
    const { bytes, channel, direction, packetKind } = record;
    this.#seq += 1;
    const packet = {
      seq: this.#seq,
      channel,
      isFromGuest: direction === 'g2h',
      isCompletion: packetKind !== IN_BAND,
      id: record.idLow,
      name: 'answer',
      bytes,
      opaque: [],
      cookies: [],
      step: 0,
    };
    return this.#reader.read(packet, idOf(record));
  }
}

/** Any 64 bits: a guest may choose them. */
function idOf({ idHigh, idLow }: { readonly idHigh: number; readonly idLow: number }): bigint {
  return (BigInt(idHigh) << 32n) | BigInt(idLow);
}

/** The first fields that say something, as text: the status always, headers and zeros never. */
function keyFields({ fields, packet }: ReadPacket): readonly string[] {
  const shown: string[] = [];
  for (const field of fields) {
    if (shown.length === SHOWN_FIELDS) break;
    const { kind, lengthBytes, offset, path } = field;
    if (path.startsWith('header.') || path.startsWith('extended.')) continue;
    const isStatus = kind.as === 'scalar' && kind.type.meaning === 'status';
    if (!isStatus && isZero(packet.bytes, offset, offset + lengthBytes)) continue;
    const text = formatField(field, packet.bytes);
    // Bits may be zero where others of their word are not.
    if (kind.as !== 'bits' || text !== '0') shown.push(`${path}=${text}`);
  }
  return shown;
}

function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end && at < bytes.length; at += 1) if (bytes[at] !== 0) return false;
  return true;
}

function describeOther(record: Exclude<CaptureRecord, { kind: 'packet' }>): string {
  const hex = (value: number) => `0x${value.toString(16)}`;
  switch (record.kind) {
    case 'offer':
      return `offer of channel ${record.channel}${record.mmioMegabytes > 0 ? `, window of ${record.mmioMegabytes} MiB` : ''}`;
    case 'rescind':
      return `channel ${record.channel} taken away`;
    case 'channelOpen':
      return `channel ${record.channel} opened`;
    case 'channelClose':
      return `channel ${record.channel} closed${record.reason === null ? '' : `: ${record.reason}`}`;
    case 'pciWrite': {
      const what = record.offset === PciConfig.interfaceVersionOffset ? ' (interface version)' : '';
      return `PCI write of channel ${record.channel}: ${hex(record.offset)} = ${hex(record.value)}${what}`;
    }
    case 'gpadlCreate':
      return `GPADL ${record.id}: ${record.ranges.map(([at, length]) => `${hex(at)} + ${length}`).join(', ')}`;
    case 'gpadlTeardown':
      return `GPADL ${record.id} torn down`;
    case 'memoryPublish':
    case 'windowPublish': {
      const where = record.kind === 'memoryPublish' ? 'guest memory' : 'window';
      const who = record.direction === 'g2h' ? 'guest' : 'host';
      return `${record.length} bytes of ${where} at ${hex(record.offset)} published by the ${who}`;
    }
    case 'windowStore':
      return `window at ${hex(record.offset)} = ${(BigInt(record.high) << 32n) | BigInt(record.low)}`;
    case 'interruption':
      return record.isInterrupted ? 'connection lost' : 'connection back';
    case 'busClose':
      return `bus closed${record.reason === null ? '' : `: ${record.reason}`}`;
    case 'gap':
      return `GAP: ${record.records} records of ${record.lostBytes} bytes were dropped`;
    case 'start':
      return 'start';
    case 'memoryBlock':
      return `guest memory at ${hex(record.address)} in use, ${record.length} bytes`;
    case 'memoryBlockFree':
      return `guest memory at ${hex(record.address)} given back`;
    case 'memoryRead':
      return `${record.length} bytes of guest memory at ${hex(record.address)} asked for by the host`;
    case 'memoryCheck':
      return `${record.length} bytes at ${hex(record.address)} are ${record.isGuests ? '' : 'not '}memory of the guest`;
    case 'memoryContent':
    case 'windowContent': {
      const where = record.kind === 'memoryContent' ? 'guest memory' : 'window';
      return `${record.length} bytes of ${where} at ${hex(record.offset)} read by the host`;
    }
    case 'memoryAnswered':
      return 'memory that was asked for is there';
  }
}
