import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AdapterType,
  commands,
  Feature,
  FeatureResult,
  NtStatus,
  QueryAdapterInfoType as Type,
} from '@dxgwire/protocol';
import { encodeAdapterCaps } from '@dxgwire/protocol/blobs';
import { FakeBackend } from '../testing/fake-backend.ts';
import {
  createAllocation,
  createContext,
  createDevice,
  createPagingQueue,
  finish,
} from '../testing/objects.ts';
import { RawGuest } from '../testing/raw-guest.ts';

const MEBIBYTE = 1 << 20;

async function query(
  guest: RawGuest,
  queryType: number,
  bytes: number,
  fill: (view: DataView) => void = () => {},
) {
  const privateData = new Uint8Array(bytes);
  fill(new DataView(privateData.buffer));
  const reply = await guest.call(commands.queryAdapterInfo, { queryType, privateData });
  return {
    status: reply.status,
    data: reply.privateData.slice(),
    view: new DataView(reply.privateData.slice().buffer),
  };
}

function textAt(view: DataView, offset: number): string {
  let text = '';
  for (let at = offset; at + 2 <= view.byteLength; at += 2) {
    const unit = view.getUint16(at, true);
    if (unit === 0) break;
    text += String.fromCharCode(unit);
  }
  return text;
}

test('QueryAdapterInfo: what the adapter is, in every type that is offered', async () => {
  const guest = await RawGuest.start();
  const ok = async (type: number, bytes: number, fill?: (view: DataView) => void): Promise<DataView> => {
    const { status, view } = await query(guest, type, bytes, fill);
    assert.equal(status, NtStatus.success, String(type));
    return view;
  };
  for (const type of [Type.adapterType, Type.adapterTypeRender]) {
    const bits = (await ok(type, 4)).getUint32(0, true);
    assert.equal(
      bits,
      AdapterType.renderSupported | AdapterType.softwareDevice | AdapterType.paravirtualized,
    );
  }
  const sizes = await ok(Type.segmentSizes, 24);
  assert.equal(sizes.getBigUint64(0, true), BigInt(64 * MEBIBYTE));
  assert.equal(sizes.getBigUint64(16, true), BigInt(256 * MEBIBYTE));
  assert.equal((await ok(Type.physicalAdapterCount, 4)).getUint32(0, true), 1);
  const ids = await ok(Type.physicalAdapterDeviceIds, 28);
  assert.equal(ids.getUint32(4, true), 0x1234);
  assert.equal(ids.getUint32(8, true), 0x5678);
  const node = await ok(Type.nodeMetadata, 80, (view) => view.setUint16(0, 1, true));
  assert.equal(node.getUint32(4, true), 6);
  assert.equal(textAt(node, 8), 'Copy');
  assert.equal(textAt(await ok(Type.driverDescription, 8192), 0), 'Fake GPU 0');
  assert.equal(textAt(await ok(Type.driverDescriptionRender, 8200), 0), 'Fake GPU 0');
  assert.equal(textAt(await ok(Type.adapterRegistryInfo, 2080), 0), 'Fake GPU 0');
  assert.notEqual(textAt(await ok(Type.umDriverFileName, 524), 4), '');
  assert.equal((await ok(Type.driverVersion, 13)).getUint32(0, true), 2700);
  assert.equal((await ok(Type.wddm27Caps, 4)).getUint32(0, true), 7);
  assert.equal((await ok(Type.virtualAddressInfo, 4)).getUint32(0, true), 1);
  assert.equal((await ok(Type.segmentGroupSizes, 56)).getBigUint64(32, true), BigInt(64 * MEBIBYTE));
  assert.equal((await ok(Type.queryRegistry, 552)).getUint32(540, true), 2);
  assert.equal((await ok(Type.adapterAddress, 12)).getUint32(8, true), 0);
  await guest.close();
});

test('QueryAdapterInfo refuses small buffers and bad arguments, and does not offer other types', async () => {
  const guest = await RawGuest.start();
  for (const [type, bytes] of [
    [Type.adapterType, 3],
    [Type.umDriverPrivate, 3],
    [Type.segmentSizes, 23],
    [Type.nodeMetadata, 79],
    [Type.driverDescription, 8191],
    [Type.adapterType, 0],
  ] as const) {
    assert.equal((await query(guest, type, bytes)).status, NtStatus.invalidParameter);
  }
  const badNode = await query(guest, Type.nodeMetadata, 80, (view) => view.setUint16(0, 2, true));
  assert.equal(badNode.status, NtStatus.invalidParameter);
  const badAdapter = await query(guest, Type.physicalAdapterDeviceIds, 28, (view) =>
    view.setUint32(0, 1, true),
  );
  assert.equal(badAdapter.status, NtStatus.invalidParameter);
  for (const type of [2, 4, 14, 61, 78, 0xffff_ffff]) {
    assert.equal((await query(guest, type, 64)).status, NtStatus.notSupported);
  }
  await guest.close();
});

test('the capabilities for the user-mode driver: length first, then the bytes if they fit', async () => {
  const guest = await RawGuest.start();
  const fits = await query(guest, Type.umDriverPrivate, 16, (view) => view.setUint32(8, 0xffff_ffff, true));
  assert.deepEqual([...fits.data], [5, 0, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0]);
  const exact = await query(guest, Type.umDriverPrivate, 9);
  assert.deepEqual([...exact.data], [5, 0, 0, 0, 1, 2, 3, 4, 5]);
  const short = await query(guest, Type.umDriverPrivate, 8);
  assert.deepEqual([...short.data], [5, 0, 0, 0, 0, 0, 0, 0]);
  await guest.close();
});

test('QueryAdapterInfo below version 40 has no status: data, or a short reply', async () => {
  const guest = await RawGuest.start({ interfaceVersion: 27 });
  const privateData = new Uint8Array(4);
  const payload = await guest.send(commands.queryAdapterInfo, { queryType: Type.driverVersion, privateData });
  assert.equal(payload.length, 8);
  assert.equal(new DataView(payload.buffer).getUint32(0, true), 2700);
  assert.equal((await guest.send(commands.queryAdapterInfo, { queryType: 2, privateData })).length, 0);
  await guest.close();
});

test("features: ours and the driver's, with the WebGPU stream only where the backend has it", async () => {
  const caps = encodeAdapterCaps({
    version: 1,
    streamVersion: 1,
    info: {
      vendor: 'v',
      architecture: 'a',
      device: 'd',
      description: 'x',
      subgroupMinSize: 4,
      subgroupMaxSize: 4,
      isFallbackAdapter: true,
    },
    features: [],
    limits: {},
    wgslLanguageFeatures: [],
  });
  for (const hasStream of [false, true]) {
    const backend = new FakeBackend();
    if (hasStream) Object.assign(backend.adapters[0]!, { userModeCaps: caps });
    const guest = await RawGuest.start({ backend });
    const bits = async (featureId: number): Promise<number> => {
      const reply = await guest.call(commands.isFeatureEnabled, { featureId });
      assert.equal(reply.status, NtStatus.success);
      return reply.result.value;
    };
    const all = 0xf;
    assert.equal(await bits(Feature.hardwareScheduling), all);
    assert.equal(await bits(Feature.createResident), all);
    assert.equal(await bits(Feature.pipelinedCreation), all);
    assert.equal(await bits(Feature.returnEvents), all);
    assert.equal(await bits(Feature.webgpuCommandStream), hasStream ? all : FeatureResult.knownFeature);
    assert.equal(await bits(Feature.pageBasedMemoryManager), FeatureResult.knownFeature);
    assert.equal(await bits(12_345), 0);
    const global = await guest.call(commands.isFeatureEnabledGlobal, { featureId: Feature.createResident });
    assert.equal(global.result.value, all);
    await guest.close();
  }
});

test('video memory: budget, use and reservation of each group', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const { pagingQueue } = await createPagingQueue(guest, device);
  const adapter = guest.gpus[0]!.adapterHandle;
  const info = (memorySegmentGroup: number, more: object = {}) =>
    guest.call(commands.queryVideoMemoryInfo, { adapter, memorySegmentGroup, ...more });
  const before = await info(0);
  assert.equal(before.budget, BigInt(64 * MEBIBYTE));
  assert.equal(before.currentUsage, 0n);
  const allocation = await createAllocation(guest, device, 8 * MEBIBYTE);
  await guest.call(commands.makeResident, { pagingQueue, allocations: [allocation] });
  assert.equal((await info(0)).currentUsage, BigInt(8 * MEBIBYTE));
  const reserve = async (reservation: bigint, more: object = {}) =>
    (
      await guest.call(commands.changeVideoMemoryReservation, {
        args: { memorySegmentGroup: 0, reservation, ...more },
      })
    ).status;
  const { availableForReservation } = await info(0);
  assert.equal(await reserve(availableForReservation), NtStatus.success);
  assert.equal((await info(0)).currentReservation, availableForReservation);
  assert.equal(await reserve(availableForReservation + 1n), NtStatus.invalidParameter);
  assert.equal(await reserve(0xffff_ffff_ffff_ffffn), NtStatus.invalidParameter);
  assert.equal(await reserve(0n, { memorySegmentGroup: 2 }), NtStatus.invalidParameter);
  assert.equal(await reserve(0n, { physicalAdapterIndex: 1 }), NtStatus.invalidParameter);
  for (const body of [
    { adapter: 0 },
    { adapter: device },
    { memorySegmentGroup: 2 },
    { physicalAdapterIndex: 1 },
  ]) {
    const payload = await guest.send(commands.queryVideoMemoryInfo, {
      adapter,
      memorySegmentGroup: 0,
      ...body,
    });
    assert.equal(payload.length, 0);
  }
  await finish(guest);
});

test("clock calibration: the node's counter and the host's time", async () => {
  const guest = await RawGuest.start();
  const adapter = guest.gpus[0]!.adapterHandle;
  const calibrate = (args: object) =>
    guest.call(commands.queryClockCalibration, { args: { adapter, ...args } });
  const first = await calibrate({ nodeOrdinal: 1 });
  assert.equal(first.status, NtStatus.success);
  assert.equal(first.clockData.gpuFrequency, 1_000_000n);
  assert.equal(first.clockData.gpuClockCounter, 12_345n);
  const second = await calibrate({});
  assert.ok(second.clockData.cpuClockCounter >= first.clockData.cpuClockCounter);
  for (const args of [{ nodeOrdinal: 2 }, { adapter: 0 }, { physicalAdapterIndex: 1 }]) {
    assert.equal((await calibrate(args)).status, NtStatus.invalidParameter);
  }
  await guest.close();
});

test('statistics are measured: per adapter, process, segment and node', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  const context = await createContext(guest, device);
  const { pagingQueue } = await createPagingQueue(guest, device);
  const allocation = await createAllocation(guest, device, MEBIBYTE);
  await guest.call(commands.makeResident, { pagingQueue, allocations: [allocation] });
  await guest.call(commands.flushHeapTransitions, {});
  for (let i = 0; i < 3; i += 1) {
    const args = { broadcastContextCount: 1, broadcastContext: [context] };
    await guest.call(commands.submitCommand, { args });
  }
  const adapterLuid = guest.gpus[0]!.hostAdapterLuid;
  const ask = async (type: number, selector = 0n, process = guest.process) => {
    const reply = await guest.call(
      commands.queryStatistics,
      { args: { type, adapterLuid, selector } },
      { process },
    );
    return { status: reply.status, view: new DataView(reply.result.slice().buffer) };
  };
  const adapter = await ask(0, 0n, 0);
  assert.deepEqual([adapter.view.getUint32(0, true), adapter.view.getUint32(4, true)], [2, 2]);
  assert.equal((await ask(1)).view.getUint32(0, true), 2);
  assert.equal((await ask(2)).view.getUint32(4, true), 2);
  const segment = await ask(3);
  assert.equal(segment.view.getBigUint64(0, true), BigInt(64 * MEBIBYTE));
  assert.equal(segment.view.getBigUint64(16, true), BigInt(MEBIBYTE));
  assert.equal((await ask(4)).view.getBigUint64(0, true), BigInt(MEBIBYTE));
  for (const type of [5, 6]) {
    const node = await ask(type);
    assert.deepEqual([node.view.getUint32(76, true), node.view.getUint32(80, true)], [3, 3]);
    assert.equal((await ask(type, 1n)).view.getUint32(76, true), 0);
    assert.equal((await ask(type, 2n)).status, NtStatus.invalidParameter);
  }
  assert.equal((await ask(9)).view.getBigUint64(16, true), BigInt(MEBIBYTE));
  assert.equal((await ask(3, 2n)).status, NtStatus.invalidParameter);
  for (const type of [1, 2, 4, 6, 9])
    assert.equal((await ask(type, 0n, 0)).status, NtStatus.invalidParameter);
  for (const type of [7, 8, 10, 11, 0xffff_ffff])
    assert.equal((await ask(type)).status, NtStatus.notSupported);
  const args = { type: 0, adapterLuid: { low: 1, high: 1 } };
  assert.equal((await guest.call(commands.queryStatistics, { args })).status, NtStatus.invalidParameter);
  const { process } = guest;
  guest.process = (await guest.call(commands.createProcess, {})).hprocess;
  assert.equal((await ask(6, 0n, process)).view.getUint32(76, true), 3);
  assert.equal((await ask(6)).view.getUint32(76, true), 0);
  await guest.call(commands.destroyProcess, {}, { process });
  await finish(guest);
});

test('escapes go to the backend with the device and context they name; other kinds and bad names fail', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const context = await createContext(guest, device);
  const adapter = guest.gpus[0]!.adapterHandle;
  const send = (body: object) =>
    guest.send(commands.escape, { adapter, privDrvData: Uint8Array.of(1, 2, 3), ...body });
  assert.deepEqual([...(await send({}))], [3, 2, 1, 0, 0, 0, 0, 0]);
  assert.deepEqual([...(await send({ device, context }))].slice(0, 3), [3, 2, 1]);
  for (const body of [
    { adapter: 0 },
    { device: 5 },
    { context: device },
    { context: 0xffff_ffff },
    { type: 1 },
  ]) {
    assert.equal((await send(body)).length, 0);
  }
  await finish(guest);
});

test('FlushHeapTransitions and GetInternalAdapterInfo', async () => {
  const guest = await RawGuest.start();
  assert.equal((await guest.call(commands.flushHeapTransitions, {})).status, NtStatus.success);
  const info = await guest.call(commands.getInternalAdapterInfo, {});
  assert.deepEqual(info.hostVgpuLuid, guest.gpus[0]!.luid);
  assert.equal(info.deviceInstanceId, 'FAKE\\0');
  await guest.close();
});
