import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PNG } from 'pngjs';
import { dxgwirePath, runToEnd } from './child.ts';

/** The repository's root folder. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url));

const program = join(root, 'examples/mesh/mesh.mjs');

/** What examples/mesh reports. Times in milliseconds. */
export interface MeshReport {
  readonly adapter: { readonly device: string; readonly description: string };
  readonly frames: number;
  readonly setupMs: number;
  readonly firstFrameMs: number;
  /** Mean of the frames after the first, which also compiles the shaders. Null when there was one only. */
  readonly frameMs: number | null;
}

/** What `dxgwire run --statistics` writes. */
export interface LinkStatistics {
  readonly transport: string;
  readonly roundTrips: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

export interface MeshRun {
  readonly report: MeshReport;
  /** Null on the local device. */
  readonly statistics: LinkStatistics | null;
  readonly picture: PNG;
}

/**
 * Runs examples/mesh, unchanged, in a process of its own.
 *
 * @param link options of `dxgwire run`: `--connect URL`, `--in-process` or `--local`.
 * @param pictureFile where the picture goes; without it, nowhere that lasts.
 */
export async function runMesh(
  link: readonly string[],
  frames: number,
  pictureFile?: string,
): Promise<MeshRun> {
  const scratch = mkdtempSync(join(tmpdir(), 'dxgwire-mesh-'));
  const clean = () => rmSync(scratch, { recursive: true, force: true });
  // Also when Ctrl-C ends it.
  process.once('exit', clean);
  try {
    const file = pictureFile ?? join(scratch, 'mesh.png');
    const statisticsFile = join(scratch, 'statistics.json');
    const isLocal = link.includes('--local');
    const statistics = isLocal ? [] : ['--statistics', statisticsFile];
    const args = ['run', ...link, ...statistics, program, file, '--frames', String(frames), '--json'];
    const { code, output } = await runToEnd([dxgwirePath, ...args]);
    if (code !== 0) throw new Error(`\`dxgwire ${args.join(' ')}\` ended with code ${code}`);
    return {
      report: JSON.parse(output) as MeshReport,
      statistics: isLocal ? null : (JSON.parse(readFileSync(statisticsFile, 'utf8')) as LinkStatistics),
      picture: PNG.sync.read(readFileSync(file)),
    };
  } finally {
    process.off('exit', clean);
    clean();
  }
}
