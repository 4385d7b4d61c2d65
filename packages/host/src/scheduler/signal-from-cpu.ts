import { Status } from '../memory/status.ts';
import { Fence } from './fence.ts';
import type { SyncObjectInstance } from './sync-object.ts';
import { highHalf, isAtLeast, lowHalf } from './u64.ts';

const SIGNAL_ALLOW_FENCE_REWIND = 1 << 2;

/**
 * A signal from the CPU: takes effect at once, all objects or none.
 *
 * @param values one for each object; null: `legacyValue` for all.
 * @returns ACCESS_DENIED when an instance may not be signalled; INVALID_PARAMETER when a fence would go back and
 *   `flags` does not allow it.
 */
export function signalFromCpu(
  instances: readonly SyncObjectInstance[],
  values: ArrayLike<bigint> | null,
  legacyValue: bigint,
  flags: number,
): number {
  if (values !== null && values.length < instances.length) return Status.invalidParameter;
  const allowRewind = (flags & SIGNAL_ALLOW_FENCE_REWIND) !== 0;
  for (let i = 0; i < instances.length; i += 1) {
    const instance = instances[i]!;
    if (instance.noSignal) return Status.accessDenied;
    if (allowRewind || !(instance.object instanceof Fence)) continue;
    const value = values === null ? legacyValue : values[i]!;
    if (!isAtLeast(lowHalf(value), highHalf(value), instance.object.low, instance.object.high)) {
      return Status.invalidParameter;
    }
  }
  for (let i = 0; i < instances.length; i += 1) {
    const value = values === null ? legacyValue : values[i]!;
    instances[i]!.object.signal(lowHalf(value), highHalf(value), allowRewind);
  }
  return Status.success;
}
