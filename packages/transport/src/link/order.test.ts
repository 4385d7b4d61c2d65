import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesOfSeed, isOfSeed, Random } from '../compliance/data.ts';
import { type Channel, type HostBus, PacketKind } from '../transport.ts';
import { createVirtualLink, type VirtualMedium } from './virtual-link.ts';

const GUID = new Uint8Array(16);
const SLOT_BYTES = 400_000;
const SLOTS = 40;
const FENCE_OFFSET = 0;
const FIRST_SLOT = 4096;

/** Lets bytes through in pieces of any size, some now, some in later turns. */
function cutUp(medium: VirtualMedium, random: Random, later: (callback: () => void) => void): void {
  let waiting: Uint8Array[] = [];
  let isScheduled = false;
  const pass = () => {
    isScheduled = false;
    const parts = waiting;
    waiting = [];
    for (const part of parts) medium.peer?.receive(part);
  };
  medium.deliver = (bytes) => {
    for (let at = 0; at < bytes.length; ) {
      const length = random.below(3) === 0 ? 1 + random.below(50) : 1 + random.below(100_000);
      waiting.push(bytes.slice(at, at + length));
      at += length;
    }
    if (!isScheduled) later(pass);
    isScheduled = true;
  };
}

describe('order on a mirrored bus', () => {
  for (const seed of [1, 2, 3, 4]) {
    it(`holds for data, fences and packets over a slow link that cuts everything up (seed ${seed})`, async () => {
      const random = new Random(seed);
      let host: HostBus | null = null;
      let hostChannel: Channel | null = null;
      const link = createVirtualLink({
        host: { windowMegabytes: 32 },
        onReady: (bus) => {
          host = bus;
          bus.onChannelOpen = (channel) => {
            hostChannel = channel;
          };
          bus.offer({ classGuid: GUID, instanceGuid: GUID, mmioMegabytes: 32 });
          bus.start();
        },
      });
      const { clock, guest, toHost, toGuest } = link;
      cutUp(toHost, random, (callback) => clock.defer(callback));
      cutUp(toGuest, random, (callback) => clock.defer(callback));
      await clock.settle();
      await guest.ready;
      const opened = guest.open(1);
      await clock.settle();
      const channel = await opened;
      const near = host as unknown as HostBus;
      const far = hostChannel as unknown as Channel;

      let checked = 0;
      const check = () => {
        const fence = Number(guest.window.loadU64(FENCE_OFFSET));
        for (; checked < fence; checked += 1) {
          const at = FIRST_SLOT + checked * SLOT_BYTES;
          assert.ok(isOfSeed(seed + checked, guest.window.view(at, SLOT_BYTES)), `slot ${checked}`);
        }
        return fence;
      };
      channel.onPacket = ({ idLow }) => {
        assert.ok(check() >= idLow, `packet ${idLow}`);
      };
      let closeError: Error | null = null;
      channel.onClose = (error) => {
        closeError = error;
      };
      for (let slot = 0; slot < SLOTS; slot += 1) {
        // Now and then the guest reads nothing for a while: data pile up, long ranges are read late.
        toGuest.isReading = random.below(3) !== 0;
        const at = FIRST_SLOT + slot * SLOT_BYTES;
        near.window.bytes.set(bytesOfSeed(seed + slot, SLOT_BYTES), at);
        near.window.publish(at, SLOT_BYTES);
        near.window.storeU64(FENCE_OFFSET, slot + 1, 0);
        far.send(PacketKind.inBand, slot + 1, 0, 0, GUID, 0, 0);
        if (random.below(2) === 0) await clock.settle();
        check();
      }
      toGuest.isReading = true;
      far.flush();
      await clock.settle();
      assert.equal(closeError, null);
      assert.equal(check(), SLOTS);
    });
  }
});
