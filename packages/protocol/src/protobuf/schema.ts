import { commands } from '../registry.ts';
import type { CommandChannel, CommandDef } from '../schema/command.ts';
import { toSnakeCase } from '../schema/entries.ts';
import type { Message, Tail } from '../schema/message.ts';
import type { ChoiceNode, DataType, ScalarType, StructType, ValueNode } from '../schema/types.ts';

/**
 * The protobuf form of every message, derived from the command table: what the codec follows and what `dxgwire.proto`
 * is printed from. Field numbers: fields of the fixed part count from 1 in wire order, tails and the bytes that an
 * element owns from 100, what is left of a union is 200 and its alternatives count from 201. So a field, a tail or an
 * alternative added behind the others changes no number; a test freezes them.
 */

/** How a field's value travels. `text` is `bytes` in the schema: UTF-16, little endian, because it may be ill-formed. */
export type ProtoKind = 'uint32' | 'int32' | 'bool' | 'fixed32' | 'fixed64' | 'bytes' | 'text' | 'message';

export interface ProtoField {
  /** Key in the value. */
  readonly key: string;
  /** Name in the schema, snake case. */
  readonly name: string;
  readonly id: number;
  readonly kind: ProtoKind;
  /** A list: numbers are packed. */
  readonly repeated: boolean;
  /** The type of a `message` field. */
  readonly type: ProtoMessage | null;
  /** The greatest number that the packed form holds. */
  readonly most: number;
  /** Elements (bytes, units of text) of a field of fixed size, which are completed with zeros; null for tails. */
  readonly slots: number | null;
  /** Bytes that one element takes in the packed form. */
  readonly elementBytes: number;
  /** Whether it is an alternative of a union of structs, and so in a oneof. */
  readonly alternative: boolean;
  /** One line of meaning, or ''. */
  readonly comment: string;
}

export interface ProtoMessage {
  readonly name: string;
  readonly comment: string;
  readonly fields: readonly ProtoField[];
  readonly byId: ReadonlyMap<number, ProtoField>;
  /** Unions: which field is valid, another one tells. */
  readonly choices: readonly ChoiceNode[];
}

const FIRST_TAIL = 100;
/** Field number of what is left of a union. */
export const REST = 200;
const U32 = 0xffff_ffff;

/** `d3dddi_updategpuvirtualaddress_operation.map` to `D3dddiUpdategpuvirtualaddressOperationMap`. */
function typeName(cName: string): string {
  if (cName === 'winluid') return 'Luid';
  return cName.replace(/(?:^|[^A-Za-z0-9]+)([A-Za-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function scalarKind({ scalar, meaning }: ScalarType): ProtoKind {
  if (scalar === 'u64') return 'fixed64';
  if (scalar === 'bool') return 'bool';
  if (scalar === 'i32') return 'int32';
  return meaning === 'handle' || meaning === 'status' ? 'fixed32' : 'uint32';
}

function scalarComment({ meaning, enumeration, flags, pointee, scalar }: ScalarType): string {
  switch (meaning) {
    case 'handle':
      return 'Handle.';
    case 'status':
      return 'NTSTATUS.';
    case 'pointer':
      return `Address of one side${pointee === undefined || pointee === 'void' ? '' : ` (${pointee})`}: an opaque token.`;
    case 'enum':
      return enumeration === undefined ? '' : `enum ${enumeration.name}.`;
    case 'flags':
      return flags === undefined || flags.name === '' ? 'Flags.' : `Flags: ${flags.name}.`;
    case 'number':
      return scalar === 'u8' || scalar === 'u16' ? `At most ${scalar === 'u8' ? 0xff : 0xffff}.` : '';
  }
}

function field(part: Pick<ProtoField, 'key' | 'id' | 'kind'> & Partial<ProtoField>): ProtoField {
  return {
    name: toSnakeCase(part.key),
    repeated: false,
    type: null,
    most: U32,
    slots: null,
    elementBytes: 0,
    alternative: false,
    comment: '',
    ...part,
  };
}

/** Collects the message types of all structs; equal ones are one type. */
class Builder {
  readonly types = new Map<string, ProtoMessage>();

  private struct(type: StructType, blobKey: string | null = null): ProtoMessage {
    const name = typeName(type.name);
    const known = this.types.get(name);
    if (known !== undefined) return known;
    const { fields, choices } = this.nodes(type.nodes);
    if (blobKey !== null)
      fields.push(field({ key: blobKey, id: FIRST_TAIL, kind: 'bytes', elementBytes: 1 }));
    const message = this.message(name, `${type.cType.replace(':', ' ')}.`, fields, choices);
    this.types.set(name, message);
    return message;
  }

  message(
    name: string,
    comment: string,
    fields: readonly ProtoField[],
    choices: readonly ChoiceNode[],
  ): ProtoMessage {
    const sorted = [...fields].sort((a, b) => a.id - b.id);
    return { name, comment, fields: sorted, byId: new Map(sorted.map((each) => [each.id, each])), choices };
  }

  private typed(key: string, id: number, type: DataType): ProtoField {
    switch (type.kind) {
      case 'scalar': {
        const most = type.scalar === 'u8' ? 0xff : type.scalar === 'u16' ? 0xffff : U32;
        return field({ key, id, kind: scalarKind(type), most, comment: scalarComment(type) });
      }
      case 'array': {
        const { element, count } = type;
        const kind = element.scalar === 'u64' ? 'fixed64' : 'fixed32';
        const comment =
          `${count} elements; zeros at the end may be missing. ${scalarComment(element)}`.trim();
        return field({ key, id, kind, repeated: true, slots: count, comment });
      }
      case 'bytes':
        return field({
          key,
          id,
          kind: 'bytes',
          slots: type.count,
          comment: `${type.count} bytes; zeros at the end may be missing.`,
        });
      case 'text':
        return field({
          key,
          id,
          kind: 'text',
          slots: type.count,
          comment: `UTF-16, little endian, without a zero; at most ${type.count} units.`,
        });
      case 'struct':
        return field({ key, id, kind: 'message', type: this.struct(type) });
    }
  }

  nodes(nodes: readonly ValueNode[]): { fields: ProtoField[]; choices: ChoiceNode[] } {
    const fields: ProtoField[] = [];
    const choices: ChoiceNode[] = [];
    let id = 1;
    let alternative = REST + 1;
    for (const node of nodes) {
      if (node.node === 'field') fields.push(this.typed(node.key, id++, node.type));
      else if (node.node === 'bits') {
        const { width } = node.placement;
        fields.push(
          width === 1
            ? field({ key: node.key, id: id++, kind: 'bool' })
            : field({
                key: node.key,
                id: id++,
                kind: 'uint32',
                most: 2 ** width - 1,
                comment: `At most ${2 ** width - 1}.`,
              }),
        );
      } else if (node.node === 'choice') {
        choices.push(node);
        for (const each of shownAlternatives(node)) {
          const made = this.typed(each.key, alternative++, each.type);
          const comment = `${whenChosen(node, each.key)} ${made.comment}`.trim();
          fields.push({ ...made, alternative: node.keepsRest, comment });
        }
        if (node.keepsRest) {
          const comment = 'What the union holds behind the alternative, when it is not all zero.';
          fields.push(field({ key: 'rest', id: REST, kind: 'bytes', slots: node.sizeBytes, comment }));
        }
      }
    }
    return { fields, choices };
  }

  tail(key: string, id: number, tail: Tail): ProtoField {
    const { elementBytes } = tail;
    switch (tail.kind) {
      case 'words':
        return field({
          key,
          id,
          kind: 'fixed32',
          repeated: true,
          elementBytes,
          comment: scalarComment(tail.element).replace('Handle.', 'Handles.'),
        });
      case 'longs':
        return field({ key, id, kind: 'fixed64', repeated: true, elementBytes });
      case 'bytes':
        return field({ key, id, kind: 'bytes', elementBytes });
      case 'structs': {
        const type = this.struct(tail.element, tail.blob === null ? null : tail.blob.key);
        return field({ key, id, kind: 'message', repeated: true, type, elementBytes });
      }
    }
  }
}

/** Alternatives that some number selects. */
function shownAlternatives({
  alternatives,
  rule,
}: ChoiceNode): readonly ChoiceNode['alternatives'][number][] {
  if (rule.by === 'flag') return alternatives;
  const selected = new Set([...Object.values(rule.when), rule.otherwise]);
  return alternatives.filter(({ key }) => selected.has(key));
}

function whenChosen({ rule }: ChoiceNode, key: string): string {
  const tag = toSnakeCase(rule.key);
  if (rule.by === 'flag')
    return `Valid if ${tag} has ${key === rule.set ? '' : 'not '}0x${rule.mask.toString(16)}.`;
  const tags = Object.entries(rule.when).flatMap(([number, other]) => (other === key ? [number] : []));
  if (tags.length > 0) return `Valid if ${tag} is ${tags.join(' or ')}.`;
  return `Valid for any other ${tag}.`;
}

const builder = new Builder();

function messageType(name: string, comment: string, message: Message): ProtoMessage {
  const { fields, choices } = builder.nodes(message.struct.nodes);
  message.tails.forEach(([key, tail], index) => {
    fields.push(builder.tail(key, FIRST_TAIL + index, tail));
  });
  return builder.message(name, comment, fields, choices);
}

/** First envelope field of each kind of body; each kind has room for 400 commands. */
const firstNumber: Readonly<Record<`${CommandChannel} ${'request' | 'reply'}`, number>> = {
  'vgpu request': 100,
  'vgpu reply': 500,
  'global request': 900,
  'global reply': 1300,
  'host request': 1700,
  'host reply': 2100,
};
const NUMBERS_PER_KIND = 400;
/** Global commands are numbered from here. */
const FIRST_GLOBAL_ID = 1000;

/** One kind of body that an envelope can have. */
export interface ProtoBody {
  readonly def: CommandDef;
  readonly isReply: boolean;
  /** Field of the envelope. */
  readonly id: number;
  readonly name: string;
  readonly type: ProtoMessage;
  /** The packed codec's description of the same message. */
  readonly message: Message;
}

function bodyOf(def: CommandDef, isReply: boolean): ProtoBody[] {
  const codec = isReply ? def.reply : def.request;
  if (codec === null) return [];
  const index = def.channel === 'global' ? def.id - FIRST_GLOBAL_ID : def.id;
  if (index >= NUMBERS_PER_KIND) throw new Error(`${def.name}: no field number for command ${def.id}`);
  const kind = isReply ? 'Reply' : def.channel === 'host' ? 'Event' : 'Request';
  const comment = isReply ? `Answers ${def.name}Request.` : def.summary;
  const type = messageType(`${def.name}${kind}`, comment, codec.message);
  const id = firstNumber[`${def.channel} ${isReply ? 'reply' : 'request'}`] + index;
  const name = toSnakeCase(`${def.name[0]?.toLowerCase()}${def.name.slice(1)}${kind}`);
  return [{ def, isReply, id, name, type, message: codec.message }];
}

/** Every body, in the order of the envelope's field numbers. */
export const protoBodies: readonly ProtoBody[] = (Object.values(commands) as CommandDef[])
  .flatMap((def) => [...bodyOf(def, false), ...bodyOf(def, true)])
  .sort((a, b) => a.id - b.id);

/** Message types of structs that bodies are made of, by name. */
export const protoStructs: readonly ProtoMessage[] = [...builder.types.values()].sort((a, b) =>
  a.name < b.name ? -1 : 1,
);

const bodiesById = new Map(protoBodies.map((body) => [body.id, body]));
const bodiesByDef = new Map<CommandDef, ProtoBody>();
const repliesByDef = new Map<CommandDef, ProtoBody>();
for (const body of protoBodies) (body.isReply ? repliesByDef : bodiesByDef).set(body.def, body);

/** The body with this field number of the envelope, or undefined. */
export function bodyById(id: number): ProtoBody | undefined {
  return bodiesById.get(id);
}

/** The body of a command's request (or event), or of its reply; undefined where there is none. */
export function bodyOfCommand(def: CommandDef, isReply: boolean): ProtoBody | undefined {
  return (isReply ? repliesByDef : bodiesByDef).get(def);
}

/** Fields of the envelope that are not bodies. */
export const EnvelopeField = { header: 1, packed: 2 } as const;

/** What an envelope says about a request besides its body. */
export const headerType: ProtoMessage = builder.message(
  'DxgHeader',
  'What a request says besides its body. Absent in replies and in messages from the host.',
  [
    field({ key: 'process', id: 1, kind: 'fixed32', comment: "The host's handle of the process, or 0." }),
    field({
      key: 'vgpuLuid',
      id: 2,
      kind: 'message',
      type: protoStructs.find(({ name }) => name === 'Luid') ?? null,
      comment: 'The virtual GPU meant; absent for global commands and below version 40.',
    }),
    field({ key: 'async', id: 3, kind: 'bool', comment: 'No completion is wanted.' }),
    field({ key: 'version', id: 4, kind: 'uint32', comment: 'VMBus interface version in use.' }),
  ],
  [],
);
