import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { CaptureReader, type CaptureRecord, CaptureRecorder } from '@dxgwire/transport/capture';
import { bin, dxgwire, HostProcess } from '../test-support/dxgwire.ts';

/** Says which bits are changed. */
const SEED = Number(process.env.SEED ?? 20_261_129);

const PROGRAM = `
const adapter = await navigator.gpu.requestAdapter();
const device = await adapter.requestDevice();
const size = 4096;
const input = device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC });
const read = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
for (let round = 1; round <= 3; round += 1) {
  device.queue.writeBuffer(input, 0, Uint32Array.from({ length: size / 4 }, (_, i) => i * round));
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(input, 0, read, 0, size);
  device.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  if (new Uint32Array(read.getMappedRange())[5] !== 5 * round) throw new Error('wrong data');
  read.unmap();
}
device.destroy();
`;

let folder = '';
let program = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'dxgwire-replay-'));
  program = join(folder, 'program.mjs');
  writeFileSync(program, PROGRAM);
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a command against a host through `dxgwire capture`. @returns the capture's path. */
async function recorded(
  name: string,
  backend: string,
  links: { readonly host: string; readonly capture: string },
  guest: (url: string) => readonly string[],
): Promise<string> {
  const path = join(folder, `${name}.dxgcap`);
  const host = await HostProcess.start([
    '--backend',
    backend,
    '--listen',
    links.host,
    '--token',
    'secret-word',
  ]);
  try {
    const args = ['capture', '--listen', links.capture, '--connect', host.url, '--json', path];
    const proxy = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise<number | null>((resolve) => proxy.once('close', resolve));
    try {
      const line = await new Promise<string>((resolve, reject) => {
        createInterface({ input: proxy.stdout }).once('line', resolve);
        proxy.once('close', () => reject(new Error('the capture ended early')));
      });
      const { url } = JSON.parse(line) as { url: string };
      const { code, stderr } = await dxgwire(guest(url), { DXGWIRE_TOKEN: 'secret-word' });
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    } finally {
      proxy.kill('SIGINT');
    }
    assert.equal(await ended, 0);
  } finally {
    await host.stop();
  }
  assert.ok(!readFileSync(path).includes('secret-word'));
  return path;
}

interface Result {
  readonly messages: number;
  readonly answers: number;
  readonly memoryBytes: number;
  readonly difference: string | null;
}

async function replayed(
  path: string,
  backend: string,
  timeoutMs = 8000,
): Promise<Result & { code: number | null }> {
  const { code, stderr, stdout } = await dxgwire([
    'replay',
    path,
    '--backend',
    backend,
    '--json',
    '--timeout',
    String(timeoutMs),
  ]);
  assert.equal(stderr, '');
  return { ...(JSON.parse(stdout) as Result), code };
}

/** Replays the capture with one bit of a record changed; that must be seen. */
async function replayedChanged(path: string, backend: string, which: number, bit: number): Promise<Result> {
  const other = join(folder, 'changed.dxgcap');
  await changed(path, other, which, bit);
  const result = await replayed(other, backend, 2000);
  assert.equal(result.code, 1, `record ${which}, bit ${bit}: ${JSON.stringify(result)}`);
  return result;
}

const TCP = 'tcp:127.0.0.1:0';
const WEB_SOCKET = 'ws://127.0.0.1:0';

/** The bytes of a capture of a link, with these records. */
async function captureOf(record: (recorder: CaptureRecorder) => void): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const recorder = new CaptureRecorder({
    write: async (chunk) => void chunks.push(chunk.slice()),
    close: async () => {},
  });
  recorder.begin({ link: 'tcp', side: 'link', codec: 'dxgkrnl' });
  record(recorder);
  await recorder.close();
  return Buffer.concat(chunks);
}

describe('dxgwire capture and replay', () => {
  it('plays a WebGPU program again, bit for bit, and shows the first difference of a changed capture', async () => {
    const links = { host: TCP, capture: TCP };
    const path = await recorded('program', 'webgpu', links, (url) => ['run', '--connect', url, program]);
    const result = await replayed(path, 'webgpu');
    assert.deepEqual({ code: result.code, difference: result.difference }, { code: 0, difference: null });
    assert.ok(result.answers > 20 && result.memoryBytes > 3 * 4096, JSON.stringify(result));
    const { records } = recordsOf(path);
    const other = await replayedChanged(path, 'webgpu', answerOfHwQueue(records), 28 * 8 + 6);
    assert.match(
      other.difference ?? '',
      /^record \d+: channel 1, id \d+, CreateHwQueue, hwqueue: recorded 0x\w+, now 0x\w+$/,
    );
    // Memory that a later publication covers is compared all the same: any bit of any of them.
    const places = (['memoryPublish', 'windowPublish'] as const).flatMap((kind) => covered(records, kind));
    assert.ok(places.length > 0, 'each round of the program reads the same buffer');
    process.stdout.write(`SEED=${SEED}\n`);
    for (const part of [0, 0.999]) {
      const which = places[Math.floor(places.length * part)]!;
      const record = records[which]!;
      const bits = 'bytes' in record && record.bytes !== null ? record.bytes.length * 8 : 0;
      const { difference } = await replayedChanged(path, 'webgpu', which, (SEED * 7919) % bits);
      assert.match(
        difference ?? '',
        /^(record \d+: )?(guest memory|window) at 0x\w+( \(published in record \d+\))?: recorded 0x\w+, now /,
      );
    }
    await exportsOf(path);
  });

  it('stands between different media, with a host of the reference backend', async () => {
    const links = { host: TCP, capture: WEB_SOCKET };
    // The token of a WebSocket's guest travels in its hello too.
    const path = await recorded('mixed', 'reference', links, (url) => ['info', '--connect', url]);
    const result = await replayed(path, 'reference');
    assert.deepEqual({ code: result.code, difference: result.difference }, { code: 0, difference: null });
    assert.ok(result.answers > 15);
    // Another backend is another host: it must not pass.
    assert.equal((await replayed(path, 'null')).code, 1);
  });

  it('shows and plays what a link carried as protobuf', async () => {
    const links = { host: TCP, capture: TCP };
    const path = await recorded('protobuf', 'null', links, (url) => [
      'info',
      '--codec',
      'protobuf',
      '--connect',
      url,
    ]);
    const { code, stdout } = await dxgwire(['decode', path, '--json']);
    assert.equal(code, 0);
    assert.match(stdout, /^\{[^\n]*"codec":"protobuf"/);
    assert.doesNotMatch(stdout, /"problem"/);
    assert.match(stdout, /"command":"OpenAdapter"[^\n]*"hostAdapterHandle":"0x/);
    const result = await replayed(path, 'null');
    assert.deepEqual({ code: result.code, difference: result.difference }, { code: 0, difference: null });
    assert.ok(result.answers > 15);
  });

  it("records at the guest's end with run --trace", async () => {
    const path = join(folder, 'trace.dxgcap');
    const ran = await dxgwire(['run', '--in-process', '--trace', path, program]);
    assert.deepEqual({ code: ran.code, stderr: ran.stderr }, { code: 0, stderr: '' });
    const { code, stdout } = await dxgwire(['decode', path]);
    assert.equal(code, 0);
    assert.match(stdout, /^in-process, dxgkrnl, recorded at the guest's end/);
    assert.match(stdout, /SubmitCommandToHwQueue, \d+ bytes/);
    assert.match(stdout, /bus closed\n$/);
  });

  for (const end of [
    'process.exit(3);',
    "throw new Error('over');",
    "process.kill(process.pid, 'SIGTERM');",
  ]) {
    it(`keeps all of a trace when the program ends by ${end}`, async () => {
      const path = join(folder, 'cut.dxgcap');
      const source = join(folder, 'cut.mjs');
      writeFileSync(
        source,
        `const device = await (await navigator.gpu.requestAdapter()).requestDevice();
        device.queue.submit([]);
        await device.queue.onSubmittedWorkDone();
        ${end}`,
      );
      const ran = await dxgwire(['run', '--in-worker', '--trace', path, source]);
      assert.notEqual(ran.code, 0);
      const { code, stdout, stderr } = await dxgwire(['decode', path]);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      assert.match(stdout, /SubmitCommandToHwQueue, \d+ bytes/);
    });
  }

  it('says of a capture that begins within a session that it cannot be played', async () => {
    const path = join(folder, 'later.dxgcap');
    const capture = await captureOf((recorder) => {
      recorder.note('start');
      recorder.packet('g2h', 1, 6, 7, 0, 1, new Uint8Array(64), 0, 64);
    });
    writeFileSync(path, capture);
    const { code, stderr } = await dxgwire(['replay', path, '--backend', 'null']);
    assert.equal(code, 1);
    assert.match(stderr, /^dxgwire: cannot replay [^\n]*it begins within a session[^\n]*\n$/);
  });

  it('gives one line for what is no capture, is damaged or cut off', async () => {
    const good = readFileSync(join(folder, 'mixed.dxgcap'));
    const header = await captureOf(() => {});
    const bad: Record<string, Buffer> = {
      nothing: Buffer.alloc(0),
      text: Buffer.from('{"a": 1}'),
      header: good.subarray(0, 20),
      noise: Buffer.concat([good.subarray(0, 200), Buffer.alloc(5000, 0xc1)]),
      giantArray: Buffer.concat([header, Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff])]),
      giantBytes: Buffer.concat([
        header,
        Buffer.from([0x92, 0x01, 0xc6, 0xff, 0xff, 0xff, 0xff]),
        Buffer.alloc(20 << 20),
      ]),
    };
    for (const [name, bytes] of Object.entries(bad)) {
      const path = join(folder, `bad-${name}`);
      writeFileSync(path, bytes);
      for (const args of [
        ['decode', path],
        ['replay', path, '--backend', 'null'],
        ['export', path, '--pcapng', join(folder, 'bad.pcapng')],
      ]) {
        const { code, signal, stderr } = await dxgwire(args);
        assert.equal(signal, null);
        if (code !== 0 || stderr !== '')
          assert.match(stderr, /^dxgwire: [^\n]+\n$/, `${name}: ${args[0]}: ${stderr}`);
        if (name === 'nothing' || name === 'text' || name === 'giantBytes') assert.notEqual(code, 0, name);
      }
    }
  });
});

type PacketRecord = CaptureRecord & { kind: 'packet' };

/** A capture's records. */
function recordsOf(path: string): CaptureReader & { records: CaptureRecord[] } {
  const reader = new CaptureReader();
  return Object.assign(reader, { records: reader.push(readFileSync(path)) });
}

/** The same capture with one bit changed in the bytes of one record. */
async function changed(from: string, to: string, which: number, bit: number): Promise<void> {
  const parts: Uint8Array[] = [];
  const recorder = new CaptureRecorder(
    { write: async (chunk) => void parts.push(chunk.slice()), close: async () => {} },
    { maxPendingBytes: 1 << 30, maxPublishedBytes: 1 << 30 },
  );
  const { header, records } = recordsOf(from);
  recorder.begin(header!);
  for (const [index, record] of records.entries()) {
    let own = record;
    if (index === which && 'bytes' in record && record.bytes !== null) {
      const bytes = record.bytes.slice();
      bytes[bit >> 3] = bytes[bit >> 3]! ^ (1 << (bit & 7));
      own = { ...record, bytes };
    }
    if (own.kind === 'packet') {
      const { bytes, channel, direction, flags, idHigh, idLow, packetKind } = own;
      recorder.packet(direction, channel, packetKind, idLow, idHigh, flags, bytes, 0, bytes.length);
    } else if (own.kind !== 'gap') {
      const { kind, timeUs: _timeUs, ...fields } = own;
      const values = Object.values(fields).map((value) =>
        value === 'g2h' ? 0 : value === 'h2g' ? 1 : value,
      );
      recorder.note(kind, ...values);
    }
  }
  await recorder.close();
  writeFileSync(to, Buffer.concat(parts));
}

/** Place of the answer of CreateHwQueue, command 50 of a virtual GPU; its queue stands behind header and status. */
function answerOfHwQueue(records: readonly CaptureRecord[]): number {
  const isPacket = (record: CaptureRecord): record is PacketRecord => record.kind === 'packet';
  const asked = records.find(
    (record): record is PacketRecord =>
      isPacket(record) &&
      record.direction === 'g2h' &&
      record.bytes.length === 88 &&
      new DataView(record.bytes.buffer, record.bytes.byteOffset).getUint32(32, true) === 50,
  )!;
  return records.findIndex(
    (record) =>
      isPacket(record) &&
      record.packetKind === 11 &&
      record.channel === asked.channel &&
      record.idLow === asked.idLow,
  );
}

/** Publications of the host that a later one of the same kind covers wholly. */
function covered(records: readonly CaptureRecord[], kind: 'memoryPublish' | 'windowPublish'): number[] {
  const found: number[] = [];
  for (const [index, record] of records.entries()) {
    if (record.kind !== kind || record.direction !== 'h2g' || record.bytes === null) continue;
    if (record.length === 8) continue;
    const isCovered = records
      .slice(index + 1)
      .some(
        (other) =>
          other.kind === kind &&
          other.direction === 'h2g' &&
          other.offset <= record.offset &&
          other.offset + other.length >= record.offset + record.length,
      );
    if (isCovered) found.push(index);
  }
  return found;
}

async function exportsOf(path: string): Promise<void> {
  const [pcapng, lua, trace] = ['out.pcapng', 'out.lua', 'out.json'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const args = ['export', path, '--pcapng', pcapng, '--dissector', lua, '--chrome-trace', trace];
  const { code, stderr } = await dxgwire(args);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  const events = JSON.parse(readFileSync(trace, 'utf8')) as { ph: string; cat?: string }[];
  for (const category of ['call', 'work', 'wait']) {
    const begun = events.filter(({ cat, ph }) => cat === category && ph === 'b').length;
    assert.ok(begun > 0, category);
    assert.equal(events.filter(({ cat, ph }) => cat === category && ph === 'e').length, begun);
  }
  assert.ok(statSync(pcapng).size > 1000);
  const tshark = spawnSync(
    'tshark',
    ['-X', `lua_script:${lua}`, '-r', pcapng, '-T', 'fields', '-e', 'dxgwire.command'],
    {
      encoding: 'utf8',
    },
  );
  if (tshark.error !== undefined) {
    process.stdout.write('tshark is not installed here: the dissector was not tried\n');
    return;
  }
  assert.equal(tshark.status, 0, tshark.stderr);
  const commands = tshark.stdout.trim().split('\n');
  assert.ok(commands.includes('SubmitCommandToHwQueue') && commands.includes('CreateAllocation'));
  assert.ok(!commands.includes('unknown') && !commands.some((name) => name.startsWith('command ')));
}
