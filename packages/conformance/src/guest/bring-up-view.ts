import { EXTENDED_VERSION } from '../wire/message.ts';
import type { GuestMessage } from './view.ts';

const GLOBAL_CHANNEL = 1;
/** More than a guest can have: it may say any LUID. */
const MOST_GPUS = 4096;

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

  /** What is known of a virtual GPU: of one that was never opened, nothing. */
  gpu(luid: bigint): Readonly<VirtualGpu> {
    return this.#gpus.get(luid) ?? UNKNOWN;
  }

  /** The LUID that has replaced one. */
  replacementOf(luid: bigint): bigint | undefined {
    return this.#replaced.get(luid);
  }

  noteSent({ command }: GuestMessage, luid: bigint): void {
    if (command?.name === 'SetIoSpaceRegion') this.isIoSpaceAsked = true;
    else if (command?.name === 'OpenAdapter') {
      if (!this.#gpus.has(luid) && this.#gpus.size < MOST_GPUS) this.#gpus.set(luid, { ...UNKNOWN });
      this.#learn(luid, { ...UNKNOWN, isOpened: true });
    } else if (command?.name === 'GetInternalAdapterInfo') this.#learn(luid, { isAskedForInfo: true });
    else if (command?.name === 'CloseAdapter') this.#learn(luid, { isClosed: true });
  }

  noteAnswer({ command }: GuestMessage, luid: bigint, given: bigint): void {
    if (command?.name === 'SetIoSpaceRegion') this.isIoSpaceKnown = true;
    else if (command?.name === 'OpenAdapter') this.#learn(luid, { isAnswered: true });
    else if (command?.name === 'GetInternalAdapterInfo') {
      this.#learn(luid, { isKnown: true });
      const gpu = this.#gpus.get(luid);
      if (gpu === undefined || given === 0n || given === luid) return;
      // From now on it has another name.
      this.#gpus.set(given, gpu);
      this.#replaced.delete(given);
      this.#replaced.set(luid, given);
    }
  }

  #learn(luid: bigint, what: Partial<VirtualGpu>): void {
    const gpu = this.#gpus.get(luid);
    if (gpu !== undefined) Object.assign(gpu, what);
  }

  /** What is opened again begins afresh. One that its host took away may still hear of devices, where messages take the global channel. */
  opened(channel: number): void {
    this.openChannels.add(channel);
    for (const key of [this.luidOfChannel.get(channel), BigInt(channel)])
      if (key !== undefined) this.#learn(key, { isOpened: false });
    if (channel !== GLOBAL_CHANNEL) return;
    this.isIoSpaceAsked = false;
    this.isIoSpaceKnown = false;
  }

  closed(channel: number): void {
    this.openChannels.delete(channel);
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
