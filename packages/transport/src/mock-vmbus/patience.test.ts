import assert from 'node:assert/strict';
import { test } from 'node:test';
import { now } from '../timers.ts';
import { PACKET_FLAG_COMPLETION_REQUESTED, PACKET_FLAG_UNHURRIED, PacketKind } from '../transport.ts';
import { Patience } from './patience.ts';

const LIMIT_MICROSECONDS = 200;

/** A question whose answer takes so long, with a look at whether to look out for it. */
function ask(patience: Patience, microseconds: number): boolean {
  patience.sent(PacketKind.inBand, PACKET_FLAG_COMPLETION_REQUESTED);
  const looks = patience.looksForAnswers();
  for (const endMs = now() + microseconds / 1000; now() < endMs; );
  patience.received(PacketKind.completion, 0);
  return looks;
}

test('a side that has given up looking out for answers does it again when they come soon', () => {
  const patience = new Patience(LIMIT_MICROSECONDS);
  assert.equal(patience.looksForAnswers(), false, 'nothing is waited for');
  for (let slow = 0; slow < 2; slow += 1) {
    patience.sent(PacketKind.inBand, PACKET_FLAG_COMPLETION_REQUESTED);
    assert.equal(patience.looksForAnswers(), true);
    // What looks is what measures.
    patience.lookout()!.begin(now() - 100);
    patience.received(PacketKind.completion, 0);
  }
  assert.equal(ask(patience, 0), false, 'answers take longer than looking on may last');
  let asked = 0;
  while (!ask(patience, 0)) {
    asked += 1;
    assert.ok(asked < 10_000, 'it never looks out again');
  }
});

test('nobody looks out for answers that nobody waits for', () => {
  const patience = new Patience(LIMIT_MICROSECONDS);
  const request = PACKET_FLAG_COMPLETION_REQUESTED;
  for (let i = 0; i < 3; i += 1) patience.sent(PacketKind.inBand, request | PACKET_FLAG_UNHURRIED);
  assert.equal(patience.looksForAnswers(), false);
  assert.equal(patience.lookout(), null);
  patience.sent(PacketKind.inBand, request);
  assert.equal(patience.looksForAnswers(), true);
  for (let i = 0; i < 4; i += 1) patience.received(PacketKind.completion, 0);
  assert.equal(patience.looksForAnswers(), false);
  patience.sent(PacketKind.inBand, request);
  assert.equal(patience.looksForAnswers(), true);
});
