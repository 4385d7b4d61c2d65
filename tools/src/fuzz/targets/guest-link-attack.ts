import {
  type HostBus,
  isTransportError,
  PACKET_FLAG_COMPLETION_REQUESTED,
  PAGE_BYTES,
  PacketKind,
} from '@dxgwire/transport';
import { createVirtualLink } from '@dxgwire/transport/testing';

const GUID = new Uint8Array(16);
const limits = { windowMegabytes: 1, guestMemoryBytes: 1 << 20, maxQueuedBytes: 4 << 20 };

type VirtualLink = ReturnType<typeof createVirtualLink>;

/** Offers two channels, answers packets, and changes memory on both sides of the link. */
function serve(bus: HostBus): void {
  const config = new Uint8Array(256);
  bus.onChannelOpen = (channel) => {
    channel.onPacket = ({ bytes, idHigh, idLow, length, offset }) => {
      bus.window.bytes.fill(idLow, 0, 64);
      bus.window.publish(0, 64);
      channel.send(PacketKind.completion, idLow, idHigh, 0, bytes, offset, length);
    };
  };
  bus.offer({ classGuid: GUID, instanceGuid: GUID, mmioMegabytes: 1 });
  const pci = { vendorId: 0x1414, deviceId: 0x8e, config, onWrite: () => config.fill(1, 200, 204) };
  bus.offer({ classGuid: GUID, instanceGuid: GUID, mmioMegabytes: 0, pci });
  bus.start();
}

/** What a guest does with whatever is offered. */
async function use(link: VirtualLink): Promise<void> {
  const { guest } = link;
  await guest.ready;
  const block = guest.memory.allocate(2 * PAGE_BYTES);
  block.flush(0, 100);
  guest.pciFunctions[0]?.writeConfig32(208, 40);
  const gpadl = await guest.createGpadl([{ address: block.address, length: block.length }]);
  for (const { index } of guest.offers.slice(0, 4)) {
    const channel = await guest.open(index);
    channel.onPacket = ({ bytes, length, offset }) => {
      if (offset + length > bytes.length) throw new Error(`a packet of ${length} bytes at ${offset}`);
    };
    channel.send(PacketKind.inBand, index, 0, PACKET_FLAG_COMPLETION_REQUESTED, new Uint8Array(64), 0, 64);
  }
  if (guest.window.lengthBytes >= 8) guest.window.loadU64(0);
  await guest.teardownGpadl(gpadl);
  guest.memory.free(block);
  await guest.close();
}

/** The host's part of a session, byte for byte, as the fuzzer changes it. */
export class GuestLinkAttack {
  readonly #recorded: Uint8Array;

  private constructor(recorded: Uint8Array) {
    this.#recorded = recorded;
  }

  static async open(): Promise<GuestLinkAttack> {
    const link = createVirtualLink({ onReady: serve, host: limits });
    const parts: Uint8Array[] = [];
    link.toGuest.deliver = (bytes) => {
      parts.push(bytes.slice());
      link.guest.receive(bytes);
    };
    const used = use(link);
    for (let turn = 0; turn < 12; turn += 1) await link.clock.settle();
    await used;
    return new GuestLinkAttack(Buffer.concat(parts));
  }

  /** First byte: how the rest is cut into pieces. */
  seeds(): readonly Uint8Array[] {
    return [0, 1, 7, 24, 64].map((cut) => Uint8Array.of(cut, ...this.#recorded));
  }

  async run(input: Uint8Array): Promise<void> {
    if (input.length === 0) return;
    const bytes = input.subarray(1);
    const { clock, guest, host, toGuest, toHost } = createVirtualLink({ onReady: () => {}, host: limits });
    // The input speaks in the host's place.
    toHost.deliver = () => {};
    toGuest.deliver = () => {};
    let ends = 0;
    let isOver = false;
    let defect: unknown;
    guest.onClose = (error) => {
      ends += 1;
      if (error !== null && !isTransportError(error)) defect = error;
    };
    use({ clock, guest, host, toGuest, toHost })
      .catch((error: unknown) => {
        if (!isTransportError(error)) defect = error;
      })
      .finally(() => {
        isOver = true;
      });
    const cut = input[0] === 0 ? bytes.length : input[0]!;
    for (let at = 0; at < bytes.length; at += cut) {
      guest.receive(bytes.subarray(at, at + cut));
      if (at % (4 * cut) === 0) await clock.settle();
    }
    await clock.settle();
    host.mediumEnded(null);
    guest.mediumEnded(null);
    await clock.settle();
    if (defect !== undefined) throw defect;
    if (!isOver) throw new Error('a call of the guest does not end with its link');
    if (ends !== 1) throw new Error(`the link ended ${ends} times`);
    if (clock.timerCount !== 0) throw new Error(`${clock.timerCount} timers are left`);
  }
}
