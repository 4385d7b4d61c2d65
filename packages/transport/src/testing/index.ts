/**
 * Parts below the public surface, for this project's own fuzzer and checks, and in the package only so that its list of entries is true. Anything here may
 * change at any time.
 */
export { FrameKind } from '../link/frame.ts';
export { FrameDecoder } from '../link/frame-decoder.ts';
export type { HostLink } from '../link/host-link.ts';
export { linkMessages } from '../link/messages.ts';
export { createVirtualLink, type VirtualClock, type VirtualMedium } from '../link/virtual-link.ts';
export { RingConsumer } from '../mock-vmbus/ring-consumer.ts';
export { RingHeader, type RingMemory } from '../mock-vmbus/ring-memory.ts';
export { RingProducer } from '../mock-vmbus/ring-producer.ts';
export { createDeviceLine, type DeviceLine } from '../stream/testing/pseudo-terminal.ts';
