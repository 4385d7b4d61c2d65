import { clientHintType } from '../enums.ts';
import { createContextFlagsType, createHwQueueFlagsType } from '../flags.ts';
import { vgpuCommand } from '../schema/command.ts';
import { overlay, tailCount } from '../schema/entries.ts';
import { byRequest, data, reply, spare, vgpuRequest } from '../schema/message.ts';
import { bool, bytes, handle, i32, ntstatus, pointer, u8, u32, u64 } from '../schema/scalars.ts';
import { statusReply } from './common.ts';

/** Context and hardware-queue commands. */

interface PrivateData {
  readonly privDrvData?: Uint8Array | undefined;
}

/** A driver takes as many bytes of such a reply as it sent; what the reply says of their number is not looked at. */
const repeatedData = data(
  byRequest('privDrvDataSize', (request: PrivateData) => request.privDrvData?.length ?? 0, 'privDrvDataSize'),
);

/** Request and, with `context` and the private data filled in, reply. */
const createContextVirtualEntries = {
  context: handle,
  device: handle,
  nodeOrdinal: u32,
  engineAffinity: u32,
  flags: createContextFlagsType,
  clientHint: clientHintType,
  privDrvDataSize: tailCount(u32),
  privDrvData: overlay(u8),
};
const createContextVirtualLayout = { tailsAt: 52, trailing: spare(3) };

export const createContextVirtual = vgpuCommand({
  name: 'CreateContextVirtual',
  id: 6,
  summary: 'Makes a context: an ordered queue of work on one engine, with GPU virtual addresses.',
  notes: ['The reply keeps the length of the private data.'],
  request: vgpuRequest(
    'dxgkvmb_command_createcontextvirtual',
    createContextVirtualEntries,
    { privDrvData: data('privDrvDataSize') },
    createContextVirtualLayout,
  ),
  reply: vgpuRequest(
    'dxgkvmb_command_createcontextvirtual',
    createContextVirtualEntries,
    { privDrvData: repeatedData },
    createContextVirtualLayout,
  ),
  replyLength: {
    text: '55 + privDrvDataSize',
    of: (request: PrivateData) => 55 + (request.privDrvData?.length ?? 0),
  },
  failure: 'zero-handle',
  calls: ['CreateContextVirtual'],
  limits: { privDrvDataSize: '0..131072' },
});

export const destroyContext = vgpuCommand({
  name: 'DestroyContext',
  id: 7,
  summary: 'Destroys a context together with its hardware queues and their progress fences.',
  request: vgpuRequest('dxgkvmb_command_destroycontext', { context: handle }),
  reply: statusReply,
  failure: 'status',
  calls: ['DestroyContext'],
});

export const setContextSchedulingPriority = vgpuCommand({
  name: 'SetContextSchedulingPriority',
  id: 33,
  summary: 'Sets the priority of a context, among all processes or in its own.',
  request: vgpuRequest('dxgkvmb_command_setcontextschedulingpriority2', {
    context: handle,
    priority: i32,
    inProcess: bool,
  }),
  reply: statusReply,
  failure: 'status',
  calls: ['SetContextSchedulingPriority', 'SetContextInProcessSchedulingPriority'],
});

/** Request and, with status, handles, addresses and private data filled in, reply. */
const createHwQueueEntries = {
  status: ntstatus,
  hwqueue: handle,
  hwqueueProgressFence: handle,
  // In the reply a guest-physical address in the IO space, declared as a pointer.
  hwqueueProgressFenceCpuva: pointer(),
  hwqueueProgressFenceGpuva: u64,
  context: handle,
  flags: createHwQueueFlagsType,
  privDrvDataSize: tailCount(u32),
  privDrvData: overlay(bytes(1)),
};
const createHwQueueLayout = { tailsAt: 68, trailing: spare(3, 4) };

export const createHwQueue = vgpuCommand({
  name: 'CreateHwQueue',
  id: 50,
  summary: 'Makes a hardware queue of a context, with a progress fence.',
  notes: [
    "`hwqueueProgressFenceCpuva` of the reply is the guest-physical address of the fence's page, not a virtual one.",
    'On failure `hwqueue` is 0: the guest destroys any other handle.',
  ],
  request: vgpuRequest(
    'dxgkvmb_command_createhwqueue',
    createHwQueueEntries,
    { privDrvData: data('privDrvDataSize') },
    createHwQueueLayout,
  ),
  reply: vgpuRequest(
    'dxgkvmb_command_createhwqueue',
    createHwQueueEntries,
    { privDrvData: repeatedData },
    createHwQueueLayout,
  ),
  replyLength: {
    text: 'privDrvDataSize ? 71 + privDrvDataSize : 72',
    of(request: PrivateData) {
      const bytes = request.privDrvData?.length ?? 0;
      return bytes === 0 ? 72 : 71 + bytes;
    },
  },
  failure: 'status',
  calls: ['CreateHwQueue'],
  limits: { privDrvDataSize: '0..131072' },
});

export const destroyHwQueue = vgpuCommand({
  name: 'DestroyHwQueue',
  id: 51,
  summary: 'Destroys a hardware queue and its progress fence.',
  request: vgpuRequest('dxgkvmb_command_destroyhwqueue', { hwqueue: handle }),
  reply: statusReply,
  failure: 'status',
  calls: ['DestroyHwQueue'],
});

export const getContextSchedulingPriority = vgpuCommand({
  name: 'GetContextSchedulingPriority',
  id: 61,
  summary: 'Asks for the priority of a context, among all processes or in its own.',
  request: vgpuRequest('dxgkvmb_command_getcontextschedulingpriority', {
    context: handle,
    inProcess: bool,
  }),
  reply: reply('dxgkvmb_command_getcontextschedulingpriority_return', {
    status: ntstatus,
    priority: i32,
  }),
  failure: 'status',
  calls: ['GetContextSchedulingPriority', 'GetContextInProcessSchedulingPriority'],
});
