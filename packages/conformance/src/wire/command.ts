import { type Field, layout } from './layout.ts';

/** How a host reports that a command failed. `any`: it cannot fail, whatever completion will do. */
export type WireFailure = 'status' | 'short' | 'zero-handle' | 'any';

/** Numbers of a request that decide the length of its answer: read out of the request's own bytes. */
export type Demand = (request: DataView, headerAt: number) => number;

/** One command, written down from the protocol's description. */
export interface WireCommand {
  readonly name: string;
  readonly code: number;
  readonly channel: 'vgpu' | 'global';
  /** Section of the description. */
  readonly section: string;
  /** Bytes of the message before its arrays, command header included. */
  readonly fixedBytes: number;
  readonly request: readonly Field[];
  readonly reply: readonly Field[];
  /** Reply bytes that the Linux driver demands (E). */
  readonly demand: Demand;
  readonly failure: WireFailure;
  /** Offset of the NTSTATUS in the reply, or null. */
  readonly statusOffset: number | null;
  readonly process: 'caller' | 'zero' | 'target';
  /** Whether it wants no answer once the host has switched one-way messages on. */
  readonly oneWay: boolean;
}

interface Description {
  readonly section: string;
  readonly bytes: number;
  readonly request: string;
  readonly reply: string;
  readonly demand: number | Demand;
  readonly failure?: WireFailure;
  readonly process?: 'zero' | 'target';
  readonly oneWay?: boolean;
}

function describe(channel: 'vgpu' | 'global', code: number, name: string, from: Description): WireCommand {
  const { demand } = from;
  const reply = layout(from.reply);
  return {
    name,
    code,
    channel,
    section: from.section,
    fixedBytes: from.bytes,
    request: layout(from.request),
    reply,
    demand: typeof demand === 'number' ? () => demand : demand,
    failure: from.failure ?? 'status',
    statusOffset: reply.find(({ type }) => type === 'status')?.offset ?? null,
    process: from.process ?? 'caller',
    oneWay: from.oneWay ?? false,
  };
}

export function vgpu(code: number, name: string, from: Description): WireCommand {
  return describe('vgpu', code, name, from);
}

export function global(code: number, name: string, from: Description): WireCommand {
  return describe('global', code, name, from);
}

/** The u32 at an offset of the command (its header at 0). */
export function word(request: DataView, headerAt: number, offset: number): number {
  return request.getUint32(headerAt + offset, true);
}
