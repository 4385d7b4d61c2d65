export type { EndOptions } from './bus-end.ts';
export {
  type BusLink,
  type GuestMessage,
  type HostMessage,
  type PciDescription,
  RING_PAGES,
} from './control.ts';
export { VmbusGuest, type VmbusGuestOptions } from './guest-bus.ts';
export type { GuestRam } from './guest-ram.ts';
export { VmbusHost, type VmbusHostOptions } from './host-bus.ts';
export { createInProcessBus, type InProcessBusOptions } from './in-process.ts';
export { MappedWindow } from './mapped-window.ts';
