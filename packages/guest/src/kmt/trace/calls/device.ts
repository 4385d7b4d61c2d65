import { isCommandError } from '../../errors.ts';
import { bytesText, type CallInput, handleText, hexText } from '../call-values.ts';
import { toHex } from '../lines.ts';
import { done, given, type Runner } from './common.ts';

export const deviceCalls: Record<string, Runner> = {
  OpenDevice: async ({ context, input }) => {
    try {
      const process = await context.driver.openDevice({ pid: input.number('pid'), comm: input.text('comm') });
      context.processes.set(input.text('proc'), process);
      return done({ ret: 0 });
    } catch (error) {
      if (!isCommandError(error)) throw error;
      return done({ ret: error.ret });
    }
  },
  CloseDevice: async ({ input, process }) =>
    done(await process.closeDevice({ processExiting: input.number('process_exiting') === 1 })),
  CloseFd: async ({ input, process }) => done(await process.closeFd(input.number('fd'))),
  CreateDevice: async ({ input, process }) => {
    const result = await process.createDevice({
      adapter: input.number('adapter'),
      flags: input.number('flags'),
    });
    return done(result, { device: handleText(result.device) });
  },
  DestroyDevice: async ({ input, process }) =>
    done(await process.destroyDevice({ device: input.number('device') })),
  GetDeviceState: async ({ input, process }) => {
    const query = { device: input.number('device'), stateType: input.number('state_type') };
    const result = await process.getDeviceState(query);
    return done(result, { state: toHex(result.state) });
  },
  MarkDeviceAsError: async ({ input, process }) =>
    done(await process.markDeviceAsError({ device: input.number('device'), reason: input.number('reason') })),
  CreateContextVirtual: async ({ input, process }) => {
    const privDrvData = input.bytes('private_data');
    const result = await process.createContextVirtual({
      device: input.number('device'),
      nodeOrdinal: input.number('node_ordinal'),
      engineAffinity: input.number('engine_affinity'),
      flags: input.number('flags'),
      clientHint: input.number('client_hint'),
      ...given('privDrvData', privDrvData),
    });
    const out = {
      context: handleText(result.context),
      private_data: bytesText(privDrvData, result.privDrvData),
    };
    return done(result, out);
  },
  DestroyContext: async ({ input, process }) =>
    done(await process.destroyContext({ context: input.number('context') })),
  SetContextSchedulingPriority: async ({ input, process }) =>
    done(await process.setContextSchedulingPriority(priorityOf(input))),
  SetContextInProcessSchedulingPriority: async ({ input, process }) =>
    done(await process.setContextInProcessSchedulingPriority(priorityOf(input))),
  GetContextSchedulingPriority: async ({ input, process }) => {
    const result = await process.getContextSchedulingPriority({ context: input.number('context') });
    return done(result, { priority: result.priority });
  },
  GetContextInProcessSchedulingPriority: async ({ input, process }) => {
    const result = await process.getContextInProcessSchedulingPriority({ context: input.number('context') });
    return done(result, { priority: result.priority });
  },
  CreateHwQueue: async ({ input, process }) => {
    const privDrvData = input.bytes('private_data');
    const result = await process.createHwQueue({
      context: input.number('context'),
      flags: input.number('flags'),
      ...given('privDrvData', privDrvData),
    });
    const out = {
      queue: handleText(result.queue),
      progress_fence: handleText(result.queueProgressFence),
      fence_gpu_va: hexText(result.queueProgressFenceGpuVa),
      private_data: bytesText(privDrvData, result.privDrvData),
    };
    return done(result, out, result.fenceView);
  },
  DestroyHwQueue: async ({ input, process }) =>
    done(await process.destroyHwQueue({ queue: input.number('queue') })),
};

function priorityOf(input: CallInput): { context: number; priority: number } {
  return { context: input.number('context'), priority: input.number('priority') };
}
