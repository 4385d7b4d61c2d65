import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { PNG } from 'pngjs';
import { dxgwirePath, type Service, startService } from './child.ts';
import {
  DEFAULT_TRANSPORTS,
  type DemoTransport,
  listenUrlOf,
  parseTransports,
  type Way,
  wayOf,
} from './demo-ways.ts';
import { type MeshRun, root, runMesh } from './mesh-run.ts';
import { formatBytes, formatTable } from './table.ts';

/**
 * The demo: one WebGPU program, unchanged, over each transport and on the local device. Every run has a process of
 * its own. A run of one frame beside a run of many separates what starting costs from what a frame costs.
 */

interface Measured {
  readonly transport: string;
  readonly adapter: string;
  readonly roundTripsPerFrame: number;
  readonly sentPerFrame: number;
  readonly receivedPerFrame: number;
  readonly frameMs: number;
  readonly differentPixels: number;
}

const { frames, rounds, out, transports } = readArguments();
const scratch = mkdtempSync(join(tmpdir(), 'dxgwire-demo-'));
const services: Service[] = [];
// Also when Ctrl-C ends it.
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));
process.exitCode = 1;
try {
  process.exitCode = await demo();
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
} finally {
  for (const service of services) await service.stop().catch(() => {});
}

interface Arguments {
  readonly frames: number;
  /** All ways are run in turns, so that a machine that slows down slows all of them down: how many turns. */
  readonly rounds: number;
  readonly out: string;
  readonly transports: readonly DemoTransport[];
}

function readArguments(): Arguments {
  try {
    const { values } = parseArgs({
      options: {
        frames: { type: 'string', default: '8' },
        rounds: { type: 'string', default: '2' },
        out: { type: 'string', default: 'out/mesh.png' },
        transport: { type: 'string', default: DEFAULT_TRANSPORTS.join(',') },
      },
    });
    return {
      frames: wholeNumber('frames', values.frames, 2, 10_000),
      rounds: wholeNumber('rounds', values.rounds, 1, 100),
      out: resolve(root, values.out),
      transports: parseTransports(values.transport),
    };
  } catch (error) {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(2);
  }
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new Error(`--${name} takes a whole number from ${least} to ${most}, not "${text}"`);
}

function progress(text: string): void {
  process.stdout.write(`... ${text}\n`);
}

async function demo(): Promise<number> {
  const started = performance.now();
  const ways: Way[] = [{ name: 'on the local device', link: ['--local'] }];
  for (const transport of transports) {
    const listen = listenUrlOf(transport);
    ways.push(wayOf(transport, listen === null ? null : await startHost(listen)));
  }
  const pictures = ways.map((_, index) => join(scratch, `${index}.png`));
  const runs: MeshRun[][] = ways.map(() => []);
  for (let round = 1; round <= rounds; round++) {
    for (const [index, { name, link }] of ways.entries()) {
      progress(`examples/mesh ${name}, ${frames} frames, round ${round} of ${rounds}`);
      runs[index]?.push(await runMesh(link, frames, pictures[index]));
    }
  }
  const [local = [], ...remote] = runs;
  const rows: Measured[] = [];
  for (const [index, many] of remote.entries()) {
    const { name, link } = ways[index + 1]!;
    progress(`examples/mesh ${name}, 1 frame`);
    rows.push(measure(await runMesh(link, 1), many, local[0]!.picture));
  }

  for (const service of services.splice(0)) {
    progress('ending a host');
    const code = await service.stop();
    if (code !== 0) throw new Error(`the host ended with code ${code}`);
  }

  mkdirSync(dirname(out), { recursive: true });
  copyFileSync(pictures[1]!, out);
  printTable(rows, fastest(local));
  const { width, height } = local[0]!.picture;
  const pixels = width * height;
  for (const { transport, differentPixels } of rows) {
    const verdict =
      differentPixels === 0
        ? `all ${pixels} pixels equal the local picture's`
        : `${differentPixels} of ${pixels} pixels differ from the local picture's`;
    process.stdout.write(`${transport}: ${verdict}\n`);
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`the picture is ${relative(process.cwd(), out)} (${seconds} s in all)\n`);
  return rows.every(({ differentPixels }) => differentPixels === 0) ? 0 : 1;
}

/** @returns the URL on which the host that was started can be reached. */
async function startHost(listen: string): Promise<string> {
  progress(`starting a host in its own process, on ${listen}`);
  const service = await startService([dxgwirePath, 'host', '--listen', listen, '--json', '--log', 'warn']);
  services.push(service);
  return (JSON.parse(service.firstLine) as { url: string }).url;
}

/** Time of a frame, milliseconds: the better round, which other work on the machine disturbed less. */
function fastest(runs: readonly MeshRun[]): number {
  return Math.min(...runs.map(({ report }) => report.frameMs!));
}

function measure(single: MeshRun, many: readonly MeshRun[], expected: PNG): Measured {
  const first = single.statistics!;
  const { statistics, report } = many[0]!;
  // Pings and confirmations come by time and not by frame: the run of one frame may have had more of them.
  const perFrame = (name: 'roundTrips' | 'bytesSent' | 'bytesReceived') =>
    Math.max(0, statistics![name] - first[name]) / (frames - 1);
  return {
    transport: statistics!.transport,
    adapter: report.adapter.description || report.adapter.device,
    roundTripsPerFrame: perFrame('roundTrips'),
    sentPerFrame: perFrame('bytesSent'),
    receivedPerFrame: perFrame('bytesReceived'),
    frameMs: fastest(many),
    // The last frame is the same one whatever the number of frames, so the short run must agree as well.
    differentPixels: Math.max(
      ...[single, ...many].map(({ picture }) => countDifferentPixels(picture, expected)),
    ),
  };
}

function countDifferentPixels(a: PNG, b: PNG): number {
  if (a.width !== b.width || a.height !== b.height) return Math.max(a.width * a.height, b.width * b.height);
  let different = 0;
  for (let at = 0; at < a.data.length; at += 4) {
    if (a.data.readUInt32LE(at) !== b.data.readUInt32LE(at)) different += 1;
  }
  return different;
}

function printTable(rows: readonly Measured[], localMs: number): void {
  const columns = ['adapter', 'transport', 'frames', 'round trips/frame', 'to host/frame', 'to guest/frame'];
  const headings = [...columns, 'remote ms/frame', 'local ms/frame', 'ratio'];
  const table = formatTable(
    headings.map((heading, index) => ({ heading, number: index >= 2 })),
    rows.map((row) => [
      row.adapter,
      row.transport,
      String(frames),
      Number.isInteger(row.roundTripsPerFrame)
        ? String(row.roundTripsPerFrame)
        : row.roundTripsPerFrame.toFixed(2),
      formatBytes(row.sentPerFrame),
      formatBytes(row.receivedPerFrame),
      row.frameMs.toFixed(1),
      localMs.toFixed(1),
      (row.frameMs / localMs).toFixed(2),
    ]),
  );
  process.stdout.write(`\n${table}\n`);
}
