import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { dxgwire, HostProcess } from './test-support/dxgwire.ts';

/** Says what a process finds, and nothing of it in its environment. */
const CHILD = `
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter.requestDevice();
  const { NODE_OPTIONS = 'none', DXGWIRE_PROGRAM = 'none', OWN = 'none' } = process.env;
  console.log(device instanceof GPUDevice, GPUBufferUsage.MAP_READ, NODE_OPTIONS, DXGWIRE_PROGRAM, OWN);
`;
const FOUND = 'true 1 none none';

describe('Node processes that a program starts have a GPU', () => {
  let host: HostProcess;
  let folder: string;

  before(async () => {
    host = await HostProcess.start([]);
    folder = join(mkdtempSync(join(tmpdir(), 'dxgwire-children-')), 'ein Ordner ü');
    mkdirSync(folder);
    writeFileSync(join(folder, 'child.mjs'), CHILD);
  });
  after(async () => {
    rmSync(join(folder, '..'), { recursive: true, force: true });
    await host.stop();
  });

  async function run(source: string, ways: readonly string[] = ['--connect', host.url]) {
    const path = join(folder, 'program.mjs');
    writeFileSync(path, `const child = ${JSON.stringify(join(folder, 'child.mjs'))};\n${source}`);
    const { code, stdout, stderr } = await dxgwire(['run', ...ways, path]);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    return stdout;
  }

  it('however they are started, with an environment of their own too', async () => {
    const found = `${FOUND} mine`;
    const stdout = await run(`
      import { once } from 'node:events';
      import { fork, spawn, spawnSync, execFileSync, execSync, exec, execFile } from 'node:child_process';
      import { promisify } from 'node:util';
      const env = { OWN: 'mine' };
      const { execPath } = process;
      const all = { env: { ...process.env, ...env } };
      await once(fork(child, { env }), 'exit');
      await once(spawn(execPath, [child], { env, stdio: 'inherit' }), 'exit');
      process.stdout.write((await promisify(execFile)(execPath, [child], { env })).stdout);
      process.stdout.write((await promisify(exec)(\`"\${execPath}" "\${child}"\`, all)).stdout);
      process.stdout.write(spawnSync(execPath, [child], { env }).stdout);
      process.stdout.write(execFileSync(execPath, [child], { env }));
      process.stdout.write(execSync(\`"\${execPath}" "\${child}"\`, all));
      console.log(spawnSync.name, execSync.length, process.env.NODE_OPTIONS ?? 'none');
    `);
    assert.equal(stdout, `${`${found}\n`.repeat(7)}spawnSync 2 none\n`);
  });

  it('without options too, and their children and workers', async () => {
    writeFileSync(
      join(folder, 'parent.cjs'),
      `const { spawnSync } = require('node:child_process');
      const { Worker, isMainThread } = require('node:worker_threads');
      const child = require('node:path').join(__dirname, 'child.mjs');
      console.log(require.main === module, typeof navigator.gpu, process.execArgv.length);
      process.stdout.write(spawnSync(process.execPath, [child]).stdout);
      if (isMainThread) new Worker(__filename).on('exit', () => console.log('end'));`,
    );
    const stdout = await run(`
      import { execFileSync } from 'node:child_process';
      process.stdout.write(execFileSync(process.execPath, [child.replace('child.mjs', 'parent.cjs')]));
    `);
    const found = `${FOUND} none\n`;
    assert.equal(stdout, `true object 0\n${found}true object 0\n${found}end\n`);
  });

  it('wherever the host is', async () => {
    const source = `
      import { once } from 'node:events';
      import { spawn } from 'node:child_process';
      await navigator.gpu.requestAdapter();
      await once(spawn(process.execPath, [child], { stdio: 'inherit' }), 'exit');
    `;
    for (const way of ['--in-process', '--in-worker', '--local'])
      assert.equal(await run(source, [way]), `${FOUND} none\n`, way);
  });

  it('also where they replace the clock or put something else in its place before they look for it', async () => {
    writeFileSync(
      join(folder, 'clock.mjs'),
      `performance.now = () => 0;
      globalThis.setTimeout = globalThis.setInterval = () => { throw new Error('a fake timer'); };
      globalThis.GPUBuffer = 'mine';
      const names = ['GPUDevice', 'GPUBuffer'].map((name) => Object.getOwnPropertyDescriptor(globalThis, name));
      console.log(names.map(({ configurable, enumerable }) => [configurable, enumerable].join()).join(' '), GPUBuffer);
      await import('./child.mjs');
      console.log(Object.getOwnPropertyDescriptor(navigator, 'gpu').value === navigator.gpu, GPUBuffer);`,
    );
    const stdout = await run(`
      import { execFileSync } from 'node:child_process';
      process.stdout.write(execFileSync(process.execPath, [child.replace('child.mjs', 'clock.mjs')]));
    `);
    assert.equal(stdout, `true,false true,false mine\n${FOUND} none\ntrue mine\n`);
  });

  it('also where a translator of modules stands before or behind us', async () => {
    // Makes CommonJS of each module that is required, as some do: of ours a second copy would come about.
    writeFileSync(
      join(folder, 'translator.cjs'),
      `const Module = require('node:module');
      const { readFileSync } = require('node:fs');
      Module._extensions['.js'] = (module, filename) => {
        const text = readFileSync(filename, 'utf8');
        if (/^(import|export) /m.test(text)) throw new Error('asked to translate ' + filename);
        module._compile(text, filename);
      };`,
    );
    const stdout = await run(`
      import { execFileSync } from 'node:child_process';
      import { pathToFileURL } from 'node:url';
      const translator = child.replace('child.mjs', 'translator.cjs');
      for (const options of [['--require', translator], ['--import', pathToFileURL(translator).href]])
        process.stdout.write(execFileSync(process.execPath, [...options, child]));
    `);
    assert.equal(stdout, `${FOUND} none\n`.repeat(2));
  });

  it('and keep the options that the program gives them', async () => {
    writeFileSync(join(folder, 'first.mjs'), "console.log('first', typeof navigator.gpu);");
    const stdout = await run(`
      import { spawnSync } from 'node:child_process';
      import { pathToFileURL } from 'node:url';
      const first = pathToFileURL(child.replace('child.mjs', 'first.mjs')).href;
      const env = { NODE_OPTIONS: '--no-warnings --import ' + first };
      const { stdout } = spawnSync(process.execPath, ['-p', 'process.env.NODE_OPTIONS'], { env, encoding: 'utf8' });
      console.log(stdout.replaceAll(first, 'FIRST').trim());
      try { spawnSync(process.execPath, 'wrong'); } catch (error) { console.log(error.code); }
      try { spawnSync(5); } catch (error) { console.log(error.code); }
    `);
    const wrong = 'ERR_INVALID_ARG_TYPE\n';
    assert.equal(stdout, `first object\n--no-warnings --import FIRST\n${wrong}${wrong}`);
  });
});
