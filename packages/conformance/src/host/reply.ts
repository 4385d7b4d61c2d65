import type { Coverage } from '../coverage.ts';
import { ConformanceFailure, demand, hex32 } from '../failure.ts';
import { isKnownStatus } from '../statuses.ts';
import type { WireCommand } from '../wire/command.ts';
import { elementBytes, readField, roundUp8 } from '../wire/layout.ts';
import { fieldOf, headerOffset } from '../wire/message.ts';
import { showReply, showRequest } from '../wire/show.ts';

const PENDING = 0x103;

/** An answer of the host under test. Reading a field of it counts as having examined the field. */
export class Reply {
  readonly command: WireCommand;
  readonly request: Uint8Array;
  readonly payload: Uint8Array;
  /** Channel that it came on, and its place among all packets of the link. */
  readonly channel: number;
  readonly order: number;
  /** The fence values that the window showed when it came, by watched address. */
  readonly #version: number;
  readonly #coverage: Coverage;

  constructor(
    command: WireCommand,
    request: Uint8Array,
    payload: Uint8Array,
    place: { readonly channel: number; readonly order: number; readonly version: number },
    coverage: Coverage,
  ) {
    this.command = command;
    this.request = request;
    this.payload = payload;
    this.channel = place.channel;
    this.order = place.order;
    this.#version = place.version;
    this.#coverage = coverage;
  }

  get view(): DataView {
    return new DataView(this.payload.buffer, this.payload.byteOffset, this.payload.length);
  }

  /** Bytes that the driver demands of this answer. */
  get demanded(): number {
    const { buffer, byteOffset, length } = this.request;
    return this.command.demand(new DataView(buffer, byteOffset, length), headerOffset(this.#version));
  }

  /** The two messages, for a report. */
  evidence(): () => string[] {
    return () => [
      'sent:',
      ...showRequest(this.request, this.#version).map((line) => `  ${line}`),
      'came:',
      ...showReply(this.command, this.payload).map((line) => `  ${line}`),
    ];
  }

  #read(name: string, at: number, index: number): number | bigint {
    const field = fieldOf(this.command, 'reply', name);
    const size = elementBytes(field.type);
    for (let byte = 0; byte < size; byte += 1) {
      this.#coverage.examine(this.command, field.offset + index * size + byte);
    }
    const value = readField(this.view, at, field, index);
    if (value !== null) return value;
    const end = at + field.offset + (index + 1) * elementBytes(field.type);
    throw new ConformanceFailure(
      `${this.command.name} answered with ${end} bytes or more, so that ${name} is in it`,
      `${this.payload.length} bytes`,
      this.evidence(),
    );
  }

  /** A field of up to 32 bits. `at` moves it, for elements of arrays of structures. */
  number(name: string, index = 0, at = 0): number {
    return Number(this.#read(name, at, index));
  }

  long(name: string, index = 0, at = 0): bigint {
    return BigInt(this.#read(name, at, index));
  }

  /** The NTSTATUS; of a command without one: 0 if it did not fail by its own convention. */
  get status(): number {
    const { statusOffset, failure } = this.command;
    if (statusOffset !== null) {
      this.#coverage.examine(this.command, statusOffset);
      if (this.payload.length < statusOffset + 4)
        return this.payload.length < 4 ? -1 : this.view.getInt32(0, true);
      return this.view.getInt32(statusOffset, true);
    }
    if (failure === 'any') return 0;
    if (this.payload.length < this.demanded) return -1;
    return failure === 'zero-handle' && this.handle() === 0 ? -1 : 0;
  }

  /** The first handle of the answer. */
  handle(): number {
    const field = this.command.reply.find(({ type }) => type === 'h');
    return field === undefined ? 0 : this.number(field.name);
  }

  /** Demands success (exactly 0, or PENDING where it means something) in full length. @returns itself. */
  ok(mayBePending = false): this {
    const { status, demanded, payload, command } = this;
    const isGood = status === 0 || (mayBePending && status === PENDING);
    const wanted = mayBePending ? 'success (0) or PENDING (0x103)' : 'success (exactly 0)';
    const how = command.statusOffset === null ? this.#describeFailure() : `status ${hex32(status)}`;
    demand(isGood, `${command.name} to answer ${wanted}`, how, this.evidence());
    demand(
      payload.length >= demanded,
      `${command.name} to be answered with the ${demanded} bytes that the driver demands`,
      `${payload.length} bytes`,
      this.evidence(),
    );
    return this;
  }

  #describeFailure(): string {
    return this.payload.length < this.demanded
      ? `a short answer, ${this.payload.length} of ${this.demanded} bytes`
      : 'a null handle';
  }

  /** Demands a failure by this command's convention: status in full length, null handle, or a short answer. */
  fails(why: string): this {
    const { command, payload, demanded } = this;
    const evidence = this.evidence();
    const { failure, statusOffset } = command;
    if (failure === 'any') return this;
    if (failure === 'short') {
      const expected = `${command.name} (${why}) to fail by an answer of fewer than ${demanded} bytes, best none`;
      demand(payload.length < demanded || demanded === 0, expected, `${payload.length} bytes`, evidence);
      demand(payload.length === 0 || demanded === 0, expected, `${payload.length} bytes`, evidence);
      return this;
    }
    if (failure === 'zero-handle') {
      const isNull = payload.length < demanded || this.handle() === 0;
      const expected = `${command.name} (${why}) to fail by a null handle`;
      demand(isNull, expected, `handle ${hex32(isNull ? 0 : this.handle())}`, evidence);
      return this;
    }
    const full = `${command.name} (${why}) to fail in full length, ${demanded} bytes, status at ${statusOffset}`;
    demand(payload.length >= demanded, full, `${payload.length} bytes`, evidence);
    const status = this.status;
    demand(status < 0, full, `status ${hex32(status)}, which is no failure`, evidence);
    demand(
      isKnownStatus(status),
      `${command.name} (${why}) to fail with a status that the driver knows (section 0.3)`,
      `status ${hex32(status)}`,
      evidence,
    );
    return this;
  }

  /** Demands this very failure, where the command has a status to say it. */
  failsWith(status: number, why: string): this {
    this.fails(why);
    if (this.command.failure === 'short') return this;
    demand(
      this.status >>> 0 === status,
      `${this.command.name} (${why}) to fail with ${hex32(status)}`,
      `status ${hex32(this.status)}`,
      this.evidence(),
    );
    return this;
  }

  /** Demands zeros from the demanded length on, up to a multiple of 8: nothing of the host leaks. */
  isPadded(): this {
    const { payload, demanded, command } = this;
    const need = roundUp8(demanded);
    const expected = `${command.name} to be answered with ${need} bytes, zero from byte ${demanded} on`;
    demand(payload.length >= need, expected, `${payload.length} bytes`, this.evidence());
    const rest = payload.subarray(demanded);
    const bad = rest.findIndex((byte) => byte !== 0);
    demand(bad < 0, expected, `${rest[bad]} at byte ${demanded + bad}`, this.evidence());
    return this;
  }
}
