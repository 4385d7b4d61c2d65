import { CreateContextFlags, CreateHwQueueFlags, NtStatus, SyncObjectType } from '@dxgwire/protocol';
import type { ContextServices } from '../backends/contract.ts';
import type { Device } from '../device.ts';
import { takeFencePage } from '../fence-pages.ts';
import type { SomeHandlers } from '../handler.ts';
import { type Context, type HwQueue, type ImplicitFence, ObjectKind } from '../objects.ts';
import { createImplicitFence } from '../scheduler/index.ts';
import { findContext, findDevice, findHwQueue } from './lookup.ts';

/** What a backend's context may ask of the process that made it. */
function servicesOf(device: Device): ContextServices {
  const { objects } = device.process;
  return {
    signalFence(handle, valueLow, valueHigh) {
      const fence = objects.get(handle, ObjectKind.syncObject);
      if (fence === undefined) return false;
      const { object } = fence.instance;
      if (!object.isMonitored && object.type !== SyncObjectType.cpuNotification) return false;
      // The work that the signal stands for is done: a smaller value than the present one changes nothing.
      object.signal(valueLow, valueHigh, false);
      return true;
    },
    findAllocation: (low, high) => device.findByRuntimeName(low, high),
  };
}

/** Context and hardware-queue commands. */
export const contextHandlers: SomeHandlers<
  | 'createContextVirtual'
  | 'destroyContext'
  | 'createHwQueue'
  | 'destroyHwQueue'
  | 'setContextSchedulingPriority'
  | 'getContextSchedulingPriority'
> = {
  createContextVirtual(call, request) {
    const { process, partition } = call;
    const device = findDevice(call, request.device);
    const hasReserved = (request.flags & CreateContextFlags.reserved) !== 0;
    if (device === undefined || hasReserved) return NtStatus.invalidParameter;
    if (!device.isActive) return NtStatus.deviceRemoved;
    const node = device.gpu.description.nodes[request.nodeOrdinal];
    // A node has one engine: affinity 0 leaves the choice to the host, 1 is that engine.
    if (node === undefined || request.engineAffinity > 1) return NtStatus.invalidParameter;
    if (process.objects.room < 1) return NtStatus.noMemory;
    const { engine } = device;
    // The backend may keep the private data, and change it for the guest to see.
    const privDrvData = request.privDrvData.slice();
    const token = engine.adapter.createContext({
      device: device.token,
      nodeIndex: request.nodeOrdinal,
      privateData: privDrvData,
      services: servicesOf(device),
    });
    if ('refused' in token) {
      partition.log.info({ reason: token.refused }, 'the backend refused a context');
      return NtStatus.invalidParameter;
    }
    const schedulerContext = engine.scheduler.createContext(device.scheduler, {
      nodeIndex: request.nodeOrdinal,
      backendContext: token,
      hardwareQueues: (request.flags & CreateContextFlags.hwQueueSupported) !== 0,
    });
    const context: Context = {
      handle: 0,
      device,
      context: schedulerContext,
      hwQueues: new Set(),
    };
    context.handle = process.objects.add(ObjectKind.context, context);
    device.contexts.add(context);
    return { ...request, context: context.handle, privDrvData };
  },

  destroyContext(call, request) {
    const context = findContext(call, request.context);
    if (context === undefined) return NtStatus.invalidParameter;
    context.device.destroyContext(context);
    return NtStatus.success;
  },

  createHwQueue(call, request) {
    const { process, partition } = call;
    const context = findContext(call, request.context);
    if (context === undefined || !context.context.hardwareQueues) return NtStatus.invalidParameter;
    if ((request.flags & CreateHwQueueFlags.reserved) !== 0) return NtStatus.invalidParameter;
    const { device } = context;
    if (!device.isActive) return NtStatus.deviceRemoved;
    // The queue and its progress fence take a handle each.
    if (process.objects.room < 2) return NtStatus.noMemory;
    const page = takeFencePage(device, true);
    if (page === null) return NtStatus.noMemory;
    const instance = createImplicitFence(partition.bus.window, page.windowOffset);
    const progressFence: ImplicitFence = { handle: 0, device, instance, ...page };
    const queue = device.engine.scheduler.createHardwareQueue(context.context, instance);
    const hwQueue: HwQueue = { handle: 0, context, queue, progressFence };
    hwQueue.handle = process.objects.add(ObjectKind.hwQueue, hwQueue);
    progressFence.handle = process.objects.add(ObjectKind.implicitFence, progressFence);
    context.hwQueues.add(hwQueue);
    return {
      ...request,
      status: NtStatus.success,
      hwqueue: hwQueue.handle,
      hwqueueProgressFence: progressFence.handle,
      hwqueueProgressFenceCpuva: partition.ioSpace.addressOf(page.windowOffset),
      hwqueueProgressFenceGpuva: page.gpuAddress,
    };
  },

  destroyHwQueue(call, request) {
    const hwQueue = findHwQueue(call, request.hwqueue);
    if (hwQueue === undefined) return NtStatus.invalidParameter;
    hwQueue.context.device.destroyHwQueue(hwQueue);
    return NtStatus.success;
  },

  setContextSchedulingPriority(call, request) {
    const context = findContext(call, request.context);
    if (context === undefined) return NtStatus.invalidParameter;
    const { scheduler } = context.device.engine;
    return request.inProcess
      ? scheduler.setInProcessPriority(context.context, request.priority)
      : scheduler.setContextPriority(context.context, request.priority);
  },

  getContextSchedulingPriority(call, request) {
    const context = findContext(call, request.context);
    if (context === undefined) return NtStatus.invalidParameter;
    const { inProcessPriority, priority } = context.context;
    return { status: NtStatus.success, priority: request.inProcess ? inProcessPriority : priority };
  },
};
