import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PAGE_BYTES } from '@dxgwire/transport';
import { describeContents, describeEviction, describeOpaque, describeStaying } from './contents.ts';
import { createPlainEnvironment } from './environment.ts';
import { assertPattern, type BackendFixture, fillPattern, NO_BYTES, Rig, type Test } from './rig.ts';

/** Runs the tests that every backend must pass. */
export function describeBackendCompliance(name: string, fixture: BackendFixture): void {
  const test: Test = (title, body) => {
    it(title, async () => {
      const rig = await Rig.open(fixture);
      try {
        await body(rig);
      } finally {
        await rig.close();
      }
    });
  };
  describe(`backend compliance: ${name}`, () => {
    describe('description', () => {
      test('has numbers that can be and strings that fit', ({ backend }) => {
        assert.ok(backend.adapters.length > 0);
        for (const adapter of backend.adapters) {
          assert.ok(adapter.description.length > 0 && adapter.description.length <= 79);
          assert.ok(adapter.instanceId.length > 0 && adapter.instanceId.length <= 259);
          assert.ok(adapter.nodes.length > 0);
          assert.ok(adapter.timeoutMs > 0);
          for (const node of adapter.nodes) assert.ok(node.maxInFlight >= 1 && node.clockHz > 0);
          const ids = adapter.segments.map((segment) => segment.id);
          assert.equal(new Set(ids).size, ids.length);
          for (const segment of adapter.segments) {
            assert.ok(Number.isSafeInteger(segment.lengthBytes) && segment.lengthBytes >= PAGE_BYTES);
            assert.ok(segment.id >= 1 && segment.id <= 31, 'WDDM counts segments from 1 to 31');
          }
        }
      });

      test('says truly whether contents can be moved away', ({ backend }) => {
        for (const adapter of backend.adapters) assert.equal(adapter.canEvict, fixture.canEvict ?? true);
      });

      test('has clocks that do not go back', ({ adapter, backend }) => {
        backend.adapters[0]!.nodes.forEach((_, nodeIndex) => {
          const first = adapter.readClock(nodeIndex);
          assert.ok(adapter.readClock(nodeIndex) >= first);
        });
      });
    });

    describe('allocations', () => {
      test('have whole pages in segments that exist', (rig) => {
        const ids = rig.backend.adapters[0]!.segments.map((segment) => segment.id);
        for (const lengthBytes of [1, 4095, 4096, 4097, 100_000]) {
          const { allocation, lengthBytes: actualBytes, segments } = rig.allocate(lengthBytes);
          assert.equal(actualBytes, Math.ceil(lengthBytes / PAGE_BYTES) * PAGE_BYTES);
          assert.ok(segments.length > 0);
          for (const segment of segments) assert.ok(ids.includes(segment));
          rig.adapter.destroyAllocation(allocation);
        }
      });

      test('are made or refused, whatever the private data', (rig) => {
        for (const length of [0, 1, 7, 8, 9, 15, 16, 17, 100]) {
          for (const byte of [0, 1, 0xff]) {
            const result = rig.create(new Uint8Array(length).fill(byte));
            if ('refused' in result) assert.ok(result.refused.length > 0);
            else rig.adapter.destroyAllocation(result.allocation);
          }
        }
        const standard = rig.create(NO_BYTES, { standardLengthBytes: 8192 });
        assert.equal('refused' in standard ? 0 : standard.lengthBytes, 8192);
      });

      test('come and go while resident, evicted, or in the window', async (rig) => {
        const { adapter } = rig;
        for (const state of ['new', 'resident', 'evicted', 'locked']) {
          const { allocation, lengthBytes, segments } = rig.allocate(3 * PAGE_BYTES);
          if (state === 'resident' || state === 'evicted')
            await adapter.makeResident(allocation, segments[0]!);
          if (state === 'evicted') await adapter.evict(allocation, true);
          if (state === 'locked') {
            adapter.setStorage(allocation, { kind: 'window', offset: 0, length: lengthBytes });
          }
          adapter.destroyAllocation(allocation);
        }
      });
    });

    describe('storage', () => {
      if (fixture.keepsContents) {
        describeContents(test);
        if (fixture.canEvict ?? true) describeEviction(test);
        else describeStaying(test);
      }
      const { opaqueAllocation } = fixture;
      if (opaqueAllocation !== undefined) describeOpaque(test, opaqueAllocation);
      test('takes guest pages without changing them', (rig) => {
        const { memory } = rig.environment;
        const ranges = [
          { address: 5 * PAGE_BYTES, length: PAGE_BYTES },
          { address: 2 * PAGE_BYTES, length: 2 * PAGE_BYTES },
        ];
        for (const { address, length } of ranges)
          fillPattern(memory.view(address, length), address / PAGE_BYTES);
        const { allocation, segments } = rig.allocate(3 * PAGE_BYTES, true);
        assert.deepEqual(segments, []);
        assert.equal(
          rig.adapter.setStorage(allocation, { kind: 'guest-pages', ranges, writable: true }),
          true,
        );
        rig.adapter.destroyAllocation(allocation);
        for (const { address, length } of ranges)
          assertPattern(memory.view(address, length), address / PAGE_BYTES);
      });
    });

    describe('execution', () => {
      test('ends each submission once, in order on a node', async (rig) => {
        const context = await rig.createContext();
        const order: number[] = [];
        const runs = Array.from({ length: 8 }, () => rig.execute(context, fixture.work ?? NO_BYTES));
        await Promise.all(runs.map(({ ended }, index) => ended.then(() => order.push(index))));
        assert.deepEqual(order, [0, 1, 2, 3, 4, 5, 6, 7]);
        await Promise.resolve();
        for (const { results } of runs) assert.deepEqual(results, [{ kind: 'completed' }]);
        rig.adapter.destroyContext(context);
      });

      if (fixture.fault !== undefined) {
        const { fault } = fixture;
        test('reports commands that are not valid, and goes on', async (rig) => {
          const context = await rig.createContext();
          const bad = rig.execute(context, fault);
          await bad.ended;
          assert.equal(bad.results.length, 1);
          assert.equal(bad.results[0]!.kind, 'fault');
          const other = await rig.createContext();
          const good = rig.execute(other, fixture.work ?? NO_BYTES);
          await good.ended;
          assert.deepEqual(good.results, [{ kind: 'completed' }]);
        });
      }

      test('resets while nothing runs', async (rig) => {
        await rig.adapter.reset();
        const run = rig.execute(await rig.createContext(), fixture.work ?? NO_BYTES);
        await run.ended;
        assert.deepEqual(run.results, [{ kind: 'completed' }]);
        assert.deepEqual(rig.environment.losses, []);
      });

      if (fixture.hang !== undefined) {
        const { hang } = fixture;
        test('ends all that runs in a reset, once, and works afterwards', async (rig) => {
          const context = await rig.createContext();
          const runs = [rig.execute(context, hang), rig.execute(context, fixture.work ?? NO_BYTES)];
          assert.deepEqual(
            runs.map(({ results }) => results.length),
            [0, 0],
          );
          await rig.adapter.reset();
          for (const { results } of runs) assert.deepEqual(results, [{ kind: 'lost' }]);
          rig.adapter.destroyContext(context);
          const run = rig.execute(await rig.createContext(), fixture.work ?? NO_BYTES);
          await run.ended;
          assert.deepEqual(run.results, [{ kind: 'completed' }]);
        });

        test('ends what runs when it is closed', async (rig) => {
          const run = rig.execute(await rig.createContext(), hang);
          await rig.adapter.close();
          assert.deepEqual(run.results, [{ kind: 'lost' }]);
        });
      }
    });

    describe('ends', () => {
      test('bring everything down in any order, also twice', async (rig) => {
        const context = await rig.createContext();
        const { allocation } = rig.allocate(PAGE_BYTES);
        rig.adapter.destroyDevice(rig.device);
        rig.adapter.destroyContext(context);
        rig.adapter.destroyAllocation(allocation);
        await rig.adapter.close();
        assert.deepEqual(rig.environment.losses, []);
      });

      test('of one adapter do not touch another', async (rig) => {
        const other = await rig.backend.openAdapter(0, createPlainEnvironment('mapped'));
        await other.close();
        const run = rig.execute(await rig.createContext(), fixture.work ?? NO_BYTES);
        await run.ended;
        assert.deepEqual(run.results, [{ kind: 'completed' }]);
      });
    });
  });
}
