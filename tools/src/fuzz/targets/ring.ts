import { isTransportError, MAX_PACKET_BYTES, PacketKind } from '@dxgwire/transport';
import { RingConsumer, RingHeader, type RingMemory, RingProducer } from '@dxgwire/transport/testing';
import type { FuzzTarget } from '../target.ts';

const DATA_BYTES = 4096;
const HEADER_WORDS = 32;
/** Most packets that one input may make the reader take: a ring that always has more is no failure. */
const MAX_PACKETS = 64;

/**
 * A ring whose other end changes bytes between any two reads of this end. What it changes, and when, follows from the
 * input: before each access some steps of it are carried out.
 */
class HostileRing implements RingMemory {
  readonly plain = new Uint8Array(DATA_BYTES);
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly longWords: BigUint64Array;
  readonly isPassedAround = true;
  readonly #plainWords = new Uint32Array(this.plain.buffer);
  readonly #header = new Uint32Array(HEADER_WORDS);
  #steps: Uint8Array = new Uint8Array(0);
  #at = 0;
  #isHostile = false;

  constructor() {
    this.bytes = this.#watched(this.plain);
    this.words = this.#watched(this.#plainWords);
    this.longWords = this.#watched(new BigUint64Array(this.plain.buffer));
  }

  /** The same array, but every element is read after a step of the other end. */
  #watched<T extends Uint8Array | Uint32Array | BigUint64Array>(array: T): T {
    return new Proxy(array, {
      get: (target, key) => {
        if (typeof key === 'string' && key.charCodeAt(0) <= 0x39) {
          this.step();
          return target[Number(key)];
        }
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
      set: (target, key, value) => Reflect.set(target, key, value, target),
    });
  }

  begin(steps: Uint8Array): void {
    this.#header.fill(0);
    this.plain.fill(0);
    this.#steps = steps;
    this.#at = 0;
    this.#isHostile = false;
  }

  attack(): void {
    this.#isHostile = true;
  }

  load(word: number): number {
    this.step();
    return this.#header[word]!;
  }

  store(word: number, value: number): void {
    this.#header[word] = value;
    this.step();
  }

  restore(word: number, value: number): void {
    this.#header[word] = value;
  }

  /** One step: three bytes say what is written where, or that nothing is. */
  step(): void {
    const steps = this.#steps;
    const at = this.#at;
    if (!this.#isHostile || at + 4 > steps.length) return;
    this.#at = at + 4;
    const what = steps[at]!;
    const place = steps[at + 1]! | (steps[at + 2]! << 8);
    const value = steps[at + 3]!;
    if (what < 96) return;
    if (what < 128) this.#header[RingHeader.writeIndex] = (place * 8) % (DATA_BYTES + 64);
    else if (what < 144) this.#header[place % HEADER_WORDS] = value * 0x0101_0101;
    else if (what < 160) this.#header[place % 5] = value * 8;
    else if (what < 200) this.plain[place % DATA_BYTES] = value;
    else this.#plainWords[(place >>> 2) % (DATA_BYTES / 4)] = value | ((what & 15) << 16);
  }
}

/**
 * First byte: how many packets the other end sends in order before it turns hostile. Then a byte of length for each,
 * and four bytes for each step of its attack.
 */
export class RingTarget implements FuzzTarget {
  readonly name = 'ring';
  readonly summary = 'rings that change while they are read';
  readonly unit = 'inputs';
  readonly maxInputBytes = 1024;
  readonly #memory = new HostileRing();
  readonly #payload = new Uint8Array(2048).fill(0x5a);
  #packets = 0;
  #refused = 0;

  seeds(): readonly Uint8Array[] {
    const seeds: Uint8Array[] = [];
    for (const count of [0, 1, 3, 9]) {
      for (const what of [0, 100, 130, 150, 180, 220]) {
        const seed = new Uint8Array(1 + count + 160);
        seed[0] = count;
        for (let i = 1; i < seed.length; i += 1) seed[i] = i <= count ? i * 7 : (i * 37) & 0xff;
        for (let i = 1 + count; i < seed.length; i += 4) seed[i] = what;
        seeds.push(seed);
      }
    }
    return seeds;
  }

  run(input: Uint8Array): void {
    if (input.length === 0) return;
    const memory = this.#memory;
    const count = input[0]! % 32;
    memory.begin(input.subarray(1 + count));
    const producer = new RingProducer(memory);
    for (let index = 0; index < count; index += 1) {
      const length = (input[1 + index] ?? 0) * 4;
      producer.tryWrite(PacketKind.inBand, index, 0, index & 1, this.#payload, 0, length);
    }
    producer.publish();
    memory.attack();
    try {
      this.#read(new RingConsumer(memory));
      this.#write(producer);
    } catch (error) {
      if (!isTransportError(error) || error.code !== 'bad-ring') throw error;
      this.#refused += 1;
    }
  }

  #read(consumer: RingConsumer): void {
    for (let taken = 0; taken < MAX_PACKETS; taken += 1) {
      if (!consumer.next()) break;
      this.#packets += 1;
      const { bytes, flags, kind, length, offset } = consumer.packet;
      if (kind !== PacketKind.inBand && kind !== PacketKind.completion) throw new Error(`kind ${kind}`);
      if (flags > 1) throw new Error(`flags ${flags}`);
      if (length > MAX_PACKET_BYTES || offset + length > bytes.length) throw new Error(`length ${length}`);
      if (bytes.buffer === this.#memory.plain.buffer) throw new Error('the packet lies in shared memory');
      // A private copy stays what it was, whatever the other end does now.
      const first = bytes[offset] ?? 0;
      for (let step = 0; step < 4; step += 1) this.#memory.step();
      if ((bytes[offset] ?? 0) !== first) throw new Error('a packet changed after it was taken');
      if (consumer.unreleasedBytes > consumer.sizeBytes) throw new Error('more taken than there is');
      if (taken % 3 === 2) consumer.release();
    }
    consumer.release();
    consumer.unmask();
    consumer.hasData();
  }

  /** The same for the end that writes: the reader's index and flags change as well. */
  #write(producer: RingProducer): void {
    for (let index = 0; index < 8; index += 1) {
      producer.tryWrite(PacketKind.completion, index, 0, 0, this.#payload, 0, 8 * index);
      producer.publish();
    }
  }

  describe(): string {
    return `${this.#packets} packets taken, ${this.#refused} rings refused`;
  }
}
