import { pagingQueuePriorityType } from '../enums.ts';
import { handle, pointer, u32 } from '../schema/scalars.ts';
import { struct } from '../schema/struct.ts';

/** Structs of the residency commands: copies of ioctl arguments, and parts of them. */

export const createPagingQueueArgs = struct('d3dkmt_createpagingqueue', {
  device: handle,
  priority: pagingQueuePriorityType,
  pagingQueue: handle,
  syncObject: handle,
  fenceCpuVirtualAddress: pointer(),
  physicalAdapterIndex: u32,
});
