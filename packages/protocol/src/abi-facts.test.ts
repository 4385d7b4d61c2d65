import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as constants from './constants.ts';
import * as enums from './enums.ts';
import * as flags from './flags.ts';
import { HandleLayout } from './handles.ts';
import * as adapterStructs from './ioctls/adapter-structs.ts';
import * as memoryStructs from './ioctls/memory-structs.ts';
import * as syncStructs from './ioctls/sync-structs.ts';
import { ioctls } from './ioctls/table.ts';
import * as payloads from './payloads.ts';
import { commandFamilies } from './registry.ts';
import { CommandChannelType, extendedHeader } from './schema/message.ts';
import { handle, ntstatus } from './schema/scalars.ts';
import { flagMembers, struct } from './schema/struct.ts';
import type { Enumeration, FlagStruct, Member, ScalarType, StructType } from './schema/types.ts';
import { Errno, NtStatus, ntStatusToErrno } from './status.ts';

/** Holds every layout, number and constant of the driver's binary interface against our tables. */

interface FactsField {
  readonly name: string;
  readonly type: string;
  readonly offset: number;
  readonly size: number;
  readonly count?: number;
  readonly bits?: {
    readonly byteOffset: number;
    readonly bitOffset: number;
    readonly bitWidth: number;
    readonly storageBytes: number;
  };
  readonly pointee?: string;
  readonly union?: string;
  readonly alt?: number;
}

interface FactsStruct {
  readonly kind: string;
  readonly size: number;
  readonly align: number;
  readonly fields: readonly FactsField[];
}

interface Facts {
  readonly structs: Readonly<Record<string, FactsStruct>>;
  readonly enums: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly enumInfo: Readonly<Record<string, { readonly signed: boolean }>>;
  readonly commands: readonly { readonly name: string; readonly id: number; readonly channel: string }[];
  readonly ioctls: readonly {
    readonly nr: number;
    readonly arg: string;
    readonly argSize: number;
    readonly value: number;
    readonly sends: readonly string[];
  }[];
  readonly constants: {
    readonly limits: Readonly<Record<string, number>>;
    readonly derivedLimits: Readonly<Record<string, number>>;
    readonly versions: Readonly<Record<string, number>>;
    readonly ntstatus: Readonly<Record<string, { readonly u32: number }>>;
    readonly ntstatusToErrno: {
      readonly map: readonly {
        readonly status: string;
        readonly ioctlResult: number;
        readonly reachable: boolean;
      }[];
    };
    readonly errno: Readonly<Record<string, number>>;
    readonly guids: Readonly<Record<string, { readonly bytes: string }>>;
    readonly pci: Readonly<Record<string, number>>;
    readonly handles: Readonly<Record<string, number>>;
    readonly hostEvents: { readonly firstId: number };
    readonly ioSpace: { readonly alignment: number; readonly pageSize: number };
  };
}

const factsFile = new URL('../../../test/fixtures/dxgkrnl-abi.json', import.meta.url);
const facts = JSON.parse(readFileSync(factsFile, 'utf8')) as Facts;

/** A flag struct in the form of an ordinary one. */
function structOfFlags(type: ScalarType, description: FlagStruct): StructType {
  const { name, cKind } = description;
  const base = { u16: 'u16', u32: 'u32', u64: 'u64', i32: 'i32', u8: 'u8', bool: 'bool' }[type.scalar];
  const cType = name === 'ntstatus' ? 'i32' : base;
  const members = flagMembers(description, 0, cType, type.sizeBytes, description.valueMember, 0);
  const { sizeBytes, alignBytes } = type;
  return { ...struct(name, {}), cType: `${cKind}:${name}`, members, sizeBytes, alignBytes } as StructType;
}

function isStruct(value: unknown): value is StructType {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'struct';
}

function isScalar(value: unknown): value is ScalarType {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'scalar';
}

/** Every C struct that our tables describe, by name. */
function collectStructs(): Map<string, StructType> {
  const found = new Map<string, StructType>();
  const visit = (type: StructType): void => {
    if (type.name.startsWith('(')) return;
    if (!found.has(type.name)) {
      found.set(type.name, type);
      for (const member of type.members) if (member.struct !== null) visit(member.struct);
    }
  };
  for (const family of commandFamilies) {
    for (const { request, reply } of family.commands) {
      for (const codec of [request, reply]) {
        if (codec === null) continue;
        visit(codec.message.struct);
        for (const [, tail] of codec.message.tails) if (tail.kind === 'structs') visit(tail.element);
      }
    }
  }
  for (const module of [adapterStructs, memoryStructs, syncStructs, payloads]) {
    for (const value of Object.values(module)) if (isStruct(value)) visit(value);
  }
  visit(extendedHeader);
  for (const value of [handle, ntstatus, ...Object.values(flags)]) {
    if (isScalar(value) && value.flags !== undefined && value.flags.name !== '') {
      found.set(value.flags.name, structOfFlags(value, value.flags));
    }
  }
  return found;
}

function factsOf(member: Member): FactsField {
  const { bits } = member;
  return {
    name: member.cName,
    type: member.cType,
    offset: member.offset,
    size: member.sizeBytes,
    ...(member.count === null ? {} : { count: member.count }),
    ...(bits === null
      ? {}
      : {
          bits: {
            byteOffset: bits.byteOffset,
            bitOffset: bits.shift,
            bitWidth: bits.width,
            storageBytes: bits.unitBytes,
          },
        }),
    ...(member.pointee === null ? {} : { pointee: member.pointee }),
    ...(member.union === null ? {} : { union: `u${member.union}`, alt: member.alternative }),
  };
}

test('struct layouts equal the facts: sizes, alignments, members, bit-fields, unions', () => {
  const ours = collectStructs();
  assert.deepEqual([...ours.keys()].sort(), Object.keys(facts.structs).sort());
  for (const [name, expected] of Object.entries(facts.structs)) {
    const type = ours.get(name) as StructType;
    assert.equal(type.sizeBytes, expected.size, `${name}: size`);
    assert.equal(type.alignBytes, expected.align, `${name}: alignment`);
    assert.equal(type.cType, `${expected.kind}:${name}`);
    const members = type.members.filter((member) => !member.cName.startsWith('('));
    assert.deepEqual(members.map(factsOf), expected.fields, name);
  }
});

function normal(name: string): string {
  return name.toLowerCase().replaceAll('_', '');
}

test('enumerations equal the facts', () => {
  const ours = new Map<string, Enumeration>();
  for (const value of Object.values(enums)) {
    if (isScalar(value) && value.enumeration !== undefined)
      ours.set(value.enumeration.name, value.enumeration);
  }
  const commandNumbers = [
    'dxgkvmb_commandtype',
    'dxgkvmb_commandtype_global',
    'dxgkvmb_commandtype_host_to_vm',
  ];
  const elsewhere = [...commandNumbers, 'dxgkvmb_commandchanneltype'];
  assert.deepEqual([...ours.keys(), ...elsewhere].sort(), Object.keys(facts.enums).sort());
  for (const [name, enumeration] of ours) {
    const expected = Object.entries(facts.enums[name] ?? {});
    const given = Object.entries(enumeration.values).slice(0, enumeration.headerCount);
    assert.equal(given.length, expected.length, name);
    assert.equal(enumeration.signed, facts.enumInfo[name]?.signed, name);
    given.forEach(([key, value], index) => {
      const [cName, cValue] = expected[index] as [string, number];
      assert.equal(value, cValue, `${name}.${key}`);
      assert.ok(normal(cName).endsWith(normal(key)), `${name}: ${key} stands for ${cName}`);
    });
    const values = Object.values(enumeration.values);
    assert.equal(new Set(values).size, values.length, `${name}: no value twice`);
  }
  assert.deepEqual(
    Object.values(CommandChannelType),
    Object.values(facts.enums['dxgkvmb_commandchanneltype'] ?? {}),
  );
});

test('commands equal the facts: channel, number, name; numbers are unique', () => {
  const key = (channel: string, id: number, name: string): string => `${channel} ${id} ${normal(name)}`;
  const ours = commandFamilies.flatMap((family) => family.commands);
  assert.deepEqual(
    ours.map((def) => key(def.channel, def.id, `dxgkvmbcommand${def.name}`)).sort(),
    facts.commands.map((command) => key(command.channel, command.id, command.name)).sort(),
  );
  assert.equal(new Set(ours.map((def) => `${def.channel} ${def.id}`)).size, ours.length);
  assert.equal(new Set(ours.map((def) => def.name)).size, ours.length);
});

test('ioctls equal the facts: number, argument, request code, commands sent', () => {
  assert.deepEqual(
    ioctls.map(({ number, argument, request, sends }) => ({
      nr: number,
      arg: argument.name,
      argSize: argument.sizeBytes,
      value: request,
      sends: sends.map((name) => normal(`dxgkvmbcommand${name}`)),
    })),
    facts.ioctls.map(({ nr, arg, argSize, value, sends }) => ({
      nr,
      arg,
      argSize,
      value,
      sends: sends.map(normal),
    })),
  );
});

test('statuses and error numbers equal the facts', () => {
  const { ntstatus: statuses, ntstatusToErrno: mapping, errno } = facts.constants;
  const expected = Object.entries(statuses).map(([name, { u32 }]) => [
    normal(name.replace('STATUS_', '')),
    u32,
  ]);
  const given = Object.entries(NtStatus).map(([name, value]) => [normal(name), value]);
  assert.deepEqual(given.sort(), expected.sort());
  for (const { status, ioctlResult, reachable } of mapping.map) {
    const value = statuses[status]?.u32 as number;
    assert.equal(ntStatusToErrno(value), reachable ? ioctlResult : value, status);
  }
  assert.equal(ntStatusToErrno(0xc0000001), -Errno.EINVAL);
  assert.equal(ntStatusToErrno(NtStatus.pending), 0x103);
  assert.equal(ntStatusToErrno(NtStatus.success), 0);
  for (const [name, value] of Object.entries(errno))
    assert.equal((Errno as Record<string, number>)[name], value, name);
});

test('limits, versions, GUIDs, offsets and handle layout equal the facts', () => {
  const { Limits, InterfaceVersion, PciConfig, FirstValues, IoSpace } = constants;
  const { limits, derivedLimits, versions, guids, pci, handles, hostEvents, ioSpace } = facts.constants;
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  assert.deepEqual(
    [
      Limits.maxMessageBytes,
      Limits.processNameLength,
      Limits.pathLength,
      Limits.maxWrittenPrimaries,
      Limits.maxCreateAllocations,
      Limits.maxResidencyAllocations,
      Limits.maxAdapters,
      Limits.maxBroadcastContexts,
      Limits.maxObjectsWaitedOn,
      Limits.maxObjectsSignaled,
      Limits.maxTestBufferBytes,
      Limits.maxTestBufferPrivateDataBytes,
      Limits.ringBytes,
    ],
    Object.values(limits).slice(0, 13),
  );
  assert.deepEqual(derivedLimits, {
    maxPfnsPerSetExistingSysmemPages: Limits.maxPagesPerMessage,
    maxUpdateGpuVaOperations: Limits.maxUpdateGpuVaOperations,
    maxHistoryBuffers: Limits.maxHistoryBuffers,
    maxEnumAdapters3: Limits.maxEnumAdapters3,
    maxShareObjects: Limits.maxShareObjects,
  });
  const { old, current, lastCompatible } = InterfaceVersion;
  assert.deepEqual(Object.values(versions), [old, current, lastCompatible]);
  assert.equal(hex(constants.GLOBAL_CHANNEL_GUID), guids['HV_GPUP_DXGK_GLOBAL_GUID']?.bytes);
  assert.equal(hex(constants.VGPU_CHANNEL_GUID), guids['HV_GPUP_DXGK_VGPU_GUID']?.bytes);
  assert.deepEqual(
    [
      PciConfig.vendorId,
      PciConfig.deviceIdVirtualRender,
      PciConfig.deviceIdComputeAccelerator,
      PciConfig.channelInstanceOffset,
      PciConfig.interfaceVersionOffset,
      PciConfig.vgpuLuidOffset,
      PciConfig.hostCapsOffset,
      PciConfig.guestCapsOffset,
    ],
    Object.values(pci).slice(0, 8),
  );
  assert.equal(Number(FirstValues.eventId), hostEvents.firstId);
  assert.deepEqual([IoSpace.alignmentBytes, IoSpace.pageBytes], [ioSpace.alignment, ioSpace.pageSize]);
  for (const [name, value] of Object.entries(HandleLayout)) {
    const cName = Object.keys(handles).find((candidate) => {
      const short = normal(candidate);
      return short === `hmgrhandle${normal(name)}` || short === `hmgr${normal(name)}`;
    });
    assert.ok(cName !== undefined, name);
    assert.equal(value, handles[cName], name);
  }
});
