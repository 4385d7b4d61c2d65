import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bin, dxgwire, HostProcess, node, takePort } from '../test-support/dxgwire.ts';

const isLinux = process.platform === 'linux';

describe('dxgwire run', () => {
  let host: HostProcess;
  let folder: string;

  before(async () => {
    host = await HostProcess.start(['--backend', 'reference']);
    folder = mkdtempSync(join(tmpdir(), 'dxgwire-run-'));
  });
  after(async () => {
    rmSync(folder, { recursive: true, force: true });
    await host.stop();
  });

  function program(name: string, source: string): string {
    const path = join(folder, name);
    writeFileSync(path, source);
    return path;
  }

  function run(path: string, ...args: string[]) {
    return dxgwire(['run', '--connect', host.url, path, ...args]);
  }

  it('gives a program its own arguments, also those that look like options', async () => {
    const path = program('arguments.mjs', 'console.log(JSON.stringify(process.argv.slice(1)));');
    const { code, stdout, stderr } = await run(path, 'one', '--help', '--connect', '-x');
    assert.equal(stderr, '');
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), [path, 'one', '--help', '--connect', '-x']);
  });

  it('provides navigator.gpu and the WebGPU constants and classes', async () => {
    const path = program(
      'globals.mjs',
      `console.log(JSON.stringify([
        typeof navigator.gpu.requestAdapter, GPUBufferUsage.MAP_READ, GPUShaderStage.COMPUTE, typeof GPUDevice,
      ]));`,
    );
    const { code, stdout } = await run(path);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), ['function', 1, 4, 'function']);
  });

  it('runs CommonJS programs', async () => {
    const path = program(
      'common.cjs',
      "console.log(require('node:path').basename(__filename), typeof navigator.gpu);",
    );
    const { code, stdout } = await run(path);
    assert.deepEqual({ code, stdout }, { code: 0, stdout: 'common.cjs object\n' });
  });

  it('runs a program as the main module, whatever it is written in', async () => {
    const common = `console.log(require.main === module, module.id, process.argv[1] === __filename);`;
    for (const name of ['main.cjs', 'main.js']) {
      const { code, stdout } = await run(program(name, common));
      assert.deepEqual({ code, stdout }, { code: 0, stdout: 'true . true\n' }, name);
    }
    const source = `import { fileURLToPath } from 'node:url';
      console.log(import.meta.main ?? true, fileURLToPath(import.meta.url) === process.argv[1]);`;
    mkdirSync(join(folder, 'module'));
    program('module/package.json', '{ "type": "module" }');
    for (const name of ['main.mjs', 'module/main.js']) {
      const { code, stdout } = await run(program(name, source));
      assert.deepEqual({ code, stdout }, { code: 0, stdout: 'true true\n' }, name);
    }
  });

  it('runs TypeScript where Node does, and says what to do where it does not', async () => {
    const path = program(
      'typed.mts',
      "const what: string = 'typed';\nconsole.log(what, typeof navigator.gpu);\n",
    );
    const { code, stdout, stderr } = await run(path);
    if ((process.features as { typescript?: unknown }).typescript) {
      assert.deepEqual({ code, stdout }, { code: 0, stdout: 'typed object\n' });
    } else {
      assert.equal(code, 1);
      assert.match(
        stderr,
        /^dxgwire: .*typed\.mts is TypeScript: Node \S+ runs none; use Node 22\.18 [^\n]*\n$/,
      );
    }
  });

  it('passes exit codes through', async () => {
    assert.equal((await run(program('exit.mjs', 'process.exit(42);'))).code, 42);
    assert.equal((await run(program('exit-code.mjs', 'process.exitCode = 7;'))).code, 7);
  });

  it('ends as Node does when the top level awaits what nothing can settle', async () => {
    const { code, stderr } = await run(program('never.mjs', 'await new Promise(() => {});\n'));
    assert.equal(code, 13);
    // Where a program can be Node's main module, Node says so itself.
    const ours = /^dxgwire: .*never\.mjs ended while its top level awaited [^\n]*\n$/;
    assert.match(stderr, 'main' in import.meta ? /unsettled top-level await at .*never\.mjs/ : ours);
  });

  it('takes the adapter by number, name or LUID, and says which there are when none fits', async () => {
    const path = program('adapter.mjs', 'console.log(await navigator.gpu.requestAdapter() !== null);');
    for (const [adapter, expected] of Object.entries({
      '7': /"7"/,
      'a:1000': /"a:1000"/,
      nobody: /"nobody"/,
    })) {
      const { code, stdout, stderr } = await dxgwire(['run', '--in-process', '--adapter', adapter, path]);
      assert.deepEqual({ code, stdout }, { code: 0, stdout: adapter === 'a:1000' ? 'true\n' : 'false\n' });
      if (adapter === 'a:1000') assert.equal(stderr, '');
      else
        assert.match(
          stderr,
          new RegExp(
            `^dxgwire: no WebGPU adapter: the host has no adapter ${expected.source}; it has 0: .*LUID 0000000a:00001000\\)\n$`,
          ),
        );
    }
    const local = await dxgwire(['run', '--local', '--adapter', 'nobody', path]);
    assert.equal(local.code, 1);
    assert.match(local.stderr, /^dxgwire: there is no adapter "nobody" here; there is 0: [^\n]*\n$/);
    const luid = await dxgwire(['run', '--local', '--adapter', 'a:1000', path]);
    assert.equal(luid.code, 2);
  });

  it('starts a host in a thread of its own, or by a command, and ends it with the program', async () => {
    const path = program('thread.mjs', 'console.log((await navigator.gpu.requestAdapter())?.info.vendor);');
    const worker = await dxgwire(['run', '--in-worker', path]);
    assert.deepEqual(
      { ...worker, stdout: worker.stdout.length > 1 },
      { code: 0, signal: null, stderr: '', stdout: true },
    );
    const command = `stdio:"${process.execPath}" "${bin}" host --listen stdio: --log warn`;
    const child = await dxgwire(['run', '--connect', command, path]);
    assert.deepEqual(child, worker);
    const refused = await dxgwire(['run', '--connect', 'stdio:exit 4', path]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^dxgwire: .*'exit 4' ended with code 4 [^\n]*\n$/);
  });

  it('ends its host with it where the trace cannot be written, and takes no trace where there is no link', async () => {
    const path = program('empty.mjs', '');
    const file = join(folder, 'nowhere', 'trace');
    const options = ['--backend', 'reference', '--trace', file];
    const worker = await dxgwire(['run', '--in-worker', ...options, path]);
    assert.equal(worker.code, 1);
    assert.match(worker.stderr, /^dxgwire: cannot write the capture .*: no such file or directory\n$/);
    const local = await dxgwire(['run', '--local', '--trace', file, path]);
    assert.equal(local.code, 2);
    assert.equal(local.stderr, 'dxgwire: --trace is of a link; --local has none\n');
  });

  it('gives workers a GPU also where the host is in the same process', async () => {
    const path = program(
      'with-worker.mjs',
      `import { isMainThread, Worker } from 'node:worker_threads';
      const adapter = await navigator.gpu.requestAdapter();
      console.log(isMainThread ? 'main' : 'worker', adapter?.info.vendor);
      if (isMainThread) new Worker(new URL(import.meta.url));`,
    );
    const temporary = join(folder, 'temporary');
    mkdirSync(temporary);
    for (const way of ['--in-process', '--in-worker']) {
      const { code, stdout, stderr } = await dxgwire(['run', way, path], { TMPDIR: temporary });
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      const [main = '', worker] = stdout.trim().split('\n');
      assert.match(main, /^main \S+$/);
      assert.equal(worker, main.replace('main', 'worker'));
    }
    assert.deepEqual(readdirSync(temporary), []);
  });

  it('gives a GPU to workers whose code is a text, and runs it as Node does', async () => {
    const source = `import { once } from 'node:events';
      import { Worker } from 'node:worker_threads';
      const head = "let last = 1; const { parentPort, workerData, Worker } = require('node:worker_threads');";
      const tail = "const os = await import('node:os'); const adapter = await navigator.gpu.requestAdapter();" +
        "parentPort.postMessage([workerData, last, typeof os.cpus, typeof GPUBufferUsage, adapter.info.vendor !== undefined])";
      const own = new Worker(head + '(async () => {' + tail + '})()', { eval: true, workerData: 5, execArgv: [] });
      console.log(JSON.stringify((await once(own, 'message'))[0]));
      const wrong = new Worker("throw new RangeError('mine')", { eval: true });
      console.log(String((await once(wrong, 'error'))[0]));
      const nothing = new Worker(new URL('data:text/javascript,'), null);
      console.log((await once(nothing, 'exit'))[0]);
      const text = "import { parentPort } from 'node:worker_threads'; parentPort.postMessage(typeof navigator.gpu)";
      const module = new Worker(text, { eval: true, execArgv: ['--input-type=module'] });
      console.log((await once(module, 'message'))[0]);`;
    const { code, stdout, stderr } = await dxgwire(['run', '--in-worker', program('texts.mjs', source)]);
    const expected = ['[5,1,"function","object",true]', 'RangeError: mine', '0', 'object', ''];
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: expected.join('\n'), stderr: '' });
  });

  it('starts workers whatever Node and the program were given, and shows them nothing of ours', async () => {
    const path = program(
      'options.mjs',
      `import { once } from 'node:events';
      import { isMainThread, parentPort, Worker } from 'node:worker_threads';
      if (isMainThread) {
        class Own extends Worker {}
        const limits = { resourceLimits: { maxOldGenerationSizeMb: 64 } };
        for (const options of [{}, { execArgv: ['--no-warnings'] }, { env: {} }, { argv: ['more'] }, limits]) {
          const worker = new Own(new URL(import.meta.url), options);
          console.log((await once(worker, 'message'))[0], worker instanceof Worker, worker.constructor.name);
        }
        console.log(Worker.name, Worker.prototype.constructor === Worker);
        try { new Worker(new URL(import.meta.url), { execArgv: ['--expose-gc'] }); } catch (error) { console.log(error.code); }
      } else {
        parentPort.postMessage([typeof navigator.gpu, process.execArgv, process.argv.length].join());
      }`,
    );
    const args = ['--expose-gc', '--max-old-space-size=200', bin, 'run', '--connect', host.url, path];
    const { code, stdout, stderr } = await node(args);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    // Options of the whole process, which no worker may be given, are not shown either.
    const same = 'object,';
    const expected = [`${same},2`, 'object,--no-warnings,2', `${same},2`, `${same},3`, `${same},2`];
    const last = ['Worker true', 'ERR_WORKER_INVALID_EXEC_ARGV', ''];
    assert.equal(stdout, [...expected.map((line) => `${line} true Own`), ...last].join('\n'));
  });

  it('runs the main module of a folder', async () => {
    mkdirSync(join(folder, 'package'));
    program('package/package.json', '{ "main": "entry.mjs" }');
    program('package/entry.mjs', "console.log('entry', process.argv[2]);");
    const { code, stdout } = await run(join(folder, 'package'), 'argument');
    assert.deepEqual({ code, stdout }, { code: 0, stdout: 'entry argument\n' });
    mkdirSync(join(folder, 'empty'));
    const empty = await run(join(folder, 'empty'));
    assert.equal(empty.code, 1);
    assert.match(empty.stderr, /^dxgwire: .*empty is a folder without a main module, not a program\n$/);
  });

  it('tells the host at once that a program has ended, however it did', async () => {
    const watched = await HostProcess.start(['--backend', 'reference', '--log', 'info']);
    const endings = ['process.exit(0);', "throw new Error('over');", "process.kill(process.pid, 'SIGTERM');"];
    for (const ending of endings) {
      const path = program('ends.mjs', `await navigator.gpu.requestAdapter();\n${ending}\n`);
      await dxgwire(['run', '--connect', watched.url, path]);
    }
    const { stderr } = await watched.stop();
    const lines = stderr.trim().split('\n');
    const said = lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
    const one = ['a guest was let in', 'a guest is gone'];
    // A signal leaves no time for a farewell: the host sees that the process is there no more.
    const killed = ['a guest was let in', 'the link to a guest failed', 'a guest is gone'];
    const last = isLinux ? killed : one;
    assert.deepEqual(said, [...one, ...one, ...last], 'each is gone before the next comes');
  });

  it('ends by Ctrl-C also in the middle of a turn that never ends, as without us', {
    skip: !isLinux,
  }, async () => {
    const source = "await navigator.gpu.requestAdapter(); console.log('busy'); for (;;);";
    const path = program('busy.mjs', source);
    for (const way of [
      ['--connect', host.url],
      ['--in-process', '--backend', 'reference'],
    ]) {
      const child = spawn(process.execPath, [bin, 'run', ...way, path], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      await once(child.stdout, 'data');
      child.kill('SIGINT');
      assert.deepEqual(await once(child, 'exit'), [null, 'SIGINT']);
    }
  });

  it('leaves signals to a program that handles them itself', async () => {
    const source = `process.once('SIGINT', () => { console.log('mine'); clearInterval(timer); });
      const timer = setInterval(() => {}, 1000);
      console.log(process.listenerCount('SIGINT')); process.kill(process.pid, 'SIGINT');`;
    const { code, stdout } = await run(program('interrupted.mjs', source));
    assert.deepEqual({ code, stdout }, { code: 0, stdout: '1\nmine\n' });
  });

  it('leaves errors to a program that handles them itself', async () => {
    const { code, stdout, stderr } = await run(
      program(
        'handles.mjs',
        "process.on('uncaughtException', (e) => { console.log('mine:', e.message); process.exitCode = 3; });\n" +
          "setTimeout(() => { throw new Error('handled'); });\n",
      ),
    );
    assert.deepEqual({ code, stdout, stderr }, { code: 3, stdout: 'mine: handled\n', stderr: '' });
  });

  it('ends with a program that left its GPU objects open', async () => {
    const { code, stdout } = await run(
      program(
        'open.mjs',
        'globalThis.adapter = await navigator.gpu.requestAdapter();\nconsole.log(typeof adapter);\n',
      ),
    );
    assert.deepEqual({ code, stdout }, { code: 0, stdout: 'object\n' });
  });

  it('waits for what a program started without awaiting it', async () => {
    const { code, stdout } = await run(
      program('later.mjs', "navigator.gpu.requestAdapter().then(() => console.log('answered'));\n"),
    );
    assert.deepEqual({ code, stdout }, { code: 0, stdout: 'answered\n' });
  });

  it('writes the counters of the link when asked', async () => {
    const file = join(folder, 'statistics.json');
    const path = program('counted.mjs', 'await navigator.gpu.requestAdapter();');
    const { code } = await dxgwire(['run', '--connect', host.url, '--statistics', file, path]);
    assert.equal(code, 0);
    const statistics = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    assert.equal(statistics['transport'], 'websocket');
    for (const name of ['roundTrips', 'packetsSent', 'bytesSent', 'bytesReceived']) {
      const value = statistics[name];
      assert.ok(typeof value === 'number' && value > 0, `${name} is ${String(value)}`);
    }
  });

  it('reports a program with a syntax error in one line', async () => {
    const { code, stderr } = await run(program('syntax.mjs', 'const = 1;\n'));
    assert.equal(code, 1);
    assert.match(stderr, /^dxgwire: .*SyntaxError: [^\n]+\n$/);
  });

  it('reports a missing program in one line', async () => {
    const { code, stderr } = await run(join(folder, 'missing.mjs'));
    assert.equal(code, 1);
    assert.match(stderr, /^dxgwire: there is no program .*missing\.mjs\n$/);
  });

  for (const [name, args] of [
    ['no program', ['--in-process']],
    ['no link', ['program.mjs']],
    ['two links', ['--local', '--in-process', 'program.mjs']],
  ] as const) {
    it(`refuses a command line with ${name}`, async () => {
      const { code, stderr } = await dxgwire(['run', ...args]);
      assert.equal(code, 2);
      assert.match(stderr, /^dxgwire: [^\n]+\n$/);
    });
  }

  it('reports an unreachable host in one line', async () => {
    const { port, close } = await takePort();
    await close();
    const path = program('unreachable.mjs', "console.log('ran');");
    const { code, stdout, stderr } = await dxgwire(['run', '--connect', `ws://127.0.0.1:${port}`, path]);
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, new RegExp(`^dxgwire: [^\n]*127\\.0\\.0\\.1:${port}[^\n]*\n$`));
  });
});
