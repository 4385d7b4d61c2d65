import type { Requirement, Result } from '../requirement.ts';
import { showRequest } from '../wire/show.ts';
import type { GuestEvent } from './rule.ts';
import { guestRules } from './rules.ts';
import type { GuestView } from './view.ts';

interface Finding {
  applied: number;
  broken: { readonly got: string; readonly evidence: readonly string[] } | null;
}

/** What is no sign of the guest's. */
const OF_THE_HOST: ReadonlySet<GuestEvent['kind']> = new Set([
  'answer',
  'oddity',
  'refusal',
  'rescind',
  'closed',
  'turn',
]);

/** Judges what a guest sends, event by event, by every rule. */
export class GuestJudge {
  /** How often the guest has given a sign of life: a packet, a channel, a write to its device. */
  signs = 0;
  /** How many packets the guest has sent. */
  messages = 0;
  readonly #view: GuestView;
  readonly #findings = new Map<string, Finding>();

  constructor(view: GuestView) {
    this.#view = view;
    for (const { id } of guestRules) this.#findings.set(id, { applied: 0, broken: null });
  }

  take(event: GuestEvent): void {
    const view = this.#view;
    if (!OF_THE_HOST.has(event.kind)) this.signs += 1;
    if (event.kind === 'packet') this.messages += 1;
    view.begin(event);
    for (const rule of guestRules) {
      const verdict = rule.look(event, view);
      if (verdict === undefined) continue;
      const finding = this.#findings.get(rule.id) as Finding;
      finding.applied += 1;
      if (verdict === null || finding.broken !== null) continue;
      const bytes = event.kind === 'packet' ? showRequest(event.bytes, view.version) : [];
      finding.broken = { got: verdict, evidence: bytes };
    }
    view.end(event);
  }

  /** What each rule found. A rule that nothing touched is skipped: the guest did nothing that it is about. */
  results(): Result[] {
    return guestRules.map(({ look: _, ...requirement }) => {
      const { applied, broken } = this.#findings.get(requirement.id) as Finding;
      return verdictOf(requirement, applied, broken);
    });
  }
}

function verdictOf(requirement: Requirement, applied: number, broken: Finding['broken']): Result {
  const milliseconds = 0;
  if (broken !== null) {
    return { requirement, verdict: 'failed', expected: requirement.text, ...broken, milliseconds };
  }
  if (applied > 0) return { requirement, verdict: 'passed', milliseconds };
  return { requirement, verdict: 'skipped', reason: 'the guest did nothing of the kind', milliseconds };
}
