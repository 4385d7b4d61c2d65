import {
  type CommandDef,
  commands,
  decodeReply,
  encodeRequest,
  InterfaceVersion,
  minimumReplyBytes,
  PciConfig,
  type ReplyOf,
  type RequestInput,
} from '@dxgwire/protocol';
import { type Channel, PACKET_FLAG_COMPLETION_REQUESTED, type Packet, PacketKind } from '@dxgwire/transport';
import { type Machine, PAGE_BYTES, settle } from './machine.ts';

const MAX_MESSAGE_BYTES = 131_072;
const IO_SPACE_START = 0x10_0000_0000n;
const EXISTING_SYSTEM_MEMORY = 0x20;

type AnyCommand = CommandDef<unknown, unknown, never, never>;

/** A guest without a driver in a machine: it sends what it is told to, and brings nothing in order afterwards. */
export class RawGuest {
  readonly machine: Machine;
  process = 0;
  device = 0;
  /** Set when a channel ended, by its index. */
  readonly closed = new Map<number, Error | null>();
  readonly #version: number;
  readonly #channels = new Map<number, Channel>();
  readonly #pending = new Map<string, (payload: Uint8Array | null) => void>();
  readonly #view = new DataView(new ArrayBuffer(MAX_MESSAGE_BYTES));
  #vgpuLuid = { low: 0, high: 0 };
  #nextId = 1;

  private constructor(machine: Machine, version: number) {
    this.machine = machine;
    this.#version = version;
  }

  /** Brings everything up as a driver does, up to and with a device. */
  static async start(machine: Machine): Promise<RawGuest> {
    await settle();
    const { guest: bus } = machine;
    const pci = bus.pciFunctions[0]!;
    pci.writeConfig32(PciConfig.guestCapsOffset, 1);
    const version = pci.readConfig32(PciConfig.interfaceVersionOffset);
    if (version >= InterfaceVersion.current) pci.writeConfig32(PciConfig.interfaceVersionOffset, version);
    const guest = new RawGuest(machine, version);
    guest.#vgpuLuid = {
      low: pci.readConfig32(PciConfig.vgpuLuidOffset),
      high: pci.readConfig32(PciConfig.vgpuLuidOffset + 4),
    };
    await guest.open(1);
    const length = BigInt(machine.window.length);
    await guest.call(commands.setIoSpaceRegion, { start: IO_SPACE_START, length });
    await guest.open(pci.channelIndex);
    const versions = { vmbusInterfaceVersion: version, vmbusLastCompatibleInterfaceVersion: 16 };
    const { hostAdapterHandle } = await guest.call(commands.openAdapter, versions);
    await guest.call(commands.getInternalAdapterInfo, {});
    guest.process = (await guest.call(commands.createProcess, {})).hprocess;
    guest.device = (await guest.call(commands.createDevice, { adapter: hostAdapterHandle } as never)).device;
    return guest;
  }

  async open(index: number): Promise<void> {
    const channel = await this.machine.guest.open(index);
    this.#channels.set(index, channel);
    channel.onPacket = (packet) => this.#receive(index, packet);
    channel.onClose = (error) => {
      this.closed.set(index, error);
      for (const [key, settled] of this.#pending) if (key.startsWith(`${index}/`)) settled(null);
    };
  }

  #receive(index: number, { bytes, idLow, kind, length, offset }: Packet): void {
    if (kind !== PacketKind.completion) return;
    const key = `${index}/${idLow}`;
    const settled = this.#pending.get(key);
    this.#pending.delete(key);
    settled?.(bytes.slice(offset, offset + length));
  }

  channel(index: number): Channel {
    return this.#channels.get(index)!;
  }

  /** Sends a command. @returns the answer's bytes, or null when the channel ended first. */
  send<D extends AnyCommand>(def: D, body: RequestInput<D>): Promise<Uint8Array | null> {
    const isVgpu = def.channel === 'vgpu';
    const index = isVgpu ? 2 : 1;
    const header = { version: this.#version, process: this.process, vgpuLuid: this.#vgpuLuid, async: false };
    const length = encodeRequest(def, header, body, this.#view, 0);
    const id = this.#nextId;
    this.#nextId += 1;
    const answered = new Promise<Uint8Array | null>((resolve) => {
      this.#pending.set(`${index}/${id}`, resolve);
    });
    const bytes = new Uint8Array(this.#view.buffer);
    const { inBand } = PacketKind;
    this.channel(index).send(inBand, id, 0, PACKET_FLAG_COMPLETION_REQUESTED, bytes, 0, length);
    return answered;
  }

  /** As {@link send}, for an answer that must come and have its full length. */
  async call<D extends AnyCommand>(def: D, body: RequestInput<D>): Promise<ReplyOf<D>> {
    const payload = await this.send(def, body);
    if (payload === null) throw new Error(`${def.name}: the channel ended`);
    const demanded = minimumReplyBytes(def, this.#version, body as object);
    if (payload.length < demanded) throw new Error(`${def.name}: ${payload.length} bytes of ${demanded}`);
    const view = new DataView(payload.buffer);
    return decodeReply(def, this.#version, view, 0, payload.length, body as object) as ReplyOf<D>;
  }

  /** An allocation that waits for pages of the guest. */
  async createOverSystemMemory(pages: number): Promise<number> {
    const privDrvData = new Uint8Array(16);
    new DataView(privDrvData.buffer).setBigUint64(0, BigInt(pages * PAGE_BYTES), true);
    const { allocationInfo } = await this.call(commands.createAllocation, {
      device: this.device,
      flags: EXISTING_SYSTEM_MEMORY,
      allocInfo: [{ privDrvData }],
    } as never);
    return allocationInfo[0]!.allocation;
  }

  /** SetExistingSysMemPages. @returns the status. */
  async setPages(allocation: number, frames: readonly bigint[], allocOffsetInPages = 0): Promise<number> {
    const { device } = this;
    const pfns = BigUint64Array.from(frames);
    const body = { device, allocation, allocOffsetInPages, pfns };
    return (await this.call(commands.setExistingSysMemPages, body)).status;
  }

  /** SetExistingSysMemStore. @returns the status. */
  async setStore(allocation: number, gpadl: number): Promise<number> {
    const { device } = this;
    return (await this.call(commands.setExistingSysMemStore, { device, allocation, gpadl })).status;
  }
}
