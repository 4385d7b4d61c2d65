import type { Report } from './host/run.ts';
import type { Result } from './requirement.ts';

/** A report as people and other programs read it. */

function indent(lines: readonly string[], by: number): string[] {
  return lines.map((line) => `${' '.repeat(by)}${line}`);
}

const WHERE = {
  'set-up': 'in what had to be there first: the requirement itself was not looked at',
  packets: 'in the rules of packets, while this was looked at',
} as const;

/** The lines that explain one failure: what was expected, what came, the bytes with field names. */
export function failureLines({ requirement, expected, got, stage, evidence }: Result): string[] {
  const where = stage === undefined || stage === 'check' ? [] : [`        where:    ${WHERE[stage]}`];
  return [
    `FAILED  ${requirement.id}  ${requirement.text}`,
    `        source:   ${requirement.source}`,
    ...where,
    `        expected: ${expected ?? ''}`,
    `        got:      ${got ?? ''}`,
    ...indent(evidence ?? [], 8),
  ];
}

function groupLine(group: string, results: readonly Result[]): string {
  const count = (verdict: string): number => results.filter((result) => result.verdict === verdict).length;
  const [failed, skipped] = [count('failed'), count('skipped')];
  const more = `${failed === 0 ? '' : `, ${failed} failed`}${skipped === 0 ? '' : `, ${skipped} skipped`}`;
  return `${group.padEnd(9)} ${count('passed')} of ${results.length} passed${more}`;
}

/** The whole report as text: groups, what was skipped and why, failures, coverage, totals. */
export function reportText(report: Report): string {
  const groups = new Map<string, Result[]>();
  for (const result of report.results) {
    const { group } = result.requirement;
    const list = groups.get(group) ?? [];
    list.push(result);
    groups.set(group, list);
  }
  const lines = [...groups].map(([group, results]) => groupLine(group, results));
  for (const { verdict, requirement, reason } of report.results) {
    const isOfTheRest = report.gaveUp !== undefined && reason?.startsWith('not looked at') === true;
    if (verdict === 'skipped' && !isOfTheRest) lines.push(`skipped ${requirement.id}  ${reason ?? ''}`);
  }
  for (const result of report.results)
    if (result.verdict === 'failed') lines.push('', ...failureLines(result));
  lines.push('');
  for (const { name, covered, total, missing } of report.coverage) {
    const rest = missing.length === 0 || missing.length > 8 ? '' : ` (not: ${missing.join(', ')})`;
    lines.push(`${name}: ${covered} of ${total}${rest}`);
  }
  const looked = report.passed + report.failed;
  const inSetUp = report.results.filter(({ stage }) => stage === 'set-up').length;
  const which = inSetUp === 0 ? '' : ` (${inSetUp} of them before they were looked at)`;
  lines.push(
    `requirements: ${report.passed} of ${looked} passed, ${report.failed} failed${which}, ${report.skipped} skipped`,
  );
  if (report.gaveUp !== undefined) lines.push(`given up: ${report.gaveUp}; the rest was not looked at`);
  return `${lines.join('\n')}\n`;
}

function xml(text: string): string {
  return text
    .replace(/[^\t\n -\ud7ff\ue000-\ufffd]/g, '?')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;');
}

/** The report in the form that CI systems read. */
export function reportJunit(report: Report): string {
  const cases = report.results.map((result) => {
    const { requirement, verdict, milliseconds } = result;
    const name = xml(`${requirement.id} ${requirement.text}`);
    const head = `<testcase classname="${requirement.group}" name="${name}" time="${(milliseconds / 1000).toFixed(3)}"`;
    if (verdict === 'passed') return `  ${head}/>`;
    if (verdict === 'skipped') return `  ${head}><skipped message="${xml(result.reason ?? '')}"/></testcase>`;
    const message = xml(`expected ${result.expected}; got ${result.got}`);
    return `  ${head}><failure type="${result.stage ?? 'check'}" message="${message}">${xml(failureLines(result).join('\n'))}</failure></testcase>`;
  });
  const { results, failed, skipped, side, gaveUp } = report;
  // What was not reached is skipped: by failures alone a run that was given up looks like one that went well.
  if (gaveUp !== undefined) {
    const error = `<error type="given up" message="${xml(gaveUp)}"/>`;
    cases.push(`  <testcase classname="RUN" name="The run comes to its end">${error}</testcase>`);
  }
  const counts = `tests="${cases.length}" failures="${failed}" skipped="${skipped}" errors="${cases.length - results.length}"`;
  const head = `<testsuite name="dxgwire conformance, ${side}" ${counts}>`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n${head}\n${cases.join('\n')}\n</testsuite>\n`;
}
