/// <reference types="@webgpu/types" />
import type { RatioTarget } from './report.ts';

/** What the dawn suite measures on one device. The same code runs on local Dawn and through the projection. */
export interface DawnCase {
  readonly name: string;
  /** Bytes that one operation moves. */
  readonly bytes?: number;
  readonly samples: number;
  readonly sampleMs: number;
  readonly maxCount: number;
  /** How often each way does it before anything is measured. */
  readonly warmUpCount?: number;
  /** By a way's name, what is demanded of it. */
  readonly targets: Readonly<Record<string, RatioTarget>>;
  /** What of a bare medium stands beside it: round trips behind local Dawn, or its bytes one way. */
  readonly media?: 'round trips' | 'to the host' | 'to the guest';
  /** Makes what the case needs on a device. */
  prepare(device: GPUDevice): DawnRun;
}

export interface DawnRun {
  /** @returns the milliseconds that count; undefined: all of the call. */
  run(count: number): Promise<number | undefined>;
  dispose(): void;
}

/** The same demand of every way through the projection. */
export const demand = (most: number): Readonly<Record<string, RatioTarget>> => ({
  'shared memory': { most },
  WebSocket: { most },
  'in-process': { most },
});

/** A demand where the host has a thread of its own: in-process, what it does in the same turn counts as the program's. */
export const demandOfLinks = (most: number): Readonly<Record<string, RatioTarget>> => ({
  'shared memory': { most },
  WebSocket: { most },
});

/** Does the work and waits until the GPU has done it: all of that time counts. */
export async function untilDone(device: GPUDevice, work: () => void): Promise<undefined> {
  work();
  await device.queue.onSubmittedWorkDone();
  return undefined;
}
