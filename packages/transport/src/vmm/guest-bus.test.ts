import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isTransportError } from '../errors.ts';
import { PacketKind } from '../transport.ts';
import { createTestMachine } from './testing/machine.ts';

const OFFER = { classGuid: new Uint8Array(16), instanceGuid: new Uint8Array(16), mmioMegabytes: 1 };

/** A machine whose guest has one offer. */
async function machine() {
  const { guest, host } = createTestMachine({});
  const offered = new Promise<void>((resolve) => {
    guest.onOffer = () => resolve();
  });
  host.offer(OFFER);
  host.start();
  await offered;
  return { guest, host };
}

describe('a guest of a virtual machine', () => {
  it('is told that its channel was refused, and may open it later', async () => {
    const { guest, host } = await machine();
    await assert.rejects(guest.open(1), (error) => {
      assert.ok(isTransportError(error), String(error));
      assert.equal(error.code, 'refused');
      assert.match(error.message, /refused channel 1/);
      return true;
    });
    host.onChannelOpen = (channel) => {
      channel.onPacket = ({ idLow, idHigh, bytes, offset, length }) =>
        channel.send(PacketKind.completion, idLow, idHigh, 0, bytes, offset, length);
    };
    const channel = await guest.open(1);
    const answer = new Promise<number>((resolve) => {
      channel.onPacket = ({ idLow }) => resolve(idLow);
    });
    channel.send(PacketKind.inBand, 9, 0, 1, Uint8Array.of(1), 0, 1);
    assert.equal(await answer, 9);
    await guest.close();
  });

  it('that gives up tells its own program why, once, and the machine that it is gone', async () => {
    const { guest, host } = await machine();
    host.onChannelOpen = (channel) => {
      channel.onPacket = () => {};
    };
    const channel = await guest.open(1);
    const heard: string[] = [];
    channel.onClose = (error) => heard.push(`channel ${error?.message}`);
    guest.onClose = (error) => heard.push(`bus ${error?.message}`);
    guest.abort(new Error('the driver failed'));
    guest.abort(new Error('again'));
    await guest.close();
    assert.deepEqual(heard, ['channel the driver failed', 'bus the driver failed']);
    await assert.rejects(guest.open(1), (error) => isTransportError(error) && error.code === 'closed');
  });
});
