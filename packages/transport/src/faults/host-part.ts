import { bytesOfSeed } from '../compliance/data.ts';
import { isTransportError, TransportError } from '../errors.ts';
import { type Channel, type HostBus, type Packet, PacketKind } from '../transport.ts';
import {
  ConversationData,
  type ConversationOptions,
  SLOT_BYTES,
  WINDOW_DATA_OFFSET,
  WINDOW_FENCE_OFFSET,
} from './conversation-data.ts';
import { applyRingFault, type RingFault } from './ring-plan.ts';

const GUID = new Uint8Array(16);
const EMPTY = new Uint8Array(0);

/** How it went on the host's side; plain data, so that it can come from another thread or process. */
export interface HostReport {
  /** Whether a guest was let in. */
  readonly isServing: boolean;
  /** Ends that the host was told of, each with its error's code, null for an orderly one. */
  readonly closes: readonly { readonly code: string | null; readonly message: string }[];
  readonly received: number;
  readonly pending: number;
  readonly breach: string | null;
  readonly defect: string | null;
}

export interface HostPartOptions extends ConversationOptions {
  /** What this host does to the rings at some request; over media with rings. */
  readonly ringFault?: RingFault | null;
}

/** The host's part of a conversation: answers requests, and checks that each comes once, in order, with its memory. */
export class HostPart {
  /** Ends that this side was told of; one in the end. */
  readonly closes: (Error | null)[] = [];
  /** Requests taken, all in order. */
  received = 0;
  /** Promises that have not settled. */
  pending = 0;
  /** What came that must not come. It also ended the bus. */
  breach: string | null = null;
  /** A failure that is no typed error. */
  defect: string | null = null;
  readonly #data: ConversationData;
  readonly #ringFault: RingFault | null;
  #bus: HostBus | null = null;
  #slot: number | null = null;
  #isBlocked = false;
  readonly #waiting: (() => void)[] = [];
  readonly closed: Promise<void>;
  #resolveClosed: () => void = () => {};

  constructor(options: HostPartOptions) {
    this.#ringFault = options.ringFault ?? null;
    this.#data = new ConversationData(options);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  get bus(): HostBus | null {
    return this.#bus;
  }

  /** Serves the guest that has been let in. Once. */
  serve(bus: HostBus): void {
    this.#bus = bus;
    bus.onClose = (error) => {
      this.closes.push(error);
      this.#resolveClosed();
    };
    bus.onChannelOpen = (channel) => {
      channel.onPacket = (packet) => this.#request(channel, packet);
      channel.onDrain = () => {
        this.#isBlocked = false;
        for (const send of this.#waiting.splice(0)) send();
      };
    };
    bus.offer({ classGuid: GUID, instanceGuid: GUID, mmioMegabytes: 1 });
    bus.start();
  }

  report(): HostReport {
    const closes = this.closes.map((error) => {
      if (error === null) return { code: null, message: '' };
      return { code: isTransportError(error) ? error.code : error.name, message: error.message };
    });
    const { received, pending, breach, defect } = this;
    return { isServing: this.#bus !== null, closes, received, pending, breach, defect };
  }

  /** The rings are what the guest described first. */
  #spoilRings(fault: RingFault): void {
    const { memory } = this.#bus!;
    const [range] = memory.gpadl(1) ?? [];
    if (range !== undefined) applyRingFault(memory.view(range.address, range.length), fault);
  }

  #wrong(what: string): void {
    this.breach ??= what;
    this.#bus?.abort(new TransportError('bad-frame', what));
  }

  #request(channel: Channel, { idLow, idHigh, bytes, offset, length }: Packet): void {
    const id = idLow;
    if (idHigh !== 0 || id !== this.received + 1) {
      this.#wrong(`request ${id} after ${this.received}`);
      return;
    }
    this.received = id;
    if (this.#ringFault?.atRequest === id) this.#spoilRings(this.#ringFault);
    const payload = bytes.slice(offset, offset + length);
    if (id === 1) {
      // The first names the guest's block of memory: its address in two halves.
      const view = new DataView(payload.buffer);
      if (length < 8) this.#wrong(`a first request of ${length} bytes`);
      else this.#slot = view.getUint32(4, true) * 0x1_0000_0000 + view.getUint32(0, true);
    } else if (!this.#data.isRequest(id, payload)) {
      this.#wrong(`request ${id} has other bytes than were sent`);
      return;
    }
    if (this.#data.hasMemory(id)) this.#checkMemory(id);
    this.#answer(channel, id);
  }

  #checkMemory(id: number): void {
    const bus = this.#bus!;
    try {
      const bytes = bus.memory.view(this.#slot ?? 0, SLOT_BYTES);
      if (!this.#data.isMemory(id, bytes))
        this.#wrong(`request ${id} came before the memory that it announces`);
      if (id % 8 !== 0) return;
      this.pending += 1;
      bus.memory.fetch(this.#slot ?? 0, SLOT_BYTES).then(
        () => {
          this.pending -= 1;
        },
        (error: unknown) => {
          this.pending -= 1;
          if (!isTransportError(error)) this.defect ??= `a fetch failed with ${String(error)}`;
        },
      );
    } catch (error) {
      if (!isTransportError(error)) this.defect ??= String((error as Error).stack);
      this.#wrong((error as Error).message);
    }
  }

  /** Data in the window, then the fence that announces it, then the answer. */
  #answer(channel: Channel, id: number): void {
    const send = () => {
      if (!channel.isOpen) return;
      const window = this.#bus!.window;
      window.bytes.set(bytesOfSeed(id, 64), WINDOW_DATA_OFFSET + (id % 16) * 64);
      window.publish(WINDOW_DATA_OFFSET + (id % 16) * 64, 64);
      window.storeU64(WINDOW_FENCE_OFFSET, id, 0);
      const reply = id === 1 ? EMPTY : this.#data.reply(id);
      if (!channel.send(PacketKind.completion, id, 0, 0, reply, 0, reply.length)) this.#isBlocked = true;
    };
    if (this.#isBlocked) this.#waiting.push(send);
    else send();
  }
}
