import assert from 'node:assert/strict';
import { it } from 'node:test';
import { bytesOfSeed } from './data.ts';
import { closeOf, rejectsWith, type TransportFixture, throwsWith, withSubject } from './harness.ts';
import { GLOBAL_CLASS, GPU_CLASS, guid, PCI_ECHO_OFFSET, PCI_WRITE_OFFSET } from './responder.ts';

/** Offers, rescinds and PCI functions. */
export function offerTests(fixture: TransportFixture): void {
  it('offers what the host offered, in order', () =>
    withSubject(fixture, async ({ guest }) => {
      assert.deepEqual(
        guest.offers.map(({ index }) => index),
        [1, 2],
      );
      const [global, gpu] = guest.offers;
      assert.deepEqual(global?.classGuid, GLOBAL_CLASS);
      assert.deepEqual(global?.instanceGuid, guid(1));
      assert.equal((global?.mmioMegabytes ?? 0) * 1_048_576, guest.window.lengthBytes);
      assert.deepEqual(gpu?.classGuid, GPU_CLASS);
      assert.deepEqual(gpu?.instanceGuid, guid(2));
      assert.equal(gpu?.mmioMegabytes, 0);
      assert.equal(guest.pciFunctions.length, 1);
      assert.equal(guest.memory.kind, guest.window.kind);
    }));

  it('opens what is offered, once at a time', () =>
    withSubject(fixture, async ({ guest }) => {
      await rejectsWith(guest.open(3), 'out-of-range');
      await rejectsWith(guest.open(0), 'out-of-range');
      await rejectsWith(guest.open(2), 'out-of-range');
    }));

  it('reads and writes PCI configuration space', () =>
    withSubject(fixture, async (subject) => {
      const [pci] = subject.guest.pciFunctions;
      assert.ok(pci !== undefined);
      assert.deepEqual([pci.channelIndex, pci.vendorId, pci.deviceId], [2, 0x1414, 0x008e]);
      const config = new DataView(bytesOfSeed(2, 256).buffer);
      for (let offset = 0; offset < 256; offset += 4) {
        assert.equal(pci.readConfig32(offset), config.getUint32(offset, true));
      }
      pci.writeConfig32(0xd4, 1);
      pci.writeConfig32(PCI_WRITE_OFFSET, 0xffff_fffe);
      assert.deepEqual(await afterWrites(subject, 2), [
        { offset: 0xd4, value: 1 },
        { offset: PCI_WRITE_OFFSET, value: 0xffff_fffe },
      ]);
      // A write does not change what is read unless the host changes it.
      assert.equal(pci.readConfig32(PCI_WRITE_OFFSET), config.getUint32(PCI_WRITE_OFFSET, true));
      // What the host changed may come later than an answer on a channel, but it comes.
      while (pci.readConfig32(PCI_ECHO_OFFSET) !== 1) await subject.ask({ op: 'digest' });
      throwsWith(() => pci.readConfig32(2), 'out-of-range');
      throwsWith(() => pci.readConfig32(256), 'out-of-range');
      throwsWith(() => pci.writeConfig32(-4, 0), 'out-of-range');
    }));

  it('announces later offers and functions', () =>
    withSubject(fixture, async (subject) => {
      const { guest } = subject;
      const offered = new Promise<number>((resolve) => {
        guest.onOffer = ({ index }) => resolve(index);
      });
      const found = new Promise<number>((resolve) => {
        guest.onPciFunction = ({ channelIndex }) => resolve(channelIndex);
      });
      assert.equal(await subject.ask({ op: 'offer' }), 3);
      assert.equal(await offered, 3);
      assert.equal(await found, 3);
      assert.equal(guest.offers.length, 3);
      const channel = await guest.open(3);
      assert.equal(channel.index, 3);
    }));

  it('takes channels away', () =>
    withSubject(fixture, async (subject) => {
      const { guest, channel } = subject;
      const closed = closeOf(channel);
      const rescinded: number[] = [];
      const next = () =>
        new Promise<void>((resolve) => {
          guest.onRescind = (index) => {
            rescinded.push(index);
            resolve();
          };
        });
      const first = next();
      subject.post({ op: 'rescind', channel: 2 });
      await first;
      assert.equal(await closed, null);
      assert.deepEqual(
        guest.offers.map(({ index }) => index),
        [1],
      );
      assert.equal(guest.pciFunctions.length, 0);
      await rejectsWith(guest.open(2), 'out-of-range');
      // One that was never opened goes as well.
      await subject.ask({ op: 'offer' });
      const second = next();
      subject.post({ op: 'rescind', channel: 3 });
      await second;
      assert.equal(guest.offers.length, 1);
      await subject.ask({ op: 'digest' });
      assert.deepEqual(rescinded, [2, 3]);
    }));
}

/** The writes that the host has seen, once there are `count`: a posted write may be under way. */
async function afterWrites(
  subject: { ask(request: { op: 'pci-writes' }): Promise<unknown> },
  count: number,
): Promise<unknown> {
  for (;;) {
    const writes = (await subject.ask({ op: 'pci-writes' })) as unknown[];
    if (writes.length >= count) return writes;
  }
}
