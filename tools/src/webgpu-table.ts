/**
 * Writes docs/webgpu.md: each member of each interface of the WebGPU standard with its state here. With `--check` tells
 * whether that is what would be written (exit status 1 and one line when not).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { globals } from '@dxgwire/guest/webgpu';
import { type Interface, type Member, standardInterfaces } from './webgpu-members.ts';

const file = join(dirname(fileURLToPath(import.meta.url)), '../../docs/webgpu.md');

/** Why a member that is there does less than in a browser. */
const NOTES: Readonly<Record<string, string>> = {
  'GPUDevice.importExternalTexture':
    'NotSupportedError for a video: none can be projected, and Node has none. A TypeError for anything else, as Dawn',
  'GPUExternalTexture.label': 'nothing makes such an object: see `importExternalTexture`',
  'GPUQueue.copyExternalImageToTexture':
    'from `ImageData` and objects of its shape, for which Dawn for Node throws a TypeError; in a browser also from what a 2D canvas can draw',
  'GPUAdapterInfo.description':
    'of a software device it says so: "(software)" is added where the driver does not',
  'GPUCanvasContext.canvas': 'an `OffscreenCanvas` of ours: headless, under `dxgwire run --canvas`',
  'GPUCanvasContext.getCurrentTexture':
    'lasts until the end of the frame, 60 of which come in a second; `--frames DIR` saves what was drawn',
  'GPUCanvasContext.configure':
    '`toneMapping` and `colorSpace` are kept, and change nothing in saved pictures',
  'NavigatorGPU.gpu':
    'under `dxgwire run`, also in worker threads with `--connect`; else `createGPU()` makes one',
};

/** Members that are no property of an object of the guest's library, and where they are. */
const ELSEWHERE = new Set(['NavigatorGPU.gpu']);

/** What is different from Dawn for Node in the same process, and how to see it. */
const DIFFERENCES = `
| what | here, as the standard says | Dawn for Node | to see it |
|---|---|---|---|
| \`adapter.features\`, \`device.features\`, \`gpu.wgslLanguageFeatures\` | set-like: \`forEach\`, \`entries\`, \`keys\`, \`values\` | \`TypeError\` | \`adapter.features.forEach(console.log)\` |
| label of the queue in \`requestDevice\` | kept | forgotten | \`(await adapter.requestDevice({ defaultQueue: { label: 'q' } })).queue.label\` |
| \`uncapturederror\` | later, by itself | within the call that is wrong, also before the next line can set a handler | \`device.createBuffer({ size: 4, usage: 0 }); device.onuncapturederror = console.log\` |
| \`writeBuffer\` with a view of a \`SharedArrayBuffer\` | works | ends the process | \`device.queue.writeBuffer(buffer, 0, new Uint8Array(new SharedArrayBuffer(4)))\` |
| \`createTexture(null)\` | \`TypeError\` | ends the process | \`device.createTexture(null)\` |
| \`importExternalTexture()\` without an argument | \`TypeError\` | ends the process | \`device.importExternalTexture()\` |
| \`createComputePipelineAsync\` without \`compute\`, a \`Symbol\` as a label, \`null\` among \`entries\` | \`TypeError\` | ends the process | \`device.createBindGroupLayout({ entries: [null] })\` |
| a method that returns a promise, on an object of another kind | a rejected promise | throws | \`navigator.gpu.requestAdapter.call({})\` |
| \`requestAdapter\` with options that are no object | \`TypeError\` | taken | \`navigator.gpu.requestAdapter(5)\` |
| a size or a color of no number | \`TypeError\` | \`Error\` | \`device.createTexture({ size: [], format: 'rgba8unorm', usage: 4 })\` |
| \`createShaderModule\` without \`code\` | \`TypeError\` | compiles the text "undefined" | \`device.createShaderModule({})\` |
| \`setImmediates\` of a number of bytes that is no multiple of 4 | \`OperationError\` | an error when the encoder is finished | \`pass.setImmediates(0, new Uint8Array(3))\` |
| maps that wait when their device is destroyed | rejected within \`destroy()\` | rejected later, behind \`device.lost\` | \`buffer.mapAsync(GPUMapMode.READ).catch(console.log); device.destroy(); device.lost.then(console.log)\` |
| \`requiredFeatures\` that is a \`Set\`, \`submit\` of one | taken | \`TypeError\` | \`adapter.requestDevice({ requiredFeatures: new Set(['timestamp-query']) })\` |
| a \`DataView\` for \`writeBuffer\` and \`writeTexture\`, a typed array or a \`Set\` as a color or as dynamic offsets, a generator as \`entries\`, a listener with \`handleEvent\` | taken | \`TypeError\` | \`device.queue.writeBuffer(buffer, 0, new DataView(new ArrayBuffer(4)))\` |
| \`process.exit()\` in the same turn as an error | told within \`process.exit()\`, before \`exit\`, where a thread can wait for the host: with \`--in-worker\`, over \`shm:\`, and on Linux over sockets without TLS; else not told any more: nothing but the event loop reads | told within the call that is wrong | \`device.onuncapturederror = console.log; device.createBuffer({ size: 4, usage: 0 }); process.exit()\` |
| an error before the program throws | told before it ends, while which timers that are due still run | told within the call that is wrong | \`device.createBuffer({ size: 4, usage: 0 }); setTimeout(console.log); throw new Error()\` |
| an origin out of range, \`maxAnisotropy\` between two numbers, a number that is not finite for a float, a text in place of a number (or null, where a default exists) | \`TypeError\`; rounded; \`TypeError\`; converted | modulo 2^32; cut off; taken; \`TypeError\` | \`device.createQuerySet({ type: 'occlusion', count: '4' })\` |
| an object of another device, in the text of the error | \`[Invalid Buffer "of another device"] is invalid\`, behind what else is wrong | \`is associated with [Device], and cannot be used with [Device]\` | \`device.queue.writeBuffer(ofAnotherDevice, 0, bytes)\` |
| the view that a texture without a label stands for, in the text of errors | \`TextureView of Texture (unlabeled 4x4 px, ...)\` | \`TextureView "defaulted from [Texture (unlabeled 4x4 px, ...)]"\` | \`encoder.beginRenderPass({ colorAttachments: [{ view: texture, loadOp: 'clear', storeOp: 'store' }] })\` |
| a command on an encoder that is finished, in the text of the error | \`ClearBuffer()\` | with its arguments: \`ClearBuffer([Buffer "b"], 0, 16)\` | \`encoder.finish(); encoder.clearBuffer(buffer, 0, 16)\` |
| own properties of \`navigator.gpu\`, an adapter, a device, \`GPUAdapterInfo\` and \`GPUPipelineError\` | none: attributes are the prototype's | some attributes | \`Object.keys(adapter)\` |
| a mapped range in a transfer list, on Node 24 and newer | transferred, and gone: what Node refuses to transfer there, nothing in JavaScript could detach | \`DataCloneError\`, as here on Node 22; on Node 20 both copy it | \`structuredClone(range, { transfer: [range] }); range.byteLength\` |
`;

function stateOf({ name }: Interface, member: Member): string {
  const full = `${name}.${member.name}`;
  if (ELSEWHERE.has(full)) return 'yes';
  const type = (globals as Record<string, unknown>)[name];
  if (type === undefined) return 'missing';
  const holder = typeof type === 'function' ? (type.prototype as object) : (type as object);
  return member.name in holder ? 'yes' : 'missing';
}

function table(type: Interface): string {
  const rows = type.members.map((member) => {
    const note = NOTES[`${type.name}.${member.name}`];
    return `| \`${member.name}\` | ${member.kind} | ${stateOf(type, member)}${note === undefined ? '' : `; ${note}`} |`;
  });
  return `### ${type.name}\n\n| member | kind | state |\n|---|---|---|\n${rows.join('\n')}\n`;
}

function page(): string {
  const interfaces = standardInterfaces();
  const all = interfaces.flatMap((type) => type.members.map((member) => stateOf(type, member)));
  const missing = all.filter((state) => state !== 'yes').length;
  return `# WebGPU

<!-- Written by tools/src/webgpu-table.ts; \`node tools/dist/webgpu-table.js\` writes it anew. -->

What programs find in \`navigator.gpu\` under \`dxgwire run\`, and in what \`createGPU()\` of \`@dxgwire/guest/webgpu\` makes.

The members below are those of the standard, as \`@webgpu/types\` declares them: ${all.length} in ${interfaces.length} interfaces,
${missing} of them missing. A tour through all of them (\`tools/src/webgpu-tour.ts\`) runs in each check on Dawn directly and
through a host, and compares what it sees, line by line. Eleven libraries from npm, unmodified, do the same
(\`test/third-party\`): TensorFlow.js (as a module and in CommonJS), webgpu-torch, jax-js, three.js (rendering, compute, and both with effects), luma.gl, TypeGPU, webgpu-utils, webgpu-spd,
simple-compute-shaders, anime4k-webgpu, and Dear ImGui (in WebAssembly).

## Differences from Dawn for Node
${DIFFERENCES}
The tour checks the first two against Dawn itself. Results, the text of errors, and the order in which promises of one turn are
settled, are Dawn's own (\`test/end-to-end/promise-order.test.ts\` compares random programs, and \`test/random-calls\` random calls of all methods with
descriptors of all kinds); a few errors are found before Dawn
sees the call, and have a text of ours. Messages of more than 16,384 characters, as those that show a very long line of a shader, are cut there.

## Memory

A buffer or texture takes memory of the host's adapter, within its budget; beyond that, making one is an out-of-memory error, which the next error scope
of that kind gets, and the device goes on. \`gpu.videoMemory()\` of \`createGPU()\` says what the budget is and how much of it is used, as D3DKMTQueryVideoMemoryInfo does.
What a program destroys is free once the work before it is done; what it only drops, when the garbage collector has found that it and all that
needs it (bind groups, views, commands, bundles) are gone.
Over \`shm:\` a mapped range of 64 KiB or more is the memory that guest and host share, and no copy of it ([decision 0013](decisions/0013-lent-memory.md)).
What is mapped keeps its contents when the link ends, until it is unmapped.

## Every member

${interfaces.map(table).join('\n')}`;
}

const text = page();
if (process.argv.includes('--check')) {
  let present: string | null = null;
  try {
    present = readFileSync(file, 'utf8');
  } catch {
    // Missing is stale, too.
  }
  if (present !== text) {
    process.stderr.write(
      'docs/webgpu.md is stale: run "node tools/dist/webgpu-table.js" and commit the result\n',
    );
    process.exitCode = 1;
  }
} else {
  writeFileSync(file, text);
}
