import { demand, hex32, hex64, NotApplicable } from '../failure.ts';
import { Status } from '../statuses.ts';
import * as wire from '../wire/adapter-commands.ts';
import { ddiGetStandardAllocationDriverData } from '../wire/memory-commands.ts';
import { submitCommand, submitCommandToHwQueue } from '../wire/sync-commands.ts';
import { IO_START, negotiate, PCI, untilOffered } from './bring-up.ts';
import { Group } from './group.ts';
import type { HostKit } from './kit.ts';
import type { WireGuest } from './wire-guest.ts';

/** Offers, configuration space, IO space, adapters: section 1. */

const bringUp = new Group('BRING');
const GLOBAL = 'c0cbe9dd605036449448ea1254a5d177';
const VGPU = '182d386e36334b4facc42b7703d4df4a';

function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function offered(kit: HostKit): Promise<WireGuest> {
  const guest = await kit.rawGuest();
  await untilOffered(guest);
  return guest;
}

bringUp.must(1, '1.1', 'Exactly one global channel is offered, with its class GUID', async (kit) => {
  const { bus } = await offered(kit);
  const found = bus.offers.filter(({ classGuid }) => hexOf(classGuid) === GLOBAL);
  demand(found.length === 1, `one offer of class ${GLOBAL}`, `${found.length}`);
});

bringUp.must(2, '1.5', 'The global offer has IO space, and the window is as large', async (kit) => {
  const { bus } = await offered(kit);
  const megabytes = bus.offers.find(({ classGuid }) => hexOf(classGuid) === GLOBAL)?.mmioMegabytes ?? 0;
  demand(megabytes > 0, 'mmio_megabytes above 0', '0');
  demand(
    bus.window.lengthBytes >= megabytes * 1_048_576,
    `a window of ${megabytes} MiB`,
    `${bus.window.lengthBytes} bytes`,
  );
});

bringUp.must(
  3,
  '1.1, observation 2',
  'Each virtual GPU has a channel of the vGPU class and a PCI function',
  async (kit) => {
    const { bus } = await offered(kit);
    const channels = bus.offers.filter(({ classGuid }) => hexOf(classGuid) === VGPU);
    demand(
      channels.length === bus.pciFunctions.length,
      'as many channels as functions',
      `${channels.length} and ${bus.pciFunctions.length}`,
    );
    for (const pci of bus.pciFunctions) {
      demand(pci.vendorId === 0x1414, 'vendor 0x1414', hex32(pci.vendorId));
      demand([0x8e, 0x8a].includes(pci.deviceId), 'device 0x008E or 0x008A', hex32(pci.deviceId));
    }
  },
);

bringUp.must(
  4,
  '1.2, 1.4',
  "The GUID in configuration space at 0xC0 is the channel's instance GUID, its first 8 bytes unique",
  async (kit) => {
    const { bus } = await offered(kit);
    const seen = new Set<string>();
    for (const pci of bus.pciFunctions) {
      const guid = new Uint8Array(16);
      const view = new DataView(guid.buffer);
      for (let at = 0; at < 16; at += 4) view.setUint32(at, pci.readConfig32(PCI.instance + at), true);
      const wanted =
        bus.offers.find(({ index }) => index === pci.channelIndex)?.instanceGuid ?? new Uint8Array(0);
      demand(hexOf(guid) === hexOf(wanted), hexOf(wanted), hexOf(guid));
      seen.add(hexOf(guid.subarray(0, 8)));
    }
    demand(seen.size === bus.pciFunctions.length, 'a LUID of its own for each', `${seen.size} different`);
  },
);

bringUp.must(
  5,
  '1.2, observation 1',
  'Writing the guest capabilities at 0xD4 leaves the LUID that is read there as it is',
  async (kit) => {
    const guest = await offered(kit);
    const [pci] = guest.bus.pciFunctions;
    if (pci === undefined) return;
    const before = pci.readConfig32(PCI.luid);
    pci.writeConfig32(PCI.caps, 1);
    await guest.openChannel(1);
    await guest.call(wire.isFeatureEnabledGlobal, {}).catch(() => {});
    const after = pci.readConfig32(PCI.luid);
    demand(before === after, `the LUID ${hex32(before)}`, hex32(after));
  },
);

bringUp.must(6, '1.2', 'The interface version offered is 16 or more', async (kit) => {
  const { bus } = await offered(kit);
  const version = bus.pciFunctions[0]?.readConfig32(PCI.version) ?? 0;
  demand(version === 0 || version >= 16, '0 or at least 16', String(version));
});

bringUp.must(7, '1.5, observation 4', 'SetIoSpaceRegion is answered with exactly 0', async (kit) => {
  const guest = await offered(kit);
  negotiate(guest);
  await guest.openChannel(1);
  const reply = await guest.call(wire.setIoSpaceRegion, {
    start: IO_START,
    length: BigInt(guest.bus.window.lengthBytes),
    shared_page_gpadl: 0,
  });
  reply.ok().isPadded();
});

bringUp.must(
  8,
  '1.6, 1.7',
  'Host vGPU LUIDs are there and different; all adapters say the same of one-way messages',
  async (kit) => {
    const guest = await kit.freshGuest();
    // Before version 40 there are none: the channel says which GPU is meant.
    const luids = new Set(
      guest.gpus.map(({ luid, channel }) => (guest.hasExtendedHeader ? luid : BigInt(channel))),
    );
    demand(
      !luids.has(0n) && luids.size === guest.gpus.length,
      'a LUID of its own for each',
      [...luids].join(', '),
    );
    const flags = new Set<number>();
    for (const gpu of guest.gpus.keys()) {
      flags.add((await guest.call(wire.getInternalAdapterInfo, {}, [], { gpu })).ok().number('flags') & 0x40);
    }
    demand(flags.size === 1, 'one answer for all adapters', 'both');
  },
);

bringUp.must(9, '1.6, 3.2', 'Host adapter handles are non-zero and different', async (kit) => {
  const { gpus } = await kit.guest();
  const handles = new Set(gpus.map(({ adapterHandle }) => adapterHandle));
  demand(
    !handles.has(0) && handles.size === gpus.length,
    'a handle for each',
    [...handles].map(hex32).join(', '),
  );
});

bringUp.must(
  10,
  '4.4',
  'QueryAdapterInfo of a type that the host does not have fails with NOT_SUPPORTED in full length',
  async (kit) => {
    const scene = await kit.scene();
    const reply = await scene.call(wire.queryAdapterInfo, { query_type: 0x7777, private_data_size: 16 }, [
      new Uint8Array(16),
    ]);
    reply.failsWith(Status.notSupported, 'type 0x7777');
  },
);

bringUp.must(
  11,
  '2.4, 2.7',
  'A request whose answer could not be carried is refused by a short answer',
  async (kit) => {
    const scene = await kit.scene();
    const fields = { alloc_type: 4, width: 65_536, height: 1, type: 7, priv_driver_data_size: 200_000 };
    const reply = await scene.call(ddiGetStandardAllocationDriverData, fields);
    const { payload, demanded } = reply;
    const how = `${payload.length} bytes, status ${hex32(reply.status)}`;
    const expected = `a failure in fewer than the ${demanded} bytes that a success has`;
    demand(payload.length < demanded && reply.status < 0, expected, how, () =>
      reply.evidence()().slice(0, 4),
    );
  },
);

bringUp.should(
  12,
  '1.7',
  'With async_msg_enabled, one-way submissions, signals and GPU waits take effect and get no completion',
  async (kit) => {
    const scene = await kit.scene();
    if (!scene.guest.isAsync) throw new NotApplicable('this host has one-way messages off');
    const device = await scene.device();
    const context = await scene.context(device);
    const hw = await scene.hwQueue(device);
    const [gate, done] = [await scene.fence(device), await scene.fence(device)];
    const data = scene.profile.submissionData;
    const submission = { priv_drv_data_size: data.length };
    await scene.waitFromGpu(context, [gate.handle], [1n]);
    const contexts = { broadcast_context_count: 1, broadcast_context: [context] };
    await scene.queue(submitCommand, { ...contexts, ...submission }, [data]);
    await scene.signalFromGpu([context], [done.handle], [7n]);
    const queue = { hwqueue: hw.queue, hwqueue_progress_fence_id: 3n };
    await scene.queue(submitCommandToHwQueue, { ...queue, ...submission }, [data]);
    (await scene.signal(device, [gate.handle], [1n])).ok();
    await scene.untilFence(device, hw.fence, 3n, 'a one-way submission has completed');
    await scene.untilFence(device, done.handle, 7n, 'signalled behind a one-way wait and submission');
    const got = scene.guest.fenceAt(done.address);
    demand(got === 7n, '7 in the page of the fence', hex64(got));
  },
);

bringUp.must(
  13,
  '1.7, 8.3',
  'An object of one virtual GPU is none on another, whatever channel it is named on',
  async (kit) => {
    const scene = await kit.scene();
    const { guest } = scene;
    if (guest.gpus.length < 2 || !guest.hasExtendedHeader)
      throw new NotApplicable('this host has one virtual GPU');
    const device = await scene.device();
    (await scene.call(wire.flushDevice, { device, reason: 4 }, [], { gpu: 1 })).fails(
      'a device of the first',
    );
    const adapter = guest.gpus[0]?.adapterHandle ?? 0;
    (await scene.call(wire.queryVideoMemoryInfo, { adapter }, [], { gpu: 1 })).fails(
      'the handle of the first',
    );
    (await scene.call(wire.flushDevice, { device, reason: 4 })).ok();
  },
);

export const bringUpRequirements = bringUp.requirements;
