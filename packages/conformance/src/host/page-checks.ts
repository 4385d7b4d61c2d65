import { demand, hex64 } from '../failure.ts';
import * as wire from '../wire/sync-commands.ts';
import { Group } from './group.ts';
import type { HostKit } from './kit.ts';
import type { Scene } from './scene.ts';

/** Pages of fences: a guest can write them, and gets them again: sections 5.1 and 5.2. */

const pages = new Group('PAGE');

/** What a guest writes that may write where it should not: far above what the host has signalled. */
const FORGED = 0x7777_0000_0000n;
const WAITED_FOR = 0x1111_0000_0000n;
/** Fences that are made and destroyed one after the other: pages come again by then, where they do at all. */
const MOST_FENCES = 1200;

function demandValue(scene: Scene, address: bigint, value: bigint, when: string): void {
  const got = scene.guest.fenceAt(address);
  demand(got === value, `${hex64(value)} in the fence's page ${when}`, hex64(got));
}

/** Writes a value into a page and waits for a smaller one: no event may come. */
async function forge(scene: Scene, device: number, fence: number, address: bigint): Promise<bigint> {
  scene.guest.writeFence(address, FORGED);
  await scene.roundTrip();
  const event = scene.guest.event();
  (await scene.wait(device, event, [fence], [WAITED_FOR])).ok();
  await scene.roundTrip();
  await scene.roundTrip();
  const count = scene.guest.signalled(event);
  demand(count === 0, 'no event (only the guest wrote such a value)', `${count} of id ${event}`);
  return event;
}

pages.must(
  1,
  '5.1, 8.3',
  'What a guest writes into the page of a fence satisfies no wait and refuses no signal; the next signal shows',
  async (kit: HostKit) => {
    const scene = await kit.scene();
    const device = await scene.device();
    const fence = await scene.fence(device, 1n);
    const event = await forge(scene, device, fence.handle, fence.address);
    // Less than the guest wrote, more than the host has.
    (await scene.signal(device, [fence.handle], [2n])).ok();
    await scene.untilFence(device, fence.handle, 2n, 'signalled');
    demandValue(scene, fence.address, 2n, 'after a signal');
    demand(scene.guest.signalled(event) === 0, 'no event yet', 'the one of the greater value');
    (await scene.signal(device, [fence.handle], [WAITED_FOR])).ok();
    await scene.guest.untilEvent(event, 'the value is reached');
  },
);

pages.must(
  2,
  '5.1, 7.5, 8.3',
  'What a guest writes into the page of a progress fence ends no submission and refuses none',
  async (kit: HostKit) => {
    const scene = await kit.scene();
    const device = await scene.device();
    const { queue, fence, address } = await scene.hwQueue(device);
    await forge(scene, device, fence, address);
    const data = scene.profile.submissionData;
    const fields = { hwqueue: queue, hwqueue_progress_fence_id: 3n, priv_drv_data_size: data.length };
    await scene.queue(wire.submitCommandToHwQueue, fields, [data]);
    await scene.untilFence(device, fence, 3n, 'the submission is done');
    demandValue(scene, address, 3n, 'when the submission is done');
  },
);

pages.must(
  3,
  '5.2, observation 24',
  'A page that was another fence’s holds the initial value of the new one when CreateSyncObject is answered',
  async (kit: HostKit) => {
    const scene = await kit.scene();
    const device = await scene.device();
    const seen = new Set<bigint>();
    for (let count = 0; count < MOST_FENCES; count += 1) {
      const fence = await scene.fence(device, 1n);
      demandValue(scene, fence.address, 1n, `when it is answered (fence ${count + 1} of one process)`);
      if (seen.has(fence.address)) return;
      seen.add(fence.address);
      (await scene.signal(device, [fence.handle], [0x9999_9999_9999n])).ok();
      (await scene.call(wire.destroySyncObject, { sync_object: fence.handle })).ok();
    }
  },
);

pages.must(
  4,
  '7.1, 5.1',
  'A page keeps the value of its fence until the next signal, whatever is asked in between',
  async (kit: HostKit) => {
    const scene = await kit.scene();
    const device = await scene.device();
    const fence = await scene.fence(device, 1n);
    for (let value = 2n; value < 10n; value += 1n) {
      (await scene.signal(device, [fence.handle], [value])).ok();
      await scene.untilFence(device, fence.handle, value, 'signalled');
      await scene.roundTrip();
      demandValue(scene, fence.address, value, 'after a question that has nothing to do with it');
      const other = await scene.fence(device, 0x5555n);
      demandValue(scene, fence.address, value, 'after another fence was made');
      (await scene.call(wire.destroySyncObject, { sync_object: other.handle })).ok();
      demandValue(scene, fence.address, value, 'after another fence was destroyed');
    }
  },
);

export const pageRequirements = pages.requirements;
