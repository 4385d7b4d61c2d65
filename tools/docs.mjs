// Writes everything that follows from the tables (`pnpm docs`), or with `--check` says what is stale.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build, root, runNode } from './steps.mjs';

/** Each generator is a tool of its own; all take `--check`. */
export function generators() {
  return readdirSync(join(root, 'tools/src'))
    .filter((name) => /^generate-.*\.ts$/.test(name) && !name.endsWith('.test.ts'))
    .map((name) => join(root, 'tools/dist', name.replace(/\.ts$/, '.js')))
    .sort();
}

export async function generate(args) {
  let worst = 0;
  for (const generator of generators()) worst = Math.max(worst, await runNode([generator, ...args]));
  return worst;
}

if (process.argv[1]?.endsWith('docs.mjs')) {
  const code = await build();
  process.exit(code === 0 ? await generate(process.argv.slice(2)) : code);
}
