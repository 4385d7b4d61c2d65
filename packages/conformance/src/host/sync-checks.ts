import { demand, hex64 } from '../failure.ts';
import { Status } from '../statuses.ts';
import { destroyDevice } from '../wire/adapter-commands.ts';
import { longs, words } from '../wire/message.ts';
import * as wire from '../wire/sync-commands.ts';
import { Group } from './group.ts';
import type { HostKit } from './kit.ts';
import { type Fence, type Scene, SignalFlag, SyncFlag, SyncType } from './scene.ts';

/** Fences, CPU waits, events: sections 4.11, 6 and 7.1. */

const sync = new Group('SYNC');
const WAIT_ANY = 1;
const LARGE = 0xffff_ffff_0000_0001n;

async function withFence(
  kit: HostKit,
  value = 0n,
  flags = 0,
): Promise<{ scene: Scene; device: number; fence: Fence }> {
  const scene = await kit.scene();
  const device = await scene.device();
  return { scene, device, fence: await scene.fence(device, value, flags) };
}

function demandValue(scene: Scene, fence: Fence, value: bigint, when: string): void {
  const got = scene.guest.fenceAt(fence.address);
  demand(got === value, `${hex64(value)} in the fence's page ${when}`, hex64(got), fence.reply.evidence());
}

async function demandSilence(scene: Scene, event: bigint, why: string): Promise<void> {
  await scene.roundTrip();
  await scene.roundTrip();
  const count = scene.guest.signalled(event);
  demand(count === 0, `no event (${why})`, `${count} of id ${event}`);
}

sync.must(
  1,
  '5.2, observation 24',
  'The initial value lies in the page when CreateSyncObject is answered',
  async (kit) => {
    for (const value of [0n, 1n, 0x1_0000_0000n, LARGE]) {
      const { scene, fence } = await withFence(kit, value);
      demandValue(scene, fence, value, 'when it is answered');
    }
  },
);

sync.must(2, '7.1', 'A CPU signal takes effect at once and shows in the page', async (kit) => {
  const { scene, device, fence } = await withFence(kit);
  for (const value of [1n, 0x8000_0000n, 0x1_0000_0000n, LARGE]) {
    (await scene.signal(device, [fence.handle], [value])).ok();
    await scene.untilFence(device, fence.handle, value, 'signalled');
    demandValue(scene, fence, value, 'after the signal');
  }
});

sync.must(
  3,
  '7.1',
  'A CPU signal with a smaller value is refused, and the fence does not go back',
  async (kit) => {
    const { scene, device, fence } = await withFence(kit, 9n);
    (await scene.signal(device, [fence.handle], [8n])).failsWith(Status.invalidParameter, 'a smaller value');
    demandValue(scene, fence, 9n, 'after a refused signal');
  },
);

sync.must(4, '7.1', 'With allow_fence_rewind a smaller value is taken', async (kit) => {
  const { scene, device, fence } = await withFence(kit, 9n);
  (await scene.signal(device, [fence.handle], [4n], SignalFlag.rewind)).ok();
  await scene.roundTrip();
  demandValue(scene, fence, 4n, 'after a rewind');
});

sync.must(
  5,
  '6.2, observation 33',
  'A CPU wait is answered at once, though it is not satisfied, and then no event comes',
  async (kit) => {
    const { scene, device, fence } = await withFence(kit);
    const event = scene.guest.event();
    (await scene.wait(device, event, [fence.handle], [5n])).ok();
    await demandSilence(scene, event, 'the value is not reached');
    (await scene.signal(device, [fence.handle], [4n])).ok();
    await demandSilence(scene, event, 'a smaller value was signalled');
  },
);

sync.must(
  6,
  '6.2',
  'The event comes when the value is reached, exactly once, and the page shows the value by then',
  async (kit) => {
    const { scene, device, fence } = await withFence(kit);
    const event = scene.guest.event();
    (await scene.wait(device, event, [fence.handle], [5n])).ok();
    (await scene.signal(device, [fence.handle], [6n])).ok();
    await scene.guest.untilEvent(event, 'the value is reached');
    demandValue(scene, fence, 6n, 'when the event comes');
    (await scene.signal(device, [fence.handle], [7n])).ok();
    await scene.roundTrip();
    const count = scene.guest.signalled(event);
    demand(count === 1, 'one event', `${count}`);
  },
);

sync.must(
  7,
  '6.2, observation 33',
  'A wait that is satisfied already is signalled too, once',
  async (kit) => {
    const { scene, device, fence } = await withFence(kit, 5n);
    const event = scene.guest.event();
    (await scene.wait(device, event, [fence.handle], [5n])).ok();
    await scene.guest.untilEvent(event, 'satisfied already');
    await scene.roundTrip();
    demand(scene.guest.signalled(event) === 1, 'one event', `${scene.guest.signalled(event)}`);
  },
);

sync.must(8, '6.2', 'Without wait_any all objects must have reached their values', async (kit) => {
  const { scene, device, fence } = await withFence(kit);
  const second = await scene.fence(device);
  const third = await scene.fence(device);
  const event = scene.guest.event();
  // Three objects: the values behind them are not aligned to 8.
  (await scene.wait(device, event, [fence.handle, second.handle, third.handle], [1n, 2n, 3n])).ok();
  (await scene.signal(device, [fence.handle, second.handle], [1n, 2n])).ok();
  await demandSilence(scene, event, 'one of three is missing');
  (await scene.signal(device, [third.handle], [3n])).ok();
  await scene.guest.untilEvent(event, 'all three are reached');
});

sync.must(9, '6.2', 'With wait_any one object is enough, and there is one event', async (kit) => {
  const { scene, device, fence } = await withFence(kit);
  const second = await scene.fence(device);
  const event = scene.guest.event();
  (await scene.wait(device, event, [fence.handle, second.handle], [1n, 2n], WAIT_ANY)).ok();
  await demandSilence(scene, event, 'neither is reached');
  (await scene.signal(device, [second.handle], [2n])).ok();
  await scene.guest.untilEvent(event, 'one of two is reached');
  (await scene.signal(device, [fence.handle], [1n])).ok();
  await scene.roundTrip();
  demand(scene.guest.signalled(event) === 1, 'one event', `${scene.guest.signalled(event)}`);
  const late = scene.guest.event();
  (await scene.wait(device, late, [fence.handle, second.handle], [9n, 2n], WAIT_ANY)).ok();
  await scene.guest.untilEvent(late, 'one of two was reached already');
});

sync.must(10, '6.2', 'Values are compared as unsigned 64-bit numbers', async (kit) => {
  const { scene, device, fence } = await withFence(kit, 0xffff_ffffn);
  const event = scene.guest.event();
  (await scene.wait(device, event, [fence.handle], [0x1_0000_0000n])).ok();
  const far = scene.guest.event();
  (await scene.wait(device, far, [fence.handle], [0x8000_0000_0000_0000n])).ok();
  await demandSilence(scene, event, 'the low halves compare the other way');
  (await scene.signal(device, [fence.handle], [0x1_0000_0000n])).ok();
  await scene.guest.untilEvent(event, '2^32 is reached');
  await demandSilence(scene, far, '2^63 is not reached');
  (await scene.signal(device, [fence.handle], [0x8000_0000_0000_0001n])).ok();
  await scene.guest.untilEvent(far, '2^63 is reached');
});

sync.must(
  11,
  '6.1, 6.2',
  'Events carry the id bit for bit, in 48 bytes, on the global channel',
  async (kit) => {
    const { scene, device, fence } = await withFence(kit);
    const event = 0x8877_6655_4433_2211n;
    (await scene.wait(device, event, [fence.handle], [0n])).ok();
    // What is shorter, or came on another channel, breaks the rules of packets.
    await scene.guest.untilEvent(event, 'satisfied already');
  },
);

sync.must(12, '6.2', 'A wait that is refused signals nothing', async (kit) => {
  const { scene, device, fence } = await withFence(kit, 9n);
  const event = scene.guest.event();
  (await scene.wait(device, event, [fence.handle, 0xeaf3_7bc0], [1n, 1n])).fails(
    'one of the objects is unknown',
  );
  (await scene.wait(device, event, [], [])).fails('no object');
  await demandSilence(scene, event, 'the wait was refused');
});

sync.must(
  13,
  '6.2, observation 34',
  'Destroying a fence ends CPU waits for it by their event',
  async (kit) => {
    const { scene, device, fence } = await withFence(kit);
    const event = scene.guest.event();
    (await scene.wait(device, event, [fence.handle], [5n])).ok();
    (await scene.call(wire.destroySyncObject, { sync_object: fence.handle })).ok();
    await scene.guest.untilEvent(event, 'the fence was destroyed');
  },
);

sync.must(14, '6.2', 'Destroying a device ends the CPU waits of its fences by their event', async (kit) => {
  const { scene, device, fence } = await withFence(kit);
  const event = scene.guest.event();
  (await scene.wait(device, event, [fence.handle], [5n])).ok();
  (await scene.call(destroyDevice, { device })).ok();
  await scene.guest.untilEvent(event, 'the device was destroyed');
});

sync.must(
  15,
  '6.1, observation 35',
  'A CPU notification is signalled each time, from a context',
  async (kit) => {
    const scene = await kit.scene();
    const device = await scene.device();
    const context = await scene.context(device);
    const event = scene.guest.event();
    const fields = { device, type: SyncType.notification, value: event, client_hint: 1 };
    const made = (await scene.call(wire.createSyncObject, fields)).ok().number('sync_object');
    for (let count = 1; count <= 3; count += 1) {
      await scene.signalFromGpu([context], [made], []);
      await scene.guest.until(
        () => scene.guest.signalled(event) >= count,
        `event ${event} for the ${count}. time`,
      );
    }
    await scene.roundTrip();
    demand(scene.guest.signalled(event) === 3, 'three events', `${scene.guest.signalled(event)}`);
  },
);

sync.must(
  16,
  '4.11, 6.2',
  'enqueue_cpu_event fires its event once what was queued before is done, on all its contexts',
  async (kit) => {
    const { scene, device, fence } = await withFence(kit);
    const context = await scene.context(device);
    const free = await scene.context(device);
    const event = scene.guest.event();
    await scene.waitFromGpu(context, [fence.handle], [1n]);
    const fields = {
      context_count: 2,
      flags: SignalFlag.cpuEvent,
      cpu_event_handle: event,
      fence_value: 0xbadn,
    };
    await scene.queue(wire.signalSyncObject, fields, [words([free, context])]);
    await demandSilence(scene, event, 'a wait is queued before it');
    (await scene.signal(device, [fence.handle], [1n])).ok();
    await scene.guest.untilEvent(event, 'the wait before it is over');
    const alone = scene.guest.event();
    const none = { flags: SignalFlag.cpuEvent, cpu_event_handle: alone };
    await scene.queue(wire.signalSyncObject, none);
    await scene.guest.untilEvent(alone, 'there is no context to wait for');
  },
);

sync.must(17, '4.11', 'enqueue_cpu_event with event id 0 is refused', async (kit) => {
  const { scene, fence } = await withFence(kit);
  const fields = { object_count: 1, flags: SignalFlag.cpuEvent, cpu_event_handle: 0n };
  const reply = await scene.call(wire.signalSyncObject, fields, [words([fence.handle]), longs([1n])]);
  reply.failsWith(Status.invalidParameter, 'event id 0');
});

sync.must(18, '4.11', 'More than 32 objects, or 64 contexts, are refused; so many are not', async (kit) => {
  const { scene, device, fence } = await withFence(kit);
  const many = new Array<number>(33).fill(fence.handle);
  (
    await scene.signal(
      device,
      many,
      many.map(() => 1n),
    )
  ).failsWith(Status.invalidParameter, '33 objects');
  const context = await scene.context(device);
  const fields = { object_count: 1, context_count: 65 };
  const tail = [words([fence.handle]), words(new Array<number>(65).fill(context)), longs([1n])];
  (await scene.call(wire.signalSyncObject, fields, tail)).failsWith(Status.invalidParameter, '65 contexts');
  demandValue(scene, fence, 0n, 'after refused signals');
  const most = [
    words(many.slice(1)),
    words(new Array<number>(64).fill(context)),
    longs(many.slice(1).map(() => 1n)),
  ];
  (await scene.call(wire.signalSyncObject, { object_count: 32, context_count: 64 }, most)).ok();
  await scene.untilFence(device, fence.handle, 1n, 'signalled by 32 names from 64 contexts');
});

sync.must(
  19,
  '4.11',
  'A signal without a list of values takes the one value in its head for all objects',
  async (kit) => {
    const { scene, device, fence } = await withFence(kit);
    const context = await scene.context(device);
    await scene.queue(wire.signalSyncObject, { object_count: 1, context_count: 1, fence_value: 12n }, [
      words([fence.handle, context]),
    ]);
    await scene.untilFence(device, fence.handle, 12n, 'signalled by the head’s value');
    demandValue(scene, fence, 12n, 'after the signal');
  },
);

sync.must(20, '7.1', 'no_signal and no_wait instances refuse with ACCESS_DENIED', async (kit) => {
  const closed = await withFence(kit, 0n, SyncFlag.noSignal);
  (await closed.scene.signal(closed.device, [closed.fence.handle], [1n])).failsWith(
    Status.accessDenied,
    'no_signal',
  );
  const deaf = await withFence(kit, 0n, SyncFlag.noWait);
  const event = deaf.scene.guest.event();
  (await deaf.scene.wait(deaf.device, event, [deaf.fence.handle], [0n])).failsWith(
    Status.accessDenied,
    'no_wait',
  );
});

sync.must(
  21,
  '4.11',
  'Shared without nt_security_sharing, and types that do not exist, are refused',
  async (kit) => {
    const scene = await kit.scene();
    const device = await scene.device();
    (await scene.call(wire.createSyncObject, { device, type: SyncType.monitored, flags: 1 })).fails(
      'shared alone',
    );
    (await scene.call(wire.createSyncObject, { device, type: 99 })).fails('type 99');
  },
);

sync.must(
  22,
  '4.11, observation 32',
  'Signals and waits of several objects keep their values apart, aligned or not',
  async (kit) => {
    const { scene, device, fence } = await withFence(kit);
    const second = await scene.fence(device);
    const third = await scene.fence(device);
    (
      await scene.signal(device, [fence.handle, second.handle, third.handle], [11n, 0x2_0000_0002n, 33n])
    ).ok();
    await scene.untilFence(device, third.handle, 33n, 'signalled');
    demandValue(scene, fence, 11n, 'after a signal of three');
    demandValue(scene, second, 0x2_0000_0002n, 'after a signal of three');
  },
);

export const syncRequirements = sync.requirements;
