/** The guest's two layers. The trace tools and the result types of the 65 calls are in `@dxgwire/guest/kmt`. */
export {
  type AdapterSummary,
  CommandError,
  type D3dkmtCalls,
  type D3dkmtPosts,
  type DriverOptions,
  type DriverStatistics,
  EventLostError,
  errnoName,
  type FenceView,
  isCommandError,
  KmtDriver,
  KmtEvent,
  type KmtLoss,
  KmtProcess,
  type KmtResult,
  type Luid,
  type OpenDeviceOptions,
  startDriver,
  unwrap,
} from './kmt/index.ts';
export { type CreateGPUOptions, createGPU, globals, type RemoteGPU } from './webgpu/index.ts';
