import { demand } from '../failure.ts';
import { longs, words } from '../wire/message.ts';
import * as wire from '../wire/sync-commands.ts';
import type { Sample } from './samples.ts';
import { SyncFlag } from './scene.ts';

/** One right use of each command on synchronisation, submission and sharing. */

export const syncSamples: readonly Sample[] = [
  {
    command: wire.createSyncObject,
    make: async (scene) => ({
      fields: {
        device: await scene.device(),
        type: 5,
        value: 0x1_0000_0007n,
        fence_cpu_virtual_address: 0xfeedn,
        fence_gpu_virtual_address: 0xfeedn,
        sync_object: 5,
        client_hint: 1,
      },
      handles: ['device'],
    }),
    check(reply, { guest }) {
      demand(reply.number('sync_object') !== 0, 'a handle', 'a null handle', reply.evidence());
      reply.number('global_sync_object');
      demand(reply.long('fence_gpu_va') !== 0n, 'a GPU address of the fence', '0', reply.evidence());
      reply.number('fence_storage_offset');
      guest.windowOffset(reply.long('fence_storage_address'), 4096, 'a fence page', reply.evidence());
    },
  },
  {
    command: wire.destroySyncObject,
    make: async (scene) => ({
      fields: { sync_object: (await scene.fence(await scene.device())).handle },
      handles: ['sync_object'],
    }),
  },
  {
    command: wire.openSyncObject,
    async make(scene) {
      const device = await scene.device();
      const { global } = await scene.fence(device, 4n, SyncFlag.shared);
      const fields = { device, global_sync_object: global, engine_affinity: 0, flags: SyncFlag.shared };
      return { fields, handles: ['global_sync_object'] };
    },
    check(reply, { guest }) {
      demand(reply.number('sync_object') !== 0, 'a handle', 'a null handle', reply.evidence());
      reply.long('gpu_virtual_address');
      guest.windowOffset(reply.long('guest_cpu_physical_address'), 4096, 'a fence page', reply.evidence());
    },
  },
  {
    command: wire.signalSyncObject,
    async make(scene) {
      const device = await scene.device();
      const fence = await scene.fence(device);
      const tail = [words([fence.handle]), longs([3n])];
      return { fields: { object_count: 1, device }, tail, handles: ['device'], tailHandles: [0] };
    },
  },
  {
    command: wire.waitForSyncObjectFromGpu,
    async make(scene) {
      const device = await scene.device();
      const fence = await scene.fence(device);
      const context = await scene.context(device);
      const tail = [longs([0n]), words([fence.handle])];
      return { fields: { context, object_count: 1 }, tail, handles: ['context'], tailHandles: [1] };
    },
  },
  {
    command: wire.waitForSyncObjectFromCpu,
    async make(scene) {
      const device = await scene.device();
      const fence = await scene.fence(device);
      const fields = { device, object_count: 1, flags: 1, guest_event_pointer: scene.guest.event() };
      return { fields, tail: [words([fence.handle]), longs([0n])], handles: ['device'], tailHandles: [0] };
    },
  },
  {
    command: wire.submitCommand,
    async make(scene) {
      const device = await scene.device();
      const context = await scene.context(device);
      const allocation = await scene.allocation(device);
      const data = scene.profile.submissionData;
      const lists = { num_primaries: 1, written_primaries: [allocation], num_history_buffers: 1 };
      const fields = {
        ...lists,
        broadcast_context_count: 1,
        broadcast_context: [context],
        priv_drv_data_size: data.length,
      };
      return {
        fields: { ...fields, priv_drv_data: 0xfeedn, history_buffer_array: 0xfeedn },
        tail: [words([allocation]), data],
        handles: ['broadcast_context', 'written_primaries'],
        tailHandles: [0],
      };
    },
  },
  {
    command: wire.submitCommandToHwQueue,
    async make(scene) {
      const device = await scene.device();
      const { queue } = await scene.hwQueue(device);
      const allocation = await scene.allocation(device);
      const data = scene.profile.submissionData;
      const fields = {
        hwqueue: queue,
        num_primaries: 1,
        hwqueue_progress_fence_id: 1n,
        priv_drv_data_size: data.length,
      };
      return {
        fields: { ...fields, priv_drv_data: 0xfeedn, written_primaries: 0xfeedn },
        tail: [words([allocation]), data],
        handles: ['hwqueue'],
        tailHandles: [0],
      };
    },
  },
  {
    command: wire.createNtSharedObject,
    make: async (scene) => ({
      fields: { object: (await scene.fence(await scene.device(), 0n, SyncFlag.shared)).handle },
      handles: ['object'],
    }),
  },
  {
    command: wire.destroyNtSharedObject,
    async make(scene) {
      const fence = await scene.fence(await scene.device(), 0n, SyncFlag.shared);
      const made = await scene.call(wire.createNtSharedObject, { object: fence.handle });
      return { fields: { shared_handle: made.ok().handle() }, handles: ['shared_handle'] };
    },
  },
  {
    command: wire.shareObjectWithHost,
    async make(scene) {
      const device = await scene.device();
      const fence = await scene.fence(device, 0n, SyncFlag.shared);
      return { fields: { device_handle: device, object_handle: fence.handle }, handles: ['object_handle'] };
    },
    check(reply) {
      reply.number('alignment');
      demand(reply.long('vail_nt_handle') !== 0n, 'a token', '0', reply.evidence());
    },
    optional: 'a host need not share with programs beside it',
  },
];
