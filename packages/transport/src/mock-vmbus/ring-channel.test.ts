import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createBusStatistics } from '../bus-statistics.ts';
import { isTransportError } from '../errors.ts';
import { RingChannel } from './ring-channel.ts';
import type { RingChannelOptions } from './ring-channel-options.ts';
import { createRingMemory, RING_HEADER_BYTES, RingHeader, type RingMemory } from './ring-memory.ts';

interface End {
  readonly channel: RingChannel;
  readonly outbound: RingMemory;
  signals: number;
  readonly ends: (Error | null)[];
}

/** Two channels over two rings, whose bells can be taken off to drop signals. */
function createPair(dataBytes: number, options: Partial<RingChannelOptions> = {}) {
  const ring = () => createRingMemory(new Uint8Array(RING_HEADER_BYTES + dataBytes), 'one');
  const up = ring();
  const down = ring();
  const create = (outbound: RingMemory, inbound: RingMemory, other: () => End): End => {
    const end: End = {
      outbound,
      signals: 0,
      ends: [],
      channel: new RingChannel({
        index: 1,
        outbound,
        inbound,
        maxSendBytes: 131_072,
        maxQueuedBytes: 1_000_000,
        spinMicroseconds: 0,
        statistics: createBusStatistics(),
        signal: () => {
          end.signals += 1;
          other().channel.doorbell();
        },
        onEnd: (error) => {
          end.ends.push(error);
          // As the bus does it, by a control message.
          queueMicrotask(() => other().channel.peerClosed(error));
        },
        ...options,
      }),
    };
    return end;
  };
  const near: End = create(up, down, () => far);
  const far: End = create(down, up, () => near);
  return { near, far };
}

function send(end: End, length: number, id = 0): boolean {
  return end.channel.send(6, id, 0, 0, new Uint8Array(length), 0, length);
}

const turn = () =>
  new Promise<void>((resolve) => {
    setImmediate(resolve);
  });

describe('ring channel', () => {
  it('rings once for all packets of a turn', async () => {
    const { near, far } = createPair(4096);
    const ids: number[] = [];
    far.channel.onPacket = ({ idLow }) => ids.push(idLow);
    for (let id = 0; id < 20; id += 1) assert.equal(send(near, 40, id), true);
    assert.deepEqual(ids, []);
    await turn();
    assert.deepEqual(
      ids,
      Array.from({ length: 20 }, (_, id) => id),
    );
    assert.equal(near.signals, 1);
    assert.equal(far.signals, 0);
  });

  it('shows packets before its turn ends where the other side looks by itself, and not where that one would have to be rung', async () => {
    const { near, far } = createPair(16_384);
    const shown = () => near.outbound.load(RingHeader.writeIndex);
    far.channel.onPacket = () => {};
    for (let id = 0; id < 60; id += 1) send(near, 40, id);
    assert.equal(shown(), 0);
    await turn();
    const before = shown();
    assert.equal(before, 60 * 64);
    near.outbound.store(RingHeader.interruptMask, 1);
    for (let id = 0; id < 60; id += 1) send(near, 40, id);
    assert.equal(shown() - before, 2048);
    near.outbound.store(RingHeader.interruptMask, 0);
    await turn();
    assert.equal(shown() - before, 60 * 64);
    // Who lowers the mask looks once more: nothing was rung for but the first packets.
    assert.equal(near.signals, 1);
  });

  it('delivers and answers within the call when polled, and is not rung for meanwhile', async () => {
    const { near, far } = createPair(4096);
    const answers: number[] = [];
    const nested: number[] = [];
    near.channel.onPacket = ({ kind, idLow }) => {
      assert.equal(kind, 11);
      answers.push(idLow);
    };
    far.channel.onPacket = ({ idLow, bytes, offset, length }) => {
      nested.push(far.channel.poll());
      far.channel.send(11, idLow, 0, 0, bytes, offset, length);
    };
    assert.equal(far.channel.poll(), 0);
    assert.equal(near.channel.poll(), 0);
    for (let id = 0; id < 500; id += 1) {
      send(near, 64, id);
      near.channel.flush();
      assert.equal(far.channel.poll(), 1);
      assert.equal(near.channel.poll(), 1);
    }
    assert.deepEqual(
      answers,
      Array.from({ length: 500 }, (_, id) => id),
    );
    assert.ok(nested.every((count) => count === 0));
    assert.equal(near.signals + far.signals, 0);
    // The thread is free again: from now on it must be rung.
    await turn();
    send(near, 64, 500);
    await turn();
    assert.equal(answers.at(-1), 500);
    assert.equal(near.signals, 1);
    assert.equal(far.signals, 1);
  });

  it('gives space back while it polls in vain, and takes what waits for it', async () => {
    const { near, far } = createPair(4096);
    let received = 0;
    far.channel.onPacket = () => {
      received += 1;
    };
    assert.equal(far.channel.poll(), 0);
    send(near, 400);
    near.channel.flush();
    assert.equal(far.channel.poll(), 1);
    // Fits only where the first packet's space has been given back.
    assert.equal(send(near, 4000), false);
    for (let look = 0; look < 100 && received < 2; look += 1) {
      near.channel.poll();
      near.channel.flush();
      far.channel.poll();
    }
    assert.equal(received, 2);
    await turn();
  });

  it('asks for signals before its thread sleeps, and does not sleep on a packet', async () => {
    const { near, far } = createPair(4096);
    far.channel.onPacket = () => {};
    far.channel.poll();
    send(near, 40);
    near.channel.flush();
    assert.equal(near.signals, 0);
    assert.equal(far.channel.prepareToSleep(), true);
    assert.equal(far.channel.poll(), 1);
    assert.equal(far.channel.prepareToSleep(), false);
    send(near, 40);
    near.channel.flush();
    assert.equal(near.signals, 1);
    await turn();
  });

  it('publishes at once when asked to', () => {
    const { near } = createPair(4096);
    send(near, 40);
    assert.equal(near.outbound.load(RingHeader.writeIndex), 0);
    near.channel.flush();
    assert.equal(near.outbound.load(RingHeader.writeIndex), 64);
  });

  it('queues what does not fit, asks for room and says when it has gone', async () => {
    const { near, far } = createPair(1024);
    const ids: number[] = [];
    let drains = 0;
    near.channel.onDrain = () => {
      drains += 1;
    };
    const results = Array.from({ length: 100 }, (_, id) => send(near, 100, id));
    assert.equal(results.indexOf(false), 7, 'seven packets of 128 bytes are below 1024');
    assert.ok(results.slice(7).every((result) => !result));
    await turn();
    assert.notEqual(near.outbound.load(RingHeader.pendingSendSize), 0);
    assert.equal(drains, 0);
    far.channel.onPacket = ({ idLow }) => ids.push(idLow);
    await turn();
    assert.deepEqual(
      ids,
      Array.from({ length: 100 }, (_, id) => id),
    );
    assert.equal(drains, 1);
    assert.equal(near.outbound.load(RingHeader.pendingSendSize), 0);
  });

  it('refuses more than may wait, and what can never fit', async () => {
    const { near } = createPair(1024, { maxQueuedBytes: 2000 });
    const code = (call: () => unknown): string | null => {
      try {
        call();
        return null;
      } catch (error) {
        return isTransportError(error) ? error.code : 'other';
      }
    };
    assert.equal(
      code(() => send(near, 1000)),
      'too-large',
    );
    let accepted = 0;
    while (code(() => send(near, 100)) === null) accepted += 1;
    assert.equal(
      code(() => send(near, 100)),
      'limit',
    );
    assert.ok(accepted > 7 && accepted < 30, `${accepted}`);
    assert.ok(near.channel.isOpen);
    await turn();
  });

  it('looks again for room by itself where signals may be lost', async () => {
    const retries: (() => void)[] = [];
    const cancelled: number[] = [];
    const { near, far } = createPair(1024, {
      retry: (callback) => {
        retries.push(callback);
        return () => cancelled.push(retries.length);
      },
    });
    for (let id = 0; id < 8; id += 1) send(near, 100, id);
    await turn();
    assert.equal(retries.length, 1);
    // A consumer that never looks at pending_send_sz.
    near.outbound.store(RingHeader.featureBits, 0);
    let count = 0;
    far.channel.onPacket = () => {
      count += 1;
    };
    await turn();
    assert.equal(count, 7);
    retries[0]?.();
    await turn();
    assert.equal(count, 8);
  });

  it('lets timers and input run while two sides keep each other busy', async () => {
    const { near, far } = createPair(4096);
    let bounces = 0;
    let isOver = false;
    const bounce = (end: End) => () => {
      bounces += 1;
      if (!isOver) send(end, 8);
    };
    near.channel.onPacket = bounce(near);
    far.channel.onPacket = bounce(far);
    send(near, 8);
    await turn();
    await turn();
    isOver = true;
    assert.ok(bounces > 20);
    await turn();
  });

  it('ends with bad-ring when the peer writes impossible indices, and throws nothing', async () => {
    const { near, far } = createPair(4096);
    const closes: (Error | null)[] = [];
    far.channel.onClose = (error) => closes.push(error);
    far.channel.onPacket = () => {};
    near.outbound.store(RingHeader.writeIndex, 12);
    far.channel.doorbell();
    await turn();
    assert.equal(far.channel.isOpen, false);
    assert.equal(closes.length, 1);
    assert.ok(isTransportError(closes[0]) && closes[0].code === 'bad-ring');
    assert.deepEqual(far.ends, closes);
  });

  it('ends with bad-ring when the consumer writes an impossible index, and send does not throw', async () => {
    const { near } = createPair(4096);
    near.outbound.store(RingHeader.readIndex, 0xffff_ffff);
    const lost = new Promise<Error | null>((resolve) => {
      near.channel.onClose = resolve;
    });
    for (let id = 0; id < 100 && near.channel.isOpen; id += 1) send(near, 100, id);
    const error = await lost;
    assert.ok(isTransportError(error) && error.code === 'bad-ring');
  });

  it('closes when both sides close at once with full rings', async () => {
    const { near, far } = createPair(1024);
    for (let id = 0; id < 50; id += 1) {
      send(near, 100, id);
      send(far, 100, id);
    }
    far.channel.onPacket = () => {};
    near.channel.onPacket = () => {};
    await Promise.all([near.channel.close(), far.channel.close()]);
    assert.deepEqual(near.ends, [null]);
    assert.deepEqual(far.ends, [null]);
  });

  it('delivers what waits for a handler before an orderly close ends it', async () => {
    const { near, far } = createPair(4096);
    send(near, 8, 42);
    await near.channel.close();
    await turn();
    assert.equal(far.channel.isOpen, true);
    const seen: unknown[] = [];
    far.channel.onClose = (error) => seen.push(error);
    far.channel.onPacket = ({ idLow }) => seen.push(idLow);
    await turn();
    assert.deepEqual(seen, [42, null]);
  });
});
