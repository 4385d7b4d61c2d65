/** Recorded traces: one JSON object a line, as described in `test/fixtures/traces` and written by captures. */

/** Range of a payload, bytes. */
export type TraceRange = readonly [offset: number, length: number];
/** Range of a payload that holds a value the guest or its platform picks, and what kind of value. */
export type TraceCookie = readonly [offset: number, length: number, kind: string];

/** One line of a trace. Packets have `inband` or `completion` as type; other lines say what else happened. */
export interface TraceLine {
  readonly seq: number;
  readonly type: string;
  /** 1 the global channel, 2.. virtual GPUs. */
  readonly channel?: number;
  readonly dir?: 'g2h' | 'h2g';
  readonly id?: number;
  readonly name: string;
  /** Exact payload length, bytes. */
  readonly len?: number;
  readonly hex?: string;
  /** Zero bytes cut from the end of `hex`. */
  readonly zeros?: number;
  readonly reply_min?: number;
  readonly opaque?: readonly TraceRange[];
  readonly cookies?: readonly TraceCookie[];
  readonly step?: number;
  readonly ioctl?: string;
  readonly detail?: string;
  readonly note?: string;
}

/** A packet of a trace. */
export interface TracePacket {
  readonly seq: number;
  readonly channel: number;
  readonly isFromGuest: boolean;
  readonly isCompletion: boolean;
  readonly id: number;
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly opaque: readonly TraceRange[];
  readonly cookies: readonly TraceCookie[];
  readonly step: number;
}

/**
 * The lines of a file in JSON Lines.
 * @throws SyntaxError with the line's number when one is not JSON
 */
export function parseJsonLines<T>(text: string): T[] {
  const parsed: T[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    try {
      parsed.push(JSON.parse(line) as T);
    } catch (cause) {
      throw new SyntaxError(`line ${index + 1} is not JSON: ${line.slice(0, 40)}`, { cause });
    }
  }
  return parsed;
}

/** Bytes from hexadecimal digits. @throws SyntaxError for anything else. */
export function fromHex(hex: string, zeros = 0): Uint8Array {
  if (hex.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(hex)) {
    throw new SyntaxError(`not hexadecimal bytes: ${hex.slice(0, 40)}`);
  }
  const bytes = new Uint8Array(hex.length / 2 + zeros);
  for (let index = 0; index < hex.length / 2; index += 1) {
    bytes[index] = Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16);
  }
  return bytes;
}

export function toHex(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
  return hex;
}

/** The packet of a line, or null for lines that are none. */
export function packetOf(line: TraceLine): TracePacket | null {
  if (line.type !== 'inband' && line.type !== 'completion') return null;
  return {
    seq: line.seq,
    channel: line.channel ?? 0,
    isFromGuest: line.dir === 'g2h',
    isCompletion: line.type === 'completion',
    id: line.id ?? 0,
    name: line.name,
    bytes: fromHex(line.hex ?? '', line.zeros ?? 0),
    opaque: line.opaque ?? [],
    cookies: line.cookies ?? [],
    step: line.step ?? 0,
  };
}

/** The packets that a trace's guest sent, in order. */
export function guestPackets(lines: readonly TraceLine[]): TracePacket[] {
  const packets: TracePacket[] = [];
  for (const line of lines) {
    const packet = line.dir === 'g2h' ? packetOf(line) : null;
    if (packet !== null) packets.push(packet);
  }
  return packets;
}
