import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { commands } from './registry.ts';
import type { CommandDef } from './schema/command.ts';

/** The published C header: compiled where there is a compiler, and held against the facts file. */

const folder = fileURLToPath(new URL('..', import.meta.url));
const header = readFileSync(new URL('../dxgwire_protocol.h', import.meta.url), 'utf8');

interface Facts {
  readonly structs: Readonly<
    Record<
      string,
      {
        readonly size: number;
        readonly align: number;
        readonly fields: readonly {
          readonly name: string;
          readonly offset: number;
          readonly size: number;
          readonly bits?: object;
        }[];
      }
    >
  >;
}

const factsFile = new URL('../../../test/fixtures/dxgkrnl-abi.json', import.meta.url);
const { structs } = JSON.parse(readFileSync(factsFile, 'utf8')) as Facts;

/** A program whose assertions are the facts' sizes, alignments and offsets, not the header's own. */
function program(assertion: string, alignment: string): { source: string; checked: number } {
  const lines = ['#include "dxgwire_protocol.h"'];
  let checked = 0;
  for (const [name, { size, align, fields }] of Object.entries(structs)) {
    const type = `struct dxgwire_${name.replace(/\W+/g, '_')}`;
    if (!header.includes(`${type} {`)) continue;
    checked++;
    lines.push(`${assertion}(sizeof(${type}) == ${size}, "${name}");`);
    lines.push(`${assertion}(${alignment}(${type}) == ${align}, "${name}");`);
    for (const field of fields) {
      if (field.bits !== undefined) continue;
      lines.push(
        `${assertion}(offsetof(${type}, ${field.name}) == ${field.offset}, "${name}.${field.name}");`,
      );
      lines.push(
        `${assertion}(sizeof(((${type} *)0)->${field.name}) == ${field.size}, "${name}.${field.name}");`,
      );
    }
  }
  return { source: `${lines.join('\n')}\n`, checked };
}

const compilers = [
  { command: 'cc', flags: ['-std=c11', '-xc'], assertion: '_Static_assert', alignment: '_Alignof' },
  { command: 'c++', flags: ['-std=c++17', '-xc++'], assertion: 'static_assert', alignment: 'alignof' },
];

for (const { command, flags, assertion, alignment } of compilers) {
  const isPresent = spawnSync(command, ['--version']).status === 0;
  test(`the header compiles with ${command}, and its layouts are the facts'`, { skip: !isPresent }, () => {
    const { source, checked } = program(assertion, alignment);
    assert.ok(checked > 90, `${checked} structures`);
    const options = [...flags, '-Wall', '-Wextra', '-Werror', '-fsyntax-only', `-I${folder}`, '-'];
    const { status, stderr } = spawnSync(command, options, { input: source, encoding: 'utf8' });
    assert.equal(status, 0, stderr.slice(0, 4000));
  });
}

test('the header has every command number and no name twice', () => {
  for (const { name, channel, id } of Object.values(commands) as CommandDef[]) {
    const macro = `DXGWIRE_${channel}_CMD_${name.replace(/([a-z0-9])([A-Z])/g, '$1_$2')}`.toUpperCase();
    const found = new RegExp(`^#define ${macro} +(\\d+)u$`, 'm').exec(header);
    assert.equal(Number(found?.[1]), id, macro);
  }
  const names = [...header.matchAll(/^#define (\w+)/gm)].map(([, name]) => name);
  const twice = names.filter((name, index) => names.indexOf(name) !== index && name !== 'DXGWIRE_ASSERT');
  assert.deepEqual(twice, []);
});
