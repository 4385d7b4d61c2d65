import { bits, type Entries, type StructIn, type StructOut } from './entries.ts';
import { luid } from './luid.ts';
import { enumeration, handle, u32, u64 } from './scalars.ts';
import { roundUp, struct } from './struct.ts';
import {
  type InOf,
  type OutOf,
  type ScalarType,
  type Show,
  type StructType,
  type Typed,
  typed,
} from './types.ts';

/** How many elements a tail has. */
export type CountRule =
  /** The number in a field of the fixed part; with `atLeastOne`, 1 where the field says 0. */
  | { readonly from: 'field'; readonly path: string; readonly atLeastOne: boolean }
  /** As many as tail `of` has, or none: the message's length decides (fence values of SignalSyncObject). */
  | { readonly from: 'length'; readonly of: string }
  /** For replies: follows from the request. Written into field `path` too, where there is one; no reader looks there. */
  | {
      readonly from: 'request';
      readonly text: string;
      readonly of: (request: never) => number;
      readonly path: string | null;
    };

interface TailCommon<Out, In> extends Typed<Out, In> {
  readonly count: CountRule;
  readonly elementBytes: number;
}

/** Handles or 32-bit numbers behind the fixed part. Decodes to a copy. */
export interface WordsTail extends TailCommon<Uint32Array, ArrayLike<number>> {
  readonly kind: 'words';
  readonly element: ScalarType;
}
/** 64-bit numbers behind the fixed part, perhaps unaligned. Decodes to a copy. */
export interface LongsTail extends TailCommon<BigUint64Array, ArrayLike<bigint>> {
  readonly kind: 'longs';
}
/** Raw bytes behind the fixed part. Decodes to a view of the packet. */
export interface BytesTail extends TailCommon<Uint8Array, Uint8Array> {
  readonly kind: 'bytes';
}
/** Structs behind the fixed part; each may own some of the bytes behind all tails. */
export interface StructsTail<Out = unknown, In = Out> extends TailCommon<Out[], readonly In[]> {
  readonly kind: 'structs';
  readonly element: StructType;
  /** Each element's field (left out of its value) that says how many bytes it owns, and the key of those bytes. */
  readonly blob: Blob | null;
}

interface Blob {
  readonly sizeKey: string;
  readonly key: string;
  /** For replies: the most bytes that element `index` may own. */
  readonly limit: ((request: never, index: number) => number) | null;
}
export type Tail = WordsTail | LongsTail | BytesTail | StructsTail;
export type Tails = Readonly<Record<string, Tail>>;

/** Bytes that the driver sends (or demands) behind the last tail. Receivers must not insist on them. */
export type Trailing =
  | { readonly kind: 'none' }
  | { readonly kind: 'bytes'; readonly count: number; readonly countWhenEmpty: number }
  /** The whole command structure always has this size. */
  | { readonly kind: 'total'; readonly bytes: number }
  /** Room for the answer: a status and one number per element, at least one, rounded up to 8. */
  | { readonly kind: 'result-area' }
  | { readonly kind: 'round-up'; readonly step: number };

/** A message: a fixed part, then tails, packed. Offsets count from the start of the C structure. */
export interface Message<Out = unknown, In = Out> extends Typed<Out, In> {
  readonly struct: StructType;
  /** Bytes of the structure that are the command header, left out of body offsets: 24 or 0. */
  readonly headerBytes: number;
  /** Bytes before the first tail (or of the whole structure), header included. */
  readonly fixedBytes: number;
  readonly tails: readonly (readonly [key: string, tail: Tail])[];
  readonly trailing: Trailing;
}

export type TailsOut<T> = { -readonly [K in keyof T]: OutOf<T[K]> };
export type TailsIn<T> = { readonly [K in keyof T]?: InOf<T[K]> | undefined };

export type MessageOf<E, T> = Message<Show<StructOut<E> & TailsOut<T>>, Show<StructIn<E> & TailsIn<T>>>;

export interface MessageOptions {
  /** Offset of the first tail where it is not the end of the structure (it then overlays the last member). */
  readonly tailsAt?: number;
  readonly trailing?: Trailing;
}

const vgpuCommandType = {
  kind: 'scalar',
  scalar: 'u32',
  cType: 'enum:dxgkvmb_commandtype',
  sizeBytes: 4,
  alignBytes: 4,
  meaning: 'enum',
} as ScalarType<number>;
const globalCommandType = {
  ...vgpuCommandType,
  cType: 'enum:dxgkvmb_commandtype_global',
} as ScalarType<number>;
const hostCommandType = {
  ...vgpuCommandType,
  cType: 'enum:dxgkvmb_commandtype_host_to_vm',
} as ScalarType<number>;

/** Which way a message goes: the channel-type byte of its header. */
export const CommandChannelType = { vgpuToHost: 0, vmToHost: 1, hostToVm: 2 } as const;
/** Field type of {@link CommandChannelType}. */
export const commandChannelType = enumeration('dxgkvmb_commandchanneltype', CommandChannelType);

/** Header of a vGPU command, 24 bytes (20 used). */
export const vgpuHeader = struct('dxgkvmb_command_vgpu_to_host', {
  commandId: u64,
  process: handle,
  channelType: bits(u32, 8),
  asyncMsg: bits(u32, 1),
  reserved: bits(u32, 23),
  commandType: vgpuCommandType,
});

/** Header of a global command. */
export const globalHeader = struct('dxgkvmb_command_vm_to_host', {
  commandId: u64,
  process: handle,
  channelType: commandChannelType,
  commandType: globalCommandType,
});

/** Header of a message from the host. */
export const hostHeader = struct('dxgkvmb_command_host_to_vm', {
  commandId: u64,
  process: handle,
  channelType: bits(u32, 8),
  asyncMsg: bits(u32, 1),
  reserved: bits(u32, 23),
  commandType: hostCommandType,
});

/** The 16 bytes before every guest message from interface version 40 on. */
export const extendedHeader = struct('dxgvmb_ext_header', {
  commandOffset: u32,
  reserved: u32,
  vgpuLuid: luid,
});

function message(
  name: string,
  header: StructType | null,
  entries: Entries,
  tails: Tails,
  options: MessageOptions,
): Message<never, never> {
  const all = header === null ? entries : { hdr: header, ...entries };
  const full = struct(name, all);
  const description = {
    struct: { ...full, nodes: full.nodes.filter((node) => !('key' in node) || node.key !== 'hdr') },
    headerBytes: header === null ? 0 : header.sizeBytes,
    fixedBytes: options.tailsAt ?? full.sizeBytes,
    tails: Object.entries(tails),
    trailing: options.trailing ?? { kind: 'none' },
  };
  return description as unknown as Message<never, never>;
}

/** A vGPU command's request. */
export function vgpuRequest<const E extends Entries, const T extends Tails = Record<never, never>>(
  name: string,
  entries: E,
  tails: T = {} as T,
  options: MessageOptions = {},
): MessageOf<E, T> {
  return message(name, vgpuHeader, entries, tails, options) as unknown as MessageOf<E, T>;
}

/** A global command's request. */
export function globalRequest<const E extends Entries, const T extends Tails = Record<never, never>>(
  name: string,
  entries: E,
  tails: T = {} as T,
  options: MessageOptions = {},
): MessageOf<E, T> {
  return message(name, globalHeader, entries, tails, options) as unknown as MessageOf<E, T>;
}

/** A message from the host. */
export function hostMessage<const E extends Entries>(name: string, entries: E): MessageOf<E, unknown> {
  return message(name, hostHeader, entries, {}, {}) as unknown as MessageOf<E, unknown>;
}

/** A reply: no header. A name in brackets is no C structure of the driver (a bare handle, raw bytes). */
export function reply<const E extends Entries, const T extends Tails = Record<never, never>>(
  name: string,
  entries: E,
  tails: T = {} as T,
  options: MessageOptions = {},
): MessageOf<E, T> {
  return message(name, null, entries, tails, options) as unknown as MessageOf<E, T>;
}

/** A struct by itself, such as one that travels inside private data. */
export function structMessage<Out, In>(type: StructType<Out, In>): Message<Out, In> {
  const description: Omit<Message, keyof Typed<unknown>> = {
    struct: type,
    headerBytes: 0,
    fixedBytes: type.sizeBytes,
    tails: [],
    trailing: { kind: 'none' },
  };
  return typed(description);
}

function countFrom(count: string | CountRule): CountRule {
  return typeof count === 'string' ? { from: 'field', path: count, atLeastOne: false } : count;
}

/** The number in field `path`, or 1 where it is 0. */
export function atLeastOne(path: string): CountRule {
  return { from: 'field', path, atLeastOne: true };
}

/** As many elements as tail `of`, or none, as the message's length says. */
export function byLength(of: string): CountRule {
  return { from: 'length', of };
}

/** For replies: a number that follows from the request. `text` says it in words, `path` is a field that repeats it. */
export function byRequest<R>(
  text: string,
  of: (request: R) => number,
  path: string | null = null,
): CountRule {
  return { from: 'request', text, of: of as (request: never) => number, path };
}

/** The field that a sender writes the number of elements into, or null. */
export function countField(rule: CountRule): string | null {
  if (rule.from === 'request') return rule.path;
  return rule.from === 'field' && !rule.atLeastOne ? rule.path : null;
}

/** A tail of handles. */
export function handles(count: string | CountRule): WordsTail {
  return { kind: 'words', element: handle, elementBytes: 4, count: countFrom(count) } as WordsTail;
}

/** A tail of 32-bit numbers. */
export function words(count: string | CountRule, element: ScalarType<number> = u32): WordsTail {
  return { kind: 'words', element, elementBytes: 4, count: countFrom(count) } as WordsTail;
}

/** A tail of 64-bit numbers. */
export function longs(count: string | CountRule): LongsTail {
  return { kind: 'longs', elementBytes: 8, count: countFrom(count) } as LongsTail;
}

/** A tail of raw bytes. */
export function data(count: string | CountRule): BytesTail {
  return { kind: 'bytes', elementBytes: 1, count: countFrom(count) } as BytesTail;
}

/** A tail of structs. */
export function structs<Out, In>(
  element: StructType<Out, In>,
  count: string | CountRule,
): StructsTail<Out, In> {
  const description = {
    kind: 'structs',
    element,
    elementBytes: element.sizeBytes,
    count: countFrom(count),
    blob: null,
  };
  return description as unknown as StructsTail<Out, In>;
}

/** A tail of structs, each with bytes of its own (`key`), which follow behind all tails in element order. */
export function structsWithData<Out, In, const Key extends string, R = never>(
  element: StructType<Out, In>,
  count: string | CountRule,
  key: Key,
  sizeKey: string,
  limit: ((request: R, index: number) => number) | null = null,
): StructsTail<
  Show<Out & { [K in Key]: Uint8Array }>,
  Show<In & { readonly [K in Key]?: Uint8Array | undefined }>
> {
  const blob = { sizeKey, key, limit };
  const description = {
    kind: 'structs',
    element,
    elementBytes: element.sizeBytes,
    count: countFrom(count),
    blob,
  };
  return description as unknown as StructsTail<
    Show<Out & { [K in Key]: Uint8Array }>,
    Show<In & { readonly [K in Key]?: Uint8Array | undefined }>
  >;
}

/** `count` bytes behind the last tail, `countWhenEmpty` if the first tail is empty. */
export function spare(count: number, countWhenEmpty = count): Trailing {
  return { kind: 'bytes', count, countWhenEmpty };
}

/** The structure always fills `bytes` bytes. */
export function always(bytes: number): Trailing {
  return { kind: 'total', bytes };
}

export const resultArea: Trailing = { kind: 'result-area' };
export const roundedUp: Trailing = { kind: 'round-up', step: 8 };

/** Zero bytes that a message has behind tails of these counts. */
export function trailingBytes(trailing: Trailing, endBytes: number, firstCount: number): number {
  switch (trailing.kind) {
    case 'none':
      return 0;
    case 'bytes':
      return firstCount === 0 ? trailing.countWhenEmpty : trailing.count;
    case 'total':
      return trailing.bytes - endBytes;
    case 'result-area':
      return roundUp(4 + 4 * Math.max(firstCount, 1), 8);
    case 'round-up':
      return roundUp(endBytes, trailing.step) - endBytes;
  }
}
