export type { CoverageCount } from './coverage.ts';
export { ConformanceFailure, NotApplicable } from './failure.ts';
export { GuestJudge } from './guest/judge.ts';
export type { GuestEvent, GuestRule } from './guest/rule.ts';
export { guestRules } from './guest/rules.ts';
export { type GuestRunOptions, runGuestConformance } from './guest/run.ts';
export { type JudgedBus, judgeGuest } from './guest/tap.ts';
export { GuestView } from './guest/view.ts';
export type { ConnectToHost, HostKit, HostRequirement } from './host/kit.ts';
export { hostRequirements } from './host/requirements.ts';
export {
  DEFAULT_TIMEOUT_MS,
  type HostRunOptions,
  partsInVain,
  type Report,
  runHostConformance,
} from './host/run.ts';
export { DEFAULT_PROFILE, type HostProfile } from './host/scene.ts';
export { requirementsPage } from './ledger.ts';
export { failureLines, reportJunit, reportText } from './report.ts';
export type { Requirement, Result, Verdict } from './requirement.ts';
export { type WireCommand, wireCommands } from './wire/index.ts';
