import { commands, DeviceExecutionState, DeviceStateType, Errno, ntStatusToErrno } from '@dxgwire/protocol';
import { Device } from '../objects.ts';
import { destroyDevice as destroy } from '../teardown.ts';
import type { KmtResult } from '../types/common.ts';
import type * as Types from '../types/device.ts';
import { type Caller, outcome, refusal } from './caller.ts';

/**
 * Ioctl 0x02. A host that refuses (null handle or short reply) makes the call succeed without a device; such a device
 * stays in the process's list and is flushed, but not destroyed, at the end.
 */
export async function createDevice(
  caller: Caller,
  args: Types.CreateDeviceArgs,
): Promise<Types.CreateDeviceResult> {
  const adapter = caller.adapter(args.adapter);
  if (typeof adapter === 'number') return { ...refusal(caller, adapter), device: 0 };
  const { driver, process } = caller;
  const entry = process.adapters.find((candidate) => candidate.adapter === adapter);
  if (entry === undefined) return { ret: -Errno.EINVAL, device: 0 };
  const device = new Device(adapter, process);
  entry.devices.add(device);
  device.enter();
  const body = { flags: args.flags ?? 0, errorCode: driver.deviceStateCookie };
  const answer = await driver.wire.call(
    adapter,
    commands.createDevice,
    process.hostHandle,
    body,
    (reply) => reply.device,
  );
  device.leave();
  if (answer.lost !== undefined) {
    entry.devices.delete(device);
    return { ...outcome(answer), device: 0 };
  }
  const handle = answer.reply ?? 0;
  if (handle === 0) return { ret: 0, device: 0 };
  const ret = process.handles.assign(handle, 'device', device);
  if (ret < 0) {
    entry.devices.delete(device);
    await driver.wire.status(adapter, commands.destroyDevice, process.hostHandle, { device: handle });
    return { ret, device: 0 };
  }
  device.handle = handle;
  device.state = 'active';
  return { ret: 0, device: handle };
}

/** Ioctl 0x19. What the host answers does not matter to the caller. */
export async function destroyDevice(caller: Caller, args: Types.DestroyDeviceArgs): Promise<KmtResult> {
  if (caller.refusal !== 0) return { ret: caller.refusal };
  const { handles } = caller.process;
  const device = handles.get(args.device, 'device');
  if (device === null) return { ret: -Errno.EINVAL };
  handles.free(args.device, 'device');
  await destroy(device);
  return { ret: 0 };
}

/** Bytes of struct d3dkmt_getdevicestate, and of its part behind `state_type`. */
const DEVICE_STATE_BYTES = 56;
const STATE_OFFSET = 8;
const STATE_BYTES = DEVICE_STATE_BYTES - STATE_OFFSET;

const { getDeviceState: stateCommand } = commands;

/** The command's value for the caller's structure as bytes: the codec knows the union's alternatives. */
function stateRequest(args: Types.GetDeviceStateArgs) {
  const bytes = new Uint8Array(DEVICE_STATE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, args.device, true);
  view.setUint32(4, args.stateType, true);
  if (args.state !== undefined) bytes.set(args.state.subarray(0, STATE_BYTES), STATE_OFFSET);
  return stateCommand.request!.decode(view, 0, DEVICE_STATE_BYTES);
}

/** The union's bytes of an answer. */
function stateBytes(value: ReturnType<typeof stateRequest>): Uint8Array {
  const bytes = new Uint8Array(DEVICE_STATE_BYTES);
  stateCommand.request!.encode(value, new DataView(bytes.buffer), 0);
  return bytes.subarray(STATE_OFFSET);
}

/**
 * Ioctl 0x0e. The execution state is answered from the device's cache until the host said (SetGuestData) that some
 * device's state changed; then each device asks once.
 */
export async function getDeviceState(
  caller: Caller,
  args: Types.GetDeviceStateArgs,
): Promise<Types.GetDeviceStateResult> {
  const nothing = { state: new Uint8Array(STATE_BYTES), executionState: 0 };
  const device = caller.device(args.device);
  if (typeof device === 'number') return { ...refusal(caller, device), ...nothing };
  const { driver } = caller;
  const isExecution = args.stateType === DeviceStateType.execution;
  const counter = driver.deviceStateCounter;
  if (isExecution && device.executionStateCounter === counter) {
    const state = new Uint8Array(STATE_BYTES);
    if (args.state !== undefined) state.set(args.state.subarray(0, STATE_BYTES));
    new DataView(state.buffer).setUint32(0, device.executionState, true);
    return { ret: 0, state, executionState: device.executionState };
  }
  const body = stateRequest(args);
  const { hostHandle } = caller.process;
  const answer = await driver.wire.call(device.adapter, stateCommand, hostHandle, body, (reply) => ({
    ret: ntStatusToErrno(reply.status),
    state: stateBytes({ args: reply.args }),
  }));
  if (answer.reply === null) return { ...outcome(answer), ...nothing };
  const { ret, state } = answer.reply;
  if (ret < 0) return { ret, ...nothing };
  const executionState = new DataView(state.buffer, state.byteOffset).getUint32(0, true);
  if (isExecution) {
    device.executionState = executionState;
    device.executionStateCounter = counter;
  }
  return { ret: 0, state, executionState };
}

/** Ioctl 0x26. The cached state is "reset" from the moment of the call. */
export async function markDeviceAsError(
  caller: Caller,
  args: Types.MarkDeviceAsErrorArgs,
): Promise<KmtResult> {
  const device = caller.device(args.device);
  if (typeof device === 'number') return refusal(caller, device);
  device.executionState = DeviceExecutionState.reset;
  const body = { args: { device: args.device, reason: args.reason } };
  const { wire } = caller.driver;
  return wire.status(device.adapter, commands.markDeviceAsError, caller.process.hostHandle, body);
}
