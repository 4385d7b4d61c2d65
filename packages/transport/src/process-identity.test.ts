import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { it } from 'node:test';
import { hasProcessEnded, ownProcess } from './process-identity.ts';

const MODULE = new URL('./process-identity.js', import.meta.url).href;
const hasProc = existsSync('/proc/self/ns/pid');

it('a process that has ended is known, on the same machine', { skip: !hasProc }, async () => {
  const source = `import { ownProcess } from ${JSON.stringify(MODULE)};
    process.stdout.write(ownProcess()); setInterval(() => {}, 1e6);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 2],
  });
  const [name] = (await once(child.stdout!.setEncoding('utf8'), 'data')) as [string];
  assert.match(name, new RegExp(` ${child.pid} \\d+$`));
  assert.equal(hasProcessEnded(name), false);
  child.kill('SIGKILL');
  // Its pipe is closed when it ends, as its sockets are: it may be there still, but is ending.
  await once(child.stdout!, 'close');
  assert.equal(hasProcessEnded(name), true);
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  assert.equal(hasProcessEnded(name), true);
});

it('nothing is said of a process elsewhere, or of what is no name', { skip: !hasProc }, () => {
  const name = ownProcess();
  assert.equal(hasProcessEnded(name), false);
  const [machine, namespace, pid, startTime] = name.split(' ');
  assert.equal(
    hasProcessEnded(`${machine} ${namespace} ${pid} ${Number(startTime) + 1}`),
    true,
    'its number again',
  );
  for (const other of [
    '',
    'x',
    `other ${namespace} ${pid} 1`,
    `${machine} pid:[1] ${pid} 1`,
    `${machine} ${namespace} -1 1`,
  ])
    assert.equal(hasProcessEnded(other), false, other);
});
