import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startDriver, unwrap } from '@dxgwire/guest/kmt';
import { createHost, createSilentLog } from '@dxgwire/host';
import {
  type AdapterEnvironment,
  type AllocationStorage,
  type Backend,
  createReferenceBackend,
} from '@dxgwire/host/backends';
import { connect } from '@dxgwire/transport/connect';
import { listen } from '@dxgwire/transport/listen';

const LENGTH_BYTES = 64 * 4096;
/** D3DKMT_CREATEALLOCATIONFLAGS.ExistingSysMem. */
const EXISTING_SYSTEM_MEMORY = 0x20;

/** The reference backend; what the host lends it, and where each allocation's bytes were put last. */
function watched(): {
  backend: Backend;
  seen: { environment: AdapterEnvironment; storage: AllocationStorage };
} {
  const inner = createReferenceBackend();
  const seen = {} as { environment: AdapterEnvironment; storage: AllocationStorage };
  const backend: Backend = {
    name: inner.name,
    adapters: inner.adapters,
    async openAdapter(index, environment) {
      const adapter = await inner.openAdapter(index, environment);
      seen.environment = environment;
      const setStorage = adapter.setStorage.bind(adapter);
      adapter.setStorage = (allocation, storage) => {
        if (storage !== null) seen.storage = storage;
        return setStorage(allocation, storage);
      };
      return adapter;
    },
    close: () => inner.close(),
  };
  return { backend, seen };
}

/** The backend's own bytes of the storage, by its own mapping. */
function bytesOf({ memory, window }: AdapterEnvironment, storage: AllocationStorage): Uint8Array {
  if (storage.kind === 'window')
    return window.bytes.subarray(storage.offset, storage.offset + storage.length);
  assert.equal(storage.ranges.length, 1, 'one block of guest memory is one range');
  return memory.view(storage.ranges[0]!.address, storage.ranges[0]!.length);
}

/** Each side's writes are the other's bytes at once, in one turn: nothing can have been sent, let alone copied. */
function assertSameMemory(guest: Uint8Array, backend: Uint8Array): void {
  assert.notEqual(guest.buffer, backend.buffer, 'two mappings');
  for (let at = 0; at < LENGTH_BYTES; at += 4093) {
    guest[at] = (at % 251) + 1;
    assert.equal(backend[at], (at % 251) + 1, `the guest's byte ${at}`);
    backend[at] = (at % 241) + 2;
    assert.equal(guest[at], (at % 241) + 2, `the backend's byte ${at}`);
  }
}

test('over shared memory a guest has the very bytes that the backend reads: Lock2, existing system memory', {
  skip: process.platform !== 'linux',
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dxgwire-'));
  const { backend, seen } = watched();
  const host = createHost({ backend, log: createSilentLog() });
  const listener = await listen(`shm:${join(folder, 'host.sock')}`, {
    guestMemoryBytes: 16 << 20,
    windowMegabytes: 16,
    onBus: (bus) => host.attach(bus),
  });
  const bus = await connect(listener.url);
  const driver = await startDriver(bus);
  const guest = await driver.openDevice({ pid: 1, comm: 'zero-copy' });
  const { adapters } = unwrap(await guest.enumAdapters3({ filter: 1n, adapterCount: 16 }), 'enumAdapters3');
  const { device } = unwrap(
    await guest.createDevice({ adapter: adapters[0]!.adapterHandle }),
    'createDevice',
  );
  const size = new Uint8Array(8);
  new DataView(size.buffer).setUint32(0, LENGTH_BYTES, true);

  const block = bus.memory.allocate(LENGTH_BYTES);
  const existing = unwrap(
    await guest.createAllocation({
      device,
      flags: EXISTING_SYSTEM_MEMORY,
      allocationInfo: [{ privDrvData: size, sysmem: { block, offset: 0, length: LENGTH_BYTES } }],
    }),
    'createAllocation',
  );
  // Its pages follow the allocation in messages of their own.
  unwrap(await guest.queryVideoMemoryInfo({ adapter: adapters[0]!.adapterHandle }), 'queryVideoMemoryInfo');
  assert.equal(seen.storage.kind, 'guest-pages');
  const before = { ...bus.statistics };
  assertSameMemory(block.bytes, bytesOf(seen.environment, seen.storage));

  const own = unwrap(
    await guest.createAllocation({ device, allocationInfo: [{ privDrvData: size }] }),
    'createAllocation',
  );
  const { allocation } = own.allocationInfo[0]!;
  const { data } = unwrap(await guest.lock2({ device, allocation }), 'lock2');
  assert.equal(seen.storage.kind, 'window');
  assertSameMemory(data!, bytesOf(seen.environment, seen.storage));
  unwrap(await guest.unlock2({ device, allocation }), 'unlock2');

  assert.equal(bus.statistics.memoryBytesSent, 0);
  assert.equal(bus.statistics.memoryBytesReceived, 0);
  assert.ok(bus.statistics.bytesSent - before.bytesSent < 1024, 'no packet carries contents');
  const allocations = [allocation, existing.allocationInfo[0]!.allocation];
  for (const each of allocations)
    unwrap(await guest.destroyAllocation2({ device, allocations: [each] }), 'destroyAllocation2');
  await guest.closeDevice();
  await driver.close();
  await bus.close();
  await listener.close();
  await host.close();
  await backend.close();
  rmSync(folder, { recursive: true });
});
