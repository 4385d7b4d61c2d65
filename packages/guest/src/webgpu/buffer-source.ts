import { operationError } from './errors.ts';
import { describe, fail } from './webidl.ts';

type AnyBuffer = ArrayBuffer | SharedArrayBuffer;

/** An AllowSharedBufferSource: where its bytes are, and how long an element is. */
interface Source {
  readonly buffer: AnyBuffer;
  readonly byteOffset: number;
  readonly byteLength: number;
  readonly elementBytes: number;
}

const bufferLength = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength')!.get!;

function isArrayBuffer(value: object): value is ArrayBuffer {
  try {
    bufferLength.call(value);
    return true;
  } catch {
    return false;
  }
}

/** True for SharedArrayBuffers of any realm; platforms may lack them. */
function isSharedBuffer(value: object): value is SharedArrayBuffer {
  return Object.prototype.toString.call(value) === '[object SharedArrayBuffer]';
}

function source(value: unknown, what: string): Source {
  if (ArrayBuffer.isView(value)) {
    const elementBytes = (value as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
    const { buffer, byteOffset, byteLength } = value;
    return { buffer: buffer as AnyBuffer, byteOffset, byteLength, elementBytes };
  }
  if (typeof value === 'object' && value !== null && (isArrayBuffer(value) || isSharedBuffer(value))) {
    return { buffer: value, byteOffset: 0, byteLength: value.byteLength, elementBytes: 1 };
  }
  return fail(what, `${describe(value)} is not an ArrayBuffer, SharedArrayBuffer or view of one`);
}

/** All bytes of an AllowSharedBufferSource; a view. */
export function bytesOf(value: unknown, what: string): Uint8Array {
  const { buffer, byteOffset, byteLength } = source(value, what);
  // Of a buffer that was transferred elsewhere there can be no view, and it counts as empty.
  if (byteLength === 0) return new Uint8Array();
  if (value instanceof Uint8Array) return value;
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

/**
 * The bytes of a buffer source from an offset on, both in its elements; a view.
 * @throws OperationError when they are not there, or their length is no multiple of 4.
 */
export function contentsOf(
  value: unknown,
  what: string,
  offset: number,
  size: number | undefined,
): Uint8Array {
  const { buffer, byteOffset, byteLength, elementBytes } = source(value, what);
  const elements = Math.floor(byteLength / elementBytes);
  if (offset > elements) throw operationError(`${what}: offset ${offset} is behind its ${elements} elements`);
  const count = size ?? elements - offset;
  if (count > elements - offset) {
    throw operationError(`${what}: ${count} elements from ${offset} on, of ${elements}`);
  }
  const length = count * elementBytes;
  if (length % 4 !== 0) throw operationError(`${what}: ${length} bytes are no multiple of 4`);
  if (length === 0) return new Uint8Array();
  if (count === elements && value instanceof Uint8Array) return value;
  return new Uint8Array(buffer as ArrayBuffer, byteOffset + offset * elementBytes, length);
}
