import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fieldNumbers, protoText } from '@dxgwire/protocol/protobuf';

/**
 * Writes packages/protocol/dxgwire.proto from the command table, and adds new fields to the list of numbers that may
 * not change. With `--check` it only tells whether both are what would be written (exit status 1 and a line when not).
 */

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const schemaPath = join(root, 'packages/protocol/dxgwire.proto');
const numbersPath = join(root, 'test/fixtures/protobuf-numbers.txt');

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function complain(text: string): void {
  process.stderr.write(`${text}\n`);
  process.exitCode = 1;
}

const text = protoText();
const frozen = contentOf(numbersPath).split('\n').filter(Boolean);
const present = fieldNumbers();
const missing = frozen.filter((line) => !present.includes(line));
const added = present.filter((line) => !frozen.includes(line));
const isStale = contentOf(schemaPath) !== text;

if (missing.length > 0) {
  complain(`protobuf fields may not change or go away: ${missing.join('; ')}`);
} else if (process.argv.includes('--check')) {
  if (isStale || added.length > 0)
    complain('packages/protocol/dxgwire.proto is stale: run "pnpm docs" and commit the result');
} else {
  if (isStale) writeFileSync(schemaPath, text);
  if (added.length > 0) writeFileSync(numbersPath, `${[...frozen, ...added].join('\n')}\n`);
  process.stdout.write(`dxgwire.proto: ${isStale ? 'written' : 'fresh'}, ${added.length} new fields\n`);
}
