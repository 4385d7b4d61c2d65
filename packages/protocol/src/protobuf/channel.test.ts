import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isProtocolError } from '../errors.ts';
import { encodeReply, encodeRequest } from '../message.ts';
import { commands } from '../registry.ts';
import {
  type ChannelPacket,
  type PacketChannel,
  protobufChannel,
  protobufGuestBus,
  protobufHostBus,
} from './channel.ts';
import { decodeEnvelope } from './codec.ts';

/** Buses seen through the protobuf form: only `open`, `onChannelOpen` and `codec` are other than the bus's own. */

const header = { version: 40, process: 3, vgpuLuid: { low: 1, high: 2 }, async: false };
const body = { privateData: Uint8Array.of(1, 2, 3) };
const packet = new Uint8Array(256);
const packetBytes = encodeRequest(commands.queryAdapterInfo, header, body, new DataView(packet.buffer), 0);

/** One end of a pair of channels in memory, which says what was asked of it. */
class Channel implements PacketChannel {
  readonly index: number;
  isOpen = true;
  onPacket: ((packet: ChannelPacket) => void) | null = null;
  onDrain: (() => void) | null = null;
  onClose: ((error: Error | null) => void) | null = null;
  readonly asked: unknown[] = [];
  readonly wire: Uint8Array[] = [];
  peer: Channel | null = null;
  failure: Error | null = null;

  constructor(index: number) {
    this.index = index;
  }

  send(
    kind: 6 | 11,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    if (this.failure !== null) throw this.failure;
    const copy = bytes.slice(offset, offset + length);
    this.wire.push(copy);
    const view = new DataView(copy.buffer);
    this.peer?.onPacket?.({ kind, idLow, idHigh, flags, bytes: copy, view, offset: 0, length });
    return false;
  }

  flush(): void {
    this.asked.push('flush');
  }

  async close(): Promise<void> {
    this.isOpen = false;
    this.asked.push('close');
    this.onClose?.(null);
  }

  abort(error: Error): void {
    this.asked.push(error);
  }
}

/** With a private field: a method that ran on anything but the bus itself would throw. */
class Bus {
  readonly codec = 'protobuf';
  readonly channel: Channel;
  onClose: ((error: Error | null) => void) | null = null;
  onChannelOpen: ((channel: PacketChannel) => void) | null = null;
  #opened = 0;

  constructor(channel: Channel) {
    this.channel = channel;
  }

  get opened(): number {
    return this.#opened;
  }

  async open(_index: number): Promise<PacketChannel> {
    this.#opened += 1;
    return this.channel;
  }

  count(): number {
    return this.#opened;
  }
}

function pair(): { guest: Bus; host: Bus } {
  const [guest, host] = [new Bus(new Channel(4)), new Bus(new Channel(4))];
  guest.channel.peer = host.channel;
  host.channel.peer = guest.channel;
  return { guest, host };
}

test('a message goes from a guest’s bus to a host’s bus in packed form, and as an envelope between them', async () => {
  const { guest, host } = pair();
  const taken: Uint8Array[] = [];
  protobufHostBus(host).onChannelOpen = (channel) => {
    channel.onPacket = ({ bytes, length, offset }) => taken.push(bytes.slice(offset, offset + length));
  };
  host.onChannelOpen?.(host.channel);
  const channel = await protobufGuestBus(guest).open(4);
  assert.equal(channel.send(6, 1, 0, 1, packet, 0, packetBytes), false);
  assert.deepEqual(taken, [packet.slice(0, packetBytes)]);
  assert.equal(decodeEnvelope(guest.channel.wire[0]!).kind, 'request');
});

test('a wrapped bus says packed, runs methods on the bus, and keeps the handlers of the bus', async () => {
  const { guest } = pair();
  const seen = protobufGuestBus(guest);
  assert.equal(seen.codec, 'packed');
  await seen.open(4);
  assert.equal(seen.opened, 1);
  assert.equal(seen.count(), 1);
  assert.equal(seen.count, seen.count);
  const onClose = () => {};
  seen.onClose = onClose;
  assert.equal(guest.onClose, onClose);
  assert.equal(seen.onClose, onClose);
});

test('a host’s bus hands out one wrapper per channel, and nothing once the handler is gone', () => {
  const { host } = pair();
  const seen = protobufHostBus(host);
  assert.equal(seen.codec, 'packed');
  assert.equal(seen.onChannelOpen, null);
  const opened: PacketChannel[] = [];
  const onChannelOpen = (channel: PacketChannel) => opened.push(channel);
  seen.onChannelOpen = onChannelOpen;
  assert.equal(seen.onChannelOpen, onChannelOpen);
  host.onChannelOpen?.(host.channel);
  host.onChannelOpen?.(host.channel);
  assert.equal(opened[0], opened[1]);
  assert.notEqual(opened[0], host.channel);
  const onClose = () => {};
  seen.onClose = onClose;
  assert.equal(host.onClose, onClose);
  seen.onChannelOpen = null;
  assert.equal(host.onChannelOpen, null);
});

test('a wrapped channel is the channel below in all but its packets', async () => {
  const { guest } = pair();
  const inner = guest.channel;
  const channel = await protobufGuestBus(guest).open(4);
  assert.deepEqual([channel.index, channel.isOpen, channel.onDrain, channel.onPacket], [4, true, null, null]);
  const onDrain = () => {};
  channel.onDrain = onDrain;
  assert.equal(inner.onDrain, onDrain);
  assert.equal(channel.onDrain, onDrain);
  const onPacket = () => {};
  channel.onPacket = onPacket;
  assert.equal(channel.onPacket, onPacket);
  assert.ok(inner.onPacket !== null);
  channel.onPacket = null;
  assert.equal(inner.onPacket, null);
  const closed: (Error | null)[] = [];
  channel.onClose = (error) => closed.push(error);
  const error = new Error('over');
  channel.flush();
  channel.abort(error);
  await channel.close();
  assert.deepEqual(inner.asked, ['flush', error, 'close']);
  assert.deepEqual([closed, channel.isOpen], [[null], false]);
});

test('a request that could not be sent leaves nothing that waits for its reply', () => {
  const { guest, host } = pair();
  const sender = protobufChannel(guest.channel, 'guest');
  const answerer = protobufChannel(host.channel, 'host');
  const taken: number[] = [];
  sender.onPacket = ({ idLow }) => taken.push(idLow);
  answerer.onPacket = () => {};
  sender.send(6, 1, 0, 1, packet, 0, packetBytes);
  const reply = new Uint8Array(64);
  const replyBytes = encodeReply(
    commands.queryAdapterInfo,
    40,
    { ...body, status: 0 },
    new DataView(reply.buffer),
    0,
    body,
  );
  answerer.send(11, 1, 0, 0, reply, 0, replyBytes);
  const envelope = host.channel.wire[0]!;
  assert.equal(decodeEnvelope(envelope).kind, 'reply');
  assert.deepEqual(taken, [1]);
  guest.channel.failure = new Error('the queue is full');
  assert.throws(() => sender.send(6, 2, 0, 1, packet, 0, packetBytes), /the queue is full/);
  // So a reply to it answers nothing, which ends the channel.
  host.channel.send(11, 2, 0, 0, envelope, 0, envelope.length);
  assert.deepEqual(taken, [1]);
  assert.ok(isProtocolError(guest.channel.asked[0]));
});
