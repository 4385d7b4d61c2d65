export { createInProcessBus, type InProcessBusOptions } from './in-process.ts';
