import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { type ScenarioTransport, scenarioRunner } from '../run-scenario.ts';

export interface DescribeOptions {
  /** Seeds 0 to this. */
  readonly seeds: number;
  /** Scenarios at a time. */
  readonly width: number;
}

const SEEDS_PER_TEST = 250;

/** How long what was ended may take to be gone: threads and closings end beside this one. */
const GONE_MS = 10_000;

/** What this process has open, by descriptor; empty where that cannot be told. */
function openFiles(): Map<string, string> {
  const files = new Map<string, string>();
  let names: string[] = [];
  try {
    names = readdirSync('/proc/self/fd');
  } catch {
    return files;
  }
  for (const name of names) {
    try {
      files.set(name, readlinkSync(`/proc/self/fd/${name}`));
    } catch {
      // It was the one that the folder was read by, or has been closed since.
    }
  }
  return files;
}

/** Sockets, pipes, timers that keep a process alive, by kind; those of the test runner itself are not asked about. */
function keepsAlive(): string[] {
  const ours = /^(TCP|PipeServer|PipeConnect|Timeout|Immediate|MessagePort)/;
  return process.getActiveResourcesInfo().filter((name) => ours.test(name));
}

/** @returns What keeps the process alive, and what is open that was not open before, each as text. */
function leftSince(before: ReadonlyMap<string, string>): string[] {
  const opened = [...openFiles()].filter(([name, target]) => before.get(name) !== target);
  return [...keepsAlive(), ...opened.map(([name, target]) => `${name} -> ${target}`)];
}

/** Runs the seeded scenarios of one transport as tests, and counts what is left when they are over. */
export function describeScenarios(transport: ScenarioTransport, { seeds, width }: DescribeOptions): void {
  describe(`${seeds} seeded faults over ${transport}`, () => {
    let filesBefore = new Map<string, string>();
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
      const deadline = performance.now() + GONE_MS;
      let left = leftSince(filesBefore);
      while (left.length > 0 && performance.now() < deadline) {
        await new Promise((resolve) => setImmediate(resolve));
        left = leftSince(filesBefore);
      }
      assert.deepEqual(left, []);
    });
    after(async () => {
      if (!isClosed) await runner.close();
    });
  });
}
