import { NtStatus } from '@dxgwire/protocol';
import type { GuestProcess } from '../guest-process.ts';
import { type HotReply, later, type SomeHotHandlers } from '../handler.ts';
import type { GpuEngine, VirtualGpu } from '../virtual-gpu.ts';
import { namesGpu } from './lookup.ts';

type Name = 'queryVideoMemoryInfo';

/** The adapter command that programs ask again and again. */
export const videoMemoryInfoHandlers: SomeHotHandlers<Name> = {
  queryVideoMemoryInfo: {
    hot(call, request, reply) {
      const { gpu, process } = call;
      if (!namesGpu(call, request.adapter) || request.physicalAdapterIndex !== 0)
        return NtStatus.invalidParameter;
      if (gpu.engine === null) return infoLater(gpu, process, request.memorySegmentGroup);
      const info = infoOf(gpu.engine, process, request.memorySegmentGroup);
      if (info === null) return NtStatus.invalidParameter;
      reply.budgetLow = info.budget >>> 0;
      reply.budgetHigh = highHalfOf(info.budget);
      reply.currentUsageLow = info.currentUsage >>> 0;
      reply.currentUsageHigh = highHalfOf(info.currentUsage);
      reply.currentReservationLow = info.currentReservation >>> 0;
      reply.currentReservationHigh = highHalfOf(info.currentReservation);
      reply.availableForReservationLow = info.availableForReservation >>> 0;
      reply.availableForReservationHigh = highHalfOf(info.availableForReservation);
      return NtStatus.success;
    },
  },
};

/** A function of its own: one that makes closures allocates for them each time that it is called. */
function infoLater(gpu: VirtualGpu, process: GuestProcess, group: number) {
  return later<HotReply<Name>>((complete) =>
    gpu.withEngine((engine) => {
      if (engine === null) return complete(NtStatus.deviceRemoved);
      const info = infoOf(engine, process, group);
      if (info === null) return complete(NtStatus.invalidParameter);
      complete({
        budget: BigInt(info.budget),
        currentUsage: BigInt(info.currentUsage),
        currentReservation: BigInt(info.currentReservation),
        availableForReservation: BigInt(info.availableForReservation),
      });
    }),
  );
}

function infoOf(engine: GpuEngine, process: GuestProcess, group: number) {
  if (process.isDestroyed) return null;
  return engine.memory.queryVideoMemoryInfo(process.on(engine).memory, group);
}

/** Bits 32 to 63 of a count below 2^53, as an integer: a rounded quotient would be kept as a new object each time. */
function highHalfOf(count: number): number {
  return (count / 0x1_0000_0000) >>> 0;
}
