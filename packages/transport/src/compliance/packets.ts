import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  MAX_HOST_PACKET_BYTES,
  MAX_PACKET_BYTES,
  PACKET_FLAG_ANNOUNCES_NOTHING,
  PACKET_FLAG_COMPLETION_REQUESTED,
  PACKET_FLAG_UNHURRIED,
  PacketKind,
} from '../transport.ts';
import { bytesOfSeed, PacketDigest, packetsOfSeed, Random } from './data.ts';
import { Collector, sendPaced, type TransportFixture, throwsWith, withSubject } from './harness.ts';

const SEEDS = [1, 20_240_607, 0xdead_beef];
const { inBand, completion } = PacketKind;
/** A bus that takes so much for a side that reads nothing has no bound. */
const MOST_TAKEN_BYTES = 512 * 1024 * 1024;

/** Packets: sizes, ids, kinds, batches, both directions at once. */
export function packetTests(fixture: TransportFixture): void {
  it('echoes every payload size around the padding, and the largest, intact', () =>
    withSubject(fixture, async (subject) => {
      await subject.ask({ op: 'mode', mode: 'echo' });
      const collector = new Collector(subject.channel, true);
      const sizes = [
        ...Array.from({ length: 42 }, (_, size) => size),
        4095,
        4096,
        65_541,
        MAX_HOST_PACKET_BYTES,
      ];
      for (const size of sizes) {
        await sendPaced(subject.channel, inBand, size, 0, 0, bytesOfSeed(size, size), size);
      }
      await collector.until(sizes.length);
      sizes.forEach((size, i) => {
        const payload = collector.payloads[i] ?? new Uint8Array(0);
        assert.ok(payload.length === size || payload.length === ((size + 7) & ~7), `size ${size}`);
        assert.deepEqual(payload.subarray(0, size), bytesOfSeed(size, size));
        assert.ok(payload.subarray(size).every((byte) => byte === 0));
      });
    }));

  it('takes the largest packet of each side and refuses a larger one', () =>
    withSubject(fixture, async (subject) => {
      const { channel } = subject;
      const largest = bytesOfSeed(7, MAX_PACKET_BYTES);
      const digest = new PacketDigest();
      digest.add(inBand, 1, 2, 0, largest, 0, largest.length);
      channel.send(inBand, 1, 2, 0, largest, 0, largest.length);
      assert.deepEqual(await digestAfter(subject, 1), { count: 1, value: digest.value });
      const tooLong = new Uint8Array(MAX_PACKET_BYTES + 1);
      throwsWith(() => channel.send(inBand, 0, 0, 0, tooLong, 0, tooLong.length), 'too-large');
      throwsWith(() => channel.send(inBand, 0, 0, 0, largest, 8, largest.length), 'out-of-range');
      assert.ok(channel.isOpen);
    }));

  it('keeps 64-bit ids, kinds and flags bit by bit', () =>
    withSubject(fixture, async (subject) => {
      await subject.ask({ op: 'mode', mode: 'echo' });
      const collector = new Collector(subject.channel, true);
      const ids = [
        0n,
        1n,
        0x8000_0000n,
        0xffff_ffffn,
        0x1_0000_0000n,
        0x20_0000_0000_0001n,
        0xffff_ffff_ffff_ffffn,
      ];
      for (const id of ids) {
        const low = Number(id & 0xffff_ffffn);
        const high = Number(id >> 32n);
        subject.channel.send(inBand, low, high, 1, new Uint8Array(8), 0, 8);
        subject.channel.send(inBand, low, high, 0, new Uint8Array(8), 0, 8);
      }
      await collector.until(ids.length * 2);
      assert.deepEqual(
        collector.ids,
        ids.flatMap((id) => [id, id]),
      );
      assert.deepEqual(
        collector.kinds,
        ids.flatMap(() => [completion, inBand]),
      );
    }));

  it('sends from any place of an array', () =>
    withSubject(fixture, async (subject) => {
      await subject.ask({ op: 'mode', mode: 'echo' });
      const collector = new Collector(subject.channel, true);
      const bytes = bytesOfSeed(13, 9000);
      const places = [1, 4, 8, 4095, 8900].flatMap((offset) =>
        [0, 1, 16, 100].map((length) => ({ offset, length })),
      );
      for (const { offset, length } of places)
        subject.channel.send(inBand, offset, length, 0, bytes, offset, length);
      await collector.until(places.length);
      places.forEach(({ offset, length }, i) => {
        assert.deepEqual(collector.payloads[i]?.subarray(0, length), bytes.subarray(offset, offset + length));
      });
    }));

  it("keeps the flags for the sender's own bus to itself", () =>
    withSubject(fixture, async (subject) => {
      const own = PACKET_FLAG_ANNOUNCES_NOTHING | PACKET_FLAG_UNHURRIED;
      const digest = new PacketDigest();
      const bytes = new Uint8Array(8);
      for (const flags of [0, PACKET_FLAG_COMPLETION_REQUESTED]) {
        digest.add(inBand, flags, 0, flags, bytes, 0, 8);
        subject.channel.send(inBand, flags, 0, flags | own, bytes, 0, 8);
      }
      assert.deepEqual(await digestAfter(subject, 2), { count: 2, value: digest.value });
    }));

  for (const seed of SEEDS) {
    it(`delivers generated packets to the host in order (seed ${seed})`, () =>
      withSubject(fixture, async (subject) => {
        const digest = new PacketDigest();
        for (const { kind, idLow, idHigh, bytes, length } of packetsOfSeed(seed, 1500, 9000)) {
          digest.add(kind, idLow, idHigh, 0, bytes, 0, length);
          await sendPaced(subject.channel, kind, idLow, idHigh, 0, bytes, length);
        }
        assert.deepEqual(await digestAfter(subject, 1500), { count: 1500, value: digest.value });
      }));

    it(`delivers generated packets to the guest in order (seed ${seed})`, () =>
      withSubject(fixture, async (subject) => {
        const digest = new PacketDigest();
        for (const { kind, idLow, idHigh, bytes, length } of packetsOfSeed(seed, 1500, 9000)) {
          digest.add(kind, idLow, idHigh, 0, bytes, 0, length);
        }
        const collector = new Collector(subject.channel, false);
        await subject.ask({ op: 'send', seed, count: 1500, maxBytes: 9000 });
        await collector.until(1500);
        assert.equal(collector.digest.value, digest.value);
      }));
  }

  it('carries both directions at once', () =>
    withSubject(fixture, async (subject) => {
      const up = new PacketDigest();
      const down = new PacketDigest();
      for (const { kind, idLow, idHigh, bytes, length } of packetsOfSeed(5, 1000, 20_000)) {
        down.add(kind, idLow, idHigh, 0, bytes, 0, length);
      }
      const collector = new Collector(subject.channel, false);
      const sent = subject.ask({ op: 'send', seed: 5, count: 1000, maxBytes: 20_000 });
      for (const { kind, idLow, idHigh, bytes, length } of packetsOfSeed(6, 1000, 20_000)) {
        up.add(kind, idLow, idHigh, 0, bytes, 0, length);
        await sendPaced(subject.channel, kind, idLow, idHigh, 0, bytes, length);
      }
      await sent;
      await collector.until(1000);
      assert.equal(collector.digest.value, down.value);
      assert.deepEqual(await digestAfter(subject, 1000), { count: 1000, value: up.value });
    }));

  it('carries completions in any order, mixed with in-band packets', () =>
    withSubject(fixture, async (subject) => {
      await subject.ask({ op: 'mode', mode: 'reverse' });
      const collector = new Collector(subject.channel, true);
      for (let id = 0; id < 64; id += 1) {
        subject.channel.send(inBand, id, 0xf00d, 1, bytesOfSeed(id, 40), 0, 40);
      }
      await collector.until(128);
      const answered: bigint[] = [];
      collector.kinds.forEach((kind, i) => {
        assert.equal(kind, i % 2 === 0 ? inBand : completion);
        if (kind !== completion) return;
        const id = collector.ids[i] ?? 0n;
        answered.push(id & 0xffff_ffffn);
        assert.equal(id >> 32n, 0xf00dn);
        assert.deepEqual(collector.payloads[i], bytesOfSeed(Number(id & 0xffff_ffffn), 40));
      });
      const expected = Array.from({ length: 64 }, (_, i) => BigInt((i & ~7) + 7 - (i & 7)));
      assert.deepEqual(answered, expected);
    }));

  it('delivers a batch of many packets, and never inside send or flush', () =>
    withSubject(fixture, async (subject) => {
      await subject.ask({ op: 'mode', mode: 'echo' });
      const { channel } = subject;
      const random = new Random(9);
      let isSending = false;
      let received = 0;
      let finished: () => void = () => {};
      const done = new Promise<void>((resolve) => {
        finished = resolve;
      });
      channel.onPacket = (packet) => {
        assert.equal(isSending, false);
        assert.equal(packet.idLow, received);
        received += 1;
        if (received === 3000) finished();
      };
      let id = 0;
      while (id < 3000) {
        isSending = true;
        let goOn = true;
        for (let i = 0; i < 100; i += 1, id += 1) {
          goOn = channel.send(inBand, id, 0, 0, new Uint8Array(64), 0, random.below(65)) && goOn;
          if (random.below(20) === 0) channel.flush();
        }
        isSending = false;
        if (!goOn) {
          await new Promise<void>((resolve) => {
            channel.onDrain = resolve;
          });
        }
      }
      await done;
    }));

  it('keeps packets until onPacket is set', () =>
    withSubject(fixture, async (subject) => {
      await subject.ask({ op: 'mode', mode: 'echo' });
      subject.channel.send(inBand, 77, 0, 0, new Uint8Array(16), 0, 16);
      // An answer on the control channel, a full round trip later, says nothing about the other channel on every
      // medium: the packet may be here or still come. Either way it must not be lost.
      await subject.ask({ op: 'digest' });
      const collector = new Collector(subject.channel, true);
      await collector.until(1);
      assert.deepEqual(collector.ids, [77n]);
    }));

  it('ends only that channel when a handler throws', () =>
    withSubject(fixture, async (subject) => {
      await subject.ask({ op: 'mode', mode: 'throw' });
      const closed = new Promise<Error | null>((resolve) => {
        subject.channel.onClose = resolve;
      });
      subject.channel.send(inBand, 1, 0, 0, new Uint8Array(8), 0, 8);
      const error = await closed;
      if (fixture.tellsReasons !== false)
        assert.match(error?.message ?? '', /the handler of the test throws/);
      assert.deepEqual(await subject.ask({ op: 'pci-writes' }), []);
    }));

  it('says stop, then drain, and loses nothing', () =>
    withSubject(fixture, async (subject) => {
      const { channel } = subject;
      const bytes = bytesOfSeed(3, 8192);
      const digest = new PacketDigest();
      let sent = 0;
      let goOn = true;
      // Every medium must say stop before 16 MiB: the other side, which may take some within this turn from memory that both see,
      // makes a digest of each packet, and this one does so later.
      while (goOn && sent < 2048) {
        goOn = channel.send(inBand, sent, 0, 0, bytes, 0, bytes.length);
        sent += 1;
      }
      assert.equal(goOn, false);
      // The packet that was answered with false was taken as well, and a few more may follow.
      for (let i = 0; i < 16; i += 1, sent += 1) channel.send(inBand, sent, 0, 0, bytes, 0, bytes.length);
      for (let i = 0; i < sent; i += 1) digest.add(inBand, i, 0, 0, bytes, 0, bytes.length);
      let drains = 0;
      await new Promise<void>((resolve) => {
        channel.onDrain = () => {
          drains += 1;
          resolve();
        };
      });
      assert.deepEqual(await digestAfter(subject, sent), { count: sent, value: digest.value });
      assert.equal(drains, 1);
    }));

  it('refuses a caller that goes on regardless, and loses nothing that it took', () =>
    withSubject(fixture, async (subject) => {
      await subject.ask({ op: 'mode', mode: 'skim' });
      const { channel } = subject;
      const bytes = new Uint8Array(MAX_PACKET_BYTES);
      let sent = 0;
      const sendOn = () => {
        for (; sent < MOST_TAKEN_BYTES / bytes.length; sent += 1)
          channel.send(inBand, sent, 0, 0, bytes, 0, bytes.length);
      };
      throwsWith(sendOn, 'limit');
      const digest = new PacketDigest();
      for (let id = 0; id < sent; id += 1) digest.add(inBand, id, 0, 0, bytes, 0, 0);
      assert.deepEqual(await digestAfter(subject, sent), { count: sent, value: digest.value });
      channel.send(inBand, sent, 0, 0, bytes, 0, 8);
      assert.equal(((await digestAfter(subject, sent + 1)) as { count: number }).count, sent + 1);
    }));

  it('lets the host stop and go on as well', () =>
    withSubject(fixture, async (subject) => {
      const digest = new PacketDigest();
      for (const { kind, idLow, idHigh, bytes, length } of packetsOfSeed(11, 400, 120_000)) {
        digest.add(kind, idLow, idHigh, 0, bytes, 0, length);
      }
      const collector = new Collector(subject.channel, false);
      const { waits } = (await subject.ask({ op: 'send', seed: 11, count: 400, maxBytes: 120_000 })) as {
        waits: number;
      };
      await collector.until(400);
      assert.equal(collector.digest.value, digest.value);
      assert.ok(waits > 0);
    }));

  it('counts packets alike at both ends', () =>
    withSubject(fixture, async (subject) => {
      await subject.ask({ op: 'mode', mode: 'echo' });
      const collector = new Collector(subject.channel, false);
      for (let i = 0; i < 10; i += 1) subject.channel.send(inBand, i, 0, 0, new Uint8Array(100), 0, 100);
      await collector.until(10);
      const { statistics } = subject.guest;
      const sent = statistics.packetsSent + 1;
      const host = (await subject.ask({ op: 'statistics' })) as typeof statistics;
      assert.equal(host.packetsReceived, sent);
      assert.equal(host.packetsSent + 1, statistics.packetsReceived);
      assert.ok(statistics.bytesSent > 1000 && statistics.bytesReceived > 1000);
    }));
}

/** The host's digest once it has taken `count` packets; requests may overtake packets of another channel. */
async function digestAfter(
  subject: { ask(request: { op: 'digest' }): Promise<unknown> },
  count: number,
): Promise<unknown> {
  for (;;) {
    const seen = (await subject.ask({ op: 'digest' })) as { count: number };
    if (seen.count >= count) return seen;
  }
}
