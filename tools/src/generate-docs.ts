import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { referencePages } from './protocol-pages.ts';

/**
 * Writes the reference pages under docs/protocol/ from the command table, or with `--check` tells whether they are what
 * would be written (exit status 1 and one line when not).
 */

const folder = join(dirname(fileURLToPath(import.meta.url)), '../../docs/protocol');
const pages = referencePages();

function present(): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.md') && name !== 'requirements.md');
  } catch {
    return [];
  }
}

function contentOf(name: string): string | null {
  try {
    return readFileSync(join(folder, name), 'utf8');
  } catch {
    return null;
  }
}

const stale = [...pages].filter(([name, text]) => contentOf(name) !== text).map(([name]) => name);
const extra = present().filter((name) => !pages.has(name));

if (process.argv.includes('--check')) {
  if (stale.length + extra.length > 0) {
    const names = [...stale, ...extra].join(', ');
    process.stderr.write(`docs/protocol is stale (${names}): run "pnpm docs" and commit the result\n`);
    process.exitCode = 1;
  }
} else {
  mkdirSync(folder, { recursive: true });
  for (const name of stale) writeFileSync(join(folder, name), pages.get(name) ?? '');
  for (const name of extra) rmSync(join(folder, name));
  process.stdout.write(
    `docs/protocol: ${pages.size} pages, ${stale.length} written, ${extra.length} removed\n`,
  );
}
