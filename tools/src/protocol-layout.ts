import {
  type ChoiceNode,
  type CommandDef,
  type DataType,
  enumerations,
  flagStructs,
  type Message,
  type ScalarType,
  type Tail,
  type Trailing,
  type ValueNode,
} from '@dxgwire/protocol';

/** Layout tables of one command's request and reply. */

const exportedEnums = new Map(enumerations.map(({ name, exportName }) => [name, exportName]));
const exportedFlags = new Map(flagStructs.map(({ readings, exportName }) => [readings, exportName]));

function scalarWords(type: ScalarType): string {
  const bytes = type.scalar;
  switch (type.meaning) {
    case 'handle':
      return 'handle';
    case 'status':
      return 'NTSTATUS';
    case 'pointer':
      return 'u64, an address of one side';
    case 'enum': {
      const name = exportedEnums.get(type.enumeration?.name ?? '');
      return name === undefined ? bytes : `[${name}](enums.md#${name.toLowerCase()})`;
    }
    case 'flags': {
      const name = type.flags === undefined ? undefined : exportedFlags.get(type.flags.readings);
      return name === undefined ? bytes : `[${name}](flags.md#${name.toLowerCase()})`;
    }
    case 'number':
      return bytes;
  }
}

function typeWords(type: DataType): string {
  switch (type.kind) {
    case 'scalar':
      return scalarWords(type);
    case 'array':
      return `${type.count} x ${scalarWords(type.element)}`;
    case 'bytes':
      return `${type.count} bytes`;
    case 'text':
      return `${type.count} x u16: UTF-16 text, zero-filled`;
    case 'struct':
      return type.name === 'winluid' ? 'LUID: low u32, high u32' : `\`${type.name}\``;
  }
}

interface Row {
  readonly offset: number;
  readonly cells: readonly [size: string, field: string, type: string];
}

function choiceRows(node: ChoiceNode, base: number, prefix: string): Row[] {
  const { rule } = node;
  const conditions = new Map<string, string>();
  if (rule.by === 'flag') {
    conditions.set(rule.set, `if ${rule.key} has 0x${rule.mask.toString(16)}`);
    conditions.set(rule.clear, `if ${rule.key} has not 0x${rule.mask.toString(16)}`);
  } else {
    for (const [tag, key] of Object.entries(rule.when)) conditions.set(key, `if ${rule.key} is ${tag}`);
    if (rule.otherwise !== null) conditions.set(rule.otherwise, `for other ${rule.key}`);
  }
  return node.alternatives.flatMap((alternative) => {
    const condition = conditions.get(alternative.key);
    if (condition === undefined) return [];
    return nodeRows([alternative], base, prefix).map(({ offset, cells: [size, field, type] }) => {
      return { offset, cells: [size, field, `${type}; ${condition}`] as const };
    });
  });
}

function nodeRows(nodes: readonly ValueNode[], base: number, prefix: string): Row[] {
  return nodes.flatMap((node): Row[] => {
    if (node.node === 'choice') return choiceRows(node, base, prefix);
    const field = `${prefix}${node.key}`;
    if (node.node === 'count') {
      return [{ offset: base + node.offset, cells: ['4', field, 'u32: a count or size of the tails'] }];
    }
    if (node.node === 'bits') {
      const { byteOffset, shift, width, unitBytes } = node.placement;
      const bits = width === 1 ? `bit ${shift}` : `bits ${shift}..${shift + width - 1}`;
      return [{ offset: base + byteOffset, cells: [String(unitBytes), field, bits] }];
    }
    const { type, offset } = node;
    if (type.kind === 'struct' && type.name !== 'winluid')
      return nodeRows(type.nodes, base + offset, `${field}.`);
    return [{ offset: base + offset, cells: [String(type.sizeBytes), field, typeWords(type)] }];
  });
}

function fixedTable(nodes: readonly ValueNode[]): string {
  const rows = nodeRows(nodes, 0, '').sort((a, b) => a.offset - b.offset);
  if (rows.length === 0) return '';
  const lines = rows.map(({ offset, cells }) => `| ${offset} | ${cells.join(' | ')} |`);
  return ['| offset | bytes | field | type |', '| --- | --- | --- | --- |', ...lines].join('\n');
}

function countWords(tail: Tail): string {
  const rule = tail.count;
  if (rule.from === 'field') return rule.atLeastOne ? `max(${rule.path}, 1)` : rule.path;
  if (rule.from === 'request') return rule.text;
  return `as many as \`${rule.of}\`, or none: the length of the message tells`;
}

function tailWords(tail: Tail): string {
  if (tail.kind === 'words') return scalarWords(tail.element);
  if (tail.kind === 'longs') return 'u64 (perhaps unaligned)';
  return tail.kind === 'bytes' ? 'bytes' : `\`${tail.element.name}\``;
}

function tailTable(message: Message): string {
  const lines: string[] = [];
  message.tails.forEach(([key, tail], index) => {
    const previous = message.tails[index - 1];
    const place = previous === undefined ? String(message.fixedBytes) : `behind \`${previous[0]}\``;
    lines.push(`| ${place} | ${tail.elementBytes} | ${key} | ${tailWords(tail)} | ${countWords(tail)} |`);
  });
  const last = message.tails.at(-1);
  for (const [key, tail] of message.tails) {
    if (tail.kind !== 'structs' || tail.blob === null) continue;
    const count = `${key}[i].${tail.blob.sizeKey} for each element`;
    lines.push(`| behind \`${last?.[0]}\` | 1 | ${key}[i].${tail.blob.key} | bytes | ${count} |`);
  }
  if (lines.length === 0) return '';
  return [
    '| offset | bytes each | tail | elements | count |',
    '| --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n');
}

function elementTables(message: Message): string[] {
  return message.tails.flatMap(([key, tail]) => {
    if (tail.kind !== 'structs') return [];
    return [`Each element of \`${key}\`:`, fixedTable(tail.element.nodes)];
  });
}

function trailingWords(trailing: Trailing): string {
  switch (trailing.kind) {
    case 'none':
      return '';
    case 'bytes': {
      const empty =
        trailing.countWhenEmpty === trailing.count ? '' : ` (${trailing.countWhenEmpty} without data)`;
      return `The driver sends ${trailing.count} spare bytes behind it${empty}; a receiver does not insist on them.`;
    }
    case 'total':
      return `The message always has ${trailing.bytes} bytes; what follows the tail means nothing.`;
    case 'result-area':
      return 'The driver sends its empty result area behind it (4 + 4 x max(n, 1) bytes, rounded up to 8).';
    case 'round-up':
      return `Its length is rounded up to ${trailing.step}.`;
  }
}

function joined(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n\n');
}

function body(message: Message): string[] {
  const fixed = fixedTable(message.struct.nodes);
  return [fixed, tailTable(message), ...elementTables(message)];
}

/** The request's headline, fields, tails and spare bytes. */
export function requestLayout(def: CommandDef): string {
  const message = def.request?.message;
  if (message === undefined) return '';
  const name = def.channel === 'host' ? 'Message' : 'Request';
  const size =
    message.tails.length === 0 ? `${message.fixedBytes} bytes` : `${message.fixedBytes} bytes and tails`;
  const empty = message.struct.nodes.length === 0 && message.tails.length === 0 ? 'The header is all.' : '';
  const head = `### ${name}: \`${message.struct.name}\`, ${size}`;
  return joined([head, empty, ...body(message), trailingWords(message.trailing)]);
}

/** The reply's, in its forms. */
export function replyLayout(def: CommandDef): string {
  if (def.reply === null) return '';
  const { message } = def.reply;
  const length = def.replyLength === null ? String(message.fixedBytes) : def.replyLength.text;
  const parts = [`### Reply: ${length} bytes demanded`];
  if (message.fixedBytes === 0 && message.tails.length === 0) {
    parts.push('A completion is wanted, but its payload is ignored.');
  } else if (def.replyHasHeader) {
    parts.push(
      'The request again, command header included (its content does not matter), with the results filled in.',
    );
  } else parts.push(...body(message), trailingWords(message.trailing));
  for (const variant of def.replyVariants) {
    const { fixedBytes } = variant.codec.message;
    const old = variant.length === null ? String(fixedBytes) : variant.length.text;
    parts.push(`Below version ${variant.below}: ${old} bytes demanded.`);
    if (variant.statusOffset !== def.statusOffset)
      parts.push('There is no status then; a failure is a short reply.');
  }
  return joined(parts);
}
