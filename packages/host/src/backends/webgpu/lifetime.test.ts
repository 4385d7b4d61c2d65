import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createWebgpuBackend } from './index.ts';
import { hang } from './testing/recipes.ts';
import { Rig } from './testing/rig.ts';

/** Whether a process still runs: one that is dead but that nobody has waited for does not. */
function runs(pid: number): boolean {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return status[status.lastIndexOf(')') + 2] !== 'Z';
  } catch {
    return false;
  }
}

async function ended(pid: number): Promise<void> {
  while (runs(pid)) await new Promise(setImmediate);
}

test('a GPU process dies with its host, also when the GPU hangs and the host is killed', async () => {
  const program = fileURLToPath(new URL('./testing/host-program.js', import.meta.url));
  const host = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(host, 'exit');
  const [line] = (await once(createInterface(host.stdout), 'line')) as [string];
  const pid = Number(line);
  assert.ok(runs(pid));
  host.kill('SIGKILL');
  await exited;
  await ended(pid);
});

test('closing a backend ends its processes, used and spare', async () => {
  const backend = await createWebgpuBackend({ vulkan: 'bundled' });
  const rig = await Rig.open(backend);
  await rig.createDevice();
  await hang(rig);
  const { pid } = (rig.adapter as unknown as { server: { pid: number } }).server;
  const spare = await Rig.open(backend);
  await spare.close();
  await rig.close();
  await backend.close();
  await ended(pid);
});

test('partitions that share a process share its end, and go on with the next', async () => {
  const backend = await createWebgpuBackend({ vulkan: 'bundled', isolation: 'shared' });
  const [first, second] = [await Rig.open(backend), await Rig.open(backend)];
  const pidOf = (rig: Rig) => (rig.adapter as unknown as { server: { pid: number } }).server.pid;
  assert.equal(pidOf(first), pidOf(second));
  await Promise.all([first.createDevice(), second.createDevice()]);
  const ends = await hang(first);
  await first.adapter.reset();
  assert.deepEqual(await Promise.all(ends), Array(2).fill({ kind: 'lost' }));
  await Promise.all([first.take('deviceLost'), second.take('deviceLost')]);
  assert.deepEqual([first.lost.length, second.lost.length], [0, 1]);
  const third = await Rig.open(backend);
  await third.createDevice();
  assert.equal(await third.scope('validation', () => {}), null);
  await Promise.all([first.close(), second.close(), third.close()]);
  await backend.close();
});

test('a device that is not there: one readable error', async () => {
  await assert.rejects(
    createWebgpuBackend({ vulkan: 'bundled', adapter: 'no such device' }),
    (error: Error) => {
      assert.match(error.message, /no WebGPU device was found: bundled SwiftShader: .*"no such device"/);
      assert.ok(!error.message.includes('\n'));
      return true;
    },
  );
});
