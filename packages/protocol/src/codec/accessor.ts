import { ProtocolError } from '../errors.ts';
import type { CommandDef } from '../schema/command.ts';
import type { Message } from '../schema/message.ts';
import { type Part, type Place, partsOf } from './accessor-parts.ts';
import type { MessageCodec } from './codec.ts';
import { canCompile, helperScope } from './compile.ts';
import { at, readScalar, readUnit, writeScalar } from './emit.ts';
import { ReadEmitter } from './emit-read.ts';
import { readBits, readScalarAt, writeScalarAt } from './interpret-nodes.ts';
import * as run from './runtime.ts';
import { scanTails } from './tails.ts';

/**
 * Accessors: one object that is laid over packet after packet and reads single fields where they are, so that a hot
 * path makes nothing per message. A field `x` is the property `x`; of 64 bits, `xLow` and `xHigh`. Fields of `args` have
 * no prefix (an outer field hides one of the same name), those of other inner structs have (`info.type`: `infoType`).
 * Arrays and tails have `xCount`, `xOffset` (in the view) and `xAt(index)` (a ProtocolError from `xCount` on), byte tails `xOffset` and `xLength`; a field
 * `xCount` comes before the number of an array's slots. All alternatives of a union of numbers are there; unions of
 * structs are not.
 */
export type Accessor<Value> = AccessorBase & Fields<Value, ''>;

export interface AccessorBase {
  readonly view: DataView;
  /** Lays the accessor over a body, as {@link MessageCodec.decode} would read it. Throws a ProtocolError likewise. */
  bind(view: DataView, offset: number, length: number): this;
}

type Name<Prefix extends string, Key extends string> = Prefix extends ''
  ? Key
  : `${Prefix}${Capitalize<Key>}`;

type NumberNames<Value, N extends string> = [Value] extends [number]
  ? N
  : [Value] extends [bigint]
    ? `${N}Low` | `${N}High`
    : [Value] extends [Uint8Array]
      ? `${N}Offset` | `${N}Length`
      : [Value] extends [ArrayLike<unknown>]
        ? `${N}Offset` | `${N}Count`
        : never;

type MethodNames<Value, N extends string> = [Value] extends [Uint32Array]
  ? `${N}At`
  : [Value] extends [BigUint64Array]
    ? `${N}LowAt` | `${N}HighAt`
    : never;

type InnerKeys<Value> = {
  [K in keyof Value & string]: [Value[K]] extends [object]
    ? [Value[K]] extends [ArrayLike<unknown>]
      ? never
      : K
    : never;
}[keyof Value & string];

type Inner<Value, Prefix extends string> = {
  [K in InnerKeys<Value>]: (value: Fields<Value[K], K extends 'args' ? '' : Name<Prefix, K>>) => void;
}[InnerKeys<Value>] extends (value: infer All) => void
  ? All
  : unknown;

type Fields<Value, Prefix extends string> = {
  [K in keyof Value & string as NumberNames<Value[K], Name<Prefix, K>>]: number;
} & { [K in keyof Value & string as [Value[K]] extends [boolean] ? Name<Prefix, K> : never]: boolean } & {
  readonly [K in keyof Value & string as MethodNames<Value[K], Name<Prefix, K>>]: (index: number) => number;
} & ([InnerKeys<Value>] extends [never] ? unknown : Inner<Value, Prefix>);

/** Where a part begins, as source: `base` is where offset 0 of the structure would be. */
function placeSource(place: Place, base: string): string {
  return place.from === 'base' ? at(base, place.offset) : at(`this.t${place.tail}`, place.offset);
}

function partSource(part: Part, base: string): string {
  const { name } = part;
  switch (part.kind) {
    case 'scalar': {
      const place = placeSource(part.place, base);
      const get = `get ${name}() { const view = this.view; return ${readScalar(part.type, place)}; }`;
      return `${get} set ${name}(value) { const view = this.view; ${writeScalar(part.type, place, 'value')} }`;
    }
    case 'bits': {
      const { shift, width } = part.placement;
      const bits = `(${readUnit(part.placement, base)} >>> ${shift}) & ${2 ** width - 1}`;
      return `get ${name}() { const view = this.view; return ${width === 1 ? `(${bits}) !== 0` : bits}; }`;
    }
    case 'offset':
      return `get ${name}() { return ${placeSource(part.place, base)}; }`;
    case 'count':
      return `get ${name}() { return ${part.tail === null ? part.count : `this.c${part.tail}`}; }`;
    case 'element': {
      const count = part.place.from === 'tail' ? `this.c${part.place.tail}` : part.slots;
      const check = `if ((index >>> 0) !== index || index >= ${count}) failIndex(name, ${JSON.stringify(name)}, index, ${count});`;
      return `${name}(index) { ${check} return this.view.getUint32(${placeSource(part.place, base)} + ${part.stepBytes} * index, true); }`;
    }
  }
}

/** The generated source of a message's accessor class. */
export function accessorSource(message: Message): string {
  const tails = message.tails.map((_, index) => index);
  const fields = ['view = new DataView(new ArrayBuffer(0)); room = 0; start = 0;'];
  for (const index of tails) fields.push(`c${index} = 0; t${index} = 0;`);
  const stores = tails.map((index) => `this.c${index} = c${index}; this.t${index} = t${index};`);
  // For a view's length V8 (of Node 20) calls a function, which costs as much as five fields.
  const look = 'look(view) { this.view = view; return this.room = view.byteLength; }';
  const places = new ReadEmitter(message).places(
    '((view !== this.view || end > this.room) && end > this.look(view))',
  );
  const bind = `bind(view, offset, length) {${places}this.start = offset; ${stores.join(' ')} return this;}`;
  const base = at('this.start', -message.headerBytes);
  const members = partsOf(message).map((part) => partSource(part, base));
  return `${helperScope} return class Accessor {${[...fields, look, bind, ...members].join('\n')}};`;
}

/** The same without generated code. */
class PlainAccessor {
  view: DataView = new DataView(new ArrayBuffer(0));
  base = 0;
  counts: readonly number[] = [];
  starts: readonly number[] = [];
  private readonly name: string;
  private readonly message: Message;

  constructor(name: string, message: Message) {
    this.name = name;
    this.message = message;
    for (const part of partsOf(message)) Object.defineProperty(this, part.name, this.descriptor(part));
  }

  bind(view: DataView, offset: number, length: number): this {
    const { counts, starts } = scanTails(this.name, this.message, view, offset, length, undefined);
    this.view = view;
    this.base = offset - this.message.headerBytes;
    this.counts = counts;
    this.starts = starts;
    return this;
  }

  private at(place: Place): number {
    return place.offset + (place.from === 'base' ? this.base : (this.starts[place.tail] as number));
  }

  private descriptor(part: Part): PropertyDescriptor {
    switch (part.kind) {
      case 'scalar':
        return {
          get: () => readScalarAt(this.view, part.type, this.at(part.place)),
          set: (value: unknown) => writeScalarAt(this.view, part.type, this.at(part.place), value),
        };
      case 'bits':
        return { get: () => readBits(this.view, part.placement, this.base) };
      case 'offset':
        return { get: () => this.at(part.place) };
      case 'count':
        return { get: () => (part.tail === null ? part.count : this.counts[part.tail]) };
      case 'element':
        return {
          value: (index: number) => {
            const { place, slots } = part;
            const count = place.from === 'tail' ? (this.counts[place.tail] as number) : slots;
            if (index >>> 0 !== index || index >= count) run.failIndex(this.name, part.name, index, count);
            return this.view.getUint32(this.at(place) + part.stepBytes * index, true);
          },
        };
    }
  }
}

/** An accessor without generated code, whatever the realm allows: for tests. */
export function plainAccessor(codec: MessageCodec): AccessorBase {
  return new PlainAccessor(codec.name, codec.message);
}

/** A new accessor of a command's request. It must be bound before its fields are read. */
export function accessor<Request>(
  def: Pick<CommandDef<Request, unknown, never, never>, 'name' | 'request'>,
): Accessor<Request> {
  const codec = def.request;
  if (codec === null)
    throw new ProtocolError('unknown-command', `${def.name} has a number, but no known layout`);
  if (!canCompile) return plainAccessor(codec) as Accessor<Request>;
  const make = new Function('run', 'name', accessorSource(codec.message));
  const AccessorClass = make(run, codec.name) as new () => Accessor<Request>;
  return new AccessorClass();
}
