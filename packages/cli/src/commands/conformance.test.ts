import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { bin, dxgwire, HostProcess, node, takePort } from '../test-support/dxgwire.ts';

interface JsonReport {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly results: readonly { readonly verdict: string }[];
}

const example = fileURLToPath(new URL('../../../../examples/conformance/conformance.mjs', import.meta.url));

describe('dxgwire conformance', () => {
  it('judges a host at a URL, and writes JUnit beside its report', async () => {
    const host = await HostProcess.start(['--backend', 'reference']);
    const folder = mkdtempSync(join(tmpdir(), 'dxgwire-conformance-'));
    try {
      const file = join(folder, 'report.xml');
      const { code, stdout } = await dxgwire([
        'conformance',
        host.url,
        '--filter',
        'SYNC,NAME',
        '--junit',
        file,
      ]);
      assert.equal(code, 0, stdout);
      assert.match(stdout, /^requirements: \d+ of \d+ passed, 0 failed, \d+ skipped$/m);
      assert.match(readFileSync(file, 'utf8'), /<testsuite name="dxgwire conformance, host"/);
    } finally {
      rmSync(folder, { recursive: true });
      await host.stop();
    }
  });

  it('judges a host that a command starts, over standard input and output', async () => {
    const command = [
      process.execPath,
      bin,
      'host',
      '--listen',
      'stdio:',
      '--backend',
      'null',
      '--log',
      'warn',
    ];
    const { code, stdout, stderr } = await dxgwire([
      'conformance',
      'stdio:',
      '--json',
      '--filter',
      'BRING-07,ANSWER-00',
      '--',
      ...command,
    ]);
    assert.equal(code, 0, stderr);
    const report = JSON.parse(stdout) as JsonReport;
    assert.deepEqual([report.passed, report.failed], [2, 0]);
  });

  it('judges a guest that a command starts', async () => {
    const guest = [process.execPath, bin, 'info', '--connect', '{}'];
    const args = ['conformance', '--guest', 'ws://127.0.0.1:0', '--json', '--', ...guest];
    const { code, stdout, stderr } = await dxgwire(args);
    assert.equal(code, 0, stdout + stderr);
    assert.ok((JSON.parse(stdout) as JsonReport).passed > 15, stdout);
    // It lends no memory: what is demanded of that was not looked at.
    const part = ['conformance', '--guest', 'ws://127.0.0.1:0', '--filter', 'GUEST-83', '--', ...guest];
    const nothing = await dxgwire(part);
    assert.equal(nothing.code, 1, nothing.stdout);
    assert.match(
      nothing.stderr,
      /^dxgwire: nothing was judged: there was no occasion for what --filter names$/m,
    );
  });

  it('waits for a guest no longer than it is told, and ends what it has started', async () => {
    const file = join(tmpdir(), `no-guest-${process.pid}.xml`);
    const line = ['conformance', '--guest', 'ws://127.0.0.1:0', '--arrival', '50', '--junit', file];
    const nobody = await dxgwire(line);
    assert.equal(nobody.code, 2, nobody.stdout);
    assert.equal(existsSync(file), false, 'an empty report is left');
    assert.match(nobody.stderr, /^.*nobody to judge: no guest has connected to ws:.* within 50 ms.*$/m);
    // It connects, and then says nothing for ever.
    const silent = `
      const { connect } = await import(${JSON.stringify(import.meta.resolve('@dxgwire/transport/connect'))});
      await connect(process.argv[1]);
      setInterval(() => {}, 1000);`;
    const guest = [process.execPath, '--input-type=module', '-e', silent, '{}'];
    for (const [option, reason] of [
      ['--silence', /^given up: the guest has said nothing for 300 ms/m],
      ['--limit', /^given up: the guest's link has not ended within 300 ms/m],
    ] as const) {
      const args = ['conformance', '--guest', 'ws://127.0.0.1:0', option, '300', '--', ...guest];
      const { code, stdout, stderr } = await dxgwire(args);
      assert.equal(code, 1, stdout + stderr);
      assert.match(stdout, reason);
    }
  });

  it('ends with 2 when nobody is there, or the command line is wrong', async () => {
    const port = await takePort();
    await port.close();
    const lines = [
      ['conformance', `tcp:127.0.0.1:${port.port}`],
      ['conformance'],
      ['conformance', 'nonsense:'],
      ['conformance', '--in-process', '--backend', 'null', '--filter', 'no such requirement'],
      ['conformance', '--in-process', '--backend', 'null', '--filter', 'SYNC,LENGHT-23'],
      ['conformance', '--in-process', '--backend', 'null', '--filter', ','],
      ['conformance', '--guest', 'ws://127.0.0.1:0', '--filter', 'SYNC-01'],
    ];
    for (const line of lines) {
      const { code, stderr } = await dxgwire(line);
      assert.equal(code, 2, `${line.join(' ')}: ${stderr}`);
    }
  });

  it('says before a run that a file cannot be written', async () => {
    const file = join(tmpdir(), 'there is no such folder', 'report.xml');
    const { code, stderr, stdout } = await dxgwire(['conformance', '--in-process', '--junit', file]);
    assert.equal(code, 1);
    assert.match(stderr, /^dxgwire: cannot write .*report\.xml: [^\n]*\n$/);
    assert.equal(stdout, '');
  });

  it('names the file that could not be written after a run', { skip: !existsSync('/dev/full') }, async () => {
    const args = ['conformance', '--in-process', '--filter', 'LENGTH-23', '--json', '--junit', '/dev/full'];
    const { code, stderr } = await dxgwire(args);
    assert.deepEqual(
      { code, stderr },
      { code: 1, stderr: 'dxgwire: cannot write /dev/full: no space left on device\n' },
    );
  });

  it('reports on Ctrl-C what it has seen so far', async () => {
    const child = spawn(process.execPath, [bin, 'conformance', '--in-process'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    child.stdout.on('data', (part) => {
      out += part;
    });
    child.stderr.once('data', () => child.kill('SIGINT'));
    child.stderr.resume();
    const [code] = (await once(child, 'close')) as [number | null];
    assert.equal(code, 1, out);
    assert.match(out, /^requirements: \d+ of \d+ passed, 0 failed, \d+ skipped$/m);
    assert.match(out, /^given up: interrupted/m);
  });

  it('has an example that judges a host through the library', async () => {
    const { code, stdout } = await node([example]);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^SYNC +(\d+) of \1 passed$/m);
  });
});
