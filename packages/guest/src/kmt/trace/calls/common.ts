import type { KmtDriver } from '../../driver.ts';
import { KmtEvent } from '../../event.ts';
import type { KmtProcess } from '../../process.ts';
import type { SysmemRange } from '../../types/allocation.ts';
import type { FenceView, KmtResult } from '../../types/common.ts';
import type { CallFields, CallInput } from '../call-values.ts';

/** What a call gave, in the form of calls files. */
export interface CallOutcome {
  readonly ret: number;
  readonly out: CallFields;
  /** Where in the device window a fence page or locked allocation was mapped, bytes; null when nothing was. */
  readonly mappedAt: number | null;
}

/** What calls need besides their arguments. */
export interface CallContext {
  readonly driver: KmtDriver;
  readonly processes: Map<string, KmtProcess>;
  /** The pages of the next allocation over system memory that begins at this frame number. */
  pages(step: number, firstPfn: number): readonly SysmemRange[];
}

/** One call of a calls file, to be made. */
export interface Call {
  readonly context: CallContext;
  readonly process: KmtProcess;
  readonly step: number;
  readonly input: CallInput;
}

/** Makes a call from its recorded arguments. */
export type Runner = (call: Call) => Promise<CallOutcome>;

export function done(result: KmtResult, out: CallFields = {}, view: FenceView | null = null): CallOutcome {
  return { ret: result.ret, out, mappedAt: view?.offset ?? null };
}

/** The event that an argument stands for: an eventfd, or none. */
export function eventOf(input: CallInput, name: string): KmtEvent | null {
  return input.text(name).includes('eventfd') ? new KmtEvent() : null;
}

/** Adds an optional argument only when the calls file has it. */
export function given<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: V });
}
