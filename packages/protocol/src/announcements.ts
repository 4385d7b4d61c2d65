import { type CommandName, commands } from './registry.ts';

/**
 * Commands that make nobody look at guest memory or the device window, nor do their replies: they ask. Where memory is
 * pushed rather than shared, their packets need not wait for it.
 */
const QUESTIONS: readonly CommandName[] = [
  'queryAdapterInfo',
  'openAdapter',
  'queryVideoMemoryInfo',
  'getInternalAdapterInfo',
  'queryStatistics',
  'changeVideoMemoryReservation',
  'queryClockCalibration',
  'isFeatureEnabled',
  'isFeatureEnabledGlobal',
  'ddiGetStandardAllocationDriverData',
  'queryAllocationResidency',
  'setAllocationPriority',
  'getAllocationPriority',
  'setContextSchedulingPriority',
  'getContextSchedulingPriority',
  'getDeviceState',
  'waitForSyncObjectFromCpu',
];

/** Commands that make objects which hold no memory yet. Their replies may name a fence's page, already set. */
const CREATIONS: readonly CommandName[] = [
  'createContextVirtual',
  'createHwQueue',
  'createDevice',
  'createProcess',
  'createPagingQueue',
  'createSyncObject',
];

const questions = new Set<unknown>(QUESTIONS.map((name) => commands[name]));
const creations = new Set<unknown>(CREATIONS.map((name) => commands[name]));

/**
 * Whether a request may mean that memory which changed before it is to be looked at. Submissions, signals, paging, locks
 * and whatever ends something do.
 */
export function requestAnnouncesMemory(command: { readonly name: string }): boolean {
  return !questions.has(command) && !creations.has(command);
}

/** As {@link requestAnnouncesMemory}, for a command's reply. */
export function replyAnnouncesMemory(command: { readonly name: string }): boolean {
  return !questions.has(command);
}
