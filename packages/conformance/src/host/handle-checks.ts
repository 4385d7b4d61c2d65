import { demand, type Evidence, hex32, hex64, inSetUp } from '../failure.ts';
import * as adapter from '../wire/adapter-commands.ts';
import { destroySyncObject } from '../wire/sync-commands.ts';
import { Group } from './group.ts';
import type { HostKit } from './kit.ts';
import { ALLOCATION_FLAG } from './samples-memory.ts';
import type { Scene } from './scene.ts';

/** What handles a host may give: section 3.2. */

const handles = new Group('NAME');
const MOST_INDEX = 0xff_fffe;
/** A guest keeps 16 bytes for each index below the highest: more than a mebibyte of them is too much at the start. */
const DENSE_INDEX = 65_536;

const indexOf = (handle: number): number => (handle >>> 6) & 0xff_ffff;
const uniqueOf = (handle: number): number => handle >>> 30;

async function oneOfEach(scene: Scene): Promise<number[]> {
  const device = await scene.device();
  const { queue, fence } = await scene.pagingQueue(device);
  const hw = await scene.hwQueue(device);
  const pair = scene.createAllocations(device, [4096, 4096], { flags: ALLOCATION_FLAG.resource });
  const made = await inSetUp(pair.then((reply) => reply.ok()));
  const second = made.number('allocation', 0, 72);
  const monitored = await scene.fence(device);
  const all = [device, queue, fence, hw.context, hw.queue, hw.fence, made.number('resource')];
  return [...all, made.number('allocation'), second, monitored.handle];
}

const each = async (kit: HostKit): Promise<number[]> => oneOfEach(await kit.scene());

handles.must(1, '3.2.1', 'Handles are not null and their index is at most 0xFFFFFE', async (kit) => {
  for (const handle of await each(kit)) {
    demand(handle !== 0 && indexOf(handle) <= MOST_INDEX, 'a handle', hex32(handle));
  }
});

handles.must(
  2,
  '3.2.2, observation 17',
  'No two live objects of a process share an index, implicit fences among them',
  async (kit) => {
    const all = await each(kit);
    const indices = new Set(all.map(indexOf));
    demand(indices.size === all.length, `${all.length} different indices`, all.map(hex32).join(', '));
  },
);

handles.must(3, '3.2.4', 'Indices are small', async (kit) => {
  for (const handle of await each(kit)) {
    demand(indexOf(handle) < DENSE_INDEX, `an index below ${DENSE_INDEX}`, String(indexOf(handle)));
  }
});

handles.must(4, '3.2.5', 'The instance bits are 0', async (kit) => {
  for (const handle of await each(kit)) demand((handle & 0x3f) === 0, 'instance 0', hex32(handle));
});

handles.must(
  5,
  '3.2.6, observation 18',
  "No handle can be taken for one of the guest's own adapter handles",
  async (kit) => {
    for (const handle of await each(kit)) {
      const isApart =
        uniqueOf(handle) === 3 || (uniqueOf(handle) === 0 && indexOf(handle) > 0) || indexOf(handle) >= 4096;
      demand(isApart, 'unique 3, or 0 with an index above 0, or an index from 4096 on', hex32(handle));
    }
  },
);

handles.must(
  6,
  '3.2.7, observation 19',
  'The index of a destroyed object is not given out again at once',
  async (kit) => {
    const scene = await kit.scene();
    const device = await scene.device();
    const dead = await scene.fence(device);
    (await scene.call(destroySyncObject, { sync_object: dead.handle })).ok();
    for (let count = 0; count < 100; count += 1) {
      const { handle } = await scene.fence(device);
      demand(
        indexOf(handle) !== indexOf(dead.handle),
        `another index than ${indexOf(dead.handle)} for the next 100`,
        hex32(handle),
      );
      (await scene.call(destroySyncObject, { sync_object: handle })).ok();
    }
  },
);

handles.must(7, '3.2.4', 'Indices are used again in the long run', async (kit) => {
  const scene = await kit.scene();
  const device = await scene.device();
  let highest = 0;
  const first = indexOf((await scene.fence(device)).handle);
  // Some at once: a host that is far away would take minutes otherwise.
  for (let count = 0; count < 1500; count += 50) {
    const fences = await Promise.all(Array.from({ length: 50 }, () => scene.fence(device)));
    highest = Math.max(highest, ...fences.map(({ handle }) => indexOf(handle)));
    const ended = fences.map(({ handle }) => scene.call(destroySyncObject, { sync_object: handle }));
    for (const reply of await Promise.all(ended)) reply.ok();
  }
  demand(highest < first + 1200, `indices that come again: below ${first + 1200}`, String(highest));
});

handles.must(8, '3.3, 8.3', 'A handle of one process means nothing in another', async (kit) => {
  const scene = await kit.scene();
  const other = await kit.scene(scene.guest);
  const device = await scene.device();
  (await other.call(adapter.destroyDevice, { device })).fails('a device of another process');
  (await scene.call(adapter.destroyDevice, { device })).ok();
});

handles.must(9, '8.3', 'A process of one guest means nothing on the link of another', async (kit) => {
  const scene = await kit.scene();
  const guest = await kit.freshGuest();
  const other = await kit.scene(guest);
  if (other.process === scene.process) {
    // Names may be the same on both links; then a device that only one of them has tells them apart.
    const device = await scene.device();
    await scene.device();
    const more = await scene.device();
    (await other.call(adapter.destroyDevice, { device: more })).fails('a device of another guest');
    (await scene.call(adapter.destroyDevice, { device })).ok();
  } else
    (await other.call(adapter.createDevice, {}, [], { process: scene.process })).fails('a foreign process');
});

handles.must(
  10,
  '5.1, observation 21',
  'Each fence has a whole page of its own: page aligned, inside the IO space, never its last page',
  async (kit) => {
    const scene = await kit.scene();
    const device = await scene.device();
    const paging = await scene.pagingQueue(device);
    const hw = await scene.hwQueue(device);
    const fences = [await scene.fence(device), await scene.fence(device)];
    const found: [bigint, string, Evidence][] = [
      [paging.address, 'the fence of a paging queue', paging.reply.evidence()],
      [hw.address, 'the progress fence of a hardware queue', hw.reply.evidence()],
      ...fences.map((fence): [bigint, string, Evidence] => [
        fence.address,
        'a monitored fence',
        fence.reply.evidence(),
      ]),
    ];
    for (const [address, what, evidence] of found) scene.guest.windowOffset(address, 4096, what, evidence);
    const pages = new Set(found.map(([address]) => address));
    demand(pages.size === found.length, 'a page for each', [...pages].map(hex64).join(', '));
  },
);

export const handleRequirements = handles.requirements;
