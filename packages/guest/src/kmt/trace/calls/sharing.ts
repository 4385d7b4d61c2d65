import { handleText, hexText } from '../call-values.ts';
import { toHex } from '../lines.ts';
import { done, type Runner } from './common.ts';

export const sharingCalls: Record<string, Runner> = {
  ShareObjects: async ({ input, process }) => {
    const share = { objects: [input.number('object')], desiredAccess: input.number('desired_access') };
    const result = await process.shareObjects(share);
    return done(result, { nt_handle_fd: result.sharedHandle });
  },
  ShareObjectWithHost: async ({ input, process }) => {
    const target = { deviceHandle: input.number('device'), objectHandle: input.number('object') };
    const result = await process.shareObjectWithHost(target);
    return done(result, { host_handle: hexText(result.objectVailNtHandle) });
  },
  QueryResourceInfoFromNtHandle: async ({ input, process }) => {
    const target = { device: input.number('device'), ntHandle: input.number('nt_handle_fd') };
    const result = await process.queryResourceInfoFromNtHandle(target);
    const { allocationCount, privateRuntimeDataSize, resourcePrivDrvDataSize, totalPrivDrvDataSize } = result;
    const sizes = [privateRuntimeDataSize, totalPrivDrvDataSize, resourcePrivDrvDataSize, allocationCount];
    return done(result, { runtime_total_resource_count: sizes });
  },
  OpenResourceFromNtHandle: async ({ input, process }) => {
    const [runtime = 0, total = 0, resource = 0] = input.numbers('runtime_total_resource_sizes');
    const result = await process.openResourceFromNtHandle({
      device: input.number('device'),
      ntHandle: input.number('nt_handle_fd'),
      allocationCount: input.number('allocation_count'),
      privateRuntimeDataSize: runtime,
      totalPrivDrvDataSize: total,
      resourcePrivDrvDataSize: resource,
    });
    const out: Record<string, unknown> = {
      resource: handleText(result.resource),
      total_private_size: result.totalPrivDrvDataSize,
      runtime_data: toHex(result.privateRuntimeData),
      resource_data: toHex(result.resourcePrivDrvData),
    };
    for (const [index, opened] of result.openAllocInfo.entries()) {
      out[`alloc${index}`] = handleText(opened.allocation);
      out[`alloc${index}_private`] = toHex(opened.privDrvData);
    }
    return done(result, out);
  },
  OpenSyncObjectFromNtHandle2: async ({ input, process }) => {
    const result = await process.openSyncObjectFromNtHandle2({
      device: input.number('device'),
      ntHandle: input.number('nt_handle_fd'),
      flags: input.number('flags'),
      monitoredFence: { engineAffinity: input.number('engine_affinity') },
    });
    return done(result, { sync_object: handleText(result.syncObject) }, result.fenceView);
  },
  CreateSyncFile: async ({ input, process }) => {
    const result = await process.createSyncFile({
      device: input.number('device'),
      monitoredFence: input.number('monitored_fence'),
      fenceValue: input.big('fence_value'),
    });
    return done(result, { sync_file_fd: result.syncFileHandle });
  },
  WaitSyncFile: async ({ input, process }) =>
    done(
      await process.waitSyncFile({
        context: input.number('context'),
        syncFileHandle: input.number('sync_file_fd'),
      }),
    ),
  OpenSyncObjectFromSyncFile: async ({ input, process }) => {
    const result = await process.openSyncObjectFromSyncFile({
      device: input.number('device'),
      syncFileHandle: input.number('sync_file_fd'),
    });
    const out = { sync_object: handleText(result.syncobj), fence_value: Number(result.fenceValue) };
    return done(result, out, result.fenceView);
  },
};
