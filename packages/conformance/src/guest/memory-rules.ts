import { namesIn } from './names.ts';
import { longOf, wordOf } from './objects.ts';
import { GuestRules, hex } from './rule.ts';

/** Memory of the guest's own that it lends, and the order of what it submits. */

/** Page frames that one message can carry. */
const MOST_FRAMES = 15_867;
const NAMING = /^SetExistingSysMem/;

const memory = new GuestRules();

memory.onFields(
  41,
  '7.5',
  'Fence ids of submissions to a hardware queue rise from one to the next',
  ({ at, command, process, view: data }, view) => {
    if (command.name !== 'SubmitCommandToHwQueue') return undefined;
    const queue = data.getUint32(at + 24, true);
    const [id, last] = [
      data.getBigUint64(at + 32, true),
      view.takeFenceId(process, queue, data.getBigUint64(at + 32, true)),
    ];
    return id > last ? null : `${id} on queue ${hex(queue)}, after ${last}`;
  },
);
memory.onFields(
  42,
  '5.4, observation 28',
  'SetExistingSysMemStore names a GPADL that the guest has made and not taken back',
  ({ at, command, view: data }, view) => {
    if (command.name !== 'SetExistingSysMemStore') return undefined;
    const gpadl = data.getUint32(at + 32, true);
    return view.memory.has(gpadl) ? null : `GPADL ${hex(gpadl)}`;
  },
);
memory.rule(
  43,
  '5.4, observation 28',
  'A GPADL is torn down when the end of its allocation was answered, and not before',
  (event, view) => {
    if (event.kind !== 'gpadlEnd') return undefined;
    const user = view.memory.userOf(event.gpadl);
    return user === undefined
      ? null
      : `GPADL ${hex(event.gpadl)} of allocation ${hex(user.handle)}, which is there`;
  },
);
memory.onFields(
  44,
  '5.4',
  'Pieces of a page list follow each other: from page 0 on, no gap, no page twice',
  (message, view) => {
    const { at, command, view: data } = message;
    if (command.name !== 'SetExistingSysMemPages') return undefined;
    const wanted = view.memory.takePages(message);
    const offset = data.getUint32(at + 36, true);
    return offset === wanted ? null : `page ${offset} where ${wanted} comes next`;
  },
);

memory.onFields(
  83,
  '5.4, observation 27',
  'A GPADL has the pages of its allocation, and is of that one alone',
  (message, view) => {
    if (message.command.name !== 'SetExistingSysMemStore') return undefined;
    const gpadl = wordOf(message, 32);
    const user = view.memory.userOf(gpadl);
    if (user !== undefined) return `GPADL ${hex(gpadl)} is of allocation ${hex(user.handle)}`;
    const object = view.objects.get(message.process, wordOf(message, 28));
    const lengthBytes = view.memory.bytesOf(gpadl);
    if (object === undefined || object.sizeBytes === 0n || lengthBytes === null) return undefined;
    const pages = (object.sizeBytes + 4095n) / 4096n;
    return BigInt(lengthBytes) === pages * 4096n
      ? null
      : `${lengthBytes} bytes for an allocation of ${pages} pages`;
  },
);
memory.rule(
  84,
  '5.4, observation 28',
  'No GPADL is left of an allocation that has ended when a link is closed in good order',
  (event, view) => {
    if (event.kind === 'gpadlEnd') return null;
    if (event.kind !== 'end' || event.error !== null) return undefined;
    // What a process has that is still there it has not given up, whatever became of the virtual GPU.
    const [gpadl] = view.memory.leftOver(view.processes);
    return gpadl === undefined ? undefined : `GPADL ${hex(gpadl)}`;
  },
);
memory.onFields(
  85,
  '5.4, 1.2',
  'Memory is named by page frames where the host says that it can map them, else by GPADL',
  ({ command }, { bringUp }) => {
    if (!NAMING.test(command.name) || bringUp.canMapGuestMemory === undefined) return undefined;
    return (command.name === 'SetExistingSysMemPages') === bringUp.canMapGuestMemory
      ? null
      : `${command.name} to a host that ${bringUp.canMapGuestMemory ? 'can' : 'cannot'} map pages`;
  },
);
memory.onFields(
  86,
  '5.4, 8.3',
  'A page list ends where its allocation does, in full pieces but for the last, and names memory of the guest outside the IO space',
  (message, view) => {
    if (message.command.name !== 'SetExistingSysMemPages') return undefined;
    const [count, offset] = [wordOf(message, 32), wordOf(message, 36)];
    const object = view.objects.get(message.process, wordOf(message, 28));
    if (object !== undefined && object.sizeBytes > 0n) {
      const pages = (object.sizeBytes + 4095n) / 4096n;
      if (BigInt(offset + count) > pages) return `pages to ${offset + count} of ${pages}`;
      if (count !== MOST_FRAMES && BigInt(offset + count) !== pages)
        return `${count} pages from ${offset} on, of ${pages}`;
    }
    const { contains, ioSpace } = view.memory;
    for (let index = 0; index < Math.min(count, MOST_FRAMES); index += 1) {
      const frame = longOf(message, 40 + 8 * index);
      const address = frame * 4096n;
      const isInIoSpace = ioSpace !== null && address >= ioSpace.start && address < ioSpace.end;
      if (isInIoSpace || (contains !== null && !view.memory.isGuestPage(address)))
        return `page frame ${hex(frame)}`;
    }
    return null;
  },
);
memory.onFields(
  87,
  '5.4',
  'Memory is named once, for an allocation that was made of it, and before that is used',
  (message, { objects }) => {
    const isNaming = NAMING.test(message.command.name);
    let result: null | undefined;
    for (const { handle } of namesIn(message)) {
      const object = objects.get(message.process, handle);
      if (object?.kind !== 'allocation' || !(isNaming || object.isOfGuestMemory)) continue;
      if (isNaming && !object.isOfGuestMemory) return `allocation ${hex(handle)} is not made of such memory`;
      if (isNaming && object.memoryNamed) return `allocation ${hex(handle)} has its memory`;
      if (!isNaming && !object.memoryNamed && message.command.name !== 'DestroyAllocation')
        return `${message.command.name} of allocation ${hex(handle)}, which has no memory`;
      result = null;
    }
    return result;
  },
);

memory.onFields(
  92,
  '5.4',
  'A piece of a page list is sent when the one before was answered',
  (message, view) =>
    NAMING.test(message.command.name)
      ? view.isAwaited(message.command.name, message.process, wordOf(message, 28))
        ? `pages from ${wordOf(message, 36)} on, while others are under way`
        : null
      : undefined,
);

export const memoryRules = memory.list;
