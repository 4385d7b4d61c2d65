import { named } from './entries.ts';
import { u32 } from './scalars.ts';
import { struct } from './struct.ts';

/** A locally unique id (struct winluid): 8 bytes, low part first. */
export interface Luid {
  low: number;
  high: number;
}

export const luid = struct('winluid', { low: named('a', u32), high: named('b', u32) });
