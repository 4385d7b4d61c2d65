import { isProtocolError } from '@dxgwire/protocol';
import { createStreamCodec, returnOps, streamOps, walkRecords } from '@dxgwire/protocol/stream';
import type { FuzzTarget } from '../target.ts';
import { type DispatcherTarget, openDispatcherTarget } from './dispatcher.ts';
import { sceneStream } from './scene-stream.ts';

/** Inputs between two that also go to a host with the null backend, as the private data of a submission. */
const HOST_EVERY = 64;

interface Told {
  /** Records handed over, and a sum over their fields. */
  count: number;
  sum: number;
}

/** Handlers that count, and look at every field: a lazy one would hide what reading it does. */
function countingHandlers(table: object, told: Told): never {
  const look = (value: unknown): void => {
    if (typeof value === 'number') told.sum = (told.sum * 31 + value) | 0;
    else if (typeof value === 'string') told.sum = (told.sum * 31 + value.length) | 0;
    else if (ArrayBuffer.isView(value)) told.sum = (told.sum * 31 + value.byteLength) | 0;
    else if (Array.isArray(value)) for (const each of value) look(each);
    else if (typeof value === 'object' && value !== null) for (const each of Object.values(value)) look(each);
    else if (value === true) told.sum = (told.sum * 31 + 1) | 0;
  };
  const handler = (...values: unknown[]): void => {
    told.count += 1;
    for (const value of values) look(value);
  };
  return Object.fromEntries(Object.keys(table).map((name) => [name, handler])) as never;
}

/** First byte: the table (0 commands, 1 what comes back); three spare bytes; then the records. */
export class StreamTarget implements FuzzTarget {
  readonly name = 'stream';
  readonly summary = 'WebGPU command streams';
  readonly unit = 'streams';
  readonly maxInputBytes = 8192;
  readonly #compiled = [createStreamCodec(streamOps, 'compiled'), createStreamCodec(returnOps, 'compiled')];
  readonly #plain = [
    createStreamCodec(streamOps, 'interpreted'),
    createStreamCodec(returnOps, 'interpreted'),
  ];
  readonly #host: DispatcherTarget;
  readonly #words = new Uint32Array(this.maxInputBytes / 4);
  readonly #bytes = new Uint8Array(this.#words.buffer);
  #inputs = 0;
  #records = 0;
  #refused = 0;

  constructor(host: DispatcherTarget) {
    this.#host = host;
  }

  seeds(): readonly Uint8Array[] {
    const whole = sceneStream();
    const seeds: Uint8Array[] = [];
    const words = new Uint32Array(whole.buffer, whole.byteOffset, whole.length / 4);
    const starts: number[] = [];
    walkRecords(words, (_opcode, position) => starts.push((position - 1) * 4));
    starts.push(whole.length);
    for (let index = 0; index + 1 < starts.length; index += 1) {
      const end = starts[Math.min(index + 1 + (index % 5), starts.length - 1)]!;
      if (end - starts[index]! > 4096) continue;
      seeds.push(Uint8Array.of(0, 0, 0, 0, ...whole.subarray(starts[index]!, end)));
    }
    return seeds;
  }

  run(input: Uint8Array): Promise<void> | undefined {
    if (input.length < 4) return undefined;
    this.#inputs += 1;
    const table = input[0]! & 1;
    const length = (input.length - 4) & ~3;
    this.#bytes.set(input.subarray(4, 4 + length));
    const stream = this.#bytes.subarray(0, length);
    const fast = this.#decode(this.#compiled[table]!, table, stream);
    if ((this.#inputs & 7) === 0) {
      const plain = this.#decode(this.#plain[table]!, table, stream);
      if (fast !== plain) throw new Error(`compiled: ${fast}; interpreted: ${plain}`);
    }
    return this.#inputs % HOST_EVERY === 0 ? this.#host.submit(stream) : undefined;
  }

  readonly #told: Told = { count: 0, sum: 0 };
  readonly #handlers = [countingHandlers(streamOps, this.#told), countingHandlers(returnOps, this.#told)];

  /** @returns what the codec made of the stream, in one line. */
  #decode(
    codec: { decode(bytes: Uint8Array, handlers: never): void },
    table: number,
    bytes: Uint8Array,
  ): string {
    const told = this.#told;
    told.count = 0;
    told.sum = 0;
    let end = 'end';
    try {
      codec.decode(bytes, this.#handlers[table]!);
    } catch (error) {
      if (!isProtocolError(error) || error.code !== 'bad-stream') throw error;
      end = 'refused';
      this.#refused += 1;
    }
    this.#records += told.count;
    return `${told.count} records, sum ${told.sum}, ${end}`;
  }

  reset(): Promise<void> {
    return this.#host.reset();
  }

  check(): void {
    this.#host.check();
  }

  describe(): string {
    return `${this.#records} records, ${this.#refused} streams refused, ${Math.floor(this.#inputs / HOST_EVERY)} submitted to a host`;
  }

  close(): Promise<void> {
    return this.#host.close();
  }
}

export async function openStreamTarget(): Promise<StreamTarget> {
  return new StreamTarget(await openDispatcherTarget());
}
