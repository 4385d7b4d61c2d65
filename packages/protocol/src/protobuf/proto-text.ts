import {
  EnvelopeField,
  headerType,
  type ProtoField,
  type ProtoMessage,
  protoBodies,
  protoStructs,
} from './schema.ts';

/** The text of `dxgwire.proto`. */

const WIDTH = 118;

/** A comment, wrapped. */
function comment(text: string, indent: string): string {
  const words = text.split(/\s+/).filter((word) => word !== '');
  const lines: string[] = [];
  let line = `${indent}//`;
  for (const word of words) {
    if (line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = `${indent}//`;
    }
    line += ` ${word}`;
  }
  if (words.length > 0) lines.push(line);
  return lines.map((each) => `${each}\n`).join('');
}

function typeOf(field: ProtoField): string {
  if (field.kind === 'message') return field.type?.name ?? '';
  return field.kind === 'text' ? 'bytes' : field.kind;
}

function fieldLine(field: ProtoField, indent: string): string {
  const label = field.repeated ? 'repeated ' : '';
  return `${comment(field.comment, indent)}${indent}${label}${typeOf(field)} ${field.name} = ${field.id};\n`;
}

function messageText(message: ProtoMessage): string {
  let text = `${comment(message.comment, '')}message ${message.name} {\n`;
  for (const field of message.fields) if (!field.alternative) text += fieldLine(field, '  ');
  const alternatives = message.fields.filter((field) => field.alternative);
  if (alternatives.length > 0) {
    text += '  oneof alternative {\n';
    for (const field of alternatives) text += fieldLine(field, '    ');
    text += '  }\n';
  }
  return `${text}}\n`;
}

function envelopeText(): string {
  let text = comment(
    'One packet. Media may put up to seven zero bytes behind it. Who receives one without a body that he knows, answers as to an unknown command.',
    '',
  );
  text += `message DxgMessage {\n  ${headerType.name} header = ${EnvelopeField.header};\n  oneof body {\n`;
  text += comment(
    'The packet in packed form: a command that this file does not have, or a reply that is shorter than its command demands (how some report a failure).',
    '    ',
  );
  text += `    bytes packed = ${EnvelopeField.packed};\n`;
  for (const { id, name, type, def } of protoBodies) {
    text += `    ${type.name} ${name} = ${id}; // ${def.channel} command ${def.id}\n`;
  }
  return `${text}  }\n}\n`;
}

/** The schema of every message. */
export function protoText(): string {
  const head = comment(
    "The dxgkrnl command set in protobuf form. Generated from the command table (tools/src/generate-proto.ts); do not edit. Messages and fields are those of the packed form under the names of the Linux driver's structures; counts and sizes of lists follow from the lists. 64-bit numbers are fixed64, handles and NTSTATUS fixed32. Numbers of fields never change. Field 200 and above belong to unions.",
    '',
  );
  const parts = [envelopeText(), messageText(headerType)];
  for (const { type } of protoBodies) parts.push(messageText(type));
  for (const type of protoStructs) parts.push(messageText(type));
  return `${head}syntax = "proto3";\n\npackage dxgwire;\n\n${parts.join('\n')}`;
}

/** Every field and its number, a line each: what may not change. */
export function fieldNumbers(): string[] {
  const lines = [
    `DxgMessage.header = ${EnvelopeField.header} ${headerType.name}`,
    `DxgMessage.packed = ${EnvelopeField.packed} bytes`,
    ...protoBodies.map(({ id, name, type }) => `DxgMessage.${name} = ${id} ${type.name}`),
  ];
  const messages = [headerType, ...protoBodies.map(({ type }) => type), ...protoStructs];
  for (const { name, fields } of messages) {
    for (const field of fields) {
      const label = field.repeated ? 'repeated ' : '';
      lines.push(`${name}.${field.name} = ${field.id} ${label}${typeOf(field)}`);
    }
  }
  return lines;
}
