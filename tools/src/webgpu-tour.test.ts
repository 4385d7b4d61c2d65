import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGPU, globals } from '@dxgwire/guest/webgpu';
import { createHost } from '@dxgwire/host';
import { createLocalGPU, createWebgpuBackend } from '@dxgwire/host/backends/webgpu';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';
import { standardInterfaces } from './webgpu-members.ts';
import { beginTour, type TourGpu, Travelogue, tourCompute, tourRender } from './webgpu-tour.ts';
import { tourAdapter, tourCopies, tourErrors, tourObjects } from './webgpu-tour-rest.ts';

/** Where Dawn for Node departs from the standard, and we do not: the start of the line, and what Dawn gives. */
const DAWN_DEPARTS: ReadonlyMap<string, RegExp> = new Map([
  ['features lists', /throws TypeError/],
  ['features forEach', /throws TypeError/],
  ['wgsl lists', /throws TypeError/],
  ['wgsl forEach', /throws TypeError/],
  // It forgets the label of the queue's own descriptor.
  ['GPUDevice.label', /\["renamed",""\]/],
]);

/** What the tests of the canvas and of `dxgwire run` see; and what nobody can make outside of a browser. */
const ELSEWHERE = new Set(['GPUCanvasContext', 'GPUExternalTexture', 'NavigatorGPU']);

async function travel(implementation: TourGpu): Promise<string[]> {
  const log = new Travelogue();
  const adapter = await tourAdapter(log, implementation);
  const device = await adapter.requestDevice({ label: 'tour', defaultQueue: { label: 'first' } });
  const tour = await beginTour(log, device, implementation.globals);
  await tourObjects(tour);
  await tourCompute(tour);
  await tourRender(tour);
  await tourCopies(tour);
  await tourErrors(tour, implementation.globals);
  return log.lines;
}

/** Notes each member of our interfaces that is used, by patching the prototypes as programs may. */
function watchMembers(): { readonly used: Set<string>; unwatch(): void } {
  const used = new Set<string>();
  const undo: (() => void)[] = [];
  for (const { name, members } of standardInterfaces()) {
    const type = (globals as Record<string, unknown>)[name];
    const owner = typeof type === 'function' ? (type.prototype as object) : null;
    for (const { name: member } of members) {
      for (let holder = owner; holder !== null && holder !== Object.prototype; ) {
        const property = Object.getOwnPropertyDescriptor(holder, member);
        if (property === undefined) {
          holder = Object.getPrototypeOf(holder) as object | null;
          continue;
        }
        const place = holder;
        const note = (): unknown => used.add(`${name}.${member}`);
        const watched = watch(property, note);
        Object.defineProperty(place, member, watched);
        undo.push(() => Object.defineProperty(place, member, property));
        break;
      }
    }
  }
  return {
    used,
    unwatch() {
      for (const restore of undo.reverse()) restore();
    },
  };
}

function watch(property: PropertyDescriptor, note: () => unknown): PropertyDescriptor {
  const { get, set, value } = property;
  const watched = { ...property };
  if (get !== undefined) {
    watched.get = function (this: unknown) {
      note();
      return get.call(this) as unknown;
    };
  }
  if (set !== undefined) {
    watched.set = function (this: unknown, given: unknown) {
      note();
      set.call(this, given);
    };
  }
  if (typeof value === 'function') {
    watched.value = function (this: unknown, ...args: unknown[]) {
      note();
      return Reflect.apply(value, this, args) as unknown;
    };
  }
  return watched;
}

test('every member gives the same on the local device and through a host', async () => {
  const local = await travel(await createLocalGPU());
  const backend = await createWebgpuBackend();
  const host = createHost({ backend });
  const { guest, host: hostBus } = createInProcessBus({ guestMemoryBytes: 64 << 20 });
  host.attach(hostBus);
  const gpu = createGPU({ connect: guest });
  const { used, unwatch } = watchMembers();
  // An event that somebody waits for keeps no process alive, as in a program; here nobody asks the host at the end.
  const keepAlive = setInterval(() => {}, 1000);
  let remote: string[];
  try {
    remote = await travel({ gpu, globals });
  } finally {
    clearInterval(keepAlive);
    unwatch();
    await gpu.close();
    await host.close();
    await backend.close();
  }
  for (const [index, line] of local.entries()) {
    const departure = [...DAWN_DEPARTS].find(([start]) => line.startsWith(start));
    if (departure === undefined) assert.equal(remote[index], line);
    else assert.match(line, departure[1]);
  }
  assert.equal(remote.length, local.length);
  const unseen = standardInterfaces()
    .filter(
      ({ name }) => !ELSEWHERE.has(name) && typeof (globals as Record<string, unknown>)[name] === 'function',
    )
    .flatMap(({ name, members }) => members.map((member) => `${name}.${member.name}`))
    .filter((member) => !used.has(member));
  assert.deepEqual(unseen, []);
});
