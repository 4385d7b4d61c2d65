/**
 * Status codes that the Linux driver knows by name, as unsigned 32-bit numbers (facts file, `constants.ntstatus`).
 * Any other negative code reaches its caller as EINVAL.
 */
export const NtStatus = {
  success: 0,
  timeout: 0x00000102,
  pending: 0x00000103,
  notImplemented: 0xc0000002,
  invalidHandle: 0xc0000008,
  invalidParameter: 0xc000000d,
  noMemory: 0xc0000017,
  illegalInstruction: 0xc000001d,
  accessDenied: 0xc0000022,
  bufferTooSmall: 0xc0000023,
  objectTypeMismatch: 0xc0000024,
  objectNameInvalid: 0xc0000033,
  objectNameNotFound: 0xc0000034,
  objectNameCollision: 0xc0000035,
  notSupported: 0xc00000bb,
  deviceRemoved: 0xc00002b6,
  graphicsAllocationBusy: 0xc01e0102,
} as const;
/** An NTSTATUS as an unsigned 32-bit number. */
export type NtStatus = number;

/** Linux error numbers that the driver returns (as `-errno`). */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENOTTY: 25,
  EOVERFLOW: 75,
  EPROTOTYPE: 91,
  EOPNOTSUPP: 95,
  EINPROGRESS: 115,
  ENOTRECOVERABLE: 131,
} as const;
/** A positive Linux error number. */
export type Errno = number;

const errnoByStatus: ReadonlyMap<number, number> = new Map([
  [NtStatus.objectNameCollision, Errno.EEXIST],
  [NtStatus.noMemory, Errno.ENOMEM],
  [NtStatus.invalidParameter, Errno.EINVAL],
  [NtStatus.objectNameInvalid, Errno.ENOENT],
  [NtStatus.objectNameNotFound, Errno.ENOENT],
  [NtStatus.bufferTooSmall, Errno.EOVERFLOW],
  [NtStatus.deviceRemoved, Errno.ENODEV],
  [NtStatus.accessDenied, Errno.EACCES],
  [NtStatus.notSupported, Errno.EPERM],
  [NtStatus.illegalInstruction, Errno.EOPNOTSUPP],
  [NtStatus.invalidHandle, Errno.EBADF],
  [NtStatus.graphicsAllocationBusy, Errno.EINPROGRESS],
  [NtStatus.objectTypeMismatch, Errno.EPROTOTYPE],
  [NtStatus.notImplemented, Errno.EPERM],
]);

/** Whether a status means failure: its top bit is set (the C type is signed). */
export function isFailure(status: number): boolean {
  return (status & 0x80000000) !== 0;
}

/**
 * What the driver's ioctl returns for a status: 0 or a positive status unchanged, minus an errno for a negative one.
 * (STATUS_TIMEOUT is positive, so the driver's own EAGAIN for it is never reached.)
 */
export function ntStatusToErrno(status: number): number {
  if (!isFailure(status)) return status;
  return -(errnoByStatus.get(status >>> 0) ?? Errno.EINVAL);
}

const statusByErrno: ReadonlyMap<number, number> = new Map([
  [Errno.EEXIST, NtStatus.objectNameCollision],
  [Errno.ENOMEM, NtStatus.noMemory],
  [Errno.EINVAL, NtStatus.invalidParameter],
  [Errno.ENOENT, NtStatus.objectNameInvalid],
  [Errno.EOVERFLOW, NtStatus.bufferTooSmall],
  [Errno.ENODEV, NtStatus.deviceRemoved],
  [Errno.EACCES, NtStatus.accessDenied],
  [Errno.EPERM, NtStatus.notSupported],
  [Errno.EOPNOTSUPP, NtStatus.illegalInstruction],
  [Errno.EBADF, NtStatus.invalidHandle],
  [Errno.EINPROGRESS, NtStatus.graphicsAllocationBusy],
  [Errno.EPROTOTYPE, NtStatus.objectTypeMismatch],
]);

/** STATUS_UNSUCCESSFUL: what libdxg reports for an errno that no status stands for. Never sent on the wire. */
const STATUS_UNSUCCESSFUL = 0xc0000001;

/** The status that libdxg reports for an ioctl result: the reverse of {@link ntStatusToErrno}, where there is one. */
export function ioctlResultToNtStatus(result: number): number {
  if (result >= 0) return result;
  return statusByErrno.get(-result) ?? STATUS_UNSUCCESSFUL;
}

const nameByStatus: ReadonlyMap<number, string> = new Map(
  Object.entries(NtStatus).map(([name, value]) => [
    value,
    name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase(),
  ]),
);

/** A status in words, for messages: `INVALID_PARAMETER (0xc000000d)`. */
export function describeNtStatus(status: number): string {
  const hex = `0x${(status >>> 0).toString(16).padStart(8, '0')}`;
  const name = nameByStatus.get(status >>> 0);
  return name === undefined ? hex : `${name} (${hex})`;
}
