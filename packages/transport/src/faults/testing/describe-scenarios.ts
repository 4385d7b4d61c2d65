import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { type ScenarioTransport, scenarioRunner } from '../run-scenario.ts';

export interface DescribeOptions {
  /** Seeds 0 to this. */
  readonly seeds: number;
  /** Scenarios at a time. */
  readonly width: number;
}

const SEEDS_PER_TEST = 250;

/** Open files of this process, or 0 where that cannot be told. */
function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}

/** Sockets, pipes, timers that keep a process alive, by kind; those of the test runner itself are not asked about. */
function keepsAlive(): string[] {
  const ours = /^(TCP|PipeServer|PipeConnect|Timeout|Immediate|MessagePort)/;
  return process.getActiveResourcesInfo().filter((name) => ours.test(name));
}

/** Runs the seeded scenarios of one transport as tests, and counts what is left when they are over. */
export function describeScenarios(transport: ScenarioTransport, { seeds, width }: DescribeOptions): void {
  describe(`${seeds} seeded faults over ${transport}`, () => {
    let filesBefore = 0;
    let isClosed = false;
    let runner: ReturnType<typeof scenarioRunner>;
    const ends = new Map<string, number>();
    before(() => {
      filesBefore = openFiles();
      runner = scenarioRunner(transport);
    });
    for (let first = 0; first < seeds; first += SEEDS_PER_TEST) {
      const last = Math.min(seeds, first + SEEDS_PER_TEST);
      it(`each ends in the right result or in one typed error, and nothing is left (seeds ${first} to ${last - 1})`, async () => {
        const failed: string[] = [];
        let next = first;
        const lane = async () => {
          while (next < last) {
            const seed = next;
            next += 1;
            const { text, end, wrong } = await runner.run(seed);
            ends.set(end, (ends.get(end) ?? 0) + 1);
            if (wrong.length === 0) continue;
            failed.push(
              `${text}: ${wrong.join('; ')}\n  pnpm faults --transport ${transport} --seed ${seed}`,
            );
          }
        };
        await Promise.all(Array.from({ length: width }, lane));
        assert.equal(failed.length, 0, failed.slice(0, 5).join('\n'));
      });
    }
    it('has had both ends, good and bad, and leaves no socket, file or timer', async () => {
      assert.ok((ends.get('done') ?? 0) > 0 && ends.size > 1, [...ends].join(' '));
      isClosed = true;
      await runner.close();
      for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(keepsAlive(), []);
      assert.ok(openFiles() <= filesBefore + 1, `${openFiles()} files are open, ${filesBefore} were`);
    });
    after(async () => {
      if (!isClosed) await runner.close();
    });
  });
}
