import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { deflateSync } from 'node:zlib';
import { dxgwire, HostProcess } from './test-support/dxgwire.ts';

/** The examples are ordinary WebGPU programs: what they write must not depend on where the GPU is. */

const example = (path: string) => fileURLToPath(new URL(`../../../examples/${path}`, import.meta.url));
const mesh = example('mesh/mesh.mjs');
const imageFilter = example('image-filter/image-filter.mjs');

/** CRC-32 as PNG has it. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const result = Buffer.alloc(body.length + 8);
  result.writeUInt32BE(data.length, 0);
  body.copy(result, 4);
  result.writeUInt32BE(crc32(body), body.length + 4);
  return result;
}

/** A PNG of 8-bit RGBA pixels; `pixels` may be shorter than the size that its header claims. */
function encodePng(width: number, height: number, pixels: Uint8Array, hasData = true): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 6, 0, 0, 0], 8);
  const rows = Buffer.alloc(pixels.length + pixels.length / (width * 4));
  for (let y = 0; (y + 1) * width * 4 <= pixels.length; y++) {
    rows.set(pixels.subarray(y * width * 4, (y + 1) * width * 4), y * (width * 4 + 1) + 1);
  }
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const data = hasData ? chunk('IDAT', deflateSync(rows)) : Buffer.alloc(0);
  return Buffer.concat([signature, chunk('IHDR', header), data, chunk('IEND', new Uint8Array(0))]);
}

/** Rings of colour: edges in all directions, and half-transparent parts. */
function testPicture(width: number, height: number): Buffer {
  const pixels = new Uint8Array(width * height * 4);
  for (let at = 0; at < pixels.length; at += 4) {
    const x = (at / 4) % width;
    const y = Math.floor(at / 4 / width);
    const ring = Math.floor(Math.hypot(x - width / 2, y - height / 3) / 7);
    pixels.set([(ring * 73) & 255, (ring * 151) & 255, (x * 5) & 255, ring % 3 === 0 ? 128 : 255], at);
  }
  return encodePng(width, height, pixels);
}

describe('examples', () => {
  let host: HostProcess;
  let folder: string;

  before(async () => {
    host = await HostProcess.start([]);
    folder = mkdtempSync(join(tmpdir(), 'dxgwire-examples-'));
  });
  after(async () => {
    rmSync(folder, { recursive: true, force: true });
    assert.equal((await host.stop()).code, 0);
  });

  const links = () => ({
    local: ['--local'],
    websocket: ['--connect', host.url],
    'in-process': ['--in-process'],
  });

  /** Runs a program over each link; its picture must be the same everywhere. */
  async function sameEverywhere(
    program: string,
    args: (picture: string) => readonly string[],
  ): Promise<Buffer> {
    const pictures: Buffer[] = [];
    for (const [name, link] of Object.entries(links())) {
      const picture = join(folder, `${name}.png`);
      const { code, stderr } = await dxgwire(['run', ...link, program, ...args(picture)]);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' }, name);
      pictures.push(readFileSync(picture));
    }
    const [local, ...others] = pictures;
    for (const other of others) assert.ok(local?.equals(other), 'the picture is that of the local device');
    return local!;
  }

  it('mesh: the same picture over each link', async () => {
    const size = ['--width', '130', '--height', '97', '--frames', '2'];
    const picture = await sameEverywhere(mesh, (file) => [file, ...size]);
    assert.deepEqual([picture.readUInt32BE(16), picture.readUInt32BE(20)], [130, 97]);
  });

  it('image-filter: the same picture over each link', async () => {
    const input = join(folder, 'input.png');
    writeFileSync(input, testPicture(67, 45));
    const picture = await sameEverywhere(imageFilter, (file) => [input, file, '--sigma', '1.5']);
    assert.deepEqual([picture.readUInt32BE(16), picture.readUInt32BE(20)], [67, 45]);
  });

  it('image-filter: filters a picture of one pixel, and one with something behind its end', async () => {
    const input = join(folder, 'small.png');
    for (const contents of [
      testPicture(1, 1),
      Buffer.concat([testPicture(9, 1), Buffer.from('left over')]),
    ]) {
      writeFileSync(input, contents);
      const output = join(folder, 'small-out.png');
      const { code, stderr } = await dxgwire(['run', '--connect', host.url, imageFilter, input, output]);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      assert.deepEqual(readFileSync(output).subarray(16, 24), contents.subarray(16, 24), 'the same size');
    }
  });

  describe('image-filter: errors', () => {
    const cases: [string, Buffer | null, RegExp][] = [
      ['a missing file', null, /^image-filter: there is no file .*\n$/],
      ['what is not a PNG', Buffer.from('GIF89a, or so it says'), /^image-filter: .* is not a PNG file\n$/],
      ['an empty file', Buffer.alloc(0), /^image-filter: .* is not a PNG file\n$/],
      [
        'a cut PNG',
        testPicture(40, 40).subarray(0, 200),
        /^image-filter: .* is a damaged PNG file: its end is missing\n$/,
      ],
      [
        'a PNG without pixels',
        encodePng(40, 40, new Uint8Array(0), false),
        /^image-filter: .* is a damaged PNG file: it has no pixels\n$/,
      ],
      [
        'a PNG with too few pixels',
        encodePng(40, 40, new Uint8Array(40 * 4 * 10)),
        /^image-filter: .* is a damaged PNG file: it holds \d+ of the 6440 bytes that its size needs\n$/,
      ],
      [
        'a picture larger than the limits',
        encodePng(1_000_000, 1, new Uint8Array(4_000_000)),
        /^image-filter: .* is 1000000 x 1 pixels; this device takes \d+ x \d+ at most\n$/,
      ],
    ];
    for (const [name, contents, message] of cases) {
      it(`reports ${name} in one line`, async () => {
        const input = join(folder, 'bad.png');
        rmSync(input, { force: true });
        if (contents !== null) writeFileSync(input, contents);
        const output = join(folder, 'never.png');
        const { code, stderr } = await dxgwire(['run', '--connect', host.url, imageFilter, input, output]);
        assert.equal(code, 1);
        assert.match(stderr, message);
      });
    }
  });
});
