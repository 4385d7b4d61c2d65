import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CreateAllocationFlags, commands, NtStatus, PciConfig, SyncObjectType } from '@dxgwire/protocol';
import { FakeBackend } from './testing/fake-backend.ts';
import { createContext, createDevice, sizeData } from './testing/objects.ts';
import { IO_SPACE_START, RawGuest } from './testing/raw-guest.ts';

const emptyPartition = {
  processes: 0,
  devices: 0,
  allocations: 0,
  contexts: 0,
  hwQueues: 0,
  pagingQueues: 0,
  syncObjects: 0,
};

for (const interfaceVersion of [40, 27, 16, 33]) {
  for (const asyncMessages of [true, false]) {
    test(`bring-up with version ${interfaceVersion} offered, async messages ${asyncMessages ? 'on' : 'off'}`, async () => {
      const guest = await RawGuest.start({ interfaceVersion, asyncMessages });
      assert.equal(guest.version, interfaceVersion);
      assert.equal(guest.gpus[0]!.isAsync, asyncMessages);
      const info = await guest.call(commands.getInternalAdapterInfo, {});
      assert.equal(info.asyncMsgEnabled, asyncMessages);
      assert.equal(info.deviceDescription, 'Fake GPU 0');
      const { device } = await guest.call(commands.createDevice, { errorCode: 0x1234n });
      assert.notEqual(device, 0);
      assert.equal(guest.partition.census()['devices'], 1);
      assert.equal((await guest.call(commands.destroyDevice, { device })).status, NtStatus.success);
      assert.equal((await guest.call(commands.destroyProcess, {}, { process: guest.process })).status, 0);
      for (const [kind, count] of Object.entries(emptyPartition)) {
        assert.equal(guest.partition.census()[kind] ?? 0, count, kind);
      }
      await guest.close();
      assert.equal(guest.backend.left, 0);
      assert.deepEqual(guest.host.census(), { partitions: 0 });
    });
  }
}

test('configuration space: a write of the capabilities leaves the LUID as it is', async () => {
  const guest = new RawGuest({ mapGuestMemory: false });
  await guest.untilOffered();
  const [pci] = guest.bus.pciFunctions;
  const read = (offset: number): number => pci!.readConfig32(offset);
  const luid = [read(PciConfig.vgpuLuidOffset), read(PciConfig.vgpuLuidOffset + 4)];
  pci!.writeConfig32(PciConfig.guestCapsOffset, 0xffff_ffff);
  assert.deepEqual([read(PciConfig.vgpuLuidOffset), read(PciConfig.vgpuLuidOffset + 4)], luid);
  assert.equal(read(PciConfig.interfaceVersionOffset), 40);
  assert.equal(read(PciConfig.hostCapsOffset), 0);
  const vgpuOffer = guest.bus.offers[1]!;
  const guid = new Uint8Array(16);
  const view = new DataView(guid.buffer);
  for (let i = 0; i < 16; i += 4) view.setUint32(i, read(PciConfig.channelInstanceOffset + i), true);
  assert.deepEqual(guid, Uint8Array.from(vgpuOffer.instanceGuid));
  assert.equal(pci!.deviceId, PciConfig.deviceIdVirtualRender);
  await guest.close();
});

test('configuration space: a version that was not offered is not taken', async () => {
  const guest = new RawGuest();
  await guest.untilOffered();
  const [pci] = guest.bus.pciFunctions;
  for (const version of [0, 1, 15, 41, 0xffff_ffff]) {
    pci!.writeConfig32(PciConfig.interfaceVersionOffset, version);
  }
  await guest.negotiate();
  await guest.openChannels();
  assert.equal(guest.partition.negotiation.version, 40);
  await guest.close();
});

test('several virtual GPUs: each LUID reaches its own, on any channel; the last is compute only', async () => {
  for (const asyncMessages of [true, false]) {
    const guest = await RawGuest.start({ backend: new FakeBackend(3), asyncMessages });
    assert.deepEqual(
      guest.bus.pciFunctions.map((pci) => pci.deviceId),
      [0x8e, 0x8e, 0x8a],
    );
    const luids = guest.bus.offers.slice(1).map((offer) => offer.instanceGuid.slice(0, 8).join());
    assert.equal(new Set(luids).size, 3);
    for (const gpu of [0, 1, 2]) {
      for (const channel of [1, 2, 3, 4]) {
        const info = await guest.call(commands.getInternalAdapterInfo, {}, { gpu, channel });
        assert.equal(info.deviceDescription, `Fake GPU ${gpu}`);
        assert.deepEqual(info.hostVgpuLuid, guest.gpus[gpu]!.luid);
      }
    }
    await guest.close();
  }
});

test('several virtual GPUs below version 40: no async messages, the channel tells them apart', async () => {
  const guest = await RawGuest.start({
    backend: new FakeBackend(2),
    interfaceVersion: 27,
    asyncMessages: true,
  });
  for (const gpu of [0, 1]) {
    const info = await guest.call(commands.getInternalAdapterInfo, {}, { gpu });
    assert.equal(info.deviceDescription, `Fake GPU ${gpu}`);
    assert.equal(info.asyncMsgEnabled, false);
  }
  const failed = await guest.send(commands.getInternalAdapterInfo, {}, { channel: 1 });
  assert.equal(failed.length, 0);
  await guest.close();
});

test('SetIoSpaceRegion refuses what cannot be an IO space', async () => {
  const guest = await RawGuest.start();
  await guest.call(commands.destroyProcess, {}, { process: guest.process });
  const length = BigInt(guest.bus.window.lengthBytes);
  const bad: [bigint, bigint][] = [
    [0n, length],
    [IO_SPACE_START + 1n, length],
    [IO_SPACE_START, length - 1n],
    [IO_SPACE_START, 0n],
    [(1n << 52n) - 4096n, length],
    [1n << 63n, length],
    [0xffff_ffff_ffff_f000n, length],
  ];
  for (const [start, bytes] of bad) {
    const { status } = await guest.call(commands.setIoSpaceRegion, { start, length: bytes });
    assert.equal(status, NtStatus.invalidParameter, `${start} ${bytes}`);
  }
  assert.equal(
    (await guest.call(commands.setIoSpaceRegion, { start: IO_SPACE_START * 2n, length })).status,
    0,
  );
  const inRam = BigInt(guest.bus.memory.allocate(4096).address);
  assert.equal(
    (await guest.call(commands.setIoSpaceRegion, { start: inRam, length })).status,
    NtStatus.invalidParameter,
  );
  await guest.close();
});

test('the embedding program hears where the guest puts the window, may refuse it, and hears of its end', async () => {
  const places: (bigint | null)[] = [];
  const guest = await RawGuest.start({
    onIoSpace: (place) => {
      places.push(place?.start ?? null);
      return place?.start !== IO_SPACE_START * 2n;
    },
  });
  assert.deepEqual(places, [IO_SPACE_START]);
  await guest.call(commands.destroyProcess, {}, { process: guest.process });
  const length = BigInt(guest.bus.window.lengthBytes);
  const { status } = await guest.call(commands.setIoSpaceRegion, { start: IO_SPACE_START * 2n, length });
  assert.equal(status, NtStatus.invalidParameter);
  await guest.close();
  assert.deepEqual(places.slice(0, 2), [IO_SPACE_START, IO_SPACE_START * 2n]);
  assert.equal(places.at(-1), null);
});

test('a backend that cannot open its adapter fails OpenAdapter, and CreateDevice, with DEVICE_REMOVED', async () => {
  const backend = new FakeBackend();
  backend.failure = 'no such device';
  const guest = new RawGuest({ backend });
  await guest.negotiate();
  await guest.openChannels();
  const opened = await guest.call(commands.openAdapter, {});
  assert.equal(opened.status, NtStatus.deviceRemoved);
  guest.process = (await guest.call(commands.createProcess, {})).hprocess;
  assert.equal((await guest.call(commands.createDevice, {})).device, 0);
  backend.failure = null;
  assert.equal((await guest.call(commands.openAdapter, {})).status, NtStatus.success);
  assert.notEqual((await guest.call(commands.createDevice, {})).device, 0);
  await guest.close();
});

test('CloseAdapter and a closed channel end what is on that virtual GPU, and nothing else', async () => {
  const guest = await RawGuest.start({ backend: new FakeBackend(2), asyncMessages: false });
  const first = await guest.call(commands.createDevice, {}, { gpu: 0 });
  const second = await guest.call(commands.createDevice, {}, { gpu: 1 });
  assert.equal(guest.partition.census()['devices'], 2);
  const wrong = guest.gpus[1]!.adapterHandle;
  await guest.send(commands.closeAdapter, { hostHandle: wrong }, { gpu: 0 });
  assert.equal(guest.partition.census()['devices'], 2);
  await guest.send(commands.closeAdapter, { hostHandle: guest.gpus[0]!.adapterHandle }, { gpu: 0 });
  assert.equal(guest.partition.census()['devices'], 1);
  const gone = await guest.call(commands.destroyDevice, { device: first.device }, { gpu: 0 });
  assert.equal(gone.status, NtStatus.invalidParameter);
  await guest.channel(3).close();
  await guest.call(commands.createProcess, {});
  assert.equal(guest.partition.census()['devices'], 0);
  assert.notEqual(second.device, 0);
  assert.equal(guest.backend.left, 0);
  await guest.close();
});

test('the global channel closed ends all processes; the driver may start again on the same link', async () => {
  const guest = await RawGuest.start();
  await guest.call(commands.createDevice, {});
  await guest.channel(1).close();
  await guest.channel(2).close();
  guest.gpus.splice(0);
  await guest.negotiate();
  await guest.openChannels();
  await guest.openAdapters();
  assert.equal(guest.partition.census()['processes'], 0);
  assert.equal(guest.backend.left, 0);
  guest.process = (await guest.call(commands.createProcess, {})).hprocess;
  assert.notEqual((await guest.call(commands.createDevice, {})).device, 0);
  await guest.close();
});

/** Where the embedding program is told that the IO space is; null: that it is gone. */
function recordIoSpace() {
  const places: (bigint | null)[] = [];
  const onIoSpace = (place: { readonly start: bigint } | null): boolean => {
    places.push(place?.start ?? null);
    return true;
  };
  return { places, onIoSpace };
}

/** Work that runs until the test ends it. */
async function startHeldWork(guest: RawGuest): Promise<void> {
  guest.backend.opened[0]!.holdsRuns = true;
  const context = await createContext(guest, await createDevice(guest));
  guest.post(commands.submitCommand, {
    args: { broadcastContextCount: 1, broadcastContext: [context] },
  });
  await guest.call(commands.createProcess, {});
  assert.equal(guest.backend.opened[0]!.running.size, 1);
}

async function endHeldWork(guest: RawGuest): Promise<void> {
  for (const run of [...guest.backend.opened[0]!.running]) run.finish();
  await guest.call(commands.createProcess, {});
}

test('a driver that starts while work of the one before still runs keeps what it negotiated, and its IO space', async () => {
  const { places, onIoSpace } = recordIoSpace();
  const guest = await RawGuest.start({ onIoSpace });
  await startHeldWork(guest);
  await guest.channel(1).close();
  await guest.channel(2).close();
  guest.gpus.splice(0);
  await guest.negotiate();
  await guest.openChannels();
  await guest.openAdapters();
  await endHeldWork(guest);
  assert.equal(guest.partition.negotiation.version, 40);
  assert.deepEqual(places, [IO_SPACE_START, null, IO_SPACE_START]);
  guest.process = (await guest.call(commands.createProcess, {})).hprocess;
  const info = { type: SyncObjectType.monitoredFence };
  const device = await createDevice(guest);
  const made = await guest.call(commands.createSyncObject, { args: { device, info } });
  assert.equal(made.fenceStorageAddress >= IO_SPACE_START, true);
  await guest.close();
});

test('the embedding program hears of the IO space once when a link fails', async () => {
  const { places, onIoSpace } = recordIoSpace();
  const guest = await RawGuest.start({ onIoSpace });
  guest.sendBytesOneWay(1, new Uint8Array(8));
  await guest.untilClosed();
  await guest.partition.ended;
  assert.deepEqual(places, [IO_SPACE_START, null]);
  await guest.close();
});

test('a virtual GPU opened again while work from before still runs keeps the resources that are shared on it', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  await startHeldWork(guest);
  await guest.channel(2).close();
  await guest.openChannel(2);
  await guest.openAdapters();
  const { createResource, createShared, ntSecuritySharing } = CreateAllocationFlags;
  const device = await createDevice(guest);
  const { resource } = await guest.call(commands.createAllocation, {
    device,
    flags: createResource | createShared | ntSecuritySharing,
    allocInfo: [{ privDrvData: sizeData(4096) }],
  });
  const { sharedHandle } = await guest.call(commands.createNtSharedObject, { object: resource });
  assert.notEqual(sharedHandle, 0);
  await endHeldWork(guest);
  const { status } = await guest.call(commands.destroyNtSharedObject, { sharedHandle });
  assert.equal(status, NtStatus.success);
  await guest.close();
});

test('a GPU that is lost while it is being opened is opened again when it is needed', async () => {
  const backend = new FakeBackend();
  backend.isLostEarly = true;
  const guest = new RawGuest({ backend });
  await guest.negotiate();
  backend.isLostEarly = false;
  await guest.openChannels();
  await guest.openAdapters();
  guest.process = (await guest.call(commands.createProcess, {})).hprocess;
  assert.notEqual((await guest.call(commands.createDevice, {})).device, 0);
  assert.deepEqual(
    backend.opened.map(({ isClosed }) => isClosed),
    [true, false],
  );
  await guest.close();
});

test('a virtual GPU that is taken away while it is being opened gets no device', async () => {
  const backend = new FakeBackend();
  let open = (): void => {};
  backend.opening = new Promise((resolve) => {
    open = resolve;
  });
  const guest = new RawGuest({ backend });
  await guest.negotiate();
  await guest.openChannels();
  guest.process = (await guest.call(commands.createProcess, {})).hprocess;
  const created = guest.call(commands.createDevice, {}, { channel: 1 });
  await guest.call(commands.createProcess, {});
  guest.partition.removeGpu(0);
  open();
  assert.equal((await created).device, 0);
  assert.equal(guest.partition.census()['devices'], 0);
  await guest.close();
});

test('without an IO space nothing is made that a guest CPU should see', async () => {
  const guest = new RawGuest();
  await guest.negotiate();
  await guest.openChannelsOnly();
  await guest.openAdapters();
  guest.process = (await guest.call(commands.createProcess, {})).hprocess;
  const { device } = await guest.call(commands.createDevice, {});
  const info = { type: SyncObjectType.monitoredFence };
  assert.equal((await guest.send(commands.createSyncObject, { args: { device, info } })).length, 0);
  assert.equal((await guest.send(commands.createPagingQueue, { args: { device } })).length, 0);
  const made = await guest.call(commands.createAllocation, { device, allocInfo: [{}] });
  const { allocation } = made.allocationInfo[0]!;
  assert.equal(
    (await guest.call(commands.lock2, { args: { device, allocation } })).status,
    NtStatus.noMemory,
  );
  assert.equal(guest.partition.census()['windowPages'], 0);
  await guest.close();
});

test('a virtual GPU taken away: devices stop first, the channel goes when they are gone', async () => {
  const guest = await RawGuest.start({ backend: new FakeBackend(2) });
  const first = await guest.call(commands.createDevice, { errorCode: 1n }, { gpu: 0 });
  const second = await guest.call(commands.createDevice, {}, { gpu: 1 });
  const rescinded: number[] = [];
  guest.bus.onRescind = (index) => rescinded.push(index);
  guest.partition.removeGpu(0);
  const args = { device: first.device, stateType: 1 };
  assert.equal((await guest.call(commands.getDeviceState, { args }, { gpu: 0 })).args.executionState, 4);
  assert.deepEqual(guest.deviceStates, [{ cookie: 1n, state: 4 }]);
  assert.equal((await guest.call(commands.createDevice, {}, { gpu: 0 })).device, 0);
  assert.deepEqual(rescinded, []);
  await guest.call(commands.destroyDevice, { device: first.device }, { gpu: 0 });
  await guest.call(commands.flushHeapTransitions, {}, { gpu: 1 });
  assert.deepEqual(rescinded, [2]);
  const other = await guest.call(
    commands.getDeviceState,
    { args: { device: second.device, stateType: 1 } },
    { gpu: 1 },
  );
  assert.equal(other.args.executionState, 1);
  guest.partition.removeGpu(1, { force: true });
  await guest.call(commands.createProcess, {});
  assert.deepEqual(rescinded, [2, 3]);
  assert.equal(guest.partition.census()['devices'], 0);
  assert.throws(() => guest.partition.removeGpu(2), RangeError);
  assert.equal(guest.backend.left, 0);
  await guest.close();
});

const endsBeforeRemoval: Record<string, (guest: RawGuest) => unknown> = {
  'its guest is killed': (guest) => guest.bus.abort(new Error('killed')),
  'its guest closes the bus': (guest) => guest.bus.close(),
  'the host closes it': (guest) => guest.partition.close(),
  'the bus has taken its channel away': (guest) => guest.hostBus.rescind(2),
};
for (const [what, end] of Object.entries(endsBeforeRemoval)) {
  test(`a virtual GPU that is to go when it is unused goes also where ${what} before`, async () => {
    const guest = await RawGuest.start({ backend: new FakeBackend(2) });
    await createDevice(guest);
    guest.partition.removeGpu(0);
    await end(guest);
    await guest.close();
    assert.equal(guest.backend.left, 0);
  });
}

test('options that cannot be are refused before anything is offered', () => {
  for (const options of [
    { interfaceVersion: 41 },
    { interfaceVersion: 15 },
    { adapters: [1] },
    { adapters: [] },
  ]) {
    assert.throws(() => new RawGuest(options), RangeError);
  }
});
