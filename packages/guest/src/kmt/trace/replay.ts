import { startDriver } from '../driver.ts';
import type { KmtProcess } from '../process.ts';
import type { SysmemRange } from '../types/allocation.ts';
import { pagesAt } from './call-values.ts';
import { type CallContext, type CallOutcome, runCall, type TraceCall } from './calls.ts';
import type { TraceDifference } from './compare.ts';
import { packetOf, type TraceLine, type TracePacket } from './lines.ts';
import { TracePlayer } from './player.ts';

/** A call that gave something else than the recorded one. */
export interface CallDifference {
  readonly step: number;
  readonly api: string;
  readonly message: string;
}

export interface ReplayReport {
  /** Packets compared. */
  readonly packets: number;
  /** Calls made. */
  readonly calls: number;
  readonly packetDifferences: readonly TraceDifference[];
  readonly callDifferences: readonly CallDifference[];
}

/** Turns of the microtask queue after which a call that is not over counts as blocked. */
const TURNS_UNTIL_BLOCKED = 64;
const EXTENDED_HEADER_BYTES = 16;
const PAGE_LIST = 'SetExistingSysMemPages';
/** Contents of fence pages: the recorded host wrote them, a played trace has no memory. */
const PAGE_CONTENT = 'fence_value';
const PAGE_CONTENT_CALLS: ReadonlySet<string> = new Set([
  'CreatePagingQueue',
  'CreateSynchronizationObject2',
  'CreateHwQueue',
  'OpenSyncObjectFromNtHandle2',
]);

/** Whether a line of a calls file is a call and no title. */
export function isCall(line: Partial<TraceCall>): line is TraceCall {
  return line.api !== undefined;
}

/**
 * Drives our guest through recorded calls against a host that plays the trace they caused, and compares every packet
 * and every result.
 */
export async function replayCalls(
  lines: readonly TraceLine[],
  calls: readonly Partial<TraceCall>[],
): Promise<ReplayReport> {
  const player = new TracePlayer(lines);
  const driver = await startDriver(player);
  await player.settled();
  const processes = new Map<string, KmtProcess>();
  const memory = new ScenarioMemory(lines, player);
  const context: CallContext = { driver, processes, pages: (step, first) => memory.take(step, first) };
  const mapped = mappedOffsets(lines);
  const callDifferences: CallDifference[] = [];
  const blocked: Promise<void>[] = [];
  let count = 0;
  for (const call of calls.filter(isCall)) {
    count += 1;
    let isOver = false;
    const report = (messages: readonly string[]) => {
      isOver = true;
      for (const message of messages) callDifferences.push({ step: call.step, api: call.api, message });
    };
    const over = runCall(context, call).then(
      (outcome) => report(compareOutcome(call, outcome, mapped)),
      (error: unknown) => report([`could not be made: ${String(error)}`]),
    );
    for (let turn = 0; turn < TURNS_UNTIL_BLOCKED && !isOver; turn += 1) await player.settled();
    if (!isOver) blocked.push(over);
  }
  await driver.close();
  await player.settled();
  await Promise.all(blocked);
  const packetDifferences = player.comparer.finish();
  return { packets: player.comparer.count, calls: count, packetDifferences, callDifferences };
}

/** Where each step of a trace mapped the IO space, in order. */
function mappedOffsets(lines: readonly TraceLine[]): Map<number, number> {
  const offsets = new Map<number, number>();
  for (const line of lines) {
    const match = line.name === 'MapIoSpace' ? /offset 0x([0-9a-f]+)/.exec(line.detail ?? '') : null;
    if (match !== null) offsets.set(line.step ?? 0, Number.parseInt(match[1] ?? '0', 16));
  }
  return offsets;
}

/** The page frames of a trace's system memory: the recorded client's were scattered. */
class ScenarioMemory {
  private readonly framesByStep = new Map<number, number[][]>();
  private readonly player: TracePlayer;

  constructor(lines: readonly TraceLine[], player: TracePlayer) {
    this.player = player;
    for (const line of lines) {
      const match = line.name === 'GpadlCreate' ? /pfns ([\d,]+)/.exec(line.detail ?? '') : null;
      if (match !== null) this.add(line.step ?? 0, (match[1] ?? '').split(',').map(Number), true);
      const packet = line.name === PAGE_LIST && line.dir === 'g2h' ? packetOf(line) : null;
      if (packet !== null) this.addPageList(packet);
    }
  }

  take(step: number, firstPfn: number): readonly SysmemRange[] {
    const frames = this.framesByStep.get(step)?.find((list) => list[0] === firstPfn) ?? [firstPfn];
    return pagesAt(frames, (address, length) => this.player.memory.allocateAt(address, length));
  }

  private addPageList({ bytes, step }: TracePacket): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    // Before the command header stands the extended header, but for old versions: it begins with its own length.
    const start = view.getUint32(0, true) === EXTENDED_HEADER_BYTES ? EXTENDED_HEADER_BYTES : 0;
    const frames: number[] = [];
    for (let index = 0; index < view.getUint32(start + 32, true); index += 1) {
      frames.push(Number(view.getBigUint64(start + 40 + 8 * index, true)));
    }
    this.add(step, frames, view.getUint32(start + 36, true) === 0);
  }

  /** A further allocation's frames, or more of the last one's. */
  private add(step: number, frames: readonly number[], isFirst: boolean): void {
    const lists = this.framesByStep.get(step) ?? [];
    if (isFirst) lists.push([...frames]);
    else lists.at(-1)?.push(...frames);
    this.framesByStep.set(step, lists);
  }
}

/** What of an outcome is not as recorded. */
function compareOutcome(
  call: TraceCall,
  outcome: CallOutcome,
  mapped: ReadonlyMap<number, number>,
): string[] {
  const messages: string[] = [];
  if (outcome.ret !== call.ret) messages.push(`ret is ${outcome.ret}, not ${call.ret}`);
  for (const [key, expected] of Object.entries(call.out)) {
    if (key === PAGE_CONTENT && PAGE_CONTENT_CALLS.has(call.api)) continue;
    const [actual, wanted] = [JSON.stringify(outcome.out[key]), JSON.stringify(expected)];
    if (actual !== wanted) messages.push(`${key} is ${actual}, not ${wanted}`);
  }
  const offset = mapped.get(call.step);
  if (offset !== undefined && outcome.mappedAt !== offset) {
    messages.push(`mapped at ${outcome.mappedAt}, not at ${offset}`);
  }
  return messages;
}
