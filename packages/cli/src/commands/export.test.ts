import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CaptureRecorder } from '@dxgwire/transport/capture';
import { dxgwire, HostProcess } from '../test-support/dxgwire.ts';

let folder = '';
let whole = '';

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dxgwire-export-'));
  whole = join(folder, 'guest.dxgcap');
  const host = await HostProcess.start(['--backend', 'null', '--capture', whole]);
  try {
    const { code, stderr } = await dxgwire(['info', '--connect', host.url]);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  } finally {
    await host.stop();
  }
});
after(() => rmSync(folder, { recursive: true, force: true }));

const ways = ['--pcapng', '--chrome-trace', '--dissector'];

describe('dxgwire export', () => {
  it('does not write over the capture, nor two outputs into one file', async () => {
    const copy = join(folder, 'copy.dxgcap');
    writeFileSync(copy, readFileSync(whole));
    for (const way of ways) {
      const { code, stderr } = await dxgwire(['export', copy, '--pcapng', join(folder, 'x'), way, copy]);
      assert.equal(code, 2, way);
      assert.match(stderr, /^dxgwire: .*copy\.dxgcap is the capture itself\n$/);
      assert.deepEqual(readFileSync(copy), readFileSync(whole), way);
    }
    const both = join(folder, 'both');
    for (const other of [both, relative('.', both), join(folder, '.', `x/../both`)]) {
      const { code } = await dxgwire(['export', copy, '--pcapng', both, '--chrome-trace', other]);
      assert.equal(code, 2, other);
      assert.ok(!existsSync(both));
    }
  });

  it('fails where it cannot write', async () => {
    for (const way of ways) {
      const path = join(folder, 'no such folder', 'out');
      const { code, stderr } = await dxgwire(
        ['export', whole, way, path, '--pcapng', join(folder, 'x')].slice(0, 4),
      );
      assert.equal(code, way === '--dissector' ? 2 : 1, stderr);
    }
    const { code, stderr } = await dxgwire(['export', '--dissector', folder]);
    assert.equal(code, 1);
    assert.match(stderr, /^dxgwire: cannot write [^\n]*\n$/);
  });

  it('leaves a file that is there alone when what it is given is no capture, and says when one was cut off', async () => {
    const [bad, cut, out] = ['bad', 'cut', 'out'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(bad, 'no capture');
    writeFileSync(out, 'kept');
    assert.equal((await dxgwire(['export', bad, '--pcapng', out])).code, 2);
    assert.equal(readFileSync(out, 'utf8'), 'kept');
    writeFileSync(cut, readFileSync(whole).subarray(0, 1500));
    const { code, stderr } = await dxgwire(['export', cut, '--chrome-trace', out]);
    assert.equal(code, 0);
    assert.match(stderr, /^dxgwire: .*cut was cut off: .*out holds what is before its end\n$/);
    JSON.parse(readFileSync(out, 'utf8'));
  });

  it('shows a call that was never answered as a bar up to the end', async () => {
    const capture = join(folder, 'stalled.dxgcap');
    const chunks: Uint8Array[] = [];
    let nowMs = 0;
    const recorder = new CaptureRecorder(
      { write: async (chunk) => void chunks.push(chunk.slice()), close: async () => {} },
      { clock: { now: () => nowMs, setTimer: () => () => {}, defer: () => {} } },
    );
    recorder.begin({ link: 'x', side: 'host', codec: 'dxgkrnl' });
    recorder.packet('g2h', 2, 6, 7, 0, 1, new Uint8Array(64), 0, 64);
    nowMs = 5000;
    recorder.note('busClose', null);
    await recorder.close();
    writeFileSync(capture, Buffer.concat(chunks));
    const out = join(folder, 'stalled.json');
    const { code } = await dxgwire(['export', capture, '--chrome-trace', out]);
    assert.equal(code, 0);
    const events = JSON.parse(readFileSync(out, 'utf8')) as { ph: string; ts: number; name: string }[];
    const bar = events.filter(({ ph }) => ph === 'b' || ph === 'e');
    assert.deepEqual(
      bar.map(({ ph, ts }) => [ph, ts]),
      [
        ['b', 0],
        ['e', 5_000_000],
      ],
    );
    assert.match(bar[0]!.name, /\(no answer\)$/);
  });
});
