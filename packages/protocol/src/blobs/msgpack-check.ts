import { ProtocolError } from '../errors.ts';

/** Bounds for driver-private data from the other side. */
const MAX_BLOB_BYTES = 65_536;
const MAX_DEPTH = 4;
const MAX_ITEMS = 1024;
const MAX_STRING_BYTES = 4096;

/**
 * Goes over MessagePack bytes before anything is made of them: only nil, booleans, numbers, strings, binary, arrays
 * and maps with string keys; bounded length, depth and counts; nothing behind the one value. Extension types are
 * refused: some of them make code, expressions or shared structures.
 *
 * @throws ProtocolError `bad-blob`.
 */
export function checkMessagePack(bytes: Uint8Array, what: string): void {
  if (bytes.length > MAX_BLOB_BYTES) {
    throw new ProtocolError('bad-blob', `${what} of ${bytes.length} bytes, at most ${MAX_BLOB_BYTES}`);
  }
  const walker = new Walker(bytes, what);
  walker.value(0);
  if (walker.position !== bytes.length) {
    throw walker.fail(`${bytes.length - walker.position} bytes behind its end`);
  }
}

/** Bytes that follow a type byte as a count or as a number, by type byte 0xc4 .. 0xdb; undefined: refused. */
const FIXED_BYTES: Readonly<Record<number, number>> = {
  192: 0, // nil
  194: 0, // false
  195: 0, // true
  202: 4, // float 32
  203: 8, // float 64
  204: 1, // uint 8
  205: 2, // uint 16
  206: 4, // uint 32
  207: 8, // uint 64
  208: 1, // int 8
  209: 2, // int 16
  210: 4, // int 32
  211: 8, // int 64
};

class Walker {
  position = 0;
  private items = 0;
  private readonly bytes: Uint8Array;
  private readonly what: string;

  constructor(bytes: Uint8Array, what: string) {
    this.bytes = bytes;
    this.what = what;
  }

  fail(message: string): ProtocolError {
    return new ProtocolError('bad-blob', `${this.what}: ${message} (byte ${this.position})`);
  }

  value(depth: number): void {
    if (depth > MAX_DEPTH) throw this.fail(`more than ${MAX_DEPTH} levels`);
    this.items += 1;
    if (this.items > MAX_ITEMS) throw this.fail(`more than ${MAX_ITEMS} values`);
    const type = this.unsigned(1);
    if (type < 0x80 || type >= 0xe0) return;
    const fixed = FIXED_BYTES[type];
    if (type < 0x90) this.map(type & 15, depth);
    else if (type < 0xa0) this.array(type & 15, depth);
    else if (type < 0xc0) this.skip(type & 31, MAX_STRING_BYTES);
    else if (fixed !== undefined) this.skip(fixed, fixed);
    else this.counted(type, depth);
  }

  private counted(type: number, depth: number): void {
    switch (type) {
      case 0xc4:
      case 0xc5:
      case 0xc6:
        this.skip(this.unsigned(1 << (type - 0xc4)), MAX_STRING_BYTES);
        break;
      case 0xd9:
      case 0xda:
      case 0xdb:
        this.skip(this.unsigned(1 << (type - 0xd9)), MAX_STRING_BYTES);
        break;
      case 0xdc:
      case 0xdd:
        this.array(this.unsigned(2 << (type - 0xdc)), depth);
        break;
      case 0xde:
      case 0xdf:
        this.map(this.unsigned(2 << (type - 0xde)), depth);
        break;
      default:
        throw this.fail(`MessagePack type ${type} is not allowed`);
    }
  }

  private unsigned(lengthBytes: number): number {
    if (this.position + lengthBytes > this.bytes.length) throw this.fail('ends early');
    let value = 0;
    for (let index = 0; index < lengthBytes; index++) {
      value = value * 256 + this.bytes[this.position + index]!;
    }
    this.position += lengthBytes;
    return value;
  }

  private skip(lengthBytes: number, most: number): void {
    if (lengthBytes > most) throw this.fail(`${lengthBytes} bytes in one value, at most ${most}`);
    if (this.position + lengthBytes > this.bytes.length) throw this.fail('ends early');
    this.position += lengthBytes;
  }

  private array(count: number, depth: number): void {
    if (count > MAX_ITEMS) throw this.fail(`${count} values in one array, at most ${MAX_ITEMS}`);
    for (let index = 0; index < count; index++) this.value(depth + 1);
  }

  private map(count: number, depth: number): void {
    if (count > MAX_ITEMS) throw this.fail(`${count} members in one map, at most ${MAX_ITEMS}`);
    for (let index = 0; index < count; index++) {
      const type = this.bytes[this.position] ?? 0;
      const isString = (type >= 0xa0 && type < 0xc0) || (type >= 0xd9 && type <= 0xdb);
      if (!isString) throw this.fail('map key is not a string');
      this.value(depth + 1);
      this.value(depth + 1);
    }
  }
}
