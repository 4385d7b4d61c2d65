import { GuestRules, hex } from './rule.ts';

/** Memory of the guest's own that it lends, and the order of what it submits. */

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
    return user === undefined ? null : `GPADL ${hex(event.gpadl)} of allocation ${hex(user)}, which is there`;
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

export const memoryRules = memory.list;
