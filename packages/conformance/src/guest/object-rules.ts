import { longOf, wordOf } from './objects.ts';
import { GuestRules, hex } from './rule.ts';

/** Handles, counts, sizes, lifetimes: what a guest's messages say of objects. */

const CPU_NOTIFICATION = 4;
const ENQUEUE_CPU_EVENT = 2;

const objects = new GuestRules();

objects.onFields(27, '4.6', 'FlushDevice gives reason 4', ({ command, view: data, at }) =>
  command.name === 'FlushDevice'
    ? data.getUint32(at + 28, true) === 4
      ? null
      : `reason ${data.getUint32(at + 28, true)}`
    : undefined,
);
objects.onFields(
  28,
  '6.1',
  'Event ids of waits, notifications and signals are not 0, and none is used twice',
  (message, view) => {
    const { name } = message.command;
    if (name === 'WaitForSyncObjectFromCpu') {
      const event = longOf(message, 40);
      return event !== 0n && view.takeEvent(event, true) ? null : `event ${event}`;
    }
    const isNotification = name === 'CreateSyncObject' && wordOf(message, 32) === CPU_NOTIFICATION;
    const isEnqueued = name === 'SignalSyncObject' && (wordOf(message, 28) & ENQUEUE_CPU_EVENT) !== 0;
    if (!isNotification && !isEnqueued) return undefined;
    const event = longOf(message, isNotification ? 40 : 48);
    return event !== 0n && view.takeEvent(event, false) ? null : `${name}: event ${event}`;
  },
);
objects.onFields(
  29,
  '4.11',
  'Counts of waits and signals fit the message',
  ({ command, view: data, at, bodyBytes }) => {
    if (command.name === 'SignalSyncObject') {
      const need = 56 + 4 * data.getUint32(at + 24, true) + 4 * data.getUint32(at + 32, true);
      return bodyBytes >= need ? null : `${bodyBytes} of ${need} bytes`;
    }
    if (command.name !== 'WaitForSyncObjectFromCpu' && command.name !== 'WaitForSyncObjectFromGpu')
      return undefined;
    const need = command.fixedBytes + 12 * data.getUint32(at + 28, true);
    return bodyBytes >= need ? null : `${bodyBytes} of ${need} bytes`;
  },
);
objects.onFields(
  30,
  '4.4, 4.7, 4.8',
  'Sizes of private data fit the message',
  ({ command, view: data, at, bodyBytes }) => {
    const field = command.request.find(
      ({ name }) => name === 'private_data_size' || name === 'priv_drv_data_size',
    );
    if (field === undefined) return undefined;
    const need = command.fixedBytes + data.getUint32(at + field.offset, true);
    return bodyBytes >= need ? null : `${command.name}: ${bodyBytes} of ${need} bytes`;
  },
);
objects.onFields(
  31,
  '4.13',
  'OpenSyncObject names a global handle that the host gave, of what is still there',
  ({ command, view: data, at }, view) => {
    if (command.name !== 'OpenSyncObject') return undefined;
    const handle = data.getUint32(at + 28, true);
    return view.objects.ofGlobal(handle) !== undefined ? null : hex(handle);
  },
);
objects.onFields(
  32,
  '4.13',
  'OpenResource and DestroyNtSharedObject name an NT object that the host gave and that has not ended',
  ({ command, view: data, at }, view) => {
    const offset = command.name === 'OpenResource' ? 32 : command.name === 'DestroyNtSharedObject' ? 24 : 0;
    if (offset === 0) return undefined;
    const handle = data.getUint32(at + offset, true);
    return view.objects.ofNt(handle) !== undefined ? null : hex(handle);
  },
);
objects.onFields(
  33,
  '5.4, observation 29',
  'SetExistingSysMemPages names at most 15,867 pages and has its full length',
  ({ command, view: data, at, bodyBytes }) => {
    if (command.name !== 'SetExistingSysMemPages') return undefined;
    const pages = data.getUint32(at + 32, true);
    return pages >= 1 && pages <= 15_867 && bodyBytes >= 126_976
      ? null
      : `${pages} pages in ${bodyBytes} bytes`;
  },
);
objects.onFields(
  34,
  '4.8',
  'DestroyAllocation names either a resource or allocations',
  ({ command, view: data, at }) => {
    if (command.name !== 'DestroyAllocation') return undefined;
    const [resource, count] = [data.getUint32(at + 28, true), data.getUint32(at + 32, true)];
    return (resource === 0) !== (count === 0) && count <= 1024
      ? null
      : `resource ${hex(resource)}, ${count} allocations`;
  },
);
objects.onFields(
  35,
  '4.4, observation 20',
  "Adapter fields hold the host's adapter handle",
  ({ command, view: data, at }, view) => {
    const field = command.request.find(({ name }) => name === 'adapter' || name === 'host_handle');
    if (field === undefined || /^(Reserve|ChangeVideo)/.test(command.name)) return undefined;
    const handle = data.getUint32(at + field.offset, true);
    return view.adapters.has(handle) ? null : `${command.name}: ${hex(handle)}`;
  },
);
objects.onFields(
  36,
  '4.9, 4.10, observation 20',
  'MakeResident and MapGpuVirtualAddress leave the device 0',
  ({ command, view: data, at }) => {
    const offset = command.name === 'MakeResident' ? 24 : command.name === 'MapGpuVirtualAddress' ? 128 : 0;
    if (offset === 0) return undefined;
    return data.getUint32(at + offset, true) === 0 ? null : hex(data.getUint32(at + offset, true));
  },
);
objects.onMessage(
  37,
  '2.6, 3.4',
  'A process is not named again once DestroyProcess was sent',
  ({ command, process }, view) =>
    command === undefined || command.process === 'zero' || process === 0
      ? undefined
      : view.endedProcesses.has(process)
        ? `${command.name} of an ended process`
        : null,
);

export const objectRules = objects.list;
