// Repository rules that a compiler does not know: import directions, no Node in browser code, nothing of one
// machine in a file, opcodes and documents in step. Prints one line per breach.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { root } from './steps.mjs';

/** What each package may import of ours. */
const ALLOWED = {
  protocol: [],
  transport: [],
  guest: ['protocol', 'transport'],
  host: ['protocol', 'transport'],
  conformance: ['protocol', 'transport'],
  cli: ['protocol', 'transport', 'guest', 'host', 'conformance'],
};

/**
 * Entry points that run in a browser unchanged: nothing that they reach through our own files may import Node.
 * The whole of protocol and guest does; of the others, these parts.
 */
const BROWSER_ENTRIES = [
  'packages/protocol/src/index.ts',
  'packages/protocol/src/stream/index.ts',
  'packages/protocol/src/blobs/index.ts',
  'packages/protocol/src/protobuf/index.ts',
  'packages/guest/src/index.ts',
  'packages/guest/src/kmt/index.ts',
  'packages/guest/src/webgpu/index.ts',
  'packages/transport/src/index.ts',
  'packages/transport/src/websocket/index.ts',
  'packages/transport/src/mock-vmbus/index.ts',
  'packages/conformance/src/index.ts',
  'packages/host/src/core.ts',
  'packages/transport/src/vmm/index.ts',
  'packages/host/src/memory/index.ts',
  'packages/host/src/scheduler/index.ts',
  'packages/host/src/backends/null/index.ts',
  'packages/host/src/backends/reference/index.ts',
  'packages/host/src/backends/webgpu/page/index.ts',
];
const NODE_ONLY = new Set(['ws', 'koffi', 'pino', 'webgpu', 'bufferutil']);

const breaches = [];
const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 256 << 20,
})
  .split('\n')
  .filter((name) => name !== '');

for (const name of files) {
  if (!/\.(ts|mjs|js)$/.test(name) || name.startsWith('test/fixtures/')) continue;
  let text;
  try {
    text = readFileSync(join(root, name), 'utf8');
  } catch {
    continue; // deleted, not yet committed
  }
  const imports = [...text.matchAll(/(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)].map((match) => match[1]);
  const inPackage = /^packages\/([^/]+)\/src\//.exec(name);
  for (const target of imports) {
    if (inPackage) {
      const own = inPackage[1];
      const other = /^@dxgwire\/([^/]+)/.exec(target)?.[1];
      if (other !== undefined && other !== own && !ALLOWED[own].includes(other)) {
        breaches.push(`${name}: packages/${own} must not import @dxgwire/${other}`);
      }
      if (/^(\.\.\/)+(protocol|transport|guest|host|conformance|cli)\/(src|dist)/.test(target)) {
        breaches.push(`${name}: imports ${target}: use the package's public entry point`);
      }
    } else if (/packages\/[^/]+\/(src|dist)\//.test(target)) {
      breaches.push(`${name}: imports ${target}: use the package's public entry point`);
    }
  }
}

/** What a file imports at run time: types vanish. */
function runtimeImports(name) {
  const text = readFileSync(join(root, name), 'utf8');
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s+(?!type\b)(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]/g;
  return [...text.matchAll(pattern)].map((match) => match[1] ?? match[2]);
}

const via = new Map(BROWSER_ENTRIES.map((name) => [name, name]));
for (const [name, entry] of via) {
  const code = readFileSync(join(root, name), 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  if (/\bBuffer\.|\bprocess\.(?:env|versions|platform|stdout|stderr|nextTick)\b|\b__dirname\b/.test(code)) {
    breaches.push(`${name}: uses a global of Node, but ${entry} runs in a browser and reaches it`);
  }
  for (const target of runtimeImports(name)) {
    if (target.startsWith('.')) {
      const next = posix.join(posix.dirname(name), target);
      if (!via.has(next)) via.set(next, entry);
    } else if (target.startsWith('node:') || NODE_ONLY.has(target)) {
      breaches.push(`${name}: imports ${target}, but ${entry} runs in a browser and reaches it`);
    }
  }
}

const lock = readFileSync(join(root, 'pnpm-lock.yaml'), 'utf8');
if (/https?:\/\//.test(lock.replace(/deprecated:.*/g, ''))) breaches.push('pnpm-lock.yaml: holds a URL');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const pinned = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).packageManager;
for (const command of ['demo', 'check']) {
  const line = `npx --yes ${pinned} ${command}`;
  if (!readme.includes(line)) breaches.push(`README.md: does not show \`${line}\``);
}

for (const breach of breaches) process.stdout.write(`${breach}\n`);
process.exit(breaches.length === 0 ? 0 : 1);
