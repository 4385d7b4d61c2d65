import { deviceOps } from './ops/device.ts';
import { encoderOps } from './ops/encoder.ts';
import { passOps } from './ops/pass.ts';
import { pipelineOps } from './ops/pipeline.ts';
import { queueOps } from './ops/queue.ts';
import { resourceOps } from './ops/resource.ts';

/** Version of the stream format, in adapter caps and context data. It changes when an old record changes. */
export const STREAM_VERSION = 1;

/** The command stream: an op for each WebGPU method that acts on the device. */
export const streamOps = {
  ...deviceOps,
  ...resourceOps,
  ...pipelineOps,
  ...queueOps,
  ...encoderOps,
  ...passOps,
} as const;

/** The same ops by what they are about. */
export const streamOpGroups = {
  device: deviceOps,
  resource: resourceOps,
  pipeline: pipelineOps,
  queue: queueOps,
  encoder: encoderOps,
  pass: passOps,
} as const;

export type StreamOpName = keyof typeof streamOps;
