import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type KmtProcess, startDriver, unwrap } from '@dxgwire/guest/kmt';
import { ReferenceEncoder } from '@dxgwire/host/backends';
import { CaptureReader, type CaptureRecord } from '@dxgwire/transport/capture';
import { connect } from '@dxgwire/transport/connect';
import { dxgwire, HostProcess } from '../test-support/dxgwire.ts';

/** Buffers that are written, mapped for writing and for reading: all that a WebGPU guest shares with its host. */
const PROGRAM = `
const adapter = await navigator.gpu.requestAdapter();
const device = await adapter.requestDevice();
const size = 65536;
const { COPY_SRC, COPY_DST, MAP_READ, MAP_WRITE } = GPUBufferUsage;
const data = device.createBuffer({ size, usage: COPY_DST | COPY_SRC });
const up = device.createBuffer({ size, usage: MAP_WRITE | COPY_SRC, mappedAtCreation: true });
const read = device.createBuffer({ size, usage: MAP_READ | COPY_DST });
for (let round = 1; round <= 4; round += 1) {
  const values = Uint32Array.from({ length: size / 4 }, (_, i) => i * round);
  const encoder = device.createCommandEncoder();
  if (round % 2 === 0) device.queue.writeBuffer(data, 0, values);
  else {
    if (round > 1) await up.mapAsync(GPUMapMode.WRITE);
    new Uint32Array(up.getMappedRange()).set(values);
    up.unmap();
    encoder.copyBufferToBuffer(up, 0, data, 0, size);
  }
  encoder.copyBufferToBuffer(data, 0, read, 0, size);
  device.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  if (new Uint32Array(read.getMappedRange())[5] !== 5 * round) throw new Error('wrong data');
  read.unmap();
}
device.destroy();
`;
const PROGRAM_BYTES = 4 * 65536;

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'dxgwire-replay-host-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** A host that records its only guest. @returns the capture's path. */
async function recorded(
  name: string,
  listenUrl: string,
  backend: string,
  guest: (url: string) => Promise<void>,
  options: readonly string[] = [],
): Promise<string> {
  const path = join(folder, `${name}.dxgcap`);
  const args = ['--backend', backend, '--listen', listenUrl, '--capture', path, ...options];
  const host = await HostProcess.start(args);
  try {
    await guest(host.url);
  } finally {
    await host.stop();
  }
  return path;
}

interface Result {
  readonly answers: number;
  readonly memoryBytes: number;
  readonly readBytes: number;
  readonly unknownReads: number;
  readonly difference: string | null;
}

async function replayed(
  path: string,
  backend: string,
  timeoutMs: number,
): Promise<Result & { code: number | null }> {
  const args = ['replay', path, '--backend', backend, '--json', '--timeout', String(timeoutMs)];
  const { code, stderr, stdout } = await dxgwire(args);
  assert.equal(stderr, '');
  return { ...(JSON.parse(stdout) as Result), code };
}

async function program(url: string): Promise<void> {
  const path = join(folder, 'program.mjs');
  writeFileSync(path, PROGRAM);
  const { code, stderr } = await dxgwire(['run', '--connect', url, path]);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
}

/** Where the content of a record lies in a capture: the capture has it once only. */
function changeContent(path: string, record: CaptureRecord | undefined, at: number): string {
  assert.ok(record !== undefined && 'bytes' in record && record.bytes !== null);
  const file = readFileSync(path);
  const place = file.indexOf(record.bytes);
  assert.ok(place >= 0);
  file[place + at] = file[place + at]! ^ 1;
  const other = join(folder, 'changed.dxgcap');
  writeFileSync(other, file);
  return other;
}

const SYSTEM_BYTES = 256 * 1024;
const LOCKED_BYTES = 64 * 1024;
const EXISTING_SYSTEM_MEMORY = 0x20;
const HW_QUEUE_SUPPORTED = 0x10;
const MONITORED_FENCE = 5;

function sized(bytes: number): Uint8Array {
  const data = new Uint8Array(16);
  new DataView(data.buffer).setBigUint64(0, BigInt(bytes), true);
  return data;
}

/** What the driver's user does to have work carried out, without a word about the memory that changes between. */
async function quietGuest(url: string): Promise<void> {
  const bus = await connect(url);
  const driver = await startDriver(bus);
  await driver.settled();
  const user = await driver.openDevice({ comm: 'quiet' });
  const { adapters } = unwrap(await user.enumAdapters3({ filter: 1n, adapterCount: 1 }), 'enumAdapters3');
  const { device } = unwrap(await user.createDevice({ adapter: adapters[0]!.adapterHandle }), 'createDevice');
  const { pagingQueue } = unwrap(await user.createPagingQueue({ device }), 'createPagingQueue');
  const { context } = unwrap(
    await user.createContextVirtual({ device, flags: HW_QUEUE_SUPPORTED, engineAffinity: 1 }),
    'createContextVirtual',
  );
  const { queue, queueProgressFence } = unwrap(await user.createHwQueue({ context }), 'createHwQueue');
  const block = bus.memory.allocate(SYSTEM_BYTES);
  const sysmem = { block, offset: 0, length: SYSTEM_BYTES };
  const system = await allocate(user, device, pagingQueue, SYSTEM_BYTES, {
    flags: EXISTING_SYSTEM_MEMORY,
    info: { sysmem },
  });
  const locked = await allocate(user, device, pagingQueue, LOCKED_BYTES, { flags: 0, info: {} });
  let submitted = 0n;
  const copy = async (from: bigint, to: bigint, bytes: number) => {
    submitted += 1n;
    const privDrvData = new ReferenceEncoder().copy(from, to, BigInt(bytes)).privateData();
    await user.submitCommandToHwQueue({ hwqueue: queue, hwqueueProgressFenceId: submitted, privDrvData });
    const wait = { device, objects: [queueProgressFence], fenceValues: [submitted] };
    unwrap(await user.waitForSynchronizationObjectFromCpu(wait), 'waitForSynchronizationObjectFromCpu');
  };
  const half = BigInt(SYSTEM_BYTES / 2);
  for (const value of [3, 5]) {
    block.bytes.fill(value, 0, SYSTEM_BYTES / 2);
    block.bytes[1] = 0xa0 + value;
    block.flush(0, SYSTEM_BYTES / 2);
    await copy(system.address, system.address + half, SYSTEM_BYTES / 2);
    assert.equal(block.bytes[SYSTEM_BYTES - 1], value);
  }
  const { data, flush } = unwrap(await user.lock2({ device, allocation: locked.allocation }), 'lock2');
  for (const value of [7, 9]) {
    data!.fill(value);
    flush(0, LOCKED_BYTES);
    await copy(locked.address, system.address + half, LOCKED_BYTES);
    assert.equal(block.bytes[SYSTEM_BYTES / 2], value);
  }
  data!.fill(11);
  flush(0, LOCKED_BYTES);
  // Its contents move out of the window.
  await user.unlock2({ device, allocation: locked.allocation });
  await copy(locked.address, system.address, LOCKED_BYTES);
  assert.equal(block.bytes[0], 11);
  // What the first of two packets of one turn sets off has not happened yet when the second is answered.
  const fence = unwrap(
    await user.createSynchronizationObject2({
      device,
      info: { type: MONITORED_FENCE, monitoredFence: { initialFenceValue: 0n } },
    }),
    'createSynchronizationObject2',
  );
  const wait = { objects: [fence.syncObject], fenceValues: [1n] };
  unwrap(await user.submitWaitForSyncObjectsToHwQueue({ hwqueue: queue, ...wait }), 'wait on the GPU');
  const last = copy(system.address, locked.address, LOCKED_BYTES);
  unwrap(await user.destroyAllocation2({ device, allocations: [locked.allocation] }), 'destroyAllocation2');
  await Promise.all([
    user.signalSynchronizationObjectFromCpu({ device, ...wait }),
    user.queryVideoMemoryInfo({ adapter: adapters[0]!.adapterHandle, memorySegmentGroup: 0 }),
  ]);
  await last;
  await user.closeDevice();
  await driver.close();
  await bus.close();
}

async function allocate(
  user: KmtProcess,
  device: number,
  pagingQueue: number,
  bytes: number,
  { flags, info }: { readonly flags: number; readonly info: object },
): Promise<{ readonly allocation: number; readonly address: bigint }> {
  const created = await user.createAllocation({
    device,
    flags,
    allocationInfo: [{ privDrvData: sized(bytes), ...info }],
  });
  const { allocation } = unwrap(created, 'createAllocation').allocationInfo[0]!;
  const mapped = await user.mapGpuVirtualAddress({
    pagingQueue,
    allocation,
    sizeInPages: BigInt(bytes / 4096),
    protection: 1n,
  });
  const { virtualAddress } = unwrap(mapped, 'mapGpuVirtualAddress');
  unwrap(await user.makeResident({ pagingQueue, allocationList: [allocation] }), 'makeResident');
  return { allocation, address: virtualAddress };
}

const SHARED = process.platform === 'linux' ? `shm:dxgwire-replay-${process.pid}` : null;
const TCP = 'tcp:127.0.0.1:0';

describe('a capture of a host', () => {
  for (const [name, url] of [
    ['memory that both sides map', SHARED],
    ['mirrored memory', TCP],
  ] as const) {
    const skip = url === null ? 'shared memory is for Linux' : false;

    it(`holds what a WebGPU program changed, ${name}`, { skip }, async () => {
      const path = await recorded(`program-${name}`, url!, 'webgpu', program);
      const result = await replayed(path, 'webgpu', 8000);
      const { code, difference, unknownReads } = result;
      assert.deepEqual({ code, difference, unknownReads }, { code: 0, difference: null, unknownReads: 0 });
      assert.ok(result.answers > 20, JSON.stringify(result));
      assert.ok(result.readBytes >= PROGRAM_BYTES && result.memoryBytes >= PROGRAM_BYTES);
      // The program's data decide what is read back: changed data, another result.
      const content = new CaptureReader()
        .push(readFileSync(path))
        .find((record) => record.kind === 'memoryContent' && record.bytes?.[20] === 5);
      const changed = await replayed(changeContent(path, content, 20), 'webgpu', 2000);
      assert.equal(changed.code, 1, JSON.stringify(changed));
      assert.match(changed.difference ?? '', /guest memory at|window at/);
    });

    it(`holds what is changed without a word, ${name}`, { skip }, async () => {
      const path = await recorded(`quiet-${name}`, url!, 'reference', quietGuest);
      const result = await replayed(path, 'reference', 8000);
      const { code, difference, unknownReads } = result;
      assert.deepEqual({ code, difference, unknownReads }, { code: 0, difference: null, unknownReads: 0 });
      assert.ok(result.readBytes >= SYSTEM_BYTES + 2 * LOCKED_BYTES, JSON.stringify(result));
      assert.ok(result.memoryBytes >= SYSTEM_BYTES + LOCKED_BYTES, JSON.stringify(result));
    });
  }

  it('plays each guest of a host, also one that was not the first', async () => {
    const path = await recorded('several', 'ws://127.0.0.1:0', 'webgpu', async (url) => {
      await program(url);
      await program(url);
    });
    for (const each of [path, path.replace('several', 'several-2')]) {
      const { code, difference } = await replayed(each, 'webgpu', 8000);
      assert.deepEqual({ code, difference }, { code: 0, difference: null }, each);
    }
  });

  it('says of a pipe that it cannot be read more than once', async () => {
    const path = await recorded('piped', 'ws://127.0.0.1:0', 'null', async (url) => {
      assert.equal((await dxgwire(['info', '--connect', url])).code, 0);
    });
    const pipe = join(folder, 'pipe');
    assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
    const written = writeFile(pipe, readFileSync(path)).catch(() => {});
    const { code, stderr } = await dxgwire(['replay', pipe, '--backend', 'null']);
    await written;
    assert.equal(code, 1);
    assert.match(stderr, /^dxgwire: cannot replay [^\n]*which a pipe cannot be: save it in a file\n$/);
  });

  it('is smaller without memory, and its replay shows what is missing', {
    skip: SHARED === null,
  }, async () => {
    const path = await recorded('packets', `${SHARED}-packets`, 'reference', quietGuest, ['--packets-only']);
    const contents = new CaptureReader()
      .push(readFileSync(path))
      .filter((record) => 'bytes' in record && record.kind !== 'packet' && record.bytes !== null);
    assert.equal(contents.length, 0);
    const result = await replayed(path, 'reference', 2000);
    assert.equal(result.readBytes, 0);
    assert.ok(result.unknownReads > 0);
  });
});
