import type { Device } from './device.ts';
import type { GuestProcess } from './guest-process.ts';
import { type FencePage, ObjectKind, type SyncObject } from './objects.ts';

/**
 * The pages through which guest CPUs see fences: one page each, the value at its start, because the guest maps whole
 * pages and drops the offset within (dxg protocol, 5.1). They are output only: the authoritative value is the
 * scheduler's.
 */

/** An object that guest CPUs do not see. */
export const NO_FENCE_PAGE: FencePage = { windowOffset: -1, gpuAddress: 0n };

/**
 * Takes a page of the device window for a fence of this device.
 *
 * @param withGpuAddress whether GPU commands may read it, too.
 * @returns null when the window or the GPU address space is full, or the guest has placed no IO space.
 */
export function takeFencePage(device: Device, withGpuAddress: boolean): FencePage | null {
  const { windowAllocator, ioSpace } = device.process.partition;
  // Without an IO space the guest could not be told where the page is.
  if (!ioSpace.isPlaced) return null;
  const windowOffset = windowAllocator.allocatePage(device.process);
  if (windowOffset < 0) return null;
  if (!withGpuAddress) return { windowOffset, gpuAddress: 0n };
  const gpuAddress = device.addressSpace.mapFencePage(windowOffset);
  if (gpuAddress !== 0n) return { windowOffset, gpuAddress };
  windowAllocator.freePage(windowOffset, device.process, true);
  return null;
}

/**
 * Gives a fence's page back. Nothing may publish to it any more.
 *
 * @param guestUnmapped whether the guest takes its view away before it asks: so it does for sync objects, but not for
 *   the fences of queues.
 */
export function returnFencePage(
  process: GuestProcess,
  device: Device | null,
  page: FencePage,
  guestUnmapped: boolean,
): void {
  if (page.gpuAddress !== 0n) device?.addressSpace.unmapFencePage(page.gpuAddress);
  if (page.windowOffset >= 0)
    process.partition.windowAllocator.freePage(page.windowOffset, process, guestUnmapped);
}

/**
 * Ends one name of a sync object: its handle, its page, and the CPU waits made through it. GPU waits and signals that
 * are queued go on (dxg protocol, 6.3).
 *
 * @param guestUnmapped as for {@link returnFencePage}: false where the guest did not ask for it.
 */
export function closeSyncObject(object: SyncObject, guestUnmapped = true): void {
  const { process, device } = object;
  process.objects.remove(object.handle, ObjectKind.syncObject);
  device?.syncObjects.delete(object);
  object.instance.close();
  returnFencePage(process, device, object, guestUnmapped);
  if (object.shared !== null) process.partition.sharedObjects.releaseSyncObject(object.shared);
}
