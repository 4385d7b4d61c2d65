import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isTransportError, type TransportErrorCode } from './errors.ts';
import { createInProcessBus } from './mock-vmbus/in-process.ts';
import { checkOffer } from './offer.ts';

const GUIDS = { classGuid: new Uint8Array(16), instanceGuid: new Uint8Array(16) };
const PCI = { vendorId: 1, deviceId: 2, onWrite: () => {} };
const WINDOW_BYTES = 4 << 20;

describe('an offer', () => {
  it('fits its bus up to the limits', () => {
    for (const mmioMegabytes of [0, 4]) checkOffer({ ...GUIDS, mmioMegabytes }, 1024, WINDOW_BYTES);
    checkOffer({ ...GUIDS, mmioMegabytes: 0, pci: { ...PCI, config: new Uint8Array(256) } }, 1, WINDOW_BYTES);
  });

  it('that cannot be is refused, value and limit named', () => {
    const cases: [TransportErrorCode, RegExp, object, number][] = [
      ['limit', /at most 1024 channels/, {}, 1025],
      ['out-of-range', /16 bytes/, { classGuid: new Uint8Array(15) }, 1],
      ['out-of-range', /16 bytes/, { instanceGuid: new Uint8Array(17) }, 1],
      ['out-of-range', /256 bytes, not 255/, { pci: { ...PCI, config: new Uint8Array(255) } }, 1],
      ['out-of-range', /offer of 5 MiB exceeds .* 4 MiB/, { mmioMegabytes: 5 }, 1],
      // These were taken once: no comparison with them is true, or the sum is small.
      ['out-of-range', /offer of NaN MiB/, { mmioMegabytes: Number.NaN }, 1],
      ['out-of-range', /offer of -1 MiB/, { mmioMegabytes: -1 }, 1],
      ['out-of-range', /offer of 0.5 MiB/, { mmioMegabytes: 0.5 }, 1],
    ];
    for (const [code, pattern, change, index] of cases) {
      assert.throws(
        () => checkOffer({ ...GUIDS, mmioMegabytes: 0, ...change }, index, WINDOW_BYTES),
        (error) => {
          assert.ok(isTransportError(error), String(error));
          assert.equal(error.code, code);
          assert.match(error.message, pattern);
          return true;
        },
      );
    }
  });

  it('that was refused takes no number', async () => {
    const { guest, host } = createInProcessBus({ guestMemoryBytes: 1 << 20, windowMegabytes: 1 });
    assert.throws(() => host.offer({ ...GUIDS, mmioMegabytes: 2 }), isTransportError);
    assert.equal(host.offer({ ...GUIDS, mmioMegabytes: 1 }).index, 1);
    await guest.close();
  });
});
