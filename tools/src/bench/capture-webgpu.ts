import { globals } from '@dxgwire/guest/webgpu';
import type { DawnCase } from './dawn-case.ts';
import { dawnCases } from './dawn-cases.ts';
import { overLink, type Subject } from './dawn-subject.ts';
import type { Comparison } from './report.ts';
import { estimatesOf, type Samples, takeSamples } from './sampling.ts';

/**
 * Cases of the dawn suite: work that a GPU does, and bytes that a capture has to hold as well. For those nothing is demanded:
 * each of them is copied and written once more.
 */
const CASES: readonly { readonly name: string; readonly samples: number; readonly isBulk?: true }[] = [
  { name: 'record and submit one dispatch, pipelined', samples: 12 },
  { name: 'record and submit 1,000 draws (thread)', samples: 8 },
  { name: 'step of 1024 bodies, pipelined', samples: 8 },
  { name: 'readback of 256 B', samples: 12 },
  { name: 'upload of 64 MiB (writeBuffer)', samples: 3, isBulk: true },
];
const SAMPLE_MS = 60;
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
    for (const [index, each] of cases.entries()) sets[index]!.push(await sampleBoth(each, both));
    for (const subject of both) await subject.close();
  }
  return cases.map(({ bytes, isBulk, name }, index) => ({
    suite: 'capture',
    case: `WebGPU on ${medium}: ${name}`,
    baseline: names.off,
    estimates: estimatesOf(sets[index]!),
    ...(isBulk ? {} : { targets }),
    ...(bytes === undefined ? {} : { bytes }),
  }));
}

async function sampleBoth(dawnCase: DawnCase, subjects: readonly Subject[]): Promise<Samples> {
  const runs = subjects.map(({ device }) => dawnCase.prepare(device));
  const ways = subjects.map(({ name }, index) => ({
    name,
    run: (count: number) => runs[index]!.run(count),
  }));
  const samples = await takeSamples(ways, dawnCase);
  for (const run of runs) run.dispose();
  return samples;
}
