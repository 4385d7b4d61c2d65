import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isTransportError, type TransportErrorCode } from '../errors.ts';
import { type Channel, type HostBus, PAGE_BYTES } from '../transport.ts';
import { FrameKind } from './frame.ts';
import { FrameDecoder } from './frame-decoder.ts';
import { MAX_HANDSHAKE_BYTES, MAX_MEMORY_READS } from './limits.ts';
import {
  decodeLinkMessage,
  encodeLinkMessage,
  type LinkMessage,
  type LinkMessageBody,
  type LinkMessageType,
} from './messages.ts';
import { LinkOutput } from './output.ts';
import { createVirtualLink, type VirtualLinkOptions } from './virtual-link.ts';

const OFFER = { classGuid: new Uint8Array(16), instanceGuid: new Uint8Array(16), mmioMegabytes: 1 };
const MEBIBYTE = 1_048_576;

function frame(kind: number, payload: Uint8Array, address = 0): Uint8Array {
  const output = new LinkOutput(() => {});
  const [low, high] = [address >>> 0, Math.floor(address / 2 ** 32)];
  output.frame(0, kind, low, high, 0, payload, 0, payload.length);
  return output.take()!.bytes.slice();
}

function control<Type extends LinkMessageType>(type: Type, body: Partial<LinkMessageBody<Type>>): Uint8Array {
  return frame(FrameKind.control, encodeLinkMessage(type, body));
}

/** A link that is up, with one offer, and what its host says in control messages. */
async function openLink(
  options: Partial<VirtualLinkOptions> = {},
  serve: ((channel: Channel) => void) | null = () => {},
) {
  const said: LinkMessage[] = [];
  const link = createVirtualLink({
    onReady: (host: HostBus) => {
      host.onChannelOpen = serve;
      host.offer(OFFER);
      host.start();
    },
    ...options,
  });
  const decoder = new FrameDecoder((_channel, kind, _low, _high, _flags, bytes, _view, offset, length) => {
    const message = kind === FrameKind.control ? decodeLinkMessage(bytes, offset, length) : null;
    if (message !== null) said.push(message);
  });
  link.toGuest.deliver = (bytes) => {
    decoder.push(bytes);
    link.guest.receive(bytes);
  };
  const closes: (Error | null)[] = [];
  link.guest.onClose = (error) => closes.push(error);
  link.host.onClose = (error) => closes.push(error);
  await link.clock.settle();
  await link.guest.ready;
  const answers = <Type extends LinkMessageType>(type: Type) =>
    said.flatMap((message) => (message.type === type ? [message.body as LinkMessageBody<Type>] : []));
  return { ...link, closes, answers };
}

function is(error: unknown, code: TransportErrorCode, pattern: RegExp): true {
  assert.ok(isTransportError(error), String(error));
  assert.equal(error.code, code);
  assert.match(error.message, pattern);
  return true;
}

describe('a host over a link', () => {
  it('takes no more than a greeting before it knows its guest', async () => {
    const { clock, guest, host } = createVirtualLink({ onReady: () => assert.fail('let in') });
    const closes: (Error | null)[] = [];
    host.onClose = (error) => closes.push(error);
    guest.ready.catch(() => {});
    host.receive(new Uint8Array(MAX_HANDSHAKE_BYTES + 1));
    await clock.settle();
    assert.equal(closes.length, 1);
    is(closes[0], 'too-large', /65537 bytes before hello; at most 65536/);
  });

  it('refuses channels that it cannot open, by name, and the link goes on', async () => {
    const link = await openLink();
    await Promise.all([link.guest.open(1), link.clock.settle()]);
    for (const channel of [9, 1]) link.host.receive(control('channelOpen', { channel }));
    link.host.onChannelOpen = null;
    link.host.offer(OFFER);
    link.host.receive(control('channelOpen', { channel: 2 }));
    await link.clock.settle();
    assert.deepEqual(
      link.answers('channelOpened').map(({ code, reason }) => `${code} ${reason}`.trim()),
      [
        '',
        'out-of-range channel 9 is not offered',
        'out-of-range channel 1 is open already',
        'refused nobody serves channels',
      ],
    );
    assert.deepEqual(link.closes, []);
  });

  it('tells a guest that nobody serves its channel, or why the one who does gave up', async () => {
    const unserved = await openLink({}, null);
    const opening = unserved.guest.open(1);
    const refused = assert.rejects(opening, (error) => is(error, 'refused', /nobody serves channels/));
    await unserved.clock.settle();
    await refused;
    const failing = await openLink({}, () => {
      throw new Error('the handler failed');
    });
    const [channel] = await Promise.all([failing.guest.open(1), failing.clock.settle()]);
    const closed = new Promise<Error | null>((resolve) => {
      channel.onClose = resolve;
    });
    await failing.clock.settle();
    is(await closed, 'peer-closed', /the handler failed/);
    assert.deepEqual(failing.closes, []);
  });

  it('refuses page lists that are no ranges', async () => {
    const link = await openLink();
    link.host.receive(control('gpadlCreate', { gpadl: 5, ranges: [1, 2] }));
    link.host.receive(control('gpadlCreate', { gpadl: 6, ranges: [] }));
    link.host.receive(control('gpadlCreate', { gpadl: 7, ranges: [0, 0, 1] }));
    await link.clock.settle();
    const created = link.answers('gpadlCreated');
    assert.deepEqual(
      created.map(({ gpadl, code }) => [gpadl, code]),
      [
        [5, 'bad-frame'],
        [6, 'limit'],
        [7, 'out-of-range'],
      ],
    );
    assert.match(created[0]!.reason, /2 numbers, which must come in threes/);
    assert.equal(link.host.memory.gpadl(5), null);
    assert.deepEqual(link.closes, []);
  });

  it('says so when it has no memory left for a guest', async () => {
    let blocks = 0;
    const link = await openLink({
      host: {
        allocateRegion: (length) => {
          if (length !== 4 * MEBIBYTE) {
            blocks += 1;
            throw new Error('only so much');
          }
          return { bytes: new Uint8Array(length), path: null, offset: 0, free: () => {} };
        },
      },
    });
    link.guest.memory.allocate(PAGE_BYTES);
    await link.clock.settle();
    assert.equal(blocks, 1);
    assert.equal(link.closes.length, 2);
    for (const error of link.closes) is(error, 'no-memory', /no 4096 bytes for guest memory/);
  });

  it('names the file of memory that has one, and reaches nothing outside a block', async () => {
    const link = await openLink({
      host: {
        allocateRegion: (length) => ({
          bytes: new Uint8Array(length),
          path: `/proc/1/fd/${length}`,
          offset: 64,
          free: () => {},
        }),
      },
    });
    const block = link.guest.memory.allocate(2 * PAGE_BYTES);
    await link.clock.settle();
    const { memory, window } = link.host;
    const path = `/proc/1/fd/${2 * PAGE_BYTES}`;
    assert.deepEqual(memory.shareable(block.address + 8, 8), { path, offset: 72 });
    assert.equal(memory.shareable(block.address + 2 * PAGE_BYTES - 4, 8), null);
    assert.deepEqual(window.shareable(), { path: `/proc/1/fd/${4 * MEBIBYTE}`, offset: 64 });
    const end = block.address + 2 * PAGE_BYTES;
    assert.equal(memory.contains(end - 8, 8), true);
    assert.equal(memory.contains(end - 7, 8), false);
    const outside = (error: unknown) => is(error, 'out-of-range', /8 bytes long, is outside guest memory/);
    assert.throws(() => memory.view(end - 7, 8), outside);
    assert.throws(() => memory.publish(end, 8), outside);
    await assert.rejects(memory.fetch(end - 1, 8), outside);
    await memory.fetch(block.address, 0);
  });
});

describe('a guest over a link', () => {
  it('answers only so many reads of memory at a time', async () => {
    const link = await openLink();
    const block = link.guest.memory.allocate(PAGE_BYTES);
    await link.clock.settle();
    link.toHost.isReading = false;
    const wanted = Uint8Array.of(0, 16, 0, 0, 0, 0, 0, 0);
    const read = frame(FrameKind.memoryRead, wanted, block.address);
    for (let count = 0; count <= MAX_MEMORY_READS; count += 1) link.guest.receive(read);
    await link.clock.settle();
    is(link.closes[0], 'limit', /more than 1024 memory reads/);
  });

  /** A guest whose host, made up, has said hello back. */
  async function guestOf(welcome: Partial<LinkMessageBody<'welcome'>>) {
    const link = createVirtualLink({ onReady: () => {} });
    link.toHost.deliver = () => {};
    link.guest.receive(control('welcome', { version: 1, codec: 'packed', session: 's', ...welcome }));
    await link.clock.settle();
    await link.guest.ready;
    return link;
  }

  it('says so when its process has no memory left, and is as before', async () => {
    const limits = { memoryPages: 0xffff_ffff, packetBytes: 0, gpadls: 0 };
    const { clock, guest } = await guestOf({ windowMegabytes: 1, limits });
    // 8 TiB: no array is that long.
    assert.throws(
      () => guest.memory.allocate(2 ** 43),
      (error) => is(error, 'no-memory', /no 8796093022208 bytes left/),
    );
    const block = guest.memory.allocate(PAGE_BYTES);
    assert.equal(block.bytes.length, PAGE_BYTES);
    guest.memory.free(block);
    guest.abort(new Error('enough'));
    await clock.settle();
  });

  it('takes no window that is larger than any host of ours has', async () => {
    for (const windowMegabytes of [4096, 4097, 2 ** 32 - 1]) {
      const { clock, guest, toGuest, toHost } = createVirtualLink({ onReady: () => assert.fail('let in') });
      toGuest.deliver = () => {};
      toHost.deliver = () => {};
      const ready = guest.ready.catch((error: unknown) => error);
      guest.receive(control('welcome', { version: 1, codec: 'packed', windowMegabytes }));
      await clock.settle();
      const error = await ready;
      if (windowMegabytes === 4096) assert.equal(guest.window.lengthBytes, 2 ** 32);
      else is(error, 'limit', new RegExp(`window of ${windowMegabytes} MiB; this guest takes 4096`));
      guest.abort(new Error('enough'));
    }
  });

  // The list of what is offered grew for as long as a host went on.
  it('ends a host that offers without end, or what no channel can be', async () => {
    const offer = (channel: number) => control('offer', { offer: { channel, ...OFFER, pci: null } });
    const cases: [readonly number[], TransportErrorCode, RegExp][] = [
      [[2, 1], 'bad-frame', /offer of channel 1 is malformed/],
      [[0x1_0000], 'bad-frame', /offer of channel 65536 is malformed/],
      [Array.from({ length: 1025 }, (_, index) => index + 1), 'limit', /more than 1024 channels/],
    ];
    for (const [channels, code, pattern] of cases) {
      const { clock, guest } = await guestOf({});
      const closes: (Error | null)[] = [];
      guest.onClose = (error) => closes.push(error);
      for (const channel of channels) guest.receive(offer(channel));
      await clock.settle();
      assert.equal(closes.length, 1);
      is(closes[0], code, pattern);
    }
    // Numbers are not used again: what was taken away counts no more.
    const { clock, guest } = await guestOf({});
    for (let channel = 1; channel <= 3000; channel += 1) {
      guest.receive(offer(channel));
      guest.receive(control('rescind', { channel }));
    }
    guest.receive(offer(3001));
    assert.deepEqual(
      guest.offers.map(({ index }) => index),
      [3001],
    );
    guest.abort(new Error('enough'));
    await clock.settle();
  });

  it('is told why its host opens no channel', async () => {
    const { clock, guest } = await guestOf({ offers: [{ channel: 1, ...OFFER, pci: null }] });
    const opening = guest.open(1);
    await assert.rejects(guest.open(1), (error) => is(error, 'out-of-range', /open already/));
    guest.receive(control('channelOpened', { channel: 1, code: 'limit', reason: 'too many' }));
    await assert.rejects(opening, (error) => is(error, 'limit', /too many/));
    const again = guest.open(1);
    guest.receive(control('rescind', { channel: 1 }));
    await assert.rejects(again, (error) => is(error, 'peer-closed', /took channel 1 away/));
    guest.abort(new Error('enough'));
    await clock.settle();
  });

  it('shows the handlers that were set', async () => {
    const link = await openLink();
    const [channel] = await Promise.all([link.guest.open(1), link.clock.settle()]);
    const handler = () => {};
    channel.onPacket = channel.onClose = link.guest.onClose = link.host.onClose = handler;
    for (const shown of [channel.onPacket, channel.onClose, link.guest.onClose, link.host.onClose])
      assert.equal(shown, handler);
  });
});
