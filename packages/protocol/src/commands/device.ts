import { flushDeviceReasonType } from '../enums.ts';
import { createDeviceFlagsType } from '../flags.ts';
import { vgpuCommand } from '../schema/command.ts';
import { reply, vgpuRequest } from '../schema/message.ts';
import { bool, handle, ntstatus, pointer } from '../schema/scalars.ts';
import { getDeviceStateArgs, markDeviceAsErrorArgs } from '../structs/device.ts';
import { statusReply } from './common.ts';

/** Device commands: creation, state and end. */

export const createDevice = vgpuCommand({
  name: 'CreateDevice',
  id: 0,
  summary: 'Makes a device: the owner of contexts, allocations and queues of one process on one virtual GPU.',
  notes: [
    '`errorCode` is the token to send back as `guestPointer` of SetGuestData.',
    "With handle 0 the guest's call succeeds all the same, without a handle.",
  ],
  request: vgpuRequest('dxgkvmb_command_createdevice', {
    flags: createDeviceFlagsType,
    cddDevice: bool,
    errorCode: pointer(),
  }),
  reply: reply('dxgkvmb_command_createdevice_return', {
    device: handle,
  }),
  failure: 'zero-handle',
  calls: ['CreateDevice'],
});

export const destroyDevice = vgpuCommand({
  name: 'DestroyDevice',
  id: 1,
  summary:
    'Destroys a device with everything that it owns; contexts and queues go without messages of their own.',
  request: vgpuRequest('dxgkvmb_command_destroydevice', { device: handle }),
  reply: statusReply,
  failure: 'status',
  calls: ['DestroyDevice'],
});

export const getDeviceState = vgpuCommand({
  name: 'GetDeviceState',
  id: 28,
  summary: 'Asks whether a device still executes, and why not.',
  notes: [
    "The guest replaces its caller's whole structure: the reply repeats `device` and `stateType`.",
    'Execution state is cached in the guest until SetGuestData.',
  ],
  request: vgpuRequest('dxgkvmb_command_getdevicestate', { args: getDeviceStateArgs }),
  reply: reply('dxgkvmb_command_getdevicestate_return', {
    args: getDeviceStateArgs,
    status: ntstatus,
  }),
  failure: 'status',
  calls: ['GetDeviceState'],
});

export const markDeviceAsError = vgpuCommand({
  name: 'MarkDeviceAsError',
  id: 29,
  summary: 'Puts a device into the error state.',
  notes: ['The guest has set its own cached state to reset before it sends this.'],
  request: vgpuRequest('dxgkvmb_command_markdeviceaserror', { args: markDeviceAsErrorArgs }),
  reply: statusReply,
  failure: 'status',
  calls: ['MarkDeviceAsError'],
});

export const flushDevice = vgpuCommand({
  name: 'FlushDevice',
  id: 42,
  summary: 'Says that a device is about to be destroyed with its process: queued work need not finish.',
  notes: ['After a device whose creation failed the guest may name device 0.'],
  request: vgpuRequest('dxgkvmb_command_flushdevice', {
    device: handle,
    reason: flushDeviceReasonType,
  }),
  reply: statusReply,
  failure: 'status',
});
