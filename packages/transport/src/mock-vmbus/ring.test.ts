import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isTransportError } from '../errors.ts';
import { RingConsumer } from './ring-consumer.ts';
import { createRingMemory, RING_HEADER_BYTES, RingHeader, type RingMemory } from './ring-memory.ts';
import { packetSpace, RingProducer } from './ring-producer.ts';

const REAL_DATA_BYTES = 258_048;

function createRing(dataBytes: number, threads: 'one' | 'many' = 'one') {
  const length = RING_HEADER_BYTES + dataBytes;
  const buffer = threads === 'one' ? new ArrayBuffer(length) : new SharedArrayBuffer(length);
  const memory = createRingMemory(new Uint8Array(buffer), threads);
  return { buffer, memory, producer: new RingProducer(memory), consumer: new RingConsumer(memory) };
}

function write(producer: RingProducer, length: number, fill = 0xab): boolean {
  return producer.tryWrite(6, 1, 2, 0, new Uint8Array(length).fill(fill), 0, length);
}

function isBadRing(error: unknown): boolean {
  return isTransportError(error) && error.code === 'bad-ring';
}

describe('ring packets', () => {
  it('take the space of the worked numbers (vmbus-ring.md §11)', () => {
    const worked = [
      [0, 24],
      [1, 32],
      [4, 32],
      [8, 32],
      [24, 48],
      [40, 64],
      [48, 72],
      [126_992, 127_016],
      [131_056, 131_080],
      [131_072, 131_096],
    ] as const;
    for (const [payload, space] of worked) assert.equal(packetSpace(payload), space);
  });

  it('are laid out byte by byte as on Hyper-V', () => {
    const { buffer, producer } = createRing(4096);
    const view = new DataView(buffer);
    assert.ok(producer.tryWrite(6, 0x11223344, 0x55667788, 1, Uint8Array.of(9, 1, 2, 3, 4, 5), 1, 5));
    assert.ok(producer.tryWrite(0x0b, 7, 0, 0, new Uint8Array(0), 0, 0));
    assert.equal(view.getUint32(0, true), 0, 'write_index before publish');
    producer.publish();
    assert.equal(view.getUint32(0, true), 32 + 24, 'write_index');
    assert.equal(view.getUint32(64, true), 1, 'feature_bits');
    const data = [...new Uint8Array(buffer, RING_HEADER_BYTES, 56)];
    const expected = [
      [6, 0, 2, 0, 3, 0, 1, 0], // type 6, offset8 2, len8 3, flags 1
      [0x44, 0x33, 0x22, 0x11, 0x88, 0x77, 0x66, 0x55], // trans_id
      [1, 2, 3, 4, 5, 0, 0, 0], // payload, zero padded
      [0, 0, 0, 0, 0, 0, 0, 0], // trailer: low half 0, high half the packet's start, 0
      [0x0b, 0, 2, 0, 2, 0, 0, 0],
      [7, 0, 0, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 32, 0, 0, 0], // trailer: start 32
    ];
    assert.deepEqual(data, expected.flat());
  });

  it('are zero padded also where older bytes lie', () => {
    const { producer, consumer, memory } = createRing(256);
    memory.bytes.fill(0xff);
    for (let i = 0; i < 40; i += 1) {
      assert.ok(write(producer, 3));
      producer.publish();
      assert.ok(consumer.next());
      consumer.release();
      assert.deepEqual([...consumer.packet.bytes.subarray(0, 8)], [0xab, 0xab, 0xab, 0, 0, 0, 0, 0]);
    }
  });

  it('need strictly more room than they take: a ring is never full', () => {
    const { producer, consumer } = createRing(64);
    assert.ok(!write(producer, 40), '64 bytes into an empty ring of 64');
    assert.ok(write(producer, 32), '56 bytes');
    producer.publish();
    assert.ok(!write(producer, 0), 'only 8 bytes are left');
    assert.ok(consumer.next());
    consumer.release();
    assert.ok(write(producer, 32));
    producer.publish();
    assert.ok(consumer.next());
  });

  it('of the largest size fit the real ring once, not twice', () => {
    const { producer, consumer } = createRing(REAL_DATA_BYTES);
    const bytes = new Uint8Array(131_072).map((_, i) => i);
    for (let lap = 0; lap < 8; lap += 1) {
      assert.ok(producer.tryWrite(6, lap, 0, 0, bytes, 0, bytes.length));
      assert.ok(!producer.tryWrite(6, lap, 0, 0, bytes, 0, bytes.length));
      producer.publish();
      assert.ok(consumer.next());
      assert.equal(consumer.packet.idLow, lap);
      assert.deepEqual(consumer.packet.bytes.subarray(0, consumer.packet.length), bytes);
      consumer.release();
    }
    const { producer: empty } = createRing(REAL_DATA_BYTES);
    assert.ok(empty.hasRoom(258_040));
    assert.ok(!empty.hasRoom(258_048));
  });

  it('arrive as they were sent, in rings of any size, however published and released', () => {
    const packet = fc.record({
      kind: fc.constantFrom(6, 11),
      idLow: fc.nat(0xffff_ffff),
      idHigh: fc.nat(0xffff_ffff),
      flags: fc.constantFrom(0, 1),
      payload: fc.uint8Array({ maxLength: 300 }),
      publish: fc.boolean(),
      take: fc.nat(3),
    });
    const property = (
      dataWords: number,
      threads: 'one' | 'many',
      packets: readonly (typeof packet extends fc.Arbitrary<infer T> ? T : never)[],
    ) => {
      const { producer, consumer } = createRing(dataWords * 8, threads);
      const waiting: (typeof packets)[number][] = [];
      const take = () => {
        if (!consumer.next()) return false;
        const expected = waiting.shift();
        const got = consumer.packet;
        const padded = new Uint8Array((expected!.payload.length + 7) & ~7);
        padded.set(expected!.payload);
        assert.equal(got.kind, expected!.kind);
        assert.equal(got.idLow, expected!.idLow);
        assert.equal(got.idHigh, expected!.idHigh);
        assert.equal(got.flags, expected!.flags);
        assert.deepEqual(got.bytes.slice(got.offset, got.offset + got.length), padded);
        return true;
      };
      for (const entry of packets) {
        const { kind, idLow, idHigh, flags, payload } = entry;
        if (packetSpace(payload.length) >= producer.sizeBytes) continue;
        while (!producer.tryWrite(kind, idLow, idHigh, flags, payload, 0, payload.length)) {
          producer.publish();
          assert.ok(take() || consumer.unreleasedBytes > 0, 'a ring without room holds packets');
          consumer.release();
        }
        waiting.push(entry);
        if (entry.publish) producer.publish();
        for (let i = 0; i < entry.take; i += 1) take();
        if (entry.take > 1) consumer.release();
      }
      producer.publish();
      while (take());
      assert.equal(waiting.length, 0);
      assert.equal(consumer.hasData(), false);
    };
    fc.assert(
      fc.property(
        // Small ones wrap all the time; in large ones a producer claims cache lines ahead.
        fc.oneof(fc.integer({ min: 4, max: 120 }), fc.integer({ min: 140, max: 600 })),
        fc.constantFrom<'one' | 'many'>('one', 'many'),
        fc.array(packet, { maxLength: 120 }),
        property,
      ),
    );
  });
});

describe('cache lines that a producer claims', () => {
  it('are of free space only, however full the ring', () => {
    for (const [payload, dataBytes] of [
      [64, 4096],
      [8, 2048],
      [200, 8192],
      [1000, 4104],
    ] as const) {
      const { producer, consumer } = createRing(dataBytes, 'many');
      let sent = 0;
      let taken = 0;
      for (let round = 0; round < 200; round += 1) {
        while (write(producer, payload, sent & 0xff)) sent += 1;
        producer.publish();
        // Leaves some, a different number each time.
        for (const end = sent - (round % 7); taken < end; taken += 1) {
          assert.ok(consumer.next());
          const { bytes, length } = consumer.packet;
          const fill = taken & 0xff;
          assert.ok(
            bytes.subarray(0, length).every((byte) => byte === fill),
            `packet ${taken}, round ${round}`,
          );
          if (taken % 5 === round % 5) consumer.release();
        }
        consumer.release();
      }
    }
  });
});

describe('ring signals', () => {
  it('are asked for only when the consumer had emptied the ring', () => {
    const { producer, consumer } = createRing(4096);
    write(producer, 8);
    assert.equal(producer.publish(), true, 'into an empty ring');
    write(producer, 8);
    assert.equal(producer.publish(), false, 'the consumer has not taken the first');
    assert.equal(producer.publish(), false, 'nothing new');
    while (consumer.next());
    write(producer, 8);
    assert.equal(producer.publish(), false, 'taken but not released: the consumer is still at work');
    while (consumer.next());
    consumer.release();
    for (let i = 0; i < 3; i += 1) write(producer, 8);
    assert.equal(producer.publish(), true, 'a batch, once');
  });

  it('are not asked for while the consumer masks them', () => {
    const { producer, consumer } = createRing(4096);
    consumer.mask();
    write(producer, 8);
    assert.equal(producer.publish(), false);
    assert.ok(consumer.next());
    consumer.release();
    consumer.unmask();
    write(producer, 8);
    assert.equal(producer.publish(), true);
  });

  it('for room come exactly at the crossing', () => {
    const { producer, consumer, memory } = createRing(256);
    let written = 0;
    while (write(producer, 8)) written += 1;
    assert.equal(written, 7, '7 packets of 32 bytes leave 32 of 256, which is not more than 32');
    producer.publish();
    assert.equal(producer.armPending(96), false);
    assert.equal(memory.load(RingHeader.pendingSendSize), 96);
    const signals: boolean[] = [];
    for (let i = 0; i < 7; i += 1) {
      assert.ok(consumer.next());
      signals.push(consumer.release());
    }
    // Room after each release: 64, 96, 128, ... It must exceed 96, and it crosses that once.
    assert.deepEqual(signals, [false, false, true, false, false, false, false]);
    producer.disarmPending();
    assert.equal(memory.load(RingHeader.pendingSendSize), 0);
  });

  it('for room are not lost when it appears before the producer waits', () => {
    const { producer, consumer } = createRing(256);
    while (write(producer, 8));
    producer.publish();
    while (consumer.next());
    assert.equal(consumer.release(), false, 'nobody waits yet');
    assert.equal(producer.armPending(64), true, 'the re-check finds the room');
  });

  it('for room are not given to a producer that does not use pending_send_sz', () => {
    const { producer, consumer, memory } = createRing(256);
    memory.store(RingHeader.featureBits, 0);
    while (write(producer, 8));
    producer.publish();
    producer.armPending(64);
    while (consumer.next());
    assert.equal(consumer.release(), false);
  });
});

describe('a hostile peer of a ring', () => {
  const badIndices = [4, 1, 4096, 4104, 0x8000_0000, 0xffff_ffff, 0xffff_fff8];

  it('with an impossible write index is a bad-ring error', () => {
    for (const index of badIndices) {
      const { memory, consumer } = createRing(4096);
      memory.store(RingHeader.writeIndex, index);
      assert.throws(() => consumer.next(), isBadRing);
      assert.throws(() => consumer.hasData(), isBadRing);
    }
  });

  it('with an impossible read index is a bad-ring error', () => {
    for (const index of badIndices) {
      const { memory, producer } = createRing(4096);
      write(producer, 8);
      memory.store(RingHeader.readIndex, index);
      assert.throws(() => producer.publish(), isBadRing);
      assert.throws(() => producer.hasRoom(4080), isBadRing);
    }
  });

  it('with an impossible write index at release is a bad-ring error', () => {
    const { memory, producer, consumer } = createRing(4096);
    write(producer, 8);
    producer.publish();
    assert.ok(consumer.next());
    memory.store(RingHeader.pendingSendSize, 64);
    memory.store(RingHeader.writeIndex, 5);
    assert.throws(() => consumer.release(), isBadRing);
  });

  it('with a bad header is a bad-ring error', () => {
    const header = (type: number, offset8: number, len8: number, flags: number) => [
      type | (offset8 << 16),
      len8 | (flags << 16),
    ];
    const bad = [
      header(6, 1, 3, 0), // the payload starts inside the header
      header(6, 0, 3, 0),
      header(6, 4, 3, 0), // and behind its own end
      header(6, 2, 4, 0), // longer than what was published
      header(6, 2, 0xffff, 0),
      header(6, 2, 0, 0),
      header(6, 2, 3, 2), // unknown flag
      header(6, 2, 3, 0x8001),
      header(7, 2, 3, 0), // transfer pages: none of ours
      header(9, 2, 3, 0),
      header(0, 2, 3, 0),
    ];
    for (const words of bad) {
      const { memory, producer, consumer } = createRing(4096);
      write(producer, 8);
      producer.publish();
      memory.words.set(words, 0);
      assert.throws(() => consumer.next(), isBadRing, words.map((word) => word.toString(16)).join());
    }
    const { memory, producer, consumer } = createRing(4096);
    write(producer, 8);
    producer.publish();
    memory.words.set(header(6, 3, 3, 0), 0);
    assert.ok(consumer.next(), 'a longer header is allowed');
    assert.equal(consumer.packet.length, 0);
  });

  it('with a payload above the limit is a bad-ring error', () => {
    const { memory, consumer } = createRing(REAL_DATA_BYTES);
    const len8 = (16 + 131_072 + 8) / 8;
    memory.words[0] = 6 | (2 << 16);
    memory.words[1] = len8;
    memory.store(RingHeader.writeIndex, len8 * 8 + 8);
    assert.throws(() => consumer.next(), isBadRing);
  });

  it('can write what it likes: the result is packets or one bad-ring error', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 512, maxLength: 512 }),
        fc.nat(511),
        fc.array(fc.constantFrom(0, 1, 2, 3), { maxLength: 20 }),
        (data, writeIndex, actions) => {
          const { memory, consumer } = createRing(512);
          memory.bytes.set(data);
          memory.store(RingHeader.writeIndex, writeIndex);
          try {
            for (const action of actions) {
              if (action < 2) consumer.next();
              else if (action === 2) consumer.release();
              else memory.store(RingHeader.writeIndex, (writeIndex * 8) % 600);
            }
          } catch (error) {
            assert.ok(isBadRing(error), String(error));
          }
        },
      ),
    );
  });

  it('cannot change a packet after it was taken', () => {
    const { memory, producer, consumer } = createRing(4096);
    write(producer, 8, 0x11);
    producer.publish();
    assert.ok(consumer.next());
    memory.bytes.fill(0xee);
    assert.deepEqual(
      [...consumer.packet.bytes.subarray(0, 8)],
      Array.from({ length: 8 }, () => 0x11),
    );
  });

  it('is asked for bytes that can be a ring', () => {
    const make = (bytes: Uint8Array): RingMemory => createRingMemory(bytes, 'one');
    const isOutOfRange = (error: unknown) => isTransportError(error) && error.code === 'out-of-range';
    assert.throws(() => make(new Uint8Array(4096)), isOutOfRange);
    assert.throws(() => make(new Uint8Array(4096 + 36)), isOutOfRange);
    assert.throws(() => make(new Uint8Array(4096 + 65).subarray(1)), isOutOfRange);
    assert.throws(() => make(new Uint8Array(4096 + 68).subarray(4)), isOutOfRange);
  });
});
