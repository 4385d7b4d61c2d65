import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Account } from '../account.ts';
import { MemoryFixture, scripted } from '../model/memory-fixture.ts';
import { Status } from './status.ts';

const PAGE = 4096;

describe('Lock2', () => {
  it('puts memory into the window, once, however often it is asked', () => {
    const f = new MemoryFixture();
    const device = f.device(f.memory.createProcess());
    const a = f.allocate(device, 3 * PAGE);
    const first = f.memory.lock(a);
    assert.deepEqual(first, { status: Status.success, offset: 0 });
    assert.deepEqual(scripted(a).storage, { kind: 'window', offset: 0, length: 3 * PAGE });
    assert.deepEqual(f.memory.lock(a), first);
    assert.equal(f.memory.lock(f.allocate(device, PAGE)).offset, 65_536);
    assert.equal(f.memory.unlock(a), Status.success);
    assert.equal(scripted(a).storage, null);
    assert.equal(f.memory.unlock(a), Status.success);
    assert.equal(f.memory.lock(f.allocate(device, PAGE)).offset, 0);
  });

  it('is allowed to openers in the creator process, whose locks count one each', () => {
    const f = new MemoryFixture();
    const process = f.memory.createProcess();
    const [device, other] = [f.device(process), f.device(f.memory.createProcess())];
    const a = f.allocate(device, PAGE);
    const again = f.memory.openAllocation(device.memory, a.allocation, { readOnly: false })!;
    const foreign = f.memory.openAllocation(other.memory, a.allocation, { readOnly: false })!;
    assert.equal(f.memory.lock(foreign).status, Status.accessDenied);
    assert.equal(f.memory.lock(again).offset, f.memory.lock(a).offset);
    f.memory.unlock(a);
    assert.notEqual(scripted(a).storage, null);
    f.memory.unlock(again);
    assert.equal(scripted(a).storage, null);
  });

  it('ends with the instance; the place is not given to others while the guest may have it mapped', () => {
    const f = new MemoryFixture({ windowBytes: 2 * 65_536 });
    const [p, q] = [{}, {}];
    const [dp, dq] = [f.device(f.memory.createProcess(p)), f.device(f.memory.createProcess(q))];
    const a = f.allocate(dp, PAGE);
    assert.equal(f.memory.lock(a).status, Status.success);
    f.destroy(a);
    const b = f.allocate(dq, PAGE);
    assert.equal(f.memory.lock(b).status, Status.noMemory);
    f.clock.advance(10_000);
    assert.equal(f.memory.lock(b).status, Status.success);
    f.destroy(b);
    f.windowAllocator.releaseOwner(q);
    assert.equal(f.memory.lock(f.allocate(dp, PAGE)).status, Status.success);
  });

  it('is not moved elsewhere when its memory ends: the place is free once the backend has let go of it', () => {
    const f = new MemoryFixture({ windowBytes: 2 * 65_536 });
    const device = f.device(f.memory.createProcess());
    const a = f.allocate(device, 65_536);
    assert.equal(f.memory.lock(a).status, Status.success);
    const storages: unknown[] = [];
    const { setStorage } = f.adapter;
    f.adapter.setStorage = (token, storage) => {
      storages.push(storage);
      return setStorage.call(f.adapter, token, storage);
    };
    f.memory.destroyAllocations([a], { assumeNotInUse: true }, () => {});
    assert.deepEqual(storages, []);
    assert.equal(a.allocation.destroyed, true);
    f.clock.advance(60_000);
    assert.equal(f.windowAllocator.census().blocks, 0);
  });

  it('fails when the window is too small', () => {
    const f = new MemoryFixture({ windowBytes: 2 * 65_536 });
    const device = f.device(f.memory.createProcess());
    assert.equal(f.memory.lock(f.allocate(device, 2 * 65_536)).status, Status.noMemory);
  });
});

describe('existing system memory', () => {
  it('comes in chunks, in order, and is used only when it is complete', () => {
    const f = new MemoryFixture();
    const device = f.device(f.memory.createProcess());
    const a = f.allocate(device, 5 * PAGE, true);
    assert.equal(f.makeResident(device, [a]), Status.success);
    assert.equal(a.allocation.view.resident, false);
    assert.equal(f.memory.setSystemPages(a, 0, [7n, 8n, 20n], 3), Status.success);
    assert.equal(f.memory.setSystemPages(a, 2, [9n], 1), Status.invalidParameter);
    assert.equal(f.memory.setSystemPages(a, 4, [9n], 1), Status.invalidParameter);
    assert.equal(f.memory.setSystemPages(a, 3, [21n, 3n, 4n], 3), Status.invalidParameter);
    assert.equal(f.memory.setSystemPages(a, 3, [21n, 3n, 4n], 2), Status.success);
    assert.deepEqual(scripted(a).storage, {
      kind: 'guest-pages',
      ranges: [
        { address: 7 * PAGE, length: 2 * PAGE },
        { address: 20 * PAGE, length: 2 * PAGE },
        { address: 3 * PAGE, length: PAGE },
      ],
      writable: true,
    });
    assert.equal(a.allocation.view.resident, true);
    assert.equal(f.memory.residencyStatus(a), 2);
    assert.equal(f.memory.lock(a).status, Status.notSupported);
    assert.equal(f.memory.unlock(a), Status.success);
    assert.equal(f.memory.setSystemPages(a, 5, [1n], 1), Status.invalidParameter);
  });

  it('has no more ranges of pages than the guest may, in all; what ends gives its own back', () => {
    const account = new Account(8);
    const f = new MemoryFixture({ guestPageRanges: account });
    const device = f.device(f.memory.createProcess());
    const [a, b] = [f.allocate(device, 6 * PAGE, true), f.allocate(device, 6 * PAGE, true)];
    assert.equal(f.memory.setSystemPages(a, 0, [1n, 2n, 9n], 3), Status.success);
    assert.equal(f.memory.setSystemPages(a, 3, [10n, 5n, 7n], 3), Status.success);
    assert.equal(account.used, 4);
    assert.equal(f.memory.setSystemPages(b, 0, [1n, 3n, 5n, 7n, 9n], 5), Status.noMemory);
    const apart = Array.from({ length: 6 }, (_, i) => ({ address: 2 * i * PAGE, length: PAGE }));
    assert.equal(f.memory.setSystemRanges(b, apart), Status.noMemory);
    assert.equal(account.used, 4);
    assert.equal(f.memory.setSystemPages(b, 0, [1n, 3n, 5n, 7n], 4), Status.success);
    assert.equal(f.memory.setSystemPages(b, 4, [9n], 1), Status.noMemory);
    assert.equal(f.memory.setSystemPages(b, 4, [8n], 1), Status.success);
    f.memory.destroyAllocations([a], { assumeNotInUse: true }, () => {});
    assert.equal(account.used, 4);
    assert.equal(f.memory.setSystemPages(b, 5, [3n], 1), Status.success);
    assert.deepEqual(
      b.allocation.systemRanges.map(({ address }) => address / PAGE),
      [1, 3, 5, 7, 3],
    );
    f.memory.destroyAllocations([b], { assumeNotInUse: true }, () => {});
    assert.equal(account.used, 0);
  });

  it('must be the guest’s to share, all of it', () => {
    const f = new MemoryFixture();
    const device = f.device(f.memory.createProcess());
    const a = f.allocate(device, 2 * PAGE, true);
    for (const frames of [
      [1024n, 1n],
      [1n, 1024n],
      [2n ** 52n, 1n],
      [2n ** 63n, 1n],
      [-1n, 1n],
    ]) {
      assert.equal(f.memory.setSystemPages(a, 0, frames, 2), Status.invalidParameter);
    }
    const whole = { address: 0, length: 2 * PAGE };
    assert.equal(f.memory.setSystemRanges(a, [{ address: 0, length: PAGE }]), Status.invalidParameter);
    assert.equal(f.memory.setSystemRanges(a, [whole, whole]), Status.invalidParameter);
    assert.equal(f.memory.setSystemRanges(a, [{ address: 100, length: 2 * PAGE }]), Status.invalidParameter);
    assert.equal(f.memory.setSystemRanges(f.allocate(device, 2 * PAGE), [whole]), Status.invalidParameter);
    assert.equal(f.memory.setSystemRanges(a, [whole]), Status.success);
    assert.equal(f.memory.setSystemRanges(a, [whole]), Status.invalidParameter);
  });

  it('may lie in several blocks of the machine’s memory that touch', () => {
    const f = new MemoryFixture();
    const device = f.device(f.memory.createProcess());
    f.guestMemory.seam = 7 * PAGE;
    const [a, b] = [f.allocate(device, 5 * PAGE, true), f.allocate(device, 5 * PAGE, true)];
    assert.equal(f.memory.setSystemPages(a, 0, [4n, 5n, 6n, 7n, 8n], 5), Status.success);
    assert.equal(f.memory.setSystemRanges(b, [{ address: 4 * PAGE, length: 5 * PAGE }]), Status.success);
    for (const { allocation } of [a, b]) {
      let address = 4 * PAGE;
      for (const range of allocation.systemRanges) {
        assert.equal(range.address, address);
        assert.equal(f.guestMemory.contains(range.address, range.length), true);
        address += range.length;
      }
      assert.equal(address, 9 * PAGE);
    }
  });

  it('is let go of before its destruction is done, also by openers', () => {
    const f = new MemoryFixture();
    const [dp, dq] = [f.device(f.memory.createProcess()), f.device(f.memory.createProcess())];
    const a = f.allocate(dp, PAGE, true);
    f.memory.setSystemPages(a, 0, [1n], 1);
    const opened = f.memory.openAllocation(dq.memory, a.allocation, { readOnly: false })!;
    f.makeResident(dq, [opened]);
    assert.equal(opened.allocation.view.resident, true);
    dq.work.begin();
    let destroyed = false;
    f.memory.destroyAllocations([a], { assumeNotInUse: true }, () => {
      destroyed = true;
    });
    assert.equal(destroyed, false);
    dq.work.end();
    assert.equal(destroyed, true);
    assert.equal(scripted(a).destroyed, true);
    assert.equal(opened.allocation.view.resident, false);
    assert.equal(f.memory.openAllocation(dq.memory, a.allocation, { readOnly: false }), null);
    assert.equal(f.destroy(opened), true);
    assert.equal(f.memory.census()['allocations'], 0);
  });

  it('can be taken back while it is in use', () => {
    const f = new MemoryFixture();
    const device = f.device(f.memory.createProcess());
    const a = f.allocate(device, PAGE, true);
    f.memory.setSystemPages(a, 0, [1n], 1);
    f.makeResident(device, [a]);
    device.work.begin();
    let revoked = false;
    f.memory.revokeSystemMemory(a, () => {
      revoked = true;
    });
    assert.equal(a.allocation.view.resident, false);
    assert.equal(revoked, false);
    device.work.end();
    assert.equal(revoked, true);
    assert.equal(f.makeResident(device, [a]), Status.invalidParameter);
    assert.equal(f.destroy(a), true);
  });

  it('is fetched from a guest that keeps its own copy', async () => {
    const f = new MemoryFixture({ guestKind: 'mirrored' });
    const device = f.device(f.memory.createProcess());
    const a = f.allocate(device, 2 * PAGE, true);
    f.memory.setSystemPages(a, 0, [4n, 2n], 2);
    f.guestMemory.guestBytes[2 * PAGE + 5] = 42;
    const statuses: number[] = [];
    f.memory.invalidateCache(a, BigInt(PAGE), BigInt(PAGE + 1), (status) => statuses.push(status));
    f.memory.invalidateCache(a, BigInt(PAGE), BigInt(PAGE), (status) => statuses.push(status));
    await f.adapter.finishMoves();
    assert.deepEqual(statuses, [Status.invalidParameter, Status.success]);
    assert.equal(f.guestMemory.fetches, 1);
    assert.equal(f.guestMemory.view(2 * PAGE, PAGE)[5], 42);
  });
});
