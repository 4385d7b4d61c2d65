import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requirementsPage } from '@dxgwire/conformance';

/** Writes docs/protocol/requirements.md from the tables of the conformance kit; with `--check` tells whether it is fresh. */

const path = join(dirname(fileURLToPath(import.meta.url)), '../../docs/protocol/requirements.md');
const text = requirementsPage();

function present(): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

if (!process.argv.includes('--check')) writeFileSync(path, text);
else if (present() !== text) {
  process.stderr.write('docs/protocol/requirements.md is stale: run "pnpm docs" and commit the result\n');
  process.exitCode = 1;
}
