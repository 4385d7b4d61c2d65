export { CommandError, errnoName, isCommandError, unwrap } from './errors.ts';
export { EventLostError, KmtEvent } from './event.ts';
export type * from './types.ts';
