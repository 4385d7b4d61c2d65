import { NtStatus, QueryStatisticsType as Type } from '@dxgwire/protocol';
import type { GuestProcess } from '../guest-process.ts';
import type { NodeStatistics } from '../scheduler/index.ts';
import type { GpuEngine, VirtualGpu } from '../virtual-gpu.ts';

/**
 * Answers of QueryStatistics: D3DKMT_QUERYSTATISTICS_RESULT of Microsoft's public d3dkmthk.h. Every number is measured
 * by the scheduler or the memory manager; fields that nothing here measures stay zero.
 */

const RESULT_BYTES = 776;
/** Running times count in units of 100 ns. */
const TICKS_PER_MILLISECOND = 10_000;
/** D3DKMT_QUERYSTATISTICS_PROCESS_NODE_INFORMATION: offsets of its packet counters. */
const QUEUE_PACKETS_OFFSET = 76;
const DMA_PACKETS_OFFSET = 140;
/** D3DKMT_RenderCommandBuffer and D3DKMT_ClientRenderBuffer, both first of their kinds. */
const SUBMITTED = 0;
const COMPLETED = 4;
const FAULTED = 12;

export interface StatisticsQuery {
  readonly gpu: VirtualGpu;
  readonly engine: GpuEngine;
  /** The process asked about, for the types that ask about one. */
  readonly process: GuestProcess | undefined;
  readonly type: number;
  /** Which node or segment, in the low 32 bits. */
  readonly selector: bigint;
}

function writeNode(view: DataView, statistics: NodeStatistics): void {
  const { runningMs, submissions, completed, failed } = statistics;
  view.setBigUint64(0, BigInt(Math.round(runningMs * TICKS_PER_MILLISECOND)), true);
  for (const offset of [QUEUE_PACKETS_OFFSET, DMA_PACKETS_OFFSET]) {
    view.setUint32(offset + SUBMITTED, submissions, true);
    view.setUint32(offset + COMPLETED, completed, true);
  }
  view.setUint32(DMA_PACKETS_OFFSET + FAULTED, failed, true);
}

function writeAdapter(view: DataView, { gpu, engine }: StatisticsQuery): boolean {
  view.setUint32(0, gpu.description.segments.length, true);
  view.setUint32(4, gpu.description.nodes.length, true);
  // No video present sources, no vertical sync.
  view.setUint32(16, engine.scheduler.resets, true);
  return true;
}

function writeProcess(view: DataView, { gpu, process }: StatisticsQuery): boolean {
  if (process === undefined) return false;
  view.setUint32(0, gpu.description.nodes.length, true);
  return true;
}

function writeProcessAdapter(view: DataView, { gpu, process }: StatisticsQuery): boolean {
  if (process === undefined) return false;
  view.setUint32(0, gpu.description.segments.length, true);
  view.setUint32(4, gpu.description.nodes.length, true);
  return true;
}

function writeSegment(view: DataView, query: StatisticsQuery): boolean {
  const { engine, gpu } = query;
  const index = Number(query.selector & 0xffff_ffffn);
  const segment = gpu.description.segments[index];
  if (segment === undefined) return false;
  const measured = engine.memory.segmentStatistics(index);
  view.setBigUint64(0, BigInt(measured.lengthBytes), true);
  view.setBigUint64(8, BigInt(measured.committedBytes), true);
  view.setBigUint64(16, BigInt(measured.residentBytes), true);
  view.setBigUint64(24, BigInt(measured.evictedBytes), true);
  view.setUint32(32, measured.allocationsCommitted, true);
  view.setUint32(36, measured.allocationsResident, true);
  // Aperture: system memory that the GPU reaches.
  view.setUint32(40, segment.group === 'non-local' ? 1 : 0, true);
  return true;
}

function writeProcessSegment(view: DataView, query: StatisticsQuery): boolean {
  const { engine, gpu, process } = query;
  const index = Number(query.selector & 0xffff_ffffn);
  if (process === undefined || gpu.description.segments[index] === undefined) return false;
  const place = process.existingOn(engine);
  if (place === undefined) return true;
  const measured = engine.memory.processSegmentStatistics(place.memory, index);
  // The working-set limits that follow are not set.
  view.setBigUint64(0, BigInt(measured.committedBytes), true);
  return true;
}

function writeProcessSegmentGroup(view: DataView, query: StatisticsQuery): boolean {
  const { engine, process } = query;
  const place = process?.existingOn(engine);
  if (process === undefined) return false;
  if (place === undefined) return true;
  const info = engine.memory.queryVideoMemoryInfo(place.memory, Number(query.selector & 0xffff_ffffn));
  if (info === null) return false;
  view.setBigUint64(0, BigInt(info.budget), true);
  // Requested and used are one: what MakeResident has promised is charged at once.
  view.setBigUint64(8, BigInt(info.currentUsage), true);
  view.setBigUint64(16, BigInt(info.currentUsage), true);
  return true;
}

function writeNodeOf(view: DataView, query: StatisticsQuery, isProcess: boolean): boolean {
  const { engine, gpu, process } = query;
  const index = Number(query.selector & 0xffff_ffffn);
  if (gpu.description.nodes[index] === undefined) return false;
  if (!isProcess) {
    writeNode(view, engine.scheduler.nodeStatistics(index));
    return true;
  }
  if (process === undefined) return false;
  const place = process.existingOn(engine);
  if (place !== undefined) writeNode(view, engine.scheduler.processStatistics(place.scheduler, index));
  return true;
}

const writers: Readonly<Record<number, (view: DataView, query: StatisticsQuery) => boolean>> = {
  [Type.adapter]: writeAdapter,
  [Type.process]: writeProcess,
  [Type.processAdapter]: writeProcessAdapter,
  [Type.segment]: writeSegment,
  [Type.processSegment]: writeProcessSegment,
  [Type.node]: (view, query) => writeNodeOf(view, query, false),
  [Type.processNode]: (view, query) => writeNodeOf(view, query, true),
  [Type.processSegmentGroup]: writeProcessSegmentGroup,
};

/** The result's bytes, or the NTSTATUS of a query that is not offered or names what is not there. */
export function answerStatistics(query: StatisticsQuery): Uint8Array | number {
  const write = writers[query.type];
  if (write === undefined) return NtStatus.notSupported;
  const result = new Uint8Array(RESULT_BYTES);
  return write(new DataView(result.buffer), query) ? result : NtStatus.invalidParameter;
}
