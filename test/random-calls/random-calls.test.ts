import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const dxgwire = fileURLToPath(new URL('../bin/dxgwire.js', import.meta.resolve('@dxgwire/cli')));
/** The source: a program is no part of the build. */
const program = fileURLToPath(new URL('../../random-calls/program.mjs', import.meta.url));

const FIRST_SEED = Number(process.env['DXGWIRE_SEED'] ?? 20_261_129);
const SEEDS = Number(process.env['DXGWIRE_SEEDS'] ?? 24);
/** How often Dawn may kill its own process at one seed, which it does at one in some hundreds, mostly not again. */
const MOST_KILLS = 4;

interface Call {
  readonly call: string;
  readonly result?: string;
  readonly thrown?: string;
  readonly resolved?: unknown;
  readonly rejected?: string;
  readonly error?: string | null;
}

interface Run {
  readonly seed: number;
  readonly log: readonly Call[];
  readonly uncaptured: readonly string[];
  readonly bytes: string;
}

function start(way: string, firstSeed: number, count: number): Promise<{ output: string; end: string }> {
  const args = [dxgwire, 'run', way, program, String(firstSeed), String(count)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let complaint = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ output, end: `${signal ?? code} ${complaint}`.trim() }));
  });
}

/** Runs all seeds. @param mostKills how often the process may be killed at a seed: it goes on from there. */
async function runs(way: string, mostKills: number): Promise<Run[]> {
  const done: Run[] = [];
  for (let kills = 0; done.length < SEEDS; ) {
    const before = done.length;
    const { output, end } = await start(way, FIRST_SEED + before, SEEDS - before);
    // A process that was killed leaves a part of a line.
    for (const line of output.split('\n').slice(0, -1)) {
      if (line.startsWith('{')) done.push(JSON.parse(line));
    }
    if (end === '0') break;
    kills = done.length > before ? 1 : kills + 1;
    const isKilled = /^SIG/.test(end) && kills <= mostKills;
    assert.ok(isKilled, `${way}, seed ${FIRST_SEED + done.length}: ended with ${end}`);
  }
  assert.equal(done.length, SEEDS, way);
  return done;
}

/** What the guest finds without Dawn has a text of its own behind the first sentence. */
function withoutKnownDifferences(text: string): string {
  return text
    .replace(
      /(?:Parent encoder of )?\[(?:Invalid )?(\w+)[^\]]*\] (is already finished|was already ended)[\s\S]*/,
      '$1 $2',
    )
    .replace(/CreateView\(\[[\s\S]*\]\)/, 'CreateView()')
    .replace(/TextureView (?:of Texture [^\]]*|"defaulted from \[[^\]]*\]")\]/, 'TextureView]')
    .replace(/\[Invalid TextureView[^\]]*\]/, '[Invalid TextureView]')
    .replace(/(Submit\(\[).*/, '$1');
}

/** An object of another device: Dawn tells what has been called so far of it, and of what else is wrong, in an order of its own. */
const OF_ANOTHER_DEVICE = /of another device/;

function isSame(here: Call, there: Call): boolean {
  const { error: hereError, rejected: hereRejected, ...hereRest } = here;
  const { error: thereError, rejected: thereRejected, ...thereRest } = there;
  if (JSON.stringify(hereRest) !== JSON.stringify(thereRest)) return false;
  if (hereRejected !== thereRejected) {
    const kind = hereRejected?.split(':')[0];
    return OF_ANOTHER_DEVICE.test(thereRejected ?? '') && thereRejected?.split(':')[0] === kind;
  }
  if (typeof hereError !== 'string' || typeof thereError !== 'string') return hereError === thereError;
  if (OF_ANOTHER_DEVICE.test(thereError)) return true;
  // The guest knows of a second submission, and the host alone of what is invalid.
  if (/submitted more than once|contains duplicates/.test(thereError)) return /Submit\(/.test(hereError);
  return withoutKnownDifferences(hereError) === withoutKnownDifferences(thereError);
}

test('random calls of the whole API come to the same through a host as on the local device', async () => {
  const [local, projected] = await Promise.all([runs('--local', MOST_KILLS), runs('--in-process', 0)]);
  let compared = 0;
  for (const [index, here] of local.entries()) {
    const there = projected[index]!;
    const name = `DXGWIRE_SEED=${here.seed} DXGWIRE_SEEDS=1`;
    for (const [at, call] of here.log.entries()) {
      const other = there.log[at]!;
      if (!isSame(call, other)) assert.deepEqual(other, call, `${name}, call ${at}`);
      compared += 1;
    }
    const known = (texts: readonly string[]) => texts.map(withoutKnownDifferences).sort();
    assert.equal(there.uncaptured.length, here.uncaptured.length, name);
    const isOwnText = (text: string): boolean =>
      /submitted more than once|contains duplicates/.test(text) || OF_ANOTHER_DEVICE.test(text);
    if (!there.uncaptured.some(isOwnText))
      assert.deepEqual(known(there.uncaptured), known(here.uncaptured), name);
    assert.equal(there.bytes, here.bytes, `${name}, bytes of the first buffer`);
  }
  assert.ok(compared > SEEDS * 50, `only ${compared} calls were compared`);
});
