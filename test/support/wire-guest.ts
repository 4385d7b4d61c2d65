import {
  type CommandDef,
  commands,
  createCommandHeader,
  decodeHeader,
  decodeReply,
  encodeRequest,
  PciConfig,
  type ReplyOf,
  type RequestInput,
} from '@dxgwire/protocol';
import {
  type Channel,
  type GuestBus,
  PACKET_FLAG_COMPLETION_REQUESTED,
  type Packet,
  PacketKind,
} from '@dxgwire/transport';

const VERSION = 40;
const MAX_MESSAGE_BYTES = 131_072;
const IO_SPACE_START = 0x10_0000_0000n;
const COMMAND_TYPE_OFFSET = 16;

type AnyCommand = CommandDef<unknown, unknown, never, never>;

/** Bytes of a message, and where its parts are. */
export interface Message {
  bytes: Uint8Array;
  readonly command: number;
  readonly body: number;
}

/** A guest without a driver on any bus: it sends what it is told to, right or wrong. */
export class WireGuest {
  readonly bus: GuestBus;
  process = 0;
  /** Resolves when the bus has ended, with the error that it ended with. */
  readonly ended: Promise<Error | null>;
  readonly #channels: Channel[] = [];
  readonly #pending = new Map<number, (payload: Uint8Array | null) => void>();
  #vgpuLuid = { low: 0, high: 0 };
  #nextId = 1;

  private constructor(bus: GuestBus) {
    this.bus = bus;
    this.ended = new Promise((resolve) => {
      bus.onClose = (error) => {
        for (const settle of this.#pending.values()) settle(null);
        resolve(error);
      };
    });
  }

  /** Brings everything up as a driver does, up to and with a process. */
  static async start(bus: GuestBus): Promise<WireGuest> {
    const guest = new WireGuest(bus);
    while (bus.pciFunctions.length === 0 || bus.offers.length < 2) {
      await new Promise<void>((resolve) => {
        bus.onPciFunction = () => resolve();
        bus.onOffer = () => resolve();
      });
    }
    const pci = bus.pciFunctions[0]!;
    pci.writeConfig32(PciConfig.guestCapsOffset, 1);
    pci.writeConfig32(PciConfig.interfaceVersionOffset, VERSION);
    guest.#vgpuLuid = {
      low: pci.readConfig32(PciConfig.vgpuLuidOffset),
      high: pci.readConfig32(PciConfig.vgpuLuidOffset + 4),
    };
    for (const { index } of bus.offers) guest.#channels.push(await guest.#open(index));
    const length = BigInt(bus.window.lengthBytes);
    await guest.call(commands.setIoSpaceRegion, { start: IO_SPACE_START, length });
    await guest.call(commands.openAdapter, {
      vmbusInterfaceVersion: VERSION,
      vmbusLastCompatibleInterfaceVersion: 16,
    });
    guest.process = (await guest.call(commands.createProcess, {})).hprocess;
    return guest;
  }

  async #open(index: number): Promise<Channel> {
    const channel = await this.bus.open(index);
    channel.onPacket = ({ bytes, idLow, kind, length, offset }: Packet) => {
      if (kind !== PacketKind.completion) return;
      this.#pending.get(idLow)?.(bytes.slice(offset, offset + length));
      this.#pending.delete(idLow);
    };
    return channel;
  }

  /** The bytes of a command, as a driver would send them. */
  message<D extends AnyCommand>(def: D, body: RequestInput<D>, process = this.process): Message {
    const view = new DataView(new ArrayBuffer(MAX_MESSAGE_BYTES));
    const header = { version: VERSION, process, vgpuLuid: this.#vgpuLuid, async: false };
    const length = encodeRequest(def, header, body, view, 0);
    const where = createCommandHeader();
    decodeHeader(view, 0, length, VERSION, where);
    const bytes = new Uint8Array(view.buffer).slice(0, length);
    return { bytes, command: where.commandOffset, body: where.bodyOffset };
  }

  /** Sends bytes to the GPU's channel. @returns the answer, or null when the link ended first. */
  send(bytes: Uint8Array, kind: PacketKind = PacketKind.inBand): Promise<Uint8Array | null> {
    return this.#send(this.#channels[1]!, bytes, kind);
  }

  #send(channel: Channel, bytes: Uint8Array, kind: PacketKind): Promise<Uint8Array | null> {
    const id = this.#nextId;
    this.#nextId += 1;
    const answer = new Promise<Uint8Array | null>((resolve) => this.#pending.set(id, resolve));
    channel.send(kind, id, 0, PACKET_FLAG_COMPLETION_REQUESTED, bytes, 0, bytes.length);
    return answer;
  }

  /** A command whose answer must come. */
  async call<D extends AnyCommand>(def: D, body: RequestInput<D>, process?: number): Promise<ReplyOf<D>> {
    const { bytes } = this.message(def, body, process);
    const payload = await this.#send(
      this.#channels[def.channel === 'vgpu' ? 1 : 0]!,
      bytes,
      PacketKind.inBand,
    );
    if (payload === null) throw new Error(`${def.name}: the link ended`);
    return decodeReply(
      def,
      VERSION,
      new DataView(payload.buffer),
      0,
      payload.length,
      body as object,
    ) as ReplyOf<D>;
  }

  /** The status in an answer that begins with one. */
  async status({ bytes }: Message): Promise<number> {
    const payload = await this.send(bytes);
    if (payload === null) throw new Error('the link ended');
    return new DataView(payload.buffer).getUint32(0, true);
  }
}

/** The message with another command number. */
export function asCommand(message: Message, commandType: number): Message {
  const bytes = message.bytes.slice();
  new DataView(bytes.buffer).setUint32(message.command + COMMAND_TYPE_OFFSET, commandType, true);
  return { ...message, bytes };
}
