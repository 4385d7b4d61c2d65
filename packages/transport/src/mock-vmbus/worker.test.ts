import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { isTransportError } from '../errors.ts';
import { attachGuestBus, attachHostBus, createSharedBus, type SharedBusDescriptor } from './worker.ts';

const GUID = new Uint8Array(16);

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
  host.onChannelOpen = () => {};
  host.offer({ classGuid: GUID, instanceGuid: GUID, mmioMegabytes: 1 });
  host.start();
}
