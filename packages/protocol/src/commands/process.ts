import { globalCommand, numbered } from '../schema/command.ts';
import { bits } from '../schema/entries.ts';
import { globalRequest, reply } from '../schema/message.ts';
import { handle, pointer, text, u8, u64 } from '../schema/scalars.ts';
import { statusReply } from './common.ts';

/** Process commands: what the host knows of a guest process. */

export const createProcess = globalCommand({
  name: 'CreateProcess',
  id: 1000,
  summary: 'Announces a guest process, when it first opens the driver.',
  notes: ["`process` is an address in the guest's kernel: an opaque token. `processId` is a label."],
  headerProcess: 'zero',
  request: globalRequest('dxgkvmb_command_createprocess', {
    process: pointer(),
    processId: u64,
    processName: text(261),
    csrssProcess: bits(u8, 1),
    dwmProcess: bits(u8, 1),
    wow64Process: bits(u8, 1),
    linuxProcess: bits(u8, 1),
  }),
  reply: reply('dxgkvmb_command_createprocess_return', {
    hprocess: handle,
  }),
  failure: 'zero-handle',
});

export const destroyProcess = globalCommand({
  name: 'DestroyProcess',
  id: 1001,
  summary: 'Destroys everything of a guest process that has ended or closed the driver.',
  headerProcess: 'target',
  request: globalRequest('dxgkvmb_command_destroyprocess', {}),
  reply: statusReply,
  failure: 'status',
});

export const notifyProcessFreeze = numbered(
  'global',
  1007,
  'NotifyProcessFreeze',
  'Numbered only: says that a process is frozen.',
);

export const notifyProcessThaw = numbered(
  'global',
  1008,
  'NotifyProcessThaw',
  'Numbered only: says that a process runs again.',
);

export const completeTransaction = numbered(
  'global',
  1011,
  'CompleteTransaction',
  'Numbered only: completes a transaction.',
);
