import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { guestRules, reportText, runGuestConformance, wireCommands } from '@dxgwire/conformance';
import { createHost } from '@dxgwire/host';
import { createReferenceBackend } from '@dxgwire/host/backends/reference';
import type { Channel, GuestBus } from '@dxgwire/transport';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';
import { useDriver } from './driver-program.ts';

/**
 * Guests that run, with our driver, and are wrong in one way: what they send is changed on its way out. Some of them get no answer then, and
 * go no further; the kit ends with a verdict all the same.
 */

/** A message as a guest of version 40 sends it: an extended header, a command header, arguments. */
interface Sent {
  readonly channel: Channel;
  readonly channels: readonly Channel[];
  readonly name: string;
  readonly id: readonly [low: number, high: number];
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly flags: number;
  send(change: { flags?: number; idLow?: number; bytes?: Uint8Array; channel?: Channel | undefined }): void;
}

/** What a broken guest does in place of sending a message as it is. */
type Fault = (sent: Sent) => void;

function nameOf(view: DataView): string {
  if (view.byteLength < 40) return '';
  const channel = view.getUint8(28) === 0 ? 'vgpu' : 'global';
  const code = view.getUint32(32, true);
  return wireCommands.find((each) => each.channel === channel && each.code === code)?.name ?? '';
}

function breakGuest(bus: GuestBus, only: string, fault: Fault): GuestBus {
  const channels: Channel[] = [];
  const broken = (channel: Channel): Channel => {
    channels.push(channel);
    const send = (...args: Parameters<Channel['send']>): boolean => {
      const [kind, idLow, idHigh, flags, bytes, offset, length] = args;
      const copy = bytes.slice(offset, offset + length);
      const view = new DataView(copy.buffer);
      const name = nameOf(view);
      if (name !== only) return channel.send(...args);
      fault({
        channel,
        channels,
        name,
        id: [idLow, idHigh],
        bytes: copy,
        view,
        flags,
        send(change) {
          const sent = change.bytes ?? copy;
          const where = change.channel ?? channel;
          where.send(kind, change.idLow ?? idLow, idHigh, change.flags ?? flags, sent, 0, sent.length);
          where.flush();
        },
      });
      return true;
    };
    return new Proxy(channel, {
      get(target, key) {
        if (key === 'send') return send;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' && !String(key).startsWith('on') ? value.bind(target) : value;
      },
      set: (target, key, value) => Reflect.set(target, key, value, target),
    });
  };
  return new Proxy(bus, {
    get(target, key) {
      if (key === 'open') return async (index: number) => broken(await target.open(index));
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' && !String(key).startsWith('on') ? value.bind(target) : value;
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });
}

/** Sends the message with one word of it changed. */
const withWord =
  (offset: number, change: (word: number) => number): Fault =>
  ({ send, view }) => {
    view.setUint32(offset, change(view.getUint32(offset, true)), true);
    send({});
  };

const guests: readonly [name: string, caughtBy: string, message: string, fault: Fault][] = [
  [
    'asks twice with one transaction id',
    'GUEST-05',
    'CreateDevice',
    ({ send }) => {
      send({});
      send({});
    },
  ],
  ['gives an id where it wants no answer', 'GUEST-06', 'CreateDevice', ({ send }) => send({ flags: 0 })],
  [
    'sends half a header',
    'GUEST-07',
    'CreateDevice',
    ({ bytes, send }) => send({ bytes: bytes.slice(0, 30) }),
  ],
  ['fills a reserved field', 'GUEST-08', 'CreateDevice', withWord(4, () => 1)],
  ['names an adapter in a global command', 'GUEST-09', 'CreateProcess', withWord(8, () => 5)],
  ['names an adapter that there is not', 'GUEST-10', 'CreateDevice', withWord(8, () => 5)],
  ['sets the command id', 'GUEST-11', 'CreateDevice', withWord(16, () => 5)],
  ['sets reserved bits', 'GUEST-12', 'CreateDevice', withWord(28, (word) => word | 0x1000)],
  ['sends a command that there is not', 'GUEST-13', 'CreateDevice', withWord(32, () => 200)],
  [
    'puts its IO space where no page begins',
    'GUEST-15',
    'SetIoSpaceRegion',
    withWord(40, (word) => word + 7),
  ],
  ['opens its adapter with another version', 'GUEST-18', 'OpenAdapter', withWord(40, () => 39)],
  ['names a process that nobody gave it', 'GUEST-20', 'CreateDevice', withWord(24, () => 77)],
  [
    'cuts a message short',
    'GUEST-21',
    'CreateSyncObject',
    ({ bytes, send }) => send({ bytes: bytes.slice(0, 48) }),
  ],
  [
    'sends a command of the virtual GPU on the global channel',
    'GUEST-25',
    'CreateDevice',
    ({ channel, channels, send }) => send({ channel: channels.find((each) => each !== channel) }),
  ],
  ['has one event for all its waits', 'GUEST-28', 'WaitForSyncObjectFromCpu', withWord(56, () => 2)],
  ['counts more objects than it names', 'GUEST-29', 'WaitForSyncObjectFromCpu', withWord(44, () => 900)],
];

/** How long a guest that gets no further is waited for. It is over before if all goes well. */
const SILENCE_MS = 1000;

describe('the conformance kit on guests that run', () => {
  const caught = new Set<string>();
  for (const [name, id, message, fault] of guests) {
    it(`catches one that ${name}`, async () => {
      const backend = createReferenceBackend();
      const host = createHost({ backend });
      const bus = createInProcessBus({ guestMemoryBytes: 16 << 20 });
      let faults = 0;
      const broken = breakGuest(bus.guest, message, (sent) => {
        faults += 1;
        fault(sent);
      });
      const judged = runGuestConformance(bus.host, (inner) => host.attach(inner), {
        isObserving: true,
        silenceMs: SILENCE_MS,
      });
      while (bus.guest.pciFunctions.length === 0) await new Promise((resolve) => setImmediate(resolve));
      const used = useDriver(broken).then(
        () => bus.guest.close(),
        () => bus.guest.close(),
      );
      const report = await judged;
      const failed = report.results.filter(({ verdict }) => verdict === 'failed');
      assert.ok(faults > 0, `the driver sent no ${message}`);
      assert.ok(
        failed.some(({ requirement }) => requirement.id === id),
        `${id} passes a guest that ${name}:\n${reportText(report)}`,
      );
      caught.add(id);
      await Promise.race([used, bus.guest.close()]);
      await host.close();
      await backend.close();
    });
  }

  it('has more than twelve, each for a rule of its own', () => {
    process.stdout.write(
      `broken guests that run: ${guests.length}; rules that one makes fail: ${caught.size}\n`,
    );
    assert.ok(caught.size >= 12);
    assert.equal(caught.size, guests.length);
    for (const id of caught) assert.ok(guestRules.some((rule) => rule.id === id));
  });
});
