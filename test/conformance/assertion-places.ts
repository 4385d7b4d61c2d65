import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Requirement } from '@dxgwire/conformance';

/** A call in the kit's checks that can make a requirement fail. */
interface Place {
  readonly file: string;
  readonly line: number;
  readonly text: string;
  /** The requirement, or the group, whose check it stands in; undefined in what several share. */
  readonly requirement: string | undefined;
  hasFailed: boolean;
}

const ASSERTION =
  /\b(demand\w*|echoes)\(|\.(ok|fails|failsWith|isPadded|until\w*|windowOffset|goesOn|servesTheNext)\(/;
const BEGINS = /^(\w+)\.(?:must|should)\((?:(\d+),)?/;
const FRAME = /\/conformance\/dist\/host\/([\w-]+\.js):(\d+):\d+/g;
/** Checks that all requirements of a group share. */
const GROUP_OF: Readonly<Record<string, string>> = {
  checkHandles: 'HANDLE',
  checkStale: 'STALE',
  examineFeature: 'ANSWER isfeatureenabled',
  checkTruncated: 'CUT',
  checkFields: 'FIELDS',
  checkFailure: 'FAILURE',
};
/** The kit's own means: what they throw stands for the call in a check. */
const MEANS = /^(reply|wire-guest|kit|scene|run|bring-up|group)\.js$/;

function readPlaces(folder: string, file: string): Place[] {
  const places: Place[] = [];
  const lines = readFileSync(join(folder, file), 'utf8').split('\n');
  const source = lines.join('\n');
  let requirement: string | undefined;
  const group = /new Group\('(\w+)'\)/.exec(source)?.[1];
  for (const [index, text] of lines.entries()) {
    const begins = BEGINS.exec(text);
    if (begins !== null) {
      const number = begins[2] ?? /\d+/.exec(lines[index + 1] ?? '')?.[0];
      requirement = `${group}-${String(number).padStart(2, '0')}`;
    } else if (/^(async )?function |^const |^export /.test(text)) {
      requirement = GROUP_OF[/^(?:async )?function (\w+)/.exec(text)?.[1] ?? ''];
    }
    const command = /^ {8}command: wire\.(\w+),/.exec(text)?.[1];
    if (command !== undefined) requirement = `ANSWER ${command.toLowerCase()}`;
    if (/^(export )?(async )?function |^import /.test(text) || !ASSERTION.test(text)) continue;
    places.push({ file, line: index + 1, text: text.trim(), requirement, hasFailed: false });
  }
  return places;
}

/** Which assertions of the kit have failed at least once: found in the stacks of what checks threw. */
export class AssertionPlaces {
  readonly #places: Place[];
  readonly #byPlace = new Map<string, Place>();

  constructor() {
    const folder = join(dirname(fileURLToPath(import.meta.resolve('@dxgwire/conformance'))), 'host');
    const files = readdirSync(folder).filter((file) => /\.js$/.test(file) && !MEANS.test(file));
    this.#places = files.flatMap((file) => readPlaces(folder, file));
    for (const place of this.#places) this.#byPlace.set(`${place.file}:${place.line}`, place);
  }

  /** What a check threw. */
  take(problem: unknown): void {
    if (!(problem instanceof Error)) return;
    for (const [, file, line] of (problem.stack ?? '').matchAll(FRAME)) {
      const place = this.#byPlace.get(`${file}:${line}`);
      if (place !== undefined) place.hasFailed = true;
    }
  }

  /** Whether each assertion that stands in the check of a requirement has failed; true where none is its own. */
  isDone({ id, group, text }: Requirement): boolean {
    const owners = [id];
    if (group === 'ANSWER') owners.push(`ANSWER ${/^\w+/.exec(text)?.[0].toLowerCase()}`);
    return this.#places.every(
      ({ requirement, hasFailed }) => hasFailed || !owners.includes(requirement ?? ''),
    );
  }

  /** Whether each that all checks of a group share has. */
  isGroupDone({ group }: Requirement): boolean {
    return this.#places.every(({ requirement, hasFailed }) => hasFailed || group !== requirement);
  }

  get total(): number {
    return this.#places.length;
  }

  get hit(): number {
    return this.#places.filter(({ hasFailed }) => hasFailed).length;
  }

  missing(): string[] {
    return this.#places
      .filter(({ hasFailed }) => !hasFailed)
      .map(({ file, line, text, requirement }) => `${requirement ?? '-'}  ${file}:${line}  ${text}`);
  }
}
