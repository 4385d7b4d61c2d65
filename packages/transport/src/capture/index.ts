export { FrameTap } from './frame-tap.ts';
export { CaptureError, CaptureReader } from './reader.ts';
export {
  type CaptureOptions,
  CaptureRecorder,
  type ChunkWriter,
  MAX_CONTENT_BYTES,
  type TapOptions,
} from './recorder.ts';
export {
  CAPTURE_FORMAT,
  CAPTURE_VERSION,
  type CaptureHeader,
  type CaptureRecord,
  type Direction,
} from './records.ts';
export { tapGuestBus } from './tap-guest.ts';
export { tapHostBus } from './tap-host.ts';
