import {
  type CommandDef,
  commandFamilies,
  describeNtStatus,
  enumerations,
  flagStructs,
  ioctls,
  NtStatus,
  ntStatusToErrno,
} from '@dxgwire/protocol';
import { codecsPage } from './protocol-codecs.ts';
import { replyLayout, requestLayout } from './protocol-layout.ts';

/** The reference pages of the protocol as text: file name to content. */

const generated = '<!-- Generated from the command table by "pnpm docs". Do not edit. -->';

const channelWords = { vgpu: 'vGPU', global: 'global', host: 'from the host' } as const;

const processWords = {
  caller: 'the calling process',
  zero: '0',
  target: 'the process that is meant',
} as const;

const oneWayWords = {
  never: 'no',
  'when-async': 'when asynchronous messages are on (no completion is wanted then)',
  always: 'yes',
} as const;

const failureWords = {
  status: 'the NTSTATUS in the reply; a failing reply has the full length all the same',
  'short-reply': 'a reply shorter than demanded (an empty one): the caller gets EOVERFLOW',
  'zero-handle': 'a reply whose handle is 0',
  none: 'cannot be reported',
} as const;

export function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}

export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}

function anchor(name: string): string {
  return name.toLowerCase();
}

function facts(def: CommandDef): string {
  const rows: [string, string][] = [
    ['number', `${def.id} (${hex(def.id)})`],
    ['channel type', channelWords[def.channel]],
    ['direction', def.channel === 'host' ? 'host to guest' : 'guest to host'],
    ['since version', String(def.since)],
  ];
  if (def.feature !== undefined) rows.push(['feature', hex(def.feature)]);
  if (def.channel !== 'host') {
    rows.push(['process in header', processWords[def.headerProcess]]);
    rows.push(['one-way', oneWayWords[def.oneWay]]);
    rows.push(['failure', failureWords[def.failure]]);
    rows.push([
      'D3DKMT calls',
      def.calls.length === 0 ? 'none: the driver sends it by itself' : def.calls.join(', '),
    ]);
  }
  for (const [field, limit] of Object.entries(def.limits)) rows.push([`driver's limit: ${field}`, limit]);
  return table(['', ''], rows);
}

function commandText(def: CommandDef): string {
  const parts = [`## ${def.name}`, def.summary];
  if (!def.sent || def.request === null) {
    parts.push(
      `Number ${def.id}, ${channelWords[def.channel]}. No layout is known; the host answers NOT_SUPPORTED.`,
    );
    return parts.join('\n\n');
  }
  parts.push(facts(def));
  if (def.notes.length > 0) parts.push(def.notes.map((note) => `- ${note}`).join('\n'));
  parts.push(requestLayout(def));
  if (def.channel !== 'host') parts.push(replyLayout(def));
  return parts.join('\n\n');
}

function familyPage(title: string, commands: readonly CommandDef[]): string {
  const known = commands.filter((def) => def.sent);
  const numbered = commands.filter((def) => !def.sent);
  const parts = [generated, `# ${title}`, '[All commands](README.md)'];
  for (const def of known) parts.push(commandText(def));
  if (numbered.length > 0) {
    parts.push('## Numbered only');
    parts.push(
      'These exist in the numbering, but the Linux driver never sends them: the host answers NOT_SUPPORTED.',
    );
    const rows = numbered.map((def) => [
      String(def.id),
      channelWords[def.channel],
      def.name,
      def.summary.replace(/^Numbered only: /, ''),
    ]);
    parts.push(table(['number', 'channel type', 'name', 'by its name'], rows));
  }
  return `${parts.join('\n\n')}\n`;
}

function indexPage(): string {
  const rows: string[][] = [];
  for (const family of commandFamilies) {
    for (const def of family.commands) {
      const place = `${family.name}.md#${def.sent ? anchor(def.name) : 'numbered-only'}`;
      rows.push([String(def.id), channelWords[def.channel], `[${def.name}](${place})`, def.summary]);
    }
  }
  const order: Record<string, number> = { vGPU: 0, global: 1, 'from the host': 2 };
  rows.sort((a, b) => (order[a[1] ?? ''] ?? 0) - (order[b[1] ?? ''] ?? 0) || Number(a[0]) - Number(b[0]));
  const pages = commandFamilies.map(({ name, title }) => `- [${title}](${name}.md)`);
  const parts = [
    generated,
    '# Protocol reference',
    'Every message of the protocol, from the table that the code uses. Numbers are little endian; handles and statuses ' +
      'have 4 bytes. Offsets of requests count from the command header (24 bytes; from version 40 on 16 bytes of ' +
      'extended header precede it), offsets of replies from the first byte of the payload. Field names are those of the ' +
      'code; the names in C are the same in snake case. Tails follow the fixed part packed, without padding.',
    '## Pages',
    [
      ...pages,
      '- [Statuses](statuses.md)',
      '- [Enumerations](enums.md)',
      '- [Flags](flags.md)',
      '- [D3DKMT calls](calls.md)',
      '- [Codecs](codecs.md): packed, protobuf, C',
    ].join('\n'),
    '## Headers',
    headers(),
    '## Commands',
    table(['number', 'channel type', 'command', 'meaning'], rows),
  ];
  return `${parts.join('\n\n')}\n`;
}

function headers(): string {
  return [
    'Extended header, before every guest message from version 40 on, never in completions or host messages:',
    table(
      ['offset', 'field', 'type', 'content'],
      [
        ['0', 'commandOffset', 'u32', 'distance from here to the command header: 16; a receiver follows it'],
        ['4', 'reserved', 'u32', '0'],
        ['8', 'vgpuLuid', 'LUID', 'which virtual GPU is meant; 0 for global commands'],
      ],
    ),
    'Command header:',
    table(
      ['offset', 'field', 'type', 'content'],
      [
        ['0', 'commandId', 'u64', '0'],
        ['8', 'process', 'handle', "the host's handle of a process, or 0"],
        ['12', 'channelType', '8 bits', '0 vGPU, 1 global, 2 from the host'],
        ['12', 'asyncMsg', 'bit 8', 'no completion is wanted'],
        ['16', 'commandType', 'u32', 'the number of the command'],
        ['20', '', '4 bytes', '0'],
      ],
    ),
  ].join('\n\n');
}

function statusPage(): string {
  const rows = Object.values(NtStatus).map((status) => {
    const [name] = describeNtStatus(status).split(' ');
    const result = ntStatusToErrno(status);
    return [
      name ?? '',
      `0x${status.toString(16).padStart(8, '0')}`,
      result >= 0 ? `${hex(result)} (positive)` : String(result),
    ];
  });
  const text =
    'What the Linux driver makes of each status: its ioctl result. Any other negative status gives -22 (EINVAL).';
  return `${[generated, '# Statuses', text, table(['status', 'value', 'ioctl result'], rows)].join('\n\n')}\n`;
}

function enumPage(): string {
  const parts = [generated, '# Enumerations'];
  for (const { exportName, name, values, headerCount } of enumerations) {
    parts.push(`## ${exportName}`, `C name: \`${name}\`.`);
    const rows = Object.entries(values).map(([key, value], index) => [
      key,
      value > 0x7fffffff ? hex(value) : String(value),
      index < headerCount ? '' : 'not in the driver: numbering of user-mode code',
    ]);
    parts.push(table(['name', 'value', ''], rows));
  }
  return `${parts.join('\n\n')}\n`;
}

function flagPage(): string {
  const parts = [
    generated,
    '# Flags',
    'Words of bit-fields, from bit 0 upwards. A value is the whole word as a number.',
  ];
  for (const { exportName, name, readings, sizeBytes } of flagStructs) {
    parts.push(`## ${exportName}`, `${name === '' ? '' : `C name: \`${name}\`, `}${8 * sizeBytes} bits.`);
    readings.forEach((bits, index) => {
      if (index > 0) parts.push('Read another way:');
      const rows = bits.map(({ name: bit, shift, width }) => [
        width === 1 ? String(shift) : `${shift}..${shift + width - 1}`,
        bit,
      ]);
      parts.push(table(['bits', 'name'], rows));
    });
  }
  return `${parts.join('\n\n')}\n`;
}

function callPage(): string {
  const places = new Map<string, string>();
  for (const { name, commands } of commandFamilies) {
    for (const def of commands) places.set(def.name, `[${def.name}](${name}.md#${anchor(def.name)})`);
  }
  const rows = ioctls.map(({ number, name, argument, request, sends }) => [
    `0x${number.toString(16).padStart(2, '0')}`,
    name,
    `0x${request.toString(16)}`,
    `\`${argument.name}\`, ${argument.sizeBytes}`,
    sends.length === 0
      ? 'nothing: answered in the guest'
      : sends.map((command) => places.get(command)).join(', '),
  ]);
  const text =
    'The ioctls of the Linux driver: D3DKMT calls without the prefix. Commands are those that a call may send, on its way or when it fails.';
  const heads = ['number', 'call', 'request code', 'argument, bytes', 'sends'];
  return `${[generated, '# D3DKMT calls', text, table(heads, rows)].join('\n\n')}\n`;
}

/** Every page: file name to content. */
export function referencePages(): Map<string, string> {
  const pages = new Map([
    ['README.md', indexPage()],
    ['statuses.md', statusPage()],
    ['enums.md', enumPage()],
    ['flags.md', flagPage()],
    ['calls.md', callPage()],
    ['codecs.md', `${generated}\n\n${codecsPage}`],
  ]);
  for (const { name, title, commands } of commandFamilies)
    pages.set(`${name}.md`, familyPage(title, commands));
  return pages;
}
