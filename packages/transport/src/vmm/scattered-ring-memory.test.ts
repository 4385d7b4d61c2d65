import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isTransportError } from '../errors.ts';
import { RingConsumer } from '../mock-vmbus/ring-consumer.ts';
import { createRingMemory, RingHeader } from '../mock-vmbus/ring-memory.ts';
import { RingProducer } from '../mock-vmbus/ring-producer.ts';
import { PAGE_BYTES } from '../transport.ts';
import { ScatteredRingMemory } from './scattered-ring-memory.ts';

const HEADER_BYTES = PAGE_BYTES;

/** Pages of one block in an order that is not theirs, none beside its neighbour. */
function scatter(buffer: ArrayBufferLike, count: number): Uint8Array[] {
  const order = Array.from({ length: count }, (_, index) => 2 * (count - index) - 1);
  return order.map((page) => new Uint8Array(buffer, page * PAGE_BYTES, PAGE_BYTES));
}

function createScattered(dataPages: number) {
  const ram = new SharedArrayBuffer((2 * (dataPages + 1) + 1) * PAGE_BYTES);
  const pages = scatter(ram, dataPages + 1);
  return {
    pages,
    producer: new RingProducer(new ScatteredRingMemory(pages, 'producer')),
    consumer: new RingConsumer(new ScatteredRingMemory(pages, 'consumer')),
  };
}

/** The bytes of pages in ring order. */
function joined(pages: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pages.length * PAGE_BYTES);
  for (const [index, page] of pages.entries()) bytes.set(page, index * PAGE_BYTES);
  return bytes;
}

describe('a ring of scattered pages', () => {
  it('holds the bytes that a ring in one piece holds, and gives the packets back', () => {
    const step = fc.record({
      payload: fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc.integer({ min: 0, max: 9000 }).map((length) => new Uint8Array(length).fill(length)),
      ),
      publish: fc.boolean(),
      take: fc.nat(3),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(step, { maxLength: 60 }), (dataPages, steps) => {
        const { pages, producer, consumer } = createScattered(dataPages);
        const whole = new Uint8Array(HEADER_BYTES + dataPages * PAGE_BYTES);
        const memory = createRingMemory(whole, 'one');
        const twin = { producer: new RingProducer(memory), consumer: new RingConsumer(memory) };
        const sent: Uint8Array[] = [];
        for (const { payload, publish, take } of steps) {
          const args = [6, sent.length, 0, 0, payload, 0, payload.length] as const;
          const isSent = producer.tryWrite(...args);
          assert.equal(twin.producer.tryWrite(...args), isSent);
          if (isSent) sent.push(payload);
          if (!publish) continue;
          assert.equal(producer.publish(), twin.producer.publish());
          assert.deepEqual(joined(pages), whole);
          for (let i = 0; i < take && consumer.next(); i += 1) {
            assert.ok(twin.consumer.next());
            const { bytes, length, idLow } = consumer.packet;
            const expected = sent[idLow]!;
            assert.deepEqual(bytes.slice(0, expected.length), expected);
            assert.equal(length, (expected.length + 7) & ~7);
          }
          assert.equal(consumer.release(), twin.consumer.release());
        }
      }),
      { numRuns: 200 },
    );
  });

  it('reads a byte of guest RAM once: what changes after the index was read is not seen', () => {
    const { pages, producer, consumer } = createScattered(2);
    producer.tryWrite(6, 1, 0, 0, new Uint8Array(64).fill(1), 0, 64);
    producer.tryWrite(6, 2, 0, 0, new Uint8Array(64).fill(2), 0, 64);
    producer.publish();
    assert.ok(consumer.hasData());
    for (const page of pages.slice(1)) page.fill(0xff);
    assert.ok(consumer.next());
    assert.ok(consumer.packet.bytes.subarray(0, 64).every((byte) => byte === 1));
    assert.ok(consumer.next());
    assert.ok(consumer.packet.bytes.subarray(0, 64).every((byte) => byte === 2));
    assert.ok(!consumer.next());
  });

  it('survives any indices and any bytes: packets, nothing, or bad-ring', () => {
    const mutation = fc.record({
      index: fc.oneof(
        fc.nat(0xffff_ffff),
        fc.integer({ min: 0, max: 2048 }).map((word) => word * 8),
      ),
      read: fc.option(fc.nat(0xffff_ffff)),
      noise: fc.uint8Array({ minLength: 0, maxLength: 64 }),
      at: fc.nat(2 * PAGE_BYTES - 64),
    });
    fc.assert(
      fc.property(fc.array(mutation, { maxLength: 40 }), (mutations) => {
        const { pages, consumer } = createScattered(2);
        const header = new Uint32Array(pages[0]!.buffer, pages[0]!.byteOffset, 1024);
        for (const { index, read, noise, at } of mutations) {
          for (const [i, byte] of noise.entries()) {
            pages[1 + Math.floor((at + i) / PAGE_BYTES)]![(at + i) % PAGE_BYTES] = byte;
          }
          header[RingHeader.writeIndex] = index;
          if (read !== null) header[RingHeader.readIndex] = read;
          try {
            for (let i = 0; i < 600 && consumer.next(); i += 1) {
              assert.ok(consumer.packet.length <= 131_072);
            }
            consumer.release();
          } catch (error) {
            assert.ok(isTransportError(error) && error.code === 'bad-ring', String(error));
            return;
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
