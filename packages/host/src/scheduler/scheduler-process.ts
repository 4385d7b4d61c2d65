/** Measured use of one node, by one process or by all. Counters only grow. */
export interface NodeStatistics {
  /** Time during which the node worked for it, milliseconds. Work that overlaps counts once. */
  runningMs: number;
  /** Submissions handed to the backend. */
  submissions: number;
  /** Submissions that ended without an error. */
  completed: number;
  /** Submissions that ended in a fault, or were lost in a reset. */
  failed: number;
}

export function emptyNodeStatistics(): NodeStatistics {
  return { runningMs: 0, submissions: 0, completed: 0, failed: 0 };
}

/** A guest process as one virtual GPU's scheduler sees it: a party to share the engines with. */
export class SchedulerProcess {
  /** By node. */
  readonly statistics: NodeStatistics[] = [];

  constructor(nodeCount: number) {
    for (let i = 0; i < nodeCount; i += 1) this.statistics.push(emptyNodeStatistics());
  }
}
