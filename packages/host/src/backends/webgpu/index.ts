/** The webgpu backend: WebGPU command streams on Dawn, in GPU processes. */
export { createWebgpuBackend, type WebgpuBackendOptions } from './backend.ts';
export type { DeviceProfile, DriverSource } from './device-profile.ts';
export type { DiscoveryOptions } from './discovery.ts';
export { createLocalGPU, type LocalGPU } from './local.ts';
