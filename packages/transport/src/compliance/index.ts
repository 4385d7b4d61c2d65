import { describe } from 'node:test';
import { closingTests } from './closing.ts';
import type { TransportFixture } from './harness.ts';
import { memoryTests } from './memory.ts';
import { offerTests } from './offers.ts';
import { packetTests } from './packets.ts';

export type { ComplianceBus, TransportFixture } from './harness.ts';
export { type HostReport, serveCompliance } from './responder.ts';

/**
 * Tests one transport against the bus contract, with node:test. The guest's end is driven here; the host's end runs
 * `serveCompliance`, in this process or wherever the fixture puts it. The window must have at least 4 MiB, guest
 * memory room for 64 MiB.
 */
export function describeTransportCompliance(name: string, fixture: TransportFixture): void {
  describe(`${name}: bus contract`, () => {
    describe('offers', () => offerTests(fixture));
    describe('packets', () => packetTests(fixture));
    describe('memory and window', () => memoryTests(fixture));
    describe('closing', () => closingTests(fixture));
  });
}
