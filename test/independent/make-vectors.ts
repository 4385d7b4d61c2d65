import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { sha256, spoken, vectorsOf } from './vectors.ts';

/**
 * Writes the golden vectors. The manifest only grows: a file whose digest differs from the newest version's needs
 * `--version N` with a higher number, and the old digests stay. `--check` writes nothing and says what differs.
 */

export interface Manifest {
  readonly versions: {
    readonly version: number;
    readonly vectors: number;
    readonly files: Record<string, string>;
  }[];
}

// Compiled to test/dist/independent.
const folder = new URL('../../vectors/', import.meta.url);
const manifestPath = new URL('manifest.json', folder);

export function readManifest(): Manifest {
  return existsSync(manifestPath) ? JSON.parse(readFileSync(manifestPath, 'utf8')) : { versions: [] };
}

/** Every vector file as it ought to be, by name. */
export function makeFiles(): { files: Map<string, string>; vectors: number } {
  const files = new Map<string, string>();
  let vectors = 0;
  for (const command of spoken) {
    const list = vectorsOf(command);
    vectors += list.length;
    const name = `${command.channel}-${command.id}-${command.name.replace('DXGK_VMBCOMMAND_', '').toLowerCase()}`;
    const lines = list.map((vector) => `    ${JSON.stringify(vector)}`).join(',\n');
    files.set(`${name}.json`, `{\n  "command": "${command.name}",\n  "vectors": [\n${lines}\n  ]\n}\n`);
  }
  return { files, vectors };
}

function digests(files: Map<string, string>): Record<string, string> {
  return Object.fromEntries([...files].map(([name, text]) => [name, sha256(text)]));
}

function main(args: readonly string[]): number {
  const { files, vectors } = makeFiles();
  const manifest = readManifest();
  const newest = manifest.versions.at(-1);
  const made = digests(files);
  const changed = Object.keys({ ...newest?.files, ...made }).filter(
    (name) => made[name] !== newest?.files[name],
  );
  if (args.includes('--check') || changed.length === 0) {
    for (const name of changed) process.stderr.write(`test/vectors/${name} differs\n`);
    if (changed.length === 0) process.stdout.write(`${vectors} vectors, version ${newest?.version}\n`);
    return changed.length === 0 ? 0 : 1;
  }
  const version = Number(args[args.indexOf('--version') + 1]);
  if (!args.includes('--version') || !(version > (newest?.version ?? 0))) {
    process.stderr.write(`${changed.length} files change: give --version above ${newest?.version ?? 0}\n`);
    return 1;
  }
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of files) writeFileSync(new URL(name, folder), text);
  manifest.versions.push({ version, vectors, files: made });
  writeFileSync(manifestPath, `${JSON.stringify(manifest, null, 2)}\n`);
  process.stdout.write(`${vectors} vectors, version ${version}\n`);
  return 0;
}

if (process.argv[1]?.endsWith('make-vectors.js')) process.exitCode = main(process.argv.slice(2));
