import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { bin, dxgwire, node } from './test-support/dxgwire.ts';

const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

describe('dxgwire', () => {
  it('prints its version', async () => {
    assert.deepEqual(await dxgwire(['--version']), {
      code: 0,
      signal: null,
      stdout: `${manifest.version}\n`,
      stderr: '',
    });
  });

  it('lists its commands for --help', async () => {
    const { code, stdout } = await dxgwire(['--help']);
    assert.equal(code, 0);
    for (const name of ['host', 'run', 'info', 'trace']) assert.match(stdout, new RegExp(`^  ${name} `, 'm'));
  });

  for (const name of ['host', 'run', 'info', 'trace']) {
    it(`explains ${name} for --help`, async () => {
      const { code, stdout, stderr } = await dxgwire([name, '--help']);
      assert.equal(code, 0);
      assert.match(stdout, new RegExp(`^dxgwire ${name}: .*\n\nUsage: dxgwire ${name} `));
      assert.equal(stderr, '');
    });

    it(`refuses an unknown option of ${name} in one line`, async () => {
      const { code, stdout, stderr } = await dxgwire([name, '--nonsense']);
      assert.equal(code, 2);
      assert.equal(stdout, '');
      assert.equal(stderr, `dxgwire: Unknown option '--nonsense'; see \`dxgwire ${name} --help\`\n`);
    });
  }

  it('says where options of Node belong', async () => {
    const { code, stderr } = await dxgwire(['run', '--in-process', '--enable-source-maps', 'program.mjs']);
    assert.equal(code, 2);
    assert.equal(stderr, "dxgwire: --enable-source-maps is an option of Node's: give it in NODE_OPTIONS\n");
  });

  it('shows the commands when none is given', async () => {
    const { code, stderr } = await dxgwire([]);
    assert.equal(code, 2);
    assert.match(stderr, /^Usage: dxgwire COMMAND/m);
  });

  it('refuses an unknown command in one line', async () => {
    const { code, stderr } = await dxgwire(['hots']);
    assert.equal(code, 2);
    assert.equal(stderr, 'dxgwire: there is no command "hots"; see `dxgwire --help`\n');
  });

  it('does not take what objects inherit for a command', async () => {
    assert.equal((await dxgwire(['constructor'])).code, 2);
  });

  it('says which Node it needs when it runs on an older one', async () => {
    const script = `
      Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.19.0' } });
      await import(${JSON.stringify(pathToFileURL(bin).href)});`;
    const { code, stderr } = await node(['--input-type=module', '--eval', script]);
    assert.equal(code, 1);
    assert.match(stderr, /^dxgwire: Node 18\.19\.0 is too old; it needs Node 20\.11 or newer .*\n$/);
  });

  it('shows stacks only when DXGWIRE_DEBUG=1 asks for them', async () => {
    assert.doesNotMatch((await dxgwire(['hots'])).stderr, /\n +at /);
    assert.match((await dxgwire(['hots'], { DXGWIRE_DEBUG: '1' })).stderr, /\n +at /);
  });
});
