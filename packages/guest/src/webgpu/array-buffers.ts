/*
 * Detaching of ArrayBuffers. What the program got from getMappedRange must be detached by unmap; its memory is
 * moved into an ArrayBuffer of our own, so that nothing is copied.
 */

interface Transferable extends ArrayBuffer {
  transfer?(): ArrayBuffer;
}

const hasTransfer = typeof (ArrayBuffer.prototype as Transferable).transfer === 'function';

/**
 * Detaches an ArrayBuffer and gives its contents as a new one, without copying. When the program has detached it
 * itself, the result is empty.
 */
export function takeBack(data: ArrayBuffer): ArrayBuffer {
  try {
    if (hasTransfer) return (data as Required<Transferable>).transfer();
    return structuredClone(data, { transfer: [data] });
  } catch {
    // Detached already: there is nothing to take.
    return new ArrayBuffer(0);
  }
}
