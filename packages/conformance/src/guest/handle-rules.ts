import { type Named, namesIn } from './names.ts';
import { deviceOf, type GuestObject } from './objects.ts';
import { GuestRules, hex, type WholeMessage } from './rule.ts';
import type { GuestView } from './view.ts';

/** What a guest's messages name: objects that are there, of the process, the device and the virtual GPU in question. */

/** What is wrong with the naming of one object; undefined where nothing can be said. */
type Look = (named: Named, object: GuestObject | undefined) => string | null | undefined;

/** Looks at each object that a message names. */
function each(message: WholeMessage, view: GuestView, look: Look): string | null | undefined {
  // Who names a process that there is not has failed by that (GUEST-20).
  if (!view.processes.has(message.process)) return undefined;
  let result: null | undefined;
  for (const named of namesIn(message)) {
    const got = look(named, view.objects.get(message.process, named.handle));
    if (got === undefined) continue;
    if (got !== null) return `${message.command.name}: ${named.field} ${hex(named.handle)} ${got}`;
    result = null;
  }
  return result;
}

function identity(isOfUnchecked: boolean, message: WholeMessage, view: GuestView) {
  return each(message, view, ({ kinds, isUnchecked }, object) => {
    if (isUnchecked !== isOfUnchecked) return undefined;
    if (object === undefined) return view.objects.isOverfull ? undefined : 'is nothing that its process has';
    return kinds.includes(object.kind) ? null : `is a ${object.kind}, no ${kinds.join(' or ')}`;
  });
}

const handles = new GuestRules();

handles.onFields(
  26,
  '3.2, 3.3, 2.3',
  'Objects are named by handles that the host gave to the process in the header, each where its kind belongs',
  (message, view) => identity(false, message, view),
);
handles.onFields(
  46,
  '3.5, 2.6',
  'An object is not named again once its end was asked for: its own, or that of what it ends with',
  (message, view) =>
    each(message, view, ({ kinds }, object) => {
      if (object === undefined || !kinds.includes(object.kind)) return undefined;
      if (object.isEnded) return 'has ended';
      return object.ending === null ? null : 'is about to end';
    }),
);
handles.onFields(
  47,
  '8.3, 3.3',
  'So it is with handles that the stock driver takes from programs unseen: in lists, escapes, caches, shares with the host',
  (message, view) => identity(true, message, view),
);
handles.onFields(
  48,
  '3.3, 8.3',
  'The allocations, contexts and queues of one message are of one device, which is the device that it names',
  (message, view) => {
    let device: GuestObject | null = null;
    let count = 0;
    const got = each(message, view, (_, object) => {
      if (object === undefined || object.kind === 'sync object' || object.kind === 'fence') return undefined;
      const own = deviceOf(object);
      if (own === null) return undefined;
      count += 1;
      device ??= own;
      return own === device ? null : `is of device ${hex(own.handle)}, not of ${hex(device.handle)}`;
    });
    return got === null && count < 2 ? undefined : got;
  },
);
handles.onFields(
  49,
  '1.7, 3.3',
  'Objects are used on the virtual GPU on which they were made, but for fences, which are of their process',
  (message, view) => {
    if (message.channelType !== 0) return undefined;
    const gpu = view.gpuOf(message);
    return each(message, view, (_, object) => {
      if (object === undefined || object.kind === 'sync object' || object.kind === 'fence') return undefined;
      return object.gpu === gpu ? null : `was made on ${hex(object.gpu)}`;
    });
  },
);
handles.onFields(
  50,
  '4.10, observation 18',
  "ReserveGpuVirtualAddress names the host's adapter handle or a paging queue",
  (message, view) => {
    if (message.command.name !== 'ReserveGpuVirtualAddress') return undefined;
    const handle = message.view.getUint32(message.at + 24, true);
    if (view.adapters.has(handle)) return null;
    const object = view.objects.get(message.process, handle);
    if (object?.kind !== 'paging queue') return `${hex(handle)} is neither`;
    return object.ending === null && !object.isEnded ? null : `paging queue ${hex(handle)}, which has ended`;
  },
);

export const handleRules = handles.list;
