import type { Handlers } from '../handler.ts';
import { adapterHandlers } from './adapter.ts';
import { allocationHandlers } from './allocation.ts';
import { contextHandlers } from './context.ts';
import { deviceHandlers } from './device.ts';
import { gpuVirtualAddressHandlers } from './gpu-virtual-address.ts';
import { processHandlers } from './process.ts';
import { residencyHandlers } from './residency.ts';
import { sharingHandlers } from './sharing.ts';
import { submissionHandlers } from './submission.ts';
import { syncHandlers } from './sync.ts';
import { videoMemoryInfoHandlers } from './video-memory-info.ts';

/** Every command that a guest sends. */
export const handlers: Handlers = {
  ...adapterHandlers,
  ...allocationHandlers,
  ...contextHandlers,
  ...deviceHandlers,
  ...gpuVirtualAddressHandlers,
  ...processHandlers,
  ...residencyHandlers,
  ...sharingHandlers,
  ...submissionHandlers,
  ...syncHandlers,
  ...videoMemoryInfoHandlers,
};
