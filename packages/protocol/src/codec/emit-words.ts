import type { BitPlacement, ScalarType } from '../schema/types.ts';
import { at } from './emit.ts';

/**
 * Parts of generated source that write 32-bit words through a `Uint32Array` over the packet, `words`, in which the body
 * begins at index `w`. V8 knows of such a write that it changes nothing but the array, and makes half as much code of it
 * as of a write through a DataView. Only for machines that are little endian, as the packets are.
 */

/** The word at an offset of the body, bytes; undefined where none begins. */
function word(offset: number): string | undefined {
  return offset % 4 === 0 ? `words[${at('w', offset / 4)}]` : undefined;
}

/** Statement that writes a scalar; undefined where it is no whole words. */
export function writeWordScalar(type: ScalarType, offset: number, value: string): string | undefined {
  const low = word(offset);
  if (low === undefined) return undefined;
  if (type.scalar === 'u32' || type.scalar === 'i32') return `${low} = ${value};`;
  if (type.scalar !== 'u64') return undefined;
  return `longs[0] = ${value} ?? 0n; ${low} = halves[0]; ${word(offset + 4)} = halves[1];`;
}

/** Statement that writes a storage unit of bit-fields; undefined where it is no whole word. */
export function writeWordUnit(placement: BitPlacement, offset: number, value: string): string | undefined {
  const place = placement.unitBytes === 4 ? word(offset) : undefined;
  return place === undefined ? undefined : `${place} = ${value};`;
}

/** Statements that write zero words; undefined where they are no whole words, or many. */
export function zeroWords(offset: number, count: number): string | undefined {
  if (offset % 4 !== 0 || count % 4 !== 0 || count > 32) return undefined;
  let source = '';
  for (let done = 0; done < count; done += 4) source += `${word(offset + done)} = 0;`;
  return source;
}
