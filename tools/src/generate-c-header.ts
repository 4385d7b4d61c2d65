import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { headerText } from './c-header.ts';

/**
 * Writes packages/protocol/dxgwire_protocol.h from the command table. With `--check` it only tells whether the file is
 * what would be written (exit status 1 and a line when not).
 */

const path = join(dirname(fileURLToPath(import.meta.url)), '../../packages/protocol/dxgwire_protocol.h');

function present(): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

const text = headerText();
const isStale = present() !== text;
if (process.argv.includes('--check')) {
  if (isStale) {
    process.stderr.write(
      'packages/protocol/dxgwire_protocol.h is stale: run "pnpm docs" and commit the result\n',
    );
    process.exitCode = 1;
  }
} else {
  if (isStale) writeFileSync(path, text);
  process.stdout.write(`dxgwire_protocol.h: ${isStale ? 'written' : 'fresh'}\n`);
}
