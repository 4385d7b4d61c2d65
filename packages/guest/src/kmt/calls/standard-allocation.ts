import {
  CreateAllocationFlags,
  commands,
  Errno,
  GdiSurfaceType,
  Limits,
  NtStatus,
  ntStatusToErrno,
  StandardAllocationDriverType,
  StandardAllocationType,
} from '@dxgwire/protocol';
import type { Device } from '../objects.ts';
import type * as Types from '../types/allocation.ts';
import { type Caller, NO_BYTES } from './caller.ts';
import { isPageAligned, sysmemRanges } from './existing-sysmem.ts';

/** struct d3dkmt_createstandardallocation. */
const STANDARD_ALLOCATION_BYTES = 24;

/** What the stock driver returns here is the NTSTATUS itself, not an errno. */
const RAW_INVALID_PARAMETER = NtStatus.invalidParameter | 0;

/** The driver's checks of a standard allocation. @returns 0 or what to refuse with. */
export function checkStandard(args: Types.CreateAllocationArgs, flags: number): number {
  const { standardAllocation } = args;
  if (standardAllocation === undefined) return -Errno.EFAULT;
  const ranges = sysmemRanges(args.allocationInfo[0]?.sysmem);
  const isSysmem = (flags & CreateAllocationFlags.existingSysmem) !== 0;
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

/** Private data that openers of a shared standard allocation get. */
export interface StandardData {
  readonly ret: number;
  readonly allocation: Uint8Array;
  readonly resource: Uint8Array;
}

/** Asks twice: for the sizes, then for the bytes. Bytes of other sizes than announced count as zeros. */
export async function standardPrivateData(
  caller: Caller,
  device: Device,
  sizeBytes: bigint,
): Promise<StandardData> {
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

/** The structure as the message carries it. */
export function standardAllocationBytes(standard: Types.StandardAllocation): Uint8Array {
  const bytes = new Uint8Array(STANDARD_ALLOCATION_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, standard.type, true);
  view.setBigUint64(8, BigInt.asUintN(64, standard.existingHeapData.size), true);
  view.setUint32(16, standard.flags ?? 0, true);
  return bytes;
}
