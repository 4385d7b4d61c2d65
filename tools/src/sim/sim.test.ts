import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HostBus } from '@dxgwire/transport';
import { simulate } from './simulation.ts';

const SEEDS = 2000;
const SEEDS_PER_TEST = 250;
const STEPS = 250;

describe('simulated guests, host and links', () => {
  for (let first = 1; first <= SEEDS; first += SEEDS_PER_TEST) {
    const last = first + SEEDS_PER_TEST - 1;
    it(`violate no invariant (seeds ${first} to ${last}, ${STEPS} steps each)`, async () => {
      const failed: string[] = [];
      for (let seed = first; seed <= last; seed += 1) {
        await simulate({ seed, steps: STEPS }).catch((error: Error) => failed.push(error.message));
      }
      assert.equal(failed.length, 0, failed.slice(0, 5).join('\n'));
    });
  }

  it('do the same again with the same seed, and everything that is to happen happens', async () => {
    const first = await simulate({ seed: 3, steps: 20_000 });
    assert.deepEqual(await simulate({ seed: 3, steps: 20_000 }), first);
    assert.ok(first.events >= 20_000);
    const { counts } = first;
    for (const what of ['cuts', 'outages', 'guest crashes', 'submit', 'wait on the GPU', 'lock', 'evict']) {
      assert.ok((counts[what] ?? 0) > 0, `${what}: ${JSON.stringify(counts)}`);
    }
  });
});

type Method = (...values: number[]) => unknown;

/** Puts something in place of a method of the host's end. */
function replace(object: object, name: string, make: (original: Method) => Method): void {
  const methods = object as Record<string, Method>;
  methods[name] = make(methods[name]!.bind(object));
}

/** Ways to break what the simulation looks after, each with what it must then say. */
const SPOILS: readonly [string, RegExp, (bus: HostBus) => void][] = [
  [
    'a fence that goes back',
    /went back|nobody asked for more|of whatever/,
    (bus) => {
      let stores = 0;
      replace(bus.window, 'storeU64', (store) => (offset, low, high) => {
        stores += 1;
        return store(offset!, stores % 40 === 0 && low! > 1 ? low! - 2 : low!, high!);
      });
    },
  ],
  [
    'a fence that is ahead of what was asked',
    /nobody asked for more|data of|went back|was woken at/,
    (bus) => {
      let stores = 0;
      replace(bus.window, 'storeU64', (store) => (offset, low, high) => {
        stores += 1;
        return store(offset!, stores % 40 === 0 ? low! + 5 : low!, high!);
      });
    },
  ],
  [
    'data that come after the fence that announces them',
    /but the data of/,
    (bus) => {
      const held: (() => unknown)[] = [];
      replace(bus.memory, 'publish', (publish) => (address, length) => {
        held.push(() => publish(address!, length!));
        if (held.length > 2) held.shift()?.();
        return undefined;
      });
    },
  ],
  [
    'a wake-up that is lost',
    /sleeps on|after \d+ ms: /,
    (bus) => {
      let events = 0;
      const open = bus as { onChannelOpen: HostBus['onChannelOpen'] };
      let handler: HostBus['onChannelOpen'] = null;
      Object.defineProperty(open, 'onChannelOpen', {
        get: () => handler,
        set(next: HostBus['onChannelOpen']) {
          handler = (channel) => {
            replace(channel, 'send', (send) => (kind, ...rest) => {
              // Packets of the host's own, with kind 6, are its events.
              if (kind === 6) events += 1;
              return kind === 6 && events % 8 === 0 ? true : send(kind!, ...rest);
            });
            next?.(channel);
          };
        },
      });
    },
  ],
];

describe('a simulation', () => {
  for (const [what, expected, spoil] of SPOILS) {
    it(`notices ${what}, and says how to have it again`, async () => {
      let noticed = '';
      for (let seed = 1; seed <= 20 && noticed === ''; seed += 1) {
        await simulate({ seed, steps: 1500, spoil }).catch((error: Error) => {
          noticed = error.message;
        });
      }
      assert.match(noticed, expected);
      assert.match(noticed, /pnpm sim --seed \d+ --steps 1500/);
    });
  }
});
