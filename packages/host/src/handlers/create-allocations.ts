import {
  CreateAllocationFlags,
  type commands,
  Limits,
  NtStatus,
  type RequestOf,
  StandardAllocationType,
} from '@dxgwire/protocol';
import type { Device } from '../device.ts';
import { type Allocation, ObjectKind, type Resource } from '../objects.ts';
import { findResource } from './lookup.ts';

/** Making the allocations of one CreateAllocation: all of them, or none. */

type Request = RequestOf<typeof commands.createAllocation>;

export interface CreatedAllocations {
  readonly device: Device;
  readonly resource: Resource | null;
  readonly isNewResource: boolean;
  readonly allocations: readonly Allocation[];
  /** Private data of each as the backend left it. */
  readonly privateData: readonly Uint8Array[];
}

/** Not offered: protected contents and memory sections of another process. */
const REFUSED_FLAGS = CreateAllocationFlags.createProtected | CreateAllocationFlags.existingSection;

const STANDARD_DESCRIPTION_BYTES = 24;
/** Offset of `size` (u64) in d3dkmt_createstandardallocation. */
const STANDARD_SIZE_OFFSET = 8;

function has(flags: number, flag: number): boolean {
  return (flags & flag) !== 0;
}

/** What is wrong with flags and counts, as the guest's own driver checks them; null when nothing is. */
function checkRequest(request: Request): number | null {
  const { flags, allocInfo } = request;
  if (allocInfo.length === 0 || allocInfo.length > Limits.maxCreateAllocations)
    return NtStatus.invalidParameter;
  if (has(flags, CreateAllocationFlags.reserved)) return NtStatus.invalidParameter;
  if (has(flags, REFUSED_FLAGS)) return NtStatus.notSupported;
  const isShared = has(flags, CreateAllocationFlags.createShared);
  const mayShare =
    has(flags, CreateAllocationFlags.createResource) && has(flags, CreateAllocationFlags.ntSecuritySharing);
  return isShared && !mayShare ? NtStatus.invalidParameter : null;
}

/** Size of a standard allocation from its description, bytes; 0 for an ordinary one, null when it is not well formed. */
function standardLength(request: Request): number | null {
  const { flags, privDrvData, allocInfo } = request;
  if (!has(flags, CreateAllocationFlags.standardAllocation)) return 0;
  if (allocInfo.length !== 1 || privDrvData.length !== STANDARD_DESCRIPTION_BYTES) return null;
  const view = new DataView(privDrvData.buffer, privDrvData.byteOffset, privDrvData.length);
  const type = view.getUint32(0, true);
  const size = view.getBigUint64(STANDARD_SIZE_OFFSET, true);
  const onGuestPages = has(flags, CreateAllocationFlags.existingSysmem);
  const isKnown =
    (type === StandardAllocationType.existingHeap && onGuestPages) ||
    (type === StandardAllocationType.crossAdapter && !onGuestPages);
  if (!isKnown || size === 0n || size % BigInt(Limits.pageBytes) !== 0n) return null;
  return size <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(size) : null;
}

/** The resource that the new allocations belong to; null for none, undefined when there is no such to extend. */
function resourceFor(device: Device, request: Request): Resource | null | undefined {
  const { flags } = request;
  if (has(flags, CreateAllocationFlags.createResource)) {
    return {
      handle: 0,
      device,
      allocations: new Set(),
      isShared: has(flags, CreateAllocationFlags.createShared),
      isSealed: false,
      shared: null,
      readOnly: has(flags, CreateAllocationFlags.readOnly | CreateAllocationFlags.restrictSharedAccess),
    };
  }
  if (request.resource === 0) return null;
  const resource = findResource(device, request.resource);
  return resource === undefined || resource.isSealed ? undefined : resource;
}

/**
 * Makes and names the allocations of one message.
 *
 * @returns an NTSTATUS when that failed; then nothing is left of them.
 */
export function createAllocations(device: Device, request: Request): CreatedAllocations | number {
  const wrong = checkRequest(request);
  if (wrong !== null) return wrong;
  const standardLengthBytes = standardLength(request);
  const resource = resourceFor(device, request);
  if (standardLengthBytes === null || resource === undefined) return NtStatus.invalidParameter;
  const { process } = device;
  const isNewResource = resource !== null && resource.handle === 0;
  if (process.objects.room < request.allocInfo.length + (isNewResource ? 1 : 0)) return NtStatus.noMemory;
  const created = {
    device,
    resource,
    isNewResource,
    allocations: [] as Allocation[],
    privateData: [] as Uint8Array[],
    // One copy for all: it may be as large as a message.
    resourcePrivateData: standardLengthBytes === 0 ? request.privDrvData.slice() : new Uint8Array(0),
  };
  for (let index = 0; index < request.allocInfo.length; index += 1) {
    const status = createOne(created, request, index, standardLengthBytes);
    if (status !== NtStatus.success) {
      discardAllocations(created);
      return status;
    }
  }
  nameAll(created);
  return created;
}

function createOne(
  created: {
    device: Device;
    resource: Resource | null;
    allocations: Allocation[];
    privateData: Uint8Array[];
    resourcePrivateData: Uint8Array;
  },
  request: Request,
  index: number,
  standardLengthBytes: number,
): number {
  const { device, resource } = created;
  const { flags, privateRuntimeResourceHandle: runtimeHandle } = request;
  const existingSystemMemory = has(flags, CreateAllocationFlags.existingSysmem);
  const readOnly = has(flags, CreateAllocationFlags.readOnly);
  // The handle names the resource as a whole; its first allocation stands for it.
  const runtimeHandleLow = index === 0 ? Number(runtimeHandle & 0xffff_ffffn) : 0;
  const runtimeHandleHigh = index === 0 ? Number(runtimeHandle >> 32n) : 0;
  const privateData = request.allocInfo[index]!.privDrvData.slice();
  const { status, instance, refused } = device.engine.memory.createAllocation(device.memory, {
    runtimeHandleLow,
    runtimeHandleHigh,
    privateData,
    resourcePrivateData: created.resourcePrivateData,
    standardLengthBytes,
    existingSystemMemory,
    readOnly,
  });
  if (instance === null) {
    device.process.partition.log.debug({ status, reason: refused }, 'the backend refused an allocation');
    return status === NtStatus.success ? NtStatus.invalidParameter : status;
  }
  created.allocations.push({
    handle: 0,
    device,
    resource,
    instance,
    runtimeHandleLow,
    runtimeHandleHigh,
    existingSystemMemory,
    readOnly,
    gpadl: 0,
  });
  created.privateData.push(privateData);
  return NtStatus.success;
}

function nameAll(created: CreatedAllocations): void {
  const { device, resource, isNewResource } = created;
  const { objects } = device.process;
  if (resource !== null && isNewResource) {
    resource.handle = objects.add(ObjectKind.resource, resource);
    device.resources.add(resource);
  }
  for (const allocation of created.allocations) {
    allocation.handle = objects.add(ObjectKind.allocation, allocation);
    resource?.allocations.add(allocation);
    device.allocations.add(allocation);
    device.registerRuntimeName(allocation);
  }
}

/** Takes back what {@link createAllocations} made: the guest will not hear of it. */
export function discardAllocations(created: CreatedAllocations): void {
  const { device, resource, isNewResource, allocations } = created;
  for (const allocation of allocations) {
    if (allocation.handle === 0) continue;
    device.forgetAllocation(allocation);
    device.forgetRuntimeName(allocation);
    resource?.allocations.delete(allocation);
  }
  if (resource !== null && isNewResource && resource.handle !== 0) device.forgetResource(resource);
  const instances = allocations.map((allocation) => allocation.instance);
  if (instances.length > 0) {
    device.engine.memory.destroyAllocations(instances, { assumeNotInUse: true }, () => {});
  }
}
