import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Channel, type Packet, PacketKind, TransportError } from '@dxgwire/transport';
import { MessageChannel } from './message-channel.ts';

class LoopChannel implements Channel {
  readonly index = 1;
  isOpen = true;
  onPacket: Channel['onPacket'] = null;
  onDrain: Channel['onDrain'] = null;
  onClose: Channel['onClose'] = null;
  readonly ids: number[] = [];
  failure: Error | null = null;
  isFull = false;

  send(_kind: PacketKind, idLow: number): boolean {
    if (this.failure !== null) throw this.failure;
    this.ids.push(idLow);
    return !this.isFull;
  }
  flush(): void {}
  async close(): Promise<void> {
    this.isOpen = false;
  }
  abort(): void {
    this.isOpen = false;
  }
  complete(id: number): void {
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    const idHigh = Math.floor(id / 2 ** 32);
    const packet: Packet = {
      kind: PacketKind.completion,
      idLow: id >>> 0,
      idHigh,
      flags: 0,
      bytes,
      view,
      offset: 0,
      length: 8,
    };
    this.onPacket?.(packet);
  }
}

function setUp() {
  const channel = new LoopChannel();
  const statistics = {
    messagesSent: 0,
    bytesSent: 0,
    completionsAwaited: 0,
    completionsReceived: 0,
    unknownCompletions: 0,
  };
  return { channel, statistics, link: new MessageChannel(channel, statistics) };
}

const bytes = new Uint8Array(40);

test('requests count from 1, messages without completion have id 0', () => {
  const { channel, link } = setUp();
  const sink = { complete: () => undefined, lose: () => undefined };
  link.request(bytes, 40, sink);
  link.post(bytes, 40);
  link.request(bytes, 40, sink);
  assert.deepEqual(channel.ids, [1, 0, 2]);
});

test('completions in any order find their requests, once each', () => {
  const { channel, link, statistics } = setUp();
  const seen: number[] = [];
  const count = 500;
  for (let id = 1; id <= count; id += 1) {
    link.request(bytes, 40, { complete: () => seen.push(id), lose: () => assert.fail('lost') });
  }
  const order = Array.from({ length: count }, (_, index) => ((index * 313) % count) + 1);
  for (const id of order) channel.complete(id);
  assert.deepEqual(seen, order);
  channel.complete(7);
  channel.complete(count + 1);
  assert.equal(statistics.unknownCompletions, 2);
  assert.equal(link.pendingCount, 0);
});

test('one request that is never answered does not stop thousands behind it', () => {
  const { channel, link } = setUp();
  let oldest = 0;
  link.request(bytes, 40, { complete: () => oldest++, lose: () => undefined });
  for (let id = 2; id < 5000; id += 1) {
    link.request(bytes, 40, { complete: () => undefined, lose: () => undefined });
    channel.complete(id);
  }
  assert.equal(link.pendingCount, 1);
  channel.complete(1);
  assert.equal(oldest, 1);
});

test('the end of the channel settles what is pending, once and in order, and refuses what comes', () => {
  const { channel, link } = setUp();
  const lost: string[] = [];
  for (let id = 1; id <= 70; id += 1) {
    link.request(bytes, 40, {
      complete: () => assert.fail('answered'),
      lose: (loss) => lost.push(`${id} ${loss}`),
    });
  }
  link.onLost = (loss) => lost.push(`channel ${loss}`);
  channel.onClose?.(new TransportError('bad-frame', 'broken'));
  channel.onClose?.(null);
  link.lose('driver-removed');
  assert.equal(lost.length, 71);
  assert.equal(lost[0], '1 channel-failed');
  assert.equal(lost[69], '70 channel-failed');
  assert.equal(lost[70], 'channel channel-failed');
  const late = { complete: () => assert.fail(), lose: () => assert.fail() };
  assert.equal(link.request(bytes, 40, late), -19);
});

test('a send that fails is an errno and leaves nothing pending', () => {
  const { channel, link } = setUp();
  const sink = { complete: () => assert.fail(), lose: () => assert.fail() };
  channel.failure = new TransportError('closed', 'gone');
  assert.equal(link.request(bytes, 40, sink), -19);
  channel.failure = new TransportError('too-large', 'long');
  assert.equal(link.request(bytes, 40, sink), -22);
  channel.failure = new TransportError('limit', 'quota');
  assert.equal(link.post(bytes, 40), -11);
  channel.failure = null;
  link.request(bytes, 40, sink);
  assert.deepEqual(channel.ids, [1]);
  assert.equal(link.pendingCount, 1);
});

test('back-pressure is told, and the drain after it', () => {
  const { channel, link } = setUp();
  let drains = 0;
  link.onDrain = () => drains++;
  channel.isFull = true;
  link.post(bytes, 40);
  assert.equal(link.isBackedUp, true);
  channel.onDrain?.();
  assert.equal(link.isBackedUp, false);
  assert.equal(drains, 1);
});
