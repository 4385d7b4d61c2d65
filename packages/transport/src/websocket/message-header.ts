/** Longest header of a message, bytes: two, the length in eight, a mask in four (RFC 6455, 5.2). */
export const MOST_HEADER_BYTES = 14;

/** A whole binary message: FIN, opcode 2. */
const WHOLE_BINARY = 0x82;
const MASKED = 0x80;
const TWO_32 = 0x1_0000_0000;

/** Bytes of the header of a message. */
export function headerSize(length: number, isMasked: boolean): number {
  const lengthBytes = length < 126 ? 0 : length < 65536 ? 2 : 8;
  return 2 + lengthBytes + (isMasked ? 4 : 0);
}

/**
 * Writes the header of a whole binary message (RFC 6455, 5.2).
 *
 * @param length - Of the message, bytes.
 * @param isMasked - A client's message has a mask: here zeros, which leave the bytes as they are.
 */
export function placeHeader(bytes: Uint8Array, at: number, length: number, isMasked: boolean): void {
  const mask = isMasked ? MASKED : 0;
  bytes[at] = WHOLE_BINARY;
  let end = at + 2;
  if (length < 126) {
    bytes[at + 1] = mask | length;
  } else if (length < 65536) {
    bytes[at + 1] = mask | 126;
    bytes[at + 2] = length >>> 8;
    bytes[at + 3] = length;
    end += 2;
  } else {
    bytes[at + 1] = mask | 127;
    const high = Math.floor(length / TWO_32);
    for (let i = 0; i < 4; i += 1) {
      bytes[at + 2 + i] = high >>> (24 - 8 * i);
      bytes[at + 6 + i] = length >>> (24 - 8 * i);
    }
    end += 8;
  }
  if (isMasked) bytes.fill(0, end, end + 4);
}
