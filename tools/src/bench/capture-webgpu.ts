import { open } from 'node:fs/promises';
import { globals } from '@dxgwire/guest/webgpu';
import type { DawnCase } from './dawn-case.ts';
import { dawnCases } from './dawn-cases.ts';
import { overLink, type Subject } from './dawn-subject.ts';
import type { Comparison } from './report.ts';
import { estimatesOf, type Samples, takeSamples } from './sampling.ts';

/**
 * Cases of the dawn suite: work that a GPU does, and bytes that a capture has to hold as well. Those are held against the medium: the
 * same work, and the same bytes into a file by themselves.
 */
const CASES: readonly { readonly name: string; readonly samples: number; readonly isBulk?: true }[] = [
  { name: 'record and submit one dispatch, pipelined', samples: 12 },
  { name: 'record and submit 1,000 draws (thread)', samples: 8 },
  { name: 'step of 1024 bodies, pipelined', samples: 8 },
  { name: 'readback of 256 B', samples: 12 },
  { name: 'upload of 64 MiB (writeBuffer)', samples: 3, isBulk: true },
];
const SAMPLE_MS = 60;
const PIECE_BYTES = 256 * 1024;
/** Pairs of hosts: see the other cases of the suite. */
const PAIRS = 3;

/** What recording costs a WebGPU program, whose submissions have to be carried out. */
export async function measureWebgpu(
  medium: string,
  url: () => string,
  path: string,
  names: { readonly off: string; readonly on: string },
  targets: NonNullable<Comparison['targets']>,
): Promise<Comparison[]> {
  Object.assign(globalThis, globals);
  const cases = CASES.flatMap(({ isBulk = false, name, samples }) => {
    const found = dawnCases.find((each) => each.name === name);
    return found === undefined ? [] : [{ ...found, isBulk, samples, sampleMs: SAMPLE_MS }];
  });
  const withFile = `${names.off} + its bytes into a file`;
  const sets: Samples[][] = cases.map(() => []);
  for (let pair = 0; pair < PAIRS; pair += 1) {
    const ways = [
      { name: names.off, options: [] as string[] },
      { name: names.on, options: ['--capture', path] },
    ];
    const subjects = new Map<string, Subject>();
    for (const { name, options } of pair % 2 === 1 ? ways.toReversed() : ways) {
      subjects.set(name, await overLink(name, url(), undefined, options));
    }
    const both = [subjects.get(names.off)!, subjects.get(names.on)!];
    for (const [index, each] of cases.entries())
      sets[index]!.push(await sampleBoth(each, both, withFile, `${path}.bare`));
    for (const subject of both) await subject.close();
  }
  return cases.map(({ bytes, isBulk, name }, index) => ({
    suite: 'capture',
    case: `WebGPU on ${medium}: ${name}`,
    baseline: names.off,
    estimates: estimatesOf(sets[index]!),
    ...(isBulk ? { others: [withFile], targets: againstFile(names.on, withFile, targets) } : { targets }),
    ...(bytes === undefined ? {} : { bytes }),
  }));
}

/** What is demanded, but of the medium. */
function againstFile(
  name: string,
  against: string,
  targets: NonNullable<Comparison['targets']>,
): NonNullable<Comparison['targets']> {
  const target = targets[name];
  return target === undefined || !('most' in target) ? {} : { [name]: { most: target.most, against } };
}

/** Writes a new file, as a capture does: pieces of memory that is used again, several in one call. */
async function writeFile(path: string, bytes: number, pieces: readonly Uint8Array[]): Promise<void> {
  const file = await open(path, 'w');
  try {
    for (let left = bytes; left > 0; left -= pieces.length * PIECE_BYTES) await file.writev(pieces);
  } finally {
    await file.close();
  }
}

async function sampleBoth(
  dawnCase: DawnCase & { readonly isBulk: boolean },
  subjects: readonly Subject[],
  withFile: string,
  path: string,
): Promise<Samples> {
  const runs = subjects.map(({ device }) => dawnCase.prepare(device));
  const ways = subjects.map(({ name }, index) => ({
    name,
    run: (count: number) => runs[index]!.run(count),
  }));
  const { bytes, isBulk } = dawnCase;
  if (isBulk && bytes !== undefined) {
    const pieces = Array.from({ length: 32 }, () => new Uint8Array(PIECE_BYTES).fill(7));
    ways.push({
      name: withFile,
      run: async (count) => {
        const begin = performance.now();
        await runs[0]!.run(count);
        await writeFile(path, bytes * count, pieces);
        return performance.now() - begin;
      },
    });
  }
  const samples = await takeSamples(ways, dawnCase);
  for (const run of runs) run.dispose();
  return samples;
}
