import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Lookout, type Watched } from './lookout.ts';

/** Ready at the given look; never with none. */
function readyAt(look: number): Watched & { looks: number } {
  return {
    looks: 0,
    isReady() {
      this.looks += 1;
      return this.looks === look;
    },
  };
}

describe('lookout', () => {
  it('with no time to look never looks', () => {
    const lookout = new Lookout(0);
    const watched = readyAt(1);
    assert.equal(lookout.pays, false);
    assert.equal(lookout.glance(watched), false);
    assert.equal(lookout.watch(watched), false);
    assert.equal(watched.looks, 0);
  });

  it('sees what comes while it glances or watches', () => {
    const lookout = new Lookout(10_000);
    assert.equal(lookout.glance(readyAt(5)), true);
    assert.equal(lookout.watch(readyAt(5)), true);
  });

  it('looks ever less often in vain, and as before once something has come', () => {
    const lookout = new Lookout(10);
    const looked = () => {
      const watched = readyAt(0);
      lookout.watch(watched);
      return watched.looks > 0;
    };
    // Vain looks leave out 1, then 2, then 4.
    const pattern = Array.from({ length: 11 }, looked);
    const expected = [true, false, true, false, false, true, false, false, false, false, true];
    // A wait that lasted long by the clock may end the looks altogether, never make more of them.
    assert.ok(pattern.every((did, index) => !did || expected[index]));
    assert.equal(pattern[0], true);
  });
});
