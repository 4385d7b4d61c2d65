import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { isTransportError } from '../errors.ts';
import { type Channel, PacketKind } from '../transport.ts';
import { attachGuestBus, attachHostBus, createSharedBus, type SharedBusDescriptor } from './worker.ts';

const GUID = new Uint8Array(16);
/** First byte of a packet that lets the host's thread block. */
const BLOCK = 1;

function startWorker(host: SharedBusDescriptor<'host'>): Worker {
  return new Worker(new URL(import.meta.url), {
    workerData: host,
    transferList: [host.port as never],
  });
}

if (isMainThread) {
  describe('a bus between threads', () => {
    for (const doorbell of ['wait-async', 'message-port'] as const) {
      it(`tells the guest when the host's thread is ended from outside (${doorbell})`, async () => {
        const ends = createSharedBus({ doorbell, guestMemoryBytes: 1 << 21, windowMegabytes: 1 });
        const worker = startWorker(ends.host);
        const guest = attachGuestBus(ends.guest);
        await new Promise((resolve) => {
          guest.onOffer = resolve;
        });
        const channel = await guest.open(1);
        const channelClosed = new Promise<Error | null>((resolve) => {
          channel.onClose = resolve;
        });
        const closed = new Promise<Error | null>((resolve) => {
          guest.onClose = resolve;
        });
        await worker.terminate();
        const error = await closed;
        assert.ok(isTransportError(error) && error.code === 'peer-closed');
        assert.equal(await channelClosed, error);
        await guest.close();
      });
    }

    for (const doorbell of ['wait-async', 'message-port'] as const) {
      it(`wakes threads that block, for packets and for the end (${doorbell})`, async () => {
        const ends = createSharedBus({ doorbell, guestMemoryBytes: 1 << 21, windowMegabytes: 1 });
        const worker = startWorker(ends.host);
        const exited = once(worker, 'exit');
        const guest = attachGuestBus(ends.guest);
        await new Promise((resolve) => {
          guest.onOffer = resolve;
        });
        const channel = await guest.open(1);
        let answers = 0;
        channel.onPacket = ({ kind, idLow }) => {
          assert.equal(kind, PacketKind.completion);
          assert.equal(idLow, answers);
          answers += 1;
        };
        const bytes = Uint8Array.of(BLOCK);
        channel.send(PacketKind.inBand, 0, 0, 0, bytes, 0, 1);
        bytes[0] = 0;
        for (let id = 0; id < 200; id += 1) {
          channel.send(PacketKind.inBand, id, 0, 1, bytes, 0, 1);
          channel.flush();
          while (guest.poll() === 0) assert.equal(guest.sleep(30_000), true, 'an answer comes');
          assert.equal(answers, id + 1);
        }
        assert.equal(guest.poll(), 0);
        assert.equal(guest.sleep(0), false);
        // The host's thread is blocked: the end wakes it.
        await guest.close();
        assert.deepEqual(await exited, [0]);
        assert.equal(guest.sleep(30_000), true, 'a closed bus does not sleep');
      });
    }

    it('does not wait for ever for a thread that hangs', async () => {
      const ends = createSharedBus({ guestMemoryBytes: 1 << 21, windowMegabytes: 1, closeTimeoutMs: 20 });
      // Nobody attaches the host's end.
      const guest = attachGuestBus(ends.guest);
      const closed = new Promise<Error | null>((resolve) => {
        guest.onClose = resolve;
      });
      await guest.close();
      const error = await closed;
      assert.ok(isTransportError(error) && error.code === 'time-out');
      ends.host.port.close();
    });

    it('takes a channel from a guest that keeps its ring full', async () => {
      const ends = createSharedBus({ guestMemoryBytes: 1 << 21, windowMegabytes: 1, closeTimeoutMs: 20 });
      const host = attachHostBus(ends.host);
      const guest = attachGuestBus(ends.guest);
      let channel: Channel | null = null;
      host.onChannelOpen = (opened) => {
        channel = opened;
      };
      host.offer({ classGuid: GUID, instanceGuid: GUID, mmioMegabytes: 1 });
      host.start();
      await new Promise((resolve) => {
        guest.onOffer = resolve;
      });
      await guest.open(1);
      for (let i = 0; i < 80; i += 1)
        (channel as Channel | null)?.send(PacketKind.inBand, i, 0, 0, new Uint8Array(4096), 0, 4096);
      const rescinded = new Promise((resolve) => {
        guest.onRescind = resolve;
      });
      host.rescind(1);
      assert.equal(await rescinded, 1);
      guest.abort(new Error('enough'));
      host.abort(new Error('enough'));
    });

    it('keeps no thread alive once it is closed, from either side', async () => {
      const ends = createSharedBus({ guestMemoryBytes: 1 << 21, windowMegabytes: 1 });
      const worker = startWorker(ends.host);
      const exited = once(worker, 'exit');
      const guest = attachGuestBus(ends.guest);
      await new Promise((resolve) => {
        guest.onOffer = resolve;
      });
      await guest.close();
      assert.deepEqual(await exited, [0]);
    });
  });
} else {
  const host = attachHostBus(workerData);
  let isOpen = true;
  host.onClose = () => {
    isOpen = false;
  };
  /** From then on this thread goes to its event loop only when something other than a packet has come. */
  const block = () => {
    if (!isOpen) return;
    do {
      while (host.poll() > 0);
      // A bell that was lost.
      if (!host.sleep(30_000)) process.exit(1);
    } while (host.poll() > 0);
    setImmediate(block);
  };
  host.onChannelOpen = (channel) => {
    channel.onPacket = ({ idLow, flags, bytes, offset, length }) => {
      if (bytes[offset] === BLOCK) setImmediate(block);
      else if (flags === 1) channel.send(PacketKind.completion, idLow, 0, 0, bytes, offset, length);
    };
  };
  host.offer({ classGuid: GUID, instanceGuid: GUID, mmioMegabytes: 1 });
  host.start();
}
