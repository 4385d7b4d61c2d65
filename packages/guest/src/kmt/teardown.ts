import { commands, FlushDeviceReason } from '@dxgwire/protocol';
import type { Allocation, Device, Resource, SyncObject } from './objects.ts';
import type { ProcessAdapter, ProcessState } from './process-state.ts';

/**
 * Destruction in the driver's order: guest handles first, then the host's objects, then what their memory hung on.
 * Contexts, queues and sync objects of a device are not destroyed one by one: the host sweeps them with the device.
 */

/** Gives up the CPU's views and the pinned pages of a device's own allocations: before the host hears anything. */
export function stopDevice(device: Device): void {
  for (const allocation of device.allocations) stopAllocation(allocation);
  for (const queue of device.pagingQueues) queue.fenceView = null;
  for (const syncObject of device.syncObjects) syncObject.fenceView = null;
}

function stopAllocation(allocation: Allocation): void {
  const { pinned } = allocation;
  if (pinned?.isPinned === true) {
    pinned.isPinned = false;
    allocation.process.driver.counters.pinnedPages -= pinned.pageCount;
  }
  allocation.unmap();
}

/** Takes a sync object out of all lists; the message, if any, is the caller's. */
export function forgetSyncObject(syncObject: SyncObject): void {
  const { process } = syncObject;
  syncObject.fenceView = null;
  if (syncObject.handle !== 0) process.handles.free(syncObject.handle, 'syncObject');
  syncObject.handle = 0;
  if (syncObject.eventId !== 0) process.driver.events.remove(syncObject.eventId);
  syncObject.eventId = 0;
  syncObject.device?.syncObjects.delete(syncObject);
}

/** Takes an allocation's handle out of the table. */
export function freeAllocationHandle(allocation: Allocation): void {
  if (!allocation.hasEntry) return;
  allocation.hasEntry = false;
  allocation.process.handles.free(allocation.handle, 'allocation');
}

/**
 * Forgets an allocation. One that the device owns directly and the host still has is destroyed in the host; the pages'
 * GPADL is torn down afterwards, which waits until the host let go of it.
 */
export async function destroyAllocation(allocation: Allocation): Promise<void> {
  const { device, process } = allocation;
  stopAllocation(allocation);
  allocation.detach();
  freeAllocationHandle(allocation);
  if (allocation.handle !== 0 && allocation.resource === null) {
    const body = { device: device.handle, resource: 0, flags: 0, allocations: [allocation.handle] };
    await process.driver.wire.status(device.adapter, commands.destroyAllocation, process.hostHandle, body);
  }
  await tearDownGpadl(allocation);
}

async function tearDownGpadl(allocation: Allocation): Promise<void> {
  const gpadl = allocation.pinned?.gpadl ?? null;
  allocation.pinned = null;
  // The bus may be gone; then the host has let go of the pages anyway.
  if (gpadl !== null) await allocation.process.driver.bus.teardownGpadl(gpadl).catch(() => undefined);
}

/** Takes the handles of a resource and its allocations out of the table. */
export function freeResourceHandles(resource: Resource): void {
  if (resource.hasEntry) resource.device.process.handles.free(resource.handle, 'resource');
  resource.hasEntry = false;
  for (const allocation of resource.allocations) freeAllocationHandle(allocation);
}

/** Forgets a resource with its allocations; the host is told unless `handle` was cleared before. */
export async function destroyResource(resource: Resource): Promise<void> {
  if (resource.isDestroyed) return;
  resource.isDestroyed = true;
  freeResourceHandles(resource);
  const { device } = resource;
  if (resource.handle !== 0) {
    const body = { device: device.handle, resource: resource.handle, flags: 0, allocations: [] };
    resource.handle = 0;
    const { hostHandle, driver } = device.process;
    await driver.wire.status(device.adapter, commands.destroyAllocation, hostHandle, body);
  }
  for (const allocation of [...resource.allocations]) await destroyAllocation(allocation);
  device.resources.delete(resource);
  resource.sharedOwner?.remove(resource);
}

/** Destroys a device whose guest handle has been freed: what it owns, then itself. */
export async function destroyDevice(device: Device): Promise<void> {
  // Calls under way may still make objects of the device: they hold it until they are done.
  while (device.isBusy) await device.idle();
  const { adapter, process } = device;
  const wasActive = device.state === 'active';
  if (wasActive) {
    device.state = 'destroyed';
    stopDevice(device);
    for (const syncObject of [...device.syncObjects]) forgetSyncObject(syncObject);
    for (const allocation of [...device.allocations]) await destroyAllocation(allocation);
    for (const resource of [...device.resources]) await destroyResource(resource);
    forgetQueues(device);
    if (adapter.isActive) {
      const { wire } = process.driver;
      await wire.status(adapter, commands.destroyDevice, process.hostHandle, { device: device.handle });
    }
  }
  process.adapters.find((entry) => entry.adapter === adapter)?.devices.delete(device);
}

function forgetQueues(device: Device): void {
  const { handles } = device.process;
  for (const context of device.contexts) {
    handles.free(context.handle, 'context');
    for (const queue of context.hwQueues) {
      handles.free(queue.handle, 'hwQueue');
      handles.free(queue.progressFence, 'implicitFence');
    }
  }
  device.contexts.clear();
  for (const queue of device.pagingQueues) {
    handles.free(queue.handle, 'pagingQueue');
    handles.free(queue.syncObject, 'implicitFence');
  }
  device.pagingQueues.clear();
}

/** The last close of an adapter by a process: each device is flushed and destroyed, also those that never came up. */
export async function closeProcessAdapter(entry: ProcessAdapter): Promise<void> {
  const { adapter, process } = entry;
  const { wire } = process.driver;
  for (const device of [...entry.devices]) {
    entry.devices.delete(device);
    const body = { device: device.handle, reason: FlushDeviceReason.deviceTerminate };
    await wire.status(adapter, commands.flushDevice, process.hostHandle, body);
    if (process.handles.get(device.handle, 'device') === device)
      process.handles.free(device.handle, 'device');
    await destroyDevice(device);
  }
}

/** The last close of the device file by a process. */
export async function destroyProcess(process: ProcessState): Promise<void> {
  const { driver } = process;
  for (const entry of [...process.adapters]) {
    process.forgetAdapter(entry);
    await closeProcessAdapter(entry);
  }
  process.adapterHandles.clear();
  for (const [kind, object] of [...process.handles.entries()]) {
    if (kind === 'syncObject') forgetSyncObject(object as SyncObject);
  }
  await driver.wire.status(null, commands.destroyProcess, process.hostHandle, {});
}
