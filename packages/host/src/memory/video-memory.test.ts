import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryFixture, scripted } from '../model/memory-fixture.ts';
import { Status } from './status.ts';

const MiB = 2 ** 20;
const CANT_TRIM = 1;
const MUST_SUCCEED = 2;
const ONLY_IF_NECESSARY = 1;
const PRIORITY_LOW = 0x50000000;
const PRIORITY_HIGH = 0xa0000000;

const twoSegments = [
  { id: 1, group: 'local', lengthBytes: 10 * MiB },
  { id: 2, group: 'non-local', lengthBytes: 10 * MiB },
] as const;

describe('residency', () => {
  it('is counted per instance, repeated handles included', () => {
    const f = new MemoryFixture();
    const device = f.device(f.memory.createProcess());
    const instance = f.allocate(device, 4096);
    assert.equal(instance.allocation.view.resident, false);
    assert.equal(f.memory.residencyStatus(instance), 3);
    assert.equal(f.makeResident(device, [instance, instance]), Status.success);
    assert.equal(instance.residencyCount, 2);
    assert.equal(instance.allocation.view.resident, true);
    assert.equal(f.memory.residencyStatus(instance), 1);
    f.memory.evict(device.memory, [instance], 0);
    assert.equal(instance.allocation.view.resident, true);
    f.memory.evict(device.memory, [instance, instance], 0);
    assert.equal(instance.residencyCount, 0);
    assert.equal(instance.allocation.view.resident, false);
    assert.equal(scripted(instance).segmentId, null);
  });

  it('is granted as a whole or not at all', () => {
    const f = new MemoryFixture();
    const process = f.memory.createProcess();
    const device = f.device(process);
    const [a, b, c] = [f.allocate(device, 6 * MiB), f.allocate(device, 4 * MiB), f.allocate(device, 4096)];
    const result = f.memory.makeResident(device.queue, [a, a, b, c], 0);
    assert.equal(result.status, Status.noMemory);
    assert.equal(result.numBytesToTrim, 4096n);
    assert.deepEqual([a.residencyCount, b.residencyCount, c.residencyCount], [0, 0, 0]);
    assert.equal(f.memory.queryVideoMemoryInfo(process, 0)!.currentUsage, 0);
    assert.equal(f.memory.committedBytes, 0);
    assert.equal(f.makeResident(device, [a, b]), Status.success);
    assert.equal(f.memory.queryVideoMemoryInfo(process, 0)!.currentUsage, 10 * MiB);
  });

  it('grants exactly the budget that it reports, to each of several processes', () => {
    const f = new MemoryFixture();
    const [p, q] = [f.memory.createProcess(), f.memory.createProcess()];
    const [dp, dq] = [f.device(p), f.device(q)];
    assert.equal(f.makeResident(dp, [f.allocate(dp, 3 * MiB)]), Status.success);
    assert.equal(f.memory.changeReservation(q, 0, BigInt(5 * MiB)), Status.success);
    const { budget, currentUsage } = f.memory.queryVideoMemoryInfo(p, 0)!;
    assert.equal(budget, 5 * MiB);
    assert.equal(currentUsage, 3 * MiB);
    const left = budget - currentUsage;
    assert.equal(f.makeResident(dp, [f.allocate(dp, left + 4096)]), Status.noMemory);
    assert.equal(f.makeResident(dp, [f.allocate(dp, left)]), Status.success);
    assert.equal(f.memory.queryVideoMemoryInfo(q, 0)!.budget, 5 * MiB);
    assert.equal(f.makeResident(dq, [f.allocate(dq, 5 * MiB)]), Status.success);
  });

  it('refuses reservations above what it reports as available', () => {
    const f = new MemoryFixture();
    const [p, q] = [f.memory.createProcess(), f.memory.createProcess()];
    const info = f.memory.queryVideoMemoryInfo(p, 0)!;
    assert.equal(info.availableForReservation, 5 * MiB);
    assert.equal(f.memory.changeReservation(p, 0, BigInt(5 * MiB + 1)), Status.invalidParameter);
    assert.equal(f.memory.changeReservation(p, 0, BigInt(3 * MiB)), Status.success);
    assert.equal(f.memory.queryVideoMemoryInfo(p, 0)!.currentReservation, 3 * MiB);
    assert.equal(f.memory.queryVideoMemoryInfo(q, 0)!.availableForReservation, 2 * MiB);
    assert.equal(f.memory.changeReservation(p, 2, 0n), Status.invalidParameter);
    p.destroy();
    assert.equal(f.memory.queryVideoMemoryInfo(q, 0)!.budget, 10 * MiB);
  });

  it('takes the second-best segment when the best is full', () => {
    const f = new MemoryFixture({ segments: twoSegments });
    const device = f.device(f.memory.createProcess());
    const [a, b] = [f.allocate(device, 8 * MiB), f.allocate(device, 8 * MiB)];
    assert.equal(f.makeResident(device, [a, b]), Status.success);
    assert.deepEqual([f.memory.residencyStatus(a), f.memory.residencyStatus(b)], [1, 2]);
    assert.equal(f.makeResident(device, [f.allocate(device, 8 * MiB)]), Status.noMemory);
  });

  it('says by a fence when slow paging is done, in order', async () => {
    const f = new MemoryFixture();
    const device = f.device(f.memory.createProcess());
    f.adapter.slowMoves = true;
    const [a, b] = [f.allocate(device, 4096), f.allocate(device, 4096)];
    const first = f.memory.makeResident(device.queue, [a], 0);
    assert.deepEqual([first.status, first.pagingFenceValue], [Status.pending, 1n]);
    const second = f.memory.makeResident(device.queue, [b, a], 0);
    assert.deepEqual([second.status, second.pagingFenceValue], [Status.pending, 2n]);
    assert.equal(a.allocation.view.resident, false);
    assert.equal(device.queue.fence.object.value, 0n);
    await f.adapter.finishMoves();
    assert.equal(a.allocation.view.resident, true);
    assert.equal(device.queue.fence.object.value, 2n);
    const third = f.memory.makeResident(device.queue, [a], 0);
    assert.deepEqual([third.status, third.pagingFenceValue], [Status.success, 3n]);
    assert.equal(device.queue.fence.object.value, 3n);
    assert.equal(f.memory.makeResident(device.queue, [f.allocate(device, 4096)], 0).pagingFenceValue, 4n);
    const behind = f.memory.finishOnQueue(device.queue);
    assert.deepEqual([behind.status, behind.pagingFenceValue], [Status.pending, 5n]);
    assert.equal(device.queue.fence.object.value, 3n);
    await f.adapter.finishMoves();
    assert.equal(device.queue.fence.object.value, 5n);
  });

  it('puts the device into error when memory that was promised cannot be had', async () => {
    const f = new MemoryFixture();
    const device = f.device(f.memory.createProcess());
    const instance = f.allocate(device, 4096);
    f.adapter.failPageIns = 1;
    assert.equal(f.makeResident(device, [instance]), Status.noMemory);
    assert.equal(instance.residencyCount, 0);
    assert.equal(f.makeResident(device, [instance]), Status.success);
    f.adapter.slowMoves = true;
    f.adapter.failPageIns = 1;
    const other = f.allocate(device, 4096);
    assert.equal(f.makeResident(device, [other]), Status.pending);
    await f.adapter.finishMoves();
    assert.deepEqual(device.failures, [Status.noMemory]);
    assert.equal(device.queue.fence.object.value, 2n);
  });

  it('fails the device of a must-succeed request, which needs the other flag too', () => {
    const f = new MemoryFixture();
    const device = f.device(f.memory.createProcess());
    const big = f.allocate(device, 11 * MiB);
    assert.equal(f.makeResident(device, [big], MUST_SUCCEED), Status.invalidParameter);
    assert.equal(f.makeResident(device, [big], CANT_TRIM), Status.noMemory);
    assert.deepEqual(device.failures, []);
    assert.equal(f.makeResident(device, [big], CANT_TRIM | MUST_SUCCEED), Status.noMemory);
    assert.deepEqual(device.failures, [Status.noMemory]);
  });

  it('tells how much to trim after a quota was lowered', () => {
    const f = new MemoryFixture();
    const process = f.memory.createProcess();
    const device = f.device(process);
    const [a, b] = [f.allocate(device, 4 * MiB), f.allocate(device, 2 * MiB)];
    f.makeResident(device, [a, b]);
    f.memory.setQuota(process, 0, 3 * MiB);
    assert.equal(f.memory.queryVideoMemoryInfo(process, 0)!.budget, 3 * MiB);
    assert.equal(f.memory.evict(device.memory, [b], 0), BigInt(MiB));
    const result = f.memory.makeResident(device.queue, [a], 0);
    assert.deepEqual([result.status, result.numBytesToTrim], [Status.success, BigInt(MiB)]);
  });
});

describe('eviction', () => {
  it('waits for GPU work that was queued before', () => {
    const f = new MemoryFixture();
    const device = f.device(f.memory.createProcess());
    const instance = f.allocate(device, MiB);
    f.makeResident(device, [instance]);
    device.work.begin();
    f.memory.evict(device.memory, [instance], 0);
    assert.equal(instance.allocation.view.resident, true);
    device.work.end();
    assert.equal(instance.allocation.view.resident, false);
  });

  it('leaves lazily evicted memory until there is pressure: low priority first, then longest unused', () => {
    const f = new MemoryFixture();
    const device = f.device(f.memory.createProcess());
    const [a, b, c, d] = [0, 1, 2, 3].map(() => f.allocate(device, 2 * MiB));
    f.memory.setPriority(a!, PRIORITY_HIGH);
    f.memory.setPriority(d!, PRIORITY_LOW);
    f.makeResident(device, [a!, b!, c!, d!]);
    for (const each of [a!, c!, b!, d!]) f.memory.evict(device.memory, [each], ONLY_IF_NECESSARY);
    assert.equal(f.adapter.evictions.length, 0);
    const scriptedAll = [d!, c!, b!, a!].map((each) => scripted(each));
    f.makeResident(device, [f.allocate(device, 8 * MiB)]);
    assert.deepEqual(f.adapter.evictions, scriptedAll.slice(0, 3));
    assert.equal(a!.allocation.view.resident, true);
  });

  it('does not touch memory of others that queued work may use, but waits for its own', () => {
    const f = new MemoryFixture();
    const [p, q] = [f.memory.createProcess(), f.memory.createProcess()];
    const [dp, dq] = [f.device(p), f.device(q)];
    const used = f.allocate(dp, 6 * MiB);
    f.makeResident(dp, [used]);
    dp.work.begin();
    f.memory.evict(dp.memory, [used], ONLY_IF_NECESSARY);
    assert.equal(f.memory.queryVideoMemoryInfo(q, 0)!.budget, 4 * MiB);
    assert.equal(f.memory.queryVideoMemoryInfo(p, 0)!.budget, 10 * MiB);
    assert.equal(f.makeResident(dq, [f.allocate(dq, 5 * MiB)]), Status.noMemory);
    const own = f.allocate(dp, 8 * MiB);
    const result = f.memory.makeResident(dp.queue, [own], 0);
    assert.equal(result.status, Status.pending);
    assert.equal(used.allocation.view.resident, true);
    dp.work.end();
    assert.equal(used.allocation.view.resident, false);
    assert.equal(own.allocation.view.resident, true);
    assert.equal(dp.queue.fence.object.value, result.pagingFenceValue);
  });

  it('never happens where the backend cannot evict: what is in stays charged', () => {
    const f = new MemoryFixture({ canEvict: false });
    const process = f.memory.createProcess();
    const device = f.device(process);
    const instance = f.allocate(device, 6 * MiB);
    f.makeResident(device, [instance]);
    f.memory.evict(device.memory, [instance], 0);
    assert.equal(instance.allocation.view.resident, true);
    assert.equal(f.memory.queryVideoMemoryInfo(process, 0)!.currentUsage, 6 * MiB);
    assert.equal(f.makeResident(device, [f.allocate(device, 5 * MiB)]), Status.noMemory);
    f.destroy(instance);
    assert.equal(f.makeResident(device, [f.allocate(device, 5 * MiB)]), Status.success);
  });

  it('limits what is saved outside: contents cannot grow without bound', () => {
    const f = new MemoryFixture({ limits: { commitBytes: 12 * MiB } });
    const process = f.memory.createProcess();
    const device = f.device(process);
    const [a, b] = [f.allocate(device, 8 * MiB), f.allocate(device, 8 * MiB)];
    f.makeResident(device, [a]);
    f.memory.evict(device.memory, [a], 0);
    assert.equal(f.memory.queryVideoMemoryInfo(process, 0)!.budget, 4 * MiB);
    assert.equal(f.makeResident(device, [b]), Status.noMemory);
    f.destroy(a);
    assert.equal(f.makeResident(device, [b]), Status.success);
  });
});

describe('offer and reclaim', () => {
  const NORMAL = 2;
  const ALLOW_DECOMMIT = 2;
  const IMMEDIATELY = 1;

  it('drops offered contents under pressure only, and says so', () => {
    const f = new MemoryFixture();
    const process = f.memory.createProcess();
    const device = f.device(process);
    const [a, b] = [f.allocate(device, 4 * MiB), f.allocate(device, 4 * MiB)];
    f.makeResident(device, [a, b]);
    scripted(a).contents = 1;
    scripted(b).contents = 2;
    assert.equal(f.memory.offer([a, b], NORMAL, 0), Status.success);
    assert.equal(f.memory.offer([a], NORMAL, 0), Status.success);
    assert.equal(f.memory.queryVideoMemoryInfo(process, 0)!.currentUsage, 0);
    const big = f.allocate(device, 6 * MiB);
    f.makeResident(device, [big]);
    assert.deepEqual([scripted(a).contents, scripted(b).contents], [0, 2]);
    f.memory.evict(device.memory, [big], 0);
    const results = new Uint32Array(3);
    const result = f.memory.reclaim(device.queue, [[a], [b], [big]], results);
    assert.equal(result.status, Status.success);
    assert.deepEqual([...results], [1, 0, 0]);
    assert.deepEqual([a.allocation.view.resident, b.allocation.view.resident], [true, true]);
    assert.equal(f.memory.queryVideoMemoryInfo(process, 0)!.currentUsage, 8 * MiB);
  });

  it('makes one mark behind the GPU work for all allocations of a call', () => {
    const f = new MemoryFixture();
    const device = f.device(f.memory.createProcess());
    const all = Array.from({ length: 20 }, () => f.allocate(device, 65_536));
    let marks = 0;
    const { work } = device;
    work.snapshot = work.runningSnapshot = () => {
      marks += 1;
      return null;
    };
    f.memory.offer(all, NORMAL, 0);
    f.memory.offer(all, NORMAL, IMMEDIATELY);
    assert.equal(marks, 2);
  });

  it('reports the worst result of a resource', () => {
    const f = new MemoryFixture();
    const device = f.device(f.memory.createProcess());
    const [a, b] = [f.allocate(device, 4 * MiB), f.allocate(device, 4 * MiB)];
    f.makeResident(device, [a, b]);
    f.memory.offer([a], 1, 0);
    f.memory.offer([b], 3, 0);
    const big = f.allocate(device, 6 * MiB);
    f.makeResident(device, [big]);
    f.destroy(big);
    const results = new Uint32Array(1);
    assert.equal(f.memory.reclaim(device.queue, [[b, a]], results).status, Status.success);
    assert.equal(results[0], 1);
  });

  it('fails as a whole when memory cannot come back, unless that was allowed', () => {
    const f = new MemoryFixture();
    const device = f.device(f.memory.createProcess());
    const a = f.allocate(device, 4 * MiB);
    f.makeResident(device, [a]);
    f.memory.offer([a], NORMAL, 0);
    const big = f.allocate(device, 8 * MiB);
    f.makeResident(device, [big]);
    const results = new Uint32Array(1);
    assert.equal(f.memory.reclaim(device.queue, [[a]], results).status, Status.noMemory);
    f.memory.evict(device.memory, [big], 0);
    assert.equal(f.memory.reclaim(device.queue, [[a]], results).status, Status.success);
    assert.equal(results[0], 1);
    f.memory.offer([a], NORMAL, ALLOW_DECOMMIT);
    f.makeResident(device, [big]);
    assert.equal(f.memory.reclaim(device.queue, [[a]], results).status, Status.success);
    assert.equal(results[0], 2);
    assert.equal(f.memory.lock(a).status, Status.invalidParameter);
    assert.equal(f.makeResident(device, [a]), Status.invalidParameter);
    assert.equal(f.destroy(a), true);
  });

  it('takes effect after the work that was queued before', () => {
    const f = new MemoryFixture();
    const device = f.device(f.memory.createProcess());
    const a = f.allocate(device, 8 * MiB);
    f.makeResident(device, [a]);
    device.work.begin();
    f.memory.offer([a], NORMAL, 0);
    const b = f.allocate(device, 8 * MiB);
    assert.equal(f.makeResident(device, [b]), Status.pending);
    assert.equal(a.allocation.view.resident, true);
    device.work.end();
    assert.equal(b.allocation.view.resident, true);
  });

  it('refuses what is locked or lost, and other priorities', () => {
    const f = new MemoryFixture();
    const device = f.device(f.memory.createProcess());
    const [a, b] = [f.allocate(device, 4096), f.allocate(device, 4096)];
    assert.equal(f.memory.offer([a], 0, 0), Status.invalidParameter);
    assert.equal(f.memory.offer([a], 5, 0), Status.invalidParameter);
    f.memory.lock(b);
    assert.equal(f.memory.offer([a, b], NORMAL, 0), Status.invalidParameter);
    assert.equal(a.allocation.offeredRank, -1);
  });
});

describe('destruction', () => {
  it('waits for queued work, and frees memory that was on its way', async () => {
    const f = new MemoryFixture();
    const device = f.device(f.memory.createProcess());
    f.adapter.slowMoves = true;
    const a = f.allocate(device, 8 * MiB);
    f.makeResident(device, [a]);
    device.work.begin();
    let destroyed = false;
    f.memory.destroyAllocations([a], { assumeNotInUse: false }, () => {
      destroyed = true;
    });
    assert.equal(a.alive, false);
    device.work.end();
    assert.equal(destroyed, false);
    await f.adapter.finishMoves();
    assert.equal(destroyed, true);
    assert.equal(f.adapter.allocations.size, 0);
    assert.equal(f.adapter.usedBytes.get(1), 0);
    assert.equal(f.memory.census()['allocations'], 0);
  });

  it('is immediate for what is not in use, whoever says so', () => {
    const f = new MemoryFixture();
    const device = f.device(f.memory.createProcess());
    assert.equal(f.destroy(f.allocate(device, 4096)), true);
    const a = f.allocate(device, 4096);
    device.work.begin();
    const mark = device.work.snapshot()!;
    device.work.begin();
    let destroyed = 0;
    const done = () => {
      destroyed += 1;
    };
    f.memory.destroyAllocations([a], { assumeNotInUse: true }, done);
    assert.equal(destroyed, 0);
    device.work.endOldest();
    assert.equal(mark.done, true);
    assert.equal(destroyed, 1);
    f.memory.destroyAllocations([a], { assumeNotInUse: true }, done);
    assert.equal(destroyed, 2);
  });

  it('keeps shared memory for others: openers and NT handles', () => {
    const f = new MemoryFixture();
    const [p, q] = [f.memory.createProcess(), f.memory.createProcess()];
    const [dp, dq] = [f.device(p), f.device(q)];
    const a = f.allocate(dp, 4 * MiB);
    const { allocation } = a;
    f.makeResident(dp, [a]);
    f.memory.retain(allocation);
    assert.equal(f.destroy(a), true);
    let released = false;
    f.memory.destroyDevice(dp.memory, () => {
      released = true;
    });
    p.destroy();
    const opened = f.memory.openAllocation(dq.memory, allocation, { readOnly: false })!;
    assert.equal(f.makeResident(dq, [opened]), Status.success);
    assert.equal(f.memory.queryVideoMemoryInfo(q, 0)!.currentUsage, 4 * MiB);
    assert.equal(f.memory.lock(opened).status, Status.accessDenied);
    f.memory.release(allocation);
    assert.equal(scripted(allocation).destroyed, false);
    assert.equal(released, false);
    assert.equal(f.destroy(opened), true);
    assert.equal(scripted(allocation).destroyed, true);
    assert.equal(released, true);
    assert.equal(f.memory.openAllocation(dq.memory, allocation, { readOnly: false }), null);
  });

  it('moves the charge to another process that has shared memory pinned', () => {
    const f = new MemoryFixture();
    const [p, q] = [f.memory.createProcess(), f.memory.createProcess()];
    const [dp, dq] = [f.device(p), f.device(q)];
    const a = f.allocate(dp, 4 * MiB);
    const opened = f.memory.openAllocation(dq.memory, a.allocation, { readOnly: true })!;
    f.makeResident(dp, [a]);
    f.makeResident(dq, [opened]);
    assert.equal(f.memory.queryVideoMemoryInfo(q, 0)!.currentUsage, 0);
    f.destroy(a);
    assert.equal(f.memory.queryVideoMemoryInfo(q, 0)!.currentUsage, 4 * MiB);
    assert.equal(f.memory.queryVideoMemoryInfo(p, 0)!.currentUsage, 0);
    assert.equal(a.allocation.view.resident, true);
  });
});

describe('creation', () => {
  it('with residency is granted at once, or refused with nothing kept', async () => {
    const f = new MemoryFixture();
    const device = f.device(f.memory.createProcess());
    const [a, b] = [f.allocate(device, 6 * MiB), f.allocate(device, 6 * MiB)];
    assert.equal(f.memory.createResident(device.memory, [a, b]), Status.noMemory);
    assert.equal(f.memory.createResident(device.memory, [a]), Status.success);
    assert.equal(a.residencyCount, 1);
    f.adapter.slowMoves = true;
    const c = f.allocate(device, 4096);
    const done: number[] = [];
    const onDone = (status: number) => done.push(status);
    assert.equal(f.memory.createResident(device.memory, [c], onDone), Status.pending);
    assert.equal(device.work.holds, 1);
    await f.adapter.finishMoves();
    assert.deepEqual(done, [Status.success]);
    assert.equal(device.work.holds, 0);
  });

  it('is refused with the words of the backend', () => {
    const f = new MemoryFixture();
    const device = f.device(f.memory.createProcess());
    const request = {
      runtimeHandleLow: 0,
      runtimeHandleHigh: 0,
      privateData: new Uint8Array(3),
      resourcePrivateData: new Uint8Array(0),
      standardLengthBytes: 0,
      existingSystemMemory: false,
      readOnly: false,
    };
    const refused = f.memory.createAllocation(device.memory, request);
    assert.equal(refused.status, Status.invalidParameter);
    assert.match(refused.refused!, /3 bytes/);
    const standard = f.memory.createAllocation(device.memory, { ...request, standardLengthBytes: 5000 });
    assert.equal(standard.instance!.allocation.lengthBytes, 8192);
  });
});

describe('segments of an allocation', () => {
  it('follow UpdateAllocationProperty when it comes in the next time', () => {
    const f = new MemoryFixture({ segments: twoSegments });
    const device = f.device(f.memory.createProcess());
    const a = f.allocate(device, MiB);
    const request = { supportedSegmentSet: 3, preferredSegment: 2, flags: 0, propertyMask: 6 };
    assert.equal(f.memory.updateProperty(device.queue, a, request).status, Status.success);
    f.makeResident(device, [a]);
    assert.equal(f.memory.residencyStatus(a), 2);
    f.memory.evict(device.memory, [a], ONLY_IF_NECESSARY);
    assert.equal(a.allocation.view.resident, true);
    const onlyLocal = { ...request, supportedSegmentSet: 1 };
    assert.equal(f.memory.updateProperty(device.queue, a, onlyLocal).status, Status.success);
    assert.equal(a.allocation.view.resident, false);
    f.makeResident(device, [a]);
    assert.equal(f.memory.residencyStatus(a), 1);
    const none = { ...request, supportedSegmentSet: 4 };
    assert.equal(f.memory.updateProperty(device.queue, a, none).status, Status.invalidParameter);
    const physical = { ...request, flags: 1, propertyMask: 1 };
    assert.equal(f.memory.updateProperty(device.queue, a, physical).status, Status.notSupported);
  });
});
