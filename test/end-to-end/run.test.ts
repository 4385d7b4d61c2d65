import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { PNG } from 'pngjs';

const dxgwire = fileURLToPath(new URL('../bin/dxgwire.js', import.meta.resolve('@dxgwire/cli')));

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: readonly string[]): Promise<Finished> {
  const child = spawn(process.execPath, [dxgwire, 'run', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** Draws a frame of another color each time, for ever. */
const ANIMATION = `
const adapter = await navigator.gpu.requestAdapter();
const device = await adapter.requestDevice();
const context = new OffscreenCanvas(6, 4).getContext('webgpu');
context.configure({ device, format: 'bgra8unorm' });
let count = 0;
function frame() {
  const encoder = device.createCommandEncoder();
  const view = context.getCurrentTexture().createView();
  const clearValue = [1, count / 5, 0, 1];
  encoder.beginRenderPass({ colorAttachments: [{ view, clearValue, loadOp: 'clear', storeOp: 'store' }] }).end();
  device.queue.submit([encoder.finish()]);
  count += 1;
  requestAnimationFrame(frame);
}
requestAnimationFrame(frame);
`;

/** Starts a worker that computes on a device of its own, while the main thread has another. */
const WORKERS = `
import { Worker } from 'node:worker_threads';
const adapter = await navigator.gpu.requestAdapter();
const device = await adapter.requestDevice();
for (const workerData of [3, 4]) {
  const worker = new Worker(new URL('./worker.mjs', import.meta.url), { workerData });
  worker.on('message', (message) => console.log(workerData, message));
  await new Promise((resolve) => worker.once('exit', resolve));
}
device.destroy();
`;
const WORKER = `
import { parentPort, workerData } from 'node:worker_threads';
const device = await (await navigator.gpu.requestAdapter()).requestDevice();
const buffer = device.createBuffer({ size: 8, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
device.queue.writeBuffer(buffer, 0, Uint32Array.of(workerData, workerData * 2));
await buffer.mapAsync(GPUMapMode.READ);
parentPort.postMessage(new Uint32Array(buffer.getMappedRange()).join());
`;

/** Stops the clock and replaces all timers, as tests with fake timers and programs that draw the same each time do. */
const FROZEN = `
performance.now = () => 1000;
Date.now = () => 5;
for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'clearTimeout', 'clearInterval']) {
  globalThis[name] = () => 0;
}
const device = await (await navigator.gpu.requestAdapter()).requestDevice();
for (let value = 1; value <= 20; value++) {
  const buffer = device.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  device.queue.writeBuffer(buffer, 0, Uint32Array.of(value));
  await buffer.mapAsync(GPUMapMode.READ);
  if (new Uint32Array(buffer.getMappedRange())[0] !== value) throw new Error('wrong');
}
console.log('done');
`;

/** A program that brings Dawn for Node itself, as without a browser it has to. */
const OWN_DAWN = (specifier: string): string => `
import { create, globals } from '${specifier}';
Object.assign(globalThis, globals);
const ours = navigator.gpu;
{
  const navigator = { gpu: create(['enable-dawn-features=allow_unsafe_apis']) };
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'low-power' });
  const device = await adapter.requestDevice();
  const buffer = device.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ, mappedAtCreation: true });
  new Uint32Array(buffer.getMappedRange())[0] = 7;
  buffer.unmap();
  await buffer.mapAsync(GPUMapMode.READ);
  globalThis.navigator.gpu = navigator.gpu;
  console.log(device instanceof GPUDevice, navigator.gpu === ours, new Uint32Array(buffer.getMappedRange())[0]);
}
for (const wrong of [undefined, ['backend']]) {
  try {
    create(wrong);
  } catch (error) {
    console.log(error.message);
  }
}
`;
const OWN_DAWN_OUTPUT = `true true 7
value is not an array
Flags expected argument format is <key>=<value>
`;

describe('dxgwire run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dxgwire-run-'));
  let host: ChildProcess;
  let url: string;
  const program = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };

  before(async () => {
    const args = [dxgwire, 'host', '--listen', 'ws://127.0.0.1:0', '--json', '--log', 'error'];
    host = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    url = await new Promise<string>((resolve, reject) => {
      host.once('exit', (code) => reject(new Error(`the host ended with code ${code}`)));
      createInterface({ input: host.stdout! }).once('line', (line) => resolve(JSON.parse(line).url));
    });
  });

  after(async () => {
    const ended = new Promise((resolve) => host.once('close', resolve));
    host.kill('SIGINT');
    await ended;
    rmSync(folder, { recursive: true });
  });

  it('saves the frames of a program with a canvas, the same as on the local device', async () => {
    const path = program('animation.mjs', ANIMATION);
    const ways = { local: ['--local'], remote: ['--connect', url] };
    for (const [name, way] of Object.entries(ways)) {
      const frames = join(folder, name);
      const { code, stderr } = await run([...way, '--frames', frames, '--frame-limit', '3', path]);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      assert.deepEqual(readdirSync(frames).sort(), ['frame-00000.png', 'frame-00001.png', 'frame-00002.png']);
      for (const [index, file] of readdirSync(frames).sort().entries()) {
        const { width, height, data } = PNG.sync.read(readFileSync(join(frames, file)));
        assert.deepEqual([width, height], [6, 4]);
        assert.deepEqual([...data.subarray(0, 4)], [255, Math.round((index / 5) * 255), 0, 255]);
      }
    }
  });

  it('ends behind the last frame that was asked for, also when none is saved', async () => {
    const path = program('animation.mjs', ANIMATION);
    const { code, stderr } = await run(['--connect', url, '--frame-limit', '2', path]);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  });

  it('gives each worker a GPU with a connection of its own', async () => {
    program('worker.mjs', WORKER);
    const { code, stdout, stderr } = await run(['--connect', url, program('workers.mjs', WORKERS)]);
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '3 3,6\n4 4,8\n', stderr: '' });
  });

  it('gives its GPU to a program that loads Dawn for Node itself', async () => {
    const require = createRequire(import.meta.resolve('@dxgwire/host'));
    const path = program('own-dawn.mjs', OWN_DAWN(pathToFileURL(require.resolve('webgpu')).href));
    const expected = { code: 0, stdout: OWN_DAWN_OUTPUT, stderr: '' };
    for (const way of [['--in-process'], ['--connect', url]]) {
      assert.deepEqual(await run([...way, path]), expected, way[0]);
    }
  });

  it('gives its GPU also where Dawn for Node has no addon for the platform', async () => {
    const home = join(folder, 'node_modules', 'webgpu');
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, 'package.json'), '{ "name": "webgpu", "main": "index.cjs" }');
    const code =
      "const dawn = require('./dist/other-platform/dawn.node'); exports.create = dawn.create; exports.globals = dawn.globals;";
    writeFileSync(join(home, 'index.cjs'), code);
    const path = program('no-addon.mjs', OWN_DAWN('webgpu'));
    assert.deepEqual(await run(['--connect', url, path]), { code: 0, stdout: OWN_DAWN_OUTPUT, stderr: '' });
  });

  it('needs neither clock nor timers that the program may replace', async () => {
    const path = program('frozen.mjs', FROZEN);
    for (const way of [['--in-process'], ['--in-worker'], ['--connect', url]]) {
      assert.deepEqual(await run([...way, path]), { code: 0, stdout: 'done\n', stderr: '' }, way[0]);
    }
  });

  it('runs a program that pretends to be in a browser', async () => {
    const path = program(
      'browser.mjs',
      `globalThis.window = globalThis; globalThis.process = undefined;${FROZEN}`,
    );
    for (const way of ['--in-process', '--in-worker']) {
      assert.deepEqual(await run([way, path]), { code: 0, stdout: 'done\n', stderr: '' }, way);
    }
  });

  it('says what is wrong with a number of frames', async () => {
    const { code, stderr } = await run(['--local', '--frame-limit', 'many', program('empty.mjs', '')]);
    assert.equal(code, 2);
    assert.match(stderr, /--frame-limit takes a whole number from 1 to \d+, not "many"/);
  });

  it('saves all frames that were drawn before process.exit()', async () => {
    const frames = join(folder, 'until the exit');
    const path = program(
      'exits.mjs',
      `const adapter = await navigator.gpu.requestAdapter();
      const device = await adapter.requestDevice();
      const context = new OffscreenCanvas(64, 64).getContext('webgpu');
      context.configure({ device, format: 'rgba8unorm' });
      // Keeps the device at work for longer than the frames take to draw.
      const module = device.createShaderModule({ code: \`@group(0) @binding(0) var<storage, read_write> x: array<u32>;
        @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) i: vec3u) {
          for (var k = 0u; k < 3000u; k++) { x[i.x % 64] = x[(i.x + k) % 64] * 5u + k; }
        }\` });
      const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
      const buffer = device.createBuffer({ size: 256, usage: GPUBufferUsage.STORAGE });
      const entries = [{ binding: 0, resource: { buffer } }];
      const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
      let drawn = 0;
      const draw = () => {
        if (drawn === 3) process.exit(5);
        const encoder = device.createCommandEncoder();
        const work = encoder.beginComputePass();
        work.setPipeline(pipeline);
        work.setBindGroup(0, group);
        work.dispatchWorkgroups(64);
        work.end();
        const view = context.getCurrentTexture().createView();
        const clearValue = [drawn / 3, 1, 0, 1];
        encoder.beginRenderPass({ colorAttachments: [{ view, loadOp: 'clear', storeOp: 'store', clearValue }] }).end();
        device.queue.submit([encoder.finish()]);
        drawn += 1;
        requestAnimationFrame(draw);
      };
      requestAnimationFrame(draw);`,
    );
    const { code, stderr } = await run(['--in-worker', '--frames', frames, path]);
    assert.deepEqual({ code, stderr }, { code: 5, stderr: '' });
    assert.deepEqual(
      readdirSync(frames).sort(),
      [0, 1, 2].map((index) => `frame-0000${index}.png`),
    );
  });

  it('says that a file is no folder for frames', async () => {
    const path = program('empty.mjs', '');
    const { code, stderr } = await run(['--local', '--frames', path, path]);
    assert.equal(code, 1);
    assert.equal(stderr, `dxgwire: cannot make the folder ${path}: ${path} is a file\n`);
  });

  it('raises at configure() what is wrong with a canvas', async () => {
    const path = program(
      'configure.mjs',
      `const adapter = await navigator.gpu.requestAdapter();
      const device = await adapter.requestDevice();
      const canvas = new OffscreenCanvas(4, 4);
      const context = canvas.getContext('webgpu');
      console.log(context instanceof GPUCanvasContext);
      const { STORAGE_BINDING, RENDER_ATTACHMENT } = GPUTextureUsage;
      for (const [width, usage] of [[4, STORAGE_BINDING], [0, RENDER_ATTACHMENT], [1e6, RENDER_ATTACHMENT], [4, RENDER_ATTACHMENT]]) {
        canvas.width = width;
        device.pushErrorScope('validation');
        context.configure({ device, format: 'bgra8unorm', usage });
        const error = await device.popErrorScope();
        console.log(error === null ? 'right' : error.message.split('\\n')[0]);
      }
      try { context.configure({ device, format: 'bgra8unorm', usage: 0x20 | RENDER_ATTACHMENT }); } catch (error) { console.log(error.name); }`,
    );
    const local = await run(['--local', '--canvas', path]);
    assert.match(
      local.stdout,
      /^true\n.*StorageBinding.*\n.*width:0.*is empty.*\n.*width:1000000.*\nright\nTypeError\n$/,
    );
    assert.deepEqual(await run(['--in-worker', '--canvas', path]), local);
  });

  it('says that the folder for frames cannot be made', { skip: process.platform !== 'linux' }, async () => {
    const { code, stderr } = await run([
      '--local',
      '--frames',
      '/proc/frames/here',
      program('empty.mjs', ''),
    ]);
    assert.equal(code, 1);
    assert.equal(stderr, 'dxgwire: cannot make the folder /proc/frames/here: no such file or directory\n');
  });
});
