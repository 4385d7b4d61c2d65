import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Channel, type HostBus, PACKET_FLAG_ANNOUNCES_NOTHING, PacketKind } from '../transport.ts';
import { createVirtualLink, type VirtualLinkOptions } from './virtual-link.ts';

const GUID = new Uint8Array(16);
const MEBIBYTE = 1_048_576;
const NOTHING = new Uint8Array(0);

/** A link with two channels; the guest's output is held until the test lets it go, run by run. */
async function createFlow(options: Partial<VirtualLinkOptions> = {}) {
  const arrived: string[] = [];
  let served: HostBus | null = null;
  const link = createVirtualLink({
    onReady: (bus) => {
      served = bus;
      bus.onChannelOpen = (channel) => {
        channel.onPacket = ({ idLow }) => arrived.push(`${channel.index}:${idLow}`);
      };
      bus.offer({ classGuid: GUID, instanceGuid: GUID, mmioMegabytes: 4 });
      bus.offer({ classGuid: GUID, instanceGuid: GUID, mmioMegabytes: 0 });
      bus.start();
    },
    ...options,
  });
  await link.clock.settle();
  const { guest } = link;
  await guest.ready;
  const opening = Promise.all([guest.open(1), guest.open(2)]);
  await link.clock.settle();
  const [first, second] = await opening;
  if (served === null || first === undefined || second === undefined) throw new Error('not connected');
  return { ...link, bus: served as HostBus, first, second, arrived };
}

function send(channel: Channel, id: number, flags = 0, length = 0): boolean {
  return channel.send(
    PacketKind.inBand,
    id,
    0,
    flags,
    length === 0 ? NOTHING : new Uint8Array(length),
    0,
    length,
  );
}

describe('flow of packets beside bulk data', () => {
  it('lets packets that announce nothing pass a long push, and no others', async () => {
    const { clock, guest, host, first, toHost, arrived, bus } = await createFlow();
    const block = guest.memory.allocate(32 * MEBIBYTE);
    await clock.settle();
    toHost.isReading = false;
    block.bytes.fill(7);
    block.flush(0, block.length);
    send(first, 1, PACKET_FLAG_ANNOUNCES_NOTHING);
    send(first, 2, 0);
    send(first, 3, PACKET_FLAG_ANNOUNCES_NOTHING);
    // Two runs of the link's output: one of memory, one of packets.
    for (let i = 0; i < 2; i += 1) {
      const chunk = guest.takeOutput();
      if (chunk === null) break;
      host.receive(chunk.bytes);
      chunk.release();
    }
    await clock.settle();
    assert.deepEqual(arrived, ['1:1']);
    toHost.isReading = true;
    toHost.wake();
    await clock.settle();
    assert.deepEqual(arrived, ['1:1', '1:2', '1:3']);
    assert.equal(bus.memory.view(block.address + block.length - 1, 1)[0], 7);
  });

  it('answers what came together in parts, but for parts too short to be worth a write', async () => {
    const { clock, guest, bus, toHost, toGuest } = await createFlow();
    bus.onChannelOpen = (channel) => {
      channel.onPacket = ({ idLow, bytes, offset, length }) =>
        void channel.send(PacketKind.completion, idLow, 0, 0, bytes, offset, length);
    };
    bus.offer({ classGuid: GUID, instanceGuid: GUID, mmioMegabytes: 0 });
    await clock.settle();
    const opening = guest.open(3);
    await clock.settle();
    const channel = await opening;
    let writes: number[] = [];
    toGuest.deliver = (bytes) => {
      writes.push(bytes.length / 88);
      guest.receive(bytes);
    };
    const partsFor = async (count: number): Promise<number[]> => {
      writes = [];
      toHost.isReading = false;
      for (let id = 0; id < count; id += 1) send(channel, id, 0, 64);
      toHost.isReading = true;
      toHost.wake();
      await clock.settle();
      return writes;
    };
    assert.deepEqual(await partsFor(20), [20]);
    assert.deepEqual(await partsFor(64), [24, 40], 'the guest may begin with the first ones');
    assert.deepEqual(await partsFor(40), [40], 'no write for the last 16 alone');
    const all = await partsFor(1000);
    assert.ok(all.length > 4 && all.every((part) => part >= 24), String(all));
  });

  it('asks only the channel that has much waiting to stop', async () => {
    const { clock, first, second, toHost, arrived } = await createFlow();
    toHost.isReading = false;
    let sent = 0;
    while (send(first, sent, 0, 100_000)) sent += 1;
    assert.ok(sent >= 10 && sent <= 12, `${sent} packets of 100,000 bytes before the mark of 1 MiB`);
    for (let i = 0; i < 100; i += 1) assert.ok(send(second, i), 'the other channel is not asked to stop');
    let drains = 0;
    first.onDrain = () => {
      drains += 1;
    };
    toHost.isReading = true;
    toHost.wake();
    await clock.settle();
    assert.equal(drains, 1);
    assert.equal(arrived.length, sent + 1 + 100);
  });

  it('costs a sender bounded memory when the other side does not read, however it sends', async () => {
    const maxQueuedBytes = 4 * MEBIBYTE;
    const { clock, guest, first, toHost } = await createFlow({ guest: { maxQueuedBytes } });
    const block = guest.memory.allocate(MEBIBYTE);
    await clock.settle();
    toHost.isReading = false;
    const errors: unknown[] = [];
    guest.onClose = (error) => errors.push(error);
    assert.throws(() => {
      for (;;) send(first, 1, 0, 1000);
    }, /4194304/);
    assert.ok(first.isOpen);
    // Fences between them: each range has to come again.
    for (let i = 0; i < 100_000 && errors.length === 0; i += 1) {
      block.flush(0, block.length);
      block.flush(0, 8);
      if (i % 1000 === 0) await clock.settle();
    }
    await clock.settle();
    assert.match(String(errors[0]), /does not read/);
  });
});
