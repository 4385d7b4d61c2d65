import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { linkMessages } from '@dxgwire/transport/testing';

/**
 * Writes packages/transport/dxgwire-link.proto, the control messages of links, from the table that the code uses. With
 * `--check` it only tells whether the file is what would be written (exit status 1 and a line when not).
 */

const path = join(dirname(fileURLToPath(import.meta.url)), '../../packages/transport/dxgwire-link.proto');

type Type = keyof typeof linkMessages;
interface Field {
  readonly id: number;
  readonly kind: string;
  readonly fields?: { readonly [name: string]: Field };
}

/** What each message is for: a line of the file. */
const MEANINGS: Readonly<Record<Type, string>> = {
  hello:
    'Guest, first. No token: empty. To go on with a session: its name, and how many bytes of its frames have come, in two halves.',
  welcome:
    'Host, in answer. is_resumed 1: goes on with the session; received: how many bytes of its frames the host has. heartbeat_ms 0: none.',
  refused: 'Host, in answer and last: "refused", "version-mismatch" or "time-out", and why.',
  offer: 'Host: a further channel.',
  rescind: 'Host: the channel is no longer offered, and closed where it was open.',
  channelOpen: 'Guest: opens a channel that is offered.',
  channelOpened: 'Host, in answer: open where code is empty. Packets may follow at once.',
  channelClose: 'Either side, answered with the same. An empty code is an orderly end.',
  pciWrite: 'Guest: writes 32 bits of configuration space of the PCI function that came with an offer.',
  pciConfig: 'Host, in answer: the configuration space as it is now.',
  gpadlCreate:
    'Guest: names pages that lie in its blocks by a number of its choice: threes of page number low, page number high, pages.',
  gpadlCreated: 'Host, in answer: there where code is empty.',
  gpadlTeardown: 'Guest: the name is needed no more.',
  gpadlTornDown: 'Host, in answer, when nothing of its uses those pages any more.',
  memoryBlock:
    'Guest: takes pages of 4096 bytes into use; the host mirrors them from now on, as zeros first.',
  memoryBlockFree: 'Guest: gives the block at that page back.',
  close: 'Either side, last: an empty code is an orderly end, and answered with the same.',
};

const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const pascal = (name: string) => name[0]!.toUpperCase() + name.slice(1);
const SCALARS: Readonly<Record<string, string>> = {
  uint32: 'uint32',
  string: 'string',
  bytes: 'bytes',
  strings: 'repeated string',
  packed: 'repeated uint32',
};

/** What messages within messages are called. */
const PARTS: Readonly<Record<string, string>> = {
  limits: 'Limits',
  offer: 'OfferedChannel',
  offers: 'OfferedChannel',
  pci: 'PciFunction',
};
/** Those that fields have used, by name; each is written once. */
const parts = new Map<string, string>();

function fieldText(name: string, field: Field): string {
  const scalar = SCALARS[field.kind];
  if (scalar !== undefined) return `  ${scalar} ${snake(name)} = ${field.id};\n`;
  const repeated = field.kind === 'messages';
  const part = PARTS[name] ?? pascal(name);
  if (!parts.has(part)) parts.set(part, messageText(part, field.fields ?? {}));
  return `  ${repeated ? 'repeated ' : ''}${part} ${snake(name)} = ${field.id};\n`;
}

function messageText(name: string, fields: { readonly [name: string]: Field }): string {
  const lines = Object.entries(fields).map(([field, described]) => fieldText(field, described));
  return `message ${name} {\n${lines.join('')}}\n`;
}

const types = Object.keys(linkMessages) as Type[];
const bodies = types.map(
  (type) => `// ${MEANINGS[type]}\n${messageText(pascal(type), linkMessages[type].fields)}`,
);
const union = types
  .map((type) => `    ${pascal(type)} ${snake(type)} = ${linkMessages[type].id};\n`)
  .join('');
const text = `// Control messages of links (docs/link-protocol.md): the payload of frames of kind 1 on channel 0 is one LinkMessage.
// Generated from packages/transport/src/link/messages.ts by "pnpm docs". Fields that are not known are skipped.
syntax = "proto3";

package dxgwire.link;

message LinkMessage {
  oneof body {
${union}  }
}

${[...bodies, ...parts.values()].join('\n')}`;

let before = '';
try {
  before = readFileSync(path, 'utf8');
} catch {
  // Not there yet.
}
if (!process.argv.includes('--check')) {
  if (before !== text) writeFileSync(path, text);
  process.stdout.write(`dxgwire-link.proto: ${before === text ? 'fresh' : 'written'}\n`);
} else if (before !== text) {
  process.stderr.write(
    'packages/transport/dxgwire-link.proto is stale: run "pnpm docs" and commit the result\n',
  );
  process.exitCode = 1;
}
