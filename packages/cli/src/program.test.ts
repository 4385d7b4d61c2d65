import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { dxgwire } from './test-support/dxgwire.ts';

describe('what dxgwire run says of a program that fails', () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'dxgwire-program-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function program(name: string, source: string): string {
    const path = join(folder, name);
    writeFileSync(path, source);
    return path;
  }

  const run = (path: string) => dxgwire(['run', '--in-process', '--backend', 'reference', path]);

  it('says in one line what a program threw, and where', async () => {
    const { code, stdout, stderr } = await run(
      program('throws.mjs', "console.log('before');\nthrow new TypeError('no such thing');\n"),
    );
    assert.equal(code, 1);
    assert.equal(stdout, 'before\n');
    assert.match(stderr, /^dxgwire: .*throws\.mjs threw TypeError: no such thing \(.*throws\.mjs:2:\d+\)\n$/);
  });

  it('says in one line what a program threw later', async () => {
    const { code, stderr } = await run(
      program('throws-later.mjs', "setTimeout(() => {\n  throw new Error('too late');\n});\n"),
    );
    assert.equal(code, 1);
    assert.match(stderr, /^dxgwire: .*throws-later\.mjs threw Error: too late \(.*:2:\d+\)\n$/);
  });

  it('says in one line which promise of a program was rejected', async () => {
    const { code, stderr } = await run(
      program('rejects.mjs', "void Promise.reject(new RangeError('off'));\n"),
    );
    assert.equal(code, 1);
    assert.match(stderr, /^dxgwire: .*rejects\.mjs threw RangeError: off .*\n$/);
  });

  it('shows thrown values that are no errors', async () => {
    const object = await run(program('throws-object.mjs', 'throw { reason: 7 };\n'));
    assert.equal(object.code, 1);
    assert.match(object.stderr, /^dxgwire: .*throws-object\.mjs threw \{ reason: 7 \}\n$/);
    const nothing = await run(program('rejects-nothing.mjs', 'void Promise.reject(undefined);\n'));
    assert.equal(nothing.code, 1);
    assert.match(nothing.stderr, /^dxgwire: .*rejects-nothing\.mjs threw in a promise: undefined\n$/);
  });

  it('says in one line what cannot be compiled, and where', async () => {
    program('broken.mjs', 'let x = 1;\nlet y = ;\n');
    program('broken.cjs', 'let x = 1;\nlet y = ;\n');
    mkdirSync(join(folder, 'with a space'));
    for (const [name, text, place] of [
      ['broken.mjs', null, 'broken\\.mjs:2'],
      ['imports.cjs', "require('./broken.cjs');", 'broken\\.cjs:2'],
      ['with a space/throws.cjs', "throw new SyntaxError('mine');", 'with a space/throws\\.cjs:1:7'],
    ] as const) {
      const path = text === null ? join(folder, name) : program(name, text);
      const { code, stderr } = await run(path);
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`^dxgwire: .* threw SyntaxError: .* \\(\\S.*${place}\\)\n$`));
    }
  });

  it('names no place in Node itself', async () => {
    const { code, stderr } = await run(program('imports.mjs', "import 'no-such-package';\n"));
    assert.equal(code, 1);
    assert.match(stderr, /Cannot find package 'no-such-package' imported from \S*imports\.mjs\n$/);
  });
});
