import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Wakefulness } from './wakefulness.ts';

/** A thread whose rounds take a hundredth of a millisecond each. */
class FakeThread {
  timeMs = 0;
  rounds = 0;
  yields = 0;
  private pending: (() => void) | null = null;

  nowMs(): number {
    return this.timeMs;
  }

  nextRound(callback: () => void): void {
    assert.equal(this.pending, null, 'one round at a time');
    this.pending = callback;
  }

  yieldCore(): void {
    this.yields += 1;
  }

  /** Goes round until a time, or until nothing keeps it awake: then it sleeps until that time. */
  runUntil(timeMs: number): void {
    while (this.pending !== null && this.timeMs < timeMs) {
      this.timeMs += 0.01;
      this.rounds += 1;
      const { pending } = this;
      this.pending = null;
      pending();
    }
    this.timeMs = Math.max(this.timeMs, timeMs);
  }

  get isAwake(): boolean {
    return this.pending !== null;
  }
}

function exchange(thread: FakeThread, wakefulness: Wakefulness, pauseMs: number): void {
  wakefulness.answered();
  thread.runUntil(thread.timeMs + pauseMs);
  wakefulness.received();
}

test('stays awake until work comes that has lately come soon, and lets others have the core meanwhile', () => {
  const thread = new FakeThread();
  const wakefulness = new Wakefulness(thread);
  for (let i = 0; i < 20; i += 1) {
    wakefulness.answered();
    thread.runUntil(thread.timeMs + 0.2);
    assert.ok(thread.isAwake, `exchange ${i}`);
    wakefulness.received();
  }
  assert.ok(thread.yields > 20 * 10, `${thread.yields} yields`);
});

test('sleeps when nothing comes, and goes round no more', () => {
  const thread = new FakeThread();
  const wakefulness = new Wakefulness(thread);
  exchange(thread, wakefulness, 0.1);
  wakefulness.answered();
  thread.runUntil(thread.timeMs + 1000);
  assert.ok(!thread.isAwake);
  assert.ok(thread.rounds < 60, `${thread.rounds} rounds`);
});

test('does not stay awake for a program that works at intervals, and does again for one that has become quick', () => {
  const thread = new FakeThread();
  const wakefulness = new Wakefulness(thread);
  for (let i = 0; i < 5; i += 1) exchange(thread, wakefulness, 16);
  const { rounds } = thread;
  for (let i = 0; i < 100; i += 1) exchange(thread, wakefulness, 16);
  assert.equal(thread.rounds, rounds);
  for (let i = 0; i < 20; i += 1) exchange(thread, wakefulness, 0.1);
  wakefulness.answered();
  assert.ok(thread.isAwake);
});

test('several answers before the next work are one pause, from the last of them', () => {
  const thread = new FakeThread();
  const wakefulness = new Wakefulness(thread);
  for (let i = 0; i < 10; i += 1) {
    wakefulness.answered();
    thread.runUntil(thread.timeMs + 0.3);
    wakefulness.answered();
    thread.runUntil(thread.timeMs + 0.3);
    assert.ok(thread.isAwake, `exchange ${i}`);
    wakefulness.received();
    wakefulness.received();
  }
});
