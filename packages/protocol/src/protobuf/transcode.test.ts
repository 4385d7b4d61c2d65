import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { isProtocolError } from '../errors.ts';
import { encodeFailureReply, encodeHostMessage, encodeReply, encodeRequest } from '../message.ts';
import { commands } from '../registry.ts';
import { exchangeArbitrary, messageArbitrary, type Values } from '../schema/arbitrary.test.ts';
import type { CommandDef } from '../schema/command.ts';
import { countPlace } from '../schema/struct.ts';
import { NtStatus } from '../status.ts';
import { type ChannelPacket, type PacketChannel, protobufChannel } from './channel.ts';
import { decodeEnvelope, encodeEnvelope } from './codec.ts';
import {
  eventToProtobuf,
  type PendingReply,
  protobufToEvent,
  protobufToReply,
  protobufToRequest,
  replyToProtobuf,
  requestToProtobuf,
} from './transcode.ts';

/** Packets through the protobuf form and back: the same bytes. */

const space = new Uint8Array(131_072);
const scratch = new Uint8Array(256 * 1024);
const scratchView = new DataView(scratch.buffer);

const sent = (Object.values(commands) as CommandDef[]).filter((def) => def.request !== null);

/** Through the envelope, as one side sends it and the other reads it; both keep what the reply needs. */
function throughRequest(packet: Uint8Array): [PendingReply | null, PendingReply | null] {
  const { bytes, pending } = requestToProtobuf(packet);
  const back = protobufToRequest(bytes, space);
  assert.deepEqual(space.slice(0, back.length), packet);
  return [pending, back.pending];
}

function throughReply(pending: PendingReply | null, other: PendingReply | null, payload: Uint8Array): void {
  const envelope = replyToProtobuf(other, payload);
  const length = protobufToReply(pending, envelope, space);
  assert.deepEqual(withoutRepeated(pending, space.slice(0, length)), withoutRepeated(pending, payload));
}

/** Two replies repeat the length of the request's data, and nobody reads it: a failure has zero there. */
function withoutRepeated(pending: PendingReply | null, payload: Uint8Array): Uint8Array {
  const copy = payload.slice();
  for (const [, { count }] of pending?.def.reply?.message.tails ?? []) {
    if (count.from !== 'request' || count.path === null) continue;
    const at = countPlace(pending!.def.reply!.message.struct, count.path);
    if (at + 4 <= copy.length) copy.fill(0, at, at + 4);
  }
  return copy;
}

for (const def of sent.filter(({ channel }) => channel !== 'host')) {
  test(`${def.name}: requests, replies and failures are the same bytes behind the protobuf form`, () => {
    fc.assert(
      fc.property(
        exchangeArbitrary(def),
        fc.constantFrom(40, 27),
        fc.boolean(),
        (exchange, version, async) => {
          const { request } = exchange;
          const reply = exchange.reply === null ? null : { ...exchange.reply };
          const header = { version, process: 0x4000_0041, vgpuLuid: { low: 5, high: 0xffff_ffff }, async };
          const size = encodeRequest(def, header, request, scratchView, 0);
          const [guest, host] = throughRequest(scratch.slice(0, size));
          assert.equal(guest?.def, def);
          assert.equal(decodeEnvelope(requestToProtobuf(scratch.slice(0, size)).bytes).kind, 'request');
          if (reply !== null) {
            const length = encodeReply(def, version, reply, scratchView, 0, request);
            throughReply(guest, host, scratch.slice(0, length));
          }
          const failed = encodeFailureReply(def, version, NtStatus.noMemory, request, scratchView, 0);
          throughReply(guest, host, scratch.slice(0, failed));
          throughReply(guest, host, new Uint8Array(0));
        },
      ),
      { numRuns: 20 },
    );
  });
}

for (const def of sent.filter(({ channel }) => channel === 'host')) {
  test(`${def.name}: is the same bytes behind the protobuf form`, () => {
    const { message } = def.request as NonNullable<CommandDef['request']>;
    fc.assert(
      fc.property(messageArbitrary(message), (value) => {
        const packet = scratch.slice(0, encodeHostMessage(def, value, scratchView, 0));
        const envelope = eventToProtobuf(packet);
        assert.equal(decodeEnvelope(envelope).kind, 'request');
        assert.deepEqual(space.slice(0, protobufToEvent(envelope, space)), packet);
      }),
    );
  });
}

test('bytes that the table does not describe travel as they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (packet) => {
      const { bytes, pending } = requestToProtobuf(packet);
      // A packet that happens to be a command may differ in bytes that mean nothing.
      if (pending !== null) return;
      const back = protobufToRequest(bytes, space);
      assert.deepEqual([space.slice(0, back.length), back.pending], [packet, null]);
      throughReply(null, null, packet);
      const event = eventToProtobuf(packet);
      if (decodeEnvelope(event).kind === 'packed')
        assert.deepEqual(space.slice(0, protobufToEvent(event, space)), packet);
    }),
  );
});

test('envelopes that are not the kind that belongs there are refused', () => {
  const value = {};
  const event = encodeEnvelope({
    kind: 'request',
    def: commands.signalGuestEvent as unknown as CommandDef,
    header: null,
    value,
  });
  const reply = encodeEnvelope({
    kind: 'reply',
    def: commands.lock2 as unknown as CommandDef,
    header: null,
    value,
  });
  const request = encodeEnvelope({
    kind: 'request',
    def: commands.lock2 as unknown as CommandDef,
    header: null,
    value,
  });
  const pending = protobufToRequest(request, space).pending;
  const unlock = { ...(pending as PendingReply), def: commands.unlock2 as unknown as CommandDef };
  const wrong: (() => unknown)[] = [
    () => protobufToRequest(event, space),
    () => protobufToRequest(reply, space),
    () => protobufToEvent(reply, space),
    () => protobufToEvent(request, space),
    () => protobufToReply(pending, request, space),
    () => protobufToReply(unlock, reply, space),
    () => protobufToReply(null, reply, space),
    () => protobufToReply(pending, new Uint8Array(0), space),
    () => protobufToRequest(request, new Uint8Array(8)),
  ];
  for (const each of wrong) assert.throws(each, isProtocolError);
  assert.equal(protobufToReply(pending, reply, space), 16);
});

test('lists that do not agree are refused when they become a packet', () => {
  const { signalSyncObject } = commands;
  const value = { objects: Uint32Array.of(1, 2), fenceValues: BigUint64Array.of(1n) };
  const envelope = encodeEnvelope({
    kind: 'request',
    def: signalSyncObject as unknown as CommandDef,
    header: null,
    value,
  });
  assert.throws(() => protobufToRequest(envelope, space), isProtocolError);
});

interface TracePacket {
  readonly dir: string;
  readonly type: string;
  readonly channel: number;
  readonly id: number;
  readonly hex: string;
  readonly zeros?: number;
}

test('every packet of the recorded scenario is the same bytes behind the protobuf form', () => {
  const trace = new URL('../../../../test/fixtures/traces/full-v40-sync-gpadl.jsonl', import.meta.url);
  const pending = new Map<string, [PendingReply | null, PendingReply | null]>();
  let described = 0;
  for (const line of readFileSync(trace, 'utf8').split('\n')) {
    if (line === '') continue;
    const { dir, type, channel, id, hex, zeros } = JSON.parse(line) as TracePacket;
    if (type !== 'inband' && type !== 'completion') continue;
    const packet = new Uint8Array(Buffer.concat([Buffer.from(hex, 'hex'), Buffer.alloc(zeros ?? 0)]));
    const key = `${channel} ${id}`;
    if (type === 'inband' && dir === 'g2h') {
      const states = throughRequest(packet);
      if (states[0] !== null) described++;
      pending.set(key, states);
    } else if (type === 'completion') {
      const [guest, host] = pending.get(key) ?? [null, null];
      const length = protobufToReply(guest, replyToProtobuf(host, packet), space);
      // The header copy in two replies is the host's own affair, and lengths may be rounded up.
      const start = guest?.def.replyHasHeader === true ? 24 : 0;
      assert.ok(length <= packet.length && packet.length - length < 8, `${guest?.def.name}`);
      assert.deepEqual(space.slice(start, length), packet.slice(start, length));
    } else {
      const length = protobufToEvent(eventToProtobuf(packet), space);
      assert.deepEqual(space.slice(0, length), packet);
    }
  }
  assert.ok(described > 200);
});

type Sent = readonly [kind: number, idLow: number, flags: number, bytes: Uint8Array];

/** One end of a pair of channels in memory. */
class FakeChannel implements PacketChannel {
  readonly index = 1;
  isOpen = true;
  onPacket: ((packet: ChannelPacket) => void) | null = null;
  onDrain: (() => void) | null = null;
  onClose: ((error: Error | null) => void) | null = null;
  peer: FakeChannel | null = null;
  aborted: Error | null = null;
  readonly wire: Sent[] = [];

  send(
    kind: 6 | 11,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    const copy = bytes.slice(offset, offset + length);
    this.wire.push([kind, idLow, flags, copy]);
    const view = new DataView(copy.buffer);
    this.peer?.onPacket?.({ kind, idLow, idHigh, flags, bytes: copy, view, offset: 0, length });
    return true;
  }

  flush(): void {}

  async close(): Promise<void> {
    this.onClose?.(null);
  }

  abort(error: Error): void {
    this.aborted = error;
    this.onClose?.(error);
  }
}

test('channels: requests, replies in any order and events pass; the wire has envelopes only', () => {
  const [inner, outer] = [new FakeChannel(), new FakeChannel()];
  inner.peer = outer;
  outer.peer = inner;
  const guest = protobufChannel(inner, 'guest');
  const host = protobufChannel(outer, 'host');
  const atHost: Sent[] = [];
  const atGuest: Sent[] = [];
  const store =
    (list: Sent[]) =>
    (packet: ChannelPacket): void => {
      const { kind, idLow, flags, bytes, offset, length } = packet;
      list.push([kind, idLow, flags, bytes.slice(offset, offset + length)]);
    };
  guest.onPacket = store(atGuest);
  host.onPacket = store(atHost);

  const header = { version: 40, process: 3, vgpuLuid: { low: 1, high: 2 }, async: false };
  const bodies: Values[] = [{ privateData: new Uint8Array(12) }, { privateData: new Uint8Array(3).fill(1) }];
  for (const [index, body] of bodies.entries()) {
    const size = encodeRequest(commands.queryAdapterInfo, header, body, scratchView, 64);
    guest.send(6, index + 1, 0, 1, scratch, 64, size);
    assert.deepEqual(atHost.at(-1), [6, index + 1, 1, scratch.slice(64, 64 + size)]);
    scratch.fill(0xee, 64, 64 + size);
  }
  for (const index of [1, 0]) {
    const body = { status: 0, privateData: new Uint8Array(index === 0 ? 12 : 3).fill(7) };
    const size = encodeReply(commands.queryAdapterInfo, 40, body, scratchView, 8, bodies[index]);
    host.send(11, index + 1, 0, 0, scratch, 8, size);
    assert.deepEqual(atGuest.at(-1), [11, index + 1, 0, scratch.slice(8, 8 + size)]);
  }
  // A second answer to the same request has nothing to be read by: it travels as it is.
  host.send(11, 1, 0, 0, scratch, 0, 5);
  assert.deepEqual(atGuest.at(-1), [11, 1, 0, scratch.slice(0, 5)]);

  const event = encodeHostMessage(commands.signalGuestEvent, { event: 9n }, scratchView, 0);
  host.send(6, 0, 0, 0, scratch, 0, event);
  assert.deepEqual(atGuest.at(-1), [6, 0, 0, scratch.slice(0, event)]);
  for (const [, , , bytes] of [...inner.wire, ...outer.wire]) decodeEnvelope(bytes);
});

test('channels: bytes that are no envelope end the channel, and closing is passed on', () => {
  for (const side of ['guest', 'host'] as const) {
    const inner = new FakeChannel();
    const channel = protobufChannel(inner, side);
    const closed: (Error | null)[] = [];
    channel.onClose = (error) => closed.push(error);
    channel.onPacket = () => assert.fail('nothing may arrive');
    const peer = new FakeChannel();
    peer.peer = inner;
    peer.send(6, 1, 0, 1, Uint8Array.of(0xff, 0xff), 0, 2);
    assert.ok(isProtocolError(inner.aborted));
    assert.deepEqual(closed, [inner.aborted]);
  }
});
