import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LookTrials } from './look-trials.ts';
import { LoopLookout } from './loop-lookout.ts';

/** Lets `arrivals` of 64 bytes come, each so much later than the last as its way costs. @returns arrivals while looking. */
function run(trials: LookTrials, clock: { ms: number }, arrivals: number, sleepMs: number, lookMs: number) {
  let looked = 0;
  for (let i = 0; i < arrivals; i += 1) {
    if (trials.looks) looked += 1;
    clock.ms += trials.looks ? lookMs : sleepMs;
    trials.arrived(clock.ms, 64);
  }
  return looked;
}

describe('trials of looking on', () => {
  it('look on nearly always where that is quicker', () => {
    const looked = run(new LookTrials(), { ms: 1000 }, 100_000, 0.03, 0.01);
    assert.ok(looked > 98_000, `${looked} of 100000`);
  });

  it('look on hardly ever where that is slower, or not quicker enough for what it takes', () => {
    for (const lookMs of [0.06, 0.03, 0.028]) {
      const looked = run(new LookTrials(), { ms: 1000 }, 100_000, 0.03, lookMs);
      assert.ok(looked > 0 && looked < 600, `${looked} of 100000 at ${lookMs} ms`);
    }
  });

  it('notice when it is otherwise, both ways', () => {
    const trials = new LookTrials();
    const clock = { ms: 1000 };
    run(trials, clock, 100_000, 0.03, 0.06);
    const looked = run(trials, clock, 200_000, 0.03, 0.01);
    assert.ok(looked > 150_000, `${looked} of 200000`);
    const lookedInVain = run(trials, clock, 200_000, 0.03, 0.06);
    assert.ok(lookedInVain < 1500, `${lookedInVain} of 200000`);
  });

  it('count no pauses', () => {
    const trials = new LookTrials();
    const clock = { ms: 1000 };
    for (let i = 0; i < 1000; i += 1) {
      run(trials, clock, 20, 0.03, 0.01);
      clock.ms += 5;
    }
    // No 32 arrivals in a row: nothing was tried.
    assert.equal(trials.looks, false);
    assert.ok(run(trials, clock, 10_000, 0.03, 0.01) > 9000);
  });
});

describe('an event loop that looks on', () => {
  it('asks for a next turn while an answer may come, until it has come or is late', () => {
    const clock = { ms: 1000 };
    const turns: (() => void)[] = [];
    let scheduled = 0;
    const runNextTurn = (callback: () => void) => {
      scheduled += 1;
      turns.push(callback);
    };
    const lookout = new LoopLookout(() => clock.ms, runNextTurn);
    const wait = (ms: number) => {
      lookout.spoke();
      clock.ms += turns.length > 0 ? ms / 3 : ms;
      lookout.heard(64);
      for (const turn of turns.splice(0)) turn();
    };
    let looked = 0;
    for (let i = 0; i < 2000; i += 1) {
      const before = scheduled;
      wait(0.03);
      if (scheduled > before) looked += 1;
    }
    assert.ok(looked > 1700, `${looked} of 2000`);
    assert.equal(turns.length, 0);
    // Nothing comes: it looks for a while, then no more.
    lookout.spoke();
    let turnsTaken = 0;
    for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) {
      clock.ms += 0.001;
      turnsTaken += 1;
      turn();
    }
    assert.ok(turnsTaken > 20 && turnsTaken < 300, `${turnsTaken} turns`);
    // And not at all behind the end.
    clock.ms += 50;
    lookout.heard(64);
    for (let i = 0; i < 500 && turns.length === 0; i += 1) {
      wait(0.03);
      lookout.spoke();
    }
    assert.equal(turns.length, 1);
    lookout.stop();
    turns.shift()?.();
    assert.equal(turns.length, 0);
  });
});
