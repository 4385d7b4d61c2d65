import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../../examples/vmm-prototype/vmm-prototype.mjs', import.meta.url));

function run(args: readonly string[]): Promise<{ code: number; stderr: string; stdout: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}

/** Lets a program load nothing that reaches files, processes or the network. */
const WITHOUT_SYSTEM = `data:text/javascript,${encodeURIComponent(`
  import { register } from 'node:module';
  const hooks = \`
    const reach = /^(node:)?(fs|net|tls|dgram|dns|http|http2|https|child_process|cluster|worker_threads)(\\\\/|$)/;
    export async function resolve(specifier, context, next) {
      if (reach.test(specifier)) throw new Error(context.parentURL + ' needs ' + specifier);
      return next(specifier, context);
    }\`;
  register('data:text/javascript,' + encodeURIComponent(hooks));
`)}`;

describe('examples/vmm-prototype', () => {
  for (const options of [
    [],
    ['--answered'],
    ['--old', '--apart'],
    ['--old', '--answered'],
    ['--gpadl', '--apart'],
  ]) {
    test(`boots a guest and runs its job: ${options.join(' ') || 'as it stands'}`, async () => {
      const { code, stderr, stdout } = await run([program, '--no-webgpu', ...options]);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      const version = options.includes('--old') ? 27 : 40;
      assert.match(stdout, new RegExp(`^guest {2}driver up: version ${version},`, 'm'));
      const isAnswered = options.includes('--answered');
      assert.match(stdout, isAnswered ? /every command is answered/ : /submissions are one-way/);
      assert.match(stdout, /^guest {2}fill and copy, seen through a lock: 0xdecafbad 0x0$/m);
      assert.match(stdout, /^guest {2}existing system memory, across two pages: 17,34,34,17$/m);
      assert.match(stdout, /^guest {2}monitored fence after its event: 8589934592$/m);
      assert.match(stdout, /^host {3}nothing of the machine is left$/m);
      assert.match(stdout, /^vmm {4}done\n$/m);
    });
  }

  test('needs neither files nor the network', async () => {
    const { code, stderr } = await run(['--import', WITHOUT_SYSTEM, program, '--no-webgpu']);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    const check = "await import('node:fs')";
    const refused = await run(['--import', WITHOUT_SYSTEM, '--input-type=module', '--eval', check]);
    assert.match(refused.stderr, /needs node:fs/, 'the check works');
  });

  test('runs a WebGPU program in a second machine where it can', async () => {
    const { code, stdout } = await run([program]);
    assert.equal(code, 0);
    assert.match(stdout, /^(guest {2}WebGPU computed 1 4 9 16|vmm {4}no WebGPU here: .*)$/m);
  });

  test('refuses an option that it does not know', async () => {
    const { code, stderr } = await run([program, '--fast']);
    assert.equal(code, 2);
    assert.match(stderr, /there is no option --fast/);
  });
});
