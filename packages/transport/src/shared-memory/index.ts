export type { LinkHostSettings } from '../link/host-links.ts';
export { connectSharedMemory, type SharedMemoryConnectOptions } from './guest.ts';
export { listenSharedMemory, type SharedMemoryListener, type SharedMemorySettings } from './host.ts';
