import { writeSync } from 'node:fs';
import { SimRandom } from '../sim/sim-random.ts';
import { type Attempt, createAttempt, PROTOCOL_STATES } from './protocol-states.ts';

/** What a victim is told. */
export interface VictimTask {
  readonly url: string;
  /** Names of its guests: this and a number. */
  readonly name: string;
  readonly guests: number;
  /** State of the first guest at which the process ends; the others are at random ones. */
  readonly state: number;
  readonly seed: number;
  /** Who kills it, or `nobody`: then it closes everything and ends by itself. */
  readonly killer: 'itself' | 'the runner' | 'nobody';
}

/** What a victim says with its last breath: where each of its guests was. */
export interface LastWords {
  readonly states: readonly string[];
  /** Guests whose last command had no answer yet. */
  readonly unanswered: number;
}

const task = JSON.parse(process.argv[2] ?? '{}') as VictimTask;
const random = new SimRandom(task.seed);
const states: string[] = [];
const attempts: Attempt[] = [];
/** Guests whose command is under way. */
const waiting = new Set<number>();
let isEnding = false;

function speak(): void {
  writeSync(1, `${JSON.stringify({ states, unanswered: waiting.size } satisfies LastWords)}\n`);
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Goes through the states up to one. @returns what that one is about to finish. */
async function reach(it: Attempt, index: number, last: number): Promise<{ finished: Promise<unknown> }> {
  for (let state = 0; ; state += 1) {
    const [name, step] = PROTOCOL_STATES[state]!;
    states[index] = name;
    waiting.add(index);
    const finished = step(it).finally(() => waiting.delete(index));
    if (state === last) return { finished };
    try {
      await finished;
    } catch (error) {
      // Under load work may take longer than the host has patience for: the device is lost, and the guest goes no further.
      if (await isDeviceLost(it)) return { finished: Promise.resolve() };
      throw error;
    }
  }
}

async function isDeviceLost(it: Attempt): Promise<boolean> {
  const state = await it.process?.getDeviceState({ device: it.device, stateType: 1 });
  return state !== undefined && state.ret >= 0 && state.executionState !== 1;
}

/** One of the others: goes through some states again and again until the process ends. */
async function wander(index: number): Promise<void> {
  while (!isEnding) {
    const it = createAttempt(task.url, `${task.name}${index}`);
    attempts[index] = it;
    const { finished } = await reach(it, index, random.below(PROTOCOL_STATES.length));
    await finished.catch(async (error: unknown) => {
      if (!(await isDeviceLost(it))) throw error;
    });
    if (isEnding) return;
    for (let turns = random.below(200); turns > 0 && !isEnding; turns -= 1) await turn();
    if (isEnding) return;
    await it.bus?.close();
  }
}

async function lead(): Promise<void> {
  const it = createAttempt(task.url, `${task.name}0`);
  attempts[0] = it;
  const { finished } = await reach(it, 0, task.state);
  finished.catch(() => {});
  if (task.killer !== 'nobody') {
    // The command leaves at the end of this turn; its answer comes later, or has just come.
    for (let turns = random.below(4); turns > 0; turns -= 1) await turn();
    speak();
    if (task.killer === 'itself') process.kill(process.pid, 'SIGKILL');
    return;
  }
  isEnding = true;
  await finished.catch(() => {});
}

const others = Array.from({ length: task.guests - 1 }, (_, i) => wander(i + 1));
await lead();
await Promise.all(others);
if (task.killer === 'nobody') {
  speak();
  await Promise.all(attempts.map((it) => it.bus?.close()));
}
