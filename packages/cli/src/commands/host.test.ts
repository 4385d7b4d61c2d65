import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { bin, dxgwire, HostProcess, takePort } from '../test-support/dxgwire.ts';

function childrenOf(pid: number): string[] {
  const children = readdirSync(`/proc/${pid}/task`).map((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8'),
  );
  return children.join(' ').split(' ').filter(Boolean);
}

describe('dxgwire host', () => {
  it('prints its adapters and the URL to use', async () => {
    const host = await HostProcess.start(['--backend', 'reference']);
    const { stdout, code } = await host.stop();
    assert.equal(code, 0);
    const { url, backend, adapters } = JSON.parse(stdout) as {
      url: string;
      backend: string;
      adapters: { description: string }[];
    };
    assert.match(url, /^ws:\/\/127\.0\.0\.1:[1-9]\d*\/?$/);
    assert.equal(backend, 'reference');
    assert.ok(adapters.length > 0);
    assert.ok(adapters.every(({ description }) => description !== ''));
  });

  for (const timeout of ['0', '-1', '1.5', 'soon', '2147483648']) {
    it(`refuses --timeout ${timeout} with the range`, async () => {
      const { code, stderr } = await dxgwire(['host', '--backend', 'null', `--timeout=${timeout}`]);
      assert.equal(code, 2);
      assert.match(
        stderr,
        /^dxgwire: --timeout takes milliseconds, a whole number from 1 to 2147483647, not ".*"\n$/,
      );
    });
  }

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`ends with code 0 on ${signal}`, async () => {
      const host = await HostProcess.start(['--backend', 'null']);
      const { code, signal: endedBy, stderr } = await host.stop(signal);
      assert.deepEqual({ code, endedBy, stderr }, { code: 0, endedBy: null, stderr: '' });
    });
  }

  it('takes its GPU process along when it ends', { skip: process.platform !== 'linux' }, async () => {
    const host = await HostProcess.start([]);
    const children = childrenOf(host.pid);
    const { code } = await host.stop();
    assert.equal(code, 0);
    assert.ok(children.length > 0, 'the webgpu backend has a GPU process');
    for (const child of children) assert.ok(!existsSync(`/proc/${child}`), `process ${child} is gone`);
  });

  it('says in one line that the port is in use', async () => {
    const taken = await takePort();
    try {
      const { code, stderr, stdout } = await dxgwire([
        'host',
        '--backend',
        'null',
        '--listen',
        `ws://127.0.0.1:${taken.port}`,
      ]);
      assert.equal(code, 1);
      assert.equal(stdout, '');
      assert.match(stderr, new RegExp(`^dxgwire: .*${taken.port}.*in use.*\n$`));
    } finally {
      await taken.close();
    }
  });

  it('does not listen beyond this machine without a token', async () => {
    const { code, stderr } = await dxgwire(['host', '--backend', 'null', '--listen', 'ws://0.0.0.0:0']);
    assert.equal(code, 2);
    assert.match(stderr, /^dxgwire: .*give --token SECRET.*\n$/);
  });

  it('takes a token that its URL names, and shows it nowhere', async () => {
    const host = await HostProcess.start([
      '--backend',
      'null',
      '--listen',
      'tcp:0.0.0.0:0?token=open-sesame',
    ]);
    try {
      assert.match(host.url, /^tcp:0\.0\.0\.0:\d+$/);
      const here = host.url.replace('0.0.0.0', '127.0.0.1');
      assert.equal((await dxgwire(['info', '--connect', here])).code, 1);
      assert.equal((await dxgwire(['info', '--connect', `${here}?token=open-sesame`])).code, 0);
    } finally {
      await host.stop();
    }
    for (const url of [
      'ws://127.0.0.1:99999',
      'gopher://127.0.0.1:70',
      'unix:',
      'shm:a/b',
      'tcp:127.0.0.1:99999',
    ]) {
      for (const option of [
        ['host', '--listen'],
        ['info', '--connect'],
      ]) {
        const { code, stderr } = await dxgwire([...option, `${url}?token=open-sesame`]);
        assert.equal(code, 2);
        assert.match(stderr, /^dxgwire: [^\n]+\n$/);
        assert.doesNotMatch(stderr, /open-sesame/);
      }
    }
  });

  it('says what is wrong with a URL before it starts anything', async () => {
    for (const [url, pattern] of [
      ['tcp:127.0.0.1:99999', /expected a host and a port/],
      [`unix:/${'x'.repeat(120)}`, /at most 107 bytes/],
      ['gopher://127.0.0.1:70', /unknown scheme 'gopher:'/],
    ] as const) {
      const { code, stderr } = await dxgwire(['host', '--listen', url]);
      assert.equal(code, 2);
      assert.match(stderr, pattern);
      assert.match(stderr, /^dxgwire: [^\n]+\n$/);
    }
  });

  it('prints a URL that a shell takes as it stands and that leads to the same socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dxgwire host 50% '));
    try {
      for (const kind of process.platform === 'linux' ? ['unix', 'shm'] : ['unix']) {
        const path = join(folder, "it's (1)?.sock");
        const host = await HostProcess.start([
          '--backend',
          'null',
          '--listen',
          `${kind}:${encodeURIComponent(path)}`,
        ]);
        try {
          assert.ok(existsSync(path));
          assert.match(host.url, /^[\w:/.%-]+$/);
          assert.equal((await dxgwire(['info', '--connect', host.url])).code, 0);
        } finally {
          await host.stop();
        }
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('serves its guests also where its log cannot be written', {
    skip: !existsSync('/dev/full'),
  }, async () => {
    const full = openSync('/dev/full', 'w');
    const args = ['host', '--backend', 'null', '--listen', 'tcp:127.0.0.1:0', '--json', '--log', 'debug'];
    const child = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', 'pipe', full] });
    const ended = once(child, 'close');
    try {
      const [line] = (await once(child.stdout!, 'data')) as [Buffer];
      const { url } = JSON.parse(line.toString()) as { url: string };
      for (let guest = 0; guest < 2; guest += 1) {
        const { code, stderr } = await dxgwire(['info', '--connect', url]);
        assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      }
    } finally {
      child.kill('SIGINT');
      closeSync(full);
    }
    assert.deepEqual(await ended, [0, null]);
  });

  it('names the same URL on this machine as the way out', async () => {
    const { code, stderr } = await dxgwire(['host', '--backend', 'null', '--listen', 'tcp:192.0.2.1:8080']);
    assert.equal(code, 2);
    assert.match(stderr, /or listen on tcp:\/\/127\.0\.0\.1:8080\n$/);
  });

  for (const [name, args] of [
    ['a URL that is none', ['--listen', 'nonsense']],
    ['a scheme that it does not know', ['--listen', 'gopher://127.0.0.1:70']],
    ['an unknown backend', ['--backend', 'direct3d']],
    ['an unknown log level', ['--log', 'loud']],
    ['an adapter that is not there', ['--backend', 'null', '--adapter', '17']],
    ['a token that cannot be sent', ['--backend', 'null', '--token', 'open sesame']],
    ['a port that cannot be', ['--listen', 'ws://127.0.0.1:99999']],
    ['compression of what is no WebSocket', ['--compress', '--listen', 'tcp:127.0.0.1:0']],
    ['a stray argument', ['--backend', 'null', 'here']],
  ] as const) {
    it(`refuses ${name} in one line`, async () => {
      const { code, stderr, stdout } = await dxgwire(['host', ...args]);
      assert.notEqual(code, 0);
      assert.equal(stdout, '');
      assert.match(stderr, /^dxgwire: [^\n]+\n$/);
    });
  }
});
