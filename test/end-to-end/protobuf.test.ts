import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type KmtDriver, type KmtProcess, startDriver, unwrap } from '@dxgwire/guest/kmt';
import { createGPU, globals } from '@dxgwire/guest/webgpu';
import { createHost, type Host } from '@dxgwire/host';
import { type Backend, createReferenceBackend, ReferenceEncoder } from '@dxgwire/host/backends';
import { createWebgpuBackend } from '@dxgwire/host/backends/webgpu';
import { CreateAllocationFlags } from '@dxgwire/protocol';
import { decodeEnvelope } from '@dxgwire/protocol/protobuf';
import type { Channel, GuestBus } from '@dxgwire/transport';
import { connectWebSocket, listenWebSocket } from '@dxgwire/transport/websocket/node';

/** Commands as protobuf envelopes over WebSocket: the same calls with the same results as in packed form. */

const PAGE = 4096;
const MONITORED_FENCE = 5;
const HW_QUEUE_SUPPORTED = 0x10;

/** A host as any, guests that ask for protobuf, and the commands that were on the wire. */
class ProtobufLink {
  readonly host: Host;
  /** Commands that guests sent, by name; `packed` for those without a protobuf form. */
  readonly sent = new Map<string, number>();
  readonly #backend: Backend;
  readonly #listener: Awaited<ReturnType<typeof listenWebSocket>>;
  readonly #buses: GuestBus[] = [];

  private constructor(host: Host, backend: Backend, listener: Awaited<ReturnType<typeof listenWebSocket>>) {
    this.host = host;
    this.#backend = backend;
    this.#listener = listener;
  }

  static async start(backend: Backend, interfaceVersion = 40): Promise<ProtobufLink> {
    const host = createHost({ backend });
    const listener = await listenWebSocket({
      host: '127.0.0.1',
      port: 0,
      onHostBus: (bus) => host.attach(bus, { interfaceVersion }),
    });
    return new ProtobufLink(host, backend, listener);
  }

  async connect(): Promise<GuestBus> {
    const bus = await connectWebSocket(this.#listener.url, { codecs: ['protobuf'] });
    assert.equal(bus.codec, 'protobuf');
    this.#buses.push(bus);
    const open = bus.open.bind(bus);
    bus.open = async (index) => this.#watch(await open(index));
    return bus;
  }

  /** Every packet must be an envelope. */
  #watch(channel: Channel): Channel {
    const send = channel.send.bind(channel);
    channel.send = (kind, idLow, idHigh, flags, bytes, offset, length) => {
      const envelope = decodeEnvelope(bytes.subarray(offset, offset + length));
      const name = envelope.kind === 'packed' ? 'packed' : envelope.def.name;
      this.sent.set(name, (this.sent.get(name) ?? 0) + 1);
      return send(kind, idLow, idHigh, flags, bytes, offset, length);
    };
    return channel;
  }

  async close(): Promise<void> {
    for (const bus of this.#buses) await bus.close().catch(() => {});
    await this.#listener.close();
    await this.host.close();
    await this.#backend.close();
  }
}

function sized(bytes: number): Uint8Array {
  const data = new Uint8Array(16);
  new DataView(data.buffer).setBigUint64(0, BigInt(bytes), true);
  return data;
}

for (const version of [40, 27]) {
  describe(`D3DKMT calls as protobuf, interface version ${version}`, () => {
    let link: ProtobufLink;
    let driver: KmtDriver;
    let process: KmtProcess;

    before(async () => {
      link = await ProtobufLink.start(createReferenceBackend(), version);
      driver = await startDriver(await link.connect());
      process = await driver.openDevice({ pid: 5, comm: 'protobuf' });
    });
    after(async () => {
      await process.closeDevice();
      await driver.close();
      await link.close();
    });

    test('memory is allocated, filled by the GPU and read through a lock', async () => {
      assert.equal(driver.interfaceVersion, version);
      const listed = await process.enumAdapters3({ filter: 1n, adapterCount: 16 });
      const adapter = unwrap(listed, 'enumAdapters3').adapters[0]?.adapterHandle ?? 0;
      const { device } = unwrap(await process.createDevice({ adapter }), 'createDevice');
      const paging = unwrap(await process.createPagingQueue({ device }), 'createPagingQueue');
      const wait = async (fence: number, value: bigint): Promise<void> => {
        const waited = { device, objects: [fence], fenceValues: [value] };
        unwrap(await process.waitForSynchronizationObjectFromCpu(waited), 'wait');
      };
      const made = { device, flags: HW_QUEUE_SUPPORTED, engineAffinity: 1 };
      const { context } = unwrap(await process.createContextVirtual(made), 'createContextVirtual');
      const queue = unwrap(await process.createHwQueue({ context }), 'createHwQueue');
      const created = unwrap(
        await process.createAllocation({ device, allocationInfo: [{ privDrvData: sized(4 * PAGE) }] }),
        'createAllocation',
      );
      const allocation = created.allocationInfo[0]?.allocation ?? 0;
      const { pagingQueue } = paging;
      const place = { pagingQueue, allocation, sizeInPages: 4n, protection: 1n };
      const mapped = unwrap(await process.mapGpuVirtualAddress(place), 'mapGpuVirtualAddress');
      await wait(paging.syncObject, mapped.pagingFenceValue);
      const resident = unwrap(
        await process.makeResident({ pagingQueue, allocationList: [allocation] }),
        'makeResident',
      );
      await wait(paging.syncObject, resident.pagingFenceValue);

      const privDrvData = new ReferenceEncoder().fill(mapped.virtualAddress, 64n, 0xdecafbad).privateData();
      const submitted = { hwqueue: queue.queue, hwqueueProgressFenceId: 1n, privDrvData };
      unwrap(await process.submitCommandToHwQueue(submitted), 'submitCommandToHwQueue');
      await wait(queue.queueProgressFence, 1n);
      const { data } = unwrap(await process.lock2({ device, allocation }), 'lock2');
      assert.ok(data !== null && data !== undefined);
      assert.deepEqual([...data.subarray(60, 66)], [0xad, 0xfb, 0xca, 0xde, 0, 0]);
      unwrap(await process.unlock2({ device, allocation }), 'unlock2');
      unwrap(await process.destroyAllocation2({ device, allocations: [allocation] }), 'destroy');
      assert.ok((link.sent.get('SubmitCommandToHwQueue') ?? 0) === 1);
      assert.ok((link.sent.get('CreateAllocation') ?? 0) === 1);
      assert.equal(link.sent.get('packed'), undefined);
    });

    test('fences of 64 bits are exact, and refused calls are refused alike', async () => {
      const listed = await process.enumAdapters3({ filter: 1n, adapterCount: 16 });
      const adapter = unwrap(listed, 'enumAdapters3').adapters[0]?.adapterHandle ?? 0;
      const { device } = unwrap(await process.createDevice({ adapter }), 'createDevice');
      const value = 0xffff_0000_ffff_0001n;
      const info = { type: MONITORED_FENCE, monitoredFence: { initialFenceValue: value } };
      const fence = unwrap(await process.createSynchronizationObject2({ device, info }), 'fence');
      assert.equal(fence.fenceView?.value(), value);
      const signal = { device, objects: [fence.syncObject], fenceValues: [value + 5n] };
      unwrap(await process.signalSynchronizationObjectFromCpu(signal), 'signal');
      unwrap(await process.waitForSynchronizationObjectFromCpu(signal), 'wait');
      assert.equal(fence.fenceView?.value(), value + 5n);
      assert.ok((await process.destroyDevice({ device: 0xc0ffee40 })).ret < 0);
      const flags = CreateAllocationFlags.createProtected;
      const none = { device, flags, allocationInfo: [{ privDrvData: sized(PAGE) }] };
      assert.ok((await process.createAllocation(none)).ret < 0, 'a failure without a status');
      unwrap(await process.destroyDevice({ device }), 'destroyDevice');
    });
  });
}

test('WebGPU as protobuf: a buffer goes to Dawn and comes back', async () => {
  const { GPUBufferUsage, GPUMapMode } = globals;
  const link = await ProtobufLink.start(await createWebgpuBackend());
  const gpu = createGPU({ connect: () => link.connect() });
  try {
    const adapter = await gpu.requestAdapter();
    assert.ok(adapter !== null);
    const device = await adapter.requestDevice();
    const source = device.createBuffer({
      size: 64,
      usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    const target = device.createBuffer({
      size: 64,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    const data = Uint8Array.from({ length: 64 }, (_, index) => 3 * index);
    device.queue.writeBuffer(source, 0, data);
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(source, 0, target, 0, 64);
    device.queue.submit([encoder.finish()]);
    await target.mapAsync(GPUMapMode.READ);
    assert.deepEqual(new Uint8Array(target.getMappedRange()), data);
    target.unmap();
    device.destroy();
  } finally {
    await gpu.close();
    await link.close();
  }
});
