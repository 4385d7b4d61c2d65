import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CaptureReader, CaptureRecorder } from '@dxgwire/transport/capture';
import { dxgwire, HostProcess } from '../test-support/dxgwire.ts';

interface Line {
  readonly kind: string;
  readonly direction?: string;
  readonly command?: string;
  readonly fields?: Record<string, string>;
  readonly problem?: string;
}

let folder = '';
let first = '';
let second = '';

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dxgwire-capture-'));
  first = join(folder, 'guest.dxgcap');
  second = join(folder, 'guest-2.dxgcap');
  const token = 'open-sesame';
  const host = await HostProcess.start(['--backend', 'null', '--token', token, '--capture', first]);
  try {
    for (let guest = 0; guest < 2; guest += 1) {
      const { code, stderr } = await dxgwire(['info', '--connect', host.url, '--token', token]);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    }
  } finally {
    const { code, stderr } = await host.stop();
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  }
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Writes the file when it is closed. */
function recorderTo(path: string): CaptureRecorder {
  const chunks: Uint8Array[] = [];
  return new CaptureRecorder({
    write: async (chunk) => void chunks.push(chunk.slice()),
    close: async () => writeFileSync(path, Buffer.concat(chunks)),
  });
}

describe('dxgwire decode', () => {
  it('shows what `dxgwire host --capture` recorded, one file for each guest', async () => {
    for (const path of [first, second]) {
      const { code, stderr, stdout } = await dxgwire(['decode', path]);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      assert.match(stdout, /^websocket, dxgkrnl, recorded at the host's end from 20\d\d-/);
      assert.match(stdout, /-> {2}ch 2 {2}id \d+ {2}OpenAdapter, \d+ bytes/);
      assert.match(stdout, /<- {2}ch 2 {2}id \d+ {2}OpenAdapter answered, \d+ bytes: .*hostAdapterHandle=0x/);
      assert.match(stdout, /bus closed\n$/);
    }
    assert.ok(!existsSync(join(folder, 'guest-3.dxgcap')));
  });

  it('gives every field as JSON, and reads every packet', async () => {
    const { code, stdout } = await dxgwire(['decode', first, '--json']);
    assert.equal(code, 0);
    const [header, ...lines] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
    assert.ok(header !== undefined && 'startedAt' in header);
    const messages = lines.filter(({ kind }) => kind === 'message');
    const completions = lines.filter(({ kind }) => kind === 'completion');
    assert.ok(messages.length > 5);
    assert.ok(completions.length > 5);
    for (const line of [...messages, ...completions]) assert.equal(line.problem, undefined);
    const opened = completions.find(({ command }) => command === 'OpenAdapter');
    assert.match(opened?.fields?.['hostAdapterHandle'] ?? '', /^0x/);
  });

  it('never holds the token', () => {
    for (const path of [first, second]) assert.ok(!readFileSync(path).includes('open-sesame'));
  });

  it('shows a file that was cut off as far as it goes, and refuses what is no capture', async () => {
    const cut = join(folder, 'cut.dxgcap');
    writeFileSync(cut, readFileSync(first).subarray(0, 700));
    const shown = await dxgwire(['decode', cut]);
    assert.equal(shown.code, 0);
    assert.match(shown.stdout, /offer of channel 1/);
    assert.match(shown.stderr, /^dxgwire: [^\n]*cut\.dxgcap was cut off: its last \d+ bytes[^\n]*\n$/);
    writeFileSync(cut, '{"no": "capture"}');
    for (const args of [[cut], [join(folder, 'missing')], [], [first, second]]) {
      const { code, stderr } = await dxgwire(['decode', ...args]);
      assert.equal(code, 2);
      assert.match(stderr, /^dxgwire: [^\n]+\n$/);
    }
  });

  it('loses no bit of an id, shows a text of a peer on one line, and gives lists whole as JSON', async () => {
    const path = join(folder, 'hostile.dxgcap');
    const recorder = recorderTo(path);
    recorder.begin({ link: 'x\n\u001b[2J', side: 'host', codec: 'dxgkrnl' });
    const most = 2 ** 32 - 1;
    recorder.packet('g2h', 2, 6, most, most, 1, new Uint8Array(32), 0, 32);
    recorder.packet('g2h', 2, 6, most - 1, most, 1, new Uint8Array(32), 0, 32);
    recorder.note('busClose', 'gone\n\u001b[2Jfor good');
    await recorder.close();
    const text = await dxgwire(['decode', path]);
    const shown = text.stdout.trimEnd().split('\n');
    assert.equal(shown.length, 4);
    assert.match(shown[0]!, /^x\\u000a\\u001b\[2J, dxgkrnl, recorded at the host's end from /);
    assert.match(shown[1]!, /id 18446744073709551615 /);
    assert.match(shown[2]!, /id 18446744073709551614 /);
    assert.match(shown[3]!, /bus closed: gone\\u000a\\u001b\[2Jfor good$/);
    const { stdout } = await dxgwire(['decode', path, '--json']);
    assert.match(stdout, /"id":"18446744073709551615"/);
  });

  it('reads the messages of a guest also where the host was heard first', async () => {
    const path = join(folder, 'again.dxgcap');
    const recorder = recorderTo(path);
    recorder.begin({ link: 'tcp', side: 'link', codec: 'dxgkrnl' });
    const reader = new CaptureReader();
    const packets = reader.push(readFileSync(first)).filter(({ kind }) => kind === 'packet');
    const from = packets.findIndex((record) => record.kind === 'packet' && record.direction === 'h2g');
    for (const record of packets.slice(from)) {
      if (record.kind !== 'packet') continue;
      const { bytes, channel, direction, flags, idHigh, idLow, packetKind } = record;
      recorder.packet(direction, channel, packetKind, idLow, idHigh, flags, bytes, 0, bytes.length);
    }
    await recorder.close();
    const { stdout } = await dxgwire(['decode', path]);
    assert.match(stdout, /<- {2}ch \d+ {2}id \d+ {2}answer answered, .* \(the request is not in the trace\)/);
    assert.match(stdout, /-> {2}ch 2 {2}id \d+ {2}GetInternalAdapterInfo, /);
    assert.doesNotMatch(stdout, /-> .* answer, /);
    const out = join(folder, 'again.json');
    assert.equal((await dxgwire(['export', path, '--chrome-trace', out])).code, 0);
    assert.match(readFileSync(out, 'utf8'), /"name":"GetInternalAdapterInfo"/);
  });

  it('does not start a host whose capture cannot be written', async () => {
    const args = [
      'host',
      '--listen',
      'ws://127.0.0.1:0',
      '--backend',
      'null',
      '--capture',
      join(folder, 'no', 'x'),
    ];
    const { code, stderr } = await dxgwire(args);
    assert.equal(code, 1);
    assert.match(stderr, /^dxgwire: cannot write the capture [^\n]+\n$/);
  });
});
