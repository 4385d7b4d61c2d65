import {
  type Channel,
  GLOBAL_CHANNEL_INDEX,
  type GuestBus,
  type HostBus,
  PACKET_FLAG_COMPLETION_REQUESTED,
  PacketKind,
} from '@dxgwire/transport';
import { connect } from '@dxgwire/transport/connect';
import { listen } from '@dxgwire/transport/listen';
import { connectToChild } from '@dxgwire/transport/stream';

/**
 * One side of an upload, a process of its own whose memory is looked at from outside. Arguments: `host URL BYTES` or
 * `guest URL BYTES`; a guest of `stdio:` starts its host itself.
 */

/** What a packet's first byte asks of the host: to have all pages of its copy; to look whether the upload is there. */
const Order = { touch: 0, check: 1 } as const;
/** What is uploaded. */
const BYTE = 7;
/** Guest memory beside the uploaded block: rings. */
const MORE_BYTES = 64 << 20;

const [, , role, url = '', lengthText = '0'] = process.argv;
const uploadBytes = Number(lengthText);

function serve(bus: HostBus): void {
  bus.onChannelOpen = (channel) => {
    channel.onPacket = ({ idLow, idHigh, bytes, offset, length }) => {
      const address = new DataView(bytes.buffer, bytes.byteOffset + offset).getFloat64(8, true);
      const block = bus.memory.view(address, uploadBytes);
      if (bytes[offset] === Order.touch) {
        // Where both see the same bytes they are the guest's: they must stay as they are.
        for (let at = 0; at < uploadBytes; at += 4096) block[at] = block[at]!;
      } else if (block[0] !== BYTE || block[uploadBytes - 1] !== BYTE) {
        channel.abort(new Error('the upload is not there'));
        return;
      }
      channel.send(PacketKind.completion, idLow, idHigh, 0, bytes, offset, length);
    };
  };
  bus.offer({ classGuid: new Uint8Array(16), instanceGuid: new Uint8Array(16), mmioMegabytes: 1 });
  bus.start();
}

async function runHost(): Promise<void> {
  const listener = await listen(url, {
    guestMemoryBytes: uploadBytes + MORE_BYTES,
    windowMegabytes: 1,
    onBus: serve,
  });
  process.send?.({ url: listener.url, hostPid: process.pid });
  process.once('disconnect', () => process.exit(0));
}

async function firstOffer(bus: GuestBus): Promise<void> {
  if (bus.offers.length > 0) return;
  await new Promise<void>((resolve) => {
    bus.onOffer = () => resolve();
  });
}

async function ask(channel: Channel, order: number, address: number): Promise<void> {
  const payload = new Uint8Array(16);
  payload[0] = order;
  new DataView(payload.buffer).setFloat64(8, address, true);
  await new Promise<void>((resolve, reject) => {
    channel.onPacket = () => resolve();
    channel.onClose = (error) => reject(error ?? new Error('the host has closed the channel'));
    channel.send(PacketKind.inBand, order, 0, PACKET_FLAG_COMPLETION_REQUESTED, payload, 0, payload.length);
  });
}

async function runGuest(): Promise<void> {
  let hostPid = 0;
  let bus: GuestBus;
  if (url === 'stdio:') {
    const host = [process.argv[1] ?? '', 'host', url, lengthText];
    const { guest, child } = await connectToChild(process.execPath, host);
    bus = guest;
    hostPid = child.pid ?? 0;
  } else bus = await connect(url);
  await firstOffer(bus);
  const channel = await bus.open(GLOBAL_CHANNEL_INDEX);
  const block = bus.memory.allocate(uploadBytes);
  block.bytes.fill(BYTE);
  await ask(channel, Order.touch, block.address);
  process.once('message', () => {
    block.flush(0, uploadBytes);
    void ask(channel, Order.check, block.address).then(() => process.send?.({ done: true }));
  });
  process.once('disconnect', () => void bus.close().then(() => process.exit(0)));
  process.send?.({ hostPid });
}

if (role === 'host') await runHost();
else await runGuest();
