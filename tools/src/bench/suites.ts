import type { SuiteResult } from './report.ts';

/** A group of cases that are measured together. */
export interface Suite {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<{ measure(progress: (text: string) => void): Promise<SuiteResult> }>;
}

/**
 * All that `pnpm bench` runs, in order. To add a suite: write `name.ts` here that exports `measure`, and add its line.
 * A case names its contenders, the bare medium or the library first; `targets` of a comparison and `target` of a figure
 * are what is demanded of them. The rest (ratios, spread, table, JSON, baseline, picture) comes by itself.
 */
export const SUITES: readonly Suite[] = [
  {
    name: 'codec',
    summary: 'one message encoded, decoded and read, against hand-written code, protobufjs and msgpackr',
    load: () => import('./codec.ts'),
  },
  {
    name: 'bus',
    summary: 'round trips and messages on each transport, against the bare medium',
    load: () => import('./bus.ts'),
  },
  {
    name: 'memory',
    summary: 'buses over memory that both sides see, against bare words in the same memory and plain copies',
    load: () => import('./memory.ts'),
  },
  {
    name: 'dispatch',
    summary: "what the host's dispatcher takes for a command, and how much heap",
    load: () => import('./dispatch.ts'),
  },
  {
    name: 'links',
    summary: 'Unix socket, TCP and WebSocket links to another process, against the bare medium',
    load: () => import('./links.ts'),
  },
  {
    name: 'link-memory',
    summary: 'extra memory of both sides while 1 GiB is uploaded, on each link to another process',
    load: () => import('./link-memory.ts'),
  },
  {
    name: 'cost',
    summary: 'heap bytes per message and copies per byte of each bus; memory of a guest',
    load: () => import('./cost.ts'),
  },
  {
    name: 'capture',
    summary: 'a bus that is being recorded, against the same bus without',
    load: () => import('./capture.ts'),
  },
  {
    name: 'dawn',
    summary: 'WebGPU calls through the projection, against Dawn directly',
    load: () => import('./dawn.ts'),
  },
  {
    name: 'mesh',
    summary: 'a frame of examples/mesh through the projection, against Dawn directly',
    load: () => import('./mesh.ts'),
  },
];
