import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { isTransportError, TransportError, type TransportErrorCode } from '../errors.ts';
import { type Channel, type GuestBus, type HostBus, PacketKind } from '../transport.ts';
import { FrameKind } from './frame.ts';
import { FrameDecoder } from './frame-decoder.ts';
import {
  decodeLinkMessage,
  encodeLinkMessage,
  type LinkMessageBody,
  type LinkMessageType,
} from './messages.ts';
import { LinkOutput } from './output.ts';
import { createVirtualLink, type VirtualLinkOptions } from './virtual-link.ts';

const GUID = new Uint8Array(16);
const MEBIBYTE = 1_048_576;

/** A link that is up, its host serving channel 1 with an echo. */
async function createOpenLink(options: Partial<VirtualLinkOptions> = {}) {
  const hostChannels: Channel[] = [];
  let bus: HostBus | null = null;
  const link = createVirtualLink({
    onReady: (host) => {
      bus = host;
      host.onChannelOpen = (channel) => {
        hostChannels.push(channel);
        channel.onPacket = (packet) => {
          const { idLow, idHigh, bytes, offset, length } = packet;
          channel.send(PacketKind.completion, idLow, idHigh, 0, bytes, offset, length);
        };
      };
      host.offer({ classGuid: GUID, instanceGuid: GUID, mmioMegabytes: 4 });
      host.start();
    },
    ...options,
  });
  const closes = watch(link.guest, link.host);
  await link.clock.settle();
  await link.guest.ready;
  const opened = link.guest.open(1);
  await link.clock.settle();
  const channel = await opened;
  if (bus === null) throw new Error('the host was not reached');
  return { ...link, channel, hostChannels, closes };
}

/** Records how each end closes; both must close exactly once. */
function watch(guest: GuestBus, host: HostBus) {
  const closes = { guest: [] as (Error | null)[], host: [] as (Error | null)[] };
  guest.onClose = (error) => closes.guest.push(error);
  host.onClose = (error) => closes.host.push(error);
  return closes;
}

type Closes = ReturnType<typeof watch>;

function assertBothEndedWith(closes: Closes, code: TransportErrorCode, pattern: RegExp): void {
  assert.equal(closes.guest.length, 1, 'guest closes');
  assert.equal(closes.host.length, 1, 'host closes');
  for (const [error] of [closes.guest, closes.host]) {
    assert.ok(isTransportError(error), String(error));
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
  }
}

/** The bytes of one frame. */
function frame(
  channel: number,
  kind: number,
  id = 0,
  flags = 0,
  payload: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const output = new LinkOutput(() => {});
  output.frame(channel, kind, id, 0, flags, payload, 0, payload.length);
  return output.take()!.bytes.slice();
}

function control<Type extends LinkMessageType>(type: Type, body: Partial<LinkMessageBody<Type>>): Uint8Array {
  return frame(0, FrameKind.control, 0, 0, encodeLinkMessage(type, body));
}

describe('link handshake', () => {
  it('agrees on limits, window and offers', async () => {
    const { guest, host } = await createOpenLink();
    assert.equal(guest.window.lengthBytes, 4 * MEBIBYTE);
    assert.equal(guest.offers.length, 1);
    assert.equal(guest.sessionId, 'session');
    assert.equal(host.peerName, 'guest');
    assert.throws(() => guest.memory.allocate(65 * MEBIBYTE), /64|67108864/);
  });

  it('refuses a wrong token, readably, on both sides', async () => {
    const link = createVirtualLink({
      onReady: () => assert.fail('let in'),
      guest: { token: 'wrong' },
      host: { authenticate: async (token) => token === 'right' },
    });
    const closes = watch(link.guest, link.host);
    const refused = assert.rejects(link.guest.ready, /the token is not valid/);
    await link.clock.settle();
    await refused;
    assertBothEndedWith(closes, 'refused', /the token is not valid/);
    assert.equal(link.clock.timerCount, 0);
  });

  it('refuses versions and codecs that it does not speak, on both sides', async () => {
    for (const [hello, pattern] of [
      [{ minVersion: 2, maxVersion: 9 }, /2 to 9.*1 to 1/],
      [{ minVersion: 1, maxVersion: 1, codecs: ['morse'] }, /codecs/],
    ] as const) {
      const link = createVirtualLink({ onReady: () => assert.fail('let in') });
      const closes = watch(link.guest, link.host);
      link.toHost.deliver = () => {};
      const refused = assert.rejects(link.guest.ready, pattern);
      link.host.receive(control('hello', { ...hello, codecs: 'codecs' in hello ? [...hello.codecs] : [] }));
      await link.clock.settle();
      await refused;
      assertBothEndedWith(closes, 'version-mismatch', pattern);
    }
  });

  it('agrees on the highest version that both speak, and skips what it does not know', async () => {
    const chosen: LinkMessageBody<'welcome'>[] = [];
    const link = createVirtualLink({ onReady: (bus) => bus.start() });
    link.guest.ready.catch(() => {});
    link.toHost.deliver = () => {};
    link.toGuest.deliver = (bytes) => {
      new FrameDecoder((_channel, _kind, _low, _high, _flags, from, _view, offset, length) => {
        const message = decodeLinkMessage(from, offset, length);
        if (message?.type === 'welcome') chosen.push(message.body);
      }).push(bytes);
    };
    const hello = encodeLinkMessage('hello', {
      minVersion: 0,
      maxVersion: 9,
      features: ['resume', 'telepathy'],
    });
    // A field and a message of a later version.
    const field = [0xf8, 0x07, 0x2a];
    const body = hello.slice(hello.length - (hello[1] ?? 0));
    const later = Uint8Array.from([hello[0]!, body.length + field.length, ...body, ...field]);
    link.host.receive(frame(0, FrameKind.control, 0, 0, later));
    await link.clock.settle();
    assert.equal(chosen[0]?.version, 1);
    assert.equal(chosen[0]?.codec, 'packed');
    link.host.receive(frame(0, FrameKind.control, 0, 0, Uint8Array.from([0xfa, 0x07, 2, 8, 1])));
    await link.clock.settle();
    assert.equal(link.toGuest.isEnded, false);
  });

  it("agrees on the guest's first codec that the host takes", async () => {
    for (const [guest, host, agreed] of [
      [undefined, undefined, 'packed'],
      [['protobuf', 'packed'], undefined, 'protobuf'],
      [['protobuf', 'packed'], ['packed'], 'packed'],
      [['morse', 'protobuf'], undefined, 'protobuf'],
    ] as const) {
      const link = await createOpenLink({
        guest: guest === undefined ? {} : { codecs: guest },
        host: host === undefined ? {} : { codecs: host },
      });
      assert.equal(link.guest.codec, agreed);
      assert.equal(link.host.codec, agreed);
    }
    const link = createVirtualLink({
      onReady: () => assert.fail('let in'),
      guest: { codecs: ['protobuf'] },
      host: { codecs: ['packed'] },
    });
    const closes = watch(link.guest, link.host);
    const refused = assert.rejects(link.guest.ready, /speaks the codecs protobuf, this host packed/);
    await link.clock.settle();
    await refused;
    assertBothEndedWith(closes, 'version-mismatch', /codecs protobuf/);
  });

  it('tells the answer to its hello from those to others', async () => {
    const link = createVirtualLink({ onReady: (bus) => bus.start(), guest: { attempt: 0xffff_fff0 } });
    link.guest.receive(control('welcome', { version: 1, codec: 'packed', session: 'other', attempt: 7 }));
    link.guest.receive(control('refused', { code: 'refused', reason: 'a wrong token', attempt: 7 }));
    await link.clock.settle();
    assert.equal((await link.guest.ready) && link.guest.sessionId, link.host.sessionId);
    // A host that knows nothing of attempts gives none back.
    const old = createVirtualLink({ onReady: () => {}, guest: { attempt: 5 } });
    old.guest.receive(control('welcome', { version: 1, codec: 'packed', session: 's' }));
    assert.equal((await old.guest.ready) && old.guest.sessionId, 's');
  });

  it('finds its answer behind the rest of what was said to others', async () => {
    const half = frame(0, FrameKind.windowData, 0, 0, new Uint8Array(1000)).subarray(0, 500);
    for (const rest of [half, new Uint8Array(24), control('pciConfig', { channel: 1 })]) {
      const link = createVirtualLink({ onReady: () => {}, guest: { attempt: 5 } });
      link.guest.receive(rest);
      link.guest.beginsHere();
      link.guest.receive(control('welcome', { version: 1, codec: 'packed', session: 's', attempt: 5 }));
      assert.equal((await link.guest.ready) && link.guest.sessionId, 's');
      // From then on everything counts.
      link.guest.receive(half);
      link.guest.beginsHere();
      const closed = new Promise((resolve) => {
        link.guest.onClose = resolve;
      });
      link.guest.receive(new Uint8Array(1000).fill(0xff));
      await link.clock.settle();
      assert.ok(isTransportError(await closed));
    }
    const alone = createVirtualLink({ onReady: () => {} });
    alone.guest.receive(new Uint8Array(24));
    await assert.rejects(alone.guest.ready, /in all with 0 of payload/);
  });

  it('takes a host at its word about limits and codec', async () => {
    const answer = async (welcome: Partial<LinkMessageBody<'welcome'>>) => {
      const link = createVirtualLink({ onReady: () => {}, guest: { codecs: ['protobuf'] } });
      link.toHost.deliver = () => {};
      link.guest.ready.catch(() => {});
      link.guest.receive(control('welcome', { version: 1, codec: 'protobuf', session: 's', ...welcome }));
      await link.clock.settle();
      return link;
    };
    const strange = await answer({ codec: 'packed' });
    await assert.rejects(strange.guest.ready, /chose codec 'packed'; this guest speaks protobuf/);
    const newer = await answer({ version: 2 });
    await assert.rejects(newer.guest.ready, /link version 2; this guest speaks 1 to 1/);

    const offers = [{ channel: 1, classGuid: GUID, instanceGuid: GUID, mmioMegabytes: 0, pci: null }];
    const limits = { memoryPages: 4, packetBytes: 100, gpadls: 1 };
    const { clock, guest } = await answer({ offers, limits });
    const opening = guest.open(1);
    guest.receive(control('channelOpened', { channel: 1 }));
    await clock.settle();
    const channel = await opening;
    channel.send(PacketKind.inBand, 1, 0, 0, new Uint8Array(100), 0, 100);
    assert.throws(
      () => channel.send(PacketKind.inBand, 1, 0, 0, new Uint8Array(101), 0, 101),
      /limit of 100/,
    );
    const block = guest.memory.allocate(4 * 4096);
    assert.throws(() => guest.memory.allocate(4096), /16384/);
    guest.createGpadl([block]).catch(() => {});
    await assert.rejects(guest.createGpadl([block]), /the host takes 1/);
    guest.abort(new TransportError('closed', 'enough'));
    await clock.settle();
  });

  it('ends a guest that says nothing, and a host that says nothing', async () => {
    const silentGuest = createVirtualLink({ onReady: () => assert.fail('let in') });
    silentGuest.toHost.deliver = () => {};
    const closes = watch(silentGuest.guest, silentGuest.host);
    const ended = assert.rejects(silentGuest.guest.ready, /no hello within 5 s/);
    await silentGuest.clock.advance(5000);
    await ended;
    assertBothEndedWith(closes, 'time-out', /no hello within 5 s/);

    const silentHost = createVirtualLink({ onReady: () => {}, guest: { connectTimeoutMs: 2000 } });
    const timedOut = assert.rejects(silentHost.guest.ready, /did not answer the hello within 2 s/);
    await silentHost.clock.advance(2000);
    await timedOut;
  });

  it('takes nothing but hello first, and only once', async () => {
    const early = createVirtualLink({ onReady: () => assert.fail('let in') });
    early.toHost.deliver = () => {};
    const earlyCloses = watch(early.guest, early.host);
    early.guest.ready.catch(() => {});
    early.host.receive(control('memoryBlock', { pages: 1 }));
    await early.clock.settle();
    assertBothEndedWith(earlyCloses, 'bad-frame', /memoryBlock before welcome/);
    const { host, clock, closes } = await createOpenLink();
    host.receive(control('hello', { minVersion: 1, maxVersion: 1 }));
    await clock.settle();
    assertBothEndedWith(closes, 'bad-frame', /second hello/);
  });
});

describe('a link with a bad peer', () => {
  const badFromGuest: [string, Uint8Array, TransportErrorCode, RegExp][] = [
    ['an unknown kind on channel 0', frame(0, 99), 'bad-frame', /unknown frame kind 99/],
    ['an unknown kind on channel 1', frame(1, 7), 'bad-frame', /unknown frame kind 7/],
    ['unknown packet flags', frame(1, 6, 0, 4), 'bad-frame', /unknown packet flags 0x4/],
    ['a packet on a channel never offered', frame(9, 6), 'bad-frame', /never offered/],
    ['a frame of an impossible size', new Uint8Array(24).fill(1), 'bad-frame', /payload bytes/],
    [
      'a control message that is noise',
      frame(0, 1, 0, 0, Uint8Array.of(0xff, 0xff)),
      'bad-frame',
      /cannot be decoded/,
    ],
    ['a message only hosts send', control('welcome', {}), 'bad-frame', /gets no welcome/],
    ['a memory read', frame(0, 3), 'bad-frame', /reads no memory/],
    ['an answer to nothing', frame(0, 4, 0, 2), 'bad-frame', /answer to no memory read/],
    [
      'window data outside the window',
      frame(0, 2, 4 * MEBIBYTE, 0, new Uint8Array(1)),
      'out-of-range',
      /beyond/,
    ],
    ['memory data outside guest memory', frame(0, 4, 4096, 0, new Uint8Array(1)), 'out-of-range', /outside/],
    [
      'more memory than its quota',
      control('memoryBlock', { pageLow: 1, pages: 16_385 }),
      'limit',
      /67108864/,
    ],
    ['a block of no pages', control('memoryBlock', { pageLow: 1 }), 'out-of-range', /block/],
    ['an address beyond 2^53', control('memoryBlock', { pageHigh: 1e9, pages: 1 }), 'out-of-range', /block/],
    ['a free of no block', control('memoryBlockFree', { pageLow: 5 }), 'out-of-range', /no block/],
    ['a PCI write off the space', control('pciWrite', { channel: 1, offset: 256 }), 'out-of-range', /256/],
  ];
  for (const [what, bytes, code, pattern] of badFromGuest) {
    it(`ends when a guest sends ${what}; both sides hear it once`, async () => {
      const { host, clock, closes, channel } = await createOpenLink();
      const closed = new Promise((resolve) => {
        channel.onClose = resolve;
      });
      host.receive(bytes);
      await clock.settle();
      assertBothEndedWith(closes, code, pattern);
      assert.ok(isTransportError(await closed));
      assert.equal(clock.timerCount, 0);
    });
  }

  const badFromHost: [string, Uint8Array, TransportErrorCode, RegExp][] = [
    ['an unknown kind', frame(0, 77), 'bad-frame', /unknown frame kind 77/],
    ['a second welcome', control('welcome', { version: 1, codec: 'packed' }), 'bad-frame', /second welcome/],
    ['a message only guests send', control('gpadlTeardown', {}), 'bad-frame', /gets no gpadlTeardown/],
    ['a malformed offer', control('offer', { offer: offer(7, 3) }), 'bad-frame', /offer of channel 7/],
    [
      'an offer of a used channel',
      control('offer', { offer: offer(1, 16) }),
      'bad-frame',
      /offer of channel 1/,
    ],
    [
      'window data outside the window',
      frame(0, 2, 4 * MEBIBYTE, 0, new Uint8Array(1)),
      'out-of-range',
      /beyond/,
    ],
    ['a memory read of 3 bytes', frame(0, 3, 0, 0, new Uint8Array(3)), 'bad-frame', /8 payload bytes/],
  ];
  for (const [what, bytes, code, pattern] of badFromHost) {
    it(`ends when a host sends ${what}; both sides hear it once`, async () => {
      const { guest, clock, closes } = await createOpenLink();
      guest.receive(bytes);
      await clock.settle();
      assertBothEndedWith(closes, code, pattern);
    });
  }

  it('ignores what may be under way: packets and memory of what is just gone', async () => {
    const { guest, host, clock, closes, channel } = await createOpenLink();
    await Promise.all([channel.close(), clock.settle()]);
    guest.receive(frame(1, 6));
    host.receive(frame(1, 6));
    guest.receive(frame(0, 4, 4096, 0, new Uint8Array(8)));
    guest.receive(control('channelOpened', { channel: 1 }));
    guest.receive(control('channelClose', { channel: 1 }));
    await clock.settle();
    assert.deepEqual(closes, { guest: [], host: [] });
  });

  it('ends a guest that sends packets nobody takes, at a limit', async () => {
    const { host, clock, closes, hostChannels } = await createOpenLink();
    hostChannels[0]!.onPacket = null;
    const packet = frame(1, 6, 0, 0, new Uint8Array(100_000));
    for (let i = 0; i < 60; i += 1) host.receive(packet);
    await clock.settle();
    assertBothEndedWith(closes, 'limit', /nobody takes/);
  });
});

function offer(channel: number, guidBytes: number) {
  const guid = new Uint8Array(guidBytes);
  return { channel, classGuid: guid, instanceGuid: guid, mmioMegabytes: 0, pci: null };
}

describe('heartbeat', () => {
  it('keeps an idle link up', async () => {
    const { clock, closes } = await createOpenLink();
    await clock.advance(100_000);
    assert.deepEqual(closes, { guest: [], host: [] });
  });

  it('finds a dead peer within two heartbeats, and settles everything', async () => {
    for (const lostAtMs of [10_000, 10_001, 10_300, 10_999]) {
      const { clock, closes, guest, toHost, toGuest } = await createOpenLink();
      await clock.advance(lostAtMs);
      assert.deepEqual([closes.guest.length, closes.host.length], [0, 0]);
      // Nothing arrives any more, not even an end: the machine is gone, or a cable.
      toHost.peer = null;
      toGuest.peer = null;
      const block = guest.memory.allocate(4096);
      const pending = assert.rejects(guest.createGpadl([block]), /two heartbeats/);
      await clock.advance(900);
      assert.deepEqual(
        [closes.guest.length, closes.host.length],
        [0, 0],
        'not before one heartbeat is missed',
      );
      await clock.advance(1100);
      await pending;
      assertBothEndedWith(closes, 'time-out', /two heartbeats \(2000 ms\)/);
      assert.equal(clock.timerCount, 0);
    }
  });

  it('has patience with a guest that computes, as long as the host was told', async () => {
    const { clock, closes, host, toHost, toGuest } = await createOpenLink({ host: { silenceMs: 20_000 } });
    // The guest's thread is busy: nothing goes out, nothing is read.
    toHost.peer = null;
    toGuest.deliver = () => {};
    const heardAtMs = 19_000;
    await clock.advance(heardAtMs);
    assert.deepEqual(closes.host, []);
    host.receive(frame(0, FrameKind.ping));
    await clock.advance(19_000);
    assert.deepEqual(closes.host, []);
    await clock.advance(1000);
    assert.match(String(closes.host[0]), /nothing heard from the peer for 20000 ms/);
  });

  it('does not mistake its own long computation for a dead peer', async () => {
    const { clock, closes, guest } = await createOpenLink();
    // For five heartbeats this thread computes. Then its timers fire before its input is read.
    clock.jump(5000);
    await clock.advance(1);
    guest.receive(frame(0, FrameKind.ping));
    await clock.advance(300);
    assert.deepEqual(closes.guest, []);
  });
});

describe('link end', () => {
  it('waits for a silent peer only so long', async () => {
    const { clock, guest, toHost, closes } = await createOpenLink({ host: { heartbeatMs: 60_000 } });
    toHost.deliver = () => {};
    let isClosed = false;
    const closed = guest.close().then(() => {
      isClosed = true;
    });
    await clock.advance(1000);
    assert.equal(isClosed, false);
    await clock.advance(5000);
    await closed;
    assert.deepEqual(closes.guest, [null]);
  });

  it('without a farewell is an error on both sides', async () => {
    const { clock, guest, host, closes } = await createOpenLink();
    guest.mediumEnded(null);
    host.mediumEnded(null);
    await clock.settle();
    assertBothEndedWith(closes, 'peer-closed', /without a farewell/);
  });

  it('tells the peer of errors that are not of the transport, by name', async () => {
    const { clock, host, closes } = await createOpenLink();
    const error = new RangeError('a handle of the wrong type');
    error.name = 'ProtocolError';
    host.abort(error);
    await clock.settle();
    assert.deepEqual(closes.host, [error]);
    const heard = closes.guest[0] ?? null;
    assert.ok(isTransportError(heard));
    assert.equal(heard.code, 'peer-closed');
    assert.match(heard.message, /ProtocolError: a handle of the wrong type/);
  });

  it('rejects a fetch that is under way', async () => {
    const { clock, guest, host } = await createOpenLink();
    const block = guest.memory.allocate(4096);
    await clock.settle();
    const fetched = host.memory.fetch(block.address, 4096);
    const rejected = assert.rejects(fetched, (error) => isTransportError(error) && error.code === 'limit');
    host.abort(new TransportError('limit', 'enough'));
    await clock.settle();
    await rejected;
  });
});

describe('a peer that does not read', () => {
  it('costs the sender bounded memory for packets: stop, then limit', async () => {
    const { channel, toHost, clock } = await createOpenLink();
    toHost.isReading = false;
    const bytes = new Uint8Array(65_536);
    let stopsAt = 0;
    let sent = 0;
    assert.throws(
      () => {
        for (; sent < 1000; sent += 1) {
          if (!channel.send(6, 0, 0, 0, bytes, 0, bytes.length) && stopsAt === 0) stopsAt = sent;
        }
      },
      (error) => isTransportError(error) && error.code === 'limit' && /16777216/.test(error.message),
    );
    assert.ok(stopsAt > 0 && stopsAt < 20, 'stop comes at about 1 MiB');
    assert.ok(sent < 260);
    let drains = 0;
    channel.onDrain = () => {
      drains += 1;
    };
    toHost.isReading = true;
    channel.flush();
    await clock.settle();
    assert.equal(drains, 1);
  });

  it('costs the sender nothing for long ranges, and ends the link when small ones pile up', async () => {
    const { host, guest, toGuest, clock, closes } = await createOpenLink();
    const block = guest.memory.allocate(48 * MEBIBYTE);
    await clock.settle();
    const { host: hostCloses } = closes;
    toGuest.isReading = false;
    for (let i = 0; i < 20; i += 1) host.memory.publish(block.address, block.length);
    await clock.settle();
    assert.deepEqual(closes, { guest: [], host: [] });
    for (let i = 0; i < 600_000 && hostCloses.length === 0; i += 1) {
      host.window.storeU64(0, i, 0);
      if (i % 1000 === 0) await clock.settle();
    }
    await clock.settle();
    const error = hostCloses[0] ?? null;
    assert.ok(isTransportError(error));
    assert.equal(error.code, 'limit');
    assert.match(error.message, /does not read.*16777216/);
  });

  it('is answered only so much: pings, questions about channels', async () => {
    const ping = frame(0, FrameKind.ping);
    const question = frame(0, FrameKind.control, 0, 0, encodeLinkMessage('channelOpen', { channel: 99 }));
    for (const asked of [ping, question]) {
      const { host, toGuest, clock, closes } = await createOpenLink();
      toGuest.isReading = false;
      const many = Buffer.concat(Array.from({ length: 1000 }, () => asked));
      for (let i = 0; i < 1000 && closes.host.length === 0; i += 1) {
        host.receive(many);
        await clock.settle();
      }
      const [error] = closes.host;
      assert.ok(isTransportError(error) && error.code === 'limit', String(error));
      assert.match(error.message, /does not read/);
    }
  });

  it('is told from one that asks much at once', async () => {
    const { host, toGuest, clock, closes } = await createOpenLink();
    let pongs = 0;
    const decoder = new FrameDecoder((_channel, kind) => {
      if (kind === FrameKind.pong) pongs += 1;
    });
    toGuest.deliver = (bytes) => decoder.push(bytes);
    host.receive(Buffer.concat(Array.from({ length: 40_000 }, () => frame(0, FrameKind.ping))));
    await clock.settle();
    assert.equal(pongs, 40_000);
    assert.deepEqual(closes.host, []);
  });
});
