import { NtStatus } from '@dxgwire/protocol';
import type { Device } from '../device.ts';
import { type Call, type Later, later, type Outcome } from '../handler.ts';
import {
  type Allocation,
  type Context,
  type HwQueue,
  ObjectKind,
  type PagingQueue,
  type Resource,
} from '../objects.ts';
import type { ExecutionQueue, SyncObjectInstance } from '../scheduler/index.ts';
import type { GpuEngine } from '../virtual-gpu.ts';

/**
 * From handles to objects. Each look-up checks kind, process and generation; those of device-owned objects also check
 * that the object is on the virtual GPU that the message names. All answer undefined (or null) for anything else.
 */

/** The message's adapter handle must be the host's name for the virtual GPU that the message is for. */
export function namesGpu(call: Call, adapterHandle: number): boolean {
  return call.partition.findAdapter(adapterHandle) === call.gpu;
}

export function findDevice(call: Call, handle: number): Device | undefined {
  const device = call.process.objects.get(handle, ObjectKind.device);
  return device !== undefined && device.gpu === call.gpu ? device : undefined;
}

export function findContext(call: Call, handle: number): Context | undefined {
  const context = call.process.objects.get(handle, ObjectKind.context);
  return context !== undefined && context.device.gpu === call.gpu ? context : undefined;
}

export function findHwQueue(call: Call, handle: number): HwQueue | undefined {
  const hwQueue = call.process.objects.get(handle, ObjectKind.hwQueue);
  return hwQueue !== undefined && hwQueue.context.device.gpu === call.gpu ? hwQueue : undefined;
}

export function findPagingQueue(call: Call, handle: number): PagingQueue | undefined {
  const pagingQueue = call.process.objects.get(handle, ObjectKind.pagingQueue);
  return pagingQueue !== undefined && pagingQueue.device.gpu === call.gpu ? pagingQueue : undefined;
}

/** An allocation of this very device. */
export function findAllocation(device: Device, handle: number): Allocation | undefined {
  const allocation = device.process.objects.get(handle, ObjectKind.allocation);
  return allocation !== undefined && allocation.device === device ? allocation : undefined;
}

/** A resource of this very device. */
export function findResource(device: Device, handle: number): Resource | undefined {
  const resource = device.process.objects.get(handle, ObjectKind.resource);
  return resource !== undefined && resource.device === device ? resource : undefined;
}

/** All of them, or null when one is not an allocation of this device. The same may come twice. */
export function findAllocations(device: Device, handles: ArrayLike<number>): Allocation[] | null {
  const allocations: Allocation[] = [];
  for (let i = 0; i < handles.length; i += 1) {
    const allocation = findAllocation(device, handles[i]!);
    if (allocation === undefined) return null;
    allocations.push(allocation);
  }
  return allocations;
}

/** The queue of a context or hardware queue; undefined also for a context that only holds hardware queues. */
export function findQueue(call: Call, handle: number): { queue: ExecutionQueue; device: Device } | undefined {
  const hwQueue = findHwQueue(call, handle);
  if (hwQueue !== undefined) return { queue: hwQueue.queue, device: hwQueue.context.device };
  const context = findContext(call, handle);
  const queue = context?.context.queue;
  return context === undefined || queue === null || queue === undefined
    ? undefined
    : { queue, device: context.device };
}

/** Sync objects that may be signalled, or null when one is none of this process. */
export function findSignalObjects(call: Call, handles: ArrayLike<number>): SyncObjectInstance[] | null {
  const { objects } = call.process;
  const instances: SyncObjectInstance[] = [];
  for (let i = 0; i < handles.length; i += 1) {
    const object = objects.get(handles[i]!, ObjectKind.syncObject);
    if (object === undefined) return null;
    instances.push(object.instance);
  }
  return instances;
}

/** Sync objects that may be waited for: the fences of paging and hardware queues, too. */
export function findWaitObjects(call: Call, handles: ArrayLike<number>): SyncObjectInstance[] | null {
  const { objects } = call.process;
  const instances: SyncObjectInstance[] = [];
  for (let i = 0; i < handles.length; i += 1) {
    const handle = handles[i]!;
    const object =
      objects.get(handle, ObjectKind.syncObject) ?? objects.get(handle, ObjectKind.implicitFence);
    if (object === undefined) return null;
    instances.push(object.instance);
  }
  return instances;
}

/**
 * Runs a command on the engine of the virtual GPU: at once when it is there, else when the backend has opened it.
 * Without one the command fails with DEVICE_REMOVED.
 */
export function withEngine<Reply>(
  call: Call,
  run: (engine: GpuEngine) => Outcome<Reply>,
): Outcome<Reply> | Later<Reply> {
  const { gpu } = call;
  if (gpu.engine !== null) return run(gpu.engine);
  return later((complete) =>
    gpu.withEngine((engine) => complete(engine === null ? NtStatus.deviceRemoved : run(engine))),
  );
}
