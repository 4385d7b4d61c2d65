import { demand, hex32, hex64 } from '../failure.ts';
import * as wire from '../wire/adapter-commands.ts';
import { IO_START } from './bring-up.ts';
import type { Reply } from './reply.ts';
import type { Sample } from './samples.ts';

/** One right use of each command on adapters, processes, devices and contexts. */

const CONTEXT_HW_QUEUES = 0x10;
const DATA = Uint8Array.of(1, 2, 3, 4, 5);

function examineFeature(reply: Reply): void {
  for (const name of ['min_supported_version', 'max_supported_version', 'descriptor_bits'])
    reply.number(name);
  const isEnabled = (reply.number('result_bits') & 1) !== 0;
  demand(
    !isEnabled || reply.number('version') > 0,
    'an enabled feature with a version',
    `version ${reply.number('version')}`,
    reply.evidence(),
  );
}

function echoes(reply: Reply, name: string, wanted: number): void {
  const got = reply.number(name);
  demand(got === wanted, `${name} echoed as ${wanted}`, String(got), reply.evidence());
}

export const adapterSamples: readonly Sample[] = [
  {
    command: wire.setIoSpaceRegion,
    // The same place again would move what processes use: asked on a link of its own, see BRING.
    optional: 'the IO space of this link lies already',
    async make({ guest }) {
      const length = BigInt(guest.bus.window.lengthBytes);
      return { fields: { start: IO_START, length, shared_page_gpadl: 0 } };
    },
  },
  {
    command: wire.openAdapter,
    async make({ guest }) {
      const versions = {
        vmbus_interface_version: guest.version,
        vmbus_last_compatible_interface_version: 16,
      };
      return { fields: { ...versions, guest_adapter_luid: 0x11_0000_0022n } };
    },
    check(reply) {
      demand(reply.number('host_adapter_handle') !== 0, 'a host adapter handle', '0', reply.evidence());
      demand(reply.number('vmbus_interface_version') >= 16, 'an interface version', '< 16', reply.evidence());
      reply.number('vmbus_last_compatible_interface_version');
    },
  },
  {
    command: wire.getInternalAdapterInfo,
    make: async () => ({ fields: {} }),
    check(reply, { guest }) {
      for (const name of ['device_types', 'driver_store_copy_mode', 'driver_ddi_version', 'flags'])
        reply.number(name);
      reply.long('host_adapter_luid');
      if (guest.hasExtendedHeader) {
        const luid = reply.long('host_vgpu_luid');
        demand(luid === guest.gpus[0]?.luid, 'the same vGPU LUID each time', hex64(luid), reply.evidence());
      }
      demand(
        reply.number('device_description', 79) === 0,
        'a description that ends',
        'none',
        reply.evidence(),
      );
      demand(
        reply.number('device_instance_id', 259) === 0,
        'an instance id that ends',
        'none',
        reply.evidence(),
      );
    },
  },
  {
    command: wire.queryAdapterInfo,
    make: async () => ({
      fields: { query_type: 15, private_data_size: 4 },
      // Without what is looked for: it must be the host that says it.
      tail: [new Uint8Array([8, 9, 9, 9])],
    }),
    check(reply) {
      const isRender = (reply.number('private_data') & 1) !== 0;
      demand(isRender, 'an adapter type with render_supported (bit 0)', 'without', reply.evidence());
    },
  },
  {
    command: wire.queryClockCalibration,
    make: async ({ guest }) => ({
      fields: {
        adapter: guest.gpus[0]?.adapterHandle ?? 0,
        node_ordinal: 0,
        physical_adapter_index: 0,
        clock_data: [7],
      },
    }),
    check(reply) {
      demand(reply.long('gpu_frequency') > 0n, 'a clock frequency', '0', reply.evidence());
      reply.long('gpu_clock_counter');
      reply.long('cpu_clock_counter');
      reply.number('flags');
    },
  },
  { command: wire.flushHeapTransitions, make: async () => ({ fields: {} }) },
  {
    command: wire.isFeatureEnabled,
    make: async () => ({ fields: { feature_id: 32 } }),
    check: examineFeature,
  },
  {
    command: wire.isFeatureEnabledGlobal,
    make: async () => ({ fields: { feature_id: 32 } }),
    check: examineFeature,
    optional: 'the Linux driver never sends it',
  },
  {
    command: wire.queryStatistics,
    needsProcess: false,
    make: async ({ guest, process }) => ({
      fields: {
        type: 0,
        adapter_luid: guest.gpus[0]?.hostAdapterLuid ?? 0n,
        process: 5n,
        result: [1],
        selector: 1n,
      },
      options: { process },
    }),
    check(reply) {
      reply.number('reserved');
      reply.number('result');
    },
  },
  {
    command: wire.queryVideoMemoryInfo,
    make: async ({ guest }) => ({
      fields: {
        adapter: guest.gpus[0]?.adapterHandle ?? 0,
        memory_segment_group: 0,
        physical_adapter_index: 0,
      },
      handles: ['adapter'],
    }),
    check(reply) {
      const budget = reply.long('budget');
      const nonsense = reply.long('current_reservation') > budget + reply.long('available_for_reservation');
      demand(
        !nonsense,
        'a reservation within the budget',
        hex64(reply.long('current_reservation')),
        reply.evidence(),
      );
      reply.long('current_usage');
    },
  },
  {
    command: wire.changeVideoMemoryReservation,
    make: async () => ({ fields: { memory_segment_group: 0, reservation: 0n } }),
  },
  {
    command: wire.escapeCommand,
    optional: 'what an escape means is the driver’s own affair',
    async make(scene) {
      const device = await scene.device();
      const context = await scene.context(device);
      const fields = {
        adapter: scene.guest.gpus[0]?.adapterHandle ?? 0,
        device,
        context,
        priv_drv_data_size: 5,
      };
      return { fields, tail: [DATA], handles: ['device', 'context'] };
    },
    check: (reply) => void reply.number('priv_drv_data'),
  },
  {
    command: wire.createProcess,
    make: async () => ({ fields: { process: 1n, process_id: 1n, process_name: [99], flags: 8 } }),
    async check(reply, scene) {
      const end = await scene.guest.call(wire.destroyProcess, {}, [], { process: reply.handle() });
      end.ok();
    },
  },
  {
    command: wire.destroyProcess,
    needsProcess: true,
    async make({ guest }) {
      const made = await guest.call(wire.createProcess, { flags: 8 });
      return { fields: {}, options: { process: made.ok().handle() } };
    },
  },
  { command: wire.createDevice, make: async () => ({ fields: { error_code: 0xc0deffn } }) },
  {
    command: wire.destroyDevice,
    make: async (scene) => ({ fields: { device: await scene.device() }, handles: ['device'] }),
  },
  {
    command: wire.flushDevice,
    make: async (scene) => ({ fields: { device: await scene.device(), reason: 4 }, handles: ['device'] }),
  },
  {
    command: wire.getDeviceState,
    make: async (scene) => ({
      fields: { device: await scene.device(), state_type: 1, state: new Array(48).fill(0xee) },
      handles: ['device'],
    }),
    check(reply, _scene, { fields }) {
      echoes(reply, 'device', Number(fields['device']));
      echoes(reply, 'state_type', 1);
      echoes(reply, 'execution_state', 1);
      reply.number('reset_state');
      for (let index = 0; index < 32; index += 1) reply.number('page_fault', index);
    },
  },
  {
    command: wire.markDeviceAsError,
    make: async (scene) => ({
      fields: { device: await scene.device(), reason: 0x80000000 },
      handles: ['device'],
    }),
  },
  {
    command: wire.createContextVirtual,
    make: async (scene) => ({
      fields: {
        device: await scene.device(),
        client_hint: 12,
        engine_affinity: 0,
        priv_drv_data_size: scene.profile.contextData.length,
      },
      tail: [scene.profile.contextData],
      handles: ['device'],
    }),
    check(reply, { profile }) {
      echoes(reply, 'priv_drv_data_size', profile.contextData.length);
      for (const name of [
        'device',
        'node_ordinal',
        'engine_affinity',
        'flags',
        'client_hint',
        'priv_drv_data',
      ]) {
        reply.number(name);
      }
    },
  },
  {
    command: wire.destroyContext,
    make: async (scene) => ({
      fields: { context: await scene.context(await scene.device()) },
      handles: ['context'],
    }),
  },
  {
    command: wire.createHwQueue,
    async make(scene) {
      const context = await scene.context(await scene.device(), CONTEXT_HW_QUEUES);
      return { fields: { context, priv_drv_data_size: 5 }, tail: [DATA], handles: ['context'] };
    },
    check(reply) {
      demand(reply.number('hwqueue') !== 0, 'a queue', hex32(0), reply.evidence());
      demand(reply.number('hwqueue_progress_fence') !== 0, 'a progress fence', hex32(0), reply.evidence());
      echoes(reply, 'priv_drv_data_size', 5);
      reply.long('hwqueue_progress_fence_cpuva');
      const address = reply.long('hwqueue_progress_fence_gpuva');
      demand(address !== 0n, 'a GPU address of the progress fence', '0', reply.evidence());
      for (const name of ['context', 'flags', 'priv_drv_data']) reply.number(name);
    },
  },
  {
    command: wire.destroyHwQueue,
    make: async (scene) => ({
      fields: { hwqueue: (await scene.hwQueue(await scene.device())).queue },
      handles: ['hwqueue'],
    }),
  },
  {
    command: wire.setContextSchedulingPriority,
    make: async (scene) => ({
      fields: { context: await scene.context(await scene.device()), priority: -3, in_process: true },
      handles: ['context'],
    }),
  },
  {
    command: wire.getContextSchedulingPriority,
    make: async (scene) => ({
      fields: { context: await scene.context(await scene.device()), in_process: true },
      handles: ['context'],
    }),
    check: (reply) => echoes(reply, 'priority', 0),
  },
  {
    command: wire.closeAdapter,
    // It ends everything of the adapter: asked on a link of its own, see LIFE.
    optional: 'it ends the adapter of this link',
    make: async () => ({ fields: { host_handle: 0 } }),
  },
];
