import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KmtEvent, type KmtProcess } from '../kmt/index.ts';
import { KmtKernel, type ReturnEvent } from './kmt-kernel.ts';

const RING_BYTES = 4096;

/** A process whose calls are noted, and answered when the test says so. */
class FakeProcess {
  readonly calls: { readonly name: string; readonly args: Record<string, unknown> }[] = [];
  readonly answers: Record<string, object> = {};
  readonly held: (() => void)[] = [];
  /** Calls of this name wait for {@link release}. */
  holds = '';

  as(): KmtProcess {
    return new Proxy(this, {
      get: (target, key) => (args: Record<string, unknown>) => target.call(String(key), args),
    }) as unknown as KmtProcess;
  }

  named(name: string): Record<string, unknown>[] {
    return this.calls.filter((call) => call.name === name).map(({ args }) => args);
  }

  release(): void {
    for (const resolve of this.held.splice(0)) resolve();
  }

  private call(name: string, args: Record<string, unknown>): unknown {
    this.calls.push({ name, args: { ...args } });
    const answer = { ret: 0, ...this.answers[name] };
    if (name.startsWith('post')) return 0;
    if (name !== this.holds) return Promise.resolve(answer);
    return new Promise((resolve) => this.held.push(() => resolve(answer)));
  }
}

function makeKernel(returnEvent: ReturnEvent | null = null) {
  const process = new FakeProcess();
  const fences = { returns: 0n, progress: 0n };
  const freed: unknown[] = [];
  const memory = {
    kind: 'mapped' as const,
    allocate: (length: number) => ({
      address: 0,
      length,
      bytes: new Uint8Array(length),
      flush: () => {},
      write: () => {},
    }),
    free: (block: unknown) => freed.push(block),
  };
  const kernel = new KmtKernel(
    {
      process: process.as(),
      memory,
      adapter: 1,
      features: { createResident: true, returnEvents: returnEvent !== null },
      label: '',
      returnRingBytes: RING_BYTES,
      wait: (answer) => answer,
    },
    {
      device: 2,
      pagingQueue: 3,
      pagingFence: 4,
      context: 5,
      queue: 6,
      progressFence: 7,
      progressView: { offset: 0, value: () => fences.progress },
      returnFence: 8,
      returnView: { offset: 0, value: () => fences.returns },
      returnEvent,
      returnRing: new Uint8Array(RING_BYTES),
      ringAllocation: 9,
    },
  );
  const heard: string[] = [];
  kernel.listener = {
    returnsWritten: (total) => heard.push(`returns ${total}`),
    kernelLost: (message) => heard.push(message),
  };
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  return { kernel, process, fences, freed, heard, settle };
}

test('memory is asked for at once, and destroyed only after the answer, several in one message', async () => {
  const { kernel, process, settle } = makeKernel();
  process.holds = 'createAllocation';
  process.answers['createAllocation'] = { allocationInfo: [{ allocation: 77, allocationSize: 4096n }] };
  const [one, other] = [kernel.createMemory('buffer', 2 ** 33 + 5), kernel.createMemory('texture', 100)];
  assert.notEqual(one.runtimeHandleLow, other.runtimeHandleLow);
  const [first] = process.named('createAllocation') as { allocationInfo: { privDrvData: Uint8Array }[] }[];
  assert.equal(first?.allocationInfo[0]?.privDrvData.length, 16);
  kernel.destroyMemory(one);
  kernel.destroyMemory(one);
  kernel.destroyMemory(other);
  await settle();
  assert.equal(process.named('destroyAllocation2').length, 0);
  process.release();
  await settle();
  assert.deepEqual(process.named('destroyAllocation2'), [{ device: 2, allocations: [77, 77] }]);
});

test('a refused allocation is not destroyed', async () => {
  const { kernel, process, settle } = makeKernel();
  process.answers['createAllocation'] = { ret: -12, allocationInfo: [] };
  kernel.destroyMemory(kernel.createMemory('buffer', 4));
  await settle();
  assert.equal(process.named('destroyAllocation2').length, 0);
});

test('the wait for returns is armed again for what comes next', () => {
  const { kernel, process, fences, heard } = makeKernel();
  kernel.listen(0);
  const armed = () => process.named('waitForSynchronizationObjectFromCpu');
  assert.deepEqual(armed()[0]?.['fenceValues'], [1n]);
  fences.returns = 24n;
  (armed()[0]!['asyncEvent'] as KmtEvent).signal();
  assert.deepEqual(heard, ['returns 24']);
  assert.deepEqual(armed()[1]?.['fenceValues'], [25n]);
});

test('a fence at its end makes the kernel ask what became of the device', async () => {
  const { kernel, process, fences, heard, settle } = makeKernel();
  process.answers['getDeviceState'] = { executionState: 3 };
  kernel.listen(0);
  fences.returns = 0xffff_ffff_ffff_ffffn;
  (process.named('waitForSynchronizationObjectFromCpu')[0]!['asyncEvent'] as KmtEvent).signal();
  await settle();
  assert.equal(heard.length, 1);
  assert.match(heard[0]!, /execution state 3/);
});

test('a host that tells of answers by itself is not asked again', async () => {
  const event = new KmtEvent();
  const { kernel, process, fences, heard, settle } = makeKernel({ object: 10, event });
  kernel.listen(0);
  const [loss, ...more] = process.named('waitForSynchronizationObjectFromCpu');
  assert.deepEqual(loss?.['fenceValues'], [0xffff_ffff_ffff_ffffn]);
  assert.deepEqual(more, []);
  for (const total of [24n, 40n]) {
    fences.returns = total;
    event.signal();
    // Two signals may find one value.
    event.signal();
  }
  assert.deepEqual(heard, ['returns 24', 'returns 40']);
  assert.equal(process.named('waitForSynchronizationObjectFromCpu').length, 1);
  process.answers['getDeviceState'] = { executionState: 3 };
  fences.returns = 0xffff_ffff_ffff_ffffn;
  event.signal();
  (loss!['asyncEvent'] as KmtEvent).signal();
  await settle();
  assert.equal(heard.length, 3);
  assert.match(heard[2]!, /execution state 3/);
  kernel.close();
  await settle();
  assert.deepEqual(process.named('destroySynchronizationObject'), [{ syncObject: 10 }]);
});

test('a lost connection is heard of through the event', () => {
  const event = new KmtEvent();
  const { kernel, heard } = makeKernel({ object: 10, event });
  kernel.listen(0);
  event.abandon('bus-closed');
  assert.match(heard[0]!, /bus-closed/);
});

test('a lost connection is heard of through the wait', () => {
  const { kernel, process, heard } = makeKernel();
  kernel.listen(0);
  (process.named('waitForSynchronizationObjectFromCpu')[0]!['asyncEvent'] as KmtEvent).abandon('bus-closed');
  assert.match(heard[0]!, /bus-closed/);
});

test('a staging block is mapped for writing, ordered behind its paging, and given back whole', async () => {
  const { kernel, process, freed, settle } = makeKernel();
  process.answers['createAllocation'] = { allocationInfo: [{ allocation: 9, allocationSize: 65_536n }] };
  process.answers['mapGpuVirtualAddress'] = { ret: 0x103, virtualAddress: 0x10000n, pagingFenceValue: 5n };
  const block = await kernel.createStagingBlock(65_536);
  assert.equal(block?.gpuVa, 0x10000n);
  assert.equal(process.named('mapGpuVirtualAddress')[0]?.['sizeInPages'], 16n);
  assert.deepEqual(process.named('postSubmitWaitForSyncObjectsToHwQueue'), [
    { hwqueue: 6, objects: [4], fenceValues: [5n] },
  ]);
  block?.dispose();
  assert.deepEqual(freed, []);
  await settle();
  assert.equal(freed.length, 1);
  process.answers['mapGpuVirtualAddress'] = { ret: -12 };
  assert.equal(await kernel.createStagingBlock(65_536), null);
  await settle();
  assert.equal(freed.length, 2);
});

test('closing destroys the device once and then frees the guest memory', async () => {
  const { kernel, process, freed, settle } = makeKernel();
  process.answers['createAllocation'] = { allocationInfo: [{ allocation: 9, allocationSize: 4096n }] };
  process.answers['mapGpuVirtualAddress'] = { virtualAddress: 0x10000n, pagingFenceValue: 0n };
  await kernel.createStagingBlock(4096);
  kernel.close();
  kernel.close();
  await settle();
  assert.equal(process.named('destroyDevice').length, 1);
  // Else the host keeps the window's pages for as long as the guest is there.
  assert.deepEqual(process.named('unlock2'), [{ device: 2, allocation: 9 }]);
  assert.equal(freed.length, 1);
  let called = false;
  kernel.whenCompleted(100, () => {
    called = true;
  });
  await settle();
  assert.ok(called);
});

test('memory that is dropped together is given back in calls that are not refused', async () => {
  const { kernel, process, settle } = makeKernel();
  process.answers['createAllocation'] = { allocationInfo: [{ allocation: 9 }] };
  const memories = Array.from({ length: 2500 }, () => kernel.createMemory('buffer', 64));
  await settle();
  for (const memory of memories) kernel.destroyMemory(memory);
  await settle();
  const counts = process.named('destroyAllocation2').map((call) => (call['allocations'] as number[]).length);
  assert.deepEqual(counts, [1024, 1024, 452]);
});
