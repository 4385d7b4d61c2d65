import { enduranceRules } from './endurance.ts';
import { handleRules } from './handle-rules.ts';
import { memoryRules } from './memory-rules.ts';
import { objectRules } from './object-rules.ts';
import { orderRules } from './order-rules.ts';
import { packetRules } from './packet-rules.ts';
import type { GuestRule } from './rule.ts';
import { shapeRules } from './shape-rules.ts';

/** All rules on a guest, in the order of their numbers. */
export const guestRules: readonly GuestRule[] = [
  ...packetRules,
  ...objectRules,
  ...enduranceRules,
  ...memoryRules,
  ...handleRules,
  ...shapeRules,
  ...orderRules,
].sort((one, other) => (one.id < other.id ? -1 : 1));
