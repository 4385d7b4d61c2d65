import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const dxgwire = fileURLToPath(new URL('../bin/dxgwire.js', import.meta.resolve('@dxgwire/cli')));

/** The sources' folder: programs are no part of the build, and find their libraries beside them. */
const folder = fileURLToPath(new URL('../../third-party/programs/', import.meta.url));

/** What the programs share; everything else in the folder is a program. */
const SHARED = 'digest.mjs';

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: readonly string[]): Promise<Finished> {
  const child = spawn(process.execPath, [dxgwire, 'run', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

describe('unmodified libraries give the same results through a host as on the local device', () => {
  let host: ChildProcess;
  let url: string;

  before(async () => {
    const args = [dxgwire, 'host', '--listen', 'ws://127.0.0.1:0', '--json', '--log', 'error'];
    host = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    url = await new Promise<string>((resolve, reject) => {
      host.once('exit', (code) => reject(new Error(`the host ended with code ${code}`)));
      createInterface({ input: host.stdout! }).once('line', (line) => resolve(JSON.parse(line).url));
    });
  });

  after(async () => {
    const ended = new Promise((resolve) => host.once('close', resolve));
    host.kill('SIGINT');
    await ended;
  });

  for (const name of readdirSync(folder).sort()) {
    if (name === SHARED || !/\.[cm]js$/.test(name)) continue;
    it(name.replace(/\.[cm]js$/, ''), async () => {
      const program = join(folder, name);
      const [local, remote] = await Promise.all([
        run(['--local', program]),
        run(['--connect', url, program]),
      ]);
      assert.equal(local.code, 0, local.stderr);
      assert.equal(remote.code, 0, remote.stderr);
      assert.match(local.stdout, /not zero/, 'the program shows no result');
      assert.doesNotMatch(local.stdout, /all zero|false/, 'the local device gives no result');
      assert.equal(remote.stdout, local.stdout);
    });
  }
});
