import { CreateContextFlags, commands, NtStatus, SyncObjectType } from '@dxgwire/protocol';
import type { RawGuest, SendOptions } from './raw-guest.ts';

/** Shorthand for the objects that most tests of handlers begin with. */

export async function createDevice(guest: RawGuest, options: SendOptions = {}): Promise<number> {
  return (await guest.call(commands.createDevice, { errorCode: 0xc001n }, options)).device;
}

/** A context that takes submissions itself. */
export async function createContext(guest: RawGuest, device: number): Promise<number> {
  return (await guest.call(commands.createContextVirtual, { device })).context;
}

/** A context with one hardware queue. */
export async function createHwQueue(
  guest: RawGuest,
  device: number,
): Promise<{ context: number; hwqueue: number; fence: number; fenceAddress: bigint }> {
  const flags = CreateContextFlags.hwQueueSupported;
  const { context } = await guest.call(commands.createContextVirtual, { device, flags });
  const made = await guest.call(commands.createHwQueue, { context });
  const { hwqueue, hwqueueProgressFence: fence, hwqueueProgressFenceCpuva: fenceAddress } = made;
  return { context, hwqueue, fence, fenceAddress };
}

/** A monitored fence. */
export async function createFence(
  guest: RawGuest,
  device: number,
  initialFenceValue = 0n,
  flags = 0,
): Promise<{ handle: number; address: bigint; globalHandle: number; gpuAddress: bigint }> {
  const info = { type: SyncObjectType.monitoredFence, flags, monitoredFence: { initialFenceValue } };
  const made = await guest.call(commands.createSyncObject, { args: { device, info } });
  return {
    handle: made.syncObject,
    address: made.fenceStorageAddress,
    globalHandle: made.globalSyncObject,
    gpuAddress: made.fenceGpuVa,
  };
}

/** Private data of an allocation of so many bytes. */
export function sizeData(lengthBytes: number | bigint, extraBytes = 0): Uint8Array {
  const data = new Uint8Array(8 + extraBytes);
  new DataView(data.buffer).setBigUint64(0, BigInt(lengthBytes), true);
  return data;
}

/** One allocation of its own. */
export async function createAllocation(
  guest: RawGuest,
  device: number,
  lengthBytes = 4096,
  more: object = {},
): Promise<number> {
  const allocInfo = [{ privDrvData: sizeData(lengthBytes) }];
  const made = await guest.call(commands.createAllocation, { device, allocInfo, ...more });
  return made.allocationInfo[0]!.allocation;
}

export async function createPagingQueue(
  guest: RawGuest,
  device: number,
): Promise<{ pagingQueue: number; fence: number; fenceAddress: bigint }> {
  const made = await guest.call(commands.createPagingQueue, { args: { device } });
  return {
    pagingQueue: made.pagingQueue,
    fence: made.syncObject,
    fenceAddress: made.fenceStoragePhysicalAddress,
  };
}

/** Counts of live objects, without those that are zero. */
export function liveObjects(guest: RawGuest): Record<string, number> {
  return Object.fromEntries(Object.entries(guest.partition.census()).filter(([, count]) => count !== 0));
}

/** Destroys the guest's process and demands that nothing is left of it, in the host or its backend. */
export async function endProcess(guest: RawGuest): Promise<void> {
  const { status } = await guest.call(commands.destroyProcess, {}, { process: guest.process });
  if (status !== NtStatus.success) throw new Error(`DestroyProcess answered ${status}`);
  const live = liveObjects(guest);
  if (Object.keys(live).length > 0) throw new Error(`left: ${JSON.stringify(live)}`);
  if (guest.backend.left > 0) throw new Error(`left in the backend: ${guest.backend.left}`);
}

/** Destroys the process, demands that nothing is left, and ends the link. */
export async function finish(guest: RawGuest): Promise<void> {
  await endProcess(guest);
  await guest.close();
}
