import { isTransportError, TRANSPORT_ERROR_CODES } from '../errors.ts';
import type { GuestPart, Outcome } from './guest-part.ts';
import type { HostReport } from './host-part.ts';
import type { FaultPlan } from './plan.ts';

/** What is left when a scenario is over; all zero when nothing is. */
export type Census = Readonly<Record<string, number>>;

/** Whether a plan may change bytes. Links have no checksums of their own: the media below them have. */
export function mayCorrupt(plan: FaultPlan): boolean {
  return plan.connections.some((connection) =>
    [connection?.toHost, connection?.toGuest].some((direction) =>
      direction?.faults.some(({ kind }) => kind === 'corrupt' || kind === 'garbage' || kind === 'oversize'),
    ),
  );
}

function wrongError(side: string, error: Error | null): string[] {
  if (error === null) return [];
  if (!isTransportError(error)) return [`the ${side} ended with ${String(error.stack)}`];
  if (!TRANSPORT_ERROR_CODES.includes(error.code)) return [`the ${side} ended with code ${error.code}`];
  return error.message === '' ? [`the ${side} ended without a word`] : [];
}

/**
 * What is wrong with how a scenario ended: it must be with the right result, or with one typed error on each side, with
 * nothing pending and nothing left. An empty list means that it is right.
 *
 * @param isCorrupting - Bytes were changed on the way: then wrong ones may have come, and must have ended it.
 * @param outcome - Null when it has not ended within its deadline.
 * @param guest - Null when the guest was never let in: then `outcome` says why.
 * @param host - Null when the host's side has not ended within its deadline.
 */
export function judgeScenario(
  isCorrupting: boolean,
  outcome: Outcome | null,
  guest: GuestPart | null,
  host: HostReport | null,
  census: Census,
): string[] {
  const wrong: string[] = [];
  if (outcome === null || host === null) wrong.push('it did not end within its deadline');
  if (outcome?.kind === 'failed') wrong.push(...wrongError('guest', outcome.error));
  if (guest !== null) {
    if (guest.closes.length !== 1) wrong.push(`the guest was told of ${guest.closes.length} ends`);
    if (guest.pending > 0) wrong.push(`${guest.pending} calls of the guest are pending`);
    if (guest.defect !== null) wrong.push(`guest: ${guest.defect}`);
    if (guest.breach !== null && !isCorrupting) wrong.push(`guest: ${guest.breach}`);
  }
  if (host !== null) wrong.push(...wrongHost(host, isCorrupting));
  for (const [name, count] of Object.entries(census)) if (count !== 0) wrong.push(`${count} ${name} left`);
  return wrong;
}

function wrongHost(host: HostReport, isCorrupting: boolean): string[] {
  const wrong: string[] = [];
  if (host.isServing && host.closes.length !== 1)
    wrong.push(`the host was told of ${host.closes.length} ends`);
  for (const { code, message } of host.closes) {
    if (code === null) continue;
    if (!TRANSPORT_ERROR_CODES.some((known) => known === code))
      wrong.push(`the host ended with ${code}: ${message}`);
    else if (message === '') wrong.push('the host ended without a word');
  }
  if (host.pending > 0) wrong.push(`${host.pending} calls of the host are pending`);
  if (host.defect !== null) wrong.push(`host: ${host.defect}`);
  if (host.breach !== null && !isCorrupting) wrong.push(`host: ${host.breach}`);
  return wrong;
}
