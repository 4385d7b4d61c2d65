import { submitCommandFlagsType } from '../flags.ts';
import { tailCount } from '../schema/entries.ts';
import { array, handle, pointer, u32, u64 } from '../schema/scalars.ts';
import { struct } from '../schema/struct.ts';

/** Structs of the submission commands: copies of ioctl arguments, and parts of them. */

export const submitCommandArgs = struct('d3dkmt_submitcommand', {
  commandBuffer: u64,
  commandLength: u32,
  flags: submitCommandFlagsType,
  presentHistoryToken: u64,
  broadcastContextCount: u32,
  broadcastContext: array(handle, 64),
  reserved: u32,
  privDrvData: pointer(),
  privDrvDataSize: tailCount(u32),
  numPrimaries: u32,
  writtenPrimaries: array(handle, 16),
  numHistoryBuffers: tailCount(u32),
  reserved1: u32,
  historyBufferArray: pointer('struct:d3dkmthandle'),
});

export const submitCommandToHwQueueArgs = struct('d3dkmt_submitcommandtohwqueue', {
  hwqueue: handle,
  reserved: u32,
  hwqueueProgressFenceId: u64,
  commandBuffer: u64,
  commandLength: u32,
  privDrvDataSize: tailCount(u32),
  privDrvData: pointer(),
  numPrimaries: tailCount(u32),
  reserved1: u32,
  writtenPrimaries: pointer('struct:d3dkmthandle'),
});
