import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PAGE_BYTES } from '@dxgwire/transport';
import type {
  AllocationResult,
  Backend,
  BackendAdapter,
  BackendContext,
  BackendDevice,
  ContextServices,
  ExecutionResult,
  Submission,
} from '../contract.ts';
import { type ComplianceEnvironment, createPlainEnvironment } from './environment.ts';

/** What the suite has to know of a backend. */
export interface BackendFixture {
  /** Opens the backend. It is closed by the suite after each test. */
  create(): Promise<Backend>;
  /** Whether memory keeps what is written to it. */
  readonly keepsContents: boolean;
  /** Private data that a context of this backend needs (none). */
  readonly contextData?: Uint8Array;
  /** Private data of a submission that ends by itself (none). */
  readonly work?: Uint8Array;
  /** Private data of a submission that never ends by itself. Absent: this backend has none. */
  readonly hang?: Uint8Array;
  /** Private data of a submission that is not valid. Absent: everything is. */
  readonly fault?: Uint8Array;
  /** Memory and window to lend (plain, mapped). */
  createEnvironment?(): ComplianceEnvironment;
}

const NO_BYTES = new Uint8Array(0);
const noServices: ContextServices = { signalFence: () => false, findAllocation: () => null };

/** One backend with an open adapter and a device, and what tests do with them. */
class Rig {
  readonly fixture: BackendFixture;
  readonly backend: Backend;
  readonly environment: ComplianceEnvironment;
  readonly adapter: BackendAdapter;
  readonly device: BackendDevice;

  static async open(fixture: BackendFixture): Promise<Rig> {
    const backend = await fixture.create();
    const environment = fixture.createEnvironment?.() ?? createPlainEnvironment('mapped');
    const adapter = await backend.openAdapter(0, environment);
    return new Rig(fixture, backend, environment, adapter);
  }

  constructor(
    fixture: BackendFixture,
    backend: Backend,
    environment: ComplianceEnvironment,
    adapter: BackendAdapter,
  ) {
    this.fixture = fixture;
    this.backend = backend;
    this.environment = environment;
    this.adapter = adapter;
    this.device = adapter.createDevice();
  }

  async close(): Promise<void> {
    await this.adapter.close();
    await this.backend.close();
  }

  create(
    privateData: Uint8Array,
    options: { readonly existingSystemMemory?: boolean; readonly standardLengthBytes?: number } = {},
  ): AllocationResult | { readonly refused: string } {
    return this.adapter.createAllocation({
      device: this.device,
      runtimeHandleLow: 0,
      runtimeHandleHigh: 0,
      privateData,
      resourcePrivateData: NO_BYTES,
      standardLengthBytes: options.standardLengthBytes ?? 0,
      existingSystemMemory: options.existingSystemMemory ?? false,
    });
  }

  allocate(lengthBytes: number, existingSystemMemory = false): AllocationResult {
    const privateData = new Uint8Array(8);
    new DataView(privateData.buffer).setBigUint64(0, BigInt(lengthBytes), true);
    const result = this.create(privateData, { existingSystemMemory });
    if ('refused' in result)
      throw new Error(`an allocation of ${lengthBytes} bytes is refused: ${result.refused}`);
    return result;
  }

  /** Shows an allocation in the window, lets `look` at its bytes there, and takes it back. */
  inWindow(allocation: AllocationResult, offset: number, look: (bytes: Uint8Array) => void): void {
    const length = allocation.lengthBytes;
    const storage = { kind: 'window', offset, length } as const;
    assert.equal(this.adapter.setStorage(allocation.allocation, storage), true);
    look(this.environment.window.bytes.subarray(offset, offset + length));
    assert.equal(this.adapter.setStorage(allocation.allocation, null), true);
  }

  createContext(): BackendContext {
    const context = this.adapter.createContext({
      device: this.device,
      nodeIndex: 0,
      privateData: this.fixture.contextData ?? NO_BYTES,
      services: noServices,
    });
    if (isRefused(context)) throw new Error(`a context is refused: ${context.refused}`);
    return context;
  }

  /** Hands a submission over. @returns its results, more than one if the backend is wrong. */
  execute(
    context: BackendContext,
    privateData: Uint8Array,
  ): { results: ExecutionResult[]; ended: Promise<void> } {
    const results: ExecutionResult[] = [];
    const submission: Submission = {
      context,
      privateData,
      commandAddress: 0n,
      commandLengthBytes: 0,
      walk: (address) => ({ ok: false, faultAddress: address, reason: 'not-mapped' }),
    };
    const ended = new Promise<void>((resolve) => {
      this.adapter.execute(0, submission, (result) => {
        results.push(result);
        resolve();
      });
    });
    return { results, ended };
  }
}

function isRefused(
  context: BackendContext | { readonly refused: string },
): context is { readonly refused: string } {
  return 'refused' in context;
}

/** Bytes that differ from page to page and within. */
function fillPattern(bytes: Uint8Array, seed: number): void {
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = (i * 7 + (i >> 8) * 13 + seed) & 0xff;
}

function assertPattern(bytes: Uint8Array, seed: number): void {
  const expected = new Uint8Array(bytes.length);
  fillPattern(expected, seed);
  assert.equal(Buffer.compare(bytes, expected), 0, 'contents differ');
}

/** Runs the tests that every backend must pass. */
export function describeBackendCompliance(name: string, fixture: BackendFixture): void {
  const test = (title: string, body: (rig: Rig) => Promise<void> | void) => {
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
      if (fixture.keepsContents) describeContents(test);
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
        const context = rig.createContext();
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
          const context = rig.createContext();
          const bad = rig.execute(context, fault);
          await bad.ended;
          assert.equal(bad.results.length, 1);
          assert.equal(bad.results[0]!.kind, 'fault');
          const other = rig.createContext();
          const good = rig.execute(other, fixture.work ?? NO_BYTES);
          await good.ended;
          assert.deepEqual(good.results, [{ kind: 'completed' }]);
        });
      }

      test('resets while nothing runs', async (rig) => {
        await rig.adapter.reset();
        const run = rig.execute(rig.createContext(), fixture.work ?? NO_BYTES);
        await run.ended;
        assert.deepEqual(run.results, [{ kind: 'completed' }]);
        assert.deepEqual(rig.environment.losses, []);
      });

      if (fixture.hang !== undefined) {
        const { hang } = fixture;
        test('ends all that runs in a reset, once, and works afterwards', async (rig) => {
          const context = rig.createContext();
          const runs = [rig.execute(context, hang), rig.execute(context, fixture.work ?? NO_BYTES)];
          assert.deepEqual(
            runs.map(({ results }) => results.length),
            [0, 0],
          );
          await rig.adapter.reset();
          for (const { results } of runs) assert.deepEqual(results, [{ kind: 'lost' }]);
          rig.adapter.destroyContext(context);
          const run = rig.execute(rig.createContext(), fixture.work ?? NO_BYTES);
          await run.ended;
          assert.deepEqual(run.results, [{ kind: 'completed' }]);
        });

        test('ends what runs when it is closed', async (rig) => {
          const run = rig.execute(rig.createContext(), hang);
          await rig.adapter.close();
          assert.deepEqual(run.results, [{ kind: 'lost' }]);
        });
      }
    });

    describe('ends', () => {
      test('bring everything down in any order, also twice', async (rig) => {
        const context = rig.createContext();
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
        const run = rig.execute(rig.createContext(), fixture.work ?? NO_BYTES);
        await run.ended;
        assert.deepEqual(run.results, [{ kind: 'completed' }]);
      });
    });
  });
}

type Test = (title: string, body: (rig: Rig) => Promise<void> | void) => void;

function describeContents(test: Test): void {
  test('starts as zero and keeps what is written in the window', (rig) => {
    const allocation = rig.allocate(3 * PAGE_BYTES);
    rig.environment.window.bytes.fill(0xee);
    rig.inWindow(allocation, 65_536, (bytes) => {
      assert.equal(
        bytes.every((byte) => byte === 0),
        true,
      );
      fillPattern(bytes, 1);
    });
    rig.environment.window.bytes.fill(0xee);
    rig.inWindow(allocation, 0, (bytes) => assertPattern(bytes, 1));
  });

  test('is shown to a guest with a window of its own', (rig) => {
    const { window, guestWindow } = rig.environment;
    const allocation = rig.allocate(PAGE_BYTES);
    rig.inWindow(allocation, 0, (bytes) => fillPattern(bytes, 9));
    guestWindow.fill(0);
    rig.inWindow(allocation, 2 * PAGE_BYTES, () => {
      assertPattern(guestWindow.subarray(2 * PAGE_BYTES, 3 * PAGE_BYTES), 9);
    });
    assert.equal(window.lengthBytes, guestWindow.length);
  });

  test('survives eviction, in each of its segments and with several in turn', async (rig) => {
    const allocations = [1, 2, 3].map(() => rig.allocate(2 * PAGE_BYTES));
    allocations.forEach((each, index) => {
      rig.inWindow(each, 0, (bytes) => fillPattern(bytes, index));
    });
    for (const segment of allocations[0]!.segments) {
      for (const each of allocations) await rig.adapter.makeResident(each.allocation, segment);
      if (!rig.backend.adapters[0]!.canEvict) break;
      for (const each of allocations) await rig.adapter.evict(each.allocation, false);
    }
    allocations.forEach((each, index) => {
      rig.inWindow(each, 0, (bytes) => assertPattern(bytes, index));
    });
  });

  test('stays in the window while memory is evicted and made resident', async (rig) => {
    const { adapter } = rig;
    const { allocation, lengthBytes, segments } = rig.allocate(PAGE_BYTES);
    adapter.setStorage(allocation, { kind: 'window', offset: 0, length: lengthBytes });
    const bytes = rig.environment.window.bytes.subarray(0, lengthBytes);
    fillPattern(bytes, 4);
    await adapter.makeResident(allocation, segments[0]!);
    if (rig.backend.adapters[0]!.canEvict) await adapter.evict(allocation, false);
    assertPattern(bytes, 4);
    adapter.setStorage(allocation, null);
    bytes.fill(0);
    rig.inWindow({ allocation, lengthBytes, segments, cached: true }, 0, (shown) => assertPattern(shown, 4));
  });

  test('can be dropped and used again', async (rig) => {
    const allocation = rig.allocate(PAGE_BYTES);
    rig.inWindow(allocation, 0, (bytes) => fillPattern(bytes, 5));
    await rig.adapter.makeResident(allocation.allocation, allocation.segments[0]!);
    await rig.adapter.evict(allocation.allocation, true);
    await rig.adapter.makeResident(allocation.allocation, allocation.segments[0]!);
    rig.inWindow(allocation, 0, (bytes) => fillPattern(bytes, 6));
    rig.inWindow(allocation, 0, (bytes) => assertPattern(bytes, 6));
  });
}
