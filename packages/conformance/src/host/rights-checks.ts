import { demand, hex64 } from '../failure.ts';
import { Status } from '../statuses.ts';
import { longs, words } from '../wire/message.ts';
import * as wire from '../wire/sync-commands.ts';
import { Group } from './group.ts';
import { SyncFlag } from './scene.ts';

/** Rights of fences where a context uses them, and lists of values and objects: sections 4.11, 6.2, 7.1. */

const sync = new Group('SYNC');
/** More than the driver takes in any other call, far fewer than a message holds. */
const MANY = 100;

sync.must(
  23,
  '7.1',
  'no_signal and no_wait hold for contexts too; with no_gpu_access a fence has no GPU address',
  async (kit) => {
    const scene = await kit.scene();
    const device = await scene.device();
    const context = await scene.context(device);
    const closed = (await scene.fence(device, 0n, SyncFlag.noSignal)).handle;
    const deaf = (await scene.fence(device, 0n, SyncFlag.noWait)).handle;
    const head = { object_count: 1, context_count: 1 };
    (
      await scene.call(wire.signalSyncObject, head, [words([closed]), words([context]), longs([1n])])
    ).failsWith(Status.accessDenied, 'no_signal');
    (
      await scene.call(wire.waitForSyncObjectFromGpu, { context, object_count: 1 }, [
        longs([0n]),
        words([deaf]),
      ])
    ).failsWith(Status.accessDenied, 'no_wait');
    const hidden = (await scene.fence(device, 0n, SyncFlag.noGpuAccess)).reply;
    const address = hidden.long('fence_gpu_va');
    demand(address === 0n, 'fence_gpu_va 0 (no_gpu_access)', hex64(address), hidden.evidence());
  },
);

sync.must(24, '4.11', `A CPU wait takes as many objects as its message holds: here ${MANY}`, async (kit) => {
  const scene = await kit.scene();
  const device = await scene.device();
  const [fence, last] = [await scene.fence(device, 1n), await scene.fence(device)];
  const event = scene.guest.event();
  const objects = [...new Array<number>(MANY - 1).fill(fence.handle), last.handle];
  (
    await scene.wait(
      device,
      event,
      objects,
      objects.map(() => 1n),
    )
  ).ok();
  await scene.roundTrip();
  const early = scene.guest.signalled(event);
  demand(early === 0, 'no event (the last object is missing)', `${early} of id ${event}`);
  (await scene.signal(device, [last.handle], [1n])).ok();
  await scene.guest.untilEvent(event, 'the last object is reached');
});

sync.must(
  25,
  '4.11, 8.3',
  'A signal of several objects, one of which is none, is refused and does nothing',
  async (kit) => {
    const scene = await kit.scene();
    const device = await scene.device();
    const fence = await scene.fence(device);
    const context = await scene.context(device);
    (await scene.signal(device, [fence.handle, 0xeaf3_7bc0], [1n, 1n])).fails('an unknown object');
    const tail = [words([fence.handle]), words([context, 0xeaf3_7bc0]), longs([1n])];
    (await scene.call(wire.signalSyncObject, { object_count: 1, context_count: 2 }, tail)).fails(
      'an unknown context',
    );
    await scene.roundTrip();
    const got = scene.guest.fenceAt(fence.address);
    demand(got === 0n, '0 in the page of the other', hex64(got));
  },
);

export const rightsRequirements = sync.requirements;
