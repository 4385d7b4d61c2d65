import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';

const EXAMPLE = fileURLToPath(
  new URL('../../../../examples/custom-transport/custom-transport.mjs', import.meta.url),
);

it('the example of a transport of one’s own passes the compliance suite', () => {
  // As a user runs it: not as a part of this test run.
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
  const { status, stdout } = spawnSync(process.execPath, ['--test', '--test-reporter=tap', EXAMPLE], {
    env,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout.slice(-4000));
  assert.ok(Number(/^# pass (\d+)/m.exec(stdout)?.[1]) >= 40, stdout.slice(-300));
});
