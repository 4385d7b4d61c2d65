import { CreateDeviceFlags, DeviceStateType, NtStatus } from '@dxgwire/protocol';
import { Device } from '../device.ts';
import { later, type SomeHandlers } from '../handler.ts';
import { ObjectKind } from '../objects.ts';
import { ExecutionState } from '../scheduler/index.ts';
import { findDevice, withEngine } from './lookup.ts';

/** Device commands: creation, state and end. */
export const deviceHandlers: SomeHandlers<
  'createDevice' | 'destroyDevice' | 'flushDevice' | 'getDeviceState' | 'markDeviceAsError'
> = {
  createDevice(call, request) {
    const { gpu, process } = call;
    if ((request.flags & CreateDeviceFlags.reserved) !== 0) return NtStatus.invalidParameter;
    return withEngine(call, (engine) => {
      if (process.isDestroyed) return NtStatus.invalidParameter;
      if (process.objects.room < 1) return NtStatus.noMemory;
      const device = new Device({ process, gpu, engine, cookie: request.errorCode });
      device.handle = process.objects.add(ObjectKind.device, device);
      return { device: device.handle };
    });
  },

  destroyDevice(call, request) {
    const device = findDevice(call, request.device);
    if (device === undefined) return NtStatus.invalidParameter;
    return later((complete) => device.destroy(() => complete(NtStatus.success)));
  },

  /** The process is about to go: its work is abandoned, and once this is answered nothing touches its pages. */
  flushDevice(call, request) {
    const device = findDevice(call, request.device);
    if (device === undefined) return NtStatus.invalidParameter;
    return later((complete) =>
      device.engine.scheduler.flushDevice(device.scheduler, () => complete(NtStatus.success)),
    );
  },

  getDeviceState(call, request) {
    const { device: handle, stateType } = request.args;
    const device = findDevice(call, handle);
    if (device === undefined) return NtStatus.invalidParameter;
    const echo = { device: handle, stateType };
    const status = NtStatus.success;
    switch (stateType) {
      case DeviceStateType.execution:
        return { args: { ...echo, executionState: device.scheduler.state }, status };
      case DeviceStateType.pageFault:
        return {
          args: { ...echo, pageFaultState: { faultedVirtualAddress: device.scheduler.faultAddress } },
          status,
        };
      case DeviceStateType.reset:
      case DeviceStateType.present:
      case DeviceStateType.presentDwm:
      case DeviceStateType.presentQueue:
        // Nothing is presented through this interface: no desktop switch, empty present queues.
        return { args: echo, status };
      default:
        return NtStatus.invalidParameter;
    }
  },

  markDeviceAsError(call, request) {
    const device = findDevice(call, request.args.device);
    if (device === undefined) return NtStatus.invalidParameter;
    if (device.isActive) device.fail(ExecutionState.reset);
    return NtStatus.success;
  },
};
