import { done, given, type Runner } from './common.ts';

export const submissionCalls: Record<string, Runner> = {
  SubmitCommand: async ({ input, process }) =>
    done(
      await process.submitCommand({
        commandBuffer: input.big('command_buffer'),
        commandLength: input.number('command_length'),
        broadcastContext: input.numbers('broadcast_contexts'),
        ...given('privDrvData', input.bytes('private_data')),
        writtenPrimaries: input.numbers('written_primaries'),
        historyBufferArray: input.numbers('history_buffers'),
      }),
    ),
  SubmitCommandToHwQueue: async ({ input, process }) =>
    done(
      await process.submitCommandToHwQueue({
        hwqueue: input.number('queue'),
        hwqueueProgressFenceId: input.big('progress_fence_id'),
        commandBuffer: input.big('command_buffer'),
        commandLength: input.number('command_length'),
        ...given('privDrvData', input.bytes('private_data')),
        writtenPrimaries: input.numbers('written_primaries'),
      }),
    ),
  SubmitSignalSyncObjectsToHwQueue: async ({ input, process }) =>
    done(
      await process.submitSignalSyncObjectsToHwQueue({
        hwqueues: input.numbers('queues'),
        objects: input.numbers('objects'),
        fenceValues: input.bigs('values'),
        flags: input.number('flags'),
      }),
    ),
  SubmitWaitForSyncObjectsToHwQueue: async ({ input, process }) =>
    done(
      await process.submitWaitForSyncObjectsToHwQueue({
        hwqueue: input.number('queue'),
        objects: input.numbers('objects'),
        fenceValues: input.bigs('values'),
      }),
    ),
};
