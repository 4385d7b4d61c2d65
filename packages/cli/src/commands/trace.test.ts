import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { TraceLine } from '@dxgwire/guest/kmt';
import { dxgwire } from '../test-support/dxgwire.ts';
import { compareTraceFiles, formatComparison } from './trace-compare.ts';
import { readTrace } from './trace-file.ts';
import { formatTrace } from './trace-show.ts';

/** The recorded scenario of a real driver. */
const recorded = fileURLToPath(
  new URL('../../../../test/fixtures/traces/full-v40-sync-gpadl.jsonl', import.meta.url),
);
const lines: readonly TraceLine[] = readFileSync(recorded, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as TraceLine);

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'dxgwire-trace-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

function file(content: readonly TraceLine[] | string): string {
  const path = join(folder, 'trace.jsonl');
  writeFileSync(
    path,
    typeof content === 'string' ? content : content.map((line) => JSON.stringify(line)).join('\n'),
  );
  return path;
}

/** The trace with the n-th packet of that name from the guest changed. */
function withChange(name: string, nth: number, change: (line: TraceLine) => TraceLine[]): TraceLine[] {
  let seen = 0;
  return lines.flatMap((line) => {
    if (line.name !== name || line.dir !== 'g2h' || line.type !== 'inband') return [line];
    seen += 1;
    return seen === nth ? change(line) : [line];
  });
}

function withByte(line: TraceLine, offset: number, byte: number): TraceLine {
  const hex = line.hex ?? '';
  const digits = byte.toString(16).padStart(2, '0');
  return { ...line, hex: `${hex.slice(0, 2 * offset)}${digits}${hex.slice(2 * offset + 2)}` };
}

function compare(actual: readonly TraceLine[]): string {
  return formatComparison(compareTraceFiles(readTrace(recorded), readTrace(file(actual))), 10);
}

describe('dxgwire trace compare', () => {
  it('finds a trace equal to itself', async () => {
    const { code, stderr, stdout } = await dxgwire(['trace', 'compare', recorded, recorded]);
    assert.deepEqual(
      { code, stdout, stderr },
      { code: 0, stdout: 'equal: 209 guest packets (opaque values and cookies left out)\n', stderr: '' },
    );
  });

  it('names the packet, the field and both values, and exits with 1', async () => {
    const actual = withChange('MakeResident', 1, (line) => [withByte(line, 48, 7)]);
    const { code, stdout } = await dxgwire(['trace', 'compare', recorded, file(actual)]);
    assert.equal(code, 1);
    const [head = '', detail = '', summary = ''] = stdout.split('\n');
    assert.match(
      head,
      /^packet 72 \(expected: line 185, actual: line 185\): MakeResident on channel 2, step 74 MakeResident$/,
    );
    assert.match(detail, /^ {2}flags {2}expected 0x0, got 0x7 {2}\[bytes 48\.\.51\]$/);
    assert.equal(summary, '1 packet differs: 209 guest packets expected, 209 found');
  });

  it('sees elements of lists, bytes of tails, bits and headers', () => {
    const text = compare(withChange('SubmitCommand', 1, (line) => [withByte(withByte(line, 16, 1), 29, 1)]));
    assert.match(text, /header\.commandId +expected 0, got 1/);
    assert.match(text, /header\.async +expected 0, got 1 {2}\[bytes 28\.\.31\]/);
    assert.doesNotMatch(text, /channelType/, 'other bits of the same word are as they were');
    assert.match(
      compare(withChange('CreateAllocation', 3, (line) => [withByte(line, 100, 0xee)])),
      /allocInfo\[1\]\.vidpnSourceId +expected 0, got 238/,
    );
    assert.match(
      compare(withChange('CreateAllocation', 1, (line) => [withByte(line, 101, 0xee)])),
      /allocInfo\[0\]\.privDrvData\[9\.\.\] +expected 40474e\S+ \(23 bytes\)|allocInfo\[0\]\.privDrvData\[9\.\.\] +expected 40474e/,
    );
    assert.match(
      compare(withChange('Evict', 1, (line) => [withByte(line, (line.len ?? 0) - 8, 1)])),
      /allocations\[\d+\] +expected 0x\w+, got 0x\w+/,
    );
  });

  it('sees other channels, ids and lengths', () => {
    const text = compare(
      withChange('CreatePagingQueue', 1, (line) => [
        { ...line, channel: 1, id: 4711, hex: `${line.hex}00`, len: (line.len ?? 0) + 1 },
      ]),
    );
    assert.match(text, / {2}on channel 1, not 2\n {2}id 4711, not \d+\n {2}73 bytes, not 72\n/);
  });

  it('leaves out what is masked, and follows cookies', () => {
    assert.match(compare(withChange('CreateDevice', 1, (line) => [withByte(line, 50, 0xee)])), /^equal/);
    const pidAt = (line: TraceLine) => line.cookies?.find(([, , kind]) => kind === 'pid')?.[0] ?? 0;
    const first = lines.find(({ dir, name }) => name === 'CreateProcess' && dir === 'g2h')!;
    const anywhere = withChange('CreateProcess', 1, (line) => [withByte(line, pidAt(line), 0xee)]);
    assert.match(compare(anywhere), /^equal/);
    const twice = withChange('CreateProcess', 2, (line) => {
      const pid = first.hex?.slice(2 * pidAt(first), 2 * pidAt(first) + 4) ?? '';
      const at = 2 * pidAt(line);
      return [{ ...line, hex: `${line.hex?.slice(0, at)}${pid}${line.hex?.slice(at + 4)}` }];
    });
    assert.match(compare(twice), /pid at \d+: 0x\w+ stood for 0x\w+ before/);
  });

  it('shows where the order differs, and stops there', () => {
    const text = compare(withChange('OfferAllocations', 1, () => []));
    assert.match(text, /^packet 77 .*: OfferAllocations on channel 2/);
    assert.match(text, /\n {2}expected from here on: OfferAllocations, ReclaimAllocations, .*more\)\n/);
    assert.match(text, /\n {2}got: {19}ReclaimAllocations, /);
    assert.match(text, /\n0 packets differ before packet 77, .*: 209 guest packets expected, 208 found\n$/);
    const last = lines.findLast((line) => line.dir === 'g2h' && line.type === 'inband')!;
    assert.match(compare([...lines, last]), /expected from here on: no more packets\n/);
    assert.match(compare(lines.filter((line) => line !== last)), /got: +no more packets\n/);
  });

  it('shows no more than it was asked for, or all as JSON', async () => {
    const actual = file(lines.map((line) => (line.dir === 'g2h' ? { ...line, channel: 9 } : line)));
    const few = await dxgwire(['trace', 'compare', recorded, actual, '--limit', '2']);
    assert.equal(few.stdout.match(/^packet /gm)?.length, 2);
    assert.match(few.stdout, /^\.\.\. and 207 more\n209 packets differ: /m);
    const json = await dxgwire(['trace', 'compare', recorded, actual, '--json']);
    const parsed = JSON.parse(json.stdout) as { equal: boolean; differences: unknown[] };
    assert.equal(json.code, 1);
    assert.deepEqual([parsed.equal, parsed.differences.length], [false, 209]);
  });

  it('refuses what is no trace with exit code 2 and one line that says where', async () => {
    const packet = { seq: 0, type: 'inband', channel: 1, dir: 'g2h', id: 1, name: 'X', hex: '00' };
    const wrong: [content: string, says: RegExp][] = [
      ['', /has no packet from a guest/],
      ['{}', /line 1: has no "type"/],
      ['\n[]', /line 2: not a JSON object/],
      ['x', /line 1: not JSON/],
      [JSON.stringify({ ...packet, dir: 'up' }), /without "dir"/],
      [JSON.stringify({ ...packet, channel: -1 }), /without "channel"/],
      [JSON.stringify({ ...packet, id: 1.5 }), /"id" is 1.5/],
      [JSON.stringify({ ...packet, hex: '0' }), /not hexadecimal/],
      [JSON.stringify({ ...packet, hex: 5 }), /without "hex"/],
      [JSON.stringify({ ...packet, zeros: 2 ** 31 }), /"zeros" is/],
      [JSON.stringify({ ...packet, len: 2 }), /says 2 bytes, but has 1/],
      [JSON.stringify({ ...packet, opaque: [[0, 2]] }), /masks 2 bytes at 0/],
      [JSON.stringify({ ...packet, cookies: 7 }), /"cookies" is no list/],
    ];
    for (const [content, says] of wrong) assert.throws(() => readTrace(file(content)), says);
    const { code, stderr, stdout } = await dxgwire(['trace', 'compare', recorded, file('x')]);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /^dxgwire: .*trace\.jsonl, line 1: not JSON\n$/);
    for (const args of [[], ['diff'], ['compare', recorded], ['show'], ['show', recorded, recorded]]) {
      assert.equal((await dxgwire(['trace', ...args])).code, 2, args.join(' '));
    }
    assert.equal((await dxgwire(['trace', 'show', join(folder, 'none')])).code, 2);
  });

  it('takes packets that no command fits, and those too short for theirs', () => {
    const odd: TraceLine[] = ['00'.repeat(40), `10${'00'.repeat(31)}ff${'00'.repeat(23)}`, '10', ''].map(
      (hex, index) => ({
        seq: index,
        type: 'inband',
        channel: 1,
        dir: 'g2h',
        id: index + 1,
        name: 'Odd',
        hex,
      }),
    );
    const path = file(odd);
    assert.match(formatComparison(compareTraceFiles(readTrace(path), readTrace(path)), 10), /^equal: 4/);
    assert.equal(
      [...formatTrace(readTrace(path), { name: undefined, fields: true, bytes: true })].length > 4,
      true,
    );
  });
});

describe('dxgwire trace show', () => {
  it('shows a line for each thing that happened', async () => {
    const { code, stdout } = await dxgwire(['trace', 'show', recorded]);
    assert.equal(code, 0);
    assert.match(stdout, /^ +16 -> {2}SetIoSpaceRegion, channel 1, id 1, 64 bytes$/m);
    assert.match(stdout, /^ +17 <- {2}SetIoSpaceRegion answered, channel 1, id 1, 4 bytes$/m);
    assert.match(stdout, /^ +15 +ChannelOpen channel 1: ring bytes/m);
    assert.doesNotMatch(stdout, /demanded|no layout|not in the trace/, 'every packet can be read');
  });

  it('shows fields and bytes of one command', async () => {
    const args = ['trace', 'show', recorded, '--name', 'createdevice', '--fields', '--bytes'];
    const { stdout } = await dxgwire(args);
    assert.doesNotMatch(stdout, /OpenAdapter/);
    assert.match(stdout, /^ +header\.commandType +0$/m);
    assert.match(stdout, /\(opaque\)$/m);
    assert.match(stdout, /^ +00000 {2}10 00 00 00 00 00 00 00 00 cd ab 00 77 00 00 00$/m);
  });

  it('refuses texts that are none, in one line, and does without a name', async () => {
    const packet = { type: 'inband', dir: 'g2h', channel: 1, hex: '10' };
    for (const [wrong, what] of [
      [{ type: 'x', name: { x: 1 } }, '"name" is no text'],
      [{ type: 'x', detail: { toString: 1 } }, '"detail" is no text'],
      [{ type: 'x', channel: '1' }, '"channel" is no number'],
      [{ ...packet, step: {} }, '"step" is no number'],
      [{ ...packet, cookies: [[0, 1, { toString: 1 }]] }, 'a cookie without its kind'],
    ] as const) {
      const { code, stderr } = await dxgwire(['trace', 'show', file(JSON.stringify(wrong)), '--fields']);
      assert.equal(code, 2);
      assert.match(stderr, /^dxgwire: [^\n]*trace\.jsonl, line 1: [^\n]*\n$/);
      assert.ok(stderr.includes(what), stderr);
    }
    const { code, stdout } = await dxgwire([
      'trace',
      'show',
      file(JSON.stringify(packet)),
      '--name',
      'PACKET',
    ]);
    assert.equal(code, 0);
    assert.match(stdout, /^ +1 -> {2}packet, channel 1, no answer wanted, 1 bytes \(/);
  });

  it('shows texts of a trace, which may be anything, on one line and without what a terminal would obey', async () => {
    const evil = 'x\n\u001b[2J\u009b2J';
    const packet = lines.find(({ dir, type }) => dir === 'g2h' && type === 'inband')!;
    const path = file([
      { ...lines[0]!, type: evil, name: evil, detail: evil },
      { ...lines[0]!, type: 'mark', detail: evil },
      { ...packet, name: evil, cookies: [[0, 8, evil]] } as TraceLine,
      { ...packet, name: evil, hex: '10', len: 1, zeros: 0, opaque: [], cookies: [] } as TraceLine,
    ]);
    const { code, stdout } = await dxgwire(['trace', 'show', path, '--fields']);
    assert.equal(code, 0);
    assert.doesNotMatch(stdout.replaceAll('\n', ''), /\p{Cc}/u);
    assert.match(stdout, /^x\\u000a\\u001b\[2J\\u009b2J$/m);
    const other = join(folder, 'other.jsonl');
    writeFileSync(other, readFileSync(path, 'utf8').replace('"hex":"10"', '"hex":"11"'));
    const compared = await dxgwire(['trace', 'compare', path, other]);
    assert.equal(compared.code, 1);
    assert.doesNotMatch(compared.stdout.replaceAll('\n', ''), /\p{Cc}/u);
  });
});
