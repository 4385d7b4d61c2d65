import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startDriver, unwrap } from '@dxgwire/guest/kmt';
import { createHost } from '@dxgwire/host';
import { createReferenceBackend, ReferenceEncoder } from '@dxgwire/host/backends/reference';
import { bootAndRun, Job, untilStarted } from './job.ts';
import { Machine, PAGE_BYTES, settle } from './machine.ts';

/** A guest without frame lists: its memory reaches the GPU by GPADLs. */
async function startJob() {
  const backend = createReferenceBackend();
  const host = createHost({ backend });
  const machine = new Machine(host, { mapGuestMemory: false });
  const driver = await startDriver(machine.guest);
  await untilStarted(driver);
  const before = host.census();
  const job = await Job.start(driver);
  const end = async (): Promise<void> => {
    await job.process.closeDevice();
    await settle();
    assert.deepEqual(host.census(), before);
    await driver.close();
    await machine.powerOff();
    await host.close();
    await backend.close();
  };
  return { end, host, job, machine };
}

test('pages whose GPADL is torn down under waiting GPU work are not written any more', async () => {
  const { end, host, job, machine } = await startJob();
  const block = machine.guest.memory.allocate(2 * PAGE_BYTES);
  const own = await job.allocate(2 * PAGE_BYTES, { block, offset: 0, length: 2 * PAGE_BYTES });
  const gpadl = [...machine.gpadls.keys()].at(-1)!;
  const fence = unwrap(await job.fence(), 'createSynchronizationObject2');
  const objects = [fence.syncObject];
  unwrap(
    await job.process.submitWaitForSyncObjectsToHwQueue({
      hwqueue: job.handles.queue,
      objects,
      fenceValues: [9n],
    }),
    'submitWait',
  );
  await job.submit(new ReferenceEncoder().fill(own.address, BigInt(2 * PAGE_BYTES), 0xffff_ffff));
  // Not what a driver does: the allocation still exists, and the GPU has work that would write to it.
  await machine.hostBus.teardownGpadl(gpadl);
  assert.equal(machine.partition.census()['gpadls'], 0);
  const { device } = job.handles;
  unwrap(
    await job.process.signalSynchronizationObjectFromCpu({ device, objects, fenceValues: [9n] }),
    'signal',
  );
  await settle();
  assert.ok(
    block.bytes.every((byte) => byte === 0),
    'the guest may have given the pages to another program',
  );
  const { executionState } = await job.process.getDeviceState({ device, stateType: 1 });
  assert.notEqual(executionState, 1, 'the work ended in a fault');
  const another = new Machine(host);
  await bootAndRun(another.guest);
  await another.powerOff();
  await end();
});

test('a GPADL that a running command uses is gone when the command has ended', async () => {
  const { end, job, machine } = await startJob();
  const block = machine.guest.memory.allocate(PAGE_BYTES);
  const own = await job.allocate(PAGE_BYTES, { block, offset: 0, length: PAGE_BYTES });
  const gpadl = [...machine.gpadls.keys()].at(-1)!;
  const done = job.submit(new ReferenceEncoder().fill(own.address, BigInt(PAGE_BYTES), 0x01010101));
  const torn = machine.hostBus.teardownGpadl(gpadl);
  await Promise.all([done, torn]);
  const content = block.bytes.slice();
  block.bytes.fill(0x33);
  await settle();
  assert.ok(
    block.bytes.every((byte) => byte === 0x33),
    'nothing writes there after the teardown',
  );
  assert.equal(new Set(content).size, 1, 'all of the fill, or nothing of it');
  await end();
});

test('rings that are taken away under a working driver end its adapter, and the host goes on', async () => {
  const backend = createReferenceBackend();
  const host = createHost({ backend });
  for (const channel of [1, 2]) {
    const machine = new Machine(host, { asyncMessages: false });
    const driver = await startDriver(machine.guest);
    await untilStarted(driver);
    const job = await Job.start(driver);
    const waiting = job.wait(job.handles.progressFence, 5n);
    waiting.catch(() => {});
    await machine.hostBus.teardownGpadl(machine.rings.get(channel)!);
    await settle();
    assert.equal(machine.told[0], `rescind ${channel}: TransportError`);
    const { ret } = await job.process.createPagingQueue({ device: job.handles.device });
    assert.ok(ret < 0);
    await job.process.closeDevice();
    await driver.close();
    await machine.powerOff();
    await assert.rejects(waiting);
  }
  assert.ok(Object.values(host.census()).every((count) => count === 0));
  await host.close();
  await backend.close();
});
