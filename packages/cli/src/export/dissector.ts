import {
  type BitPlacement,
  type ChoiceNode,
  type CommandDef,
  type CountRule,
  commands,
  type DataType,
  type Message,
  NtStatus,
  type ScalarType,
  type Tail,
  type ValueNode,
} from '@dxgwire/protocol';
import { DISSECTOR_LUA } from './dissector-lua.ts';

/** Wireshark's type of a scalar. */
const SCALAR_FIELDS = {
  u8: 'uint8',
  bool: 'uint8',
  u16: 'uint16',
  u32: 'uint32',
  i32: 'int32',
  u64: 'uint64',
};

function quoted(text: string): string {
  return JSON.stringify(text);
}

function table(entries: readonly string[]): string {
  return `{${entries.join(',')}}`;
}

/** Name of a field in Wireshark's filters: `dxgwire.args.hwqueue`. Elements of a list share one. */
export function filterName(path: string): string {
  return `dxgwire.${path.replaceAll(/\[\d+\]/g, '')}`;
}

/** What the dissector itself calls its fields. */
const OWN_NAMES = [
  ...['direction', 'kind', 'channel', 'packet_flags', 'id', 'command', 'request_in', 'answer_in', 'time'],
  ...['failed', 'list', 'element', 'beyond'],
];

/** The fields that the dissector declares: one for each name and type. */
class FieldTable {
  readonly declarations: string[] = [];
  readonly valueTables: string[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #types = new Map<string, string>(OWN_NAMES.map((name) => [`dxgwire.${name}`, '']));
  readonly #valueTables = new Map<string, string>();

  /** @returns the field's number. `type` is what follows name and label in its declaration, `kind` the function. */
  number(path: string, kind: string, format: string): number {
    const key = `${path}/${kind}/${format}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    // Messages may use a name for different things: the second type has another name.
    let name = filterName(path);
    for (let count = 2; this.#types.has(name); count += 1) name = `${filterName(path)}_${count}`;
    this.#types.set(name, kind);
    const number = this.declarations.length + 1;
    this.#numbers.set(key, number);
    this.declarations.push(`P[${number}] = ProtoField.${kind}(${quoted(name)}, ${quoted(path)}${format})`);
    return number;
  }

  scalar(path: string, type: ScalarType): number {
    const kind = SCALAR_FIELDS[type.scalar];
    if (type.meaning === 'status') {
      return this.number(path, kind, `, base.HEX, ${this.#values('NtStatus', NtStatus)}`);
    }
    if (type.meaning === 'enum' && type.enumeration !== undefined) {
      const { name, values } = type.enumeration;
      return this.number(path, kind, `, base.DEC, ${this.#values(name, values)}`);
    }
    const isDecimal = type.meaning === 'number' || type.scalar === 'i32' || type.scalar === 'bool';
    return this.number(path, kind, isDecimal ? ', base.DEC' : ', base.HEX');
  }

  #values(name: string, values: Readonly<Record<string, number>>): string {
    const known = this.#valueTables.get(name);
    if (known !== undefined) return known;
    const lua = `values[${quoted(name)}]`;
    this.#valueTables.set(name, lua);
    const entries = Object.entries(values).map(([key, value]) => `[${value}]=${quoted(key)}`);
    this.valueTables.push(`${lua} = ${table(entries)}`);
    return lua;
  }
}

/** Rows of the dissector's tables. What each holds is said beside the Lua that reads it. */
class RowWriter {
  readonly fields = new FieldTable();

  message({ fixedBytes, struct, tails }: Message): string {
    const rows = table(this.nodes(struct.nodes, 0, ''));
    return `{nodes=${rows},fixed=${fixedBytes},tails=${table(tails.map(([key, tail]) => this.#tail(key, tail)))}}`;
  }

  nodes(nodes: readonly ValueNode[], base: number, prefix: string): string[] {
    return nodes.flatMap((node) => this.#node(node, nodes, base, prefix));
  }

  #node(node: ValueNode, siblings: readonly ValueNode[], base: number, prefix: string): string[] {
    if (node.node === 'choice') return [this.#choice(node, siblings, base, prefix)];
    const path = `${prefix}${node.key}`;
    switch (node.node) {
      case 'field':
        return this.#type(path, node.type, base + node.offset);
      case 'count': {
        const field = this.fields.number(path, 'uint32', ', base.DEC');
        return [`{"s",${quoted(path)},${field},${base + node.offset},4}`];
      }
      case 'bits': {
        const { byteOffset, shift, unitBytes, width } = node.placement;
        const field = this.fields.number(path, width > 32 ? 'uint64' : 'uint32', ', base.DEC');
        return [`{"x",${quoted(path)},${field},${base + byteOffset},${unitBytes},${shift},${width}}`];
      }
    }
  }

  #type(path: string, type: DataType, offset: number): string[] {
    const name = quoted(path);
    switch (type.kind) {
      case 'struct':
        return this.nodes(type.nodes, offset, `${path}.`);
      case 'scalar': {
        const kind = type.meaning === 'status' ? 'S' : 's';
        return [`{"${kind}",${name},${this.fields.scalar(path, type)},${offset},${type.sizeBytes}}`];
      }
      case 'array': {
        const field = this.fields.scalar(path, type.element);
        return [`{"a",${name},${field},${offset},${type.element.sizeBytes},${type.count}}`];
      }
      case 'text':
        return [`{"t",${name},${this.fields.number(path, 'string', '')},${offset},${type.sizeBytes}}`];
      case 'bytes':
        return [`{"b",${name},${this.fields.number(path, 'bytes', '')},${offset},${type.sizeBytes}}`];
    }
  }

  #choice(
    { alternatives, offset, rule, sizeBytes }: ChoiceNode,
    siblings: readonly ValueNode[],
    base: number,
    prefix: string,
  ): string {
    // It may stand behind the union.
    const selector = placeOf(siblings.find((each) => 'key' in each && each.key === rule.key));
    if (selector === null) {
      throw new Error(`a union that the dissector cannot read: "${rule.key}" selects its contents`);
    }
    const { byteOffset, shift, unitBytes, width } = selector;
    const rowsOf = (key: string | null) => {
      const chosen = alternatives.find((each) => each.key === key);
      return chosen === undefined ? 'nil' : table(this.nodes([chosen], base, prefix));
    };
    const rest = this.fields.number(`${prefix}rest`, 'bytes', '');
    const [cases, otherwise] =
      rule.by === 'enum'
        ? [
            Object.entries(rule.when).map(([value, key]) => `[${value}]=${rowsOf(key)}`),
            rowsOf(rule.otherwise),
          ]
        : [[`[1]=${rowsOf(rule.set)}`, `[0]=${rowsOf(rule.clear)}`], 'nil'];
    const mask = rule.by === 'flag' ? rule.mask : 0;
    const place = `${rest},${base + offset},${sizeBytes}`;
    const selected = `{${base + byteOffset},${unitBytes},${shift},${width}}`;
    return `{"o",${selected},${place},${mask},${table(cases)},${otherwise}}`;
  }

  #tail(key: string, tail: Tail): string {
    const count = countRow(tail.count);
    const name = quoted(key);
    switch (tail.kind) {
      case 'bytes':
        return `{"b",${name},${this.fields.number(key, 'bytes', '')},1,${count}}`;
      case 'words':
        return `{"w",${name},${this.fields.scalar(key, tail.element)},4,${count}}`;
      case 'longs':
        return `{"w",${name},${this.fields.number(key, 'uint64', ', base.DEC')},8,${count}}`;
      case 'structs': {
        const rows = table(this.nodes(tail.element.nodes, 0, `${key}.`));
        const { blob } = tail;
        const owned =
          blob === null
            ? 'nil,nil,nil'
            : `${quoted(blob.key)},${this.fields.number(`${key}.${blob.key}`, 'bytes', '')},${quoted(`${key}.${blob.sizeKey}`)}`;
        return `{"e",${name},${rows},${tail.elementBytes},${count},${owned}}`;
      }
    }
  }
}

/** Where a number of up to 32 bits stands, or null. */
function placeOf(node: ValueNode | undefined): BitPlacement | null {
  if (node?.node === 'bits') return node.placement.unitBytes <= 4 ? node.placement : null;
  if (node?.node !== 'field' || node.type.kind !== 'scalar' || node.type.sizeBytes > 4) return null;
  const { sizeBytes } = node.type;
  return { byteOffset: node.offset, shift: 0, width: 8 * sizeBytes, unitBytes: sizeBytes };
}

/** How many elements a tail has: kind of rule, then names of fields. Names of a request's fields are without what holds them. */
function countRow(rule: CountRule): string {
  if (rule.from === 'field') return `{"${rule.atLeastOne ? 'f1' : 'f'}",${quoted(rule.path)}}`;
  if (rule.from === 'length') return `{"l",${quoted(rule.of)}}`;
  const plain = /^(\w+)(?: of the request)?$/.exec(rule.text);
  if (plain !== null) return `{"r",${quoted(plain[1]!)}}`;
  const least = /^max\((\w+), 1\)$/.exec(rule.text);
  if (least !== null) return `{"r1",${quoted(least[1]!)}}`;
  const chosen = /^(\w+) \? (\w+) : 1$/.exec(rule.text);
  if (chosen !== null) return `{"rc",${quoted(chosen[2]!)},${quoted(chosen[1]!)}}`;
  throw new Error(`a count that the dissector cannot find: "${rule.text}"`);
}

/**
 * A dissector for Wireshark, from the command table: every field of every message and answer, lists, texts and private data
 * included.
 */
export function wiresharkDissector(): string {
  const writer = new RowWriter();
  const rows = (Object.values(commands) as CommandDef[]).map((def) => {
    const { channel, failure, id, name, reply, replyVariants, request } = def;
    const messages = {
      request: request?.message,
      reply: reply?.message,
      // Towards peers that know no extended header.
      old: replyVariants[0]?.codec.message,
    };
    const texts = Object.entries(messages).flatMap(([key, message]) =>
      message === undefined ? [] : [`${key}=${writer.message(message as Message)}`],
    );
    return `  {"${channel}",${id},"${name}","${failure}",${table(texts)}},`;
  });
  const { declarations, valueTables } = writer.fields;
  return DISSECTOR_LUA.replace('@VALUES@', () => valueTables.join('\n'))
    .replace('@FIELDS@', () => declarations.join('\n'))
    .replace('@COMMANDS@', () => rows.join('\n'));
}
