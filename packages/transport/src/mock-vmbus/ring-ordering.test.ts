import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createBusStatistics } from '../bus-statistics.ts';
import { isTransportError } from '../errors.ts';
import { RingChannel } from './ring-channel.ts';
import { RingConsumer } from './ring-consumer.ts';
import { createRingMemory, RING_HEADER_BYTES, RingHeader, type RingMemory } from './ring-memory.ts';
import { RingProducer } from './ring-producer.ts';

const NAMES = new Map<number, string>(Object.entries(RingHeader).map(([name, word]) => [word, name]));
const DATA_BYTES = 256;

/**
 * A ring whose header accesses are written down. `before` runs ahead of each access: it stands for what the other side does
 * at that very moment.
 */
class WatchedMemory implements RingMemory {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly longWords: BigUint64Array;
  readonly isPassedAround: boolean;
  readonly plain: RingMemory;
  readonly accesses: string[] = [];
  before: (access: string) => void = () => {};

  constructor(threads: 'one' | 'many') {
    const length = RING_HEADER_BYTES + DATA_BYTES;
    this.plain = createRingMemory(new Uint8Array(new SharedArrayBuffer(length)), threads);
    this.bytes = this.plain.bytes;
    this.words = this.plain.words;
    this.longWords = this.plain.longWords;
    this.isPassedAround = this.plain.isPassedAround;
  }

  #note(access: string): void {
    this.accesses.push(access);
    this.before(access);
  }

  load(word: number): number {
    this.#note(`load ${NAMES.get(word)}`);
    return this.plain.load(word);
  }

  store(word: number, value: number): void {
    this.#note(`store ${NAMES.get(word)}`);
    this.plain.store(word, value);
  }

  restore(word: number, value: number): void {
    assert.equal(this.plain.load(word), value, 'nothing changes');
  }

  /** The accesses since the last call. */
  take(): string[] {
    return this.accesses.splice(0);
  }
}

function watchedRing() {
  const memory = new WatchedMemory('many');
  const producer = new RingProducer(memory);
  const consumer = new RingConsumer(memory);
  memory.take();
  return { memory, producer, consumer };
}

const payload = Uint8Array.from({ length: 24 }, (_, index) => index + 1);
const write = (producer: RingProducer) => producer.tryWrite(6, 1, 0, 0, payload, 0, payload.length);
const taken = (consumer: RingConsumer) => [...consumer.packet.bytes.subarray(0, payload.length)];

describe('the memory-ordering table (vmbus-ring.md §8)', () => {
  it('producer: packet bytes before the write_index store', () => {
    const { memory, producer } = watchedRing();
    let seen: number[] | null = null;
    memory.before = (access) => {
      if (access === 'store writeIndex') seen = [...memory.bytes.subarray(0, 48)];
    };
    write(producer);
    producer.publish();
    const header = [6, 0, 2, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    assert.deepEqual(seen, [...header, ...payload, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('producer: the write_index store, then interrupt_mask, then read_index', () => {
    const { memory, producer, consumer } = watchedRing();
    write(producer);
    memory.take();
    producer.publish();
    assert.deepEqual(memory.take(), ['store writeIndex', 'load interruptMask', 'load readIndex']);
    // A consumer that empties the ring and unmasks until just before the mask is read must be signalled, or it sleeps.
    assert.ok(consumer.next());
    consumer.mask();
    write(producer);
    memory.before = (access) => {
      if (access !== 'load interruptMask') return;
      memory.before = () => {};
      consumer.release();
      consumer.unmask();
    };
    assert.equal(producer.publish(), true);
  });

  it('producer: interrupt_mask before read_index', () => {
    const { memory, producer, consumer } = watchedRing();
    write(producer);
    producer.publish();
    assert.ok(consumer.next());
    write(producer);
    memory.before = (access) => {
      if (access !== 'load readIndex') return;
      memory.before = () => {};
      consumer.release();
    };
    assert.equal(producer.publish(), true, 'read_index as it is after the mask was read');
  });

  it('consumer: the write_index load before packet bytes', () => {
    const { memory, producer, consumer } = watchedRing();
    memory.before = (access) => {
      if (access !== 'load writeIndex') return;
      memory.before = () => {};
      write(producer);
      producer.publish();
    };
    assert.ok(consumer.next());
    assert.deepEqual(taken(consumer), [...payload]);
  });

  it('consumer: packet bytes before the read_index store', () => {
    const { memory, producer, consumer } = watchedRing();
    write(producer);
    producer.publish();
    memory.before = (access) => {
      if (access === 'store readIndex') memory.bytes.fill(0xee);
    };
    assert.ok(consumer.next());
    consumer.release();
    assert.deepEqual(taken(consumer), [...payload]);
  });

  it('consumer: the read_index store, then pending_send_sz, then write_index', () => {
    const { memory, producer, consumer } = watchedRing();
    while (write(producer));
    producer.publish();
    assert.ok(consumer.next());
    producer.armPending(48);
    memory.take();
    consumer.release();
    assert.deepEqual(memory.take(), [
      'store readIndex',
      'load featureBits',
      'load pendingSendSize',
      'load writeIndex',
    ]);
    // A producer that arms until just before pending_send_sz is read, and found no room, must be signalled.
    assert.ok(consumer.next());
    producer.disarmPending();
    while (write(producer));
    producer.publish();
    memory.before = (access) => {
      if (access !== 'store readIndex') return;
      memory.before = () => {};
      assert.equal(producer.armPending(48), false);
    };
    assert.equal(consumer.release(), true);
  });

  it('producer: the pending_send_sz store before read_index', () => {
    const { memory, producer, consumer } = watchedRing();
    while (write(producer));
    producer.publish();
    while (consumer.next());
    memory.take();
    memory.before = (access) => {
      if (access !== 'load readIndex') return;
      memory.before = () => {};
      consumer.release();
    };
    assert.equal(producer.armPending(48), true, 'room that came while it armed');
    assert.equal(memory.take()[0], 'store pendingSendSize');
  });

  it('consumer: an interrupt_mask store, either way, before write_index', async () => {
    for (const at of [0, 1]) {
      const inbound = new WatchedMemory('many');
      const producer = new RingProducer(inbound);
      let got = 0;
      const channel = new RingChannel({
        index: 1,
        inbound,
        outbound: new WatchedMemory('many'),
        maxSendBytes: 64,
        maxQueuedBytes: 0,
        spinMicroseconds: 0,
        statistics: createBusStatistics(),
        signal: () => {},
        onEnd: () => {},
      });
      channel.onPacket = () => {
        got += 1;
      };
      let stores = 0;
      inbound.before = (access) => {
        if (access !== 'store interruptMask') return;
        stores += 1;
        if (stores !== at + 1) return;
        // The other side publishes while this one is masked, or has not unmasked yet: no signal comes.
        write(producer);
        inbound.plain.store(RingHeader.interruptMask, 1);
        assert.equal(producer.publish(), false);
      };
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(got, 1, at === 0 ? 'at masking' : 'at unmasking');
      assert.equal(inbound.plain.load(RingHeader.interruptMask), 0, 'it ends unmasked');
      channel.abort(new Error('over'));
    }
  });
});

describe('the rule of free space (vmbus-ring.md §4)', () => {
  it('holds at every place and level: a packet fits exactly when it takes less than what is free', () => {
    for (let start = 0; start < DATA_BYTES; start += 8) {
      for (let used = 0; used < DATA_BYTES; used += 8) {
        const { producer, consumer } = watchedRing();
        const fill = (spaceBytes: number) =>
          producer.tryWrite(6, 0, 0, 0, new Uint8Array(256), 0, spaceBytes - 24);
        // To `start`, in two packets or three: emptied before it is filled to the level.
        let behind = start === 0 || start >= 24 ? start : start + DATA_BYTES;
        while (behind > 0) {
          const step = behind > 128 ? Math.min(120, behind - 24) : behind;
          assert.ok(fill(step));
          producer.publish();
          assert.ok(consumer.next());
          consumer.release();
          behind -= step;
        }
        if (used > 0 && used < 24) continue;
        if (used > 0) assert.ok(fill(used), `${used} of ${DATA_BYTES}`);
        producer.publish();
        for (let space = 24; space <= DATA_BYTES; space += 8) {
          assert.equal(
            producer.hasRoom(space),
            space < DATA_BYTES - used,
            `${space} with ${used} used at ${start}`,
          );
        }
      }
    }
  });
});

describe('impossible indices of a peer', () => {
  const values: readonly (readonly [string, number])[] = [
    ['the size of the area', DATA_BYTES],
    ['behind the area', DATA_BYTES + 8],
    ['no multiple of 8', 4],
    ['odd', 255],
    ['the largest aligned', 0xffff_fff8],
    ['all ones', 0xffff_ffff],
    ['the sign bit alone', 0x8000_0000],
  ];
  for (const word of ['writeIndex', 'readIndex'] as const) {
    for (const [what, value] of values) {
      it(`${word}, ${what}: ends the channel once, with bad-ring, and no other`, async () => {
        const memories = [0, 1, 2, 3].map(() => new WatchedMemory('many'));
        const [up, down, otherUp, otherDown] = memories as [
          WatchedMemory,
          WatchedMemory,
          WatchedMemory,
          WatchedMemory,
        ];
        const ends: [number, Error | null][] = [];
        const make = (index: number, outbound: RingMemory, inbound: RingMemory) =>
          new RingChannel({
            index,
            outbound,
            inbound,
            maxSendBytes: 64,
            maxQueuedBytes: 1000,
            spinMicroseconds: 0,
            statistics: createBusStatistics(),
            signal: () => {},
            onEnd: (error) => ends.push([index, error]),
          });
        const channel = make(1, up, down);
        const other = make(2, otherUp, otherDown);
        for (const each of [channel, other]) each.onPacket = () => {};
        (word === 'writeIndex' ? down : up).plain.store(RingHeader[word], value);
        for (const each of [channel, other]) {
          each.doorbell();
          each.send(6, 0, 0, 0, payload, 0, payload.length);
        }
        await new Promise((resolve) => setImmediate(resolve));
        assert.equal(ends.length, 1);
        assert.equal(ends[0]?.[0], 1);
        const error = ends[0]?.[1];
        assert.ok(isTransportError(error) && error.code === 'bad-ring', String(error));
        assert.equal(channel.isOpen, false);
        assert.equal(other.isOpen, true);
        other.abort(new Error('over'));
      });
    }
  }
});
