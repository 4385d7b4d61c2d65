import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Report } from '@dxgwire/conformance';
import { createHost } from '@dxgwire/host';
import { createReferenceBackend } from '@dxgwire/host/backends/reference';
import { listen } from '@dxgwire/transport/listen';
import { breakBus, type Fault } from './broken-bus.ts';

/** `dxgwire conformance` as a program: what it prints, writes and ends with, on hosts that are wrong or none. */

const bin = fileURLToPath(new URL('../bin/dxgwire.js', import.meta.resolve('@dxgwire/cli')));

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function conformance(...args: string[]): Promise<Finished> {
  const child = spawn(process.execPath, [bin, 'conformance', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

async function withHost(fault: () => Fault, judge: (url: string) => Promise<void>): Promise<void> {
  const backend = createReferenceBackend();
  const host = createHost({ backend });
  const onBus = (bus: Parameters<typeof host.attach>[0]): void => void host.attach(breakBus(bus, fault()));
  const listener = await listen('ws://127.0.0.1:0', { onBus, leaseMs: 0 });
  try {
    await judge(listener.url);
  } finally {
    await listener.close();
    await host.close();
    await backend.close();
  }
}

/** Answers Lock2 with 8 of its 16 bytes. */
function shortLock(): Fault {
  return {
    answer(outgoing) {
      if (outgoing.command?.name === 'Lock2') outgoing.bytes = outgoing.bytes.slice(0, 8);
      return undefined;
    },
  };
}

describe('dxgwire conformance on a broken host at a URL', () => {
  it('says what was expected, what came and the bytes, and ends with 1', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dxgwire-kit-'));
    try {
      await withHost(shortLock, async (url) => {
        const file = join(folder, 'report.xml');
        const { code, stdout, stderr } = await conformance(
          url,
          '--filter',
          'LENGTH-23,NAME',
          '--junit',
          file,
        );
        assert.equal(code, 1, stderr);
        assert.match(stderr, /^FAILED {2}LENGTH-23 {2}The answer to Lock2/m);
        assert.match(stderr, /^11 of 11 {2}NAME: 10 passed$/m);
        assert.match(stdout, /^LENGTH {4}0 of 1 passed, 1 failed$/m);
        assert.match(stdout, /^NAME {6}10 of 10 passed$/m);
        assert.match(stdout, /^ +expected: Lock2 to be answered with the 16 bytes that the driver demands$/m);
        assert.match(stdout, /^ +got: {6}8 bytes$/m);
        assert.match(stdout, /^ +source: {3}\S/m);
        assert.match(stdout, /^ +allocation@28 h = 0x[0-9a-f]{8}$/m);
        assert.match(stdout, /^ +cpu_visible_buffer_offset@8 u64 = not there: the bytes end before it$/m);
        assert.match(stdout, /^ +0000 {2}00 00 00 00 00 00 00 00$/m);
        assert.match(stdout, /^requirements: 10 of 11 passed, 1 failed, 0 skipped$/m);
        const junit = readFileSync(file, 'utf8');
        assert.match(junit, /tests="11" failures="1" skipped="0"/);
        assert.match(junit, /<failure type="check" message="expected Lock2 to be answered with the 16 bytes/);
        assert.equal(junit.match(/<testcase /g)?.length, 11);
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('gives the same as JSON, and nothing else', async () => {
    await withHost(shortLock, async (url) => {
      const { code, stdout, stderr } = await conformance(url, '--json', '--filter', 'LENGTH-23');
      assert.equal(code, 1);
      assert.equal(stderr, '');
      const report = JSON.parse(stdout) as Report;
      assert.deepEqual([report.side, report.passed, report.failed], ['host', 0, 1]);
      const [result] = report.results;
      assert.equal(result?.requirement.id, 'LENGTH-23');
      assert.equal(result?.stage, 'check');
      assert.equal(result?.got, '8 bytes');
      assert.ok((result?.evidence?.length ?? 0) > 6);
    });
  });

  it('gives a host up that falls silent, says so and ends with 1', async () => {
    const silent = (): Fault => ({ request: (_, command) => /IoSpace|Adapter/.test(command?.name ?? '') });
    await withHost(silent, async (url) => {
      const { code, stdout } = await conformance(url, '--timeout', '1000');
      assert.equal(code, 1, stdout);
      assert.match(stdout, /^given up: .*; the rest was not looked at$/m);
      assert.match(stdout, /in what had to be there first/);
    });
  });
});

describe('dxgwire conformance on what is no host', () => {
  const peers: readonly [name: string, greet: (socket: Socket) => void][] = [
    ['says nothing', () => {}],
    ['closes at once', (socket) => socket.end()],
    ['talks of something else', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['sends bytes without end', (socket) => void socket.write(new Uint8Array(1 << 20).fill(0x5a))],
  ];
  for (const [name, greet] of peers) {
    it(`ends with 2 on a program that ${name}`, async () => {
      const sockets = new Set<Socket>();
      const server = createServer((socket) => {
        sockets.add(socket);
        socket.on('error', () => {});
        greet(socket);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      const port = typeof address === 'object' ? address?.port : 0;
      const { code, stderr } = await conformance(`tcp:127.0.0.1:${port}`, '--timeout', '300');
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      assert.equal(code, 2, stderr);
      assert.match(stderr, /there is nobody to judge/);
    });
  }
});
