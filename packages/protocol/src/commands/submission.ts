import { numbered, vgpuCommand } from '../schema/command.ts';
import { data, handles, vgpuRequest } from '../schema/message.ts';
import { submitCommandArgs, submitCommandToHwQueueArgs } from '../structs/submission.ts';
import { statusReply } from './common.ts';

/** Submission commands. */

export const submitCommand = vgpuCommand({
  name: 'SubmitCommand',
  id: 20,
  summary: 'Queues a command buffer to one or more contexts.',
  notes: [
    '`numPrimaries` may exceed the 16 slots of `writtenPrimaries`: the guest does not check it.',
    "`privDrvData` and `historyBufferArray` are addresses of the guest's process; the data are in the tails.",
  ],
  oneWay: 'when-async',
  request: vgpuRequest(
    'dxgkvmb_command_submitcommand',
    { args: submitCommandArgs },
    { historyBuffers: handles('args.numHistoryBuffers'), privDrvData: data('args.privDrvDataSize') },
  ),
  reply: statusReply,
  failure: 'status',
  calls: ['SubmitCommand'],
  limits: {
    'args.broadcast_context_count': '1..64',
    'args.num_history_buffers': '0..1024',
    'args.priv_drv_data_size': '0..131072',
    'args.num_primaries': '0..131072 accepted by the guest although written_primaries has 16 entries',
  },
});

export const setQueuedLimit = numbered(
  'vgpu',
  31,
  'SetQueuedLimit',
  'Numbered only: limits queued presents.',
);

export const presentHistoryToken = numbered(
  'vgpu',
  34,
  'PresentHistoryToken',
  'Numbered only: hands over a present history token.',
);

export const setRedirectedFlipFenceValue = numbered(
  'vgpu',
  35,
  'SetRedirectedFlipFenceValue',
  'Numbered only: sets the fence value of a redirected flip.',
);

export const blt = numbered('vgpu', 38, 'Blt', 'Numbered only: copies between primaries.');

export const cddGdiCommand = numbered(
  'vgpu',
  40,
  'CddGdiCommand',
  'Numbered only: runs a GDI command of the display driver.',
);

export const cddSyncGpuAccess = numbered(
  'vgpu',
  47,
  'CddSyncGpuAccess',
  'Numbered only: waits for GPU access of the display driver.',
);

export const submitCommandToHwQueue = vgpuCommand({
  name: 'SubmitCommandToHwQueue',
  id: 52,
  summary: 'Queues a command buffer to a hardware queue; its progress fence then reaches the value given.',
  notes: [
    "`privDrvData` and `writtenPrimaries` of `args` are addresses of the guest's process; the data are in the tails.",
  ],
  oneWay: 'when-async',
  request: vgpuRequest(
    'dxgkvmb_command_submitcommandtohwqueue',
    { args: submitCommandToHwQueueArgs },
    { writtenPrimaries: handles('args.numPrimaries'), privDrvData: data('args.privDrvDataSize') },
  ),
  reply: statusReply,
  failure: 'status',
  calls: ['SubmitCommandToHwQueue'],
  limits: { 'args.num_primaries': '0..131072', 'args.priv_drv_data_size': '0..131072' },
});
