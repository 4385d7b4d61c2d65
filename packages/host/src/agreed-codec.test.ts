import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Codec, type HostBus } from '@dxgwire/transport';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';
import { withAgreedCodec } from './agreed-codec.ts';

const OFFER = { classGuid: new Uint8Array(16), instanceGuid: new Uint8Array(16), mmioMegabytes: 1 };

/** A bus in this process that says that its guest speaks `codec`. */
function busOf(codec: string) {
  const ends = createInProcessBus({ guestMemoryBytes: 4 << 20, windowMegabytes: 1 });
  Object.defineProperty(ends.host, 'codec', { value: codec, writable: true, configurable: true });
  return ends;
}

/** Long enough for a module to be loaded that was loaded before. */
async function loaded(): Promise<void> {
  await import('@dxgwire/protocol/protobuf');
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('a host’s bus in the codec that was agreed', () => {
  it('is the bus itself where that is the packed form', () => {
    const { host } = createInProcessBus({ guestMemoryBytes: 1 << 20, windowMegabytes: 1 });
    assert.equal(withAgreedCodec(host), host);
    const { host: named } = busOf(Codec.packed);
    assert.equal(withAgreedCodec(named), named);
  });

  it('is refused, by name, where the host does not speak it', () => {
    const { host } = busOf('morse');
    assert.throws(
      () => withAgreedCodec(host),
      (error) =>
        error instanceof RangeError && /'morse'; this host speaks packed and protobuf/.test(error.message),
    );
  });

  it('opens channels for the handler that was set on it, and speaks packed to the host', async () => {
    const { guest, host } = busOf(Codec.protobuf);
    const bus: HostBus = withAgreedCodec(host);
    assert.equal(bus.codec, Codec.packed);
    const opened = new Promise<number>((resolve) => {
      bus.onChannelOpen = (channel) => resolve(channel.index);
    });
    assert.equal(typeof bus.onChannelOpen, 'function');
    assert.notEqual(host.onChannelOpen, bus.onChannelOpen);
    const offered = new Promise<void>((resolve) => {
      guest.onOffer = () => resolve();
    });
    bus.offer(OFFER);
    bus.start();
    await offered;
    await guest.open(1);
    assert.equal(await opened, 1);
    // Everything else is the inner bus's.
    const closed = new Promise((resolve) => {
      bus.onClose = resolve;
    });
    assert.equal(host.onClose, bus.onClose);
    assert.deepEqual([bus.memory, bus.window, bus.transport], [host.memory, host.window, host.transport]);
    await guest.close();
    assert.equal(await closed, null);
  });

  for (const how of ['close', 'abort'] as const) {
    it(`never starts when it was ended by ${how} before protobuf was there`, async () => {
      const { guest, host } = busOf(Codec.protobuf);
      let starts = 0;
      const start = host.start.bind(host);
      host.start = () => {
        starts += 1;
        start();
      };
      const bus = withAgreedCodec(host);
      const closed = new Promise<Error | null>((resolve) => {
        guest.onClose = resolve;
      });
      bus.start();
      if (how === 'close') await bus.close();
      else bus.abort(new Error('no more'));
      const error = await closed;
      assert.equal(error === null, how === 'close');
      await loaded();
      assert.equal(starts, 0);
    });
  }

  it('says nothing when the guest has gone before protobuf was there', async () => {
    const { guest, host } = busOf(Codec.protobuf);
    const bus = withAgreedCodec(host);
    const closes: (Error | null)[] = [];
    bus.onClose = (error) => closes.push(error);
    bus.start();
    await guest.close();
    await loaded();
    assert.deepEqual(closes, [null]);
  });
});
