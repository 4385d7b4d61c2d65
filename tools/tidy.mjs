// Repository rules that a compiler does not know: import directions, no Node in browser code, nothing of one
// machine in a file, opcodes and documents in step. Prints one line per breach.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './steps.mjs';

/** What each package may import of ours. */
const ALLOWED = {
  protocol: [],
  transport: [],
  guest: ['protocol', 'transport'],
  host: ['protocol', 'transport'],
  cli: ['protocol', 'transport', 'guest', 'host'],
};

/** Folders whose files run in a browser unchanged; the listed parts are the Node half. */
const BROWSER = [
  { folder: 'packages/protocol/src/', except: [] },
  { folder: 'packages/guest/src/', except: [] },
  {
    folder: 'packages/transport/src/',
    except: [
      'websocket/node',
      'connect.ts',
      'listen.ts',
      'compliance/',
      'mock-vmbus/worker',
      'shared-memory/',
      'stream/',
    ],
  },
  { folder: 'packages/host/src/memory/', except: [] },
  { folder: 'packages/host/src/scheduler/', except: [] },
  { folder: 'packages/host/src/backends/reference/', except: [] },
  { folder: 'packages/host/src/backends/null/', except: [] },
];

const breaches = [];
const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
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
  const isTest = /\.test\.ts$|\/test-support\//.test(name);
  for (const target of imports) {
    if (inPackage) {
      const own = inPackage[1];
      const other = /^@dxgwire\/([^/]+)/.exec(target)?.[1];
      if (other !== undefined && other !== own && !ALLOWED[own].includes(other)) {
        breaches.push(`${name}: packages/${own} must not import @dxgwire/${other}`);
      }
      if (/^(\.\.\/)+(protocol|transport|guest|host|cli)\/(src|dist)/.test(target)) {
        breaches.push(`${name}: imports ${target}: use the package's public entry point`);
      }
    } else if (/packages\/[^/]+\/(src|dist)\//.test(target)) {
      breaches.push(`${name}: imports ${target}: use the package's public entry point`);
    }
    if (!isTest && (target.startsWith('node:') || target === 'ws' || target === 'koffi')) {
      for (const { folder, except } of BROWSER) {
        if (name.startsWith(folder) && !except.some((part) => name.slice(folder.length).startsWith(part))) {
          breaches.push(`${name}: imports ${target}, but runs in a browser`);
        }
      }
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
