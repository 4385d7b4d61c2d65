import {
  type CommandDef,
  commands,
  encodeHostMessage,
  encodeReply,
  encodeRequest,
  isProtocolError,
} from '@dxgwire/protocol';

/** First byte of an input: which decoder its other bytes are for. */
export const DecoderMode = { v40: 0, v27: 1, host: 2, reply: 3 } as const;
/** Bytes before the message: mode, command, length of the request that a reply answers (16 bits). */
export const PREFIX_BYTES = 8;

/** One short message of every kind as inputs of the decoder, with empty tails and with tails of two elements. */

type Values = Record<string, unknown>;

const HEADER = { process: 0x4000_0040, vgpuLuid: { low: 0x1000, high: 0x77 }, async: false };

const defs = (Object.values(commands) as CommandDef[]).filter((def) => def.request !== null);
const answered = defs.filter((def) => def.reply !== null);

/** A value with `count` elements in every tail whose length is free. */
function withTails(def: CommandDef, of: 'request' | 'reply', count: number): Values {
  const value: Values = {};
  for (const [key, tail] of def[of]!.message.tails) {
    if (tail.kind === 'words') value[key] = Array.from({ length: count }, (_, index) => index);
    else if (tail.kind === 'longs') value[key] = Array.from({ length: count }, (_, index) => BigInt(index));
    else if (tail.kind === 'bytes') value[key] = new Uint8Array(count);
    else {
      const { blob } = tail;
      const element = blob === null ? {} : { [blob.key]: new Uint8Array(count) };
      value[key] = Array.from({ length: count }, () => element);
    }
  }
  return value;
}

const space = new Uint8Array(8192);
const view = new DataView(space.buffer);

function encoded(encode: () => number): number | null {
  try {
    return encode();
  } catch (error) {
    // Tails whose counts are tied to others do not take any number of elements.
    if (isProtocolError(error)) return null;
    throw error;
  }
}

function addRequest(into: Uint8Array[], def: CommandDef, body: Values): void {
  for (const [mode, version] of [
    [DecoderMode.v40, 40],
    [DecoderMode.v27, 27],
  ] as const) {
    space.fill(0);
    space[0] = def.channel === 'host' ? DecoderMode.host : mode;
    const length = encoded(() =>
      def.channel === 'host'
        ? encodeHostMessage(def, body, view, PREFIX_BYTES)
        : encodeRequest(def, { version, ...HEADER }, body, view, PREFIX_BYTES),
    );
    if (length === null) return;
    const input = space.slice(0, PREFIX_BYTES + length);
    into.push(input);
    // The same in one form only, which is what most inputs shall be.
    const fast = input.slice();
    fast[0]! |= 0x10;
    into.push(fast, fast, fast);
    if (def.channel === 'host') return;
  }
}

function addReply(into: Uint8Array[], def: CommandDef, body: Values, count: number): void {
  space.fill(0);
  const length = encoded(() => def.request!.encode(body, view, PREFIX_BYTES));
  if (length === null) return;
  space[0] = DecoderMode.reply;
  space[1] = answered.indexOf(def);
  view.setUint16(2, length, true);
  const start = PREFIX_BYTES + length;
  const read = def.request!.decode(view, PREFIX_BYTES, length) as object;
  const replyBody = withTails(def, 'reply', count);
  const reply = encoded(() => encodeReply(def, 40, replyBody as never, view, start, read));
  if (reply !== null) into.push(space.slice(0, start + reply));
}

export function shortMessages(): Uint8Array[] {
  const all: Uint8Array[] = [];
  for (const def of defs) {
    for (const count of [0, 1, 2]) {
      const body = withTails(def, 'request', count);
      addRequest(all, def, body);
      if (def.reply !== null) addReply(all, def, body, count);
    }
  }
  return all;
}
