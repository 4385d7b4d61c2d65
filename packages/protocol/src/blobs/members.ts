// Without the native part, which every program would load for a few bytes.
import { Unpackr } from 'msgpackr/unpack';
import { ProtocolError } from '../errors.ts';
import { checkMessagePack } from './msgpack-check.ts';

const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' });

/** Members of a decoded map, taken out by name with a check of their type. */
export class Members {
  private readonly values: Readonly<Record<string, unknown>>;
  private readonly what: string;

  constructor(values: unknown, what: string) {
    if (typeof values !== 'object' || values === null || Array.isArray(values)) {
      throw new ProtocolError('bad-blob', `${what} is not a map`);
    }
    this.values = values as Readonly<Record<string, unknown>>;
    this.what = what;
  }

  /** @throws ProtocolError `bad-blob` when the bytes are not one well-formed map. */
  static decode(bytes: Uint8Array, what: string): Members {
    checkMessagePack(bytes, what);
    let values: unknown;
    try {
      values = unpackr.unpack(bytes);
    } catch (cause) {
      throw new ProtocolError('bad-blob', `${what} is not MessagePack`, { cause });
    }
    return new Members(values, what);
  }

  private fail(name: string, expected: string): ProtocolError {
    return new ProtocolError('bad-blob', `${this.what}: ${name} is not ${expected}`);
  }

  get(name: string): unknown {
    return Object.hasOwn(this.values, name) ? this.values[name] : undefined;
  }

  names(): string[] {
    return Object.keys(this.values);
  }

  map(name: string): Members {
    return new Members(this.get(name), `${this.what}: ${name}`);
  }

  string(name: string): string {
    const value = this.get(name);
    if (typeof value !== 'string') throw this.fail(name, 'a string');
    return value;
  }

  optionalString(name: string): string | undefined {
    return this.get(name) === undefined ? undefined : this.string(name);
  }

  boolean(name: string): boolean {
    const value = this.get(name);
    if (typeof value !== 'boolean') throw this.fail(name, 'a boolean');
    return value;
  }

  /** An integer between 0 and `most`, at most 2^53 - 1. */
  integer(name: string, most: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.get(name);
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > most) {
      throw this.fail(name, `an integer from 0 to ${most}`);
    }
    return value;
  }

  optionalInteger(name: string, most?: number): number | undefined {
    return this.get(name) === undefined ? undefined : this.integer(name, most);
  }

  strings(name: string): string[] {
    const value = this.get(name);
    if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
      throw this.fail(name, 'a list of strings');
    }
    return value;
  }

  /** A 64-bit number as two u32, low half first. */
  pair(name: string): readonly [low: number, high: number] {
    const value = this.get(name);
    if (!Array.isArray(value) || value.length !== 2) throw this.fail(name, 'two 32-bit integers');
    const [low, high] = value as unknown[];
    const isWord = (item: unknown): item is number =>
      typeof item === 'number' && Number.isInteger(item) && item >= 0 && item <= 0xffff_ffff;
    if (!isWord(low) || !isWord(high)) throw this.fail(name, 'two 32-bit integers');
    return [low, high];
  }
}
