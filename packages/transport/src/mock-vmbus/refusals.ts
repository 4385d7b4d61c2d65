import { TransportError } from '../errors.ts';
import { largestPayload } from './ring-producer.ts';

/** Says why a ring channel cannot take a payload at all. @throws TransportError `too-large` or `out-of-range`. */
export function refusePayload(
  bytes: Uint8Array,
  offset: number,
  length: number,
  limitBytes: number,
  ringBytes: number,
): never {
  if (length > limitBytes) {
    throw new TransportError('too-large', `a packet of ${length} bytes exceeds the limit of ${limitBytes}`);
  }
  if (length > largestPayload(ringBytes)) {
    throw new TransportError('too-large', `a packet of ${length} bytes can never fit a ring of ${ringBytes}`);
  }
  throw new TransportError(
    'out-of-range',
    `a payload at ${offset}, ${length} bytes long, is outside its array of ${bytes.length}`,
  );
}

/** Says that too much waits for a ring already. @throws TransportError `limit`. */
export function refuseBacklog(index: number, queuedBytes: number, length: number, limitBytes: number): never {
  throw new TransportError(
    'limit',
    `channel ${index} has ${queuedBytes} bytes waiting; ${length} more exceed the limit of ` +
      `${limitBytes}. Stop when send returns false`,
  );
}
