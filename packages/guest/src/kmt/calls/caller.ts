import { Errno } from '@dxgwire/protocol';
import type { Adapter } from '../adapter.ts';
import type { KmtDriver } from '../driver.ts';
import type { Device } from '../objects.ts';
import type { ProcessState } from '../process-state.ts';
import type { KmtResult } from '../types/common.ts';

/** Who makes a call: an open file of the device. Look-ups give the object, or minus the errno to refuse with. */
export class Caller {
  readonly process: ProcessState;
  /** The adapter that the last look-up found gone. */
  stopped: Adapter | null = null;
  /** Not 0 when every call is refused: -EBADF after the close, -ENOTTY for a file inherited by another process. */
  refusal = 0;

  constructor(process: ProcessState) {
    this.process = process;
  }

  get driver(): KmtDriver {
    return this.process.driver;
  }

  /** An adapter that can be called, by its handle. */
  adapter(handle: number): Adapter | number {
    if (this.refusal !== 0) return this.refusal;
    const adapter = this.process.adapterHandles.get(handle);
    if (adapter === null) return -Errno.EINVAL;
    return adapter.isActive ? adapter : this.gone(adapter);
  }

  /** A device that can be called, by its handle. */
  device(handle: number): Device | number {
    if (this.refusal !== 0) return this.refusal;
    return this.usable(this.process.handles.get(handle, 'device'));
  }

  /** The device of a context, queue or paging queue. */
  deviceOf(handle: number, kind: 'context' | 'pagingQueue' | 'hwQueue'): Device | number {
    if (this.refusal !== 0) return this.refusal;
    return this.usable(this.process.deviceOf(handle, kind));
  }

  private usable(device: Device | null): Device | number {
    if (device === null) return -Errno.EINVAL;
    return device.adapter.isActive ? device : this.gone(device.adapter);
  }

  private gone(adapter: Adapter): number {
    this.stopped = adapter;
    return -Errno.ENODEV;
  }
}

/** `ret` and `lost` of a result, without what else is in it. */
export function outcome(result: KmtResult): KmtResult {
  return result.lost === undefined ? { ret: result.ret } : { ret: result.ret, lost: result.lost };
}

/** A refusal by the look-ups of {@link Caller}, with the reason when the adapter is gone: call it at once. */
export function refusal(caller: Caller, ret: number): KmtResult {
  const lost = ret === -Errno.ENODEV ? (caller.stopped?.loss ?? caller.driver.loss) : null;
  return lost === null ? { ret } : { ret, lost };
}

export const NO_BYTES: Uint8Array = new Uint8Array(0);
export const NO_HANDLES: ArrayLike<number> = [];
