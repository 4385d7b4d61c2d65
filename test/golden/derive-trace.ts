import {
  fromHex,
  packetOf,
  type TraceCookie,
  type TraceLine,
  type TraceRange,
  toHex,
} from '@dxgwire/guest/kmt';

/** What a derived trace is like; what is left out stays as recorded. */
export interface TraceConfiguration {
  /** Version that the host offers; below 40 there is no extended header. 0 stands for an old host that says nothing. */
  readonly interfaceVersion?: number;
  readonly asyncMessages?: boolean;
  /** System memory by page lists, not by GPADL. */
  readonly pageLists?: boolean;
}

const EXTENDED_HEADER_BYTES = 16;
const PAGES_MESSAGE_BYTES = 126_992;
const COMMAND_TYPE_OFFSET = 16;
const SET_EXISTING_SYS_MEM_PAGES = 66;
const ASYNC_BIT_OFFSET = 13;
const INTERNAL_INFO_FLAGS_OFFSET = 12;
const ASYNC_MESSAGE_ENABLED = 1 << 6;
const OPEN_ADAPTER_VERSION_OFFSET = 24;
const OLD_INTERNAL_INFO_BYTES = 704;

/** Commands that are one-way while asynchronous messages are on. */
const ONE_WAY: ReadonlySet<string> = new Set([
  'SubmitCommand',
  'SubmitCommandToHwQueue',
  'SignalSyncObject',
  'WaitForSyncObjectFromGpu',
]);

function withBytes(line: TraceLine, bytes: Uint8Array): TraceLine {
  const { zeros: _, ...rest } = line;
  return { ...rest, len: bytes.length, hex: toHex(bytes) };
}

function bytesOf(line: TraceLine): Uint8Array {
  return fromHex(line.hex ?? '', line.zeros ?? 0);
}

/**
 * The trace of the same scenario in another configuration, from the recorded one and the rules that the reference
 * states. Not recorded: but where a rule is right, so is the trace.
 */
export function deriveTrace(lines: readonly TraceLine[], configuration: TraceConfiguration): TraceLine[] {
  let derived = [...lines];
  if (configuration.pageLists === true) derived = withPageLists(derived);
  if (configuration.asyncMessages === true) derived = withAsyncMessages(derived);
  const version = configuration.interfaceVersion ?? 40;
  return version === 40 ? derived : withVersion(derived, version);
}

function withConfigValue(line: TraceLine, offset: number, value: number): TraceLine {
  if (line.name !== 'PciRead' || !(line.detail ?? '').includes(` offset ${offset} `)) return line;
  return { ...line, detail: `function 0 offset ${offset} -> 0x${value.toString(16).padStart(8, '0')}` };
}

/** SetExistingSysMemStore becomes one SetExistingSysMemPages with the frames of the GPADL before it. */
function withPageLists(lines: readonly TraceLine[]): TraceLine[] {
  let frames: number[] = [];
  return lines.flatMap((line) => {
    if (line.name === 'GpadlCreate') {
      frames = (/pfns ([\d,]+)/.exec(line.detail ?? '')?.[1] ?? '').split(',').map(Number);
      return [];
    }
    if (line.name === 'GpadlTeardown') return [];
    if (line.name !== 'SetExistingSysMemStore') return [withConfigValue(line, 220, 1)];
    const renamed = { ...line, name: 'SetExistingSysMemPages' };
    if (line.dir !== 'g2h') return [renamed];
    const store = bytesOf(line);
    const message = new Uint8Array(PAGES_MESSAGE_BYTES);
    // Both begin with the headers, the device and the allocation.
    message.set(store.subarray(0, EXTENDED_HEADER_BYTES + 32));
    const view = new DataView(message.buffer);
    view.setUint32(EXTENDED_HEADER_BYTES + COMMAND_TYPE_OFFSET, SET_EXISTING_SYS_MEM_PAGES, true);
    view.setUint32(EXTENDED_HEADER_BYTES + 32, frames.length, true);
    for (const [index, frame] of frames.entries()) {
      view.setBigUint64(EXTENDED_HEADER_BYTES + 40 + 8 * index, BigInt(frame), true);
    }
    return [{ ...withBytes(renamed, message), cookies: [] }];
  });
}

/**
 * The adapter's answer says that messages may be asynchronous: from then on everything is on the global channel, whose
 * ids go on, and four commands go without an id and an answer.
 */
function withAsyncMessages(lines: readonly TraceLine[]): TraceLine[] {
  const derived: TraceLine[] = [];
  const ids = new Map<string, number>();
  const lastIds = new Map<number, number>();
  let isOn = false;
  for (const line of lines) {
    if (packetOf(line) === null || line.id === 0) {
      derived.push(line);
      continue;
    }
    const recorded = `${line.channel}/${line.id}`;
    const isOneWay = isOn && ONE_WAY.has(line.name);
    if (line.dir === 'h2g') {
      const channel = (ids.get(`${recorded}/channel`) ?? line.channel) as number;
      if (!isOneWay) derived.push(answered(line, channel, ids.get(recorded) ?? 0));
      if (line.name === 'GetInternalAdapterInfo') isOn = true;
      continue;
    }
    const channel = isOn ? 1 : (line.channel ?? 1);
    const id = isOneWay ? 0 : (lastIds.get(channel) ?? 0) + 1;
    if (!isOneWay) lastIds.set(channel, id);
    ids.set(recorded, id);
    ids.set(`${recorded}/channel`, channel);
    const bytes = bytesOf(line);
    if (isOneWay) bytes[EXTENDED_HEADER_BYTES + ASYNC_BIT_OFFSET] = 1;
    derived.push({ ...withBytes(line, bytes), channel, id });
  }
  return derived;
}

function answered(line: TraceLine, channel: number, id: number): TraceLine {
  const bytes = bytesOf(line);
  if (line.name === 'GetInternalAdapterInfo') {
    const view = new DataView(bytes.buffer);
    const flags = view.getUint32(INTERNAL_INFO_FLAGS_OFFSET, true);
    view.setUint32(INTERNAL_INFO_FLAGS_OFFSET, flags | ASYNC_MESSAGE_ENABLED, true);
  }
  return { ...withBytes(line, bytes), channel, id };
}

function shift<R extends TraceRange | TraceCookie>(ranges: readonly R[] | undefined): R[] {
  return (ranges ?? []).map(([offset, ...rest]) => [offset - EXTENDED_HEADER_BYTES, ...rest] as unknown as R);
}

/** Below version 40: no extended header, no status before the data of QueryAdapterInfo, no vGPU LUID. */
function withVersion(lines: readonly TraceLine[], version: number): TraceLine[] {
  const used = version === 0 ? 27 : version;
  return lines.map((line) => {
    if (packetOf(line) === null) return withConfigValue(line, 208, version);
    const bytes = bytesOf(line);
    if (line.dir === 'h2g') {
      if (line.name === 'QueryAdapterInfo') return withBytes(line, bytes.subarray(4));
      const isInternal = line.name === 'GetInternalAdapterInfo';
      return isInternal ? withBytes(line, bytes.subarray(0, OLD_INTERNAL_INFO_BYTES)) : line;
    }
    const bare = bytes.slice(EXTENDED_HEADER_BYTES);
    if (line.name === 'OpenAdapter') {
      new DataView(bare.buffer).setUint32(OPEN_ADAPTER_VERSION_OFFSET, used, true);
    }
    return { ...withBytes(line, bare), opaque: shift(line.opaque), cookies: shift(line.cookies) };
  });
}
