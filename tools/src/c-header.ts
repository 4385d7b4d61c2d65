import {
  type CommandDef,
  commands,
  enumerations,
  extendedHeader,
  flagStructs,
  InterfaceVersion,
  Limits,
  type Member,
  type Message,
  type StructType,
} from '@dxgwire/protocol';

/** The text of `dxgwire_protocol.h`: ids, constants and structures of the packed form for programs in C and C++. */

const WIDTH = 118;

const scalarTypes: Readonly<Record<string, string>> = {
  u8: 'uint8_t',
  char: 'uint8_t',
  bool: 'uint8_t',
  u16: 'uint16_t',
  u32: 'uint32_t',
  i32: 'int32_t',
  u64: 'uint64_t',
  ptr64: 'uint64_t',
};

/** `d3dddi_updategpuvirtualaddress_operation.map` to `dxgwire_d3dddi_updategpuvirtualaddress_operation_map`. */
function structName(name: string): string {
  return `dxgwire_${name.replace(/\W+/g, '_')}`;
}

/** `SyncObjectType` and `monitoredFence` to `SYNC_OBJECT_TYPE_MONITORED_FENCE`. */
function macroName(...parts: string[]): string {
  const words = parts.map((part) =>
    part
      .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
      .replace(/\W+/g, '_')
      .toUpperCase(),
  );
  return ['DXGWIRE', ...words].join('_');
}

function memberName(member: Member): string {
  return member.cName.replace(/\W/g, '');
}

/** The C type of a member: flag words, handles and enumerations are plain integers of their size. */
function typeOf(member: Member): string {
  if (member.struct !== null) return `struct ${structName(member.struct.name)}`;
  const known = scalarTypes[member.cType];
  if (known !== undefined) return known;
  const elementBytes = member.sizeBytes / (member.count ?? 1);
  if (member.cType.startsWith('enum:')) return isSigned(member.cType) ? 'int32_t' : 'uint32_t';
  const word = { 2: 'uint16_t', 4: 'uint32_t', 8: 'uint64_t' }[elementBytes];
  if (word === undefined) throw new Error(`${member.cName}: no C type for ${member.cType}`);
  return word;
}

const signedEnumerations = new Set(enumerations.filter(({ signed }) => signed).map(({ name }) => name));

function isSigned(cType: string): boolean {
  return signedEnumerations.has(cType.slice('enum:'.length));
}

function meaningOf(member: Member): string {
  if (member.cType === 'struct:d3dkmthandle') return 'handle';
  if (member.cType === 'struct:ntstatus') return 'NTSTATUS';
  if (member.cType === 'ptr64') return 'address of one side, an opaque token to the other';
  if (member.cType === 'bool') return '0 or 1';
  if (member.cType.startsWith('enum:')) return member.cType.replace(':', ' ');
  return member.flags !== null && member.flags.name !== '' ? `flags: ${member.flags.name}` : '';
}

function declaration(member: Member, indent: string): string {
  const count = member.count === null ? '' : `[${member.count}]`;
  const bits = member.bits === null ? '' : ` : ${member.bits.width}`;
  const meaning = meaningOf(member);
  const comment = meaning === '' ? '' : ` /* ${meaning} */`;
  return `${indent}${typeOf(member)} ${memberName(member)}${bits}${count};${comment}\n`;
}

/** Members in declaration order; those that overlap in an unnamed union of unnamed structs. */
function body(members: readonly Member[]): string {
  let text = '';
  for (let at = 0; at < members.length; ) {
    const first = members[at] as Member;
    if (first.union === null) {
      text += declaration(first, '  ');
      at++;
      continue;
    }
    const overlapping: Member[] = [];
    for (; members[at]?.union === first.union; at++) overlapping.push(members[at] as Member);
    text += '  union {\n';
    for (const alternative of new Set(overlapping.map((member) => member.alternative))) {
      const own = overlapping.filter((member) => member.alternative === alternative);
      if (own.length === 1 && own[0]?.bits === null) {
        text += declaration(own[0], '    ');
        continue;
      }
      text += '    struct {\n';
      for (const member of own) text += declaration(member, '      ');
      text += '    };\n';
    }
    text += '  };\n';
  }
  return text;
}

function defines(pairs: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(0, ...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `#define ${name.padEnd(width)} ${value}\n`).join('');
}

function number(value: number | bigint): string {
  if (typeof value === 'bigint') return `0x${value.toString(16)}ull`;
  if (value < 0) return `(${value})`;
  return value > 0xffff ? `0x${value.toString(16)}u` : `${value}u`;
}

function structText(type: StructType): string {
  const name = structName(type.name);
  const isPacked = type.alignBytes === 1 && type.sizeBytes > 1;
  const macro = macroName(type.name);
  const constants: [string, string][] = [[`${macro}_SIZE`, number(type.sizeBytes)]];
  const asserts = [`DXGWIRE_ASSERT(sizeof(struct ${name}) == ${type.sizeBytes});\n`];
  for (const member of type.members) {
    const field = `${macro}_${memberName(member).toUpperCase()}`;
    if (member.bits !== null) {
      constants.push([`${field}_SHIFT`, number(member.bits.shift)]);
      constants.push([`${field}_MASK`, number(2 ** member.bits.width - 1)]);
      continue;
    }
    constants.push([`${field}_OFFSET`, number(member.offset)]);
    asserts.push(`DXGWIRE_ASSERT(offsetof(struct ${name}, ${memberName(member)}) == ${member.offset});\n`);
  }
  const declared = `struct ${name} {\n${body(type.members)}};\n`;
  const text = isPacked ? `#pragma pack(push, 1)\n${declared}#pragma pack(pop)\n` : declared;
  return `${text}${asserts.join('')}${defines(constants)}`;
}

/** Structures in an order in which each comes behind those that it holds. */
function structsInOrder(): StructType[] {
  const found = new Map<string, StructType>();
  const visit = (type: StructType): void => {
    if (found.has(type.name)) return;
    for (const { struct } of type.members) if (struct !== null) visit(struct);
    if (!type.name.startsWith('(')) found.set(type.name, type);
  };
  visit(extendedHeader);
  for (const def of Object.values(commands) as CommandDef[]) {
    for (const message of messagesOf(def)) {
      visit(message.struct);
      for (const [, tail] of message.tails) if (tail.kind === 'structs') visit(tail.element);
    }
  }
  return [...found.values()];
}

function messagesOf(def: CommandDef): Message[] {
  return [def.request, def.reply].flatMap((codec) => (codec === null ? [] : [codec.message]));
}

function comment(text: string): string {
  const lines: string[] = [];
  let line = '/*';
  for (const word of text.split(' ')) {
    if (line.length + word.length + 4 > WIDTH) {
      lines.push(line);
      line = ' *';
    }
    line += ` ${word}`;
  }
  return `${[...lines, line].join('\n')} */\n`;
}

function commandText(def: CommandDef): string {
  const constants: [string, string][] = [[macroName(def.channel, 'cmd', def.name), number(def.id)]];
  const notes: string[] = [];
  const describe = (message: Message, kind: string): void => {
    const macro = macroName(def.name, kind);
    constants.push([`${macro}_FIXED_BYTES`, number(message.fixedBytes)]);
    const { struct, tails } = message;
    const name = struct.name.startsWith('(') ? struct.name : `struct ${structName(struct.name)}`;
    const list = tails.map(([key, tail]) => `${key} (${tail.elementBytes} bytes each)`).join(', ');
    notes.push(`${kind}: ${name}${list === '' ? '' : `, then ${list}`}.`);
  };
  if (def.request !== null) describe(def.request.message, def.channel === 'host' ? 'event' : 'request');
  if (def.reply !== null) describe(def.reply.message, 'reply');
  return `${comment([`${def.name}:`, def.summary, ...notes].join(' '))}${defines(constants)}`;
}

function constantsText(): string {
  const limits = Object.entries(Limits).map(([key, value]): [string, string] => [
    macroName('limit', key),
    number(value),
  ]);
  const versions = Object.entries(InterfaceVersion).map(([key, value]): [string, string] => [
    macroName('version', key),
    number(value),
  ]);
  return defines([...versions, ...limits]);
}

function enumerationsText(): string {
  return enumerations
    .map(({ exportName, name, values }) => {
      const pairs = Object.entries(values).map(([key, value]): [string, string] => [
        macroName(exportName, key),
        number(value),
      ]);
      return `/* enum ${name} */\n${defines(pairs)}`;
    })
    .join('\n');
}

function flagsText(): string {
  return flagStructs
    .map(({ exportName, name, readings, sizeBytes }) => {
      const pairs = (readings[0] ?? []).map((bit): [string, string] => {
        const mask = ((1n << BigInt(bit.width)) - 1n) << BigInt(bit.shift);
        return [macroName(exportName, bit.name), number(sizeBytes === 8 ? mask : Number(mask))];
      });
      return `/* ${name === '' ? exportName : name}, ${sizeBytes} bytes */\n${defines(pairs)}`;
    })
    .join('\n');
}

/** The header file. */
export function headerText(): string {
  const head = comment(
    'The dxgkrnl command set in packed form: little endian, the layouts of Linux dxgkrnl on x86-64. Generated from the command table (tools/src/generate-c-header.ts); do not edit. Structures have the names of the driver with dxgwire_ before them. A message is its structure, then its lists, packed. Needs C11 or C++11 with unnamed structs.',
  );
  const guard = 'DXGWIRE_PROTOCOL_H';
  const assert = [
    '#ifdef __cplusplus',
    '#define DXGWIRE_ASSERT(condition) static_assert(condition, #condition)',
    '#else',
    '#define DXGWIRE_ASSERT(condition) _Static_assert(condition, #condition)',
    '#endif',
  ].join('\n');
  const sections = [
    `${head}#ifndef ${guard}\n#define ${guard}\n`,
    `#include <stddef.h>\n#include <stdint.h>\n`,
    `${assert}\n`,
    `/* Versions and limits. */\n\n${constantsText()}`,
    `/* Enumerations. */\n\n${enumerationsText()}`,
    `/* Flag words. */\n\n${flagsText()}`,
    `/* Structures. */\n\n${structsInOrder().map(structText).join('\n')}`,
    `/* Commands. */\n\n${(Object.values(commands) as CommandDef[]).map(commandText).join('\n')}`,
    `#endif\n`,
  ];
  return sections.join('\n');
}
