import {
  CreateAllocationFlags,
  commands,
  DestroyAllocationFlags,
  Errno,
  GdiSurfaceType,
  Limits,
  NtStatus,
  ntStatusToErrno,
  StandardAllocationDriverType,
  StandardAllocationType,
} from '@dxgwire/protocol';
import { Allocation, type Device, Resource } from '../objects.ts';
import { SharedResource } from '../sharing-objects.ts';
import {
  destroyAllocation,
  destroyResource,
  freeAllocationHandle,
  freeResourceHandles,
} from '../teardown.ts';
import type * as Types from '../types/allocation.ts';
import type { KmtResult } from '../types/common.ts';
import { type Caller, NO_BYTES, outcome, refusal } from './caller.ts';
import { isPageAligned, setExistingSysmem, sysmemRanges } from './existing-sysmem.ts';

const Flags = CreateAllocationFlags;

/** struct d3dkmt_createstandardallocation. */
const STANDARD_ALLOCATION_BYTES = 24;

/** AllocationReturnFlags: the CPU's mapping is cached. */
const CACHED_BIT = 1 << 19;

/** What the stock driver returns here is the NTSTATUS itself, not an errno. */
const RAW_INVALID_PARAMETER = NtStatus.invalidParameter | 0;

/** The driver's checks before it looks at any handle. @returns 0 or what to refuse with. */
function checkArguments(args: Types.CreateAllocationArgs, flags: number): number {
  const { allocationInfo } = args;
  if (allocationInfo.length > Limits.maxCreateAllocations || allocationInfo.length === 0)
    return -Errno.EINVAL;
  const isStandard = (flags & Flags.standardAllocation) !== 0;
  for (const info of allocationInfo) {
    const size = info.privDrvData?.length ?? 0;
    if ((isStandard && size !== 0) || size >= Limits.maxPrivateDataBytes) return -Errno.EINVAL;
  }
  if ((flags & (Flags.existingSection | Flags.createProtected)) !== 0) return -Errno.EINVAL;
  if (isStandard) {
    const ret = checkStandard(args, flags);
    if (ret !== 0) return ret;
  }
  const isShared = (flags & Flags.createShared) !== 0;
  return isShared && (flags & Flags.createResource) === 0 ? -Errno.EINVAL : 0;
}

function checkStandard(args: Types.CreateAllocationArgs, flags: number): number {
  const { standardAllocation } = args;
  if (standardAllocation === undefined) return -Errno.EFAULT;
  const ranges = sysmemRanges(args.allocationInfo[0]?.sysmem);
  const isSysmem = (flags & Flags.existingSysmem) !== 0;
  switch (standardAllocation.type) {
    case StandardAllocationType.existingHeap:
      if (ranges.length === 0 || !isPageAligned(ranges) || !isSysmem) return RAW_INVALID_PARAMETER;
      break;
    case StandardAllocationType.crossAdapter:
      if (isSysmem || ranges.length > 0) return RAW_INVALID_PARAMETER;
      break;
    default:
      return RAW_INVALID_PARAMETER;
  }
  const { size } = standardAllocation.existingHeapData;
  const isPages = size !== 0n && size % BigInt(Limits.pageBytes) === 0n;
  const isPlain = (args.privDrvData?.length ?? 0) === 0 && args.allocationInfo.length === 1;
  return isPages && isPlain ? 0 : -Errno.EINVAL;
}

/** The driver's checks of sizes right before it builds the message. */
function checkSizes(args: Types.CreateAllocationArgs, resourceDataBytes: number): number {
  const runtimeBytes = args.privateRuntimeData?.length ?? 0;
  const limit = Limits.maxMessageBytes;
  if (runtimeBytes >= limit || resourceDataBytes >= limit) return -Errno.EOVERFLOW;
  let privateBytes = 0;
  for (const info of args.allocationInfo) {
    privateBytes += info.privDrvData?.length ?? 0;
    if (privateBytes >= limit) return -Errno.EOVERFLOW;
  }
  const fixedBytes = 64 + 12 * args.allocationInfo.length;
  return fixedBytes + runtimeBytes + resourceDataBytes + privateBytes > limit ? -Errno.EOVERFLOW : 0;
}

/** Private data that openers of a shared standard allocation get. */
interface StandardData {
  readonly ret: number;
  readonly allocation: Uint8Array;
  readonly resource: Uint8Array;
}

/** Asks twice: for the sizes, then for the bytes. Bytes of other sizes than announced count as zeros. */
async function standardPrivateData(caller: Caller, device: Device, sizeBytes: bigint): Promise<StandardData> {
  const none = { allocation: NO_BYTES, resource: NO_BYTES };
  const { wire } = caller.driver;
  const ask = (privDriverDataSize: number, privDriverResourceSize: number) => {
    const gdiSurface = {
      width: Number(BigInt.asUintN(32, sizeBytes)),
      height: 1,
      type: GdiSurfaceType.textureCrossAdapter,
    };
    const allocType = StandardAllocationDriverType.gdiSurface;
    const body = { allocType, privDriverDataSize, privDriverResourceSize, gdiSurface };
    const command = commands.ddiGetStandardAllocationDriverData;
    return wire.call(device.adapter, command, caller.process.hostHandle, body, (reply) => ({
      ret: ntStatusToErrno(reply.status),
      dataSize: reply.privDriverDataSize,
      resourceSize: reply.privDriverResourceSize,
      allocation: reply.allocPrivData.slice(),
      resource: reply.resourcePrivData.slice(),
    }));
  };
  const first = await ask(0, 0);
  if (first.reply === null) return { ret: first.ret, ...none };
  const { dataSize, resourceSize } = first.reply;
  if (first.reply.ret < 0) return { ret: first.reply.ret, ...none };
  if (dataSize === 0) return { ret: -Errno.EINVAL, ...none };
  if (dataSize + resourceSize > Limits.maxMessageBytes) return { ret: -Errno.EINVAL, ...none };
  const second = await ask(dataSize, resourceSize);
  if (second.reply === null) return { ret: second.ret, ...none };
  if (second.reply.ret < 0) return { ret: second.reply.ret, ...none };
  const isSame = second.reply.dataSize === dataSize && second.reply.resourceSize === resourceSize;
  if (!isSame)
    return { ret: 0, allocation: new Uint8Array(dataSize), resource: new Uint8Array(resourceSize) };
  return { ret: 0, allocation: second.reply.allocation, resource: second.reply.resource };
}

function standardAllocationBytes(standard: Types.StandardAllocation): Uint8Array {
  const bytes = new Uint8Array(STANDARD_ALLOCATION_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, standard.type, true);
  view.setBigUint64(8, BigInt.asUintN(64, standard.existingHeapData.size), true);
  view.setUint32(16, standard.flags ?? 0, true);
  return bytes;
}

/** One creation under way: what it made in the guest, so that a failure can undo it. */
class Creation {
  readonly caller: Caller;
  readonly device: Device;
  readonly args: Types.CreateAllocationArgs;
  readonly flags: number;
  readonly standard: StandardData | null;
  resource: Resource | null = null;
  readonly allocations: Allocation[] = [];

  constructor(
    caller: Caller,
    device: Device,
    args: Types.CreateAllocationArgs,
    flags: number,
    standard: StandardData | null,
  ) {
    this.caller = caller;
    this.device = device;
    this.args = args;
    this.flags = flags;
    this.standard = standard;
  }

  get makesResource(): boolean {
    return (this.flags & Flags.createResource) !== 0;
  }

  get isShared(): boolean {
    return (this.flags & Flags.createShared) !== 0;
  }

  /** Finds or makes the resource, and makes the allocations. @returns 0 or what to refuse with. */
  prepare(): number {
    const { args, device } = this;
    if (this.makesResource) {
      this.resource = new Resource(device);
      if (this.isShared) {
        if ((this.flags & Flags.ntSecuritySharing) === 0) return -Errno.EINVAL;
        const resourceData = this.standard?.resource ?? args.privDrvData?.slice() ?? NO_BYTES;
        const runtimeData = args.privateRuntimeData?.slice() ?? NO_BYTES;
        new SharedResource(device.adapter, runtimeData, resourceData).add(this.resource);
      }
    } else if ((args.resource ?? 0) !== 0) {
      this.resource = this.caller.process.handles.get(args.resource ?? 0, 'resource');
      if (this.resource === null || this.resource.device !== device) return -Errno.EINVAL;
      if (this.resource.sharedOwner?.isSealed === true) return -Errno.EINVAL;
    }
    const hasSysmem = args.allocationInfo[0]?.sysmem !== undefined;
    for (const info of args.allocationInfo) {
      if (this.standard === null && !isPageAligned(sysmemRanges(info.sysmem))) return -Errno.EINVAL;
      if ((info.sysmem !== undefined) !== hasSysmem) return -Errno.EINVAL;
      const allocation = new Allocation(this.caller.process, device, this.resource);
      this.allocations.push(allocation);
      if (this.isShared) {
        allocation.privDrvData = this.standard?.allocation ?? info.privDrvData?.slice() ?? NO_BYTES;
      }
    }
    return 0;
  }

  /** Undoes {@link prepare} when the host has nothing of it. */
  async abandon(): Promise<void> {
    for (const allocation of this.allocations) await destroyAllocation(allocation);
    if (this.resource !== null && this.makesResource) await destroyResource(this.resource);
  }
}

interface HostAllocation {
  readonly allocation: number;
  readonly allocationFlags: number;
  readonly allocationSize: bigint;
  readonly privDrvData: Uint8Array;
}
interface HostCreation {
  readonly resource: number;
  readonly allocations: readonly HostAllocation[];
}

/** Ioctl 0x06. */
export async function createAllocation(
  caller: Caller,
  args: Types.CreateAllocationArgs,
): Promise<Types.CreateAllocationResult> {
  const nothing = { resource: args.resource ?? 0, globalShare: args.globalShare ?? 0, allocationInfo: [] };
  const flags = args.flags ?? 0;
  const checked = checkArguments(args, flags);
  if (checked !== 0) return { ret: checked, ...nothing };
  const device = caller.device(args.device);
  if (typeof device === 'number') return { ...refusal(caller, device), ...nothing };
  device.enter();
  try {
    let standard: StandardData | null = null;
    if ((flags & Flags.standardAllocation) !== 0 && args.standardAllocation !== undefined) {
      standard = await standardPrivateData(caller, device, args.standardAllocation.existingHeapData.size);
      if (standard.ret < 0) return { ret: standard.ret, ...nothing };
    }
    return { ...nothing, ...(await create(new Creation(caller, device, args, flags, standard))) };
  } finally {
    device.leave();
  }
}

async function create(creation: Creation): Promise<KmtResult & Partial<Types.CreateAllocationResult>> {
  const { args, caller, device } = creation;
  const privDrvData =
    creation.standard !== null && args.standardAllocation !== undefined
      ? standardAllocationBytes(args.standardAllocation)
      : (args.privDrvData ?? NO_BYTES);
  const ret = creation.prepare() || checkSizes(args, privDrvData.length);
  if (ret !== 0) {
    await creation.abandon();
    return { ret };
  }
  const hasSysmem = args.allocationInfo[0]?.sysmem !== undefined;
  const body = {
    device: args.device,
    resource: args.resource ?? 0,
    flags: hasSysmem ? creation.flags | Flags.existingSysmem : creation.flags,
    privateRuntimeResourceHandle: args.privateRuntimeResourceHandle ?? 0n,
    makeResident: args.makeResident ?? false,
    allocInfo: args.allocationInfo.map((info) => ({
      flags: info.flags ?? 0,
      vidpnSourceId: info.vidpnSourceId ?? 0,
      privDrvData: info.privDrvData ?? NO_BYTES,
    })),
    privateRuntimeData: args.privateRuntimeData ?? NO_BYTES,
    privDrvData,
  };
  let salvaged: HostCreation | null = null;
  const answer = await caller.driver.wire.call(
    device.adapter,
    commands.createAllocation,
    caller.process.hostHandle,
    body,
    (reply): HostCreation => ({
      resource: reply.resource,
      allocations: reply.allocationInfo.map((info) => ({ ...info, privDrvData: info.privDrvData.slice() })),
    }),
    (view, offset) => {
      salvaged = handlesOf(view, offset, args.allocationInfo.length);
    },
  );
  if (answer.reply !== null) return adopt(creation, answer.reply);
  // Private data of more bytes than asked for: the host made the objects, so they are destroyed by their handles.
  if (salvaged !== null) return { ret: await undo(creation, salvaged, answer.ret) };
  await creation.abandon();
  return outcome(answer);
}

/** The handles of an answer whose private data sizes are wrong. */
function handlesOf(view: DataView, offset: number, count: number): HostCreation {
  const allocations: HostAllocation[] = [];
  for (let index = 0; index < count; index += 1) {
    const allocation = view.getUint32(offset + 16 + 72 * index, true);
    allocations.push({ allocation, allocationFlags: 0, allocationSize: 0n, privDrvData: NO_BYTES });
  }
  return { resource: view.getUint32(offset + 4, true), allocations };
}

/** Takes over what the host made: memory first, handles last. */
async function adopt(
  creation: Creation,
  made: HostCreation,
): Promise<KmtResult & Partial<Types.CreateAllocationResult>> {
  const { args } = creation;
  for (const [index, host] of made.allocations.entries()) {
    const allocation = creation.allocations[index]!;
    allocation.pageCount = Number(host.allocationSize >> 12n);
    allocation.isCached = (host.allocationFlags & CACHED_BIT) !== 0;
    const ranges = sysmemRanges(args.allocationInfo[index]?.sysmem);
    if (ranges.length === 0) continue;
    allocation.handle = host.allocation;
    const result = await setExistingSysmem(allocation, ranges);
    allocation.handle = 0;
    if (result.ret < 0) return { ...outcome(result), ret: await undo(creation, made, result.ret) };
  }
  const ret = enterHandles(creation, made);
  if (ret < 0) return { ret: await undo(creation, made, ret) };
  return {
    ret: 0,
    resource: creation.makesResource ? made.resource : (args.resource ?? 0),
    allocationInfo: made.allocations.map(({ allocation, allocationSize, privDrvData }) => ({
      allocation,
      allocationSize,
      privDrvData,
    })),
  };
}

/** Enters the new handles into the table: the resource's, then the allocations'. */
function enterHandles(creation: Creation, made: HostCreation): number {
  const { resource } = creation;
  const { handles } = creation.caller.process;
  for (const [index, host] of made.allocations.entries()) {
    creation.allocations[index]!.handle = host.allocation;
  }
  if (creation.makesResource && resource !== null) {
    resource.handle = made.resource;
    const ret = handles.assign(made.resource, 'resource', resource);
    if (ret < 0) return ret;
    resource.hasEntry = true;
  }
  for (const allocation of creation.allocations) {
    const ret = handles.assign(allocation.handle, 'allocation', allocation);
    if (ret < 0) return ret;
    allocation.hasEntry = true;
  }
  return 0;
}

/**
 * Destroys what the host made after a failure in the guest: one message for all allocations, one more for a new
 * resource whose handle had been noted.
 */
async function undo(creation: Creation, made: HostCreation, ret: number): Promise<number> {
  const { args, caller, device } = creation;
  for (const allocation of creation.allocations) freeAllocationHandle(allocation);
  if (creation.resource !== null && creation.makesResource) freeResourceHandles(creation.resource);
  const allocations = made.allocations.map((host) => host.allocation).filter((handle) => handle !== 0);
  if (allocations.length > 0) {
    const flags = DestroyAllocationFlags.assumeNotInUse;
    const body = { device: args.device, resource: args.resource ?? 0, flags, allocations };
    const { hostHandle } = caller.process;
    await caller.driver.wire.status(device.adapter, commands.destroyAllocation, hostHandle, body);
  }
  for (const allocation of creation.allocations) {
    allocation.handle = 0;
    await destroyAllocation(allocation);
  }
  if (creation.resource !== null && creation.makesResource) await destroyResource(creation.resource);
  return ret;
}
