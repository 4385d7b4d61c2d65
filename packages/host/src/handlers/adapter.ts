import {
  DeviceTypes,
  DxgkFeatureId,
  EscapeType,
  Feature,
  FeatureResult,
  InterfaceVersion,
  NtStatus,
} from '@dxgwire/protocol';
import { decodeAdapterCaps } from '@dxgwire/protocol/blobs';
import { later, type SomeHandlers } from '../handler.ts';
import type { VirtualGpu } from '../virtual-gpu.ts';
import { answerAdapterInfo } from './adapter-info.ts';
import { findContext, findDevice, namesGpu, withEngine } from './lookup.ts';
import { answerStatistics } from './statistics.ts';

const ALL_ENABLED =
  FeatureResult.enabled |
  FeatureResult.knownFeature |
  FeatureResult.supportedByDriver |
  FeatureResult.supportedOnConfig;

/** Longest texts of GetInternalAdapterInfo that keep their terminating zero, UTF-16 units. */
const MAX_DESCRIPTION_UNITS = 79;
const MAX_INSTANCE_ID_UNITS = 259;

/** Milliseconds of the host's clock as the nanoseconds that QueryClockCalibration counts the CPU's time in. */
const NANOSECONDS_PER_MILLISECOND = 1e6;

/** Whether the adapter's user-mode capabilities are those of a WebGPU device. */
function runsWebgpuStream(gpu: VirtualGpu): boolean {
  const { userModeCaps } = gpu.description;
  if (userModeCaps.length === 0) return false;
  try {
    decodeAdapterCaps(userModeCaps);
    return true;
  } catch {
    // Capabilities of another kind of driver: not ours to understand.
    return false;
  }
}

/** Bits of IsFeatureEnabled's result. @param gpu null when the question is about the host as a whole. */
function featureBits(feature: number, gpu: VirtualGpu | null): number {
  switch (feature) {
    case DxgkFeatureId.hwSch:
    case Feature.createResident:
    case Feature.pipelinedCreation:
    case Feature.returnEvents:
      return ALL_ENABLED;
    case Feature.webgpuCommandStream:
      return gpu !== null && runsWebgpuStream(gpu) ? ALL_ENABLED : FeatureResult.knownFeature;
    case DxgkFeatureId.pageBasedMemoryManager:
    case DxgkFeatureId.kernelModeTesting:
      return FeatureResult.knownFeature;
    default:
      return 0;
  }
}

function answerFeature(feature: number, gpu: VirtualGpu | null) {
  const value = featureBits(feature, gpu);
  const isEnabled = (value & FeatureResult.enabled) !== 0;
  const version = isEnabled ? 1 : 0;
  return {
    status: NtStatus.success,
    descriptor: { minSupportedVersion: version, maxSupportedVersion: version, supported: isEnabled },
    result: { version, value },
  };
}

/** Adapter commands: bring-up, queries, memory budgets, clocks, statistics, escapes and features. */
export const adapterHandlers: SomeHandlers<
  | 'setIoSpaceRegion'
  | 'openAdapter'
  | 'closeAdapter'
  | 'getInternalAdapterInfo'
  | 'queryAdapterInfo'
  | 'changeVideoMemoryReservation'
  | 'queryClockCalibration'
  | 'queryStatistics'
  | 'flushHeapTransitions'
  | 'isFeatureEnabled'
  | 'isFeatureEnabledGlobal'
  | 'escape'
> = {
  setIoSpaceRegion(call, request) {
    const { bus, ioSpace, processes } = call.partition;
    // Addresses that were given out before must stay right.
    if (ioSpace.isPlaced && processes.size > 0) return NtStatus.invalidParameter;
    if (request.start < 1n << 52n && bus.memory.contains(Number(request.start), 1))
      return NtStatus.invalidParameter;
    const { start, length: lengthBytes } = request;
    if (!ioSpace.canPlace(start, lengthBytes)) return NtStatus.invalidParameter;
    if (call.partition.options.onIoSpace({ start, lengthBytes }) === false) return NtStatus.invalidParameter;
    ioSpace.place(start);
    return NtStatus.success;
  },

  openAdapter(call) {
    const { gpu, partition } = call;
    return withEngine(call, () => {
      gpu.isOpen = true;
      return {
        hostAdapterHandle: gpu.hostAdapterHandle,
        status: NtStatus.success,
        vmbusInterfaceVersion: partition.negotiation.offered,
        vmbusLastCompatibleInterfaceVersion: InterfaceVersion.lastCompatible,
      };
    });
  },

  closeAdapter(call, request) {
    const { gpu, partition } = call;
    if (!namesGpu(call, request.hostHandle)) return NtStatus.invalidParameter;
    return later((complete) => partition.closeGpu(gpu, () => complete(NtStatus.success)));
  },

  getInternalAdapterInfo(call) {
    const { gpu, partition } = call;
    const { description, identity } = gpu;
    const deviceTypes =
      DeviceTypes.virtualRenderDevice | (description.softwareDevice ? DeviceTypes.softwareDevice : 0);
    return {
      deviceTypes,
      hwSchEnabled: true,
      hwSchCapable: true,
      asyncMsgEnabled: partition.options.asyncMessages,
      hostAdapterLuid: identity.hostAdapterLuid,
      deviceDescription: description.description.slice(0, MAX_DESCRIPTION_UNITS),
      deviceInstanceId: description.instanceId.slice(0, MAX_INSTANCE_ID_UNITS),
      hostVgpuLuid: identity.vgpuLuid,
    };
  },

  queryAdapterInfo(call, request) {
    const privateData = request.privateData.slice();
    const outcome = answerAdapterInfo(call.gpu, request.queryType, privateData);
    if (outcome === 'unknown') return NtStatus.notSupported;
    return outcome === 'refused' ? NtStatus.invalidParameter : { status: NtStatus.success, privateData };
  },

  changeVideoMemoryReservation(call, request) {
    const { process } = call;
    const { memorySegmentGroup, reservation, physicalAdapterIndex } = request.args;
    if (physicalAdapterIndex !== 0) return NtStatus.invalidParameter;
    return withEngine(call, (engine) => {
      if (process.isDestroyed) return NtStatus.invalidParameter;
      const status = engine.memory.changeReservation(
        process.on(engine).memory,
        memorySegmentGroup,
        reservation,
      );
      return { status };
    });
  },

  queryClockCalibration(call, request) {
    const { partition, gpu } = call;
    const { adapter, nodeOrdinal, physicalAdapterIndex } = request.args;
    const node = gpu.description.nodes[nodeOrdinal];
    if (!namesGpu(call, adapter) || node === undefined || physicalAdapterIndex !== 0)
      return NtStatus.invalidParameter;
    return withEngine(call, (engine) => ({
      status: NtStatus.success,
      clockData: {
        gpuFrequency: BigInt(node.clockHz),
        gpuClockCounter: engine.adapter.readClock(nodeOrdinal),
        cpuClockCounter: BigInt(Math.round(partition.clock.nowMs() * NANOSECONDS_PER_MILLISECOND)),
      },
    }));
  },

  /** The header names the process that is asked about; 0 when it is the adapter. */
  queryStatistics(call, request) {
    const { partition, gpu, processHandle } = call;
    const { adapterLuid, type, selector } = request.args;
    const { hostAdapterLuid } = gpu.identity;
    if (adapterLuid.low !== hostAdapterLuid.low || adapterLuid.high !== hostAdapterLuid.high) {
      return NtStatus.invalidParameter;
    }
    const process = partition.findProcess(processHandle);
    return withEngine(call, (engine) => {
      const result = answerStatistics({ gpu, engine, process, type, selector });
      return typeof result === 'number' ? result : { status: NtStatus.success, result };
    });
  },

  flushHeapTransitions(call) {
    const { engine } = call.gpu;
    if (engine === null) return NtStatus.success;
    return later((complete) => engine.memory.whenSettled(() => complete(NtStatus.success)));
  },

  isFeatureEnabled: (call, request) => answerFeature(request.featureId, call.gpu),

  isFeatureEnabledGlobal: (_call, request) => answerFeature(request.featureId, null),

  /** Private messages to the backend. The other kinds are Windows' own tools' and are not offered. */
  escape(call, request) {
    const device = request.device === 0 ? null : findDevice(call, request.device);
    const context = request.context === 0 ? null : findContext(call, request.context);
    if (!namesGpu(call, request.adapter) || device === undefined || context === undefined) {
      return NtStatus.invalidParameter;
    }
    if (request.type !== EscapeType.driverPrivate) return NtStatus.notSupported;
    // The bytes are the guest's to change until the answer: the backend gets a copy.
    const privDrvData = request.privDrvData.slice();
    return withEngine(call, (engine) => {
      const token = context === null ? null : context.context.backendContext;
      const isUnderstood = engine.adapter.escape?.(privDrvData, device?.token ?? null, token) === true;
      return isUnderstood ? { privDrvData } : NtStatus.notSupported;
    });
  },
};
