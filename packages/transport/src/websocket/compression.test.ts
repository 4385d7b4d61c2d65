import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect as connectSocket, createServer } from 'node:net';
import { describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { isTransportError } from '../errors.ts';
import { type GuestBus, type HostBus, PacketKind } from '../transport.ts';
import { SUBPROTOCOL } from './address.ts';
import { connectWebSocket, listenWebSocket } from './node.ts';

const GUID = new Uint8Array(16);
const MEBIBYTE = 1_048_576;

/** Both ends of a link; the host echoes. */
async function createLink(atHost: boolean, atGuest: boolean) {
  let served: HostBus | null = null;
  const refusals: Error[] = [];
  const listener = await listenWebSocket({
    port: 0,
    windowMegabytes: 4,
    compression: atHost,
    onRefused: (error) => refusals.push(error),
    onHostBus: (host) => {
      served = host;
      host.onChannelOpen = (channel) => {
        channel.onPacket = ({ idLow, idHigh, bytes, offset, length }) =>
          void channel.send(PacketKind.completion, idLow, idHigh, 0, bytes, offset, length);
      };
      host.offer({ classGuid: GUID, instanceGuid: GUID, mmioMegabytes: 4 });
      host.start();
    },
  });
  // Between them, to see what is on the line.
  let sentBytes = 0;
  const line = createServer((near) => {
    const far = connectSocket(listener.port, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
    near.on('data', (bytes) => {
      sentBytes += bytes.length;
    });
  });
  line.listen(0, '127.0.0.1');
  await once(line, 'listening');
  const { port } = line.address() as AddressInfo;
  const guest = await connectWebSocket(`ws://127.0.0.1:${port}`, { compression: atGuest });
  return {
    url: listener.url,
    guest,
    host: served as unknown as HostBus,
    refusals,
    sentBytes: () => sentBytes,
    async close() {
      await guest.close();
      await listener.close();
      line.close();
      await once(line, 'close');
    },
  };
}

/** Pushes a mebibyte of zeros and of one that cannot be compressed; waits until the host has them. */
async function upload(guest: GuestBus, host: HostBus): Promise<void> {
  const channel = await guest.open(1);
  const block = guest.memory.allocate(2 * MEBIBYTE);
  for (let at = MEBIBYTE, state = 1; at < 2 * MEBIBYTE; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    block.bytes[at] = state >>> 24;
  }
  block.flush(0, block.length);
  const answered = new Promise<void>((resolve) => {
    channel.onPacket = () => resolve();
  });
  channel.send(PacketKind.inBand, 1, 0, 0, new Uint8Array(64), 0, 64);
  await answered;
  assert.deepEqual(host.memory.view(block.address, block.length), block.bytes);
}

describe('compression of WebSocket messages', () => {
  it('is there where both sides ask for it, and nowhere else', async () => {
    for (const atHost of [false, true]) {
      for (const atGuest of [false, true]) {
        const link = await createLink(atHost, atGuest);
        try {
          await upload(link.guest, link.host);
          const mebibytes = link.sentBytes() / MEBIBYTE;
          if (atHost && atGuest)
            assert.ok(mebibytes > 1 && mebibytes < 1.1, `${mebibytes} MiB of 2 on the line`);
          else assert.ok(mebibytes > 2, `${mebibytes} MiB of 2 on the line`);
        } finally {
          await link.close();
        }
      }
    }
  });

  it('lets a guest send no more than without it: a message that inflates beyond the limit ends its link', async () => {
    const { url, refusals, close } = await createLink(true, true);
    try {
      const socket = new WebSocket(url, SUBPROTOCOL, { perMessageDeflate: { threshold: 0 } });
      await once(socket, 'open');
      // Some 16 KiB on the line.
      socket.send(new Uint8Array(16 * MEBIBYTE));
      const [code] = (await once(socket, 'close')) as [number];
      assert.equal(code, 1009);
      while (refusals.length === 0) await new Promise((resolve) => setImmediate(resolve));
      const [error] = refusals;
      assert.ok(isTransportError(error) && error.code === 'too-large', String(error));
      assert.equal(refusals.length, 1);
    } finally {
      await close();
    }
  });
});
