import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CreateContextFlags,
  commands,
  DeviceExecutionState,
  DeviceStateType,
  NtStatus,
} from '@dxgwire/protocol';
import { FakeClock } from '../scheduler/index.ts';
import {
  createAllocation,
  createContext,
  createDevice,
  createFence,
  createHwQueue,
  finish,
} from '../testing/objects.ts';
import { RawGuest } from '../testing/raw-guest.ts';

async function stateOf(guest: RawGuest, device: number): Promise<number> {
  const args = { device, stateType: DeviceStateType.execution };
  return (await guest.call(commands.getDeviceState, { args })).args.executionState ?? 0;
}

test('a hardware queue runs its submissions in order and moves its progress fence', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  const { hwqueue, fence, fenceAddress } = await createHwQueue(guest, device);
  const adapter = guest.backend.opened[0]!;
  adapter.holdsRuns = true;
  const submit = async (hwqueueProgressFenceId: bigint, privDrvData = new Uint8Array(0)) => {
    const args = { hwqueue, hwqueueProgressFenceId, commandBuffer: 0x1234_5678_9000n, commandLength: 64 };
    return (await guest.call(commands.submitCommandToHwQueue, { args, privDrvData })).status;
  };
  assert.equal(await submit(3n, Uint8Array.of(1, 2, 3)), NtStatus.success);
  assert.equal(await submit(10n), NtStatus.success);
  assert.equal(await submit(10n), NtStatus.invalidParameter);
  assert.equal(await submit(9n), NtStatus.invalidParameter);
  assert.equal(adapter.submissions.length, 1);
  assert.deepEqual(Uint8Array.from(adapter.submissions[0]!.privateData), Uint8Array.of(1, 2, 3));
  assert.equal(adapter.submissions[0]!.commandAddress, 0x1234_5678_9000n);
  assert.equal(adapter.submissions[0]!.commandLengthBytes, 64);
  assert.equal(guest.fenceAt(fenceAddress), 0n);
  const wait = { device, objects: [fence], fenceValues: [10n], guestEventPointer: 2n };
  await guest.call(commands.waitForSyncObjectFromCpu, wait);
  [...adapter.running][0]!.finish();
  assert.equal(guest.fenceAt(fenceAddress), 3n);
  assert.deepEqual(guest.events, []);
  [...adapter.running][0]!.finish();
  assert.equal(guest.fenceAt(fenceAddress), 10n);
  await guest.call(commands.flushHeapTransitions, {});
  assert.deepEqual(guest.events, [2n]);
  await finish(guest);
});

test('one-way submissions, waits and signals are never answered, and keep their order with requests', async () => {
  const guest = await RawGuest.start({ asyncMessages: true });
  const device = await createDevice(guest);
  const { hwqueue, fenceAddress } = await createHwQueue(guest, device);
  const gate = await createFence(guest, device);
  const done = await createFence(guest, device);
  guest.post(commands.waitForSyncObjectFromGpu, {
    context: hwqueue,
    objects: [gate.handle],
    fenceValues: [1n],
  });
  guest.post(commands.submitCommandToHwQueue, { args: { hwqueue, hwqueueProgressFenceId: 1n } });
  guest.post(commands.signalSyncObject, { contexts: [hwqueue], objects: [done.handle], fenceValues: [1n] });
  // The queued wait holds the fence itself: destroying its handle changes nothing.
  await guest.call(commands.flushHeapTransitions, {});
  assert.equal(guest.fenceAt(fenceAddress), 0n);
  guest.post(commands.signalSyncObject, { device, objects: [gate.handle], fenceValues: [1n] });
  await guest.call(commands.destroySyncObject, { syncObject: gate.handle });
  assert.equal(guest.fenceAt(fenceAddress), 1n);
  assert.equal(guest.fenceAt(done.address), 1n);
  assert.equal(await stateOf(guest, device), DeviceExecutionState.active);
  await finish(guest);
});

test('a queued GPU wait outlives the handle that it was made through', async () => {
  const guest = await RawGuest.start({ asyncMessages: true });
  const device = await createDevice(guest);
  const context = await createContext(guest, device);
  const shared = await createFence(guest, device, 0n, 3);
  const done = await createFence(guest, device);
  const opened = await guest.call(commands.openSyncObject, {
    device,
    globalSyncObject: shared.globalHandle,
    flags: 0x13,
  });
  guest.post(commands.waitForSyncObjectFromGpu, { context, objects: [opened.syncObject], fenceValues: [5n] });
  await guest.call(commands.destroySyncObject, { syncObject: opened.syncObject });
  guest.post(commands.signalSyncObject, { contexts: [context], objects: [done.handle], fenceValues: [1n] });
  await guest.call(commands.flushHeapTransitions, {});
  assert.equal(guest.fenceAt(done.address), 0n);
  guest.post(commands.signalSyncObject, { device, objects: [shared.handle], fenceValues: [5n] });
  await guest.call(commands.flushHeapTransitions, {});
  assert.equal(guest.fenceAt(done.address), 1n);
  await finish(guest);
});

test('SubmitCommand: broadcast, counts and handles at their limits', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  const first = await createContext(guest, device);
  const second = await createContext(guest, device);
  const { context: container } = await createHwQueue(guest, device);
  const otherDevice = await createDevice(guest);
  const foreign = await createContext(guest, otherDevice);
  const allocation = await createAllocation(guest, device);
  const submit = async (args: object, more: object = {}) => {
    const defaults = { broadcastContextCount: 1, broadcastContext: [first] };
    return (await guest.call(commands.submitCommand, { args: { ...defaults, ...args }, ...more })).status;
  };
  const { submissions } = guest.backend.opened[0]!;
  assert.equal(await submit({}), NtStatus.success);
  assert.equal(
    await submit({ broadcastContextCount: 2, broadcastContext: [first, second] }),
    NtStatus.success,
  );
  assert.equal(submissions.length, 3);
  const sixtyFour = Array.from({ length: 64 }, () => second);
  assert.equal(await submit({ broadcastContextCount: 64, broadcastContext: sixtyFour }), NtStatus.success);
  assert.equal(submissions.length, 67);
  const primaries = Array.from({ length: 16 }, () => allocation);
  assert.equal(await submit({ numPrimaries: 16, writtenPrimaries: primaries }), NtStatus.success);
  assert.equal(await submit({}, { historyBuffers: Array.from({ length: 1024 }, () => allocation) }), 0);
  const before = submissions.length;
  const bad: [object, object?][] = [
    [{ broadcastContextCount: 0 }],
    [{ broadcastContextCount: 65 }],
    [{ broadcastContextCount: 0xffff_ffff }],
    [{ broadcastContextCount: 2 }],
    [{ broadcastContext: [container] }],
    [{ broadcastContext: [0] }],
    [{ broadcastContext: [device] }],
    [{ broadcastContextCount: 2, broadcastContext: [first, foreign] }],
    [{ broadcastContextCount: 2, broadcastContext: [first, container] }],
    [{ numPrimaries: 17, writtenPrimaries: primaries }],
    [{ numPrimaries: 0xffff_ffff, writtenPrimaries: primaries }],
    [{ numPrimaries: 1, writtenPrimaries: [first] }],
    [{}, { historyBuffers: [allocation, 0] }],
    [{}, { historyBuffers: Array.from({ length: 1025 }, () => allocation) }],
  ];
  for (const [args, more] of bad) {
    assert.equal(await submit(args, more), NtStatus.invalidParameter, JSON.stringify([args, more]));
  }
  assert.equal(submissions.length, before);
  assert.equal(await stateOf(guest, device), DeviceExecutionState.active);
  await finish(guest);
});

test('SubmitCommandToHwQueue refuses other objects, and primaries that are no allocations', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  const context = await createContext(guest, device);
  const { hwqueue, fence } = await createHwQueue(guest, device);
  for (const each of [0, device, context, fence, hwqueue ^ 1, 0xffff_ffff]) {
    const args = { hwqueue: each, hwqueueProgressFenceId: 1n };
    assert.equal(
      (await guest.call(commands.submitCommandToHwQueue, { args })).status,
      NtStatus.invalidParameter,
    );
  }
  const args = { hwqueue, hwqueueProgressFenceId: 1n };
  const bad = await guest.call(commands.submitCommandToHwQueue, { args, writtenPrimaries: [context] });
  assert.equal(bad.status, NtStatus.invalidParameter);
  await finish(guest);
});

test('where no answer is wanted, a bad submission puts the device into error and says so', async () => {
  const guest = await RawGuest.start({ asyncMessages: true });
  const device = await createDevice(guest);
  const { hwqueue } = await createHwQueue(guest, device);
  guest.post(commands.submitCommandToHwQueue, { args: { hwqueue, hwqueueProgressFenceId: 0n } });
  await guest.call(commands.flushHeapTransitions, {});
  assert.deepEqual(guest.deviceStates, [{ cookie: 0xc001n, state: DeviceExecutionState.reset }]);
  assert.equal(await stateOf(guest, device), DeviceExecutionState.reset);
  const other = await createDevice(guest);
  assert.equal(await stateOf(guest, other), DeviceExecutionState.active);
  await finish(guest);
});

test('a lost device: notification first, then fences to their maximum, then CPU waits; new work is refused', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  const { hwqueue, fence, fenceAddress } = await createHwQueue(guest, device);
  const adapter = guest.backend.opened[0]!;
  adapter.holdsRuns = true;
  const args = { hwqueue, hwqueueProgressFenceId: 1n };
  await guest.call(commands.submitCommandToHwQueue, { args });
  await guest.call(commands.waitForSyncObjectFromCpu, {
    device,
    objects: [fence],
    fenceValues: [1n],
    guestEventPointer: 2n,
  });
  [...adapter.running][0]!.finish({ kind: 'page-fault', address: 0x7000n });
  await guest.until(() => guest.events.length > 0);
  assert.deepEqual(guest.deviceStates, [{ cookie: 0xc001n, state: DeviceExecutionState.errorDmaPageFault }]);
  assert.equal(guest.fenceAt(fenceAddress), 0xffff_ffff_ffff_ffffn);
  assert.equal(await stateOf(guest, device), DeviceExecutionState.errorDmaPageFault);
  const fault = await guest.call(commands.getDeviceState, {
    args: { device, stateType: DeviceStateType.pageFault },
  });
  assert.equal(fault.args.pageFaultState?.faultedVirtualAddress, 0x7000n);
  const refused = await guest.call(commands.submitCommandToHwQueue, {
    args: { ...args, hwqueueProgressFenceId: 2n },
  });
  assert.equal(refused.status, NtStatus.deviceRemoved);
  const wait = { device, objects: [fence], fenceValues: [1n], guestEventPointer: 3n };
  assert.equal((await guest.call(commands.waitForSyncObjectFromCpu, wait)).status, NtStatus.deviceRemoved);
  assert.equal((await guest.call(commands.createContextVirtual, { device })).context, 0);
  assert.equal((await guest.send(commands.createPagingQueue, { args: { device } })).length, 0);
  assert.equal((await guest.send(commands.createAllocation, { device, allocInfo: [{}] })).length, 0);
  assert.deepEqual(guest.events, [2n]);
  await finish(guest);
});

test('MarkDeviceAsError puts a device into reset, once; its state is echoed with the whole question', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  for (let i = 0; i < 2; i += 1) {
    const { status } = await guest.call(commands.markDeviceAsError, {
      args: { device, reason: 0x8000_0006 },
    });
    assert.equal(status, NtStatus.success);
  }
  assert.equal(guest.deviceStates.length, 1);
  for (let stateType = 0; stateType <= 7; stateType += 1) {
    const { args, status } = await guest.call(commands.getDeviceState, { args: { device, stateType } });
    const isKnown = stateType >= 1 && stateType <= 6;
    assert.equal(status, isKnown ? NtStatus.success : NtStatus.invalidParameter);
    if (isKnown) assert.deepEqual([args.device, args.stateType], [device, stateType]);
  }
  for (const bad of [0, 0xffff_ffff]) {
    const { status } = await guest.call(commands.getDeviceState, { args: { device: bad, stateType: 1 } });
    assert.equal(status, NtStatus.invalidParameter);
    const marked = await guest.call(commands.markDeviceAsError, { args: { device: bad } });
    assert.equal(marked.status, NtStatus.invalidParameter);
  }
  await finish(guest);
});

test('work that does not end: the device is lost after the time-out, others of other guests are not', async () => {
  const clock = new FakeClock();
  const guest = await RawGuest.start({ asyncMessages: true, clock });
  const device = await createDevice(guest);
  const { hwqueue } = await createHwQueue(guest, device);
  const adapter = guest.backend.opened[0]!;
  adapter.holdsRuns = true;
  guest.post(commands.submitCommandToHwQueue, { args: { hwqueue, hwqueueProgressFenceId: 1n } });
  await guest.call(commands.flushHeapTransitions, {});
  clock.advance(1999);
  await guest.call(commands.flushHeapTransitions, {});
  assert.equal(guest.deviceStates.length, 0);
  clock.advance(2);
  await guest.until(() => guest.deviceStates.length > 0);
  assert.equal(guest.deviceStates[0]!.state, DeviceExecutionState.hung);
  assert.equal(adapter.resets, 1);
  adapter.holdsRuns = false;
  const next = await createDevice(guest);
  const again = await createHwQueue(guest, next);
  guest.post(commands.submitCommandToHwQueue, {
    args: { hwqueue: again.hwqueue, hwqueueProgressFenceId: 1n },
  });
  await guest.call(commands.flushHeapTransitions, {});
  assert.equal(guest.fenceAt(again.fenceAddress), 1n);
  await finish(guest);
});

test('the GPU behind a virtual GPU is lost: every device is, once; the next device gets a new one', async () => {
  const guest = await RawGuest.start({ asyncMessages: true });
  const device = await createDevice(guest);
  const second = await createDevice(guest);
  const { hwqueue } = await createHwQueue(guest, device);
  guest.backend.opened[0]!.environment.onLost('the test says so');
  guest.backend.opened[0]!.environment.onLost('and again');
  await guest.call(commands.flushHeapTransitions, {});
  const states = guest.deviceStates.map(({ state }) => state);
  assert.deepEqual(states, [DeviceExecutionState.stopped, DeviceExecutionState.stopped]);
  guest.post(commands.submitCommandToHwQueue, { args: { hwqueue, hwqueueProgressFenceId: 1n } });
  const fresh = await createDevice(guest);
  assert.equal(guest.backend.opened.length, 2);
  const again = await createHwQueue(guest, fresh);
  guest.post(commands.submitCommandToHwQueue, {
    args: { hwqueue: again.hwqueue, hwqueueProgressFenceId: 1n },
  });
  await guest.call(commands.destroyDevice, { device });
  await guest.call(commands.destroyDevice, { device: second });
  assert.equal(guest.fenceAt(again.fenceAddress), 1n);
  // The process goes on, but nothing of it is left on the lost one.
  assert.equal(guest.backend.opened[0]!.isClosed, true);
  assert.equal(guest.backend.opened[1]!.isClosed, false);
  await finish(guest);
  assert.equal(guest.backend.opened[1]!.isClosed, true);
});

test('FlushDevice abandons what is queued and is answered when nothing runs; device 0 is an error', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  const context = await createContext(guest, device);
  const adapter = guest.backend.opened[0]!;
  adapter.holdsRuns = true;
  const args = { broadcastContextCount: 1, broadcastContext: [context] };
  await guest.call(commands.submitCommand, { args });
  await guest.call(commands.submitCommand, { args });
  let isAnswered = false;
  const flushed = guest.call(commands.flushDevice, { device, reason: 4 }).then((reply) => {
    isAnswered = true;
    return reply;
  });
  await guest.call(commands.flushHeapTransitions, {});
  assert.equal(isAnswered, false);
  [...adapter.running][0]!.finish();
  assert.equal((await flushed).status, NtStatus.success);
  assert.equal(adapter.submissions.length, 1);
  assert.equal(
    (await guest.call(commands.flushDevice, { device: 0, reason: 4 })).status,
    NtStatus.invalidParameter,
  );
  await finish(guest);
});

test('contexts: nodes, private data in and out, priorities, refusal by the backend', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  const make = (body: object) => guest.call(commands.createContextVirtual, { device, ...body });
  const made = await make({ nodeOrdinal: 1, privDrvData: Uint8Array.of(0, 1, 0xf0), clientHint: 4 });
  assert.notEqual(made.context, 0);
  assert.deepEqual(Uint8Array.from(made.privDrvData), Uint8Array.of(0xff, 0xfe, 0x0f));
  assert.equal(made.device, device);
  for (const body of [
    { nodeOrdinal: 2 },
    { nodeOrdinal: 0xffff_ffff },
    { engineAffinity: 2 },
    { device: 0 },
  ]) {
    assert.equal((await make(body)).context, 0);
  }
  const before = guest.partition.census();
  assert.equal((await make({ privDrvData: Uint8Array.of(0xff) })).context, 0);
  assert.deepEqual(guest.partition.census(), before);
  const { context } = made;
  for (const inProcess of [false, true]) {
    for (const priority of [-7, 0, 7, -8, 8, 0x7fff_ffff]) {
      const { status } = await guest.call(commands.setContextSchedulingPriority, {
        context,
        priority,
        inProcess,
      });
      const isValid = Math.abs(priority) <= 7;
      assert.equal(status, isValid ? NtStatus.success : NtStatus.invalidParameter);
      const now = await guest.call(commands.getContextSchedulingPriority, { context, inProcess });
      assert.equal(now.priority, isValid ? priority : 7);
    }
  }
  const onContext = await guest.call(commands.createHwQueue, { context });
  assert.equal(onContext.status, NtStatus.invalidParameter);
  assert.equal(onContext.hwqueue, 0);
  const flags = CreateContextFlags.hwQueueSupported;
  const container = await make({ flags });
  const payload = await guest.send(commands.createHwQueue, {
    context: container.context,
    privDrvData: new Uint8Array(5),
  });
  assert.equal(payload.length, 80);
  await guest.call(commands.destroyContext, { context: container.context });
  assert.equal(guest.partition.census()['hwQueues'], 0);
  const gone = await guest.call(commands.destroyContext, { context: container.context });
  assert.equal(gone.status, NtStatus.invalidParameter);
  await finish(guest);
});

test('a guest whose queues hold more bytes than its quota loses the device that asked for more, and no other', async () => {
  const quota = 1 << 20;
  const guest = await RawGuest.start({ asyncMessages: true, quotas: { queuedBytes: quota } });
  const [greedy, modest] = [await createDevice(guest), await createDevice(guest)];
  const { hwqueue } = await createHwQueue(guest, greedy);
  const other = await createHwQueue(guest, modest);
  const gate = await createFence(guest, greedy);
  guest.post(commands.waitForSyncObjectFromGpu, {
    context: hwqueue,
    objects: [gate.handle],
    fenceValues: [1n],
  });
  const privDrvData = new Uint8Array(100_000);
  const held: number[] = [];
  for (let id = 1n; id <= 12n; id += 1n) {
    guest.post(commands.submitCommandToHwQueue, {
      args: { hwqueue, hwqueueProgressFenceId: id },
      privDrvData,
    });
    await guest.call(commands.flushHeapTransitions, {});
    held.push(guest.host.census()['queuedBytes']!);
  }
  assert.ok(Math.max(...held) <= quota && Math.max(...held) >= quota * 0.9, `${held}`);
  assert.equal(held.at(-1), 0);
  assert.equal(await stateOf(guest, greedy), DeviceExecutionState.errorOutOfMemory);
  assert.equal(await stateOf(guest, modest), DeviceExecutionState.active);
  guest.post(commands.submitCommandToHwQueue, {
    args: { hwqueue: other.hwqueue, hwqueueProgressFenceId: 1n },
    privDrvData,
  });
  await guest.call(commands.flushHeapTransitions, {});
  assert.equal(guest.fenceAt(other.fenceAddress), 1n);
  await finish(guest);
});
