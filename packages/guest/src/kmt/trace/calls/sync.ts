import { handleText, hexText } from '../call-values.ts';
import { done, eventOf, type Runner } from './common.ts';

export const syncCalls: Record<string, Runner> = {
  CreateSynchronizationObject2: async ({ input, process }) => {
    const event = eventOf(input, 'event');
    const result = await process.createSynchronizationObject2({
      device: input.number('device'),
      info: {
        type: input.number('type'),
        flags: input.number('flags'),
        mutex: { initialState: input.number('initial_state') },
        semaphore: { maxCount: input.number('max_count'), initialCount: input.number('initial_count') },
        fence: { fenceValue: input.big('fence_value') },
        ...(event === null ? {} : { cpuNotification: { event } }),
        monitoredFence: {
          initialFenceValue: input.big('initial_fence_value'),
          engineAffinity: input.number('engine_affinity'),
        },
        periodicMonitoredFence: { vidpnTargetId: input.number('vidpn_target_id'), time: input.big('time') },
      },
    });
    const out: Record<string, unknown> = {
      sync_object: handleText(result.syncObject),
      shared_handle: handleText(result.sharedHandle),
    };
    if (result.fenceView !== null) out['fence_gpu_va'] = hexText(result.fenceGpuVirtualAddress);
    return done(result, out, result.fenceView);
  },
  DestroySynchronizationObject: async ({ input, process }) =>
    done(await process.destroySynchronizationObject({ syncObject: input.number('sync_object') })),
  SignalSynchronizationObject2: async ({ input, process }) => {
    const event = eventOf(input, 'cpu_event');
    return done(
      await process.signalSynchronizationObject2({
        context: input.number('context'),
        objectArray: input.numbers('objects'),
        flags: input.number('flags'),
        contexts: input.numbers('broadcast_contexts'),
        fenceValue: input.big('fence_value'),
        ...(event === null ? {} : { cpuEventHandle: event }),
      }),
    );
  },
  WaitForSynchronizationObject2: async ({ input, process }) =>
    done(
      await process.waitForSynchronizationObject2({
        context: input.number('context'),
        objectArray: input.numbers('objects'),
        fenceValue: input.big('fence_value'),
      }),
    ),
  SignalSynchronizationObjectFromCpu: async ({ input, process }) =>
    done(
      await process.signalSynchronizationObjectFromCpu({
        device: input.number('device'),
        objects: input.numbers('objects'),
        fenceValues: input.bigs('values'),
        flags: input.number('flags'),
      }),
    ),
  SignalSynchronizationObjectFromGpu: async ({ input, process }) =>
    done(
      await process.signalSynchronizationObjectFromGpu({
        context: input.number('context'),
        objects: input.numbers('objects'),
        monitoredFenceValues: input.bigs('values'),
      }),
    ),
  SignalSynchronizationObjectFromGpu2: async ({ input, process }) => {
    const event = eventOf(input, 'cpu_event');
    return done(
      await process.signalSynchronizationObjectFromGpu2({
        objects: input.numbers('objects'),
        contexts: input.numbers('contexts'),
        flags: input.number('flags'),
        monitoredFenceValues: input.bigs('values'),
        ...(event === null ? {} : { cpuEventHandle: event }),
      }),
    );
  },
  WaitForSynchronizationObjectFromCpu: async ({ input, process }) =>
    done(
      await process.waitForSynchronizationObjectFromCpu({
        device: input.number('device'),
        objects: input.numbers('objects'),
        fenceValues: input.bigs('values'),
        flags: input.number('flags'),
        asyncEvent: eventOf(input, 'async_event'),
      }),
    ),
  WaitForSynchronizationObjectFromGpu: async ({ input, process }) =>
    done(
      await process.waitForSynchronizationObjectFromGpu({
        context: input.number('context'),
        objects: input.numbers('objects'),
        monitoredFenceValues: input.bigs('values'),
        fenceValue: input.big('inline_value'),
      }),
    ),
};
