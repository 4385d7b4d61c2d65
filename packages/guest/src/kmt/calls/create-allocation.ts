import { CreateAllocationFlags, commands, DestroyAllocationFlags, Errno, Limits } from '@dxgwire/protocol';
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
import {
  checkStandard,
  type StandardData,
  standardAllocationBytes,
  standardPrivateData,
} from './standard-allocation.ts';

const Flags = CreateAllocationFlags;

/** AllocationReturnFlags: the CPU's mapping is cached. */
const CACHED_BIT = 1 << 19;

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

type Outcome = KmtResult & Partial<Types.CreateAllocationResult>;

/** What a creation that failed says beside its reason. */
function nothing(args: Types.CreateAllocationArgs): Omit<Types.CreateAllocationResult, 'ret'> {
  return { resource: args.resource ?? 0, globalShare: args.globalShare ?? 0, allocationInfo: [] };
}

function isWhole(result: Outcome): result is Types.CreateAllocationResult {
  return result.allocationInfo !== undefined;
}

/** Ioctl 0x06. */
export function createAllocation(
  caller: Caller,
  args: Types.CreateAllocationArgs,
): Promise<Types.CreateAllocationResult> {
  const flags = args.flags ?? 0;
  const checked = checkArguments(args, flags);
  if (checked !== 0) return Promise.resolve({ ret: checked, ...nothing(args) });
  const device = caller.device(args.device);
  if (typeof device === 'number') return Promise.resolve({ ...refusal(caller, device), ...nothing(args) });
  device.enter();
  return new Promise((resolve, reject) => {
    const end = (result: Outcome): void => {
      device.leave();
      resolve(isWhole(result) ? result : { ...nothing(args), ...result });
    };
    const fail = (error: unknown): void => {
      device.leave();
      reject(error);
    };
    const { standardAllocation } = args;
    if ((flags & Flags.standardAllocation) === 0 || standardAllocation === undefined) {
      create(new Creation(caller, device, args, flags, null), end, fail);
      return;
    }
    standardPrivateData(caller, device, standardAllocation.existingHeapData.size).then((standard) => {
      if (standard.ret < 0) end({ ret: standard.ret });
      else create(new Creation(caller, device, args, flags, standard), end, fail);
    }, fail);
  });
}

/**
 * Sends the message and takes its answer over. With callbacks, since programs make buffers by the thousand: where all goes
 * well and no pages are to be given to the host, the call's own promise is the only one.
 */
function create(creation: Creation, end: (result: Outcome) => void, fail: (error: unknown) => void): void {
  const { args, caller, device } = creation;
  const privDrvData =
    creation.standard !== null && args.standardAllocation !== undefined
      ? standardAllocationBytes(args.standardAllocation)
      : (args.privDrvData ?? NO_BYTES);
  const ret = creation.prepare() || checkSizes(args, privDrvData.length);
  if (ret !== 0) {
    creation.abandon().then(() => end({ ret }), fail);
    return;
  }
  const hasSysmem = args.allocationInfo[0]?.sysmem !== undefined;
  const body = {
    device: args.device,
    resource: args.resource ?? 0,
    flags: hasSysmem ? creation.flags | Flags.existingSysmem : creation.flags,
    privateRuntimeResourceHandle: args.privateRuntimeResourceHandle ?? 0n,
    makeResident: args.makeResident ?? false,
    allocInfo: args.allocationInfo.map(messageInfo),
    privateRuntimeData: args.privateRuntimeData ?? NO_BYTES,
    privDrvData,
  };
  let salvaged: HostCreation | null = null;
  caller.driver.wire.ask(
    device.adapter,
    commands.createAllocation,
    caller.process.hostHandle,
    body,
    (reply): HostCreation => ({ resource: reply.resource, allocations: reply.allocationInfo.map(ownInfo) }),
    (view, offset) => {
      salvaged = handlesOf(view, offset, args.allocationInfo.length);
    },
    (answer) => {
      if (answer.reply !== null) {
        if (hasSysmem) adoptPages(creation, answer.reply).then(end, fail);
        else adopt(creation, answer.reply, end, fail);
      } else if (salvaged !== null) {
        // Private data of more bytes than asked for: the host made the objects, so they are destroyed by their handles.
        undo(creation, salvaged, answer.ret).then((undone) => end({ ret: undone }), fail);
      } else {
        creation.abandon().then(() => end(outcome(answer)), fail);
      }
    },
  );
}

function messageInfo(info: Types.CreateAllocationArgs['allocationInfo'][number]) {
  return {
    flags: info.flags ?? 0,
    vidpnSourceId: info.vidpnSourceId ?? 0,
    privDrvData: info.privDrvData ?? NO_BYTES,
  };
}

/** What a reply says of an allocation, on memory of its own. */
function ownInfo({
  allocation,
  allocationFlags,
  allocationSize,
  privDrvData: data,
}: HostAllocation): HostAllocation {
  const privDrvData = data.length === 0 ? NO_BYTES : data.slice();
  return { allocation, allocationFlags, allocationSize, privDrvData };
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

/** Notes what the host says of the new allocations. */
function note(creation: Creation, made: HostCreation): void {
  for (let index = 0; index < made.allocations.length; index += 1) {
    const { allocationSize, allocationFlags } = made.allocations[index]!;
    const allocation = creation.allocations[index]!;
    allocation.pageCount = Number(allocationSize >> 12n);
    allocation.isCached = (allocationFlags & CACHED_BIT) !== 0;
  }
}

/** Takes over what the host made of its own memory. */
function adopt(
  creation: Creation,
  made: HostCreation,
  end: (result: Outcome) => void,
  fail: (error: unknown) => void,
): void {
  note(creation, made);
  const ret = enterHandles(creation, made);
  if (ret < 0) undo(creation, made, ret).then((undone) => end({ ret: undone }), fail);
  else end(resultOf(creation, made));
}

/** The same of the guest's: memory first, handles last. */
async function adoptPages(creation: Creation, made: HostCreation): Promise<Outcome> {
  note(creation, made);
  for (const [index, host] of made.allocations.entries()) {
    const allocation = creation.allocations[index]!;
    const ranges = sysmemRanges(creation.args.allocationInfo[index]?.sysmem);
    if (ranges.length === 0) continue;
    allocation.handle = host.allocation;
    const result = await setExistingSysmem(allocation, ranges);
    allocation.handle = 0;
    if (result.ret < 0) return { ...outcome(result), ret: await undo(creation, made, result.ret) };
  }
  const ret = enterHandles(creation, made);
  return ret < 0 ? { ret: await undo(creation, made, ret) } : resultOf(creation, made);
}

function resultOf({ args, makesResource }: Creation, made: HostCreation): Types.CreateAllocationResult {
  return {
    ret: 0,
    resource: makesResource ? made.resource : (args.resource ?? 0),
    globalShare: args.globalShare ?? 0,
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
  for (let index = 0; index < made.allocations.length; index += 1) {
    creation.allocations[index]!.handle = made.allocations[index]!.allocation;
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
