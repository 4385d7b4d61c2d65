/**
 * Seeded faults below links and buses, for tests of anything that uses them: connections with delay, rate, pieces, cuts,
 * stalls and wrong bytes; doorbells and rings that go wrong; an exchange that checks itself; and time that a test turns.
 * For Node.
 */

export type { ConversationOptions } from './conversation-data.ts';
export { FaultPipe, type FaultPipeOptions, type PipeReader } from './fault-pipe.ts';
export {
  createFaultProxy,
  type FaultProxy,
  type FaultProxyOptions,
  type ProxyAddress,
} from './fault-proxy.ts';
export { FaultyMailboxes, type MailboxEnd } from './faulty-mailbox.ts';
export { FaultyConnection } from './faulty-medium.ts';
export { type FaultyStreamOptions, faultyStream } from './faulty-stream.ts';
export type { Framing } from './framing.ts';
export { GuestPart, type Outcome } from './guest-part.ts';
export { HostPart, type HostPartOptions, type HostReport } from './host-part.ts';
export * from './plan.ts';
export {
  applyRingFault,
  type BellFault,
  type RingFault,
  type RingPlan,
  ringPlanOfSeed,
} from './ring-plan.ts';
export {
  SCENARIO_TRANSPORTS,
  type ScenarioLine,
  type ScenarioTransport,
  scenarioRunner,
} from './run-scenario.ts';
export { type Census, judgeScenario, mayCorrupt } from './verdict.ts';
export { VirtualClock } from './virtual-clock.ts';
export { type VirtualGuest, VirtualNetwork, type VirtualNetworkOptions } from './virtual-network.ts';
