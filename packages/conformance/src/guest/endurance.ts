import type { GuestRule } from './rule.ts';
import type { Oddity } from './view.ts';

/**
 * What a guest has to bear. A host may do these things, and the stock driver minds none of them: the kit does each a few
 * times and looks whether the guest goes on. A link that breaks within a few turns of one has failed.
 */

/**
 * Turns in which a guest has said something after which it is taken to have borne what came before. Single messages do not count: one
 * that asks many things at once has more of them on their way.
 */
const BORNE_AFTER = 3;

function bears(number: number, source: string, text: string, what: Oddity): GuestRule {
  const id = `GUEST-${String(number).padStart(2, '0')}`;
  return {
    id,
    group: 'GUEST',
    level: 'must',
    text,
    source,
    look(event, view) {
      if (event.kind !== 'end') return undefined;
      const since = view.turnsSince(what);
      if (since === undefined) return undefined;
      return event.error === null || since >= BORNE_AFTER
        ? null
        : `the link ended ${since} turns with messages later: ${event.error.message}`;
    },
  };
}

/** Left alone, and borne. */
function leavesAlone(): GuestRule {
  const text = 'A channel of a class that it does not know is not opened, and its end is borne';
  const borne = bears(45, '1.1', text, 'a strange offer');
  return {
    ...borne,
    look(event, view) {
      if (event.kind !== 'open') return borne.look(event, view);
      return view.strangeChannels.has(event.channel) ? `channel ${event.channel} was opened` : undefined;
    },
  };
}

export const enduranceRules: readonly GuestRule[] = [
  bears(
    38,
    '2.4, observation 10',
    'An answer that is longer than demanded is cut, and the guest goes on',
    'a long answer',
  ),
  bears(
    39,
    '6.2, observation 15',
    'Events of unknown ids, of id 0, and a second time are ignored, and the guest goes on',
    'a stray event',
  ),
  bears(
    40,
    '6.1, 6.4',
    'Messages that a guest does not know, or that are cut short, are dropped, and the guest goes on',
    'a strange message',
  ),
  leavesAlone(),
  bears(
    89,
    '2.3',
    'Answers to requests that nobody has made, or waits for any more, are ignored, and the guest goes on',
    'a stray answer',
  ),
  bears(
    90,
    '2.1, 4.3',
    'A message of the host on the channel of a virtual GPU is dropped, and the guest goes on',
    'a message elsewhere',
  ),
  bears(
    91,
    '2.3, observation 15',
    'Answers that come in another order than their requests are each taken for what they answer, and the guest goes on',
    'a late answer',
  ),
];
