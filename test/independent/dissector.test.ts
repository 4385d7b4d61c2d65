import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PacketKind } from '@dxgwire/transport';
import { CaptureRecorder } from '@dxgwire/transport/capture';
import { asPacket, encodeReply, encodeRequest } from './encoder.ts';
import { Random } from './random-messages.ts';
import { countsOf, fillOf, hasReply, spoken } from './vectors.ts';

const SEED = Number(process.env['SEED'] ?? 20_261_129);
/** Of each command, beside those that are all zeros and all ones. */
const RANDOM_MESSAGES = 4;
const MOST_ELEMENTS = 5;

const bin = fileURLToPath(new URL('../bin/dxgwire.js', import.meta.resolve('@dxgwire/cli')));
const hasTshark = spawnSync('tshark', ['--version']).error === undefined;
const skip = hasTshark ? false : 'tshark is not installed here';

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'dxgwire-dissector-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

/**
 * Messages and answers of every command, as the encoder that knows the facts alone makes them.
 *
 * @param isCut whether all are cut somewhere.
 * @returns the capture.
 */
async function captureAll(version: number, isCut = false): Promise<string> {
  const random = new Random(SEED + version);
  const parts: Uint8Array[] = [];
  const recorder = new CaptureRecorder(
    { write: async (chunk) => void parts.push(chunk.slice()), close: async () => {} },
    { maxPendingBytes: 1 << 30 },
  );
  recorder.begin({ link: 'test', side: 'link', codec: 'dxgkrnl' });
  let id = 0;
  for (const command of spoken) {
    for (let each = 0; each < RANDOM_MESSAGES + 2; each += 1) {
      const counts: Record<string, number> = { ...countsOf(command, () => random.below(MOST_ELEMENTS)) };
      if ('write_results' in counts) counts['write_results'] = random.below(2);
      const fills = [fillOf('zeros'), fillOf('ones')];
      const fill =
        fills[each] ?? ((bits: number) => (bits === 0 ? 1 : random.next() >>> (32 - Math.min(bits, 32))));
      const request = asPacket(command, encodeRequest(command, counts, fill, version), version);
      const isFromHost = command.channel === 'host';
      id += 1;
      const ids = [isFromHost ? 0 : id, 0, isFromHost ? 0 : 1] as const;
      const direction = isFromHost ? 'h2g' : 'g2h';
      const part = (length: number) => (isCut ? random.below(length + 1) : length);
      recorder.packet(direction, 2, PacketKind.inBand, ...ids, request, 0, part(request.length));
      if (!hasReply(command) || isFromHost) continue;
      const reply = encodeReply(command, counts, fill, version);
      recorder.packet('h2g', 2, PacketKind.completion, id, 0, 0, reply, 0, part(reply.length));
    }
  }
  await recorder.close();
  const path = join(folder, `all-${version}.dxgcap`);
  writeFileSync(path, Buffer.concat(parts));
  return path;
}

function run(command: string, args: readonly string[]): string {
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  assert.equal(result.status, 0, `${command}: ${result.stderr}`);
  return result.stdout;
}

interface Decoded {
  readonly kind: string;
  readonly command?: string;
  readonly problem?: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** Values by field name, in the order of the wire. */
type Values = Map<string, string[]>;

/** Every field of the dissector's tree, wherever it stands. `_2` is a second type of one name. */
function collect(tree: unknown, into: Values): Values {
  if (typeof tree !== 'object' || tree === null) return into;
  for (const [key, value] of Object.entries(tree)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (typeof each === 'object') collect(each, into);
      else {
        const name = key.replace(/_\d+$/, '');
        into.set(name, [...(into.get(name) ?? []), String(each)]);
      }
    }
  }
  return into;
}

/** A number however it is written: `0x1f`, `31`, `name (31)`, `true`. */
function numberOf(text: string): bigint {
  const inBrackets = /\((-?\d+)\)$/.exec(text)?.[1];
  if (text === 'true' || text === 'false') return text === 'true' ? 1n : 0n;
  const digits = inBrackets ?? text;
  return digits.startsWith('-') ? -BigInt(digits.slice(1)) : BigInt(digits);
}

/** What `dxgwire decode` shows of a field, as a list; it cuts long ones. */
function shown(text: string): { readonly items: readonly string[]; readonly isCut: boolean } {
  if (!text.startsWith('[')) return { items: [text], isCut: false };
  const inner = text.slice(1, -1);
  const cut = inner.replace(/, \.\.\. \d+ in all$/, '');
  return { items: cut === '' ? [] : cut.split(', '), isCut: cut !== inner };
}

/** Compares all fields of one packet. @returns how many. */
function compare(decoded: Decoded, values: Values, lua: string, where: string): number {
  const expected = new Map<string, string[]>();
  let compared = 0;
  for (const [path, text] of Object.entries(decoded.fields)) {
    if (/^(header|extended)\.|\(union\)$|(^|\.)rest$/.test(path)) continue;
    const name = `dxgwire.${path.replaceAll(/\[\d+\]/g, '')}`;
    const found = values.get(name) ?? [];
    const at = expected.get(name) ?? [];
    expected.set(name, at);
    if (lua.includes(`ProtoField.bytes("${name}"`)) {
      const own = (found[at.length] ?? '').replaceAll(':', '');
      const wanted = text.replace(/\.\.\. .*$/, '');
      at.push(text);
      assert.ok(own.startsWith(wanted), `${where}, ${path}: ${own} is not ${text}`);
    } else if (lua.includes(`ProtoField.string("${name}"`)) {
      const wanted = JSON.parse(text) as string;
      // Halves of a character are not shown alike.
      const half = wanted.search(/[\ud800-\udfff]/);
      const whole = half < 0 ? wanted.length : half;
      assert.equal(found[at.length]?.slice(0, whole), wanted.slice(0, whole), `${where}, ${path}`);
      at.push(text);
    } else {
      for (const item of shown(text).items) {
        const own = found[at.length];
        assert.ok(own !== undefined, `${where}, ${path}: missing, ${text} is demanded`);
        assert.equal(numberOf(own), numberOf(item), `${where}, ${path}`);
        at.push(item);
      }
    }
    compared += 1;
  }
  return compared;
}

describe('the Wireshark dissector', () => {
  for (const version of [40, 27]) {
    it(`reads what the decoder reads, interface version ${version}`, { skip }, async () => {
      process.stdout.write(`SEED=${SEED}\n`);
      const capture = await captureAll(version);
      const [pcapng, script] = [join(folder, 'all.pcapng'), join(folder, 'dxgwire.lua')];
      run(process.execPath, [bin, 'export', capture, '--pcapng', pcapng, '--dissector', script]);
      const lua = readFileSync(script, 'utf8');
      const decoded = run(process.execPath, [bin, 'decode', capture, '--json'])
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Decoded)
        .filter(({ kind }) => kind === 'message' || kind === 'completion');
      const dissected = JSON.parse(
        run('tshark', ['-X', `lua_script:${script}`, '-r', pcapng, '-T', 'json', '--no-duplicate-keys']),
      ) as { readonly _source: { readonly layers: unknown } }[];
      assert.equal(dissected.length, decoded.length);
      let compared = 0;
      for (const [index, packet] of dissected.entries()) {
        const one = decoded[index]!;
        const where = `packet ${index + 1}, ${one.command} ${one.kind}`;
        const values = collect(packet._source.layers, new Map());
        assert.equal(values.get('_ws.lua.text'), undefined, where);
        assert.deepEqual(values.get('dxgwire.command'), [one.command], where);
        assert.equal(one.problem, undefined, where);
        compared += compare(one, values, lua, where);
        if (one.kind === 'completion') assert.ok(values.has('dxgwire.request_in'), where);
      }
      process.stdout.write(`${compared} fields of ${dissected.length} packets compared\n`);
      assert.ok(compared > 2500);
    });

    it(`takes packets that are cut, interface version ${version}`, { skip }, async () => {
      const capture = await captureAll(version, true);
      const [pcapng, script] = [join(folder, 'cut.pcapng'), join(folder, 'cut.lua')];
      run(process.execPath, [bin, 'export', capture, '--pcapng', pcapng, '--dissector', script]);
      const tree = run('tshark', ['-X', `lua_script:${script}`, '-r', pcapng, '-V']);
      assert.doesNotMatch(tree, /Lua Error/i);
      assert.match(tree, /Beyond the end/);
    });
  }
});
