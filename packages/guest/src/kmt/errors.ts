import type { KmtLoss, KmtResult } from './types/common.ts';

/** A D3DKMT call that failed, for callers that prefer an exception to `ret`. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  /** The call, as named in `D3dkmtCalls`. */
  readonly call: string;
  /** Minus a Linux errno. */
  readonly ret: number;
  /** Set when the call ended because its link did. */
  readonly lost: KmtLoss | null;

  constructor(call: string, ret: number, lost: KmtLoss | null = null) {
    super(`${call} failed with ${errnoName(ret)} (${ret})${lost === null ? '' : `: ${lost}`}`);
    this.call = call;
    this.ret = ret;
    this.lost = lost;
  }
}

export function isCommandError(value: unknown): value is CommandError {
  return value instanceof CommandError;
}

/** @throws CommandError when `result.ret` is negative; `call` names the call in the message. */
export function unwrap<T extends KmtResult>(result: T, call = 'D3DKMT call'): T {
  if (result.ret < 0) throw new CommandError(call, result.ret, result.lost ?? null);
  return result;
}

const ERRNO_NAMES: Readonly<Record<number, string>> = {
  1: 'EPERM',
  2: 'ENOENT',
  4: 'EINTR',
  9: 'EBADF',
  11: 'EAGAIN',
  12: 'ENOMEM',
  13: 'EACCES',
  14: 'EFAULT',
  17: 'EEXIST',
  19: 'ENODEV',
  22: 'EINVAL',
  25: 'ENOTTY',
  75: 'EOVERFLOW',
  91: 'EPROTOTYPE',
  95: 'EOPNOTSUPP',
  115: 'EINPROGRESS',
  131: 'ENOTRECOVERABLE',
};

/** The name of the errno in a negative `ret`; the number itself when it is not one the driver uses. */
export function errnoName(ret: number): string {
  return ERRNO_NAMES[-ret] ?? String(ret);
}
