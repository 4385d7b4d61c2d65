import { Errno } from '@dxgwire/protocol';
import type { Packet } from '@dxgwire/transport';
import * as adapterCalls from './calls/adapter.ts';
import * as allocationCalls from './calls/allocation.ts';
import { Caller } from './calls/caller.ts';
import * as contextCalls from './calls/context.ts';
import * as createAllocationCalls from './calls/create-allocation.ts';
import * as deviceCalls from './calls/device.ts';
import * as escapeCalls from './calls/escape.ts';
import * as gpuVirtualAddressCalls from './calls/gpu-virtual-address.ts';
import * as queuedCalls from './calls/queued.ts';
import * as residencyCalls from './calls/residency.ts';
import * as sharingCalls from './calls/sharing.ts';
import * as syncCalls from './calls/sync.ts';
import * as syncFileCalls from './calls/sync-file.ts';
import type { CompletionSink } from './message-channel.ts';
import type { ProcessState } from './process-state.ts';
import { destroyProcess } from './teardown.ts';
import type * as Types from './types.ts';
import { statusOf } from './wire.ts';

type Done = Promise<Types.KmtResult>;

/**
 * The device file as one process has it open: the 65 calls of the driver, and those of them that can do without a
 * promise. See `D3dkmtCalls` and `D3dkmtPosts`; nothing here throws or rejects, `ret` says how a call went.
 */
export class KmtProcess implements Types.D3dkmtCalls, Types.D3dkmtPosts {
  /**
   * Called with the call's name and `ret` when the host reports the failure of a posted call: only while asynchronous
   * messages are off; while they are on, nobody learns of it.
   */
  onPostFailure: ((call: keyof Types.D3dkmtCalls, ret: number) => void) | null = null;
  private readonly state: ProcessState;
  private readonly caller: Caller;
  private readonly ways = new Map<string, queuedCalls.PostingWay>();

  /** @internal */
  constructor(state: ProcessState) {
    this.state = state;
    this.caller = new Caller(state);
  }

  get pid(): number {
    return this.state.pid;
  }

  /** Handles of the process in use: devices, contexts, allocations and so on. */
  get handleCount(): number {
    return this.state.handles.count;
  }

  /** The same open file in a child of a fork: every call of it is refused with ENOTTY. */
  inherited(): KmtProcess {
    const inherited = new KmtProcess(this.state);
    inherited.caller.refusal = -Errno.ENOTTY;
    return inherited;
  }

  /**
   * Closes the file. With the process's last one everything of the process is destroyed, as at its death.
   * @param options `processExiting`: the process has no memory left; what is sent is the same
   */
  async closeDevice(_options: { readonly processExiting?: boolean } = {}): Promise<Types.KmtResult> {
    if (this.caller.refusal !== 0) return { ret: this.caller.refusal };
    this.caller.refusal = -Errno.EBADF;
    this.state.openFiles -= 1;
    if (this.state.openFiles > 0) return { ret: 0 };
    this.state.driver.forgetProcess(this.state);
    await destroyProcess(this.state);
    return { ret: 0 };
  }

  /** Closes a descriptor of an NT handle or sync file; the process need not have the device open any more. */
  async closeFd(descriptor: number): Promise<Types.KmtResult> {
    return { ret: await this.state.driver.descriptors.close(descriptor) };
  }

  enumAdapters2(args: Types.EnumAdapters2Args = {}): Promise<Types.EnumAdapters2Result> {
    return adapterCalls.enumAdapters2(this.caller, args);
  }

  enumAdapters3(args: Types.EnumAdapters3Args = {}): Promise<Types.EnumAdapters3Result> {
    return adapterCalls.enumAdapters3(this.caller, args);
  }

  openAdapterFromLuid(args: Types.OpenAdapterFromLuidArgs): Promise<Types.OpenAdapterFromLuidResult> {
    return adapterCalls.openAdapterFromLuid(this.caller, args);
  }

  closeAdapter(args: Types.CloseAdapterArgs): Done {
    return adapterCalls.closeAdapter(this.caller, args);
  }

  queryAdapterInfo(args: Types.QueryAdapterInfoArgs): Promise<Types.QueryAdapterInfoResult> {
    return adapterCalls.queryAdapterInfo(this.caller, args);
  }

  queryVideoMemoryInfo(args: Types.QueryVideoMemoryInfoArgs): Promise<Types.QueryVideoMemoryInfoResult> {
    return adapterCalls.queryVideoMemoryInfo(this.caller, args);
  }

  changeVideoMemoryReservation(args: Types.ChangeVideoMemoryReservationArgs): Done {
    return adapterCalls.changeVideoMemoryReservation(this.caller, args);
  }

  queryClockCalibration(args: Types.QueryClockCalibrationArgs): Promise<Types.QueryClockCalibrationResult> {
    return adapterCalls.queryClockCalibration(this.caller, args);
  }

  queryStatistics(args: Types.QueryStatisticsArgs): Promise<Types.QueryStatisticsResult> {
    return adapterCalls.queryStatistics(this.caller, args);
  }

  flushHeapTransitions(args: Types.FlushHeapTransitionsArgs): Done {
    return adapterCalls.flushHeapTransitions(this.caller, args);
  }

  isFeatureEnabled(args: Types.IsFeatureEnabledArgs): Promise<Types.IsFeatureEnabledResult> {
    return adapterCalls.isFeatureEnabled(this.caller, args);
  }

  enumProcesses(args: Types.EnumProcessesArgs): Promise<Types.EnumProcessesResult> {
    return adapterCalls.enumProcesses(this.caller, args);
  }

  escape(args: Types.EscapeArgs): Promise<Types.EscapeResult> {
    return escapeCalls.escapeToDriver(this.caller, args);
  }

  createDevice(args: Types.CreateDeviceArgs): Promise<Types.CreateDeviceResult> {
    return deviceCalls.createDevice(this.caller, args);
  }

  destroyDevice(args: Types.DestroyDeviceArgs): Done {
    return deviceCalls.destroyDevice(this.caller, args);
  }

  getDeviceState(args: Types.GetDeviceStateArgs): Promise<Types.GetDeviceStateResult> {
    return deviceCalls.getDeviceState(this.caller, args);
  }

  markDeviceAsError(args: Types.MarkDeviceAsErrorArgs): Done {
    return deviceCalls.markDeviceAsError(this.caller, args);
  }

  createContextVirtual(args: Types.CreateContextVirtualArgs): Promise<Types.CreateContextVirtualResult> {
    return contextCalls.createContextVirtual(this.caller, args);
  }

  destroyContext(args: Types.DestroyContextArgs): Done {
    return contextCalls.destroyContext(this.caller, args);
  }

  createHwQueue(args: Types.CreateHwQueueArgs): Promise<Types.CreateHwQueueResult> {
    return contextCalls.createHwQueue(this.caller, args);
  }

  destroyHwQueue(args: Types.DestroyHwQueueArgs): Done {
    return contextCalls.destroyHwQueue(this.caller, args);
  }

  setContextSchedulingPriority(args: Types.SetSchedulingPriorityArgs): Done {
    return contextCalls.setContextSchedulingPriority(this.caller, args);
  }

  getContextSchedulingPriority(args: Types.SchedulingPriorityArgs): Promise<Types.SchedulingPriorityResult> {
    return contextCalls.getContextSchedulingPriority(this.caller, args);
  }

  setContextInProcessSchedulingPriority(args: Types.SetSchedulingPriorityArgs): Done {
    return contextCalls.setContextInProcessSchedulingPriority(this.caller, args);
  }

  getContextInProcessSchedulingPriority(
    args: Types.SchedulingPriorityArgs,
  ): Promise<Types.SchedulingPriorityResult> {
    return contextCalls.getContextInProcessSchedulingPriority(this.caller, args);
  }

  createAllocation(args: Types.CreateAllocationArgs): Promise<Types.CreateAllocationResult> {
    return createAllocationCalls.createAllocation(this.caller, args);
  }

  destroyAllocation2(args: Types.DestroyAllocation2Args): Done {
    return allocationCalls.destroyAllocation2(this.caller, args);
  }

  lock2(args: Types.Lock2Args): Promise<Types.Lock2Result> {
    return allocationCalls.lock2(this.caller, args);
  }

  unlock2(args: Types.Unlock2Args): Done {
    return allocationCalls.unlock2(this.caller, args);
  }

  setAllocationPriority(args: Types.SetAllocationPriorityArgs): Done {
    return allocationCalls.setAllocationPriority(this.caller, args);
  }

  getAllocationPriority(args: Types.GetAllocationPriorityArgs): Promise<Types.GetAllocationPriorityResult> {
    return allocationCalls.getAllocationPriority(this.caller, args);
  }

  queryAllocationResidency(
    args: Types.QueryAllocationResidencyArgs,
  ): Promise<Types.QueryAllocationResidencyResult> {
    return allocationCalls.queryAllocationResidency(this.caller, args);
  }

  invalidateCache(args: Types.InvalidateCacheArgs): Done {
    return allocationCalls.invalidateCache(this.caller, args);
  }

  updateAllocationProperty(
    args: Types.UpdateAllocationPropertyArgs,
  ): Promise<Types.UpdateAllocationPropertyResult> {
    return allocationCalls.updateAllocationProperty(this.caller, args);
  }

  createPagingQueue(args: Types.CreatePagingQueueArgs): Promise<Types.CreatePagingQueueResult> {
    return residencyCalls.createPagingQueue(this.caller, args);
  }

  destroyPagingQueue(args: Types.DestroyPagingQueueArgs): Done {
    return residencyCalls.destroyPagingQueue(this.caller, args);
  }

  makeResident(args: Types.MakeResidentArgs): Promise<Types.MakeResidentResult> {
    return residencyCalls.makeResident(this.caller, args);
  }

  evict(args: Types.EvictArgs): Promise<Types.EvictResult> {
    return residencyCalls.evict(this.caller, args);
  }

  offerAllocations(args: Types.OfferAllocationsArgs): Done {
    return residencyCalls.offerAllocations(this.caller, args);
  }

  reclaimAllocations2(args: Types.ReclaimAllocations2Args): Promise<Types.ReclaimAllocations2Result> {
    return residencyCalls.reclaimAllocations2(this.caller, args);
  }

  reserveGpuVirtualAddress(
    args: Types.ReserveGpuVirtualAddressArgs,
  ): Promise<Types.ReserveGpuVirtualAddressResult> {
    return gpuVirtualAddressCalls.reserveGpuVirtualAddress(this.caller, args);
  }

  mapGpuVirtualAddress(args: Types.MapGpuVirtualAddressArgs): Promise<Types.MapGpuVirtualAddressResult> {
    return gpuVirtualAddressCalls.mapGpuVirtualAddress(this.caller, args);
  }

  updateGpuVirtualAddress(
    args: Types.UpdateGpuVirtualAddressArgs,
  ): Promise<Types.UpdateGpuVirtualAddressResult> {
    return gpuVirtualAddressCalls.updateGpuVirtualAddress(this.caller, args);
  }

  freeGpuVirtualAddress(args: Types.FreeGpuVirtualAddressArgs): Done {
    return gpuVirtualAddressCalls.freeGpuVirtualAddress(this.caller, args);
  }

  createSynchronizationObject2(
    args: Types.CreateSynchronizationObject2Args,
  ): Promise<Types.CreateSynchronizationObject2Result> {
    return syncCalls.createSynchronizationObject2(this.caller, args);
  }

  destroySynchronizationObject(args: Types.DestroySynchronizationObjectArgs): Done {
    return syncCalls.destroySynchronizationObject(this.caller, args);
  }

  waitForSynchronizationObjectFromCpu(args: Types.WaitForSynchronizationObjectFromCpuArgs): Done {
    return syncCalls.waitForSynchronizationObjectFromCpu(this.caller, args);
  }

  shareObjects(args: Types.ShareObjectsArgs): Promise<Types.ShareObjectsResult> {
    return sharingCalls.shareObjects(this.caller, args);
  }

  openSyncObjectFromNtHandle2(
    args: Types.OpenSyncObjectFromNtHandle2Args,
  ): Promise<Types.OpenSyncObjectFromNtHandle2Result> {
    return sharingCalls.openSyncObjectFromNtHandle2(this.caller, args);
  }

  queryResourceInfoFromNtHandle(
    args: Types.QueryResourceInfoFromNtHandleArgs,
  ): Promise<Types.QueryResourceInfoFromNtHandleResult> {
    return sharingCalls.queryResourceInfoFromNtHandle(this.caller, args);
  }

  openResourceFromNtHandle(
    args: Types.OpenResourceFromNtHandleArgs,
  ): Promise<Types.OpenResourceFromNtHandleResult> {
    return sharingCalls.openResourceFromNtHandle(this.caller, args);
  }

  shareObjectWithHost(args: Types.ShareObjectWithHostArgs): Promise<Types.ShareObjectWithHostResult> {
    return sharingCalls.shareObjectWithHost(this.caller, args);
  }

  createSyncFile(args: Types.CreateSyncFileArgs): Promise<Types.CreateSyncFileResult> {
    return syncFileCalls.createSyncFile(this.caller, args);
  }

  waitSyncFile(args: Types.WaitSyncFileArgs): Done {
    return syncFileCalls.waitSyncFile(this.caller, args);
  }

  openSyncObjectFromSyncFile(
    args: Types.OpenSyncObjectFromSyncFileArgs,
  ): Promise<Types.OpenSyncObjectFromSyncFileResult> {
    return syncFileCalls.openSyncObjectFromSyncFile(this.caller, args);
  }

  submitCommand(args: Types.SubmitCommandArgs): Done {
    return queuedCalls.calling(queuedCalls.submitCommand, this.caller, args);
  }

  submitCommandToHwQueue(args: Types.SubmitCommandToHwQueueArgs): Done {
    return queuedCalls.calling(queuedCalls.submitCommandToHwQueue, this.caller, args);
  }

  submitSignalSyncObjectsToHwQueue(args: Types.SubmitSignalSyncObjectsToHwQueueArgs): Done {
    return queuedCalls.calling(queuedCalls.submitSignalSyncObjectsToHwQueue, this.caller, args);
  }

  submitWaitForSyncObjectsToHwQueue(args: Types.SubmitWaitForSyncObjectsToHwQueueArgs): Done {
    return queuedCalls.calling(queuedCalls.submitWaitForSyncObjectsToHwQueue, this.caller, args);
  }

  signalSynchronizationObject2(args: Types.SignalSynchronizationObject2Args): Done {
    return queuedCalls.calling(queuedCalls.signalSynchronizationObject2, this.caller, args);
  }

  signalSynchronizationObjectFromCpu(args: Types.SignalSynchronizationObjectFromCpuArgs): Done {
    return queuedCalls.calling(queuedCalls.signalSynchronizationObjectFromCpu, this.caller, args);
  }

  signalSynchronizationObjectFromGpu(args: Types.SignalSynchronizationObjectFromGpuArgs): Done {
    return queuedCalls.calling(queuedCalls.signalSynchronizationObjectFromGpu, this.caller, args);
  }

  signalSynchronizationObjectFromGpu2(args: Types.SignalSynchronizationObjectFromGpu2Args): Done {
    return queuedCalls.calling(queuedCalls.signalSynchronizationObjectFromGpu2, this.caller, args);
  }

  waitForSynchronizationObject2(args: Types.WaitForSynchronizationObject2Args): Done {
    return queuedCalls.calling(queuedCalls.waitForSynchronizationObject2, this.caller, args);
  }

  waitForSynchronizationObjectFromGpu(args: Types.WaitForSynchronizationObjectFromGpuArgs): Done {
    return queuedCalls.calling(queuedCalls.waitForSynchronizationObjectFromGpu, this.caller, args);
  }

  flushPosts(): void {
    this.state.driver.wire.global?.flush();
  }

  postSubmitCommand(args: Types.SubmitCommandArgs): number {
    return queuedCalls.posting(queuedCalls.submitCommand, this.caller, args, this.way('submitCommand'));
  }

  postSubmitCommandToHwQueue(args: Types.SubmitCommandToHwQueueArgs): number {
    return queuedCalls.posting(
      queuedCalls.submitCommandToHwQueue,
      this.caller,
      args,
      this.way('submitCommandToHwQueue'),
    );
  }

  postSubmitSignalSyncObjectsToHwQueue(args: Types.SubmitSignalSyncObjectsToHwQueueArgs): number {
    return queuedCalls.posting(
      queuedCalls.submitSignalSyncObjectsToHwQueue,
      this.caller,
      args,
      this.way('submitSignalSyncObjectsToHwQueue'),
    );
  }

  postSubmitWaitForSyncObjectsToHwQueue(args: Types.SubmitWaitForSyncObjectsToHwQueueArgs): number {
    return queuedCalls.posting(
      queuedCalls.submitWaitForSyncObjectsToHwQueue,
      this.caller,
      args,
      this.way('submitWaitForSyncObjectsToHwQueue'),
    );
  }

  postSignalSynchronizationObject2(args: Types.SignalSynchronizationObject2Args): number {
    return queuedCalls.posting(
      queuedCalls.signalSynchronizationObject2,
      this.caller,
      args,
      this.way('signalSynchronizationObject2'),
    );
  }

  postSignalSynchronizationObjectFromCpu(args: Types.SignalSynchronizationObjectFromCpuArgs): number {
    return queuedCalls.posting(
      queuedCalls.signalSynchronizationObjectFromCpu,
      this.caller,
      args,
      this.way('signalSynchronizationObjectFromCpu'),
    );
  }

  postSignalSynchronizationObjectFromGpu(args: Types.SignalSynchronizationObjectFromGpuArgs): number {
    return queuedCalls.posting(
      queuedCalls.signalSynchronizationObjectFromGpu,
      this.caller,
      args,
      this.way('signalSynchronizationObjectFromGpu'),
    );
  }

  postSignalSynchronizationObjectFromGpu2(args: Types.SignalSynchronizationObjectFromGpu2Args): number {
    return queuedCalls.posting(
      queuedCalls.signalSynchronizationObjectFromGpu2,
      this.caller,
      args,
      this.way('signalSynchronizationObjectFromGpu2'),
    );
  }

  postWaitForSynchronizationObject2(args: Types.WaitForSynchronizationObject2Args): number {
    return queuedCalls.posting(
      queuedCalls.waitForSynchronizationObject2,
      this.caller,
      args,
      this.way('waitForSynchronizationObject2'),
    );
  }

  postWaitForSynchronizationObjectFromGpu(args: Types.WaitForSynchronizationObjectFromGpuArgs): number {
    return queuedCalls.posting(
      queuedCalls.waitForSynchronizationObjectFromGpu,
      this.caller,
      args,
      this.way('waitForSynchronizationObjectFromGpu'),
    );
  }

  private way(call: keyof Types.D3dkmtCalls): queuedCalls.PostingWay {
    let way = this.ways.get(call);
    if (way === undefined) {
      way = new queuedCalls.PostingWay(new PostSink(this, call));
      this.ways.set(call, way);
    }
    return way;
  }
}

/** The answers to posted calls of one kind. */
class PostSink implements CompletionSink {
  private readonly process: KmtProcess;
  private readonly call: keyof Types.D3dkmtCalls;

  constructor(process: KmtProcess, call: keyof Types.D3dkmtCalls) {
    this.process = process;
    this.call = call;
  }

  complete(packet: Packet): void {
    const ret = statusOf(packet);
    if (ret < 0) this.process.onPostFailure?.(this.call, ret);
  }

  lose(): void {
    this.process.onPostFailure?.(this.call, -Errno.ENODEV);
  }
}
