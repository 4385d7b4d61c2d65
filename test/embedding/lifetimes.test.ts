import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { startDriver, unwrap } from '@dxgwire/guest/kmt';
import { createHost, type Host } from '@dxgwire/host';
import { createReferenceBackend, ReferenceEncoder } from '@dxgwire/host/backends/reference';
import { bootAndRun, Job, runJob, untilStarted } from './job.ts';
import { Machine, PAGE_BYTES, settle } from './machine.ts';

const HIGH_PAGE = 0x1_0000_0000;

describe('a virtual machine', () => {
  let host: Host;
  let backend: ReturnType<typeof createReferenceBackend>;

  beforeEach(() => {
    backend = createReferenceBackend();
    host = createHost({ backend });
  });
  afterEach(async () => {
    await host.close();
    await backend.close();
    assert.ok(Object.values(host.census()).every((count) => count === 0));
  });

  test('may have several GPUs, each with its own channel and function', async () => {
    for (const asyncMessages of [true, false]) {
      const machine = new Machine(host, { adapters: [0, 0, 0], asyncMessages });
      const driver = await startDriver(machine.guest);
      await settle();
      await driver.settled();
      assert.equal(driver.adapterSummaries().filter(({ state }) => state === 'active').length, 3);
      assert.deepEqual([...machine.rings.keys()], [1, 2, 3, 4]);
      for (const index of [0, 1, 2]) await runJob(driver, machine.guest, index);
      await driver.close();
      await machine.powerOff();
    }
  });

  test('loses a GPU that the host takes away, and works on with the other', async () => {
    const machine = new Machine(host, { adapters: [0, 0] });
    const driver = await startDriver(machine.guest);
    await settle();
    await driver.settled();
    const job = await Job.start(driver, 1);
    machine.partition.removeGpu(1);
    await settle();
    assert.deepEqual(machine.told, [], 'not while a process has a device on it');
    await job.process.closeDevice();
    await settle();
    assert.deepEqual(machine.told, ['rescind 3']);
    assert.equal(machine.hostBus.readConfig32(3, 0), 0xffff_ffff);
    await runJob(driver, machine.guest);
    await driver.close();
    await machine.powerOff();
  });

  test('starts another kernel after a panic: nothing of the dead one is left', async () => {
    const machine = new Machine(host, { ringPages: 'apart' });
    await settle();
    const before = machine.partition.census();
    for (let boot = 0; boot < 3; boot += 1) {
      const driver = await startDriver(machine.guest);
      await untilStarted(driver);
      const job = await Job.start(driver);
      const block = machine.guest.memory.allocate(PAGE_BYTES);
      const own = await job.allocate(PAGE_BYTES, { block, offset: 0, length: PAGE_BYTES });
      const locked = await job.allocate(PAGE_BYTES);
      const { device } = job.handles;
      unwrap(await job.process.lock2({ device, allocation: locked.allocation }), 'lock2');
      await job.submit(new ReferenceEncoder().fill(own.address, 64n, 1));
      await machine.restart();
      await settle();
      assert.deepEqual(machine.partition.census(), before);
      const { bytes } = machine.ram[1]!;
      bytes.fill(0xa5);
      const offset = block.address - HIGH_PAGE;
      await bootAndRun(machine.guest);
      assert.ok(offset < 0 || bytes.subarray(offset, offset + 64).some((byte) => byte !== 1));
    }
    assert.deepEqual(machine.told, [], 'the offers stood all the time');
    await machine.powerOff();
  });

  test('is switched off in the middle of a job, and others go on', async () => {
    const machines = [0, 1, 2].map(() => new Machine(host));
    const drivers = await Promise.all(machines.map(({ guest }) => startDriver(guest)));
    await Promise.all(drivers.map((driver) => untilStarted(driver)));
    const job = await Job.start(drivers[0]!);
    const pending = job.wait(job.handles.progressFence, 1n);
    const running = Promise.all([1, 2].map((index) => runJob(drivers[index]!, machines[index]!.guest)));
    await machines[0]!.powerOff();
    await assert.rejects(pending);
    await running;
    assert.ok(Object.values(machines[0]!.partition.census()).every((count) => count === 0));
    for (const machine of machines.slice(1)) await machine.powerOff();
  });

  test('is told by rescinds when the host ends', async () => {
    const machine = new Machine(host);
    const driver = await startDriver(machine.guest);
    await untilStarted(driver);
    await Job.start(driver);
    await host.close();
    await settle();
    assert.deepEqual(machine.told, ['rescind 1', 'rescind 2', 'ended']);
    assert.equal(driver.loss, 'channel-rescinded');
  });
});
