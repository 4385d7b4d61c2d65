import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FrameKind, LINK_CHANNEL } from '../link/frame.ts';
import { encodeLinkMessage } from '../link/messages.ts';
import { LinkOutput } from '../link/output.ts';
import { createVirtualLink } from '../link/virtual-link.ts';
import { lineMark } from '../stream/line-mark.ts';
import { type Channel, Codec, type HostBus, PAGE_BYTES, PacketKind } from '../transport.ts';
import { FrameTap } from './frame-tap.ts';
import { CaptureReader } from './reader.ts';
import { CaptureRecorder, type ChunkWriter } from './recorder.ts';
import type { CaptureRecord, Direction } from './records.ts';
import { tapHostBus } from './tap-host.ts';

const guid = (first: number) => Uint8Array.from({ length: 16 }, (_, index) => first + index);
const OFFER = { classGuid: guid(1), instanceGuid: guid(2), mmioMegabytes: 1 };

class Capture implements ChunkWriter {
  readonly recorder: CaptureRecorder;
  readonly reader = new CaptureReader();
  readonly records: CaptureRecord[] = [];
  bytes = Buffer.alloc(0);

  constructor() {
    this.recorder = new CaptureRecorder(this, { maxPublishedBytes: 4 });
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.bytes = Buffer.concat([this.bytes, chunk]);
    this.records.push(...this.reader.push(chunk));
  }

  async close(): Promise<void> {}

  /** What was recorded of some kinds, without times. */
  of(...kinds: string[]): unknown[] {
    const chosen = this.records.filter(({ kind }) => kinds.length === 0 || kinds.includes(kind));
    return chosen.map(({ timeUs: _, ...rest }) => rest);
  }
}

/** A link whose bytes a tap sees, `piece` bytes at a time, and whose host is tapped by itself. */
async function tappedLink(piece: number, token = '') {
  const onLink = new Capture();
  const onHost = new Capture();
  const tap = new FrameTap(onLink.recorder, 'virtual');
  let bus: HostBus | null = null;
  const link = createVirtualLink({
    guest: { token },
    onReady: (host) => {
      bus = tapHostBus(host, onHost.recorder);
      bus.onChannelOpen = (channel) => {
        channel.onPacket = ({ bytes, idHigh, idLow, length, offset }) =>
          channel.send(PacketKind.completion, idLow, idHigh, 0, bytes, offset, length);
      };
      bus.offer(OFFER);
      const pci = { vendorId: 0x1414, deviceId: 0x8e, config: new Uint8Array(256), onWrite: () => {} };
      bus.offer({ ...OFFER, classGuid: guid(3), mmioMegabytes: 0, pci });
      bus.start();
    },
  });
  for (const [medium, direction] of [
    [link.toHost, 'g2h'],
    [link.toGuest, 'h2g'],
  ] as const) {
    medium.deliver = (bytes) => {
      for (let at = 0; at < bytes.length; at += piece) tap.push(direction, bytes.subarray(at, at + piece));
      medium.peer?.receive(bytes);
    };
  }
  await link.clock.settle();
  await link.guest.ready;
  const during = async <T>(promise: Promise<T>): Promise<T> => {
    await link.clock.settle();
    return await promise;
  };
  return { ...link, bus: bus as unknown as HostBus, tap, onLink, onHost, during };
}

/** One of each thing that can pass on a link. Returns the address of the memory that was used. */
async function oneOfEach({ bus, clock, during, guest }: Awaited<ReturnType<typeof tappedLink>>) {
  guest.pciFunctions[0]?.writeConfig32(208, 40);
  const channel: Channel = await during(guest.open(1));
  const block = guest.memory.allocate(2 * PAGE_BYTES);
  block.bytes.set([9, 8, 7]);
  block.flush(0, 3);
  const id = await during(guest.createGpadl([{ address: block.address, length: PAGE_BYTES }]));
  bus.memory.gpadl(id);
  await during(bus.memory.fetch(block.address + 16, 100));
  bus.memory.publish(block.address, 8);
  bus.window.bytes[64] = 5;
  bus.window.publish(64, 1);
  channel.onPacket = () => {};
  channel.send(PacketKind.inBand, 3, 4, 1, Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8), 1, 8);
  await clock.settle();
  await during(guest.teardownGpadl(id));
  await during(channel.close());
  guest.memory.free(block);
  bus.offer({ ...OFFER, classGuid: guid(5) });
  await clock.settle();
  bus.rescind(3);
  await clock.settle();
  await during(guest.close());
  return block.address;
}

describe('a tap on the bytes of a link', () => {
  for (const piece of [1, 100_000]) {
    it(`records one of each thing, ${piece} bytes at a time`, async () => {
      const link = await tappedLink(piece, 'a-secret-token');
      const address = await oneOfEach(link);
      await link.onLink.recorder.close();
      const { reader, bytes } = link.onLink;
      assert.equal(reader.header?.side, 'link');
      assert.equal(reader.header?.codec, 'dxgkrnl');
      assert.equal(link.tap.problem, null);
      assert.ok(!bytes.includes('a-secret-token'));
      const packet = { kind: 'packet', channel: 1, idLow: 3, idHigh: 4, bytes: guid(1).slice(0, 8) };
      assert.deepEqual(link.onLink.of(), [
        { kind: 'offer', channel: 1, ...OFFER },
        { kind: 'offer', channel: 2, ...OFFER, classGuid: guid(3), mmioMegabytes: 0 },
        { kind: 'start' },
        { kind: 'pciWrite', channel: 2, offset: 208, value: 40 },
        { kind: 'channelOpen', channel: 1 },
        { kind: 'memoryBlock', address, length: 2 * PAGE_BYTES },
        {
          kind: 'memoryPublish',
          direction: 'g2h',
          offset: address,
          length: 3,
          bytes: Uint8Array.of(9, 8, 7),
        },
        { kind: 'gpadlCreate', id: 1, ranges: [[address, PAGE_BYTES]] },
        { kind: 'memoryRead', address: address + 16, length: 100 },
        { kind: 'memoryPublish', direction: 'g2h', offset: address + 16, length: 100, bytes: null },
        { kind: 'memoryAnswered' },
        { kind: 'memoryPublish', direction: 'h2g', offset: address, length: 8, bytes: null },
        { kind: 'windowPublish', direction: 'h2g', offset: 64, length: 1, bytes: Uint8Array.of(5) },
        { ...packet, direction: 'g2h', packetKind: PacketKind.inBand, flags: 1 },
        { ...packet, direction: 'h2g', packetKind: PacketKind.completion, flags: 0 },
        { kind: 'gpadlTeardown', id: 1 },
        { kind: 'channelClose', channel: 1, reason: null },
        { kind: 'memoryBlockFree', address },
        { kind: 'offer', channel: 3, ...OFFER, classGuid: guid(5) },
        { kind: 'rescind', channel: 3 },
        { kind: 'busClose', reason: null },
      ]);
    });
  }

  it('agrees with a tap on the host’s end about all that both can see', async () => {
    const link = await tappedLink(1000);
    await oneOfEach(link);
    await link.onLink.recorder.close();
    await link.onHost.recorder.close();
    for (const kind of [
      'offer',
      'rescind',
      'pciWrite',
      'packet',
      'channelOpen',
      'gpadlTeardown',
      'busClose',
    ]) {
      assert.notEqual(link.onLink.of(kind).length, 0, kind);
      assert.deepEqual(link.onLink.of(kind), link.onHost.of(kind), kind);
    }
  });

  it('records why a guest gave a channel up, and the link', async () => {
    const link = await tappedLink(1000);
    const channel = await link.during(link.guest.open(1));
    channel.abort(new Error('the channel is done for'));
    await link.clock.settle();
    link.guest.abort(new Error('so is the guest'));
    await link.clock.settle();
    await link.onLink.recorder.close();
    assert.deepEqual(link.onLink.of('channelClose', 'busClose'), [
      { kind: 'channelClose', channel: 1, reason: 'the channel is done for' },
      { kind: 'busClose', reason: 'so is the guest' },
    ]);
  });
});

/** The bytes of a frame, of the link itself unless a channel is given. */
function frame(kind: number, payload: Uint8Array, channel = LINK_CHANNEL, idHigh = 0): Uint8Array {
  const output = new LinkOutput(() => {});
  output.frame(channel, kind, 0, idHigh, 0, payload, 0, payload.length);
  return output.take()!.bytes.slice();
}

async function recorded(pushes: readonly (readonly [Direction, Uint8Array])[]) {
  const capture = new Capture();
  const tap = new FrameTap(capture.recorder, 'tcp');
  for (const [direction, bytes] of pushes) tap.push(direction, bytes);
  await capture.recorder.close();
  return { tap, capture };
}

describe('a tap on bytes that are no link', () => {
  const welcome = frame(FrameKind.control, encodeLinkMessage('welcome', { codec: Codec.packed }));

  it('says what was wrong, once, and records nothing further', async () => {
    const noise = new Uint8Array(64).fill(255);
    const rescind = frame(FrameKind.control, encodeLinkMessage('rescind', { channel: 1 }));
    const { tap, capture } = await recorded([
      ['h2g', welcome],
      ['g2h', noise],
      ['h2g', rescind],
      ['g2h', noise],
    ]);
    assert.match(String(tap.problem), /TransportError/);
    assert.deepEqual(capture.of(), [
      { kind: 'start' },
      { kind: 'busClose', reason: `not recorded further: ${tap.problem?.message}` },
    ]);
  });

  it('leaves a capture that can be read, also when it never was one', async () => {
    const { tap, capture } = await recorded([
      ['g2h', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
    ]);
    assert.notEqual(tap.problem, null);
    assert.equal(capture.reader.header?.link, 'tcp');
    assert.deepEqual(
      capture.records.map(({ kind }) => kind),
      ['busClose'],
    );
  });

  it('records nothing that comes before the host’s welcome, and skips what it does not know', async () => {
    const { tap, capture } = await recorded([
      ['g2h', frame(FrameKind.inBand, Uint8Array.of(1, 2, 3), 1)],
      ['g2h', frame(FrameKind.control, encodeLinkMessage('channelOpen', { channel: 1 }))],
      ['h2g', welcome],
      ['h2g', frame(FrameKind.control, Uint8Array.of(0xfa, 0x01, 0))],
      ['h2g', frame(FrameKind.control, encodeLinkMessage('offer', {}))],
      // A read that is too short to say how much it wants.
      ['h2g', frame(FrameKind.memoryRead, new Uint8Array(0))],
    ]);
    assert.equal(tap.problem, null);
    assert.deepEqual(capture.of(), [{ kind: 'start' }, { kind: 'memoryRead', address: 0, length: 0 }]);
  });

  // They were recorded once, and no reader took the capture.
  it('with an address that no number holds leaves a capture that can be read', async () => {
    const ranges = [0xffff_ffff, 0xffff_ffff, 1];
    const page = { pageLow: 0, pageHigh: 0x8000_0000, pages: 1 };
    const far = new Uint8Array(8).fill(255);
    for (const bytes of [
      frame(FrameKind.memoryData, Uint8Array.of(1), LINK_CHANNEL, 0x20_0000),
      frame(FrameKind.windowData, Uint8Array.of(1), LINK_CHANNEL, 0xffff_ffff),
      frame(FrameKind.memoryRead, far),
      frame(FrameKind.control, encodeLinkMessage('gpadlCreate', { gpadl: 1, ranges })),
      frame(FrameKind.control, encodeLinkMessage('memoryBlock', page)),
      frame(FrameKind.control, encodeLinkMessage('memoryBlockFree', page)),
    ]) {
      const { tap, capture } = await recorded([
        ['h2g', welcome],
        ['g2h', bytes],
      ]);
      assert.match(String(tap.problem), /above 2\^53/);
      assert.deepEqual(
        capture.records.map(({ kind }) => kind),
        ['start', 'busClose'],
      );
    }
  });

  it('records a read beyond 4 GiB whole', async () => {
    const wanted = Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0);
    const { capture } = await recorded([
      ['h2g', welcome],
      ['h2g', frame(FrameKind.memoryRead, wanted, LINK_CHANNEL, 3)],
    ]);
    const [, read] = capture.of();
    assert.deepEqual(read, { kind: 'memoryRead', address: 3 * 2 ** 32, length: 2 ** 33 + 1 });
  });

  it('goes on with the next guest of a line where one was killed in the middle of a frame', async () => {
    const open = frame(FrameKind.control, encodeLinkMessage('channelOpen', { channel: 1 }));
    const half = frame(FrameKind.windowData, new Uint8Array(1000)).subarray(0, 500);
    for (const cut of [0, 5]) {
      const mark = lineMark();
      const { tap, capture } = await recorded([
        ['g2h', mark],
        ['h2g', welcome],
        ['g2h', Buffer.concat([half, mark.subarray(0, cut)])],
        ['g2h', Buffer.concat([mark.subarray(cut), open])],
      ]);
      assert.equal(tap.problem, null);
      assert.deepEqual(capture.of(), [{ kind: 'start' }, { kind: 'channelOpen', channel: 1 }]);
    }
  });
});
