import { syncObjectFlagsType } from '../flags.ts';
import { globalCommand, numbered, vgpuCommand } from '../schema/command.ts';
import { byRequest, globalRequest, handles, reply, roundedUp, vgpuRequest } from '../schema/message.ts';
import { bool, handle, ntstatus, u32, u64 } from '../schema/scalars.ts';
import { roundUp } from '../schema/struct.ts';
import { statusReply } from './common.ts';

/** Sharing between guest processes and with the host. */

interface OpenCount {
  readonly allocationCount?: number | undefined;
}

export const openResource = vgpuCommand({
  name: 'OpenResource',
  id: 32,
  summary: 'Opens a shared resource in this process by its NT handle.',
  notes: ['Takes the NT handle of CreateNtSharedObject. `allocations` have the order of their creation.'],
  request: vgpuRequest('dxgkvmb_command_openresource', {
    device: handle,
    ntSecuritySharing: bool,
    globalShare: handle,
    allocationCount: u32,
    totalPrivDrvDataSize: u32,
  }),
  reply: reply(
    'dxgkvmb_command_openresource_return',
    {
      resource: handle,
      status: ntstatus,
    },
    {
      allocations: handles(
        byRequest('allocationCount of the request', (request: OpenCount) => request.allocationCount ?? 0),
      ),
    },
    { trailing: roundedUp },
  ),
  replyLength: {
    text: '8 + 4 * allocationCount, rounded up to 8',
    of: (request: OpenCount) => roundUp(8 + 4 * (request.allocationCount ?? 0), 8),
  },
  failure: 'status',
  calls: ['OpenResourceFromNtHandle'],
});

export const queryResourceInfo = numbered(
  'vgpu',
  64,
  'QueryResourceInfo',
  'Numbered only: asks about a shared resource.',
);

export const openSyncObject = globalCommand({
  name: 'OpenSyncObject',
  id: 1002,
  summary: 'Opens a shared sync object in this process by its global handle.',
  notes: [
    'Takes the global handle of CreateSyncObject, not the NT handle.',
    'The status must be exactly 0 for sync files.',
  ],
  request: globalRequest('dxgkvmb_command_opensyncobject', {
    device: handle,
    globalSyncObject: handle,
    engineAffinity: u32,
    flags: syncObjectFlagsType,
  }),
  reply: reply('dxgkvmb_command_opensyncobject_return', {
    syncObject: handle,
    status: ntstatus,
    gpuVirtualAddress: u64,
    guestCpuPhysicalAddress: u64,
  }),
  failure: 'status',
  calls: ['OpenSyncObjectFromNtHandle2', 'OpenSyncObjectFromSyncFile', 'WaitSyncFile'],
});

export const createNtSharedObject = globalCommand({
  name: 'CreateNtSharedObject',
  id: 1004,
  summary: 'Makes an NT handle for a resource or sync object.',
  notes: ['The reply is one bare handle.'],
  request: globalRequest('dxgkvmb_command_createntsharedobject', { object: handle }),
  reply: reply('(bare handle)', { sharedHandle: handle }),
  failure: 'zero-handle',
  calls: ['ShareObjects', 'CreateSyncFile'],
});

export const destroyNtSharedObject = globalCommand({
  name: 'DestroyNtSharedObject',
  id: 1005,
  summary: 'Destroys an NT handle, when the last file descriptor for it is closed.',
  notes: ['May come after the process that made it is gone. Objects opened through it stay.'],
  headerProcess: 'zero',
  request: globalRequest('dxgkvmb_command_destroyntsharedobject', { sharedHandle: handle }),
  reply: statusReply,
  failure: 'status',
});

export const shareObjectWithHost = globalCommand({
  name: 'ShareObjectWithHost',
  id: 1021,
  summary: 'Makes an opaque value by which a program on the host can open an object.',
  request: globalRequest('dxgkvmb_command_shareobjectwithhost', {
    deviceHandle: handle,
    objectHandle: handle,
    reserved: u64,
  }),
  reply: reply('dxgkvmb_command_shareobjectwithhost_return', {
    status: ntstatus,
    alignment: u32,
    vailNtHandle: u64,
  }),
  failure: 'status',
  calls: ['ShareObjectWithHost'],
});
