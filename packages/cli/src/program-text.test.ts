import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { dxgwire, node } from './test-support/dxgwire.ts';

describe('dxgwire run with a text', () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'dxgwire-text-'));
    writeFileSync(join(folder, 'part.mjs'), 'export const part = 42;\n');
    writeFileSync(join(folder, 'part.cjs'), 'module.exports = 43;\n');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const ways = ['--in-process', '--backend', 'reference'];
  const evaluate = (text: string, ...args: string[]) =>
    dxgwire(['run', ...ways, '--eval', text, ...args], {}, { cwd: folder });
  const input = (text: string, ...args: string[]) =>
    dxgwire(['run', ...ways, '-', ...args], {}, { cwd: folder, input: text });

  const SCRIPT = `var all = [process.argv.slice(1), typeof require, __filename, require('./part.cjs'), globalThis.all === all];
    import('./part.mjs').then(({ part }) => console.log(JSON.stringify([...all, part])));`;

  it('evaluates a script as Node does, given or from standard input', async () => {
    const given = await evaluate(SCRIPT, 'one', '--two');
    const expected = await node(['--eval', SCRIPT, '--', 'one', '--two'], {}, { cwd: folder });
    assert.deepEqual(given, expected);
    assert.deepEqual(JSON.parse(given.stdout), [['one', '--two'], 'function', '[eval]', 43, true, 42]);
    const read = await input(SCRIPT, 'one', '--two');
    assert.deepEqual(read, await node(['-', 'one', '--two'], {}, { cwd: folder, input: SCRIPT }));
    assert.deepEqual(JSON.parse(read.stdout)[0], ['-', 'one', '--two']);
  });

  it('evaluates what can only be a module as one, which imports from the current folder', async () => {
    const text = `import { part } from './part.mjs';
      console.log(part, import.meta.url, typeof (await navigator).gpu, typeof require);`;
    const stdout = `42 ${pathToFileURL(join(folder, '/')).href}[eval1] object undefined\n`;
    for (const result of [await input(text), await evaluate(text)])
      assert.deepEqual(result, { code: 0, signal: null, stdout, stderr: '' });
  });

  it('passes exit codes through, and says in one line what is thrown and where', async () => {
    assert.equal((await evaluate('process.exit(7)')).code, 7);
    const thrown = await input("let x = 1;\nthrow new RangeError('off');\n");
    assert.equal(thrown.code, 1);
    assert.match(thrown.stderr, /^dxgwire: \[stdin\] threw RangeError: off \(\[stdin\]:2(:\d+)?\)\n$/);
    const broken = await evaluate('let x = 1;\nlet y = ;');
    assert.equal(broken.code, 1);
    assert.match(broken.stderr, /^dxgwire: \[eval\] threw SyntaxError: .* \(\[eval\]:2\)\n$/);
    assert.equal((await input('await new Promise(() => {});')).code, 13);
  });
});
