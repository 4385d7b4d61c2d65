import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Account } from '../account.ts';
import { MemoryFixture } from '../model/memory-fixture.ts';
import { AddressSpace } from './address-space.ts';
import type { MapRequest, ReserveRequest } from './address-space-types.ts';
import type { AllocationInstance } from './allocation.ts';
import { RangeList } from './range-list.ts';
import { Status } from './status.ts';

const PAGE = 4096n;
const UNIT = 65_536n;
const BASE = 0x1_0000_0000n;
const WRITE = 1n;
const ZERO = 4n;
const NO_ACCESS = 8n;

function reserve(space: AddressSpace, request: Partial<ReserveRequest>) {
  return space.reserve({
    baseAddress: 0n,
    minimumAddress: 0n,
    maximumAddress: 0n,
    size: UNIT,
    reservationType: 0,
    driverProtection: 0n,
    ...request,
  });
}

function map(space: AddressSpace, request: Partial<MapRequest>) {
  return space.map({
    baseAddress: 0n,
    minimumAddress: 0n,
    maximumAddress: 0n,
    instance: null,
    offsetInPages: 0n,
    sizeInPages: 1n,
    protection: WRITE,
    driverProtection: 0n,
    ...request,
  });
}

function setUp(pages = 16) {
  const f = new MemoryFixture();
  const process = f.memory.createProcess();
  const device = f.device(process);
  const instance = f.allocate(device, pages * 4096);
  f.makeResident(device, [instance]);
  return { f, device, instance, space: process.addressSpace };
}

/** What a read of whole pages meets, a word each. */
function look(space: AddressSpace, base: bigint, pages: number, instance?: AllocationInstance): string[] {
  const seen: string[] = [];
  for (let i = 0; i < pages; i += 1) {
    const walk = space.walk(base + BigInt(i) * PAGE, 4096, 'read');
    if (!walk.ok) seen.push(walk.reason);
    else if ('zero' in walk.runs[0]!) seen.push('zero');
    else {
      assert.equal(instance === undefined || walk.runs[0]!.view === instance.allocation.view, true);
      seen.push(`+${walk.runs[0]!.offset / 4096}`);
    }
  }
  return seen;
}

describe('reservations', () => {
  it('go where they are asked to, or where there is room', () => {
    const space = new AddressSpace();
    assert.deepEqual(reserve(space, { baseAddress: BASE, size: 2n * UNIT }), {
      status: Status.success,
      virtualAddress: BASE,
    });
    assert.equal(reserve(space, { baseAddress: BASE + UNIT }).status, Status.invalidParameter);
    assert.equal(reserve(space, {}).virtualAddress, BASE + 2n * UNIT);
    assert.equal(reserve(space, { minimumAddress: UNIT, maximumAddress: 2n * UNIT }).virtualAddress, UNIT);
    assert.equal(reserve(space, { minimumAddress: UNIT, maximumAddress: 2n * UNIT }).status, Status.noMemory);
  });

  it('are refused with sizes, places and bounds that cannot be', () => {
    const space = new AddressSpace();
    const bad: Partial<ReserveRequest>[] = [
      { size: 0n },
      { size: PAGE },
      { size: 2n ** 48n },
      { size: 2n ** 64n - UNIT },
      { baseAddress: BASE + PAGE },
      { baseAddress: 2n ** 47n },
      { baseAddress: 2n ** 64n - UNIT },
      { reservationType: 3 },
      { minimumAddress: 2n * UNIT, maximumAddress: UNIT },
      { minimumAddress: 2n ** 60n },
    ];
    for (const request of bad) assert.equal(reserve(space, request).status, Status.invalidParameter);
    assert.equal(reserve(space, { size: 2n ** 47n }).status, Status.noMemory);
    assert.deepEqual(space.census(), { reservations: 0, mappings: 0 });
  });

  it('can be given back in parts', () => {
    const space = new AddressSpace();
    reserve(space, { baseAddress: BASE, size: 4n * UNIT, reservationType: 1 });
    assert.equal(space.free(BASE + UNIT, UNIT + PAGE), Status.success);
    assert.deepEqual(look(space, BASE + UNIT - PAGE, 2), ['zero', 'not-mapped']);
    assert.deepEqual(look(space, BASE + 2n * UNIT, 2), ['not-mapped', 'zero']);
    assert.equal(space.free(BASE, 4n * UNIT), Status.invalidParameter);
    assert.equal(space.free(BASE, UNIT), Status.success);
    assert.equal(space.free(BASE + 2n * UNIT + PAGE, 2n * UNIT - PAGE), Status.success);
    assert.equal(space.free(BASE, PAGE), Status.invalidParameter);
    assert.deepEqual(space.census(), { reservations: 0, mappings: 0 });
  });
});

describe('mappings', () => {
  it('lead to their part of the allocation', () => {
    const { space, instance } = setUp();
    reserve(space, { baseAddress: BASE });
    map(space, { baseAddress: BASE + PAGE, instance, offsetInPages: 3n, sizeInPages: 2n });
    assert.deepEqual(look(space, BASE, 4, instance), ['not-mapped', '+3', '+4', 'not-mapped']);
    const walk = space.walk(BASE + PAGE + 100n, 8000, 'write');
    assert.equal(walk.ok, true);
    assert.deepEqual(walk.ok && walk.runs, [
      { view: instance.allocation.view, offset: 3 * 4096 + 100, length: 8000 },
    ]);
  });

  it('can be placed by the host and laid over one another', () => {
    const { space, instance } = setUp();
    const { virtualAddress } = map(space, { instance, sizeInPages: 8n });
    assert.equal(virtualAddress, BASE);
    assert.equal(map(space, { instance, sizeInPages: 1n }).virtualAddress, BASE + UNIT);
    const inner = { baseAddress: BASE + 2n * PAGE, instance, offsetInPages: 10n, sizeInPages: 2n };
    assert.equal(map(space, inner).status, Status.success);
    assert.deepEqual(look(space, BASE, 6, instance), ['+0', '+1', '+10', '+11', '+4', '+5']);
    const beyond = { baseAddress: BASE + 7n * PAGE, instance, sizeInPages: 2n };
    assert.equal(map(space, beyond).status, Status.success);
    assert.deepEqual(look(space, BASE + 6n * PAGE, 4, instance), ['+6', '+0', '+1', 'not-mapped']);
  });

  it('are unmapped by no-access, or read as zero, and refuse what does not go together', () => {
    const { space, instance } = setUp();
    reserve(space, { baseAddress: BASE, reservationType: 1 });
    map(space, { baseAddress: BASE, instance, sizeInPages: 4n });
    assert.equal(map(space, { baseAddress: BASE, protection: NO_ACCESS }).status, Status.success);
    assert.equal(map(space, { baseAddress: BASE + PAGE, protection: ZERO }).status, Status.success);
    assert.deepEqual(look(space, BASE, 5), ['no-access', 'zero', '+2', '+3', 'zero']);
    const bad: Partial<MapRequest>[] = [
      {},
      { instance, protection: NO_ACCESS },
      { instance, protection: ZERO },
      { protection: ZERO | NO_ACCESS },
      { instance, sizeInPages: 0n },
      { instance, sizeInPages: 17n },
      { instance, offsetInPages: 16n },
      { instance, offsetInPages: 2n ** 64n - 1n },
      { instance, sizeInPages: 2n ** 64n - 1n },
      { instance, baseAddress: BASE + 5n },
      { instance, baseAddress: 2n ** 63n },
      { instance, baseAddress: PAGE },
    ];
    for (const request of bad) assert.equal(map(space, request).status, Status.invalidParameter);
  });

  it('may be read only, for all or for one who opened them so', () => {
    const { f, device, space, instance } = setUp();
    map(space, { baseAddress: BASE, instance, protection: 0n });
    assert.equal(space.walk(BASE, 8, 'read').ok, true);
    const denied = space.walk(BASE + 8n, 8, 'write');
    assert.deepEqual(denied, { ok: false, faultAddress: BASE + 8n, reason: 'no-access' });
    const opened = f.memory.openAllocation(device.memory, instance.allocation, { readOnly: true })!;
    map(space, { baseAddress: BASE + UNIT, instance: opened });
    assert.equal(space.walk(BASE + UNIT, 8, 'write').ok, false);
  });

  it('fault where the allocation is not resident', () => {
    const { f, device, space, instance } = setUp();
    map(space, { baseAddress: BASE, instance });
    f.memory.evict(device.memory, [instance], 0);
    assert.deepEqual(look(space, BASE, 1), ['not-resident']);
  });

  it('end with the allocation: reservations stay, mapped addresses become free', () => {
    const { f, space, instance } = setUp();
    reserve(space, { baseAddress: BASE, reservationType: 1 });
    map(space, { baseAddress: BASE, instance, sizeInPages: 2n });
    map(space, { baseAddress: BASE + UNIT, instance, sizeInPages: 2n });
    f.destroy(instance);
    assert.deepEqual(look(space, BASE, 2), ['zero', 'zero']);
    assert.deepEqual(space.census(), { reservations: 1, mappings: 0 });
    assert.equal(reserve(space, { baseAddress: BASE + UNIT }).status, Status.success);
  });

  it('of the host cannot be changed by the guest, and are read only', () => {
    const { space, instance } = setUp();
    const address = space.mapFencePage(8192);
    const walk = space.walk(address, 8, 'read');
    assert.deepEqual(walk.ok && 'view' in walk.runs[0]! && walk.runs[0].view.storage, {
      kind: 'window',
      offset: 8192,
      length: 4096,
    });
    assert.equal(space.walk(address, 8, 'write').ok, false);
    assert.equal(space.free(address, PAGE), Status.invalidParameter);
    assert.equal(map(space, { baseAddress: address, instance }).status, Status.invalidParameter);
    assert.equal(reserve(space, { baseAddress: address }).status, Status.invalidParameter);
    space.unmapFencePage(address);
    assert.deepEqual(space.census(), { reservations: 0, mappings: 0 });
  });
});

describe('updates', () => {
  it('map, repeat, copy and unmap inside reservations', () => {
    const { space, instance } = setUp();
    reserve(space, { baseAddress: BASE, size: 2n * UNIT });
    const { status, operation } = space.prepareUpdate([
      {
        kind: 0,
        baseAddress: BASE,
        size: 5n * PAGE,
        instance,
        allocationOffset: 4n * PAGE,
        allocationSize: 2n * PAGE,
      },
      { kind: 2, sourceAddress: BASE + PAGE, size: 4n * PAGE, destAddress: BASE + 2n * PAGE },
      { kind: 1, baseAddress: BASE, size: PAGE, protection: 0n },
      { kind: 1, baseAddress: BASE + 8n * PAGE, size: PAGE, protection: ZERO },
      {
        kind: 3,
        baseAddress: BASE + 9n * PAGE,
        size: PAGE,
        instance,
        allocationOffset: 0n,
        allocationSize: 0n,
        protection: 0n,
      },
    ]);
    assert.equal(status, Status.success);
    assert.deepEqual(look(space, BASE, 1), ['not-mapped']);
    operation!.execute();
    assert.deepEqual(look(space, BASE, 10, instance), [
      'not-mapped',
      '+5',
      '+5',
      '+4',
      '+5',
      '+4',
      'not-mapped',
      'not-mapped',
      'zero',
      '+0',
    ]);
    assert.equal(space.walk(BASE + PAGE, 8, 'write').ok, true);
    assert.equal(space.walk(BASE + 9n * PAGE, 8, 'write').ok, false);
  });

  it('are refused when they cannot be, and left out when their range is freed meanwhile', () => {
    const { space, instance } = setUp();
    const operation = {
      kind: 0,
      baseAddress: BASE,
      size: PAGE,
      instance,
      allocationOffset: 0n,
      allocationSize: 0n,
    } as const;
    reserve(space, { baseAddress: BASE });
    const fencePage = space.mapFencePage(0);
    for (const bad of [
      { ...operation, size: 17n * PAGE },
      { ...operation, baseAddress: fencePage },
      { ...operation, baseAddress: 2n ** 47n },
      { ...operation, size: 0n },
      { ...operation, size: 100n },
      { ...operation, baseAddress: BASE + 1n },
      { ...operation, allocationOffset: 16n * PAGE },
      { ...operation, allocationOffset: 1n },
      { ...operation, instance: null },
    ]) {
      assert.equal(space.prepareUpdate([bad]).status, Status.invalidParameter);
    }
    const prepared = space.prepareUpdate([operation]);
    space.free(BASE, UNIT);
    prepared.operation!.execute();
    space.unmapFencePage(fencePage);
    assert.deepEqual(space.census(), { reservations: 0, mappings: 0 });
  });

  it('map free addresses, and unmap them without effect', () => {
    const { space, instance } = setUp();
    const range = { baseAddress: BASE, size: 2n * PAGE };
    const { operation } = space.prepareUpdate([
      { kind: 0, ...range, instance, allocationOffset: 0n, allocationSize: 0n },
      { kind: 1, baseAddress: BASE + UNIT, size: PAGE, protection: ZERO },
    ]);
    operation!.execute();
    assert.deepEqual(look(space, BASE, 3, instance), ['+0', '+1', 'not-mapped']);
    assert.deepEqual(space.census(), { reservations: 1, mappings: 1 });
  });
});

describe('limits', () => {
  it('bound the number of ranges', () => {
    const space = new AddressSpace(10);
    for (let i = 0; i < 10; i += 1) assert.equal(reserve(space, {}).status, Status.success);
    assert.equal(reserve(space, {}).status, Status.noMemory);
    assert.equal(map(space, { protection: ZERO }).status, Status.noMemory);
    assert.equal(space.mapFencePage(0), 0n);
  });
});

describe('a range list', () => {
  it('agrees with a plain list', () => {
    const step = fc.record({
      start: fc.integer({ min: 0, max: 4000 }),
      length: fc.integer({ min: 1, max: 8 }),
      remove: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 2000, size: 'max' }), (steps) => {
        const list = new RangeList<{ start: number; end: number }>();
        let plain: { start: number; end: number }[] = [];
        for (const { start, length, remove } of steps) {
          const end = start + length;
          const met = plain.filter((range) => range.start < end && range.end > start);
          assert.equal(list.meets(start, end), met.length > 0);
          assert.deepEqual(list.collect(start, end, []), met);
          if (remove || met.length > 0) {
            for (const range of met) list.remove(range);
            plain = plain.filter((range) => !met.includes(range));
          } else {
            const range = { start, end };
            list.insert(range);
            plain.push(range);
            plain.sort((a, b) => a.start - b.start);
          }
          assert.equal(list.size, plain.length);
          assert.equal(list.findGap(length, start, 4096, 4), plainGap(plain, length, start, 4096, 4));
        }
        assert.deepEqual([...list], plain);
      }),
      { numRuns: 20, seed: 20240607 },
    );
  });
});

function plainGap(
  ranges: readonly { start: number; end: number }[],
  length: number,
  from: number,
  to: number,
  align: number,
): number {
  for (let place = Math.ceil(from / align) * align; place + length <= to; place += align) {
    if (!ranges.some((range) => range.start < place + length && range.end > place)) return place;
  }
  return -1;
}

describe('updates that are queued', () => {
  function repeated(instance: AllocationInstance, baseAddress: bigint, pages: number) {
    const size = BigInt(pages) * PAGE;
    return { kind: 0, baseAddress, size, instance, allocationOffset: 0n, allocationSize: PAGE } as const;
  }

  it('count against the limits until they are performed or dropped', () => {
    const { instance } = setUp();
    const space = new AddressSpace(10, 10);
    const first = space.prepareUpdate([repeated(instance, BASE, 6)]);
    assert.equal(first.status, Status.success);
    const second = () => space.prepareUpdate([repeated(instance, BASE + 16n * PAGE, 6)]);
    assert.equal(second().status, Status.noMemory);
    first.operation!.drop();
    assert.equal(space.census().mappings, 0);
    const again = second();
    assert.equal(again.status, Status.success);
    again.operation!.execute();
    assert.equal(space.census().mappings, 6);
    assert.equal(second().status, Status.noMemory);
  });

  it('of all processes of a guest count together, with what queued updates will make', () => {
    const { instance } = setUp();
    const held = new Account(20);
    const [a, b] = [new AddressSpace(100, 100, held), new AddressSpace(100, 100, held)];
    const queued = a.prepareUpdate([repeated(instance, BASE, 6)]);
    assert.equal(held.used, 7);
    for (let i = 0; i < 12; i += 1) assert.equal(reserve(b, {}).status, Status.success);
    assert.equal(b.prepareUpdate([repeated(instance, BASE, 6)]).status, Status.noMemory);
    assert.equal(map(b, { protection: ZERO, baseAddress: BASE + (1n << 40n) }).status, Status.success);
    assert.equal(reserve(b, {}).status, Status.noMemory);
    assert.equal(map(a, { protection: ZERO }).status, Status.noMemory);
    assert.equal(a.mapFencePage(0), 0n);
    queued.operation!.execute();
    assert.equal(held.used, 21);
    b.clear();
    assert.equal(held.used, 7);
    a.clear();
    assert.equal(held.used, 0);
  });

  it('leave out a copy whose source has got more than there may be', () => {
    const { instance } = setUp();
    const space = new AddressSpace(10, 10);
    const size = 6n * PAGE;
    const copy = { kind: 2, sourceAddress: BASE, size, destAddress: BASE + 64n * PAGE } as const;
    const early = space.prepareUpdate([copy]);
    assert.equal(early.status, Status.success);
    space.prepareUpdate([repeated(instance, BASE, 6)]).operation!.execute();
    early.operation!.execute();
    assert.equal(space.census().mappings, 6);
  });

  it('take no time with what their ranges hold, times their number', () => {
    const { instance } = setUp();
    const space = new AddressSpace();
    for (let i = 0n; i < 15n; i += 1n) {
      space.prepareUpdate([repeated(instance, BASE + i * 16_384n * PAGE, 16_384)]).operation!.execute();
    }
    for (let i = 0n; i < 60_000n; i += 1n) reserve(space, { baseAddress: (1n << 41n) + 2n * i * UNIT });
    const huge = 1n << 45n;
    const used = process.cpuUsage();
    const copies = Array.from({ length: 2000 }, () => {
      return { kind: 2, sourceAddress: BASE, size: 1n << 30n, destAddress: BASE + huge } as const;
    });
    assert.equal(space.prepareUpdate(copies).status, Status.noMemory);
    const unmaps = Array.from({ length: 2000 }, () => {
      return { kind: 1, baseAddress: 1n << 41n, size: huge, protection: 0n } as const;
    });
    space.prepareUpdate(unmaps).operation?.execute();
    // Half a minute for each where every operation goes through all that there is, else some hundredths of a second.
    assert.ok(process.cpuUsage(used).user < 5_000_000);
  });
});

describe('lists of ranges', () => {
  it('find the first and count what meets a span as collecting does', () => {
    const list = new RangeList<{ start: number; end: number }>();
    for (let i = 0; i < 1000; i += 1) list.insert({ start: i * 3, end: i * 3 + 1 + (i % 3) });
    for (let start = -2; start < 3010; start += 7) {
      for (const length of [1, 2, 3, 50, 4000]) {
        const found = list.collect(start, start + length, []);
        assert.equal(list.first(start, start + length), found[0] ?? null);
        assert.equal(list.count(start, start + length, 5000), found.length);
        assert.equal(list.count(start, start + length, 3) > 3, found.length > 3);
      }
    }
  });
});
