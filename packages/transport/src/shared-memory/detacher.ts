import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** `ArrayBuffer.prototype.transfer`. Called with 0 it makes an empty ArrayBuffer, and lets go of the bytes. */
type Transfer = (this: ArrayBuffer, lengthBytes: number) => ArrayBuffer;

// As they are before a program can replace them.
const own = (ArrayBuffer.prototype as { transfer?: Transfer }).transfer;
const { apply } = Reflect;

let cached: ((buffer: ArrayBuffer) => void) | null | undefined;

/**
 * What detaches an ArrayBuffer whose memory is not the engine's own, or null where nothing does. `structuredClone` does not: Node
 * keeps such an ArrayBuffer out of transfer lists.
 */
export function detacher(): ((buffer: ArrayBuffer) => void) | null {
  if (cached === undefined) cached = find();
  return cached;
}

/** Whether a program of this process could move the bytes of an ArrayBuffer into another one by itself. */
export function canBeMoved(): boolean {
  return own !== undefined;
}

function find(): ((buffer: ArrayBuffer) => void) | null {
  const transfer = own ?? borrowed();
  if (transfer === undefined) return null;
  const detach = (buffer: ArrayBuffer): void => {
    apply(transfer, buffer, [0]);
  };
  const sample = new ArrayBuffer(8);
  try {
    detach(sample);
  } catch {
    return null;
  }
  return sample.byteLength === 0 ? detach : null;
}

/** V8 of Node 20 has the method behind a flag, which is looked at when a context is made: so one is made for it. */
function borrowed(): Transfer | undefined {
  const flag = 'harmony-rab-gsab-transfer';
  try {
    setFlagsFromString(`--${flag}`);
    return runInNewContext('ArrayBuffer.prototype.transfer') as Transfer | undefined;
  } catch {
    return undefined;
  } finally {
    setFlagsFromString(`--no-${flag}`);
  }
}
