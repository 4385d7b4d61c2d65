import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isTransportError, type TransportErrorCode } from '../errors.ts';
import { type Channel, PAGE_BYTES, type PageRange } from '../transport.ts';
import { type GuestMessage, type HostMessage, RING_PAGES } from './control.ts';
import type { VmbusGuest } from './guest-bus.ts';
import type { VmbusHost } from './host-bus.ts';
import { createInProcessBus, type InProcessBusOptions } from './in-process.ts';

const OFFER = { classGuid: new Uint8Array(16), instanceGuid: new Uint8Array(16), mmioMegabytes: 1 };
const RING_BYTES = 2 * RING_PAGES * PAGE_BYTES;

/** A bus in this process whose host a test speaks to as if it were the guest; with what the host posts. */
async function openBus(onChannelOpen: ((channel: Channel) => void) | null = () => {}) {
  const ends = createInProcessBus({ guestMemoryBytes: 8 << 20, windowMegabytes: 1 });
  const host = ends.host as VmbusHost;
  const guest = ends.guest as VmbusGuest;
  const posted: HostMessage[] = [];
  const receive = guest.receive.bind(guest);
  guest.receive = (message) => {
    posted.push(message);
    receive(message);
  };
  host.onChannelOpen = onChannelOpen;
  const pci = { vendorId: 1, deviceId: 2, config: new Uint8Array(256), onWrite: () => {} };
  host.offer(OFFER);
  host.offer({ ...OFFER, pci });
  host.start();
  const closed = new Promise<Error | null>((resolve) => {
    host.onClose = resolve;
  });
  const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
  await settled();
  /** Posts a message as the guest would, and returns what the host says to it. */
  const answer = async (message: GuestMessage): Promise<HostMessage[]> => {
    posted.length = 0;
    host.receive(message);
    await settled();
    return [...posted];
  };
  return { host, guest, closed, answer, settled };
}

function is(error: unknown, code: TransportErrorCode, pattern: RegExp): true {
  assert.ok(isTransportError(error), String(error));
  assert.equal(error.code, code);
  assert.match(error.message, pattern);
  return true;
}

type Bus = Awaited<ReturnType<typeof openBus>>;

async function addGpadl({ answer }: Bus, gpadl: number, ranges: readonly PageRange[]): Promise<void> {
  assert.deepEqual(await answer({ type: 'gpadl', gpadl, ranges }), [
    { type: 'gpadl-created', gpadl, reason: null },
  ]);
}

async function refusal({ answer }: Bus, channel: number, gpadl: number, downstreamPageOffset = RING_PAGES) {
  const [message, ...more] = await answer({ type: 'open', channel, gpadl, downstreamPageOffset });
  assert.deepEqual(more, []);
  assert.ok(message?.type === 'opened' && message.channel === channel);
  return message.reason === null ? null : `${message.reason.code}: ${message.reason.message}`;
}

describe('a guest of a mock VMBus', () => {
  it('ends a host that offers without end, or what no channel can be', async () => {
    const offered = (index: number, change: object = {}): HostMessage => ({
      type: 'offer',
      offer: { ...OFFER, index, ...change },
      pci: null,
    });
    const more = Array.from({ length: 1023 }, (_, index) => offered(3 + index));
    const cases: [readonly HostMessage[], TransportErrorCode, RegExp][] = [
      [[offered(2)], 'bad-frame', /offer of channel 2 is malformed/],
      [[offered(3, { instanceGuid: new Uint8Array(4) })], 'bad-frame', /offer of channel 3 is malformed/],
      [more, 'limit', /more than 1024 channels/],
    ];
    for (const [messages, code, pattern] of cases) {
      const { guest, closed } = await openBus();
      for (const message of messages) guest.receive(message);
      is(await closed, code, pattern);
    }
  });
});

describe('a host of a mock VMBus', () => {
  it('refuses to open what cannot be opened, by name, and the bus goes on', async () => {
    const bus = await openBus();
    const { guest, host } = bus;
    const rings = guest.memory.allocate(RING_BYTES);
    const spare = guest.memory.allocate(4 * PAGE_BYTES);
    await addGpadl(bus, 101, [rings]);
    const { address } = spare;
    await addGpadl(bus, 102, [
      { address, length: PAGE_BYTES },
      { address: address + 2 * PAGE_BYTES, length: PAGE_BYTES },
    ]);
    assert.match((await refusal(bus, 9, 101)) ?? '', /^out-of-range: channel 9 is not offered/);
    assert.match((await refusal(bus, 1, 100)) ?? '', /^bad-ring: the rings' GPADL 100 does not exist/);
    for (const page of [0, 2 * RING_PAGES, -1, Number.NaN])
      assert.match((await refusal(bus, 1, 101, page)) ?? '', /^bad-ring: page .* is outside/, `${page}`);
    assert.match((await refusal(bus, 1, 102, 1)) ?? '', /^unsupported: rings with scattered pages/);
    assert.equal(await refusal(bus, 1, 101), null);
    assert.match((await refusal(bus, 1, 101)) ?? '', /^out-of-range: channel 1 is open already/);
    host.onChannelOpen = null;
    assert.match((await refusal(bus, 2, 101)) ?? '', /^refused: nobody serves channels/);
    host.abort(new Error('enough'));
    await bus.closed;
  });

  it('refuses a channel whose handler throws or closes it at once, and may open it later', async () => {
    const bus = await openBus(() => {
      throw new Error('the handler failed');
    });
    const rings = bus.guest.memory.allocate(RING_BYTES);
    await addGpadl(bus, 101, [rings]);
    assert.match((await refusal(bus, 1, 101)) ?? '', /Error: the handler failed/);
    bus.host.onChannelOpen = (channel) => channel.abort(new Error('not today'));
    const said = await bus.answer({ type: 'open', channel: 1, gpadl: 101, downstreamPageOffset: RING_PAGES });
    const opened = said.find(({ type }) => type === 'opened');
    assert.ok(opened?.type === 'opened');
    assert.match(opened.reason?.message ?? '', /the host closed channel 1 at once/);
    bus.host.onChannelOpen = () => {};
    assert.equal(await refusal(bus, 1, 101), null);
    bus.host.abort(new Error('enough'));
    await bus.closed;
  });

  it('ends a channel whose rings are taken away, and the rest of the bus goes on', async () => {
    const bus = await openBus();
    const channels: Channel[] = [];
    bus.host.onChannelOpen = (channel) => channels.push(channel);
    const rings = bus.guest.memory.allocate(RING_BYTES);
    await addGpadl(bus, 101, [rings]);
    assert.equal(await refusal(bus, 1, 101), null);
    const ended = new Promise<Error | null>((resolve) => {
      channels[0]!.onClose = resolve;
    });
    const said = await bus.answer({ type: 'gpadl-teardown', gpadl: 101 });
    is(await ended, 'bad-ring', /took the rings of channel 1 away/);
    assert.ok(said.some((message) => message.type === 'gpadl-torn-down' && message.gpadl === 101));
    assert.equal((await bus.guest.open(2)).isOpen, true);
    bus.host.abort(new Error('enough'));
    await bus.closed;
  });

  it('ends the bus, with a typed error, for messages that cannot be', async () => {
    const wrong: [GuestMessage, TransportErrorCode, RegExp][] = [
      [{ type: 'nonsense' } as unknown as GuestMessage, 'bad-frame', /unknown control message .*nonsense/],
      [{ type: 'pci-write', channel: 2, offset: 257, value: 0 }, 'out-of-range', /below 256; got 257/],
      [{ type: 'pci-write', channel: 2, offset: 2, value: 0 }, 'out-of-range', /multiples of 4/],
      [{ type: 'end', reason: { code: 'limit', message: 'I am full' } }, 'limit', /I am full/],
    ];
    for (const [message, code, pattern] of wrong) {
      const { closed, guest, host } = await openBus();
      const told = new Promise<Error | null>((resolve) => {
        guest.onClose = resolve;
      });
      host.receive(message);
      is(await closed, code, pattern);
      // What comes after the end is nobody's.
      host.receive(message);
      await told;
    }
  });

  it('takes back only what it offers', async () => {
    const { closed, guest, host } = await openBus();
    assert.throws(
      () => host.rescind(9),
      (error) => is(error, 'out-of-range', /channel 9 is not offered/),
    );
    const rescinded = new Promise<number>((resolve) => {
      guest.onRescind = resolve;
    });
    host.rescind(1);
    assert.equal(await rescinded, 1);
    assert.throws(
      () => host.rescind(1),
      (error) => is(error, 'out-of-range', /not offered/),
    );
    await guest.close();
    assert.equal(await closed, null);
    assert.throws(
      () => host.offer(OFFER),
      (error) => is(error, 'closed', /closed/),
    );
  });
});

describe('a guest of a mock VMBus', () => {
  it('ends, with a typed error, for messages that cannot be', async () => {
    const { guest, closed } = await openBus();
    guest.receive({ type: 'nonsense' } as unknown as HostMessage);
    is(await closed, 'bad-frame', /unknown control message/);
    guest.receive({ type: 'rescind', channel: 1 });
  });

  it('is told why a page list or a channel was refused', async () => {
    const { answer, guest, host, settled } = await openBus(null);
    await assert.rejects(guest.open(1), (error) => is(error, 'refused', /nobody serves channels/));
    const block = guest.memory.allocate(PAGE_BYTES);
    const id = await guest.createGpadl([block]);
    const [reply] = await answer({ type: 'gpadl', gpadl: id, ranges: [block] });
    assert.ok(reply?.type === 'gpadl-created' && reply.reason !== null);
    assert.match(reply.reason.message, new RegExp(`GPADL ${id} exists already`));
    const creating = guest.createGpadl([block]);
    const refused = { code: 'limit', message: 'enough lists' };
    guest.receive({ type: 'gpadl-created', gpadl: id + 1, reason: refused });
    await assert.rejects(creating, (error) => is(error, 'limit', /enough lists/));
    await settled();
    host.abort(new Error('enough'));
  });
});

describe('memory of a bus in this process', () => {
  it('has sizes that can be', () => {
    const wrong: [InProcessBusOptions, RegExp][] = [
      [{ guestMemoryBytes: PAGE_BYTES - 1 }, /4095 bytes: at least one page/],
      [{ guestMemoryBytes: Number.NaN }, /NaN bytes/],
      [{ guestMemoryBytes: 4096.5 }, /4096.5 bytes/],
      [{ windowMegabytes: 0 }, /0 MiB: at least 1/],
      [{ windowMegabytes: 1.5 }, /1.5 MiB/],
    ];
    for (const [options, pattern] of wrong)
      assert.throws(
        () => createInProcessBus(options),
        (error) => is(error, 'out-of-range', pattern),
      );
  });
});
