import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dxgwire, HostProcess, takePort } from '../test-support/dxgwire.ts';

interface Info {
  readonly transport: string;
  readonly codec: string;
  readonly adapters: readonly {
    readonly description: string;
    readonly luid: string;
    readonly interfaceVersion: number;
    readonly memory: readonly { readonly group: string; readonly budgetBytes: number }[];
    readonly nodes: readonly unknown[];
  }[];
}

describe('dxgwire info', () => {
  for (const backend of ['null', 'reference']) {
    it(`shows the adapters of a host with the ${backend} backend`, async () => {
      const host = await HostProcess.start(['--backend', backend]);
      try {
        const { code, stdout, stderr } = await dxgwire(['info', '--connect', host.url, '--json']);
        assert.equal(stderr, '');
        assert.equal(code, 0);
        const info = JSON.parse(stdout) as Info;
        assert.equal(info.transport, 'websocket');
        const offered = host.announcement['adapters'] as { description: string }[];
        assert.deepEqual(
          info.adapters.map(({ description }) => description),
          offered.map(({ description }) => description),
        );
        for (const adapter of info.adapters) {
          assert.match(adapter.luid, /^[0-9a-f]{8}:[0-9a-f]{8}$/);
          assert.equal(adapter.interfaceVersion, 40);
          assert.ok(adapter.nodes.length > 0);
          assert.ok(adapter.memory.some(({ budgetBytes }) => budgetBytes > 0));
        }
        const text = await dxgwire(['info', '--connect', host.url]);
        assert.equal(text.code, 0);
        for (const { description } of offered) assert.ok(text.stdout.includes(description));
      } finally {
        assert.equal((await host.stop()).code, 0);
      }
    });
  }

  it('needs the token of a host that has one, and says so in one line', async () => {
    const host = await HostProcess.start(['--backend', 'null', '--token', 'open-sesame']);
    try {
      const refused = await dxgwire(['info', '--connect', host.url, '--token', 'wrong']);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /^dxgwire: [^\n]*token[^\n]*\n$/);
      assert.doesNotMatch(refused.stderr, /sesame|wrong/);
      assert.equal((await dxgwire(['info', '--connect', host.url, '--token', 'open-sesame'])).code, 0);
      const named = await dxgwire(['info', '--connect', host.url], { DXGWIRE_TOKEN: 'open-sesame' });
      assert.equal(named.code, 0);
    } finally {
      const { stderr } = await host.stop();
      // The host says so as well, and no token.
      assert.match(stderr, /^\{.*"code":"refused","msg":"not let in: [^"]*token[^"]*"\}\n$/);
      assert.doesNotMatch(stderr, /sesame|wrong/);
    }
  });

  it('speaks protobuf where it is asked to, and refuses where only packed form goes', async () => {
    const host = await HostProcess.start(['--backend', 'reference']);
    try {
      const seen: unknown[] = [];
      for (const codec of ['packed', 'protobuf']) {
        const { code, stdout } = await dxgwire(['info', '--connect', host.url, '--codec', codec, '--json']);
        assert.equal(code, 0);
        const { adapters, ...info } = JSON.parse(stdout) as Info;
        assert.equal(info.codec, codec);
        seen.push(
          adapters.map(({ description, memory, nodes }) => [description, memory.length, nodes.length]),
        );
      }
      assert.deepEqual(seen[0], seen[1]);
    } finally {
      await host.stop();
    }
    for (const [args, code, pattern] of [
      [['--connect', 'shm:no-such-host', '--codec', 'protobuf'], 1, /packed form only/],
      [['--connect', host.url, '--codec', 'morse'], 2, /packed, protobuf, not "morse"/],
      [['--in-process', '--backend', 'null', '--codec', 'protobuf'], 2, /--connect/],
    ] as const) {
      const refused = await dxgwire(['info', ...args]);
      assert.equal(refused.code, code);
      assert.match(refused.stderr, pattern);
      assert.match(refused.stderr, /^dxgwire: [^\n]+\n$/);
    }
  });

  it('reports an unreachable host in one line', async () => {
    const { port, close } = await takePort();
    await close();
    const { code, stderr } = await dxgwire(['info', '--connect', `ws://127.0.0.1:${port}`]);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`^dxgwire: [^\n]*127\\.0\\.0\\.1:${port}[^\n]*\n$`));
  });

  it('says what is wrong with a URL', async () => {
    for (const [url, pattern] of [
      ['tcp:127.0.0.1:99999', /expected a host and a port/],
      [`unix:/${'x'.repeat(120)}`, /at most 107 bytes/],
      ['shm:a/b', /expected a short name/],
    ] as const) {
      const { code, stderr } = await dxgwire(['info', '--connect', url]);
      assert.equal(code, 2);
      assert.match(stderr, pattern);
    }
  });

  for (const [name, args] of [
    ['no URL', []],
    ['what is no URL', ['--connect', 'over there']],
    ['a scheme that it does not know', ['--connect', 'gopher://127.0.0.1:1']],
  ] as const) {
    it(`refuses ${name} in one line`, async () => {
      const { code, stderr } = await dxgwire(['info', ...args]);
      assert.equal(code, 2);
      assert.match(stderr, /^dxgwire: [^\n]+\n$/);
    });
  }
});
