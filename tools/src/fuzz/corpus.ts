import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Inputs in files: those of the repository that reach far, and failures. Compiled to tools/dist/fuzz. */
const root = fileURLToPath(new URL('../../../', import.meta.url));
const corpusFolder = join(root, 'test/fuzz/corpus');
/** Where failures are written. */
export const failureFolder = join(root, 'out/fuzz');

/** Inputs that were found to reach code that the target's own seeds do not, and inputs that failed once. */
export function readCorpus(target: string): Uint8Array[] {
  const path = join(corpusFolder, `${target}.txt`);
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => new Uint8Array(Buffer.from(line, 'base64')));
}

/** Most inputs that a target's file of the corpus has. */
const MAX_CORPUS_LINES = 200;

/** Writes a target's file of the corpus anew, the shortest inputs first. @returns how many it has. */
export function writeCorpus(target: string, inputs: readonly Uint8Array[]): number {
  const sorted = [...inputs].sort((a, b) => a.length - b.length).slice(0, MAX_CORPUS_LINES);
  const lines = sorted.map((each) => Buffer.from(each).toString('base64'));
  const path = join(corpusFolder, `${target}.txt`);
  mkdirSync(corpusFolder, { recursive: true });
  if (lines.length === 0) rmSync(path, { force: true });
  else writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
  return lines.length;
}

/** Writes a failing input. @returns the file's path, seen from the repository's root. */
export function saveFailure(target: string, input: Uint8Array): string {
  mkdirSync(failureFolder, { recursive: true });
  const digest = createHash('sha256').update(input).digest('hex').slice(0, 12);
  const name = `${target}-${digest}.bin`;
  writeFileSync(join(failureFolder, name), input);
  return `out/fuzz/${name}`;
}

export function readInput(path: string): Uint8Array {
  return new Uint8Array(readFileSync(path));
}
