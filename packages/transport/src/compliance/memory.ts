import assert from 'node:assert/strict';
import { it } from 'node:test';
import { PAGE_BYTES, PacketKind } from '../transport.ts';
import { bytesOfSeed, isOfSeed, Random } from './data.ts';
import { Collector, rejectsWith, type TransportFixture, throwsWith, withSubject } from './harness.ts';
import { WINDOW_DATA_OFFSET, WINDOW_FENCE_OFFSET, WINDOW_SLOT_BYTES } from './responder.ts';

const SEEDS = [2, 777, 0xfeed_f00d];
const MEBIBYTE = 1_048_576;

/** Guest memory, GPADLs and the device window, above all their order against packets. */
export function memoryTests(fixture: TransportFixture): void {
  it('hands out zeroed pages that do not overlap, also after reuse', () =>
    withSubject(fixture, async ({ guest: { memory } }) => {
      const first = memory.allocate(5000);
      const second = memory.allocate(1);
      for (const block of [first, second]) {
        assert.equal(block.address % PAGE_BYTES, 0);
        assert.equal(block.length % PAGE_BYTES, 0);
        assert.equal(block.bytes.length, block.length);
        assert.ok(block.bytes.every((byte) => byte === 0));
        block.bytes.fill(0xaa);
      }
      assert.equal(first.length, 2 * PAGE_BYTES);
      assert.ok(
        first.address + first.length <= second.address || second.address + second.length <= first.address,
      );
      memory.free(first);
      throwsWith(() => memory.free(first), 'out-of-range');
      const third = memory.allocate(2 * PAGE_BYTES);
      assert.ok(third.bytes.every((byte) => byte === 0));
      assert.ok(second.bytes.every((byte) => byte === 0xaa));
      throwsWith(() => memory.allocate(0), 'out-of-range');
      throwsWith(() => memory.allocate(2 ** 50), 'no-memory');
    }));

  it('shows flushed and written bytes to the host before the packet that follows', () =>
    withSubject(fixture, async (subject) => {
      const block = subject.guest.memory.allocate(64 * 1024);
      block.bytes.set(bytesOfSeed(1, 5000), 3000);
      block.flush(3000, 5000);
      block.write(20_001, bytesOfSeed(2, 33));
      const { address } = block;
      assert.equal(
        await subject.ask({ op: 'check-memory', address: address + 3000, length: 5000, seed: 1 }),
        true,
      );
      assert.equal(
        await subject.ask({ op: 'check-memory', address: address + 20_001, length: 33, seed: 2 }),
        true,
      );
      throwsWith(() => block.flush(64 * 1024, 1), 'out-of-range');
      throwsWith(() => block.write(-1, new Uint8Array(1)), 'out-of-range');
    }));

  it('fetches bytes that the guest did not flush', () =>
    withSubject(fixture, async (subject) => {
      const block = subject.guest.memory.allocate(MEBIBYTE);
      block.bytes.set(bytesOfSeed(3, 600_000), 8);
      const request = { op: 'fetch-memory', address: block.address + 8, length: 600_000, seed: 3 } as const;
      assert.equal(await subject.ask(request), true);
      assert.equal(await subject.ask({ ...request, length: 0 }), true);
    }));

  it('shows what the host publishes to the guest before the packet that follows', () =>
    withSubject(fixture, async (subject) => {
      const block = subject.guest.memory.allocate(300_000);
      await subject.ask({ op: 'write-memory', address: block.address + 5, length: 250_000, seed: 4 });
      assert.ok(isOfSeed(4, block.bytes.subarray(5, 250_005)));
    }));

  it('checks ranges against guest memory', () =>
    withSubject(fixture, async (subject) => {
      const block = subject.guest.memory.allocate(PAGE_BYTES);
      const inside = { op: 'out-of-range', address: block.address, length: PAGE_BYTES } as const;
      assert.deepEqual(await subject.ask(inside), { contains: true, code: null });
      const bad = { contains: false, code: 'out-of-range' };
      assert.deepEqual(await subject.ask({ ...inside, address: 0 }), bad);
      assert.deepEqual(await subject.ask({ ...inside, length: 2 ** 52 }), bad);
      assert.deepEqual(await subject.ask({ ...inside, address: 2 ** 52 }), bad);
      assert.deepEqual(await subject.ask({ ...inside, length: -1 }), bad);
    }));

  it('moves ranges of many megabytes both ways', () =>
    withSubject(fixture, async (subject) => {
      const length = 9 * MEBIBYTE + 12;
      const block = subject.guest.memory.allocate(length);
      block.write(0, bytesOfSeed(5, length));
      assert.equal(await subject.ask({ op: 'check-memory', address: block.address, length, seed: 5 }), true);
      await subject.ask({ op: 'write-memory', address: block.address, length, seed: 6 });
      assert.ok(isOfSeed(6, block.bytes.subarray(0, length)));
    }));

  for (const seed of SEEDS) {
    it(`never lets a packet overtake guest memory flushed before it (seed ${seed})`, () =>
      withSubject(fixture, async (subject) => {
        const random = new Random(seed);
        const slots = 40;
        const slotBytes = 128 * 1024;
        const block = subject.guest.memory.allocate(slots * slotBytes);
        const answers: Promise<unknown>[] = [];
        for (let slot = 0; slot < slots; slot += 1) {
          const offset = slot * slotBytes + random.below(1000);
          const length = 1 + random.below(slotBytes - 1000);
          const data = bytesOfSeed(seed + slot, length);
          if (random.below(2) === 0) {
            block.write(offset, data);
          } else {
            block.bytes.set(data, offset);
            block.flush(offset, length);
          }
          const address = block.address + offset;
          answers.push(subject.ask({ op: 'check-memory', address, length, seed: seed + slot }));
          if (random.below(4) === 0) subject.control.flush();
          if (random.below(8) === 0) await answers[answers.length - 1];
        }
        assert.ok((await Promise.all(answers)).every((answer) => answer === true));
      }));

    it(`never lets a fence value or packet overtake the window data that it announces (seed ${seed})`, () =>
      withSubject(fixture, async (subject) => {
        const { window } = subject.guest;
        const steps = 200;
        let checked = 0;
        const check = () => {
          const fence = Number(window.loadU64(WINDOW_FENCE_OFFSET));
          for (; checked < fence; checked += 1) {
            const at = WINDOW_DATA_OFFSET + (checked + 1) * WINDOW_SLOT_BYTES;
            assert.ok(
              isOfSeed(seed + checked + 1, window.view(at, WINDOW_SLOT_BYTES)),
              `step ${checked + 1}`,
            );
          }
          return fence;
        };
        const done = new Promise<void>((resolve, reject) => {
          subject.channel.onPacket = ({ idLow }) => {
            try {
              assert.ok(check() >= idLow);
              if (idLow === steps) resolve();
            } catch (error) {
              reject(error);
            }
          };
        });
        subject.post({ op: 'send-window', seed, steps });
        await done;
        assert.equal(check(), steps);
      }));
  }

  it('keeps 64-bit values of the window whole', () =>
    withSubject(fixture, async (subject) => {
      const { window } = subject.guest;
      for (const value of [
        0n,
        1n,
        0xffff_ffffn,
        0x1_0000_0000n,
        0x7ff0_0000_0000_0001n,
        0xffff_ffff_ffff_ffffn,
      ]) {
        const low = Number(value & 0xffff_ffffn);
        await subject.ask({ op: 'store-u64', offset: 8192, low, high: Number(value >> 32n) });
        assert.equal(window.loadU64(8192), value);
      }
      throwsWith(() => window.loadU64(4), 'out-of-range');
      throwsWith(() => window.loadU64(window.lengthBytes), 'out-of-range');
      throwsWith(() => window.view(window.lengthBytes - 8, 9), 'out-of-range');
    }));

  it('shows window bytes that the guest flushed to the host, and the host bytes to the guest', () =>
    withSubject(fixture, async (subject) => {
      const { window } = subject.guest;
      assert.ok(window.lengthBytes >= MEBIBYTE);
      window.view(70_000, 100_000).set(bytesOfSeed(8, 100_000));
      window.flush(70_000, 100_000);
      assert.equal(await subject.ask({ op: 'check-window', offset: 70_000, length: 100_000, seed: 8 }), true);
      await subject.ask({ op: 'write-window', offset: 200_001, length: 70_001, seed: 9 });
      assert.ok(isOfSeed(9, window.view(200_001, 70_001)));
    }));

  it('creates GPADLs of scattered ranges and tears them down when the host lets go', () =>
    withSubject(fixture, async (subject) => {
      const { guest } = subject;
      const blocks = [3, 1, 2].map((pages) => guest.memory.allocate(pages * PAGE_BYTES));
      const ranges = blocks.map(({ address, length }) => ({ address, length })).reverse();
      const id = await guest.createGpadl(ranges);
      const other = await guest.createGpadl([blocks[0]!]);
      assert.notEqual(id, other);
      assert.deepEqual(await subject.ask({ op: 'gpadl', id }), { ranges });
      await subject.ask({ op: 'hold-teardown' });
      let isGone = false;
      const gone = guest.teardownGpadl(id).then(() => {
        isGone = true;
      });
      await subject.ask({ op: 'digest' });
      assert.equal(isGone, false);
      await subject.ask({ op: 'release-teardown' });
      await gone;
      assert.deepEqual(await subject.ask({ op: 'gpadl', id }), { ranges: null });
      await rejectsWith(guest.teardownGpadl(id), 'out-of-range');
      const { address } = blocks[0]!;
      await rejectsWith(guest.createGpadl([{ address: address + 8, length: PAGE_BYTES }]), 'out-of-range');
      await rejectsWith(guest.createGpadl([{ address: 0, length: PAGE_BYTES }]), 'out-of-range');
      await rejectsWith(guest.createGpadl([]), 'limit');
      const large = guest.memory.allocate(8191 * PAGE_BYTES);
      await rejectsWith(guest.createGpadl([large]), 'limit');
      const most = await guest.createGpadl([{ address: large.address, length: 8190 * PAGE_BYTES }]);
      await guest.teardownGpadl(most);
    }));

  it('carries large memory beside small packets without changing either', () =>
    withSubject(fixture, async (subject) => {
      await subject.ask({ op: 'mode', mode: 'echo' });
      const block = subject.guest.memory.allocate(6 * MEBIBYTE);
      block.bytes.set(bytesOfSeed(21, block.length));
      const collector = new Collector(subject.channel, true);
      for (let i = 0; i < 6; i += 1) {
        subject.channel.send(PacketKind.inBand, i, 0, 0, bytesOfSeed(i, 24), 0, 24);
        block.flush(i * MEBIBYTE, MEBIBYTE);
      }
      const { address, length } = block;
      assert.equal(await subject.ask({ op: 'check-memory', address, length, seed: 21 }), true);
      await collector.until(6);
      collector.payloads.forEach((payload, i) => {
        assert.deepEqual(payload, bytesOfSeed(i, 24));
      });
    }));
}
