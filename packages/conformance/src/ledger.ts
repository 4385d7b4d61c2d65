import { guestRules } from './guest/rules.ts';
import { hostRequirements } from './host/requirements.ts';
import type { Requirement } from './requirement.ts';

/** The page of all requirements: written from the very tables that the kit runs. */

const GROUPS: Readonly<Record<string, string>> = {
  BRING: 'Bring-up',
  PACKET: 'Packets, transactions, order',
  UNSENT: 'Commands that no Linux guest sends',
  ANSWER: 'Each command, used rightly',
  LENGTH: 'Length and padding of answers',
  FAILURE: 'How commands fail',
  PROCESS: 'Processes in headers',
  HANDLE: 'Wrong handles',
  STALE: 'Dead handles',
  TRAILING: 'Bytes behind messages',
  FIELDS: 'A value in every field',
  CUT: 'Messages cut short',
  NAME: 'Handles that a host gives',
  SYNC: 'Fences, waits, events',
  PAGE: 'Pages of fences',
  QUEUE: 'Contexts, queues, device loss',
  MEMORY: 'Allocations, residency, addresses',
  LIFE: 'Sharing and lifetimes',
};

function table(requirements: readonly Requirement[]): string[] {
  const rows = requirements.map(({ id, text, source, level }) => {
    const optional = level === 'should' ? ' *(optional)*' : '';
    return `| ${id} | ${text}${optional} | ${source} |`;
  });
  return ['| number | requirement | source |', '|---|---|---|', ...rows];
}

/** The Markdown of docs/protocol/requirements.md. */
export function requirementsPage(): string {
  const lines = [
    '# Requirements',
    '',
    '<!-- Written by `pnpm docs` from the tables of packages/conformance. Do not edit. -->',
    '',
    'What a host and a guest must do, as far as it can be seen from outside. `dxgwire conformance` tests each of them',
    '([conformance](../conformance.md)); its number is that of the test. Sources are sections of the description of the protocol that this project was',
    'built from, and numbered observations of the Linux driver. A number with a G stands for a global command.',
    '',
    `Host: ${hostRequirements.length} requirements. Guest: ${guestRules.length} requirements.`,
    '',
    '## Host',
  ];
  for (const group of new Set(hostRequirements.map((requirement) => requirement.group))) {
    lines.push('', `### ${GROUPS[group] ?? group}`, '');
    lines.push(...table(hostRequirements.filter((requirement) => requirement.group === group)));
  }
  lines.push('', '## Guest', '', ...table(guestRules), '');
  return lines.join('\n');
}
