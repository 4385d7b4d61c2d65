import { enduranceRules } from './endurance.ts';
import { memoryRules } from './memory-rules.ts';
import { objectRules } from './object-rules.ts';
import { packetRules } from './packet-rules.ts';
import type { GuestRule } from './rule.ts';

/** All rules on a guest, in the order of their numbers. */
export const guestRules: readonly GuestRule[] = [
  ...packetRules,
  ...objectRules,
  ...enduranceRules.slice(0, 3),
  ...memoryRules,
  ...enduranceRules.slice(3),
];
