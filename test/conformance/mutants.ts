import { wireCommands } from '@dxgwire/conformance';
import type { GuestBus, HostBus } from '@dxgwire/transport';
import { behaviours } from './broken-behaviours.ts';
import { breakBus, type Fault, type Outgoing } from './broken-bus.ts';
import { breakOffers, type OfferFault, offerFaults } from './broken-offers.ts';

/**
 * Broken hosts made by rule: a right host is watched while a check runs, and each answer and message that it gave
 * is a place where another host may be wrong in one way.
 */

/** What a right host sent while a check ran. */
export interface Site {
  readonly kind: 'answer' | 'message';
  /** The command; of a message its code. */
  readonly name: string;
  /** 1 for the first of this name in the run, whatever its link. */
  readonly count: number;
  readonly bytes: Uint8Array;
  readonly hasFailed: boolean;
  /** Bytes that the driver demands of the answer. */
  readonly demanded: number;
}

/** A host that is wrong in one way. */
export interface Mutant {
  readonly name: string;
  /** Whether what gives it away is that something does not come. */
  readonly isSilent: boolean;
  /** A bus of that host for a new link. */
  wrap(bus: HostBus): HostBus;
  /** What a guest sees of the bus, where a right bus would not carry it. */
  see?(bus: GuestBus): GuestBus;
}

/** Commands of bring-up and of the frame around each check: they are tried last. */
const FRAME = new Set([
  'SetIoSpaceRegion',
  'OpenAdapter',
  'GetInternalAdapterInfo',
  'CreateProcess',
  'DestroyProcess',
]);

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function demandOf({ command, request }: Outgoing): number {
  if (command === undefined) return 4;
  try {
    return command.demand(view(request), 0);
  } catch {
    return 0;
  }
}

function failed({ command, bytes }: Outgoing, demanded: number): boolean {
  if (command === undefined) return true;
  const { statusOffset, failure } = command;
  if (statusOffset !== null)
    return bytes.length >= statusOffset + 4 && view(bytes).getInt32(statusOffset, true) < 0;
  if (failure === 'short') return bytes.length < demanded;
  if (failure !== 'zero-handle') return false;
  const at = command.reply.find(({ type }) => type === 'h')?.offset ?? 0;
  return bytes.length < at + 4 || view(bytes).getUint32(at, true) === 0;
}

/** Counts what goes out on all links of a run, so that a place means the same each time. */
class Counter {
  readonly #counts = new Map<string, number>();

  next(name: string): number {
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    return count;
  }
}

type Change = (outgoing: Outgoing) => null | 2 | undefined;

/** A fault that changes nothing and keeps what went by, the latest last. */
export function createRecorder(sites: Site[]): Mutant {
  const counter = new Counter();
  const keep = (kind: Site['kind'], name: string, outgoing: Outgoing): undefined => {
    const demanded = kind === 'answer' ? demandOf(outgoing) : 48;
    const hasFailed = kind === 'answer' && failed(outgoing, demanded);
    const bytes = outgoing.bytes.slice();
    sites.push({ kind, name, count: counter.next(`${kind} ${name}`), bytes, hasFailed, demanded });
    return undefined;
  };
  const fault: Fault = {
    answer: (outgoing) => keep('answer', outgoing.command?.name ?? '?', outgoing),
    message: (outgoing, code) => keep('message', String(code), outgoing),
  };
  return { name: 'a right host', isSilent: false, wrap: (bus) => breakBus(bus, fault) };
}

function at(site: Site, name: string, change: Change, isSilent = false): Mutant {
  const counter = new Counter();
  const strike = (kind: Site['kind'], which: string, outgoing: Outgoing): null | 2 | undefined => {
    const count = counter.next(`${kind} ${which}`);
    return kind === site.kind && which === site.name && count === site.count ? change(outgoing) : undefined;
  };
  const fault: Fault = {
    answer: (outgoing) => strike('answer', outgoing.command?.name ?? '?', outgoing),
    message: (outgoing, code) => strike('message', String(code), outgoing),
  };
  const what = `${site.kind} ${site.count} of ${site.name}: ${name}`;
  return { name: what, isSilent, wrap: (bus) => breakBus(bus, fault) };
}

function setWord(offset: number, change: (old: number) => number): Change {
  return (outgoing) => {
    const data = view(outgoing.bytes);
    if (outgoing.bytes.length >= offset + 4)
      data.setUint32(offset, change(data.getUint32(offset, true)) >>> 0, true);
    return undefined;
  };
}

function replace(make: (old: Uint8Array) => Uint8Array): Change {
  return (outgoing) => {
    outgoing.bytes = make(outgoing.bytes);
    return undefined;
  };
}

/** A failure that is passed off as a success: in full length, with what the last good answer held. */
function accepted(site: Site, sites: readonly Site[]): Change {
  const good = sites.filter(
    ({ kind, name, hasFailed }) => kind === 'answer' && name === site.name && !hasFailed,
  );
  const model = good.at(-1)?.bytes;
  return replace((old) => {
    if (model !== undefined) return model.slice();
    const bytes = new Uint8Array(
      Math.max(Math.ceil(site.demanded / 8) * 8, site.name === '?' ? old.length : 8),
    );
    if (/^Create/.test(site.name)) view(bytes).setUint32(0, 0xc004_0000, true);
    return bytes;
  });
}

/** A success that is told as a failure. */
function refused(): Change {
  return (outgoing) => {
    const { command, bytes } = outgoing;
    const offset = command?.statusOffset ?? null;
    if (offset !== null && bytes.length >= offset + 4) view(bytes).setUint32(offset, 0xc000_000d, true);
    else if (command?.failure === 'short') outgoing.bytes = new Uint8Array(0);
    else outgoing.bytes = new Uint8Array(bytes.length);
    return undefined;
  };
}

function zeros(offset: number): Change {
  return ({ bytes }) => void bytes.fill(0, offset, offset + 8);
}

function twin({ command, bytes }: Outgoing): undefined {
  const [first, second] = command?.reply.filter(({ type }) => type === 'h') ?? [];
  if (first === undefined || second === undefined || bytes.length < second.offset + 4) return;
  view(bytes).setUint32(second.offset, view(bytes).getUint32(first.offset, true), true);
}

function pending({ command, bytes }: Outgoing): undefined {
  const value = command?.reply.find(({ name }) => name === 'paging_fence_value');
  const status = command?.statusOffset ?? null;
  if (value === undefined || status === null || bytes.length < status + 4) return;
  view(bytes).setUint32(status, 0x103, true);
  view(bytes).setBigUint64(value.offset, 0x7777n, true);
}

/** The other outcome than the right one. */
function inverted(site: Site, sites: readonly Site[]): Mutant {
  return site.hasFailed
    ? at(site, 'a failure passed off as success', accepted(site, sites))
    : at(site, 'a success told as a failure', refused());
}

/** Words of an answer that are worth a change: all of a small one; of a large one its ends and what is not zero. */
function wordsOf({ name, bytes }: Site): number[] {
  const all = Array.from({ length: Math.min(Math.floor(bytes.length / 4), 250) }, (_, word) => word);
  const isWorth = (word: number): boolean =>
    word < 24 || word >= all.length - 4 || view(bytes).getUint32(4 * word, true) !== 0 || word % 16 === 15;
  const ends = new Set(
    (wireCommands.find((command) => command.name === name)?.reply ?? []).map(({ offset, sizeBytes }) =>
      Math.floor((offset + sizeBytes - 1) / 4),
    ),
  );
  const chosen = all.filter(isWorth);
  // From both ends: a status is at the one or the other.
  const ordered = chosen.map((_, index) => chosen.at(index % 2 === 0 ? index / 2 : -(index + 1) / 2) ?? 0);
  return [...new Set([...ends, ...ordered])].filter((word) => word < all.length);
}

function* answerMutants(site: Site): Generator<Mutant> {
  if (site.bytes.length >= 8)
    yield at(
      site,
      'eight bytes short',
      replace((old) => old.slice(0, old.length - 8)),
    );
  yield at(
    site,
    '64 bytes more, not zero',
    replace((old) => Uint8Array.of(...old, ...new Uint8Array(64).fill(0xa5))),
  );
  for (const word of wordsOf(site)) {
    const on = (label: string, change: (old: number) => number): Mutant =>
      at(site, `${label} at ${4 * word}`, setWord(4 * word, change));
    yield on('bit 12 flipped', (old) => old ^ 0x1000);
    yield on('bit 0 flipped', (old) => old ^ 1);
    yield on('bit 1 flipped', (old) => old ^ 2);
    yield on('zero', () => 0);
    yield on('all bits set', () => 0xffff_ffff);
    yield on('another failure', () => 0xc000_00bb);
    yield on('1', () => 1);
    if (word % 2 === 0) yield at(site, `zeros at ${4 * word}`, zeros(4 * word));
  }
  yield at(site, 'its second handle the first', twin);
  yield at(
    site,
    'zeros behind it',
    replace((old) => Uint8Array.of(...old, ...new Uint8Array(64))),
  );
  yield at(site, 'PENDING, with a value that is never reached', pending, true);
  yield at(site, 'sent twice', () => 2);
  yield at(site, 'on another channel', (outgoing) => {
    outgoing.isAstray = true;
    return undefined;
  });
  yield at(site, 'for another transaction', (outgoing) => {
    outgoing.idLow += 100_000;
    return undefined;
  });
}

function* messageMutants(site: Site): Generator<Mutant> {
  yield at(site, 'sent twice', () => 2);
  yield at(
    site,
    'cut to 40 bytes',
    replace((old) => old.slice(0, 40)),
  );
  for (const offset of [12, 16, 24, 28, 32, 40])
    yield at(
      site,
      `bit 0 of the word at ${offset} flipped`,
      setWord(offset, (old) => old ^ 1),
    );
  yield at(site, 'never sent', () => null, true);
}

/** A host that is wrong in each of its answers to a command. */
function* everywhere(name: string, sites: readonly Site[]): Generator<Mutant> {
  const on = (label: string, change: (outgoing: Outgoing, demanded: number) => void): Mutant => {
    const answer = (outgoing: Outgoing): undefined => {
      if ((outgoing.command?.name ?? '?') === name) change(outgoing, demandOf(outgoing));
      return undefined;
    };
    return { name: `${name}: ${label}`, isSilent: false, wrap: (bus) => breakBus(bus, { answer }) };
  };
  const model = sites.findLast((site) => site.kind === 'answer' && site.name === name);
  yield on('every failure passed off as success', (outgoing, demanded) => {
    if (model !== undefined && failed(outgoing, demanded)) accepted({ ...model, demanded }, sites)(outgoing);
  });
  yield on('padding that is not zero', ({ bytes }, demanded) => {
    if (bytes.length > demanded) bytes.fill(0xa5, demanded);
  });
  yield on('the first answer again', repeat());
  const last = model?.bytes.length ?? 0;
  for (const { name: field, offset } of wireCommands.find((each) => each.name === name)?.reply ?? [])
    if (offset + 4 <= last) yield on(`no ${field}`, (outgoing) => setWord(offset, () => 0)(outgoing));
}

/** What was right once, given again: the same handle for each object, the same page for each fence. */
function repeat(): (outgoing: Outgoing) => void {
  let first: Uint8Array | null = null;
  return (outgoing) => {
    first ??= outgoing.bytes.slice();
    if (first.length === outgoing.bytes.length) outgoing.bytes = first.slice();
  };
}

function storeMutant(name: string, store: (value: bigint) => bigint): Mutant {
  return { name: `fence pages: ${name}`, isSilent: false, wrap: (bus) => breakBus(bus, { store }) };
}

/** Only the first value of the run, other than 0, gets anywhere. */
function stuckMutant(): Mutant {
  let first: bigint | null = null;
  return storeMutant('stuck', (value) => {
    if (value !== 0n) first ??= value;
    return first ?? value;
  });
}

const STORES: readonly Mutant[] = [
  storeMutant('one too little', (value) => (value > 0n ? value - 1n : value)),
  storeMutant('high half lost', (value) => value & 0xffff_ffffn),
  storeMutant('zero', () => 0n),
  storeMutant('one too much', (value) => value + 1n),
];

function offerMutant({ name, change, see }: OfferFault): Mutant {
  const wrap = (bus: HostBus): HostBus => (change === undefined ? bus : breakOffers(bus, change));
  return { name: `offers: ${name}`, isSilent: false, wrap, ...(see === undefined ? {} : { see }) };
}

/** Groups in which the fence pages count. */
const WITH_FENCES = /^(SYNC|PAGE|QUEUE|LIFE|MEMORY|BRING|ANSWER)$/;

/** Broken hosts for a check that a right host answered with these; the likeliest to be caught first, silent ones last. */
export function* mutantsOf(group: string, text: string, sites: readonly Site[]): Generator<Mutant> {
  const isOwn = ({ name }: Site): boolean => text.includes(name);
  const answers = sites.filter(({ kind }) => kind === 'answer').reverse();
  const own = answers.filter(isOwn);
  const others = answers.filter((site) => !isOwn(site) && !FRAME.has(site.name));
  const frame = answers.filter((site) => !isOwn(site) && FRAME.has(site.name)).slice(0, 5);
  const messages = sites.filter(({ kind }) => kind === 'message').slice(-8);
  if (group === 'BRING') for (const fault of offerFaults) yield offerMutant(fault);
  yield* behaviours(group);
  if (WITH_FENCES.test(group)) {
    yield stuckMutant();
    yield* STORES;
  }
  for (const name of new Set([...own, ...others].map((site) => site.name))) yield* everywhere(name, sites);
  const all = [...own, ...others];
  const ends = all.length > 80 ? [...all.slice(0, 40), ...all.slice(-40)] : all;
  for (const site of ends) yield inverted(site, sites);
  for (const site of messages) yield* messageMutants(site);
  for (const site of own.slice(0, 6)) yield* answerMutants(site);
  for (const site of own.slice(0, 4)) yield at(site, 'never sent', () => null, true);
  for (const site of others.slice(0, 16)) yield* answerMutants(site);
  for (const name of new Set(frame.map((site) => site.name))) yield* everywhere(name, sites);
  for (const site of frame) yield* answerMutants(site);
  for (const site of others.slice(0, 8)) yield at(site, 'never sent', () => null, true);
}
