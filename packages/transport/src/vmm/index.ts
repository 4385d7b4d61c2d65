export type { PciIdentity, VmmGuestCalls, VmmGuestControl, VmmHostCalls, VmmHostControl } from './calls.ts';
export { createVmmGuestBus, type VmmGuestBus, type VmmGuestBusOptions } from './guest-bus.ts';
export type { GuestRamBlock } from './guest-ram.ts';
export { createVmmHostBus, type VmmHostBus, type VmmHostBusOptions } from './host-bus.ts';
