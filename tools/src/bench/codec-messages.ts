import { commands, type MessageCodec } from '@dxgwire/protocol';
import protobuf from 'protobufjs';

/** The two messages that the codec suite measures, and codecs for them written by hand for the same bytes. */

export interface Submit {
  readonly args: {
    readonly hwqueue: number;
    readonly hwqueueProgressFenceId: bigint;
    readonly commandBuffer: bigint;
    readonly commandLength: number;
  };
  readonly writtenPrimaries: ArrayLike<number>;
  readonly privDrvData: Uint8Array;
}

export interface CreateAllocation {
  readonly device: number;
  readonly resource: number;
  readonly flags: number;
  readonly privateRuntimeResourceHandle: bigint;
  readonly makeResident: boolean;
  readonly allocInfo: readonly {
    readonly flags: number;
    readonly vidpnSourceId: number;
    readonly privDrvData: Uint8Array;
  }[];
  readonly privateRuntimeData: Uint8Array;
  readonly privDrvData: Uint8Array;
}

/** Bytes to a value and back. */
export interface Codec<T> {
  encode(value: T, view: DataView): number;
  decode(view: DataView, length: number): T;
}

/** One message: its value, our codec, one written by hand, a protobuf type, and the sum of all that was read. */
export interface MeasuredMessage<T> {
  readonly name: string;
  readonly value: T;
  readonly table: Codec<T>;
  readonly handWritten: Codec<T>;
  readonly protobufType: protobuf.Type;
  /** The value as protobufjs takes it: 64-bit fields as its `Long`. */
  readonly protobufValue: object;
  readonly read: (value: T, sums: Sums) => number;
}

function tableCodec<T>(codec: MessageCodec<unknown, never> | null): Codec<T> {
  if (codec === null) throw new Error('a message without a body');
  return {
    encode: (value, view) => codec.encode(value as never, view, 0),
    decode: (view, length) => codec.decode(view, 0, length) as T,
  };
}

/** What any careful decoder does first; the hand-written ones check as much as the table's. */
function requireBytes(need: number, length: number): void {
  if (need > length) throw new RangeError(`${length} bytes, but ${need} are needed`);
}

const { Long } = protobuf.util;
const NO_BYTES = new Uint8Array(0);
const NO_WORDS = new Uint32Array(0);

/** The bytes of the view that was written to last: making an array to copy with costs as much as the copy. */
let space: Uint8Array = NO_BYTES;
let spaceOf: DataView | null = null;

function copy(view: DataView, offset: number, source: Uint8Array): void {
  const count = source.length;
  if (count > 8) {
    if (view !== spaceOf) {
      spaceOf = view;
      space = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    }
    space.set(source, offset);
  } else for (let i = 0; i < count; i++) view.setUint8(offset + i, source[i] as number);
}

function bytesOf(view: DataView, offset: number, length: number): Uint8Array {
  return length === 0 ? NO_BYTES : new Uint8Array(view.buffer, view.byteOffset + offset, length);
}

/** Adds up what is read of bytes, and a number of 64 bits in whatever form a library has it. */
export interface Sums {
  readonly sum: (bytes: Uint8Array) => number;
  readonly long: (value: never) => number;
}

const sum = (bytes: Uint8Array): number => bytes.length + (bytes[0] ?? 0) + (bytes[bytes.length - 1] ?? 0);

/** Of the packed codec and of msgpackr. */
export const bigints: Sums = { sum, long: (value: bigint | number) => Number(value) };
/** Of protobufjs, whose `Long` is two halves. */
export const halves: Sums = {
  sum,
  long: (value: { readonly low: number; readonly high: number }) =>
    (value.low >>> 0) + value.high * 4_294_967_296,
};

const submitHandWritten: Codec<Submit> = {
  encode({ args, writtenPrimaries, privDrvData }, view) {
    view.setUint32(0, args.hwqueue, true);
    view.setUint32(4, 0, true);
    view.setBigUint64(8, args.hwqueueProgressFenceId, true);
    view.setBigUint64(16, args.commandBuffer, true);
    view.setUint32(24, args.commandLength, true);
    view.setUint32(28, privDrvData.length, true);
    view.setBigUint64(32, 0n, true);
    view.setUint32(40, writtenPrimaries.length, true);
    view.setUint32(44, 0, true);
    view.setBigUint64(48, 0n, true);
    let at = 56;
    for (let i = 0; i < writtenPrimaries.length; i++, at += 4)
      view.setUint32(at, writtenPrimaries[i] ?? 0, true);
    copy(view, at, privDrvData);
    return at + privDrvData.length;
  },
  decode(view, length) {
    requireBytes(56, length);
    const privateBytes = view.getUint32(28, true);
    const primaries = view.getUint32(40, true);
    requireBytes(56 + 4 * primaries + privateBytes, length);
    const writtenPrimaries = primaries === 0 ? NO_WORDS : new Uint32Array(primaries);
    for (let i = 0; i < primaries; i++) writtenPrimaries[i] = view.getUint32(56 + 4 * i, true);
    return {
      args: {
        hwqueue: view.getUint32(0, true),
        hwqueueProgressFenceId: view.getBigUint64(8, true),
        commandBuffer: view.getBigUint64(16, true),
        commandLength: view.getUint32(24, true),
      },
      writtenPrimaries,
      privDrvData: bytesOf(view, 56 + 4 * primaries, privateBytes),
    };
  },
};

const field = (name: string, id: number, type: string, rule?: string) =>
  new protobuf.Field(name, id, type, rule);

const submitArgsType = new protobuf.Type('SubmitArgs')
  .add(field('hwqueue', 1, 'uint32'))
  .add(field('hwqueueProgressFenceId', 2, 'uint64'))
  .add(field('commandBuffer', 3, 'uint64'))
  .add(field('commandLength', 4, 'uint32'));
const submitType = new protobuf.Type('Submit')
  .add(field('args', 1, 'SubmitArgs'))
  .add(field('writtenPrimaries', 2, 'uint32', 'repeated'))
  .add(field('privDrvData', 3, 'bytes'))
  .add(submitArgsType);

const submitValue: Submit = {
  args: {
    hwqueue: 0x4000_0081,
    hwqueueProgressFenceId: 12_345n,
    commandBuffer: 0x10_0000_0000n,
    commandLength: 0,
  },
  writtenPrimaries: [],
  privDrvData: Uint8Array.from({ length: 64 }, (_, i) => i),
};

const submit: MeasuredMessage<Submit> = {
  name: 'SubmitCommandToHwQueue, 64 bytes of commands',
  value: submitValue,
  table: tableCodec<Submit>(commands.submitCommandToHwQueue.request as MessageCodec<unknown, never> | null),
  handWritten: submitHandWritten,
  protobufType: submitType,
  protobufValue: {
    ...submitValue,
    args: {
      ...submitValue.args,
      hwqueueProgressFenceId: new Long(12_345, 0, true),
      commandBuffer: new Long(0, 16, true),
    },
  },
  read: ({ args, writtenPrimaries, privDrvData }, { long, sum: sumOf }) =>
    args.hwqueue +
    long(args.hwqueueProgressFenceId as never) +
    long(args.commandBuffer as never) +
    args.commandLength +
    writtenPrimaries.length +
    sumOf(privDrvData),
};

const createHandWritten: Codec<CreateAllocation> = {
  encode(value, view) {
    const { allocInfo, privateRuntimeData, privDrvData } = value;
    view.setUint32(0, value.device, true);
    view.setUint32(4, value.resource, true);
    view.setUint32(8, privateRuntimeData.length, true);
    view.setUint32(12, privDrvData.length, true);
    view.setUint32(16, allocInfo.length, true);
    view.setUint32(20, value.flags, true);
    view.setBigUint64(24, value.privateRuntimeResourceHandle, true);
    view.setUint8(32, value.makeResident ? 1 : 0);
    view.setUint8(33, 0);
    view.setUint16(34, 0, true);
    view.setUint32(36, 0, true);
    let at = 40;
    for (const info of allocInfo) {
      view.setUint32(at, info.flags, true);
      view.setUint32(at + 4, info.privDrvData.length, true);
      view.setUint32(at + 8, info.vidpnSourceId, true);
      at += 12;
    }
    copy(view, at, privateRuntimeData);
    at += privateRuntimeData.length;
    copy(view, at, privDrvData);
    at += privDrvData.length;
    for (const info of allocInfo) {
      copy(view, at, info.privDrvData);
      at += info.privDrvData.length;
    }
    return at;
  },
  decode(view, length) {
    requireBytes(40, length);
    const runtimeBytes = view.getUint32(8, true);
    const driverBytes = view.getUint32(12, true);
    const count = view.getUint32(16, true);
    let data = 40 + 12 * count + runtimeBytes + driverBytes;
    requireBytes(data, length);
    const allocInfo = [];
    for (let i = 0, at = 40; i < count; i++, at += 12) {
      const bytes = view.getUint32(at + 4, true);
      requireBytes(data + bytes, length);
      allocInfo.push({
        flags: view.getUint32(at, true),
        vidpnSourceId: view.getUint32(at + 8, true),
        privDrvData: bytesOf(view, data, bytes),
      });
      data += bytes;
    }
    return {
      device: view.getUint32(0, true),
      resource: view.getUint32(4, true),
      flags: view.getUint32(20, true),
      privateRuntimeResourceHandle: view.getBigUint64(24, true),
      makeResident: view.getUint8(32) !== 0,
      allocInfo,
      privateRuntimeData: bytesOf(view, 40 + 12 * count, runtimeBytes),
      privDrvData: bytesOf(view, 40 + 12 * count + runtimeBytes, driverBytes),
    };
  },
};

const allocationInfoType = new protobuf.Type('AllocationInfo')
  .add(field('flags', 1, 'uint32'))
  .add(field('vidpnSourceId', 2, 'uint32'))
  .add(field('privDrvData', 3, 'bytes'));
const createType = new protobuf.Type('CreateAllocation')
  .add(field('device', 1, 'uint32'))
  .add(field('resource', 2, 'uint32'))
  .add(field('flags', 3, 'uint32'))
  .add(field('privateRuntimeResourceHandle', 4, 'uint64'))
  .add(field('makeResident', 5, 'bool'))
  .add(field('allocInfo', 6, 'AllocationInfo', 'repeated'))
  .add(field('privateRuntimeData', 7, 'bytes'))
  .add(field('privDrvData', 8, 'bytes'))
  .add(allocationInfoType);

const createValue: CreateAllocation = {
  device: 0x4000_0041,
  resource: 0,
  flags: 0,
  privateRuntimeResourceHandle: 77n,
  makeResident: true,
  allocInfo: [
    { flags: 0, vidpnSourceId: 0, privDrvData: new Uint8Array(16).fill(3) },
    { flags: 0, vidpnSourceId: 0, privDrvData: new Uint8Array(16).fill(5) },
  ],
  privateRuntimeData: new Uint8Array(8).fill(7),
  privDrvData: new Uint8Array(16).fill(9),
};

const createAllocation: MeasuredMessage<CreateAllocation> = {
  name: 'CreateAllocation, two allocations',
  value: createValue,
  table: tableCodec<CreateAllocation>(
    commands.createAllocation.request as MessageCodec<unknown, never> | null,
  ),
  handWritten: createHandWritten,
  protobufType: createType,
  protobufValue: { ...createValue, privateRuntimeResourceHandle: new Long(77, 0, true) },
  read: (value, { long, sum: sumOf }) => {
    let total =
      value.device + value.resource + value.flags + long(value.privateRuntimeResourceHandle as never);
    total += value.makeResident ? 1 : 0;
    for (const info of value.allocInfo) total += info.flags + info.vidpnSourceId + sumOf(info.privDrvData);
    return total + sumOf(value.privateRuntimeData) + sumOf(value.privDrvData);
  },
};

/** Puts protobuf types in a root of their own, which resolves their names. */
new protobuf.Root().define('dxgwire.bench').add(submitType).add(createType);

export const measuredMessages = { submit, createAllocation };
