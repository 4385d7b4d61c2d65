import { bytesText, type CallFields, fnv64, handleText, hexText, luidText } from '../call-values.ts';
import { toHex } from '../lines.ts';
import { done, given, type Runner } from './common.ts';

export const adapterCalls: Record<string, Runner> = {
  EnumAdapters2: async ({ input, process }) => {
    const hasBuffer = input.text('buffer') === 'given';
    const result = await process.enumAdapters2(
      hasBuffer ? { numAdapters: input.number('num_adapters') } : {},
    );
    return done(result, enumerated(result.numAdapters, result.adapters));
  },
  EnumAdapters3: async ({ input, process }) => {
    const hasBuffer = input.text('buffer') === 'given';
    const room = hasBuffer ? { adapterCount: input.number('num_adapters') } : {};
    const result = await process.enumAdapters3({ filter: input.big('filter'), ...room });
    return done(result, enumerated(result.adapterCount, result.adapters));
  },
  OpenAdapterFromLuid: async ({ input, process }) => {
    const result = await process.openAdapterFromLuid({ adapterLuid: input.luid('luid') });
    return done(result, { adapter: handleText(result.adapterHandle) });
  },
  CloseAdapter: async ({ input, process }) =>
    done(await process.closeAdapter({ adapterHandle: input.number('adapter') })),
  QueryAdapterInfo: async ({ input, process }) => {
    const privateData = input.bytes('private_data') ?? new Uint8Array(0);
    const query = { adapter: input.number('adapter'), type: input.number('type'), privateData };
    const result = await process.queryAdapterInfo(query);
    return done(result, { private_data: toHex(result.privateData) });
  },
  IsFeatureEnabled: async ({ input, process }) => {
    const query = { adapter: input.number('adapter'), featureId: input.number('feature_id') };
    const result = await process.isFeatureEnabled(query);
    return done(result, { result: hexText(result.result) });
  },
  QueryVideoMemoryInfo: async ({ input, process }) => {
    const result = await process.queryVideoMemoryInfo({
      process: input.big('process'),
      adapter: input.number('adapter'),
      memorySegmentGroup: input.number('memory_segment_group'),
      physicalAdapterIndex: input.number('physical_adapter_index'),
    });
    const { availableForReservation, budget, currentReservation, currentUsage } = result;
    const all = [budget, currentUsage, currentReservation, availableForReservation];
    return done(result, { budget_usage_reservation_available: all.map(Number) });
  },
  ChangeVideoMemoryReservation: async ({ input, process }) =>
    done(
      await process.changeVideoMemoryReservation({
        process: input.big('process'),
        adapter: input.number('adapter'),
        memorySegmentGroup: input.number('memory_segment_group'),
        reservation: input.big('reservation'),
        physicalAdapterIndex: input.number('physical_adapter_index'),
      }),
    ),
  QueryClockCalibration: async ({ input, process }) => {
    const result = await process.queryClockCalibration({
      adapter: input.number('adapter'),
      nodeOrdinal: input.number('node_ordinal'),
      physicalAdapterIndex: input.number('physical_adapter_index'),
    });
    const { cpuClockCounter, gpuClockCounter, gpuFrequency } = result;
    return done(result, { frequency_gpu_cpu: [gpuFrequency, gpuClockCounter, cpuClockCounter].map(Number) });
  },
  QueryStatistics: async ({ input, process }) => {
    const result = await process.queryStatistics({
      type: input.number('type'),
      adapterLuid: input.luid('luid'),
      process: input.big('process'),
      ...given('result', input.bytes('result_on_entry')),
    });
    return done(result, { result_fnv64: fnv64(result.result) });
  },
  FlushHeapTransitions: async ({ input, process }) =>
    done(await process.flushHeapTransitions({ adapter: input.number('adapter') })),
  EnumProcesses: async ({ input, process }) => {
    const query = { adapterLuid: input.luid('luid'), bufferCount: input.number('buffer_count') };
    const result = await process.enumProcesses(query);
    return done(result, { buffer_count: result.bufferCount, pids: result.pids });
  },
  Escape: async ({ input, process }) => {
    const privDrvData = input.bytes('private_data');
    const result = await process.escape({
      adapter: input.number('adapter'),
      device: input.number('device'),
      context: input.number('context'),
      type: input.number('type'),
      flags: input.number('flags'),
      ...given('privDrvData', privDrvData),
    });
    return done(result, { private_data: bytesText(privDrvData, result.privDrvData) });
  },
};

function enumerated(
  count: number,
  adapters: readonly {
    readonly adapterHandle: number;
    readonly adapterLuid: { low: number; high: number };
  }[],
): CallFields {
  const out: Record<string, unknown> = { num_adapters: count };
  for (const [index, adapter] of adapters.entries()) {
    out[`handle${index}`] = handleText(adapter.adapterHandle);
    out[`luid${index}`] = luidText(adapter.adapterLuid);
  }
  return out;
}
