import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const PACKAGES = fileURLToPath(new URL('../../packages', import.meta.url));
const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*['"](\.{1,2}\/[^'"]+)['"]/g;

interface Manifest {
  readonly name: string;
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly bin?: Readonly<Record<string, string>>;
}

/** What would be published of a package, by path. */
function packed(folder: string): Set<string> {
  const out = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [entry] = JSON.parse(out) as [{ files: { path: string }[] }];
  return new Set(entry.files.map(({ path }) => path));
}

describe('what is published of', () => {
  for (const name of readdirSync(PACKAGES)) {
    // Two of them named an entry whose files stayed at home.
    it(`${name}: has all its entries, and all that they import`, () => {
      const folder = join(PACKAGES, name);
      const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
      const files = packed(folder);
      const entries = [
        ...Object.values(manifest.exports ?? {}).flatMap((entry) =>
          typeof entry === 'string' ? [entry] : Object.values(entry),
        ),
        ...Object.values(manifest.bin ?? {}),
      ];
      assert.ok(entries.length > 0);
      for (const entry of entries) assert.ok(files.has(normalize(entry)), `${entry} is not in the package`);
      for (const path of files) {
        assert.doesNotMatch(path, /\.test\.|tsbuildinfo/);
        if (!path.endsWith('.js')) continue;
        for (const [, target = ''] of readFileSync(join(folder, path), 'utf8').matchAll(IMPORT)) {
          const needed = normalize(join(path, '..', target));
          assert.ok(files.has(needed), `${path} imports ${target}, which is not in the package`);
        }
      }
    });
  }
});

describe('npm pack', () => {
  it('refuses in one line what nobody could install, and names the way out', () => {
    // As npm calls itself; a test may be run by pnpm.
    const env = { ...process.env, npm_config_user_agent: '' };
    const folder = join(PACKAGES, 'transport');
    const { status, stderr } = spawnSync('npm', ['pack', '--dry-run', '--silent'], {
      cwd: folder,
      encoding: 'utf8',
      env,
    });
    assert.notEqual(status, 0);
    assert.match(stderr, /workspace:\*.*use `npx pnpm@[\d.]+ pack`/);
  });
});
