import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { dxgwire, HostProcess } from './test-support/dxgwire.ts';

const isLinux = process.platform === 'linux';

const OPEN = 'const device = await (await navigator.gpu.requestAdapter()).requestDevice();\n';

describe('a program that has run ends as it does with Dawn in its process', () => {
  let host: HostProcess;
  let folder: string;
  let programs = 0;

  before(async () => {
    host = await HostProcess.start([]);
    folder = mkdtempSync(join(tmpdir(), 'dxgwire-ending-'));
  });
  after(async () => {
    rmSync(folder, { recursive: true, force: true });
    await host.stop();
  });

  async function run(source: string, ways: readonly string[] = [], environment?: Record<string, string>) {
    programs += 1;
    const path = join(folder, `program-${programs}.mjs`);
    writeFileSync(path, source);
    const link = ways.length === 0 ? ['--connect', host.url] : ways;
    const { code, stdout, stderr } = await dxgwire(['run', ...link, path], environment);
    return { code, stdout, stderr };
  }

  for (const ways of [[], ['--local'], ['--in-process'], ['--in-worker']]) {
    it(`hears nothing of a loss, and once of its end (${ways[0] ?? '--connect'})`, async () => {
      const source = `${OPEN}
        device.lost.then(({ reason }) => console.log('lost', reason));
        process.on('exit', (code) => console.log('exit', code));
        device.queue.submit([]);
        await device.queue.onSubmittedWorkDone();`;
      assert.deepEqual(await run(source, ways), { code: 0, stdout: 'exit 0\n', stderr: '' });
      const listening = `${source} process.on('beforeExit', () => console.log('nothing left'));`;
      const stdout = 'nothing left\nexit 0\n';
      assert.deepEqual(await run(listening, ways), { code: 0, stdout, stderr: '' });
    });
  }

  it('may go on in beforeExit', async () => {
    const source = `${OPEN}
      let left = 2;
      process.on('beforeExit', async () => {
        if (left === 0) return;
        left -= 1;
        const buffer = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ });
        await buffer.mapAsync(GPUMapMode.READ);
        console.log('mapped', left);
      });`;
    assert.deepEqual(await run(source), { code: 0, stdout: 'mapped 1\nmapped 0\n', stderr: '' });
  });

  it('is told of all errors before it ends, also of a device that it destroyed', async () => {
    const source = `${OPEN}
      device.onuncapturederror = (event) => {
        console.log(event.error.constructor.name);
        event.preventDefault();
      };
      device.createBuffer({ size: 4, usage: 0 });`;
    const expected = { code: 0, stdout: 'GPUValidationError\n', stderr: '' };
    assert.deepEqual(await run(source), expected);
    assert.deepEqual(await run(`${source} device.destroy();`), expected);
  });

  it('is told of all errors before what it throws ends it, as a module, later, and in a promise', async () => {
    const body = `
      device.onuncapturederror = (event) => {
        console.log(event.error.constructor.name);
        event.preventDefault();
      };
      process.on('exit', (code) => console.log('exit', code));
      device.createBuffer({ size: 4, usage: 0 });`;
    const told = 'GPUValidationError\nexit 1\n';
    for (const source of [
      `${OPEN}${body} throw new Error('mine');`,
      `${OPEN} setTimeout(() => {${body} throw new Error('mine'); });`,
      `${OPEN} setTimeout(async () => {${body} throw new Error('mine'); });`,
    ]) {
      const { code, stdout, stderr } = await run(source);
      assert.deepEqual({ code, stdout }, { code: 1, stdout: told }, source);
      assert.match(stderr, /^dxgwire: .* threw Error: mine \(.*\)\n$/);
    }
    // Nothing is owed: what follows the error is not come to.
    const prompt = await run(`${OPEN} setTimeout(() => console.log('too late')); throw new Error('mine');`);
    assert.equal(prompt.stdout, '');
  });

  it('is told of all errors within process.exit(), where a thread can wait for the host', {
    skip: !isLinux,
  }, async () => {
    const source = `${OPEN}
      device.onuncapturederror = (event) => {
        console.log(event.error.constructor.name);
        event.preventDefault();
      };
      process.on('exit', (code) => console.log('exit', code));
      device.createBuffer({ size: 4, usage: 0 });
      device.createTexture({ size: [0], format: 'rgba8unorm', usage: 1 });
      if (false) device.destroy();
      process.exit(3);`;
    const places = [
      `shm:${join(folder, 'gpu.sock')}`,
      `unix:${join(folder, 'unix.sock')}`,
      'tcp:127.0.0.1:0',
    ];
    const hosts = await Promise.all(places.map((place) => HostProcess.start(['--listen', place])));
    const expected = { code: 3, stdout: 'GPUValidationError\nGPUValidationError\nexit 3\n', stderr: '' };
    const urls = [host.url, ...hosts.map(({ url }) => url)];
    const destroyed = source.replace('false', 'true');
    for (const ways of [['--local'], ['--in-worker'], ...urls.map((url) => ['--connect', url])]) {
      const name = ways.join(' ');
      const isOne = /tcp:|unix:/.test(name);
      const traced = ['--trace', join(folder, 'exit.dxgcap'), ...ways];
      const runs = [
        run(source, ways),
        ...(isOne ? [] : [run(destroyed, ways)]),
        ...(isOne || name === '--local' ? [] : [run(source, traced)]),
      ];
      for (const [index, result] of (await Promise.all(runs)).entries())
        assert.deepEqual(result, expected, `${name}, run ${index}`);
    }
    await Promise.all(hosts.map((each) => each.stop()));
  });

  it('a worker is told of all errors before it ends', async () => {
    const source = `import { isMainThread, Worker } from 'node:worker_threads';
      if (isMainThread) new Worker(new URL(import.meta.url));
      else {
        ${OPEN}
        device.lost.then(() => console.log('lost'));
        device.onuncapturederror = (event) => {
          console.log(event.error.constructor.name);
          event.preventDefault();
        };
        device.createBuffer({ size: 4, usage: 0 });
      }`;
    assert.deepEqual(await run(source), { code: 0, stdout: 'GPUValidationError\n', stderr: '' });
  });

  it('leaves no folder behind when it ends in the middle', async () => {
    const own = mkdtempSync(join(folder, 'temporary-'));
    const source = 'await navigator.gpu.requestAdapter(); process.exit(3);';
    const { code } = await run(source, ['--in-worker', '--backend', 'reference'], { TMPDIR: own });
    assert.equal(code, 3);
    assert.deepEqual(readdirSync(own), []);
  });
});
