import { EXTENDED_VERSION } from '../wire/message.ts';
import type { GuestMessage } from './view.ts';

const GLOBAL_CHANNEL = 1;

/** What a guest knows of one virtual GPU, by what it asked and was answered. */
interface VirtualGpu {
  isOpened: boolean;
  isAnswered: boolean;
  isAskedForInfo: boolean;
  isKnown: boolean;
  isClosed: boolean;
}

const UNKNOWN: VirtualGpu = {
  isOpened: false,
  isAnswered: false,
  isAskedForInfo: false,
  isKnown: false,
  isClosed: false,
};

/** How far a guest is with its virtual GPUs. */
export class BringUpView {
  /** The interface version that the host offers; undefined where nobody has seen that. */
  offeredVersion: number | undefined;
  /** Whether the host says that it can map the guest's pages. */
  canMapGuestMemory: boolean | undefined;
  /** By channel: the LUID that configuration space has for the virtual GPU. */
  readonly luidOfChannel = new Map<number, bigint>();
  /** How often configuration space was written. */
  writes = 0;
  readonly openChannels = new Set<number>();
  isIoSpaceAsked = false;
  isIoSpaceKnown = false;
  readonly #gpus = new Map<bigint, VirtualGpu>();
  /** LUIDs of configuration space for which GetInternalAdapterInfo gave others. */
  readonly #replaced = new Map<bigint, bigint>();

  gpu(luid: bigint): VirtualGpu {
    let gpu = this.#gpus.get(luid);
    if (gpu === undefined) {
      gpu = { ...UNKNOWN };
      this.#gpus.set(luid, gpu);
    }
    return gpu;
  }

  /** The LUID that has replaced one. */
  replacementOf(luid: bigint): bigint | undefined {
    return this.#replaced.get(luid);
  }

  noteSent({ command }: GuestMessage, luid: bigint): void {
    if (command?.name === 'SetIoSpaceRegion') this.isIoSpaceAsked = true;
    else if (command?.name === 'OpenAdapter') Object.assign(this.gpu(luid), UNKNOWN, { isOpened: true });
    else if (command?.name === 'GetInternalAdapterInfo') this.gpu(luid).isAskedForInfo = true;
    else if (command?.name === 'CloseAdapter') this.gpu(luid).isClosed = true;
  }

  noteAnswer({ command }: GuestMessage, luid: bigint, given: bigint): void {
    if (command?.name === 'SetIoSpaceRegion') this.isIoSpaceKnown = true;
    else if (command?.name === 'OpenAdapter') this.gpu(luid).isAnswered = true;
    else if (command?.name === 'GetInternalAdapterInfo') {
      const gpu = this.gpu(luid);
      gpu.isKnown = true;
      if (given === 0n || given === luid) return;
      // From now on it has another name.
      this.#gpus.set(given, gpu);
      this.#replaced.delete(given);
      this.#replaced.set(luid, given);
    }
  }

  /** What is opened again begins afresh. One that its host took away may still hear of devices, where messages take the global channel. */
  opened(channel: number): void {
    this.openChannels.add(channel);
    const luid = this.luidOfChannel.get(channel);
    for (const key of [luid, BigInt(channel)]) if (key !== undefined) this.gpu(key).isOpened = false;
  }

  closed(channel: number): void {
    this.openChannels.delete(channel);
    if (channel === GLOBAL_CHANNEL) {
      this.isIoSpaceAsked = false;
      this.isIoSpaceKnown = false;
    }
    // A driver that is loaded again negotiates again.
    if (this.openChannels.size === 0) this.writes = 0;
  }

  /** The LUID of a channel's virtual GPU as messages carry it now. */
  currentLuidOf(channel: number): bigint | undefined {
    const luid = this.luidOfChannel.get(channel);
    return luid === undefined ? undefined : (this.#replaced.get(luid) ?? luid);
  }

  /** What configuration space says when it is offered. */
  offered(channel: number, version: number, luid: bigint, capabilities: number): void {
    this.offeredVersion ??= version;
    this.luidOfChannel.set(channel, luid);
    this.canMapGuestMemory ??= version >= EXTENDED_VERSION && (capabilities & 1) !== 0;
  }
}
