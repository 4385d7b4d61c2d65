/*
 * Detaching of ArrayBuffers. What the program got from getMappedRange must be detached by unmap; its memory is
 * moved into an ArrayBuffer of our own, so that nothing is copied.
 */

interface Transferable extends ArrayBuffer {
  transfer?(): ArrayBuffer;
}

const hasTransfer = typeof (ArrayBuffer.prototype as Transferable).transfer === 'function';

interface NodeProcess {
  getBuiltinModule?(name: 'node:worker_threads'): { markAsUntransferable?(object: object): void };
}

const { process } = globalThis as { process?: NodeProcess };

/** Node's way to keep an ArrayBuffer out of transfer lists; browsers have none. */
const markAsUntransferable =
  process?.getBuiltinModule?.('node:worker_threads').markAsUntransferable ?? (() => {});

/**
 * An ArrayBuffer for the program to have while its buffer is mapped: only `unmap` may detach it. Where there is no
 * `transfer`, what cannot be transferred could not be taken back either, and stays as it is.
 */
export function handOut(data: ArrayBuffer): ArrayBuffer {
  if (hasTransfer) markAsUntransferable(data);
  return data;
}

/**
 * Detaches an ArrayBuffer and gives its contents as a new one, without copying. When the program has detached it
 * itself, the result is empty.
 */
export function takeBack(data: ArrayBuffer): ArrayBuffer {
  try {
    if (hasTransfer) return (data as Required<Transferable>).transfer();
    const own = structuredClone(data, { transfer: [data] });
    // Else Node would take it in transfer lists as an empty one, though it is detached.
    markAsUntransferable(data);
    return own;
  } catch {
    // Detached already: there is nothing to take.
    return new ArrayBuffer(0);
  }
}
