import type { KmtProcess } from '../process.ts';
import { type CallFields, CallInput } from './call-values.ts';
import { adapterCalls } from './calls/adapter.ts';
import type { CallContext, CallOutcome, Runner } from './calls/common.ts';
import { deviceCalls } from './calls/device.ts';
import { memoryCalls } from './calls/memory.ts';
import { sharingCalls } from './calls/sharing.ts';
import { submissionCalls } from './calls/submission.ts';
import { syncCalls } from './calls/sync.ts';

export type { CallContext, CallOutcome } from './calls/common.ts';

const RUNNERS: Readonly<Record<string, Runner>> = {
  ...adapterCalls,
  ...deviceCalls,
  ...memoryCalls,
  ...syncCalls,
  ...submissionCalls,
  ...sharingCalls,
};

/** A line of a calls file that is a call. */
export interface TraceCall {
  readonly step: number;
  readonly proc: string;
  readonly api: string;
  readonly in: CallFields;
  readonly ret: number;
  readonly out: CallFields;
}

/**
 * Makes one call of a calls file. Rejects with a RangeError for a call that the driver does not have, or one of a process
 * that could not open the device.
 */
export async function runCall(context: CallContext, call: TraceCall): Promise<CallOutcome> {
  const run = RUNNERS[call.api];
  if (run === undefined) throw new RangeError(`step ${call.step}: there is no call ${call.api}`);
  const process = context.processes.get(call.proc);
  if (process === undefined && call.api !== 'OpenDevice') {
    throw new RangeError(`step ${call.step}: process ${call.proc} has not opened the device`);
  }
  const input = new CallInput({ ...call.in, proc: call.proc });
  return run({ context, process: process as KmtProcess, step: call.step, input });
}
