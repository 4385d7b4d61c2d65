import type { CountRule, Message } from '../schema/message.ts';
import { countPlace } from '../schema/struct.ts';
import * as run from './runtime.ts';

/** Where the tails of a packet lie. */
export interface TailPlaces {
  /** Elements of each tail. */
  readonly counts: readonly number[];
  /** Offset of each tail in the view. */
  readonly starts: readonly number[];
  /** Offset behind the last tail. */
  readonly end: number;
}

/** Finds the tails of a message body. Throws a ProtocolError where the body is too short for them. */
export function scanTails(
  name: string,
  message: Message,
  view: DataView,
  offset: number,
  length: number,
  context: object | undefined,
): TailPlaces {
  const fixed = message.fixedBytes - message.headerBytes;
  if (length < fixed || offset < 0 || offset + length > view.byteLength) {
    run.failShort(name, view, offset, length, fixed);
  }
  const limit = offset + length;
  let end = offset + fixed;
  const counts: number[] = [];
  const starts: number[] = [];
  const base = offset - message.headerBytes;
  for (const [key, tail] of message.tails) {
    const count = countOf(name, message, view, base, tail.count, counts, key, limit - end, context);
    counts.push(count);
    starts.push(end);
    end += count * tail.elementBytes;
    if (end > limit) run.failTail(name, key, length, end - offset);
  }
  return { counts, starts, end };
}

function countOf(
  name: string,
  message: Message,
  view: DataView,
  base: number,
  rule: CountRule,
  counts: readonly number[],
  key: string,
  left: number,
  context: object | undefined,
): number {
  if (rule.from === 'field') {
    const count = view.getUint32(base + countPlace(message.struct, rule.path), true);
    return rule.atLeastOne ? Math.max(count, 1) : count;
  }
  if (rule.from === 'request') {
    if (context === undefined) run.failContext(name);
    return rule.of(context as never);
  }
  const full = counts[message.tails.findIndex(([other]) => other === rule.of)] as number;
  if (left >= 8 * full && full > 0) return full;
  if (left >= 8) run.failLength(name, key, left, 8 * full);
  return 0;
}
