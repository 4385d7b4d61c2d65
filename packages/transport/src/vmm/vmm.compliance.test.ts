import { describe } from 'node:test';
import type { TransportFixture } from '../compliance/harness.ts';
import { serveCompliance } from '../compliance/index.ts';
import { memoryTests } from '../compliance/memory.ts';
import { offerTests } from '../compliance/offers.ts';
import { packetTests } from '../compliance/packets.ts';
import { createTestMachine, type TestMachineOptions } from './testing/machine.ts';

/** All of the contract but how things close: a guest of VMBus learns of a host's end by rescinds, without a reason. */
function describeMachine(name: string, options: TestMachineOptions): void {
  const fixture: TransportFixture = {
    tellsReasons: false,
    async open() {
      const { guest, host } = createTestMachine(options);
      return { guest, report: serveCompliance(host), async dispose() {} };
    },
  };
  describe(`${name}: bus contract`, () => {
    describe('offers', () => offerTests(fixture));
    describe('packets', () => packetTests(fixture));
    describe('memory and window', () => memoryTests(fixture));
  });
}

describeMachine('virtual machine, ring pages together', {});
describeMachine('virtual machine, ring pages apart, answers at once', {
  ringPages: 'apart',
  answers: 'at once',
});
