import { commands, InterfaceVersion, ntStatusToErrno, PciConfig } from '@dxgwire/protocol';
import type { ChannelOffer, PciFunction } from '@dxgwire/transport';
import type { KmtDriver } from './driver.ts';
import { MessageChannel } from './message-channel.ts';
import type { ProcessAdapter } from './process-state.ts';
import { stopDevice } from './teardown.ts';
import type { KmtLoss, Luid } from './types/common.ts';
import type { Port } from './wire.ts';

/** `waiting` for its channels, `active`, or `stopped` for good. */
export type AdapterState = 'waiting' | 'active' | 'stopped';

/** One virtual GPU: a PCI function and, once it is there, the channel whose instance id begins with the same LUID. */
export class Adapter implements Port {
  readonly driver: KmtDriver;
  readonly pciFunction: PciFunction;
  /** The LUID that programs see: the first 8 bytes of the channel's instance id. */
  readonly luid: Luid;
  readonly isComputeOnly: boolean;
  /** LUID in extended headers: from configuration space until GetInternalAdapterInfo says better. */
  vgpuLuid: Luid;
  hostAdapterLuid: Luid = { low: 0, high: 0 };
  /** The host's handle of the adapter; bodies name the adapter by it. */
  hostHandle = 0;
  description = '';
  instanceId = '';
  state: AdapterState = 'waiting';
  link: MessageChannel | null = null;
  loss: KmtLoss | null = null;
  channelIndex = 0;
  readonly processes: ProcessAdapter[] = [];

  constructor(driver: KmtDriver, pciFunction: PciFunction, luid: Luid, vgpuLuid: Luid) {
    this.driver = driver;
    this.pciFunction = pciFunction;
    this.luid = luid;
    this.vgpuLuid = vgpuLuid;
    this.isComputeOnly = pciFunction.deviceId === PciConfig.deviceIdComputeAccelerator;
  }

  get isActive(): boolean {
    return this.state === 'active';
  }

  /** Opens the channel, opens the adapter, learns its names. Any failure stops the adapter for good. */
  async start(offer: ChannelOffer): Promise<void> {
    this.channelIndex = offer.index;
    try {
      const channel = await this.driver.bus.open(offer.index);
      this.link = new MessageChannel(channel, this.driver.wire.statistics);
      this.link.isUnhurried = !this.driver.looksForAnswers;
      this.link.onLost = (loss) => this.loseChannel(loss);
    } catch {
      this.stopFor('channel-failed');
      return;
    }
    const ret = (await this.open()) || (await this.getInternalInfo());
    if (this.state !== 'waiting') return;
    this.state = ret === 0 ? 'active' : 'stopped';
    if (ret !== 0) this.loss = 'channel-failed';
  }

  private async open(): Promise<number> {
    const { wire } = this.driver;
    const body = {
      vmbusInterfaceVersion: wire.version,
      vmbusLastCompatibleInterfaceVersion: InterfaceVersion.lastCompatible,
    };
    const answer = await wire.call(this, commands.openAdapter, 0, body, (reply) => {
      this.hostHandle = reply.hostAdapterHandle;
      return ntStatusToErrno(reply.status);
    });
    return answer.reply === null ? answer.ret : Math.min(answer.reply, 0);
  }

  private async getInternalInfo(): Promise<number> {
    const { wire } = this.driver;
    const answer = await wire.call(this, commands.getInternalAdapterInfo, 0, {}, (reply) => {
      this.hostAdapterLuid = reply.hostAdapterLuid;
      this.vgpuLuid = reply.hostVgpuLuid;
      this.description = reply.deviceDescription;
      this.instanceId = reply.deviceInstanceId;
      // One flag for the whole driver: the last answer wins.
      wire.asyncMessages = reply.asyncMsgEnabled;
    });
    return answer.ret;
  }

  /** The host took the channel away, or it failed: everything pending settles, nothing is sent any more. */
  loseChannel(loss: KmtLoss): void {
    const { link } = this;
    this.link = null;
    this.stopFor(loss);
    if (link === null) return;
    link.lose(loss);
    void link.channel.close().catch(() => undefined);
  }

  /** Marks the adapter as gone for calls to come, and ends waits that only it could end. */
  stopFor(loss: KmtLoss): void {
    if (this.state === 'stopped') return;
    this.state = 'stopped';
    this.loss = loss;
    for (const entry of this.processes) for (const device of entry.devices) stopDevice(device);
    this.driver.events.abandonFor(this, loss);
  }

  /** Removal of the adapter: views are unmapped, the host is told, the channel closed. Devices linger. */
  async remove(): Promise<void> {
    if (!this.isActive) return;
    for (const entry of this.processes) for (const device of entry.devices) stopDevice(device);
    await this.driver.wire.call(this, commands.closeAdapter, 0, { hostHandle: this.hostHandle }, () => null);
    this.stopFor('driver-removed');
    const { link } = this;
    this.link = null;
    if (link === null) return;
    link.onLost = null;
    link.lose('driver-removed');
    await link.channel.close().catch(() => undefined);
  }
}
