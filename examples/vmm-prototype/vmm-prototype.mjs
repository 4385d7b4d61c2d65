// A virtual machine monitor in miniature: it embeds the host, boots a guest on the other side of some bytes, and runs
// a job on the GPU that the host projects. It is the documentation of the embedding interface by example; the prose
// is in docs/embedding.md.
//
//   node examples/vmm-prototype/vmm-prototype.mjs [--old] [--answered] [--gpadl] [--apart] [--no-webgpu]
//
//   --old        interface version 27, as old hosts have it; default 40
//   --answered   every command is answered (asynchronous messages off)
//   --gpadl      guest memory by VMBus's page lists (GPADLs) in place of lists of frame numbers
//   --apart      ring pages scattered over guest RAM; default one beside the other, as Linux allocates them
//   --no-webgpu  leaves the second part out
//
// Three parties, three sections below. What a real VMM has in place of each:
//
//   THE MACHINE  guest RAM, the device window, and what traps: VMBus messages, doorbells, configuration space. Yours.
//   THE HOST     createHost + a backend: this package. It sees bytes and calls, nothing else.
//   THE GUEST    a kernel with the dxgkrnl driver. Here our own driver plays it, through the same bytes only.
//
// The first part (reference backend) uses nothing of Node but its console and arguments: no files, no network.

import { KmtEvent, startDriver, unwrap } from '@dxgwire/guest/kmt';
import { createReferenceBackend, ReferenceEncoder } from '@dxgwire/host/backends/reference';
import { createHost } from '@dxgwire/host/core';
import { createVmmGuestBus, createVmmHostBus } from '@dxgwire/transport/vmm';

const PAGE = 4096;
const MIB = 1 << 20;

const given = new Set(process.argv.slice(2));
const known = ['--old', '--answered', '--gpadl', '--apart', '--no-webgpu'];
const stranger = [...given].find((word) => !known.includes(word));
if (stranger !== undefined) {
  console.error(`vmm-prototype: there is no option ${stranger}; there are ${known.join(', ')}`);
  process.exit(2);
}

const say = (who, what) => console.log(`${who.padEnd(6)} ${what}`);
const hex = (value) => `0x${value.toString(16)}`;

// ---------------------------------------------------------------------------------------------- THE MACHINE

/**
 * What a VMM has for one virtual machine, and how it joins the two sides. Nothing in here knows what a GPU is: it
 * carries page lists, channel numbers and doorbells.
 */
function createMachine(name) {
  const machine = {
    name,
    // Guest RAM as the VMM has it mapped: here two blocks, as on a PC with a hole below 4 GiB. Shared memory, because
    // virtual processors are threads; an ArrayBuffer over memory mapped by an addon does as well.
    ram: [
      { address: 0x10_0000, bytes: new Uint8Array(new SharedArrayBuffer(15 * MIB)) },
      { address: 0x1_0000_0000, bytes: new Uint8Array(new SharedArrayBuffer(64 * MIB)) },
    ],
    // The device window: host memory that the guest will see as IO space, at an address of its choice. It is the only
    // way in which the host's bytes reach the guest: fences, and allocations that a program has locked.
    window: new Uint8Array(new SharedArrayBuffer(16 * MIB)),
    host: null,
    guest: null,
    counts: {
      'VMBus messages': 0,
      'configuration accesses': 0,
      'doorbells to host': 0,
      'interrupts to guest': 0,
    },
    /** VMBus names a channel by a number of the VMM's choice (child relid): from our index to it. */
    relids: new Map(),
  };
  // In a real machine these two lists of calls are the two ends of your VMBus device. A message is delivered some time
  // after it was posted, in order, and never inside the call that posts it: here in a microtask.
  let nextRelid = 11;
  const post = (deliver) => {
    machine.counts['VMBus messages'] += 1;
    queueMicrotask(deliver);
  };

  /** What the host asks of the VMM. */
  machine.hostCalls = {
    offerChannel(offer, pciFunction) {
      const relid = nextRelid++;
      machine.relids.set(offer.index, relid);
      say('vmm', `offers channel ${offer.index} to the guest as relid ${relid}`);
      if (pciFunction !== null) {
        const { deviceId, vendorId } = pciFunction;
        say(
          'vmm',
          `plugs in its PCI function ${vendorId.toString(16)}:${deviceId.toString(16).padStart(4, '0')}`,
        );
      }
      post(() => machine.guest.offerChannel(offer, pciFunction));
    },
    rescindChannel(channel, error) {
      const relid = machine.relids.get(channel);
      say('vmm', `rescinds channel ${channel}, relid ${relid}${error === null ? '' : `: ${error.message}`}`);
      post(() => machine.guest.rescindChannel(channel));
    },
    ringDoorbell(channel) {
      machine.counts['interrupts to guest'] += 1;
      // Where the guest has virtual processors: inject the synthetic interrupt with this channel's event flag.
      machine.guest.interrupt(channel);
    },
    busEnded(error) {
      say('vmm', `the host has ended the bus${error === null ? '' : `: ${error.message}`}`);
    },
  };

  /** What the guest asks of the VMM: hypercalls and trapped accesses. */
  machine.guestCalls = {
    createGpadl(id, frames) {
      // GpadlHeader and GpadlBody messages, decoded: a number and a list of page frames.
      post(() => {
        const refusal = machine.host.createGpadl(id, frames);
        if (refusal !== null) say('vmm', `page list ${hex(id)} refused: ${refusal.message}`);
        post(() => machine.guest.gpadlCreated(id, refusal === null));
      });
    },
    teardownGpadl(id) {
      // The answer waits until nothing of the host touches the pages any more.
      post(() => machine.host.teardownGpadl(id).then(() => post(() => machine.guest.gpadlTornDown(id))));
    },
    openChannel(channel, ringGpadl, downstreamPageOffset) {
      post(() => {
        const refusal = machine.host.openChannel(channel, ringGpadl, downstreamPageOffset);
        say('vmm', `channel ${channel} ${refusal === null ? 'opened' : `refused: ${refusal.message}`}`);
        post(() => machine.guest.channelOpened(channel, refusal === null));
      });
    },
    closeChannel: (channel) => post(() => machine.host.closeChannel(channel)),
    signalChannel(channel) {
      machine.counts['doorbells to host'] += 1;
      machine.host.doorbell(channel);
    },
    // Configuration space is synchronous: the virtual processor stands still until it has its answer.
    readConfig32(channel, offset) {
      machine.counts['configuration accesses'] += 1;
      return machine.host.readConfig32(channel, offset);
    },
    writeConfig32(channel, offset, value) {
      machine.counts['configuration accesses'] += 1;
      machine.host.writeConfig32(channel, offset, value);
    },
    unload: () => post(() => machine.host.unload().then(() => post(() => machine.guest.unloaded()))),
  };
  return machine;
}

// ------------------------------------------------------------------------------------------------- THE HOST

/** Gives a machine a GPU: the host's end of its bus, attached to a host. @returns the partition. */
function attachGpu(host, machine) {
  // 1. The bus, from the raw pieces. It touches guest RAM only where rings and shared pages are.
  machine.host = createVmmHostBus({
    guestRam: machine.ram,
    window: machine.window,
    calls: machine.hostCalls,
    peerName: machine.name,
  });
  // 2. Attach: the host offers its channels at once, by the calls above. From here on all goes by itself.
  return host.attach(machine.host, {
    name: machine.name,
    interfaceVersion: given.has('--old') ? 27 : 40,
    asyncMessages: !given.has('--answered'),
    mapGuestMemory: !given.has('--gpadl'),
    onIoSpace(place) {
      // The guest has chosen where its IO space is. Map `machine.window` there now: the guest reads fences from it as
      // soon as it has its answer. Refuse (false) what collides with RAM or other devices. Null: unmap it.
      if (place === null) say('vmm', 'the device window is unmapped');
      else
        say('vmm', `maps the device window at ${hex(place.start)}, ${place.lengthBytes / BigInt(MIB)} MiB`);
      return true;
    },
  });
}

// ------------------------------------------------------------------------------------------------ THE GUEST

/** The guest's VMBus driver. It gets what a kernel has: RAM, the window where it is mapped, and its hypercalls. */
function bootKernel(machine) {
  machine.guest = createVmmGuestBus({
    guestRam: machine.ram,
    window: machine.window,
    calls: machine.guestCalls,
    ringPages: given.has('--apart') ? 'apart' : 'together',
  });
  return machine.guest;
}

/** The dxgkrnl driver, up when an adapter has started: offers travel, so that takes some turns. */
async function loadDriver(bus) {
  const driver = await startDriver(bus);
  const active = () => driver.adapterSummaries().find(({ state }) => state === 'active');
  while (active() === undefined) {
    await new Promise((resolve) => {
      driver.onAdapterChange = resolve;
    });
  }
  const { description } = active();
  say('guest', `driver up: version ${driver.interfaceVersion}, "${description}"`);
  say('guest', driver.asyncMessages ? 'submissions are one-way' : 'every command is answered');
  return driver;
}

/** A user program of the guest: fills, copies, waits, locks, and lets the GPU work in memory of its own. */
async function runProgram(driver, bus) {
  const dxg = await driver.openDevice({ comm: 'prototype' });
  const { adapters } = unwrap(await dxg.enumAdapters3({ filter: 1n, adapterCount: 8 }), 'enumAdapters3');
  const adapter = adapters[0].adapterHandle;
  const { device } = unwrap(await dxg.createDevice({ adapter }), 'createDevice');
  const { pagingQueue, syncObject: pagingFence } = unwrap(
    await dxg.createPagingQueue({ device }),
    'createPagingQueue',
  );
  const hardwareQueues = 0x10;
  const { context } = unwrap(
    await dxg.createContextVirtual({ device, flags: hardwareQueues, engineAffinity: 1 }),
    'createContextVirtual',
  );
  const { queue, queueProgressFence } = unwrap(await dxg.createHwQueue({ context }), 'createHwQueue');
  say('guest', 'a program has a device, a paging queue and a hardware queue');

  const waitFor = async (fence, value) =>
    unwrap(
      await dxg.waitForSynchronizationObjectFromCpu({ device, objects: [fence], fenceValues: [value] }),
      'wait',
    );
  const pending = 0x103;
  const allocate = async (bytes, sysmem) => {
    // The reference backend reads the size from the allocation's private data.
    const privDrvData = new Uint8Array(16);
    new DataView(privDrvData.buffer).setBigUint64(0, BigInt(bytes), true);
    const existingSystemMemory = 0x20;
    const { allocationInfo } = unwrap(
      await dxg.createAllocation({
        device,
        flags: sysmem === undefined ? 0 : existingSystemMemory,
        allocationInfo: [sysmem === undefined ? { privDrvData } : { privDrvData, sysmem }],
      }),
      'createAllocation',
    );
    const { allocation } = allocationInfo[0];
    const sizeInPages = BigInt(bytes / PAGE);
    const mapped = unwrap(
      await dxg.mapGpuVirtualAddress({ pagingQueue, allocation, sizeInPages, protection: 1n }),
      'mapGpuVirtualAddress',
    );
    if (mapped.ret === pending) await waitFor(pagingFence, mapped.pagingFenceValue);
    const resident = unwrap(
      await dxg.makeResident({ pagingQueue, allocationList: [allocation] }),
      'makeResident',
    );
    if (resident.ret === pending) await waitFor(pagingFence, resident.pagingFenceValue);
    return { allocation, address: mapped.virtualAddress };
  };
  let submitted = 0n;
  const run = async (commands) => {
    submitted += 1n;
    unwrap(
      await dxg.submitCommandToHwQueue({
        hwqueue: queue,
        hwqueueProgressFenceId: submitted,
        privDrvData: commands.privateData(),
      }),
      'submitCommandToHwQueue',
    );
    await waitFor(queueProgressFence, submitted);
  };
  const expect = (what, found, wanted) => {
    if (String(found) !== String(wanted)) throw new Error(`${what}: ${found}, not ${wanted}`);
    say('guest', `${what}: ${found}`);
  };

  // Fill and copy on the GPU; a lock puts the bytes into the device window, where the CPU reads them.
  const source = await allocate(4 * PAGE);
  const target = await allocate(4 * PAGE);
  await run(
    new ReferenceEncoder()
      .fill(source.address, BigInt(4 * PAGE), 0xdecafbad)
      .copy(source.address, target.address, BigInt(PAGE)),
  );
  const locked = unwrap(await dxg.lock2({ device, allocation: target.allocation }), 'lock2');
  const word = (offset) => new DataView(locked.data.buffer, locked.data.byteOffset).getUint32(offset, true);
  expect('fill and copy, seen through a lock', `${hex(word(0))} ${hex(word(PAGE))}`, '0xdecafbad 0x0');
  unwrap(await dxg.unlock2({ device, allocation: target.allocation }), 'unlock2');

  // Memory of the program itself, its pages not in order: the GPU reads and writes guest RAM.
  const own = bus.memory.allocate(4 * PAGE);
  own.bytes.fill(0x11);
  const pages = [3, 1].map((page) => ({ block: own, offset: page * PAGE, length: PAGE }));
  const shared = await allocate(2 * PAGE, pages);
  await run(new ReferenceEncoder().fill(shared.address + BigInt(PAGE - 4), 8n, 0x22222222));
  const found = [3 * PAGE + PAGE - 5, 3 * PAGE + PAGE - 4, PAGE + 3, PAGE + 4].map((at) => own.bytes[at]);
  expect('existing system memory, across two pages', found, [0x11, 0x22, 0x22, 0x11]);

  // A fence that the CPU signals and waits for by an event, and whose value it reads from the window.
  const monitoredFence = 5;
  const fence = unwrap(
    await dxg.createSynchronizationObject2({ device, info: { type: monitoredFence, monitoredFence: {} } }),
    'createSynchronizationObject2',
  );
  const asyncEvent = new KmtEvent();
  const objects = [fence.syncObject];
  unwrap(
    await dxg.waitForSynchronizationObjectFromCpu({ device, objects, fenceValues: [7n], asyncEvent }),
    'wait',
  );
  unwrap(
    await dxg.signalSynchronizationObjectFromCpu({ device, objects, fenceValues: [1n << 33n] }),
    'signal',
  );
  await asyncEvent.wait();
  expect('monitored fence after its event', fence.fenceView.value(), 1n << 33n);

  const allocations = [source, target, shared].map(({ allocation }) => allocation);
  unwrap(await dxg.destroyAllocation2({ device, allocations }), 'destroyAllocation2');
  await dxg.closeDevice();
}

// ----------------------------------------------------------------------------------------------- ----THE RUN

/** Ends a machine as when it is switched off, and checks that the host keeps nothing of it. */
async function switchOff(host, machine, partition) {
  const { bytesReceived, bytesSent, packetsReceived, packetsSent } = machine.host.statistics;
  say(
    'vmm',
    `packets: ${packetsReceived} from the guest (${bytesReceived} bytes), ${packetsSent} to it (${bytesSent})`,
  );
  for (const [what, count] of Object.entries(machine.counts)) say('vmm', `${what}: ${count}`);
  // `end` returns when no ring is touched any more; guest RAM may be unmapped when the partition has ended.
  machine.host.end(null);
  machine.guest.powerOff();
  await partition.ended;
  const left = Object.entries(host.census()).filter(([, count]) => count !== 0);
  if (left.length > 0) throw new Error(`the host keeps ${JSON.stringify(left)}`);
  say('host', 'nothing of the machine is left');
}

/** Part one: the reference backend, which copies and fills in TypeScript. */
async function runReference() {
  const backend = createReferenceBackend();
  const host = createHost({ backend });
  const machine = createMachine('first machine');
  const partition = attachGpu(host, machine);
  const bus = bootKernel(machine);
  const driver = await loadDriver(bus);
  await runProgram(driver, bus);
  await driver.close();
  await switchOff(host, machine, partition);
  await host.close();
  await backend.close();
}

/** Part two: the WebGPU backend, which needs Node (Dawn is native). The machine is the same. */
async function runWebgpu() {
  let backend;
  let webgpu;
  try {
    webgpu = await import('@dxgwire/guest/webgpu');
    const { createWebgpuBackend } = await import('@dxgwire/host/backends/webgpu');
    backend = await createWebgpuBackend();
  } catch (error) {
    say('vmm', `no WebGPU here: ${error.message}`);
    return;
  }
  const host = createHost({ backend });
  const machine = createMachine('second machine');
  const partition = attachGpu(host, machine);
  // The user-mode driver brings its own kernel driver up on the bus.
  const gpu = webgpu.createGPU({ connect: bootKernel(machine) });
  const squares = await squareOnGpu(gpu, webgpu.globals);
  say('guest', `WebGPU computed ${squares.join(' ')}`);
  if (squares.join() !== '1,4,9,16') throw new Error('the squares are wrong');
  await gpu.close();
  await switchOff(host, machine, partition);
  await host.close();
  await backend.close();
}

/** An ordinary WebGPU program. */
async function squareOnGpu(gpu, { GPUBufferUsage, GPUMapMode }) {
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new Error('the machine has no WebGPU adapter');
  const device = await adapter.requestDevice();
  const code = `
    @group(0) @binding(0) var<storage, read_write> data: array<u32>;
    @compute @workgroup_size(4) fn main(@builtin(global_invocation_id) id: vec3u) {
      data[id.x] = data[id.x] * data[id.x];
    }`;
  const size = 16;
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const data = device.createBuffer({ size, usage });
  const result = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  device.queue.writeBuffer(data, 0, Uint32Array.of(1, 2, 3, 4));
  const module = device.createShaderModule({ code });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer: data } }],
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(data, 0, result, 0, size);
  device.queue.submit([encoder.finish()]);
  await result.mapAsync(GPUMapMode.READ);
  const squares = [...new Uint32Array(result.getMappedRange())];
  device.destroy();
  return squares;
}

await runReference();
if (!given.has('--no-webgpu')) await runWebgpu();
say('vmm', 'done');
