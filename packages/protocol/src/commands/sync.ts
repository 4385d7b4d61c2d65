import { SignalFlags, signalFlagsType, waitFromCpuFlagsType } from '../flags.ts';
import { globalCommand, numbered, vgpuCommand } from '../schema/command.ts';
import { overlay, tailCount, unionOfNumbers } from '../schema/entries.ts';
import { byLength, globalRequest, handles, longs, reply, vgpuRequest } from '../schema/message.ts';
import { bool, handle, u32, u64 } from '../schema/scalars.ts';
import { createSyncObjectArgs } from '../structs/sync.ts';
import { statusReply } from './common.ts';

/** Synchronisation commands: sync objects, waits and signals. */

export const createSyncObject = vgpuCommand({
  name: 'CreateSyncObject',
  id: 8,
  summary:
    'Makes a sync object of one of six kinds; fences of the monitored kinds get a page of the IO space.',
  notes: [
    '`event` of a CPU notification is a guest event id.',
    'For monitored and periodic fences `fenceStorageAddress` names a page of the IO space whose first 8 bytes are the value, already set to the initial one.',
    'A shared object needs a global handle that is not 0.',
  ],
  request: vgpuRequest('dxgkvmb_command_createsyncobject', {
    args: createSyncObjectArgs,
    clientHint: u32,
  }),
  reply: reply('dxgkvmb_command_createsyncobject_return', {
    syncObject: handle,
    globalSyncObject: handle,
    fenceGpuVa: u64,
    fenceStorageAddress: u64,
    fenceStorageOffset: u32,
  }),
  failure: 'short-reply',
  calls: ['CreateSynchronizationObject2'],
});

export const waitForSyncObjectFromCpu = vgpuCommand({
  name: 'WaitForSyncObjectFromCpu',
  id: 22,
  summary: 'Registers a CPU wait; the answer says that it is queued, a guest event that it is over.',
  notes: [
    '`guestEventPointer` is an event id. Its event is sent always, even when the wait was over at once.',
    'The reply must not wait for the fence.',
  ],
  request: vgpuRequest(
    'dxgkvmb_command_waitforsyncobjectfromcpu',
    {
      device: handle,
      objectCount: tailCount(u32),
      flags: waitFromCpuFlagsType,
      guestEventPointer: u64,
      dereferenceEvent: bool,
    },
    { objects: handles('objectCount'), fenceValues: longs('objectCount') },
  ),
  reply: statusReply,
  failure: 'status',
  calls: ['WaitForSynchronizationObjectFromCpu', 'CreateSyncFile'],
  limits: { objectCount: '1..131072' },
});

export const waitForSyncObjectFromGpu = vgpuCommand({
  name: 'WaitForSyncObjectFromGpu',
  id: 25,
  summary: 'Queues a wait to a context or hardware queue: later work waits for the fences.',
  notes: [
    'Values come before handles, unlike the other two commands.',
    "With `legacyFenceObject` only the first value counts; the others are whatever lay in the guest's memory.",
    '`context` may be a hardware queue.',
  ],
  oneWay: 'when-async',
  request: vgpuRequest(
    'dxgkvmb_command_waitforsyncobjectfromgpu',
    {
      context: handle,
      objectCount: tailCount(u32),
      legacyFenceObject: bool,
      fenceValues: overlay(u64),
    },
    { fenceValues: longs('objectCount'), objects: handles('objectCount') },
    { tailsAt: 40 },
  ),
  reply: statusReply,
  failure: 'status',
  calls: [
    'WaitForSynchronizationObject2',
    'WaitForSynchronizationObjectFromGpu',
    'SubmitWaitForSyncObjectsToHwQueue',
    'WaitSyncFile',
  ],
  limits: { objectCount: '1..32' },
});

export const signalSyncObject = vgpuCommand({
  name: 'SignalSyncObject',
  id: 26,
  summary:
    'Signals sync objects at once (from the CPU), or when earlier work of contexts or hardware queues is done.',
  notes: [
    'Without contexts it is a signal from the CPU on behalf of `device`.',
    'With per-object values at least 8 bytes for each object follow the contexts; with fewer than 8 bytes there are none and `fenceValue` counts for all objects.',
    '`contexts` may be hardware queues.',
  ],
  oneWay: 'when-async',
  request: vgpuRequest(
    'dxgkvmb_command_signalsyncobject',
    {
      objectCount: tailCount(u32),
      flags: signalFlagsType,
      contextCount: tailCount(u32),
      fenceValue: u64,
      origin: unionOfNumbers(
        {
          by: 'flag',
          key: 'flags',
          mask: SignalFlags.enqueueCpuEvent,
          set: 'cpuEventHandle',
          clear: 'device',
        },
        { cpuEventHandle: u64, device: handle },
      ),
    },
    {
      objects: handles('objectCount'),
      contexts: handles('contextCount'),
      fenceValues: longs(byLength('objects')),
    },
  ),
  reply: statusReply,
  failure: 'status',
  calls: [
    'SignalSynchronizationObject2',
    'SignalSynchronizationObjectFromCpu',
    'SignalSynchronizationObjectFromGpu',
    'SignalSynchronizationObjectFromGpu2',
    'SubmitSignalSyncObjectsToHwQueue',
  ],
  limits: {
    objectCount:
      '0..32 (ioctl 0x11), 1..32 (0x31, 0x35), 1..131072 (0x32), 1..131072 or 0 with enqueue_cpu_event (0x33)',
    contextCount:
      '1..64 (ioctl 0x11, 0x35), 0 (0x31), 1 (0x32), 1..131072 (0x33; unchecked with enqueue_cpu_event)',
  },
});

export const signalFenceNtSharedByRef = numbered(
  'vgpu',
  27,
  'SignalFenceNtSharedByRef',
  'Numbered only: signals a shared fence by reference.',
);

export const isSyncObjectSignaled = numbered(
  'vgpu',
  46,
  'IsSyncObjectSignaled',
  'Numbered only: asks whether a sync object is signalled.',
);

export const destroySyncObject = globalCommand({
  name: 'DestroySyncObject',
  id: 1003,
  summary: 'Destroys a sync object of this process; waits that are queued to the GPU go on.',
  notes: ['Waits queued to the GPU through the handle go on; CPU waits through it are released.'],
  request: globalRequest('dxgkvmb_command_destroysyncobject', { syncObject: handle }),
  reply: statusReply,
  failure: 'status',
  calls: ['DestroySynchronizationObject', 'WaitSyncFile'],
});

export const signalFence = numbered('global', 1006, 'SignalFence', 'Numbered only: signals a fence.');
