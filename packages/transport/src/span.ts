import { TransportError } from './errors.ts';

/** Throws TransportError `out-of-range` unless `offset .. offset + length` lies in `0 .. total`. */
export function checkSpan(what: string, offset: number, length: number, total: number): void {
  if (!(Number.isInteger(offset) && Number.isInteger(length) && offset >= 0 && length >= 0)) {
    throw new TransportError('out-of-range', `${what}: ${length} bytes at ${offset} is not a range`);
  }
  if (offset + length > total) {
    throw new TransportError('out-of-range', `${what}: ${length} bytes at ${offset} end beyond ${total}`);
  }
}
